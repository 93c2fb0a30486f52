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

// The inside of a padded image is computed in its place: two rows and two columns around it are filled, nothing is copied.
// CHECK-LABEL: func.func @padded
// CHECK: %[[LARGE:.*]] = memref.alloc() {{.*}} : memref<6x7xf32>
// CHECK-COUNT-4: linalg.fill
// CHECK-NOT: linalg.fill
// CHECK-NOT: memref.alloc
// CHECK: scf.forall
// CHECK-NOT: memref.copy
// CHECK: return
func.func @padded(%context: !llvm.ptr, %x: memref<4x5xf32>, %y: memref<6x7xf32>) attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  %in = bufferization.to_tensor %x restrict : memref<4x5xf32> to tensor<4x5xf32>
  %none = tensor.empty() : tensor<4x5xf32>
  %rows = scf.forall (%i) in (4) shared_outs(%o = %none) -> (tensor<4x5xf32>) {
    %from = tensor.extract_slice %in[%i, 0] [1, 5] [1, 1] : tensor<4x5xf32> to tensor<1x5xf32>
    %to = tensor.extract_slice %o[%i, 0] [1, 5] [1, 1] : tensor<4x5xf32> to tensor<1x5xf32>
    %row = linalg.exp ins(%from : tensor<1x5xf32>) outs(%to : tensor<1x5xf32>) -> tensor<1x5xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %row into %o[%i, 0] [1, 5] [1, 1] : tensor<1x5xf32> into tensor<4x5xf32>
    }
  }
  %empty = tensor.empty() : tensor<6x7xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<6x7xf32>) -> tensor<6x7xf32>
  %image = tensor.insert_slice %rows into %zeros[1, 1] [4, 5] [1, 1] : tensor<4x5xf32> into tensor<6x7xf32>
  %other = tensor.empty() : tensor<6x7xf32>
  %result = linalg.negf ins(%image : tensor<6x7xf32>) outs(%other : tensor<6x7xf32>) -> tensor<6x7xf32>
  bufferization.materialize_in_destination %result in restrict writable %y : (tensor<6x7xf32>, memref<6x7xf32>) -> ()
  return
}
