// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// What exporters spell in small ops becomes one op again. RecognizeTest.cpp runs every function of this file before and
// after the pass and compares the numbers.

// PyTorch: pow, sqrt, div.
// CHECK-LABEL: func.func @layer_norm_torch
// CHECK: partita_graph.layer_norm "out"(%arg0, %arg1, %arg2) axis 2 epsilon 9.999{{.*}}E-6
// CHECK-NEXT: return
func.func @layer_norm_torch(%x: tensor<2x3x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<2x3x8xf32> {
  %n = partita_graph.constant "n" dense<8.0> : tensor<2x3x1xf32> : tensor<2x3x1xf32>
  %two = partita_graph.constant "two" dense<2.0> : tensor<2x3x8xf32> : tensor<2x3x8xf32>
  %e = partita_graph.constant "e" dense<1.0e-5> : tensor<2x3x1xf32> : tensor<2x3x1xf32>
  %s = partita_graph.reduce "s" sum(%x) dims [2] : (tensor<2x3x8xf32>) -> tensor<2x3xf32>
  %k = partita_graph.reshape "k"(%s) : (tensor<2x3xf32>) -> tensor<2x3x1xf32>
  %m = partita_graph.elementwise "m" div(%k, %n) : (tensor<2x3x1xf32>, tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %mr = partita_graph.reshape "mr"(%m) : (tensor<2x3x1xf32>) -> tensor<2x3xf32>
  %mw = partita_graph.broadcast "mw"(%mr) dims [0, 1] : (tensor<2x3xf32>) -> tensor<2x3x8xf32>
  %c = partita_graph.elementwise "c" sub(%x, %mw) : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %q = partita_graph.elementwise "q" pow(%c, %two) : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %qs = partita_graph.reduce "qs" sum(%q) dims [2] : (tensor<2x3x8xf32>) -> tensor<2x3xf32>
  %qk = partita_graph.reshape "qk"(%qs) : (tensor<2x3xf32>) -> tensor<2x3x1xf32>
  %v = partita_graph.elementwise "v" div(%qk, %n) : (tensor<2x3x1xf32>, tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %ve = partita_graph.elementwise "ve" add(%v, %e) : (tensor<2x3x1xf32>, tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %d = partita_graph.elementwise "d" sqrt(%ve) : (tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %dr = partita_graph.reshape "dr"(%d) : (tensor<2x3x1xf32>) -> tensor<2x3xf32>
  %dw = partita_graph.broadcast "dw"(%dr) dims [0, 1] : (tensor<2x3xf32>) -> tensor<2x3x8xf32>
  %y = partita_graph.elementwise "y" div(%c, %dw) : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %ww = partita_graph.broadcast "ww"(%w) dims [2] : (tensor<8xf32>) -> tensor<2x3x8xf32>
  %yw = partita_graph.elementwise "yw" mul(%y, %ww) : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %bw = partita_graph.broadcast "bw"(%b) dims [2] : (tensor<8xf32>) -> tensor<2x3x8xf32>
  %out = partita_graph.elementwise "out" add(%bw, %yw) : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  return %out : tensor<2x3x8xf32>
}

// Llama: x * rsqrt(mean(x * x) + e), the scale first; the vector has a dim of extent 1.
// CHECK-LABEL: func.func @rms_norm_llama
// CHECK: %[[W:.*]] = partita_graph.reshape "out/scale"(%arg1) : (tensor<1x6xf32>) -> tensor<6xf32>
// CHECK-NEXT: partita_graph.rms_norm "out"(%arg0, %[[W]]) axis 1
// CHECK-NEXT: return
func.func @rms_norm_llama(%x: tensor<4x6xf32>, %w: tensor<1x6xf32>) -> tensor<4x6xf32> {
  %n = partita_graph.constant "n" dense<0.16666667> : tensor<4xf32> : tensor<4xf32>
  %e = partita_graph.constant "e" dense<1.0e-6> : tensor<4xf32> : tensor<4xf32>
  %q = partita_graph.elementwise "q" mul(%x, %x) : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %s = partita_graph.reduce "s" sum(%q) dims [1] : (tensor<4x6xf32>) -> tensor<4xf32>
  %m = partita_graph.elementwise "m" mul(%s, %n) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %me = partita_graph.elementwise "me" add(%m, %e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %r = partita_graph.elementwise "r" sqrt(%me) : (tensor<4xf32>) -> tensor<4xf32>
  %i = partita_graph.elementwise "i" reciprocal(%r) : (tensor<4xf32>) -> tensor<4xf32>
  %iw = partita_graph.broadcast "iw"(%i) dims [0] : (tensor<4xf32>) -> tensor<4x6xf32>
  %y = partita_graph.elementwise "y" mul(%x, %iw) : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %w1 = partita_graph.reshape "w1"(%w) : (tensor<1x6xf32>) -> tensor<6xf32>
  %ww = partita_graph.broadcast "ww"(%w1) dims [1] : (tensor<6xf32>) -> tensor<4x6xf32>
  %out = partita_graph.elementwise "out" mul(%ww, %y) : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %out : tensor<4x6xf32>
}

// In a square the mean of rows, spread over columns, is not a norm of rows.
// CHECK-LABEL: func.func @not_a_norm
// CHECK-NOT: rms_norm
// CHECK: return
func.func @not_a_norm(%x: tensor<6x6xf32>) -> tensor<6x6xf32> {
  %n = partita_graph.constant "n" dense<6.0> : tensor<6xf32> : tensor<6xf32>
  %q = partita_graph.elementwise "q" mul(%x, %x) : (tensor<6x6xf32>, tensor<6x6xf32>) -> tensor<6x6xf32>
  %s = partita_graph.reduce "s" sum(%q) dims [1] : (tensor<6x6xf32>) -> tensor<6xf32>
  %m = partita_graph.elementwise "m" div(%s, %n) : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  %r = partita_graph.elementwise "r" sqrt(%m) : (tensor<6xf32>) -> tensor<6xf32>
  %rw = partita_graph.broadcast "rw"(%r) dims [1] : (tensor<6xf32>) -> tensor<6x6xf32>
  %y = partita_graph.elementwise "y" div(%x, %rw) : (tensor<6x6xf32>, tensor<6x6xf32>) -> tensor<6x6xf32>
  return %y : tensor<6x6xf32>
}

// CHECK-LABEL: func.func @gelu_erf
// CHECK-NEXT: partita_graph.elementwise "out" gelu(%arg0)
// CHECK-NEXT: return
func.func @gelu_erf(%x: tensor<5xf32>) -> tensor<5xf32> {
  %half = partita_graph.constant "half" dense<0.5> : tensor<5xf32> : tensor<5xf32>
  %one = partita_graph.constant "one" dense<1.0> : tensor<5xf32> : tensor<5xf32>
  %root = partita_graph.constant "root" dense<1.41421354> : tensor<5xf32> : tensor<5xf32>
  %d = partita_graph.elementwise "d" div(%x, %root) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %e = partita_graph.elementwise "e" erf(%d) : (tensor<5xf32>) -> tensor<5xf32>
  %s = partita_graph.elementwise "s" add(%e, %one) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %p = partita_graph.elementwise "p" mul(%x, %s) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %out = partita_graph.elementwise "out" mul(%p, %half) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  return %out : tensor<5xf32>
}

// CHECK-LABEL: func.func @gelu_tanh
// CHECK-NEXT: partita_graph.elementwise "out" gelu_tanh(%arg0)
// CHECK-NEXT: return
func.func @gelu_tanh(%x: tensor<5xf32>) -> tensor<5xf32> {
  %half = partita_graph.constant "half" dense<0.5> : tensor<5xf32> : tensor<5xf32>
  %one = partita_graph.constant "one" dense<1.0> : tensor<5xf32> : tensor<5xf32>
  %three = partita_graph.constant "three" dense<3.0> : tensor<5xf32> : tensor<5xf32>
  %k = partita_graph.constant "k" dense<4.471500e-02> : tensor<5xf32> : tensor<5xf32>
  %f = partita_graph.constant "f" dense<0.797884583> : tensor<5xf32> : tensor<5xf32>
  %c = partita_graph.elementwise "c" pow(%x, %three) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %ck = partita_graph.elementwise "ck" mul(%c, %k) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %a = partita_graph.elementwise "a" add(%x, %ck) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %i = partita_graph.elementwise "i" mul(%a, %f) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %t = partita_graph.elementwise "t" tanh(%i) : (tensor<5xf32>) -> tensor<5xf32>
  %s = partita_graph.elementwise "s" add(%t, %one) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %h = partita_graph.elementwise "h" mul(%x, %half) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %out = partita_graph.elementwise "out" mul(%h, %s) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  return %out : tensor<5xf32>
}

// Another constant is another function.
// CHECK-LABEL: func.func @not_gelu
// CHECK-NOT: gelu
// CHECK: return
func.func @not_gelu(%x: tensor<5xf32>) -> tensor<5xf32> {
  %half = partita_graph.constant "half" dense<0.5> : tensor<5xf32> : tensor<5xf32>
  %one = partita_graph.constant "one" dense<1.0> : tensor<5xf32> : tensor<5xf32>
  %root = partita_graph.constant "root" dense<1.4> : tensor<5xf32> : tensor<5xf32>
  %d = partita_graph.elementwise "d" div(%x, %root) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %e = partita_graph.elementwise "e" erf(%d) : (tensor<5xf32>) -> tensor<5xf32>
  %s = partita_graph.elementwise "s" add(%e, %one) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %p = partita_graph.elementwise "p" mul(%x, %s) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %y = partita_graph.elementwise "out" mul(%p, %half) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  return %y : tensor<5xf32>
}

// silu(x) * up, however the product is associated, is one function and one product.
// CHECK-LABEL: func.func @silu
// CHECK-NEXT: %[[S:.*]] = partita_graph.elementwise "p" silu(%arg0)
// CHECK-NEXT: partita_graph.elementwise "out" mul(%[[S]], %arg1)
// CHECK-NEXT: return
func.func @silu(%x: tensor<5xf32>, %up: tensor<5xf32>) -> tensor<5xf32> {
  %g = partita_graph.elementwise "g" sigmoid(%x) : (tensor<5xf32>) -> tensor<5xf32>
  %p = partita_graph.elementwise "p" mul(%g, %x) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  %out = partita_graph.elementwise "out" mul(%p, %up) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
  return %out : tensor<5xf32>
}

// CHECK-LABEL: func.func @softmax
// CHECK-NEXT: partita_graph.softmax "out"(%arg0) dim 1
// CHECK-NEXT: return
func.func @softmax(%x: tensor<3x7x2xf32>) -> tensor<3x7x2xf32> {
  %m = partita_graph.reduce "m" max(%x) dims [1] : (tensor<3x7x2xf32>) -> tensor<3x2xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [0, 2] : (tensor<3x2xf32>) -> tensor<3x7x2xf32>
  %d = partita_graph.elementwise "d" sub(%x, %mw) : (tensor<3x7x2xf32>, tensor<3x7x2xf32>) -> tensor<3x7x2xf32>
  %e = partita_graph.elementwise "e" exp(%d) : (tensor<3x7x2xf32>) -> tensor<3x7x2xf32>
  %s = partita_graph.reduce "s" sum(%e) dims [1] : (tensor<3x7x2xf32>) -> tensor<3x2xf32>
  %sw = partita_graph.broadcast "sw"(%s) dims [0, 2] : (tensor<3x2xf32>) -> tensor<3x7x2xf32>
  %out = partita_graph.elementwise "out" div(%e, %sw) : (tensor<3x7x2xf32>, tensor<3x7x2xf32>) -> tensor<3x7x2xf32>
  return %out : tensor<3x7x2xf32>
}

// TensorFlow and Keras: the factor of both x and the mean is the scale over the deviation.
// CHECK-LABEL: func.func @by_factor
// CHECK-NEXT: partita_graph.layer_norm "out"(%arg0, %arg1, %arg2) axis 1 epsilon {{.*}} : (tensor<5x4xf32>, tensor<4xf32>, tensor<4xf32>)
// CHECK-NEXT: return
func.func @by_factor(%x: tensor<5x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<5x4xf32> {
  %n = partita_graph.constant "n" dense<4.0> : tensor<5x1xf32> : tensor<5x1xf32>
  %e = partita_graph.constant "e" dense<1.0e-3> : tensor<5x1xf32> : tensor<5x1xf32>
  %s = partita_graph.reduce "s" sum(%x) dims [1] : (tensor<5x4xf32>) -> tensor<5xf32>
  %s1 = partita_graph.reshape "s1"(%s) : (tensor<5xf32>) -> tensor<5x1xf32>
  %mean = partita_graph.elementwise "mean" div(%s1, %n) : (tensor<5x1xf32>, tensor<5x1xf32>) -> tensor<5x1xf32>
  %m1 = partita_graph.reshape "m1"(%mean) : (tensor<5x1xf32>) -> tensor<5xf32>
  %mw = partita_graph.broadcast "mw"(%m1) dims [0] : (tensor<5xf32>) -> tensor<5x4xf32>
  %c = partita_graph.elementwise "c" sub(%x, %mw) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %q = partita_graph.elementwise "q" mul(%c, %c) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %v = partita_graph.reduce "v" sum(%q) dims [1] : (tensor<5x4xf32>) -> tensor<5xf32>
  %v1 = partita_graph.reshape "v1"(%v) : (tensor<5xf32>) -> tensor<5x1xf32>
  %var = partita_graph.elementwise "var" div(%v1, %n) : (tensor<5x1xf32>, tensor<5x1xf32>) -> tensor<5x1xf32>
  %ve = partita_graph.elementwise "ve" add(%var, %e) : (tensor<5x1xf32>, tensor<5x1xf32>) -> tensor<5x1xf32>
  %r = partita_graph.elementwise "r" rsqrt(%ve) : (tensor<5x1xf32>) -> tensor<5x1xf32>
  %r1 = partita_graph.reshape "r1"(%r) : (tensor<5x1xf32>) -> tensor<5xf32>
  %rw = partita_graph.broadcast "rw"(%r1) dims [0] : (tensor<5xf32>) -> tensor<5x4xf32>
  %gw = partita_graph.broadcast "gw"(%g) dims [1] : (tensor<4xf32>) -> tensor<5x4xf32>
  %f = partita_graph.elementwise "f" mul(%rw, %gw) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %xf = partita_graph.elementwise "xf" mul(%x, %f) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %neg = partita_graph.elementwise "neg" neg(%mean) : (tensor<5x1xf32>) -> tensor<5x1xf32>
  %neg1 = partita_graph.reshape "neg1"(%neg) : (tensor<5x1xf32>) -> tensor<5xf32>
  %nw = partita_graph.broadcast "nw"(%neg1) dims [0] : (tensor<5xf32>) -> tensor<5x4xf32>
  %nf = partita_graph.elementwise "nf" mul(%nw, %f) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %bw = partita_graph.broadcast "bw"(%b) dims [1] : (tensor<4xf32>) -> tensor<5x4xf32>
  %shift = partita_graph.elementwise "shift" add(%nf, %bw) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %out = partita_graph.elementwise "out" add(%xf, %shift) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  return %out : tensor<5x4xf32>
}
