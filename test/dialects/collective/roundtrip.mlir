// RUN: partita-opt %s | partita-opt | FileCheck %s
// RUN: partita-opt %s --mlir-print-op-generic | partita-opt | FileCheck %s

#rows = #partita_plan.part<tensor<5x4xf32>, <[["a"], []]>>
#columns = #partita_plan.part<tensor<5x4xf32>, <[[], ["a"]]>>
#whole = #partita_plan.part<tensor<5x4xf32>, <[[], []]>>
#sum = #partita_plan.part<tensor<5x4xf32>, <[[], []], partial ["a" sum]>>
#counts = #partita_plan.part<tensor<5xsi64>, <[["a"]]>>
partita_plan.stage @s on <["a"=2], devices = [0, 1]>
partita_plan.stage @t on <["a"=2], devices = [2, 3]>

// CHECK-LABEL: func.func @s_forward
func.func @s_forward(%r: tensor<?x4xf32, #rows>, %p: tensor<5x4xf32, #sum>) -> (tensor<?x4xf32, #rows> {partita_collective.channel = @c})
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  // CHECK: partita_collective.all_reduce "p" %{{.*}} over ["a"] : tensor<5x4xf32, #{{.*}}> to tensor<5x4xf32, #{{.*}}>
  %0 = partita_collective.all_reduce "p" %p over ["a"] : tensor<5x4xf32, #sum> to tensor<5x4xf32, #whole>
  // CHECK: partita_collective.reduce_scatter "p"
  %1 = partita_collective.reduce_scatter "p" %p over ["a"] : tensor<5x4xf32, #sum> to tensor<?x4xf32, #rows>
  // CHECK: partita_collective.all_gather "r"
  %2 = partita_collective.all_gather "r" %r over ["a"] : tensor<?x4xf32, #rows> to tensor<5x4xf32, #whole>
  // CHECK: partita_collective.all_to_all "r"
  %3 = partita_collective.all_to_all "r" %r over ["a"] : tensor<?x4xf32, #rows> to tensor<5x2xf32, #columns>
  // CHECK: partita_collective.exchange "r"
  %4 = partita_collective.exchange "r" %r over ["a"] : tensor<?x4xf32, #rows> to tensor<5x2xf32, #columns>
  // CHECK: partita_collective.slice "w"
  %5 = partita_collective.slice "w" %2 over ["a"] : tensor<5x4xf32, #whole> to tensor<?x4xf32, #rows>
  // CHECK: partita_collective.partialize "w"
  %6 = partita_collective.partialize "w" %2 over ["a"] : tensor<5x4xf32, #whole> to tensor<5x4xf32, #sum>
  // CHECK: partita_collective.extent 0 of tensor<?x4xf32, #{{.*}}>
  %7 = partita_collective.extent 0 of tensor<?x4xf32, #rows>
  // CHECK: partita_collective.offset 0 of tensor<?x4xf32, #{{.*}}>
  %8 = partita_collective.offset 0 of tensor<?x4xf32, #rows>
  return %5 : tensor<?x4xf32, #rows>
}

// CHECK-LABEL: func.func @counted
func.func @counted(%r: tensor<?x4xf32, #rows>, %n: tensor<?xsi64, #counts>) -> tensor<5x4xf32, #whole>
    attributes {partita_collective.stage = @s} {
  // CHECK: partita_collective.all_gather "r" %{{.*}} counts %{{.*}} : tensor<?xsi64, #{{.*}}> over ["a"] : tensor<?x4xf32, #{{.*}}> to
  %0 = partita_collective.all_gather "r" %r counts %n : tensor<?xsi64, #counts> over ["a"] : tensor<?x4xf32, #rows> to tensor<5x4xf32, #whole>
  return %0 : tensor<5x4xf32, #whole>
}

// CHECK-LABEL: func.func @started_counted
func.func @started_counted(%source: tensor<5x4xf32>, %target: tensor<5x4xf32>, %n: tensor<5xi64>) {
  // CHECK: %[[T:.*]] = partita_collective.start 3 "all_gather" "p"(%{{.*}} : tensor<5x4xf32>) into(%{{.*}} : tensor<5x4xf32>) counts(%{{.*}} : tensor<5xi64>) over ["a"] part
  %token = partita_collective.start 3 "all_gather" "p" (%source : tensor<5x4xf32>) into (%target : tensor<5x4xf32>) counts (%n : tensor<5xi64>) over ["a"]
           part tensor<?x4xf32, #rows> to tensor<5x4xf32, #whole>
  // CHECK: partita_collective.wait 3 %[[T]](%{{.*}} : tensor<5x4xf32>) into(%{{.*}} : tensor<5x4xf32>) counts(%{{.*}} : tensor<5xi64>)
  %0 = partita_collective.wait 3 %token (%source : tensor<5x4xf32>) into (%target : tensor<5x4xf32>) counts (%n : tensor<5xi64>) to tensor<5x4xf32>
  return
}

// CHECK-LABEL: func.func @started
func.func @started(%source: tensor<5x4xf32>, %target: tensor<5x4xf32>) -> tensor<5x4xf32> {
  // CHECK: %[[T:.*]] = partita_collective.start 3 "all_reduce" "p"(%{{.*}} : tensor<5x4xf32>) into(%{{.*}} : tensor<5x4xf32>) over ["a"] part
  %token = partita_collective.start 3 "all_reduce" "p" (%source : tensor<5x4xf32>) into (%target : tensor<5x4xf32>) over ["a"]
           part tensor<5x4xf32, #sum> to tensor<5x4xf32, #whole>
  // CHECK: partita_collective.wait 3 %[[T]]
  %0 = partita_collective.wait 3 %token (%source : tensor<5x4xf32>) into (%target : tensor<5x4xf32>) to tensor<5x4xf32>
  return %0 : tensor<5x4xf32>
}

// CHECK: partita_collective.channel @c "y" from @s : tensor<?x4xf32, #{{.*}}> to @t : tensor<5x2xf32, #{{.*}}>
partita_collective.channel @c "y" from @s : tensor<?x4xf32, #rows> to @t : tensor<5x2xf32, #columns>
// CHECK: partita_collective.program @main role "worker" phase "step" stages [@s, @t] events
// CHECK-SAME: <devices = [0, 1], [<forward @s, 0>, <send @c, 0>, <forward @s, 1 slot 1 version 2>]>
// CHECK-SAME: <devices = [2, 3], []>
partita_collective.program @main role "worker" phase "step" stages [@s, @t] events [
  #partita_collective.events<devices = [0, 1], [<forward @s, 0>, <send @c, 0>, <forward @s, 1 slot 1 version 2>]>,
  #partita_collective.events<devices = [2, 3], []>]
