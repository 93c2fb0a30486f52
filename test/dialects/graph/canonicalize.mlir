// Identities disappear; nothing that computes does.
// RUN: partita-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @identities(
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>)
// CHECK-NEXT: return %[[X]]
func.func @identities(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = partita_graph.cast "c" (%x) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = partita_graph.reshape "r" (%0) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = partita_graph.transpose "t" (%1) permutation [0, 1] : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = partita_graph.slice "s" (%2) starts [0, 0] strides [1, 1] : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %4 = partita_graph.broadcast "b" (%3) dims [0, 1] : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %4 : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @reshape_of_reshape(
// CHECK-NEXT: partita_graph.reshape "outer"(%{{.*}}) : (tensor<2x4xf32>) -> tensor<4x2xf32>
// CHECK-NEXT: return
func.func @reshape_of_reshape(%x: tensor<2x4xf32>) -> tensor<4x2xf32> {
  %0 = partita_graph.reshape "inner" (%x) : (tensor<2x4xf32>) -> tensor<8xf32>
  %1 = partita_graph.reshape "outer" (%0) : (tensor<8xf32>) -> tensor<4x2xf32>
  return %1 : tensor<4x2xf32>
}

// CHECK-LABEL: func.func @select_of_equals(
// CHECK-SAME: %{{.*}}: tensor<4xi1>, %[[X:.*]]: tensor<4xf32>)
// CHECK-NEXT: return %[[X]]
func.func @select_of_equals(%c: tensor<4xi1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = partita_graph.elementwise "s" select(%c, %x, %x) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @kept(
// CHECK: partita_graph.cast "c"
// CHECK: partita_graph.transpose "t"
// CHECK: partita_graph.slice "s"
// CHECK: partita_graph.slice "v"
func.func @kept(%x: tensor<4x4xf32>) -> tensor<4x4xbf16> {
  %0 = partita_graph.cast "c" (%x) : (tensor<4x4xf32>) -> tensor<4x4xbf16>
  %1 = partita_graph.transpose "t" (%0) permutation [1, 0] : (tensor<4x4xbf16>) -> tensor<4x4xbf16>
  %2 = partita_graph.slice "s" (%1) starts [3, 0] strides [-1, 1] : (tensor<4x4xbf16>) -> tensor<4x4xbf16>
  %3 = partita_graph.slice "v" (%2) starts [0, 1] strides [1, 1] : (tensor<4x4xbf16>) -> tensor<4x2xbf16>
  %4 = partita_graph.concat "j" (%3, %3) dim 1 : (tensor<4x2xbf16>, tensor<4x2xbf16>) -> tensor<4x4xbf16>
  return %4 : tensor<4x4xbf16>
}

// Unused ops have no effect and go.
// CHECK-LABEL: func.func @unused(
// CHECK-NEXT: return
func.func @unused(%x: tensor<4xf32>) {
  %0 = partita_graph.elementwise "e" exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}
