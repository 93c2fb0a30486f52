// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// Steps of a GRU, written out, are one op. RecognizeTest.cpp runs every function of this file before and after the pass.

// The last gate resets what the state gives it (Keras' default).
// CHECK-LABEL: func.func @after
// CHECK: partita_graph.contraction "t0s/gates"(%arg0, %{{.*}}) "tni,dghi->tdngh" : (tensor<2x4x3xf32>, tensor<1x3x2x3xf32>) -> tensor<2x1x4x3x2xf32>
// CHECK: partita_graph.recurrent "t0s/cell" gru forward({{.*}} bias {{.*}} reset_after true
// CHECK-NEXT: %[[ROWS:.*]] = partita_graph.reshape "t0s/states"
// CHECK-NOT: partita_graph.concat
// CHECK: return %[[ROWS]], %
func.func @after(%x: tensor<2x4x3xf32>, %s: tensor<4x2xf32>, %wz: tensor<3x2xf32>, %wr: tensor<3x2xf32>, %wh: tensor<3x2xf32>, %bz: tensor<2xf32>, %br: tensor<2xf32>, %bh: tensor<2xf32>, %u: tensor<2x6xf32>, %c: tensor<2xf32>) -> (tensor<2x4x2xf32>, tensor<4x2xf32>) {
  %one = partita_graph.constant "one" dense<1.0> : tensor<4x2xf32> : tensor<4x2xf32>
  %t0l = partita_graph.slice "t0l"(%x) starts [0, 0, 0] strides [1, 1, 1] : (tensor<2x4x3xf32>) -> tensor<1x4x3xf32>
  %t0x = partita_graph.reshape "t0x"(%t0l) : (tensor<1x4x3xf32>) -> tensor<4x3xf32>
  %t0zi = partita_graph.contraction "t0zi"(%t0x, %wz) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t0zb = partita_graph.broadcast "t0zb"(%bz) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0zs = partita_graph.elementwise "t0zs" add(%t0zi, %t0zb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0ri = partita_graph.contraction "t0ri"(%t0x, %wr) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t0rb = partita_graph.broadcast "t0rb"(%br) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0rs = partita_graph.elementwise "t0rs" add(%t0ri, %t0rb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0hi = partita_graph.contraction "t0hi"(%t0x, %wh) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t0hb = partita_graph.broadcast "t0hb"(%bh) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0hs = partita_graph.elementwise "t0hs" add(%t0hi, %t0hb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0a = partita_graph.contraction "t0a"(%s, %u) "xy,yz->xz" : (tensor<4x2xf32>, tensor<2x6xf32>) -> tensor<4x6xf32>
  %t0za = partita_graph.slice "t0za"(%t0a) starts [0, 0] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  %t0ra = partita_graph.slice "t0ra"(%t0a) starts [0, 2] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  %t0ha = partita_graph.slice "t0ha"(%t0a) starts [0, 4] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  %t0zt = partita_graph.elementwise "t0zt" add(%t0zs, %t0za) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0z = partita_graph.elementwise "t0z" sigmoid(%t0zt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0rt = partita_graph.elementwise "t0rt" add(%t0rs, %t0ra) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0r = partita_graph.elementwise "t0r" sigmoid(%t0rt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0c = partita_graph.broadcast "t0c"(%c) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0d = partita_graph.elementwise "t0d" add(%t0ha, %t0c) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0m = partita_graph.elementwise "t0m" mul(%t0r, %t0d) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0ht = partita_graph.elementwise "t0ht" add(%t0hs, %t0m) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0h = partita_graph.elementwise "t0h" tanh(%t0ht) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0k = partita_graph.elementwise "t0k" mul(%t0z, %s) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0o = partita_graph.elementwise "t0o" sub(%one, %t0z) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0f = partita_graph.elementwise "t0f" mul(%t0o, %t0h) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0s = partita_graph.elementwise "t0s" add(%t0k, %t0f) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0y = partita_graph.reshape "t0y"(%t0s) : (tensor<4x2xf32>) -> tensor<1x4x2xf32>
  %t1l = partita_graph.slice "t1l"(%x) starts [1, 0, 0] strides [1, 1, 1] : (tensor<2x4x3xf32>) -> tensor<1x4x3xf32>
  %t1x = partita_graph.reshape "t1x"(%t1l) : (tensor<1x4x3xf32>) -> tensor<4x3xf32>
  %t1zi = partita_graph.contraction "t1zi"(%t1x, %wz) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t1zb = partita_graph.broadcast "t1zb"(%bz) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1zs = partita_graph.elementwise "t1zs" add(%t1zi, %t1zb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1ri = partita_graph.contraction "t1ri"(%t1x, %wr) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t1rb = partita_graph.broadcast "t1rb"(%br) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1rs = partita_graph.elementwise "t1rs" add(%t1ri, %t1rb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1hi = partita_graph.contraction "t1hi"(%t1x, %wh) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t1hb = partita_graph.broadcast "t1hb"(%bh) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1hs = partita_graph.elementwise "t1hs" add(%t1hi, %t1hb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1a = partita_graph.contraction "t1a"(%t0s, %u) "xy,yz->xz" : (tensor<4x2xf32>, tensor<2x6xf32>) -> tensor<4x6xf32>
  %t1za = partita_graph.slice "t1za"(%t1a) starts [0, 0] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  %t1ra = partita_graph.slice "t1ra"(%t1a) starts [0, 2] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  %t1ha = partita_graph.slice "t1ha"(%t1a) starts [0, 4] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x2xf32>
  %t1zt = partita_graph.elementwise "t1zt" add(%t1zs, %t1za) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1z = partita_graph.elementwise "t1z" sigmoid(%t1zt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1rt = partita_graph.elementwise "t1rt" add(%t1rs, %t1ra) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1r = partita_graph.elementwise "t1r" sigmoid(%t1rt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1c = partita_graph.broadcast "t1c"(%c) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1d = partita_graph.elementwise "t1d" add(%t1ha, %t1c) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1m = partita_graph.elementwise "t1m" mul(%t1r, %t1d) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1ht = partita_graph.elementwise "t1ht" add(%t1hs, %t1m) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1h = partita_graph.elementwise "t1h" tanh(%t1ht) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1k = partita_graph.elementwise "t1k" mul(%t1z, %t0s) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1o = partita_graph.elementwise "t1o" sub(%one, %t1z) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1f = partita_graph.elementwise "t1f" mul(%t1o, %t1h) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1s = partita_graph.elementwise "t1s" add(%t1k, %t1f) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1y = partita_graph.reshape "t1y"(%t1s) : (tensor<4x2xf32>) -> tensor<1x4x2xf32>
  %out = partita_graph.concat "out"(%t0y, %t1y) dim 0 : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<2x4x2xf32>
  return %out, %t1s : tensor<2x4x2xf32>, tensor<4x2xf32>
}

// The state is reset before the product.
// CHECK-LABEL: func.func @before
// CHECK: partita_graph.recurrent "t0s/cell" gru forward({{.*}} reset_after false
// CHECK-NEXT: %[[ROWS:.*]] = partita_graph.reshape "t0s/states"
// CHECK: return %[[ROWS]], %
func.func @before(%x: tensor<2x4x3xf32>, %s: tensor<4x2xf32>, %wz: tensor<3x2xf32>, %wr: tensor<3x2xf32>, %wh: tensor<3x2xf32>, %bz: tensor<2xf32>, %br: tensor<2xf32>, %bh: tensor<2xf32>, %u: tensor<2x6xf32>) -> (tensor<2x4x2xf32>, tensor<4x2xf32>) {
  %one = partita_graph.constant "one" dense<1.0> : tensor<4x2xf32> : tensor<4x2xf32>
  %t0l = partita_graph.slice "t0l"(%x) starts [0, 0, 0] strides [1, 1, 1] : (tensor<2x4x3xf32>) -> tensor<1x4x3xf32>
  %t0x = partita_graph.reshape "t0x"(%t0l) : (tensor<1x4x3xf32>) -> tensor<4x3xf32>
  %t0zi = partita_graph.contraction "t0zi"(%t0x, %wz) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t0zb = partita_graph.broadcast "t0zb"(%bz) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0zs = partita_graph.elementwise "t0zs" add(%t0zi, %t0zb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0ri = partita_graph.contraction "t0ri"(%t0x, %wr) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t0rb = partita_graph.broadcast "t0rb"(%br) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0rs = partita_graph.elementwise "t0rs" add(%t0ri, %t0rb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0hi = partita_graph.contraction "t0hi"(%t0x, %wh) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t0hb = partita_graph.broadcast "t0hb"(%bh) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t0hs = partita_graph.elementwise "t0hs" add(%t0hi, %t0hb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0u = partita_graph.slice "t0u"(%u) starts [0, 0] strides [1, 1] : (tensor<2x6xf32>) -> tensor<2x4xf32>
  %t0a = partita_graph.contraction "t0a"(%s, %t0u) "xy,yz->xz" : (tensor<4x2xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  %t0za = partita_graph.slice "t0za"(%t0a) starts [0, 0] strides [1, 1] : (tensor<4x4xf32>) -> tensor<4x2xf32>
  %t0ra = partita_graph.slice "t0ra"(%t0a) starts [0, 2] strides [1, 1] : (tensor<4x4xf32>) -> tensor<4x2xf32>
  %t0zt = partita_graph.elementwise "t0zt" add(%t0zs, %t0za) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0z = partita_graph.elementwise "t0z" sigmoid(%t0zt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0rt = partita_graph.elementwise "t0rt" add(%t0rs, %t0ra) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0r = partita_graph.elementwise "t0r" sigmoid(%t0rt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0q = partita_graph.elementwise "t0q" mul(%t0r, %s) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0v = partita_graph.slice "t0v"(%u) starts [0, 4] strides [1, 1] : (tensor<2x6xf32>) -> tensor<2x2xf32>
  %t0m = partita_graph.contraction "t0m"(%t0q, %t0v) "xy,yz->xz" : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  %t0ht = partita_graph.elementwise "t0ht" add(%t0hs, %t0m) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0h = partita_graph.elementwise "t0h" tanh(%t0ht) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0k = partita_graph.elementwise "t0k" mul(%t0z, %s) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0o = partita_graph.elementwise "t0o" sub(%one, %t0z) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0f = partita_graph.elementwise "t0f" mul(%t0o, %t0h) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0s = partita_graph.elementwise "t0s" add(%t0k, %t0f) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t0y = partita_graph.reshape "t0y"(%t0s) : (tensor<4x2xf32>) -> tensor<1x4x2xf32>
  %t1l = partita_graph.slice "t1l"(%x) starts [1, 0, 0] strides [1, 1, 1] : (tensor<2x4x3xf32>) -> tensor<1x4x3xf32>
  %t1x = partita_graph.reshape "t1x"(%t1l) : (tensor<1x4x3xf32>) -> tensor<4x3xf32>
  %t1zi = partita_graph.contraction "t1zi"(%t1x, %wz) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t1zb = partita_graph.broadcast "t1zb"(%bz) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1zs = partita_graph.elementwise "t1zs" add(%t1zi, %t1zb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1ri = partita_graph.contraction "t1ri"(%t1x, %wr) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t1rb = partita_graph.broadcast "t1rb"(%br) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1rs = partita_graph.elementwise "t1rs" add(%t1ri, %t1rb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1hi = partita_graph.contraction "t1hi"(%t1x, %wh) "xy,yz->xz" : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
  %t1hb = partita_graph.broadcast "t1hb"(%bh) dims [1] : (tensor<2xf32>) -> tensor<4x2xf32>
  %t1hs = partita_graph.elementwise "t1hs" add(%t1hi, %t1hb) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1u = partita_graph.slice "t1u"(%u) starts [0, 0] strides [1, 1] : (tensor<2x6xf32>) -> tensor<2x4xf32>
  %t1a = partita_graph.contraction "t1a"(%t0s, %t1u) "xy,yz->xz" : (tensor<4x2xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  %t1za = partita_graph.slice "t1za"(%t1a) starts [0, 0] strides [1, 1] : (tensor<4x4xf32>) -> tensor<4x2xf32>
  %t1ra = partita_graph.slice "t1ra"(%t1a) starts [0, 2] strides [1, 1] : (tensor<4x4xf32>) -> tensor<4x2xf32>
  %t1zt = partita_graph.elementwise "t1zt" add(%t1zs, %t1za) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1z = partita_graph.elementwise "t1z" sigmoid(%t1zt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1rt = partita_graph.elementwise "t1rt" add(%t1rs, %t1ra) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1r = partita_graph.elementwise "t1r" sigmoid(%t1rt) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1q = partita_graph.elementwise "t1q" mul(%t1r, %t0s) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1v = partita_graph.slice "t1v"(%u) starts [0, 4] strides [1, 1] : (tensor<2x6xf32>) -> tensor<2x2xf32>
  %t1m = partita_graph.contraction "t1m"(%t1q, %t1v) "xy,yz->xz" : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  %t1ht = partita_graph.elementwise "t1ht" add(%t1hs, %t1m) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1h = partita_graph.elementwise "t1h" tanh(%t1ht) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1k = partita_graph.elementwise "t1k" mul(%t1z, %t0s) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1o = partita_graph.elementwise "t1o" sub(%one, %t1z) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1f = partita_graph.elementwise "t1f" mul(%t1o, %t1h) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1s = partita_graph.elementwise "t1s" add(%t1k, %t1f) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %t1y = partita_graph.reshape "t1y"(%t1s) : (tensor<4x2xf32>) -> tensor<1x4x2xf32>
  %out = partita_graph.concat "out"(%t0y, %t1y) dim 0 : (tensor<1x4x2xf32>, tensor<1x4x2xf32>) -> tensor<2x4x2xf32>
  return %out, %t1s : tensor<2x4x2xf32>, tensor<4x2xf32>
}
