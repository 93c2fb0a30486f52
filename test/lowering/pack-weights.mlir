// RUN: partita-opt %s --partita-lower-graph --partita-pack-weights --partita-hoist-weights | FileCheck %s

// The first product reads %w in panels of 32 columns, which are kept instead of %w. The second one reads the tied
// weight, which another segment reads as it is, and %narrow has a part of a panel left: both stay as they are.

#square = #partita_plan.part<tensor<256x256xf32>, <[[], []]>>
#thin = #partita_plan.part<tensor<256x200xf32>, <[[], []]>>
!square = tensor<256x256xf32, #square>
!thin = tensor<256x200xf32, #thin>
partita_plan.stage @s on <[], devices = [0]>

func.func @forward(%x: !square {partita.name = "x", partita.role = "input"},
    %w: !square {partita.name = "w", partita.role = "parameter"},
    %tied: !square {partita.name = "tied", partita.role = "parameter"},
    %narrow: !thin {partita.name = "narrow", partita.role = "parameter"}) -> (!thin {partita.name = "y"})
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %0 = call @layer(%x, %w, %tied) : (!square, !square, !square) -> !square
  %1 = call @reads(%0, %tied, %narrow) : (!square, !square, !thin) -> !thin
  return %1 : !thin
}

// CHECK-LABEL: func.func @layer_init0_kernel
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<256x256xf32>) outs(%{{.*}} : tensor<8x256x32xf32>)
// CHECK-LABEL: func.func @layer_kernel
// CHECK: linalg.fill {{.*}} -> tensor<256x8x32xf32>
// CHECK: %[[Z:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<256x256xf32>, tensor<8x256x32xf32>)
// CHECK: tensor.collapse_shape %[[Z]] {{\[\[}}0], [1, 2]] : tensor<256x8x32xf32> into tensor<256x256xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<256x256xf32>, tensor<256x256xf32>)
// CHECK-NOT: tensor<8x256x32xf32>
// CHECK: return
func.func private @layer(%x: !square, %w: !square, %tied: !square) -> !square
    attributes {partita_collective.stage = @s} {
  %0 = partita_graph.contraction "fc" (%x, %w) "mk,kn->mn" : (!square, !square) -> !square
  %1 = partita_graph.contraction "head" (%0, %tied) "mk,nk->mn" : (!square, !square) -> !square
  return %1 : !square
}

// CHECK-LABEL: func.func @reads_kernel
// CHECK-NOT: x32xf32
// CHECK: return
func.func private @reads(%x: !square, %tied: !square, %narrow: !thin) -> !thin
    attributes {partita_collective.stage = @s} {
  %0 = partita_graph.elementwise "sum" add(%x, %tied) : (!square, !square) -> !square
  %1 = partita_graph.contraction "out" (%0, %narrow) "mk,kn->mn" : (!square, !thin) -> !thin
  return %1 : !thin
}
