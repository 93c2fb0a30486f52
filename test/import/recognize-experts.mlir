// RUN: partita-opt %s --partita-recognize-composites | FileCheck %s

// Layers of experts as gathers of weights. RecognizeTest.cpp runs every function of this file before and after the pass and
// compares the numbers.

// transformers' batched_mm: gate and up are halves of one weight.
// CHECK-LABEL: func.func @halves
// CHECK-DAG: %[[GATE:.*]] = partita_graph.slice "y/gate/slice"(%arg2) starts [0, 0, 0]
// CHECK-DAG: %[[UP:.*]] = partita_graph.slice "y/up/slice"(%arg2) starts [0, 12, 0]
// CHECK: partita_graph.experts "y/experts" silu(%{{.*}} at %{{.*}} shares %{{.*}} gate %{{.*}} up %{{.*}} down %{{.*}}) : (tensor<1x6x8xf32>, tensor<1x6x2xsi64>, tensor<1x6x2xf32>, tensor<1x4x12x8xf32>, tensor<1x4x12x8xf32>, tensor<1x4x8x12xf32>) -> tensor<1x6x8xf32>
// CHECK-NEXT: partita_graph.reshape "y"
// CHECK-NEXT: return
func.func @halves(%x: tensor<6x8xf32>, %scores: tensor<6x4xf32>, %wide: tensor<4x24x8xf32>, %down: tensor<4x8x12xf32>) -> tensor<6x8xf32> {
  %p = partita_graph.top_k "p"(%scores) dim 1 largest true : (tensor<6x4xf32>) -> tensor<6x2xsi64>
  %s = partita_graph.gather_along "s"(%scores, %p) axis 1 dims [0, 1] : (tensor<6x4xf32>, tensor<6x2xsi64>) -> tensor<6x2xf32>
  %i = partita_graph.reshape "i"(%p) : (tensor<6x2xsi64>) -> tensor<12xsi64>
  %wd = partita_graph.gather "wd"(%down, %i) axis 0 : (tensor<4x8x12xf32>, tensor<12xsi64>) -> tensor<12x8x12xf32>
  %ww = partita_graph.gather "ww"(%wide, %i) axis 0 : (tensor<4x24x8xf32>, tensor<12xsi64>) -> tensor<12x24x8xf32>
  %r = partita_graph.broadcast "r"(%x) dims [0, 2] : (tensor<6x8xf32>) -> tensor<6x2x8xf32>
  %rows = partita_graph.reshape "rows"(%r) : (tensor<6x2x8xf32>) -> tensor<12x8x1xf32>
  %b = partita_graph.contraction "b"(%ww, %rows) "axy,ayz->axz" : (tensor<12x24x8xf32>, tensor<12x8x1xf32>) -> tensor<12x24x1xf32>
  %q = partita_graph.reshape "q"(%b) : (tensor<12x24x1xf32>) -> tensor<12x24xf32>
  %g = partita_graph.slice "g"(%q) starts [0, 0] strides [1, 1] : (tensor<12x24xf32>) -> tensor<12x12xf32>
  %u = partita_graph.slice "u"(%q) starts [0, 12] strides [1, 1] : (tensor<12x24xf32>) -> tensor<12x12xf32>
  %f = partita_graph.elementwise "f" silu(%g) : (tensor<12x12xf32>) -> tensor<12x12xf32>
  %m = partita_graph.elementwise "m" mul(%f, %u) : (tensor<12x12xf32>, tensor<12x12xf32>) -> tensor<12x12xf32>
  %mc = partita_graph.reshape "mc"(%m) : (tensor<12x12xf32>) -> tensor<12x12x1xf32>
  %d = partita_graph.contraction "d"(%wd, %mc) "axy,ayz->axz" : (tensor<12x8x12xf32>, tensor<12x12x1xf32>) -> tensor<12x8x1xf32>
  %e = partita_graph.reshape "e"(%d) : (tensor<12x8x1xf32>) -> tensor<12x8xf32>
  %sf = partita_graph.reshape "sf"(%s) : (tensor<6x2xf32>) -> tensor<12xf32>
  %sw = partita_graph.broadcast "sw"(%sf) dims [0] : (tensor<12xf32>) -> tensor<12x8xf32>
  %w = partita_graph.elementwise "w" mul(%e, %sw) : (tensor<12x8xf32>, tensor<12x8xf32>) -> tensor<12x8xf32>
  %k = partita_graph.reshape "k"(%w) : (tensor<12x8xf32>) -> tensor<6x2x8xf32>
  %y = partita_graph.reduce "y" sum(%k) dims [1] : (tensor<6x2x8xf32>) -> tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}

// Weights by input and output, the token on the left, no factor beside the function, every second column.
// CHECK-LABEL: func.func @transposed
// CHECK-DAG: partita_graph.transpose "y/gate/transpose"(%arg2) permutation [0, 2, 1]
// CHECK-DAG: partita_graph.slice "y/gate/slice"(%{{.*}}) starts [0, 1, 0] strides [1, 2, 1]
// CHECK: partita_graph.experts "y/experts" relu(%{{.*}} at %{{.*}} shares %{{.*}} gate %{{.*}} down %{{.*}})
func.func @transposed(%x: tensor<5x3xf32>, %scores: tensor<5x4xf32>, %wide: tensor<4x3x14xf32>, %down: tensor<4x7x3xf32>) -> tensor<5x3xf32> {
  %p = partita_graph.top_k "p"(%scores) dim 1 largest true : (tensor<5x4xf32>) -> tensor<5x3xsi64>
  %s = partita_graph.gather_along "s"(%scores, %p) axis 1 dims [0, 1] : (tensor<5x4xf32>, tensor<5x3xsi64>) -> tensor<5x3xf32>
  %i = partita_graph.reshape "i"(%p) : (tensor<5x3xsi64>) -> tensor<15xsi64>
  %wd = partita_graph.gather "wd"(%down, %i) axis 0 : (tensor<4x7x3xf32>, tensor<15xsi64>) -> tensor<15x7x3xf32>
  %ww = partita_graph.gather "ww"(%wide, %i) axis 0 : (tensor<4x3x14xf32>, tensor<15xsi64>) -> tensor<15x3x14xf32>
  %r = partita_graph.broadcast "r"(%x) dims [0, 2] : (tensor<5x3xf32>) -> tensor<5x3x3xf32>
  %rows = partita_graph.reshape "rows"(%r) : (tensor<5x3x3xf32>) -> tensor<15x3xf32>
  %b = partita_graph.contraction "b"(%rows, %ww) "ay,ayz->az" : (tensor<15x3xf32>, tensor<15x3x14xf32>) -> tensor<15x14xf32>
  %g = partita_graph.slice "g"(%b) starts [0, 1] strides [1, 2] : (tensor<15x14xf32>) -> tensor<15x7xf32>
  %f = partita_graph.elementwise "f" relu(%g) : (tensor<15x7xf32>) -> tensor<15x7xf32>
  %d = partita_graph.contraction "d"(%f, %wd) "ay,ayz->az" : (tensor<15x7xf32>, tensor<15x7x3xf32>) -> tensor<15x3xf32>
  %sf = partita_graph.reshape "sf"(%s) : (tensor<5x3xf32>) -> tensor<15xf32>
  %sw = partita_graph.broadcast "sw"(%sf) dims [0] : (tensor<15xf32>) -> tensor<15x3xf32>
  %w = partita_graph.elementwise "w" mul(%sw, %d) : (tensor<15x3xf32>, tensor<15x3xf32>) -> tensor<15x3xf32>
  %k = partita_graph.reshape "k"(%w) : (tensor<15x3xf32>) -> tensor<5x3x3xf32>
  %y = partita_graph.reduce "y" sum(%k) dims [1] : (tensor<5x3x3xf32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// Places that may be negative, which a gather counts from the end, are no places of experts.
// CHECK-LABEL: func.func @any_places
// CHECK-NOT: partita_graph.experts
// CHECK: return
func.func @any_places(%x: tensor<4x3xf32>, %p: tensor<4x2xsi64>, %s: tensor<4x2xf32>, %wide: tensor<2x7x3xf32>, %down: tensor<2x3x7xf32>) -> tensor<4x3xf32> {
  %i = partita_graph.reshape "i"(%p) : (tensor<4x2xsi64>) -> tensor<8xsi64>
  %wd = partita_graph.gather "wd"(%down, %i) axis 0 : (tensor<2x3x7xf32>, tensor<8xsi64>) -> tensor<8x3x7xf32>
  %ww = partita_graph.gather "ww"(%wide, %i) axis 0 : (tensor<2x7x3xf32>, tensor<8xsi64>) -> tensor<8x7x3xf32>
  %r = partita_graph.broadcast "r"(%x) dims [0, 2] : (tensor<4x3xf32>) -> tensor<4x2x3xf32>
  %rows = partita_graph.reshape "rows"(%r) : (tensor<4x2x3xf32>) -> tensor<8x3xf32>
  %b = partita_graph.contraction "b"(%ww, %rows) "axy,ay->ax" : (tensor<8x7x3xf32>, tensor<8x3xf32>) -> tensor<8x7xf32>
  %f = partita_graph.elementwise "f" relu(%b) : (tensor<8x7xf32>) -> tensor<8x7xf32>
  %d = partita_graph.contraction "d"(%wd, %f) "axy,ay->ax" : (tensor<8x3x7xf32>, tensor<8x7xf32>) -> tensor<8x3xf32>
  %sf = partita_graph.reshape "sf"(%s) : (tensor<4x2xf32>) -> tensor<8xf32>
  %sw = partita_graph.broadcast "sw"(%sf) dims [0] : (tensor<8xf32>) -> tensor<8x3xf32>
  %w = partita_graph.elementwise "w" mul(%d, %sw) : (tensor<8x3xf32>, tensor<8x3xf32>) -> tensor<8x3xf32>
  %k = partita_graph.reshape "k"(%w) : (tensor<8x3xf32>) -> tensor<4x2x3xf32>
  %y = partita_graph.reduce "y" sum(%k) dims [1] : (tensor<4x2x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}
