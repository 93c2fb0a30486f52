// Every op of the dialect is printed so that reading it again gives the same.
// RUN: partita-opt %s | partita-opt | FileCheck %s
// RUN: partita-opt %s --mlir-print-op-generic | partita-opt | FileCheck %s

// CHECK-LABEL: func.func @sources
func.func @sources() -> (tensor<2xf32>, tensor<2x3xsi64>) {
  // CHECK: partita_graph.constant "c" dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
  %0 = partita_graph.constant "c" dense<[1.0, 2.0]> : tensor<2xf32> : tensor<2xf32>
  // CHECK: partita_graph.iota "i" dim 1 : tensor<2x3xsi64>
  %1 = partita_graph.iota "i" dim 1 : tensor<2x3xsi64>
  // CHECK: partita_graph.random_bits "r" seed -7 stream 3 : tensor<4xui32>
  %2 = partita_graph.random_bits "r" seed -7 stream 3 : tensor<4xui32>
  return %0, %1 : tensor<2xf32>, tensor<2x3xsi64>
}

// CHECK-LABEL: func.func @matrix_work
func.func @matrix_work(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>, %i: tensor<1x4x8xbf16>, %f: tensor<4x2x3xbf16>) {
  // CHECK: partita_graph.contraction "fc"(%{{.*}}, %{{.*}}) "mk,kn->mn" : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %0 = partita_graph.contraction "fc" (%x, %w) "mk,kn->mn" : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  // CHECK: partita_graph.convolution "conv"(%{{.*}}, %{{.*}}) strides [2] padding [1, 0] dilations [1] groups 2
  %1 = partita_graph.convolution "conv" (%i, %f) strides [2] padding [1, 0] dilations [1] groups 2
       : (tensor<1x4x8xbf16>, tensor<4x2x3xbf16>) -> tensor<1x4x4xbf16>
  return
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xi1>) {
  // CHECK: partita_graph.elementwise "n" neg(%{{.*}}) : (tensor<4xf32>) -> tensor<4xf32>
  %0 = partita_graph.elementwise "n" neg(%a) : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: partita_graph.elementwise "l" lt(%{{.*}}, %{{.*}}) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %1 = partita_graph.elementwise "l" lt(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  // CHECK: partita_graph.elementwise "o" or(
  %2 = partita_graph.elementwise "o" or(%1, %c) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  // CHECK: partita_graph.elementwise "s" select(
  %3 = partita_graph.elementwise "s" select(%c, %a, %b) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: partita_graph.cast "h"(%{{.*}}) : (tensor<4xf32>) -> tensor<4xui8>
  %4 = partita_graph.cast "h" (%a) : (tensor<4xf32>) -> tensor<4xui8>
  return
}

// CHECK-LABEL: func.func @movement
func.func @movement(%x: tensor<2x4xf32>, %v: tensor<f32>, %i: tensor<3xsi32>) {
  // CHECK: partita_graph.broadcast "b"(%{{.*}}) dims [0, 2]
  %0 = partita_graph.broadcast "b" (%x) dims [0, 2] : (tensor<2x4xf32>) -> tensor<2x5x4xf32>
  // CHECK: partita_graph.reshape "r"(%{{.*}}) : (tensor<2x4xf32>) -> tensor<8xf32>
  %1 = partita_graph.reshape "r" (%x) : (tensor<2x4xf32>) -> tensor<8xf32>
  // CHECK: partita_graph.transpose "t"(%{{.*}}) permutation [1, 0]
  %2 = partita_graph.transpose "t" (%x) permutation [1, 0] : (tensor<2x4xf32>) -> tensor<4x2xf32>
  // CHECK: partita_graph.slice "s"(%{{.*}}) starts [0, 3] strides [1, -2]
  %3 = partita_graph.slice "s" (%x) starts [0, 3] strides [1, -2] : (tensor<2x4xf32>) -> tensor<2x2xf32>
  // CHECK: partita_graph.concat "c"(%{{.*}}, %{{.*}}) dim 0
  %4 = partita_graph.concat "c" (%x, %x) dim 0 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  // CHECK: partita_graph.pad "p"(%{{.*}}, %{{.*}}) low [0, 1] high [2, 0]
  %5 = partita_graph.pad "p" (%x, %v) low [0, 1] high [2, 0] : (tensor<2x4xf32>, tensor<f32>) -> tensor<4x5xf32>
  // CHECK: partita_graph.gather "g"(%{{.*}}, %{{.*}}) axis 1
  %6 = partita_graph.gather "g" (%x, %i) axis 1 : (tensor<2x4xf32>, tensor<3xsi32>) -> tensor<2x3xf32>
  return
}

// CHECK-LABEL: func.func @reductions
func.func @reductions(%x: tensor<1x2x6xf32>) {
  // CHECK: partita_graph.reduce "r" max(%{{.*}}) dims [0, 2]
  %0 = partita_graph.reduce "r" max(%x) dims [0, 2] : (tensor<1x2x6xf32>) -> tensor<2xf32>
  // CHECK: partita_graph.window_reduce "w" sum(%{{.*}}) window [2] strides [2] padding [0, 0] dilations [1]
  %1 = partita_graph.window_reduce "w" sum(%x) window [2] strides [2] padding [0, 0] dilations [1]
       : (tensor<1x2x6xf32>) -> tensor<1x2x3xf32>
  return
}

// CHECK-LABEL: func.func @composites
func.func @composites(%x: tensor<2x4xf32>, %v: tensor<4xf32>, %q: tensor<1x4x3x2xf32>, %k: tensor<1x2x5x2xf32>,
                      %m: tensor<1x1x3x5xf32>, %t: tensor<3x1xf32>) {
  // CHECK: partita_graph.softmax "s"(%{{.*}}) dim 1
  %0 = partita_graph.softmax "s" (%x) dim 1 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  // CHECK: partita_graph.layer_norm "n"(%{{.*}}, %{{.*}}, %{{.*}}) axis 1 epsilon
  %1 = partita_graph.layer_norm "n" (%x, %v, %v) axis 1 epsilon 1.0e-5
       : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: partita_graph.layer_norm "n2"(%{{.*}}, %{{.*}}) axis 1 epsilon
  %2 = partita_graph.layer_norm "n2" (%x, %v) axis 1 epsilon 1.0e-5 : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: partita_graph.rms_norm "n3"(%{{.*}}, %{{.*}}) axis 1 epsilon
  %3 = partita_graph.rms_norm "n3" (%x, %v) axis 1 epsilon 1.0e-6 : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: partita_graph.batch_norm "n4"(
  %4 = partita_graph.batch_norm "n4" (%x, %v, %v, %v, %v) epsilon 1.0e-5
       : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  // CHECK: partita_graph.attention "a"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) scale 5.000000e-01 causal true
  %5 = partita_graph.attention "a" (%q, %k, %k, %m) scale 0.5 causal true
       : (tensor<1x4x3x2xf32>, tensor<1x2x5x2xf32>, tensor<1x2x5x2xf32>, tensor<1x1x3x5xf32>) -> tensor<1x4x3x2xf32>
  // CHECK: partita_graph.rotary "p"(%{{.*}}, %{{.*}}, %{{.*}}) interleaved false
  %6 = partita_graph.rotary "p" (%q, %t, %t) interleaved false
       : (tensor<1x4x3x2xf32>, tensor<3x1xf32>, tensor<3x1xf32>) -> tensor<1x4x3x2xf32>
  return
}
