// RUN: partita-opt %s --partita-lower-graph --partita-choose-layouts | FileCheck %s

// Between two convolutions of different segments the value lies with the channels last; what is elementwise, pads and
// pools works on it so. The stage's input and its result keep the model's order.

#image = #partita_plan.part<tensor<1x3x8x8xf32>, <[[], [], [], []]>>
#inner = #partita_plan.part<tensor<1x16x8x8xf32>, <[[], [], [], []]>>
#pooled = #partita_plan.part<tensor<1x16x4x4xf32>, <[[], [], [], []]>>
#f1 = #partita_plan.part<tensor<16x3x3x3xf32>, <[[], [], [], []]>>
#f2 = #partita_plan.part<tensor<16x1x3x3xf32>, <[[], [], [], []]>>
!image = tensor<1x3x8x8xf32, #image>
!inner = tensor<1x16x8x8xf32, #inner>
!pooled = tensor<1x16x4x4xf32, #pooled>
!f1 = tensor<16x3x3x3xf32, #f1>
!f2 = tensor<16x1x3x3xf32, #f2>
partita_plan.stage @s on <[], devices = [0]>

func.func @forward(%x: !image {partita.name = "x", partita.role = "input"},
    %f1: !f1 {partita.name = "f1", partita.role = "parameter"},
    %f2: !f2 {partita.name = "f2", partita.role = "parameter"}) -> (!pooled {partita.name = "y"})
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %0 = call @first(%x, %f1) : (!image, !f1) -> !inner
  %1 = call @second(%0, %f2) : (!inner, !f2) -> !pooled
  return %1 : !pooled
}

// The input is copied once, into the padded image; the filter gets the channels out last.
// CHECK-LABEL: func.func @first_kernel
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x3x8x8xf32>) outs(%{{.*}} : tensor<1x8x8x3xf32>)
// CHECK: tensor.insert_slice {{.*}}[0, 1, 1, 0] [1, 8, 8, 3] {{.*}} : tensor<1x8x8x3xf32> into tensor<1x10x10x3xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<16x3x3x3xf32>) outs(%{{.*}} : tensor<3x3x3x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x10x10x3xf32>, tensor<3x3x3x16xf32>) outs(%{{.*}} : tensor<1x8x8x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x8x8x16xf32>) outs(%{{.*}} : tensor<1x8x8x16xf32>)
// CHECK: arith.maximumf
// CHECK-NOT: linalg.generic
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %{{.*}} : (tensor<1x8x8x16xf32>, memref<1x8x8x16xf32>)
func.func private @first(%x: !image, %f: !f1) -> !inner attributes {partita_collective.stage = @s} {
  %0 = partita_graph.convolution "conv1" (%x, %f) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1 : (!image, !f1) -> !inner
  %1 = partita_graph.elementwise "relu" relu(%0) : (!inner) -> !inner
  return %1 : !inner
}

// Depthwise: the channel is the innermost loop. The result of the stage is transposed back.
// CHECK-LABEL: func.func @second_kernel
// CHECK: bufferization.to_tensor %{{.*}} restrict : memref<1x8x8x16xf32>
// CHECK: tensor.insert_slice {{.*}} : tensor<1x8x8x16xf32> into tensor<1x10x10x16xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<3x3x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x10x10x16xf32>, tensor<3x3x16xf32>) outs(%{{.*}} : tensor<1x8x8x16xf32>)
// CHECK: linalg.generic {{.*}}"parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]} ins(%{{.*}} : tensor<1x8x8x16xf32>, {{.*}} outs(%{{.*}} : tensor<1x4x4x16xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x4x4x16xf32>) outs(%{{.*}} : tensor<1x16x4x4xf32>)
// CHECK: bufferization.materialize_in_destination {{.*}} memref<1x16x4x4xf32>
func.func private @second(%x: !inner, %f: !f2) -> !pooled attributes {partita_collective.stage = @s} {
  %0 = partita_graph.convolution "conv2" (%x, %f) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 16 : (!inner, !f2) -> !inner
  %1 = partita_graph.window_reduce "pool" max(%0) window [2, 2] strides [2, 2] padding [0, 0, 0, 0] dilations [1, 1] : (!inner) -> !pooled
  return %1 : !pooled
}

// Refused: without a convolution nothing is changed.
// CHECK-LABEL: func.func @alone_kernel
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<1x16x8x8xf32>) outs(%{{.*}} : tensor<1x16x8x8xf32>)
func.func private @alone(%x: !inner) -> !inner attributes {partita_collective.stage = @s} {
  %0 = partita_graph.elementwise "relu" relu(%x) : (!inner) -> !inner
  return %0 : !inner
}
