// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// Norms over other dims than the last ones. RecognizeTest.cpp runs every function of this file before and after the pass.

// The channels of images stand before their places; scale and bias are taken.
// CHECK-LABEL: func.func @channels
// CHECK: %[[T:.*]] = partita_graph.transpose "{{.*}}turned"(%arg0) permutation [0, 2, 3, 1]
// CHECK: %[[N:.*]] = partita_graph.layer_norm "{{.*}}norm"(%[[T]], %arg1, %arg2) axis 3
// CHECK: %[[R:.*]] = partita_graph.transpose "out"(%[[N]]) permutation [0, 3, 1, 2]
// CHECK-NEXT: return %[[R]]
func.func @channels(%x: tensor<2x8x3x5xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x8x3x5xf32> {
  %n = partita_graph.constant "n" dense<8.0> : tensor<2x3x5xf32> : tensor<2x3x5xf32>
  %e = partita_graph.constant "e" dense<1.0e-3> : tensor<2x3x5xf32> : tensor<2x3x5xf32>
  %s = partita_graph.reduce "s" sum(%x) dims [1] : (tensor<2x8x3x5xf32>) -> tensor<2x3x5xf32>
  %m = partita_graph.elementwise "m" div(%s, %n) : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [0, 2, 3] : (tensor<2x3x5xf32>) -> tensor<2x8x3x5xf32>
  %c = partita_graph.elementwise "c" sub(%x, %mw) : (tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) -> tensor<2x8x3x5xf32>
  %q = partita_graph.elementwise "q" mul(%c, %c) : (tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) -> tensor<2x8x3x5xf32>
  %qs = partita_graph.reduce "qs" sum(%q) dims [1] : (tensor<2x8x3x5xf32>) -> tensor<2x3x5xf32>
  %v = partita_graph.elementwise "v" div(%qs, %n) : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %ve = partita_graph.elementwise "ve" add(%v, %e) : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %r = partita_graph.elementwise "r" rsqrt(%ve) : (tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %rw = partita_graph.broadcast "rw"(%r) dims [0, 2, 3] : (tensor<2x3x5xf32>) -> tensor<2x8x3x5xf32>
  %d = partita_graph.elementwise "d" mul(%c, %rw) : (tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) -> tensor<2x8x3x5xf32>
  %ww = partita_graph.broadcast "ww"(%w) dims [1] : (tensor<8xf32>) -> tensor<2x8x3x5xf32>
  %dw = partita_graph.elementwise "dw" mul(%d, %ww) : (tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) -> tensor<2x8x3x5xf32>
  %bw = partita_graph.broadcast "bw"(%b) dims [1] : (tensor<8xf32>) -> tensor<2x8x3x5xf32>
  %out = partita_graph.elementwise "out" add(%dw, %bw) : (tensor<2x8x3x5xf32>, tensor<2x8x3x5xf32>) -> tensor<2x8x3x5xf32>
  return %out : tensor<2x8x3x5xf32>
}

// Groups of channels that stand last, as TensorFlow computes: x * factor + (bias - mean * factor), the factor narrow.
// Scale and bias have other dims than the norm, and follow it.
// CHECK-LABEL: func.func @groups
// CHECK: %[[T:.*]] = partita_graph.transpose "out/turned"(%arg0) permutation [0, 2, 1, 3]
// CHECK: partita_graph.layer_norm "out/norm"(%[[T]], %{{.*}}) axis 2 {{.*}} (tensor<2x2x5x4xf32>, tensor<5x4xf32>)
// CHECK: partita_graph.transpose "out/normed"
// CHECK: partita_graph.elementwise "out/scaled" mul
// CHECK: partita_graph.elementwise "out" add
// CHECK-NEXT: return
func.func @groups(%x: tensor<2x5x2x4xf32>, %w: tensor<2x4xf32>, %b: tensor<2x4xf32>) -> tensor<2x5x2x4xf32> {
  %n = partita_graph.constant "n" dense<20.0> : tensor<2x2xf32> : tensor<2x2xf32>
  %e = partita_graph.constant "e" dense<1.0e-3> : tensor<2x2xf32> : tensor<2x2xf32>
  %s = partita_graph.reduce "s" sum(%x) dims [1, 3] : (tensor<2x5x2x4xf32>) -> tensor<2x2xf32>
  %m = partita_graph.elementwise "m" div(%s, %n) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [0, 2] : (tensor<2x2xf32>) -> tensor<2x5x2x4xf32>
  %c = partita_graph.elementwise "c" sub(%x, %mw) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  %q = partita_graph.elementwise "q" mul(%c, %c) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  %qs = partita_graph.reduce "qs" sum(%q) dims [1, 3] : (tensor<2x5x2x4xf32>) -> tensor<2x2xf32>
  %v = partita_graph.elementwise "v" div(%qs, %n) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %ve = partita_graph.elementwise "ve" add(%v, %e) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %r = partita_graph.elementwise "r" rsqrt(%ve) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %rw = partita_graph.broadcast "rw"(%r) dims [0, 1] : (tensor<2x2xf32>) -> tensor<2x2x4xf32>
  %ww = partita_graph.broadcast "ww"(%w) dims [1, 2] : (tensor<2x4xf32>) -> tensor<2x2x4xf32>
  %f = partita_graph.elementwise "f" mul(%rw, %ww) : (tensor<2x2x4xf32>, tensor<2x2x4xf32>) -> tensor<2x2x4xf32>
  %g = partita_graph.elementwise "g" neg(%m) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %gw = partita_graph.broadcast "gw"(%g) dims [0, 1] : (tensor<2x2xf32>) -> tensor<2x2x4xf32>
  %gf = partita_graph.elementwise "gf" mul(%gw, %f) : (tensor<2x2x4xf32>, tensor<2x2x4xf32>) -> tensor<2x2x4xf32>
  %bw = partita_graph.broadcast "bw"(%b) dims [1, 2] : (tensor<2x4xf32>) -> tensor<2x2x4xf32>
  %a = partita_graph.elementwise "a" add(%gf, %bw) : (tensor<2x2x4xf32>, tensor<2x2x4xf32>) -> tensor<2x2x4xf32>
  %fw = partita_graph.broadcast "fw"(%f) dims [0, 2, 3] : (tensor<2x2x4xf32>) -> tensor<2x5x2x4xf32>
  %aw = partita_graph.broadcast "aw"(%a) dims [0, 2, 3] : (tensor<2x2x4xf32>) -> tensor<2x5x2x4xf32>
  %xf = partita_graph.elementwise "xf" mul(%x, %fw) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  %out = partita_graph.elementwise "out" add(%xf, %aw) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  return %out : tensor<2x5x2x4xf32>
}
