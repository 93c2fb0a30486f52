// Communication is kept as long as its result is read, whatever it does; symbols stay.
// RUN: partita-opt %s --canonicalize | FileCheck %s

#rows = #partita_plan.part<tensor<4xf32>, <[["a"]]>>
#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
// CHECK: partita_plan.stage @s
partita_plan.stage @s on <["a"=2], devices = [0, 1]>

// CHECK-LABEL: func.func @s_forward
// CHECK-NEXT: %[[G:.*]] = partita_collective.all_gather
// CHECK-NEXT: %[[S:.*]] = partita_collective.slice "s" %[[G]]
// CHECK-NEXT: return %[[S]]
func.func @s_forward(%x: tensor<2xf32, #rows>) -> tensor<2xf32, #rows>
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %0 = partita_collective.all_gather "g" %x over ["a"] : tensor<2xf32, #rows> to tensor<4xf32, #whole>
  %1 = partita_collective.slice "s" %0 over ["a"] : tensor<4xf32, #whole> to tensor<2xf32, #rows>
  return %1 : tensor<2xf32, #rows>
}

// CHECK: partita_collective.program @main
partita_collective.program @main role "worker" phase "step" stages [@s] events [
  #partita_collective.events<devices = [0, 1], [<forward @s, 0>]>]
