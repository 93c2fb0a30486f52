// RUN: partita-opt %s --partita-start-communication --partita-lower-graph --partita-bufferize-kernels | FileCheck %s

// Results are computed where the caller wants them; buffers of a communication are neither copied nor reused while it
// is in flight: what is computed meanwhile goes elsewhere.

#whole = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#sum = #partita_plan.part<tensor<4x6xf32>, <[[], []], partial ["x" sum]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// CHECK-LABEL: func.func @segment_kernel
// CHECK-NOT: tensor.empty
// CHECK: %[[A:.*]] = memref.view
// CHECK: %[[B:.*]] = memref.view
// CHECK: %[[RESULT:.*]] = memref.view
// CHECK: %[[INTO:.*]] = memref.alloc() {{.*}} : memref<4x6xf32>
// CHECK: partita_collective.start 0 "all_reduce" "r"(%[[A]] : memref<4x6xf32>) into(%[[INTO]] : memref<4x6xf32>)
// CHECK: %[[EXP:.*]] = memref.alloc()
// CHECK: linalg.generic {{.*}} ins(%[[B]] : memref<4x6xf32>) outs(%[[EXP]] : memref<4x6xf32>)
// CHECK: partita_collective.wait 0
// CHECK: linalg.generic {{.*}} ins(%[[EXP]], %[[INTO]] : {{.*}}) outs(%[[RESULT]] : memref<4x6xf32>)
// CHECK-NOT: memref.copy
// CHECK: return
func.func private @segment(%a: tensor<4x6xf32, #sum>, %b: tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole> attributes {partita_collective.stage = @s} {
  %r = partita_collective.all_reduce "r" %a over ["x"] : tensor<4x6xf32, #sum> to tensor<4x6xf32, #whole>
  %e = partita_graph.elementwise "e" exp(%b) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole>
  %f = partita_graph.elementwise "f" add(%e, %r) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x6xf32, #whole>, tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole>
  return %f : tensor<4x6xf32, #whole>
}

// Refused: to let a caller's input be overwritten. It is copied to the result, which is another buffer.
// CHECK-LABEL: func.func @pass_through_kernel
// CHECK: memref.copy
func.func private @pass_through(%b: tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #whole> attributes {partita_collective.stage = @s} {
  return %b : tensor<4x6xf32, #whole>
}
