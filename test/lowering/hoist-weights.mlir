// RUN: partita-opt %s --partita-lower-graph --partita-hoist-weights | FileCheck %s

// Two calls of one segment. The first argument is an input in one of them, the others are weights in both. What is kept:
// the transpose of %w, which nothing else reads, and exp(%scale). What is not: the broadcast, which is larger than what
// it is made of, and the transpose of the tied weight, which another segment reads as it is.

#square = #partita_plan.part<tensor<256x256xf32>, <[[], []]>>
#row = #partita_plan.part<tensor<256xf32>, <[[]]>>
!square = tensor<256x256xf32, #square>
!row = tensor<256xf32, #row>
partita_plan.stage @s on <[], devices = [0]>

// Calls that prepare come first; the two of @layer's exp have equal arguments and are one.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[X:[a-z0-9]+]]: {{[^%]*}}, %[[W0:[a-z0-9]+]]: {{[^%]*}}, %[[W1:[a-z0-9]+]]: {{[^%]*}}, %[[TIED:[a-z0-9]+]]: {{[^%]*}}, %[[SCALE:[a-z0-9]+]]:
// CHECK-DAG: %[[T0:.*]] = call @layer_init[[T:[01]]](%[[W0]]) {partita_collective.init}
// CHECK-DAG: %[[T1:.*]] = call @layer_init[[T]](%[[W1]]) {partita_collective.init}
// CHECK: %[[E:.*]] = call @layer_init{{[01]}}(%[[SCALE]]) {partita_collective.init}
// CHECK-NEXT: %[[Y0:.*]] = call @layer(%[[X]], %[[TIED]], %[[ORDER:.*]])
// CHECK-NEXT: %[[Y1:.*]] = call @layer(%[[Y0]], %[[TIED]],
// CHECK-NEXT: call @reads(%[[Y1]], %[[TIED]])
func.func @forward(%x: !square {partita.name = "x", partita.role = "input"},
    %w0: !square {partita.name = "w0", partita.role = "parameter"},
    %w1: !square {partita.name = "w1", partita.role = "parameter"},
    %tied: !square {partita.name = "tied", partita.role = "parameter"},
    %scale: !row {partita.name = "scale", partita.role = "parameter"}) -> (!square {partita.name = "y"})
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %0 = call @layer(%x, %w0, %tied, %scale) : (!square, !square, !square, !row) -> !square
  %1 = call @layer(%0, %w1, %tied, %scale) : (!square, !square, !square, !row) -> !square
  %2 = call @reads(%1, %tied) : (!square, !square) -> !square
  return %2 : !square
}

// CHECK: func.func private @layer({{.*}}, {{.*}}, {{.*}}, {{.*}}) -> {{.*}} attributes
// CHECK-DAG: func.func private @layer_init0
// CHECK-DAG: func.func private @layer_init1
// CHECK: func.func @layer_kernel(%{{.*}}: !llvm.ptr, %[[BUFFERS:.*]]: !llvm.ptr)
// CHECK-NOT: math.exp
// The result has moved up behind x, the tied weight and the two kept values.
// CHECK: llvm.getelementptr %[[BUFFERS]][4]
// CHECK-NOT: math.exp
// CHECK: return
func.func private @layer(%x: !square, %w: !square, %tied: !square, %scale: !row) -> !square
    attributes {partita_collective.stage = @s} {
  %t = partita_graph.transpose "t" (%w) permutation [1, 0] : (!square) -> !square
  %0 = partita_graph.contraction "fc" (%x, %t) "mk,kn->mn" : (!square, !square) -> !square
  %u = partita_graph.transpose "u" (%tied) permutation [1, 0] : (!square) -> !square
  %1 = partita_graph.contraction "head" (%0, %u) "mk,kn->mn" : (!square, !square) -> !square
  %e = partita_graph.elementwise "e" exp(%scale) : (!row) -> !row
  %b = partita_graph.broadcast "b" (%e) dims [1] : (!row) -> !square
  %2 = partita_graph.elementwise "scaled" mul(%1, %b) : (!square, !square) -> !square
  return %2 : !square
}

// Refused: there is nothing to prepare.
// CHECK: func.func private @reads({{.*}}, {{.*}}) -> {{.*}} attributes
// CHECK-NOT: @reads_init
// CHECK: func.func @reads_kernel
func.func private @reads(%x: !square, %tied: !square) -> !square attributes {partita_collective.stage = @s} {
  %0 = partita_graph.elementwise "sum" add(%x, %tied) : (!square, !square) -> !square
  return %0 : !square
}
