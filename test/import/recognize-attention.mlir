// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// Attention and rotary embeddings as exporters write them. RecognizeTest.cpp runs every function of this file before and
// after the pass and compares the numbers.

// PyTorch: the scale on both operands, keys transposed, a causal mask by comparison, what is not a number made 0.
// CHECK-LABEL: func.func @torch
// CHECK: %[[K:.*]] = partita_graph.transpose "out/key"(%arg1) permutation [0, 1, 3, 2]
// CHECK: partita_graph.attention "out"(%arg0, %[[K]], %arg2) scale 5.625000e-01 causal true guarded
// CHECK-NEXT: return
func.func @torch(%q: tensor<2x4x5x3xf32>, %k: tensor<2x4x3x5xf32>, %v: tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32> {
  %sq = partita_graph.constant "sq" dense<0.75> : tensor<2x4x5x3xf32> : tensor<2x4x5x3xf32>
  %sk = partita_graph.constant "sk" dense<0.75> : tensor<2x4x3x5xf32> : tensor<2x4x3x5xf32>
  %qs = partita_graph.elementwise "qs" mul(%q, %sq) : (tensor<2x4x5x3xf32>, tensor<2x4x5x3xf32>) -> tensor<2x4x5x3xf32>
  %ks = partita_graph.elementwise "ks" mul(%k, %sk) : (tensor<2x4x3x5xf32>, tensor<2x4x3x5xf32>) -> tensor<2x4x3x5xf32>
  %s = partita_graph.contraction "s"(%qs, %ks) "abxy,abyz->abxz" : (tensor<2x4x5x3xf32>, tensor<2x4x3x5xf32>) -> tensor<2x4x5x5xf32>
  %i = partita_graph.iota "i" dim 0 : tensor<5x5xsi64>
  %j = partita_graph.iota "j" dim 1 : tensor<5x5xsi64>
  %c = partita_graph.elementwise "c" le(%j, %i) : (tensor<5x5xsi64>, tensor<5x5xsi64>) -> tensor<5x5xi1>
  %zero = partita_graph.constant "zero" dense<0.0> : tensor<5x5xf32> : tensor<5x5xf32>
  %low = partita_graph.constant "low" dense<-3.40282347E+38> : tensor<5x5xf32> : tensor<5x5xf32>
  %m = partita_graph.elementwise "m" select(%c, %zero, %low) : (tensor<5x5xi1>, tensor<5x5xf32>, tensor<5x5xf32>) -> tensor<5x5xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [2, 3] : (tensor<5x5xf32>) -> tensor<2x4x5x5xf32>
  %sm = partita_graph.elementwise "sm" add(%s, %mw) : (tensor<2x4x5x5xf32>, tensor<2x4x5x5xf32>) -> tensor<2x4x5x5xf32>
  %p = partita_graph.softmax "p"(%sm) dim 3 : (tensor<2x4x5x5xf32>) -> tensor<2x4x5x5xf32>
  %n = partita_graph.elementwise "n" ne(%p, %p) : (tensor<2x4x5x5xf32>, tensor<2x4x5x5xf32>) -> tensor<2x4x5x5xi1>
  %z = partita_graph.constant "z" dense<0.0> : tensor<2x4x5x5xf32> : tensor<2x4x5x5xf32>
  %g = partita_graph.elementwise "g" select(%n, %z, %p) : (tensor<2x4x5x5xi1>, tensor<2x4x5x5xf32>, tensor<2x4x5x5xf32>) -> tensor<2x4x5x5xf32>
  %out = partita_graph.contraction "out"(%g, %v) "abxy,abyz->abxz" : (tensor<2x4x5x5xf32>, tensor<2x4x5x6xf32>) -> tensor<2x4x5x6xf32>
  return %out : tensor<2x4x5x6xf32>
}

// One batch dim of batches and heads, the scale on the scores, a mask of the padded keys of each, no guard; the result
// has the heads behind the queries.
// CHECK-LABEL: func.func @three_dims
// CHECK: %[[M:.*]] = partita_graph.broadcast "out/mask/broadcast"({{.*}}) dims [1, 3] : (tensor<8x5xf32>) -> tensor<1x8x7x5xf32>
// CHECK: partita_graph.attention "out/attention"({{.*}}, %[[M]]) scale 2.500000e-01 causal false : (tensor<1x8x7x3xf32>, tensor<1x8x5x3xf32>, tensor<1x8x5x6xf32>
// CHECK: partita_graph.transpose "out"{{.*}} permutation [1, 0, 2] : (tensor<8x7x6xf32>) -> tensor<7x8x6xf32>
func.func @three_dims(%q: tensor<8x7x3xf32>, %k: tensor<8x5x3xf32>, %v: tensor<8x5x6xf32>, %pad: tensor<8x1x5xf32>) -> tensor<7x8x6xf32> {
  %four = partita_graph.constant "four" dense<4.0> : tensor<8x7x5xf32> : tensor<8x7x5xf32>
  %s = partita_graph.contraction "s"(%q, %k) "axy,azy->axz" : (tensor<8x7x3xf32>, tensor<8x5x3xf32>) -> tensor<8x7x5xf32>
  %ss = partita_graph.elementwise "ss" div(%s, %four) : (tensor<8x7x5xf32>, tensor<8x7x5xf32>) -> tensor<8x7x5xf32>
  %pr = partita_graph.reshape "pr"(%pad) : (tensor<8x1x5xf32>) -> tensor<8x5xf32>
  %pw = partita_graph.broadcast "pw"(%pr) dims [0, 2] : (tensor<8x5xf32>) -> tensor<8x7x5xf32>
  %sm = partita_graph.elementwise "sm" add(%pw, %ss) : (tensor<8x7x5xf32>, tensor<8x7x5xf32>) -> tensor<8x7x5xf32>
  %p = partita_graph.softmax "p"(%sm) dim 2 : (tensor<8x7x5xf32>) -> tensor<8x7x5xf32>
  %out = partita_graph.contraction "out"(%p, %v) "axy,ayz->xaz" : (tensor<8x7x5xf32>, tensor<8x5x6xf32>) -> tensor<7x8x6xf32>
  return %out : tensor<7x8x6xf32>
}

// Llama: key and value heads are repeated for the query heads of a group, queries and keys are turned by their position.
// CHECK-LABEL: func.func @grouped
// CHECK-COUNT-2: partita_graph.rotary
// CHECK: partita_graph.attention "out"(%{{.*}}, %{{.*}}, %arg2) scale 1.0{{.*}} causal false : (tensor<2x6x5x4xf32>, tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>)
// CHECK-NEXT: return
func.func @grouped(%q: tensor<2x6x5x4xf32>, %k: tensor<2x2x5x4xf32>, %v: tensor<2x2x5x4xf32>, %f: tensor<5x2xf32>) -> tensor<2x6x5x4xf32> {
  %ff = partita_graph.concat "ff"(%f, %f) dim 1 : (tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x4xf32>
  %cos = partita_graph.elementwise "cos" cos(%ff) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %sin = partita_graph.elementwise "sin" sin(%ff) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %cq = partita_graph.broadcast "cq"(%cos) dims [2, 3] : (tensor<5x4xf32>) -> tensor<2x6x5x4xf32>
  %sq = partita_graph.broadcast "sq"(%sin) dims [2, 3] : (tensor<5x4xf32>) -> tensor<2x6x5x4xf32>
  %q0 = partita_graph.slice "q0"(%q) starts [0, 0, 0, 0] strides [1, 1, 1, 1] : (tensor<2x6x5x4xf32>) -> tensor<2x6x5x2xf32>
  %q1 = partita_graph.slice "q1"(%q) starts [0, 0, 0, 2] strides [1, 1, 1, 1] : (tensor<2x6x5x4xf32>) -> tensor<2x6x5x2xf32>
  %qn = partita_graph.elementwise "qn" neg(%q1) : (tensor<2x6x5x2xf32>) -> tensor<2x6x5x2xf32>
  %qt = partita_graph.concat "qt"(%qn, %q0) dim 3 : (tensor<2x6x5x2xf32>, tensor<2x6x5x2xf32>) -> tensor<2x6x5x4xf32>
  %qa = partita_graph.elementwise "qa" mul(%q, %cq) : (tensor<2x6x5x4xf32>, tensor<2x6x5x4xf32>) -> tensor<2x6x5x4xf32>
  %qb = partita_graph.elementwise "qb" mul(%qt, %sq) : (tensor<2x6x5x4xf32>, tensor<2x6x5x4xf32>) -> tensor<2x6x5x4xf32>
  %qr = partita_graph.elementwise "qr" add(%qa, %qb) : (tensor<2x6x5x4xf32>, tensor<2x6x5x4xf32>) -> tensor<2x6x5x4xf32>
  %ck = partita_graph.broadcast "ck"(%cos) dims [2, 3] : (tensor<5x4xf32>) -> tensor<2x2x5x4xf32>
  %sk = partita_graph.broadcast "sk"(%sin) dims [2, 3] : (tensor<5x4xf32>) -> tensor<2x2x5x4xf32>
  %k0 = partita_graph.slice "k0"(%k) starts [0, 0, 0, 0] strides [1, 1, 1, 1] : (tensor<2x2x5x4xf32>) -> tensor<2x2x5x2xf32>
  %k1 = partita_graph.slice "k1"(%k) starts [0, 0, 0, 2] strides [1, 1, 1, 1] : (tensor<2x2x5x4xf32>) -> tensor<2x2x5x2xf32>
  %kn = partita_graph.elementwise "kn" neg(%k1) : (tensor<2x2x5x2xf32>) -> tensor<2x2x5x2xf32>
  %kt = partita_graph.concat "kt"(%kn, %k0) dim 3 : (tensor<2x2x5x2xf32>, tensor<2x2x5x2xf32>) -> tensor<2x2x5x4xf32>
  %ka = partita_graph.elementwise "ka" mul(%k, %ck) : (tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x2x5x4xf32>
  %kb = partita_graph.elementwise "kb" mul(%kt, %sk) : (tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x2x5x4xf32>
  %kr = partita_graph.elementwise "kr" add(%ka, %kb) : (tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>) -> tensor<2x2x5x4xf32>
  %kw = partita_graph.broadcast "kw"(%kr) dims [0, 1, 3, 4] : (tensor<2x2x5x4xf32>) -> tensor<2x2x3x5x4xf32>
  %km = partita_graph.reshape "km"(%kw) : (tensor<2x2x3x5x4xf32>) -> tensor<2x6x5x4xf32>
  %kT = partita_graph.transpose "kT"(%km) permutation [0, 1, 3, 2] : (tensor<2x6x5x4xf32>) -> tensor<2x6x4x5xf32>
  %vw = partita_graph.broadcast "vw"(%v) dims [0, 1, 3, 4] : (tensor<2x2x5x4xf32>) -> tensor<2x2x3x5x4xf32>
  %vm = partita_graph.reshape "vm"(%vw) : (tensor<2x2x3x5x4xf32>) -> tensor<2x6x5x4xf32>
  %s = partita_graph.contraction "s"(%qr, %kT) "abxy,abyz->abxz" : (tensor<2x6x5x4xf32>, tensor<2x6x4x5xf32>) -> tensor<2x6x5x5xf32>
  %p = partita_graph.softmax "p"(%s) dim 3 : (tensor<2x6x5x5xf32>) -> tensor<2x6x5x5xf32>
  %out = partita_graph.contraction "out"(%p, %vm) "abxy,abyz->abxz" : (tensor<2x6x5x5xf32>, tensor<2x6x5x4xf32>) -> tensor<2x6x5x4xf32>
  return %out : tensor<2x6x5x4xf32>
}

// Who wants the probabilities keeps them.
// CHECK-LABEL: func.func @read_probabilities
// CHECK-NOT: partita_graph.attention
// CHECK: return
func.func @read_probabilities(%q: tensor<2x5x3xf32>, %k: tensor<2x5x3xf32>, %v: tensor<2x5x3xf32>) -> (tensor<2x5x3xf32>, tensor<2x5x5xf32>) {
  %s = partita_graph.contraction "s"(%q, %k) "axy,azy->axz" : (tensor<2x5x3xf32>, tensor<2x5x3xf32>) -> tensor<2x5x5xf32>
  %p = partita_graph.softmax "p"(%s) dim 2 : (tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %out = partita_graph.contraction "out"(%p, %v) "axy,ayz->axz" : (tensor<2x5x5xf32>, tensor<2x5x3xf32>) -> tensor<2x5x3xf32>
  return %out, %p : tensor<2x5x3xf32>, tensor<2x5x5xf32>
}

// A table that was folded to a constant: equal halves of its rows show in its elements.
// CHECK-LABEL: func.func @folded_table
// CHECK: partita_graph.constant {{.*}}half" dense<{{\[\[}}1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]>
// CHECK: partita_graph.rotary "out"(%arg0,
// CHECK-NEXT: return
func.func @folded_table(%q: tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32> {
  %c = partita_graph.constant "c" dense<[[1.0, 2.0, 1.0, 2.0], [3.0, 4.0, 3.0, 4.0]]> : tensor<2x4xf32> : tensor<2x4xf32>
  %s = partita_graph.constant "s" dense<0.5> : tensor<2x4xf32> : tensor<2x4xf32>
  %cw = partita_graph.broadcast "cw"(%c) dims [2, 3] : (tensor<2x4xf32>) -> tensor<1x2x2x4xf32>
  %sw = partita_graph.broadcast "sw"(%s) dims [2, 3] : (tensor<2x4xf32>) -> tensor<1x2x2x4xf32>
  %q0 = partita_graph.slice "q0"(%q) starts [0, 0, 0, 0] strides [1, 1, 1, 1] : (tensor<1x2x2x4xf32>) -> tensor<1x2x2x2xf32>
  %q1 = partita_graph.slice "q1"(%q) starts [0, 0, 0, 2] strides [1, 1, 1, 1] : (tensor<1x2x2x4xf32>) -> tensor<1x2x2x2xf32>
  %n = partita_graph.elementwise "n" neg(%q1) : (tensor<1x2x2x2xf32>) -> tensor<1x2x2x2xf32>
  %t = partita_graph.concat "t"(%n, %q0) dim 3 : (tensor<1x2x2x2xf32>, tensor<1x2x2x2xf32>) -> tensor<1x2x2x4xf32>
  %a = partita_graph.elementwise "a" mul(%q, %cw) : (tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %b = partita_graph.elementwise "b" mul(%t, %sw) : (tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  %out = partita_graph.elementwise "out" add(%a, %b) : (tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) -> tensor<1x2x2x4xf32>
  return %out : tensor<1x2x2x4xf32>
}
