// RUN: partita-opt %s --split-input-file --partita-start-communication | FileCheck %s

// What is sent starts right behind its operand and is waited for by the first reader of the result: what lies between
// overlaps. Ids count within a segment.

#whole = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#sum = #partita_plan.part<tensor<4x6xf32>, <[[], []], partial ["x" sum]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// CHECK: func.func private @segment(%[[A:.*]]: tensor<4x6xf32, #[[SUM:.*]]>, %[[B:.*]]: tensor<4x6xf32, #[[WHOLE:.*]]>)
func.func private @segment(%a: tensor<4x6xf32, #sum>, %b: tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole> attributes {partita_collective.stage = @s} {
  // CHECK: %[[INTO:.*]] = tensor.empty() : tensor<4x6xf32, #[[WHOLE]]>
  // CHECK: %[[TOKEN:.*]] = partita_collective.start 0 "all_reduce" "r"(%[[A]] {{.*}}) into(%[[INTO]]
  // CHECK: %[[NOT_READING:.*]] = partita_graph.elementwise "e" exp(%[[B]])
  // CHECK: %[[DONE:.*]] = partita_collective.wait 0 %[[TOKEN]](%[[A]] {{.*}}) into(%[[INTO]]
  // CHECK: partita_graph.elementwise "f" add(%[[NOT_READING]], %[[DONE]])
  // CHECK: partita_collective.start 1 "all_reduce" "again"
  // CHECK: partita_collective.wait 1
  %r = partita_collective.all_reduce "r" %a over ["x"] : tensor<4x6xf32, #sum> to tensor<4x6xf32, #whole>
  %e = partita_graph.elementwise "e" exp(%b) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole>
  %f = partita_graph.elementwise "f" add(%e, %r) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x6xf32, #whole>, tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole>
  %p = partita_collective.partialize "p" %f over ["x"] : tensor<4x6xf32, #whole> to tensor<4x6xf32, #sum>
  %g = partita_collective.all_reduce "again" %p over ["x"] : tensor<4x6xf32, #sum> to tensor<4x6xf32, #whole>
  return %g : tensor<4x6xf32, #whole>
}

// -----

// What sends nothing is no communication and stays: a rank cuts its part out of what it holds.

#whole = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#rows = #partita_plan.part<tensor<4x6xf32>, <[["x"], []]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// A stage function that is no list of calls is outlined first.
// CHECK: func.func private @forward_segment(
// CHECK-NEXT: partita_collective.slice
// CHECK-NOT: partita_collective.start
// CHECK: func.func @forward(
// CHECK-NEXT: call @forward_segment
// CHECK-NEXT: return
func.func @forward(%a: tensor<4x6xf32, #whole> {partita.name = "a", partita.role = "input"}) -> (tensor<2x6xf32, #rows> {partita.name = "y"}) attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %r = partita_collective.slice "cut" %a over ["x"] : tensor<4x6xf32, #whole> to tensor<2x6xf32, #rows>
  return %r : tensor<2x6xf32, #rows>
}
