// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// Attention as TensorFlow and Paddle write it. RecognizeTest.cpp runs every function of this file before and after the
// pass and compares the numbers.

// tf2onnx, folded: scores * visible + hidden, which is far enough below scores where every query sees a key.
// CHECK-LABEL: func.func @known_choice
// CHECK: partita_graph.attention "out"(%arg0, %arg1, %arg2) scale 1.0{{.*}} causal true
// CHECK-NEXT: return
func.func @known_choice(%q: tensor<2x3x2x4xf32>, %k: tensor<2x3x2x4xf32>, %v: tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32> {
  %m = partita_graph.constant "m" dense<[[1.0, 0.0], [1.0, 1.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %h = partita_graph.constant "h" dense<[[0.0, -1.0e9], [0.0, 0.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [2, 3] : (tensor<2x2xf32>) -> tensor<2x3x2x2xf32>
  %hw = partita_graph.broadcast "hw"(%h) dims [2, 3] : (tensor<2x2xf32>) -> tensor<2x3x2x2xf32>
  %s = partita_graph.contraction "s"(%q, %k) "abxy,abzy->abxz" : (tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x2xf32>
  %a = partita_graph.elementwise "a" mul(%mw, %s) : (tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %b = partita_graph.elementwise "b" add(%a, %hw) : (tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %p = partita_graph.softmax "p"(%b) dim 3 : (tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %out = partita_graph.contraction "out"(%p, %v) "abxy,abyz->abxz" : (tensor<2x3x2x2xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32>
  return %out : tensor<2x3x2x4xf32>
}

// The first query sees nothing: it has the mean of all values, which -1e9 added to its scores would not give.
// CHECK-LABEL: func.func @blind_query
// CHECK-NOT: partita_graph.attention
// CHECK: return
func.func @blind_query(%q: tensor<2x3x2x4xf32>, %k: tensor<2x3x2x4xf32>, %v: tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32> {
  %c = partita_graph.constant "c" dense<[[false, false], [true, true]]> : tensor<2x2xi1> : tensor<2x2xi1>
  %cw = partita_graph.broadcast "cw"(%c) dims [2, 3] : (tensor<2x2xi1>) -> tensor<2x3x2x2xi1>
  %low = partita_graph.constant "low" dense<-1.0e9> : tensor<2x3x2x2xf32> : tensor<2x3x2x2xf32>
  %s = partita_graph.contraction "s"(%q, %k) "abxy,abzy->abxz" : (tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x2xf32>
  %b = partita_graph.elementwise "b" select(%cw, %s, %low) : (tensor<2x3x2x2xi1>, tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %p = partita_graph.softmax "p"(%b) dim 3 : (tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %out = partita_graph.contraction "out"(%p, %v) "abxy,abyz->abxz" : (tensor<2x3x2x2xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32>
  return %out : tensor<2x3x2x4xf32>
}

// Keras: the mask is data, of keys; what is seen has something added (Paddle's way to widen an operand).
// CHECK-LABEL: func.func @padding
// CHECK: %[[M:.*]] = partita_graph.elementwise "out/mask" select(%arg3, %arg4, %{{.*}}) : (tensor<2x1x5xi1>, tensor<2x1x5xf32>, tensor<2x1x5xf32>)
// CHECK: %[[R:.*]] = partita_graph.reshape {{.*}}(%[[M]]) : (tensor<2x1x5xf32>) -> tensor<2x5xf32>
// CHECK: %[[W:.*]] = partita_graph.broadcast "out/mask/broadcast"(%[[R]]) dims [0, 3] : (tensor<2x5xf32>) -> tensor<2x1x5x5xf32>
// CHECK: partita_graph.attention "out"(%arg0, %arg1, %arg2, %[[W]]) scale 5.0{{.*}} causal false
func.func @padding(%q: tensor<2x3x5x4xf32>, %k: tensor<2x3x5x4xf32>, %v: tensor<2x3x5x4xf32>, %cu: tensor<2x1x5xi1>, %eu: tensor<2x1x5xf32>) -> tensor<2x3x5x4xf32> {
  %c = partita_graph.reshape "c"(%cu) : (tensor<2x1x5xi1>) -> tensor<2x5xi1>
  %e = partita_graph.reshape "e"(%eu) : (tensor<2x1x5xf32>) -> tensor<2x5xf32>
  %half = partita_graph.constant "half" dense<0.5> : tensor<2x3x5x5xf32> : tensor<2x3x5x5xf32>
  %low = partita_graph.constant "low" dense<-2.0e38> : tensor<2x3x5x5xf32> : tensor<2x3x5x5xf32>
  %cw = partita_graph.broadcast "cw"(%c) dims [0, 3] : (tensor<2x5xi1>) -> tensor<2x3x5x5xi1>
  %n = partita_graph.elementwise "n" not(%cw) : (tensor<2x3x5x5xi1>) -> tensor<2x3x5x5xi1>
  %cf = partita_graph.cast "cf"(%cw) : (tensor<2x3x5x5xi1>) -> tensor<2x3x5x5xf32>
  %nf = partita_graph.cast "nf"(%n) : (tensor<2x3x5x5xi1>) -> tensor<2x3x5x5xf32>
  %s = partita_graph.contraction "s"(%q, %k) "abxy,abzy->abxz" : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x5xf32>
  %ss = partita_graph.elementwise "ss" mul(%s, %half) : (tensor<2x3x5x5xf32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %ew = partita_graph.broadcast "ew"(%e) dims [0, 3] : (tensor<2x5xf32>) -> tensor<2x3x5x5xf32>
  %se = partita_graph.elementwise "se" add(%ss, %ew) : (tensor<2x3x5x5xf32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %a = partita_graph.elementwise "a" mul(%cf, %se) : (tensor<2x3x5x5xf32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %b = partita_graph.elementwise "b" mul(%low, %nf) : (tensor<2x3x5x5xf32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %m = partita_graph.elementwise "m" add(%a, %b) : (tensor<2x3x5x5xf32>, tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %p = partita_graph.softmax "p"(%m) dim 3 : (tensor<2x3x5x5xf32>) -> tensor<2x3x5x5xf32>
  %out = partita_graph.contraction "out"(%p, %v) "abxy,abyz->abxz" : (tensor<2x3x5x5xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x4xf32>
  return %out : tensor<2x3x5x4xf32>
}

// Heads behind the sequence, turned there by tables that are scaled, key heads repeated there.
// CHECK-LABEL: func.func @heads_behind
// CHECK-COUNT-2: partita_graph.rotary
// CHECK: %[[V:.*]] = partita_graph.transpose "out/value/turned"(%arg2) permutation [0, 2, 1, 3]
// CHECK: partita_graph.attention "{{.*}}"(%{{.*}}, %{{.*}}, %[[V]]) {{.*}} : (tensor<2x6x5x4xf32>, tensor<2x2x5x4xf32>, tensor<2x2x5x4xf32>)
func.func @heads_behind(%q: tensor<2x5x6x4xf32>, %k: tensor<2x5x2x4xf32>, %v: tensor<2x5x2x4xf32>, %f: tensor<5x2xf32>) -> tensor<2x5x6x4xf32> {
  %ff = partita_graph.concat "ff"(%f, %f) dim 1 : (tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x4xf32>
  %two = partita_graph.constant "two" dense<2.0> : tensor<5x4xf32> : tensor<5x4xf32>
  %minus = partita_graph.constant "minus" dense<-1.0> : tensor<2x5x2x2xf32> : tensor<2x5x2x2xf32>
  %c0 = partita_graph.elementwise "c0" cos(%ff) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %cos = partita_graph.elementwise "cos" mul(%c0, %two) : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x4xf32>
  %sin = partita_graph.elementwise "sin" sin(%ff) : (tensor<5x4xf32>) -> tensor<5x4xf32>
  %cq = partita_graph.broadcast "cq"(%cos) dims [1, 3] : (tensor<5x4xf32>) -> tensor<2x5x6x4xf32>
  %sq = partita_graph.broadcast "sq"(%sin) dims [1, 3] : (tensor<5x4xf32>) -> tensor<2x5x6x4xf32>
  %q0 = partita_graph.slice "q0"(%q) starts [0, 0, 0, 0] strides [1, 1, 1, 1] : (tensor<2x5x6x4xf32>) -> tensor<2x5x6x2xf32>
  %q1 = partita_graph.slice "q1"(%q) starts [0, 0, 0, 2] strides [1, 1, 1, 1] : (tensor<2x5x6x4xf32>) -> tensor<2x5x6x2xf32>
  %qn = partita_graph.elementwise "qn" neg(%q1) : (tensor<2x5x6x2xf32>) -> tensor<2x5x6x2xf32>
  %qt = partita_graph.concat "qt"(%qn, %q0) dim 3 : (tensor<2x5x6x2xf32>, tensor<2x5x6x2xf32>) -> tensor<2x5x6x4xf32>
  %qa = partita_graph.elementwise "qa" mul(%q, %cq) : (tensor<2x5x6x4xf32>, tensor<2x5x6x4xf32>) -> tensor<2x5x6x4xf32>
  %qb = partita_graph.elementwise "qb" mul(%qt, %sq) : (tensor<2x5x6x4xf32>, tensor<2x5x6x4xf32>) -> tensor<2x5x6x4xf32>
  %qr = partita_graph.elementwise "qr" add(%qa, %qb) : (tensor<2x5x6x4xf32>, tensor<2x5x6x4xf32>) -> tensor<2x5x6x4xf32>
  %ck = partita_graph.broadcast "ck"(%cos) dims [1, 3] : (tensor<5x4xf32>) -> tensor<2x5x2x4xf32>
  %sk = partita_graph.broadcast "sk"(%sin) dims [1, 3] : (tensor<5x4xf32>) -> tensor<2x5x2x4xf32>
  %k0 = partita_graph.slice "k0"(%k) starts [0, 0, 0, 0] strides [1, 1, 1, 1] : (tensor<2x5x2x4xf32>) -> tensor<2x5x2x2xf32>
  %k1 = partita_graph.slice "k1"(%k) starts [0, 0, 0, 2] strides [1, 1, 1, 1] : (tensor<2x5x2x4xf32>) -> tensor<2x5x2x2xf32>
  %kn = partita_graph.elementwise "kn" mul(%k1, %minus) : (tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>) -> tensor<2x5x2x2xf32>
  %kt = partita_graph.concat "kt"(%kn, %k0) dim 3 : (tensor<2x5x2x2xf32>, tensor<2x5x2x2xf32>) -> tensor<2x5x2x4xf32>
  %ka = partita_graph.elementwise "ka" mul(%k, %ck) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  %kb = partita_graph.elementwise "kb" mul(%kt, %sk) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  %kr = partita_graph.elementwise "kr" add(%ka, %kb) : (tensor<2x5x2x4xf32>, tensor<2x5x2x4xf32>) -> tensor<2x5x2x4xf32>
  %kw = partita_graph.broadcast "kw"(%kr) dims [0, 1, 2, 4] : (tensor<2x5x2x4xf32>) -> tensor<2x5x2x3x4xf32>
  %km = partita_graph.reshape "km"(%kw) : (tensor<2x5x2x3x4xf32>) -> tensor<2x5x6x4xf32>
  %vw = partita_graph.broadcast "vw"(%v) dims [0, 1, 2, 4] : (tensor<2x5x2x4xf32>) -> tensor<2x5x2x3x4xf32>
  %vm = partita_graph.reshape "vm"(%vw) : (tensor<2x5x2x3x4xf32>) -> tensor<2x5x6x4xf32>
  %s = partita_graph.contraction "s"(%qr, %km) "axby,azby->abxz" : (tensor<2x5x6x4xf32>, tensor<2x5x6x4xf32>) -> tensor<2x6x5x5xf32>
  %p = partita_graph.softmax "p"(%s) dim 3 : (tensor<2x6x5x5xf32>) -> tensor<2x6x5x5xf32>
  %out = partita_graph.contraction "out"(%p, %vm) "abxy,aybz->axbz" : (tensor<2x6x5x5xf32>, tensor<2x5x6x4xf32>) -> tensor<2x5x6x4xf32>
  return %out : tensor<2x5x6x4xf32>
}

// What is chosen in place of one score is 0, which hides nothing.
// CHECK-LABEL: func.func @half_hidden
// CHECK-NOT: partita_graph.attention
// CHECK: return
func.func @half_hidden(%q: tensor<2x3x2x4xf32>, %k: tensor<2x3x2x4xf32>, %v: tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32> {
  %m = partita_graph.constant "m" dense<[[1.0, 0.0], [1.0, 0.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %h = partita_graph.constant "h" dense<[[0.0, -1.0e9], [0.0, 0.0]]> : tensor<2x2xf32> : tensor<2x2xf32>
  %mw = partita_graph.broadcast "mw"(%m) dims [2, 3] : (tensor<2x2xf32>) -> tensor<2x3x2x2xf32>
  %hw = partita_graph.broadcast "hw"(%h) dims [2, 3] : (tensor<2x2xf32>) -> tensor<2x3x2x2xf32>
  %s = partita_graph.contraction "s"(%q, %k) "abxy,abzy->abxz" : (tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x2xf32>
  %a = partita_graph.elementwise "a" mul(%mw, %s) : (tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %b = partita_graph.elementwise "b" add(%a, %hw) : (tensor<2x3x2x2xf32>, tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %p = partita_graph.softmax "p"(%b) dim 3 : (tensor<2x3x2x2xf32>) -> tensor<2x3x2x2xf32>
  %out = partita_graph.contraction "out"(%p, %v) "abxy,abyz->abxz" : (tensor<2x3x2x2xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32>
  return %out : tensor<2x3x2x4xf32>
}
