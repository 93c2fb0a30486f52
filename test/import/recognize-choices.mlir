// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// What selects, and what does nothing. RecognizeTest.cpp runs every function of this file before and after the pass.

// TensorFlow's select as tf2onnx writes it, of floats.
// CHECK-LABEL: func.func @choice
// CHECK: %[[C:.*]] = partita_graph.elementwise "c" lt(%arg0, %arg1)
// CHECK: partita_graph.elementwise "out" select(%[[C]], %arg0, %arg1)
// CHECK-NEXT: return
func.func @choice(%x: tensor<4x3xf32>, %y: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %c = partita_graph.elementwise "c" lt(%x, %y) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xi1>
  %n = partita_graph.elementwise "n" not(%c) : (tensor<4x3xi1>) -> tensor<4x3xi1>
  %cf = partita_graph.cast "cf"(%c) : (tensor<4x3xi1>) -> tensor<4x3xf32>
  %nf = partita_graph.cast "nf"(%n) : (tensor<4x3xi1>) -> tensor<4x3xf32>
  %a = partita_graph.elementwise "a" mul(%cf, %x) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %b = partita_graph.elementwise "b" mul(%y, %nf) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %out = partita_graph.elementwise "out" add(%a, %b) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %out : tensor<4x3xf32>
}

// Both halves weigh by the same truth value: no choice.
// CHECK-LABEL: func.func @same_flag
// CHECK-NOT: select
// CHECK: return
func.func @same_flag(%x: tensor<4x3xf32>, %y: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %c = partita_graph.elementwise "c" lt(%x, %y) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xi1>
  %cf = partita_graph.cast "cf"(%c) : (tensor<4x3xi1>) -> tensor<4x3xf32>
  %a = partita_graph.elementwise "a" mul(%cf, %x) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %b = partita_graph.elementwise "b" mul(%y, %cf) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  %out = partita_graph.elementwise "out" add(%a, %b) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32>
  return %out : tensor<4x3xf32>
}

// The flags and what is chosen elsewhere are known.
// CHECK-LABEL: func.func @known_choice
// CHECK: %[[F:.*]] = partita_graph.elementwise "out/flag" ne(
// CHECK: %[[W:.*]] = partita_graph.broadcast "out/flag/broadcast"(%[[F]]) dims [1, 2]
// CHECK: partita_graph.elementwise "out" select(%[[W]], %arg0, %
// CHECK-NEXT: return
func.func @known_choice(%x: tensor<4x2x2xf32>) -> tensor<4x2x2xf32> {
  %m = partita_graph.constant "m" dense<[[1.0, 0.0], [1.0, 1.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %k = partita_graph.constant "k" dense<[[0.0, 7.0], [0.0, 0.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [1, 2] : (tensor<2x2xf32>) -> tensor<4x2x2xf32>
  %kw = partita_graph.broadcast "kw"(%k) dims [1, 2] : (tensor<2x2xf32>) -> tensor<4x2x2xf32>
  %p = partita_graph.elementwise "p" mul(%mw, %x) : (tensor<4x2x2xf32>, tensor<4x2x2xf32>) -> tensor<4x2x2xf32>
  %out = partita_graph.elementwise "out" add(%p, %kw) : (tensor<4x2x2xf32>, tensor<4x2x2xf32>) -> tensor<4x2x2xf32>
  return %out : tensor<4x2x2xf32>
}

// 7 is added where the factor is 1.
// CHECK-LABEL: func.func @no_known_choice
// CHECK-NOT: select
// CHECK: return
func.func @no_known_choice(%x: tensor<4x2x2xf32>) -> tensor<4x2x2xf32> {
  %m = partita_graph.constant "m" dense<[[1.0, 0.0], [1.0, 1.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %k = partita_graph.constant "k" dense<[[7.0, 0.0], [0.0, 0.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [1, 2] : (tensor<2x2xf32>) -> tensor<4x2x2xf32>
  %kw = partita_graph.broadcast "kw"(%k) dims [1, 2] : (tensor<2x2xf32>) -> tensor<4x2x2xf32>
  %p = partita_graph.elementwise "p" mul(%mw, %x) : (tensor<4x2x2xf32>, tensor<4x2x2xf32>) -> tensor<4x2x2xf32>
  %out = partita_graph.elementwise "out" add(%p, %kw) : (tensor<4x2x2xf32>, tensor<4x2x2xf32>) -> tensor<4x2x2xf32>
  return %out : tensor<4x2x2xf32>
}

// Paddle's scale op: a product and the sum with 0; and a truth value that is always true.
// CHECK-LABEL: func.func @nothing
// CHECK-NEXT: %[[N:.*]] = partita_graph.elementwise "n" neg(%arg0)
// CHECK-NEXT: return %[[N]], %arg1
func.func @nothing(%x: tensor<4xf32>, %c: tensor<4xi1>) -> (tensor<4xf32>, tensor<4xi1>) {
  %zero = partita_graph.constant "zero" dense<0.0> : tensor<f32> : tensor<f32>
  %zeros = partita_graph.broadcast "zeros"(%zero) dims [] : (tensor<f32>) -> tensor<4xf32>
  %one = partita_graph.constant "one" dense<1.0> : tensor<4xf32> : tensor<4xf32>
  %true = partita_graph.constant "true" dense<true> : tensor<4xi1> : tensor<4xi1>
  %n = partita_graph.elementwise "n" neg(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %a = partita_graph.elementwise "a" add(%n, %zeros) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %b = partita_graph.elementwise "b" div(%a, %one) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %d = partita_graph.elementwise "d" and(%true, %c) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  return %b, %d : tensor<4xf32>, tensor<4xi1>
}

// Rows of a table by indices that may be negative, as TensorFlow counts.
// CHECK-LABEL: func.func @index
// CHECK-SAME: partita.maximum = 6
// CHECK-NEXT: partita_graph.gather "out"(%arg0, %arg1) axis 0
// CHECK-NEXT: return
func.func @index(%t: tensor<7x3xf32>, %i: tensor<4xsi32>) -> tensor<4x3xf32> {
  %f = partita_graph.cast "f"(%i) : (tensor<4xsi32>) -> tensor<4xf32>
  %zero = partita_graph.constant "zero" dense<0.0> : tensor<4xf32> : tensor<4xf32>
  %seven = partita_graph.constant "seven" dense<7> : tensor<4xsi32> : tensor<4xsi32>
  %c = partita_graph.elementwise "c" lt(%f, %zero) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %n = partita_graph.elementwise "n" not(%c) : (tensor<4xi1>) -> tensor<4xi1>
  %ci = partita_graph.cast "ci"(%c) : (tensor<4xi1>) -> tensor<4xsi32>
  %ni = partita_graph.cast "ni"(%n) : (tensor<4xi1>) -> tensor<4xsi32>
  %s = partita_graph.elementwise "s" add(%i, %seven) : (tensor<4xsi32>, tensor<4xsi32>) -> tensor<4xsi32>
  %a = partita_graph.elementwise "a" mul(%ci, %s) : (tensor<4xsi32>, tensor<4xsi32>) -> tensor<4xsi32>
  %b = partita_graph.elementwise "b" mul(%i, %ni) : (tensor<4xsi32>, tensor<4xsi32>) -> tensor<4xsi32>
  %w = partita_graph.elementwise "w" add(%a, %b) : (tensor<4xsi32>, tensor<4xsi32>) -> tensor<4xsi32>
  %out = partita_graph.gather "out"(%t, %w) axis 0 : (tensor<7x3xf32>, tensor<4xsi32>) -> tensor<4x3xf32>
  return %out : tensor<4x3xf32>
}

// The scale of an RMS norm on its factor.
// CHECK-LABEL: func.func @norm_factors
// CHECK: partita_graph.rms_norm "out"(%arg0, %arg1) axis 1
// CHECK-NEXT: return
func.func @norm_factors(%x: tensor<4x8xf32>, %w: tensor<8xf32>) -> tensor<4x8xf32> {
  %q = partita_graph.elementwise "q" mul(%x, %x) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %s = partita_graph.reduce "s" sum(%q) dims [1] : (tensor<4x8xf32>) -> tensor<4xf32>
  %n = partita_graph.constant "n" dense<8.0> : tensor<4xf32> : tensor<4xf32>
  %e = partita_graph.constant "e" dense<1.0e-6> : tensor<4xf32> : tensor<4xf32>
  %m = partita_graph.elementwise "m" div(%s, %n) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %v = partita_graph.elementwise "v" add(%m, %e) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %r = partita_graph.elementwise "r" rsqrt(%v) : (tensor<4xf32>) -> tensor<4xf32>
  %rw = partita_graph.broadcast "rw"(%r) dims [0] : (tensor<4xf32>) -> tensor<4x8xf32>
  %ww = partita_graph.broadcast "ww"(%w) dims [1] : (tensor<8xf32>) -> tensor<4x8xf32>
  %f = partita_graph.elementwise "f" mul(%rw, %ww) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %out = partita_graph.elementwise "out" mul(%x, %f) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %out : tensor<4x8xf32>
}

// A mask of keys that is computed for every query.
// CHECK-LABEL: func.func @narrow
// CHECK: partita_graph.constant "m/number" dense<-2.{{.*}}> : tensor<2x5xf32>
// CHECK: %[[M:.*]] = partita_graph.elementwise "m/narrow" mul(%arg0, %{{.*}}) : (tensor<2x5xf32>, tensor<2x5xf32>)
// CHECK-NEXT: %[[W:.*]] = partita_graph.broadcast "m"(%[[M]]) dims [0, 2]
// CHECK-NEXT: return %[[W]]
func.func @narrow(%p: tensor<2x5xf32>) -> tensor<2x3x5xf32> {
  %low = partita_graph.constant "low" dense<-2.0> : tensor<2x3x5xf32> : tensor<2x3x5xf32>
  %w = partita_graph.broadcast "w"(%p) dims [0, 2] : (tensor<2x5xf32>) -> tensor<2x3x5xf32>
  %m = partita_graph.elementwise "m" mul(%w, %low) : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  return %m : tensor<2x3x5xf32>
}

// What is repeated is turned before that.
// CHECK-LABEL: func.func @turned
// CHECK-NEXT: %[[T:.*]] = partita_graph.transpose "t/narrow"(%arg0) permutation [1, 0]
// CHECK-NEXT: %[[W:.*]] = partita_graph.broadcast "t"(%[[T]]) dims [0, 2]
// CHECK-NEXT: return %[[W]]
func.func @turned(%p: tensor<2x5xf32>) -> tensor<5x3x2xf32> {
  %w = partita_graph.broadcast "w"(%p) dims [0, 2] : (tensor<2x5xf32>) -> tensor<2x3x5xf32>
  %t = partita_graph.transpose "t"(%w) permutation [2, 1, 0] : (tensor<2x3x5xf32>) -> tensor<5x3x2xf32>
  return %t : tensor<5x3x2xf32>
}
