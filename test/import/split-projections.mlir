// RUN: partita-opt %s --partita-split-projections | FileCheck %s

// Cuts of a projection move up to its weights. RecognizeTest.cpp runs every function of this file before and after the
// pass and compares the numbers.

// As GPT-2 writes it: bias, a reshape from rows to batch and sequence, three cuts.
// CHECK-LABEL: func.func @fused
// CHECK-SAME: partita.name = "b/0:0+4"{{.*}}start = [0]
// CHECK-SAME: partita.name = "w/1:0+4"{{.*}}start = [0, 0]
// CHECK-SAME: partita.name = "w/1:4+2"{{.*}}start = [0, 4]
// CHECK: %[[Q:.*]] = partita_graph.contraction "fc/0"(%arg0, %{{.*}}) "mk,kn->mn" : (tensor<6x3xf32>, tensor<3x4xf32>) -> tensor<6x4xf32>
// CHECK: partita_graph.elementwise "bias/0" add
// CHECK: partita_graph.reshape "rows/0"({{.*}}) : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
// CHECK: partita_graph.contraction "fc/1"
// CHECK-NOT: partita_graph.slice
func.func @fused(%x: tensor<6x3xf32> {partita.name = "x", partita.role = "input"},
    %w: tensor<3x8xf32> {partita.name = "w", partita.role = "parameter", partita.source = #partita.source<"", offset = 0, bytes = 96, shape = [3, 8], start = [0, 0]>},
    %b: tensor<8xf32> {partita.name = "b", partita.role = "parameter", partita.source = #partita.source<"", offset = 0, bytes = 32, shape = [8], start = [0]>})
    -> (tensor<2x3x4xf32>, tensor<2x3x2xf32>, tensor<2x3x2xf32>) {
  %p = partita_graph.contraction "fc"(%x, %w) "mk,kn->mn" : (tensor<6x3xf32>, tensor<3x8xf32>) -> tensor<6x8xf32>
  %bw = partita_graph.broadcast "wide"(%b) dims [1] : (tensor<8xf32>) -> tensor<6x8xf32>
  %s = partita_graph.elementwise "bias" add(%p, %bw) : (tensor<6x8xf32>, tensor<6x8xf32>) -> tensor<6x8xf32>
  %r = partita_graph.reshape "rows"(%s) : (tensor<6x8xf32>) -> tensor<2x3x8xf32>
  %q = partita_graph.slice "q"(%r) starts [0, 0, 0] strides [1, 1, 1] : (tensor<2x3x8xf32>) -> tensor<2x3x4xf32>
  %k = partita_graph.slice "k"(%r) starts [0, 0, 4] strides [1, 1, 1] : (tensor<2x3x8xf32>) -> tensor<2x3x2xf32>
  %v = partita_graph.slice "v"(%r) starts [0, 0, 6] strides [1, 1, 1] : (tensor<2x3x8xf32>) -> tensor<2x3x2xf32>
  return %q, %k, %v : tensor<2x3x4xf32>, tensor<2x3x2xf32>, tensor<2x3x2xf32>
}

// As PyTorch's MultiheadAttention writes it: the three in a dim of their own, moved to the front.
// CHECK-LABEL: func.func @packed
// CHECK-SAME: partita.name = "w/1:0+2"
// CHECK-SAME: partita.name = "w/1:2+2"
// CHECK-SAME: partita.name = "w/1:4+2"
// CHECK: partita_graph.contraction "fc/0"
// CHECK: partita_graph.reshape "three/0"({{.*}}) : (tensor<4x2xf32>) -> tensor<4x1x2xf32>
// CHECK: partita_graph.transpose "front/0"
// CHECK-NOT: partita_graph.slice
func.func @packed(%x: tensor<4x3xf32> {partita.name = "x", partita.role = "input"},
    %w: tensor<3x6xf32> {partita.name = "w", partita.role = "parameter", partita.source = #partita.source<"", offset = 0, bytes = 72, shape = [3, 6], start = [0, 0]>})
    -> (tensor<1x4x2xf32>, tensor<1x4x2xf32>, tensor<1x4x2xf32>) {
  %p = partita_graph.contraction "fc"(%x, %w) "mk,kn->mn" : (tensor<4x3xf32>, tensor<3x6xf32>) -> tensor<4x6xf32>
  %r = partita_graph.reshape "three"(%p) : (tensor<4x6xf32>) -> tensor<4x3x2xf32>
  %t = partita_graph.transpose "front"(%r) permutation [1, 0, 2] : (tensor<4x3x2xf32>) -> tensor<3x4x2xf32>
  %v = partita_graph.slice "v"(%t) starts [2, 0, 0] strides [1, 1, 1] : (tensor<3x4x2xf32>) -> tensor<1x4x2xf32>
  %q = partita_graph.slice "q"(%t) starts [0, 0, 0] strides [1, 1, 1] : (tensor<3x4x2xf32>) -> tensor<1x4x2xf32>
  %k = partita_graph.slice "k"(%t) starts [1, 0, 0] strides [1, 1, 1] : (tensor<3x4x2xf32>) -> tensor<1x4x2xf32>
  return %q, %k, %v : tensor<1x4x2xf32>, tensor<1x4x2xf32>, tensor<1x4x2xf32>
}

// Overlapping cuts would compute elements twice, a second reader needs the whole, cuts inside of heads are no box.
// CHECK-LABEL: func.func @stay
// CHECK-COUNT-6: partita_graph.slice
func.func @stay(%x: tensor<4x3xf32> {partita.name = "x", partita.role = "input"},
    %w: tensor<3x6xf32> {partita.name = "w", partita.role = "parameter", partita.source = #partita.source<"", offset = 0, bytes = 72, shape = [3, 6], start = [0, 0]>})
    -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x6xf32>, tensor<4x2x1xf32>, tensor<4x2x2xf32>) {
  %a = partita_graph.contraction "a"(%x, %w) "mk,kn->mn" : (tensor<4x3xf32>, tensor<3x6xf32>) -> tensor<4x6xf32>
  %a0 = partita_graph.slice "a0"(%a) starts [0, 0] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x4xf32>
  %a1 = partita_graph.slice "a1"(%a) starts [0, 2] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x4xf32>
  %b = partita_graph.contraction "b"(%x, %w) "mk,kn->mn" : (tensor<4x3xf32>, tensor<3x6xf32>) -> tensor<4x6xf32>
  %b0 = partita_graph.slice "b0"(%b) starts [0, 0] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x3xf32>
  %b1 = partita_graph.slice "b1"(%b) starts [0, 3] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x3xf32>
  %b2 = partita_graph.elementwise "b2" neg(%b) : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = partita_graph.contraction "c"(%x, %w) "mk,kn->mn" : (tensor<4x3xf32>, tensor<3x6xf32>) -> tensor<4x6xf32>
  %c2 = partita_graph.reshape "heads"(%c) : (tensor<4x6xf32>) -> tensor<4x2x3xf32>
  %c0 = partita_graph.slice "c0"(%c2) starts [0, 0, 0] strides [1, 1, 1] : (tensor<4x2x3xf32>) -> tensor<4x2x1xf32>
  %c1 = partita_graph.slice "c1"(%c2) starts [0, 0, 1] strides [1, 1, 1] : (tensor<4x2x3xf32>) -> tensor<4x2x2xf32>
  return %a0, %a1, %b0, %b1, %b2, %c0, %c1
      : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x3xf32>, tensor<4x3xf32>, tensor<4x6xf32>, tensor<4x2x1xf32>, tensor<4x2x2xf32>
}
