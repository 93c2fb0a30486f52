// RUN: partita-opt %s --partita-simplify-movement | FileCheck %s

// RecognizeTest.cpp runs every function of this file before and after the pass and compares the numbers.

// CHECK-LABEL: func.func @merged_for_a_moment
// CHECK-NEXT: partita_graph.transpose "c"(%arg0) permutation [0, 1, 3, 2] : (tensor<2x4x8x6xf32>) -> tensor<2x4x6x8xf32>
// CHECK-NEXT: return
func.func @merged_for_a_moment(%x: tensor<2x4x8x6xf32>) -> tensor<2x4x6x8xf32> {
  %0 = partita_graph.reshape "a"(%x) : (tensor<2x4x8x6xf32>) -> tensor<8x8x6xf32>
  %1 = partita_graph.transpose "b"(%0) permutation [0, 2, 1] : (tensor<8x8x6xf32>) -> tensor<8x6x8xf32>
  %2 = partita_graph.reshape "c"(%1) : (tensor<8x6x8xf32>) -> tensor<2x4x6x8xf32>
  return %2 : tensor<2x4x6x8xf32>
}

// Heads parted, moved beside the batch, merged with it, parted again and moved back: nothing.
// CHECK-LABEL: func.func @there_and_back
// CHECK-NEXT: partita_graph.elementwise "r" relu(%arg0)
// CHECK-NEXT: return
func.func @there_and_back(%x: tensor<2x5x12xf32>) -> tensor<2x5x12xf32> {
  %0 = partita_graph.reshape "a"(%x) : (tensor<2x5x12xf32>) -> tensor<2x5x3x4xf32>
  %1 = partita_graph.transpose "b"(%0) permutation [0, 2, 1, 3] : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  %2 = partita_graph.reshape "c"(%1) : (tensor<2x3x5x4xf32>) -> tensor<6x5x4xf32>
  %3 = partita_graph.reshape "d"(%2) : (tensor<6x5x4xf32>) -> tensor<2x3x5x4xf32>
  %4 = partita_graph.transpose "e"(%3) permutation [0, 2, 1, 3] : (tensor<2x3x5x4xf32>) -> tensor<2x5x3x4xf32>
  %5 = partita_graph.reshape "f"(%4) : (tensor<2x5x3x4xf32>) -> tensor<2x5x12xf32>
  %6 = partita_graph.elementwise "r" relu(%5) : (tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
  return %6 : tensor<2x5x12xf32>
}

// Three ops where five were; a symbolic batch goes through.
// CHECK-LABEL: func.func @heads
// CHECK-NEXT: partita_graph.reshape "e/factors"(%arg0) {{.*}} -> tensor<?x5x3x4xf32
// CHECK-NEXT: partita_graph.transpose "e/transpose"{{.*}} permutation [0, 2, 1, 3]
// CHECK-NEXT: partita_graph.reshape "e"{{.*}} -> tensor<?x5x4xf32
// CHECK-NEXT: return
func.func @heads(%x: tensor<?x5x12xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 5, 12)>>)
    -> tensor<?x5x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0 * 3, 5, 4)>> {
  %0 = partita_graph.reshape "a"(%x) : (tensor<?x5x12xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 5, 12)>>)
    -> tensor<?x5x1x12xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 5, 1, 12)>>
  %1 = partita_graph.transpose "b"(%0) permutation [0, 2, 1, 3]
    : (tensor<?x5x1x12xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 5, 1, 12)>>)
    -> tensor<?x1x5x12xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 1, 5, 12)>>
  %2 = partita_graph.reshape "c"(%1)
    : (tensor<?x1x5x12xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 1, 5, 12)>>)
    -> tensor<?x5x3x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 5, 3, 4)>>
  %3 = partita_graph.transpose "d"(%2) permutation [0, 2, 1, 3]
    : (tensor<?x5x3x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 5, 3, 4)>>)
    -> tensor<?x3x5x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 3, 5, 4)>>
  %4 = partita_graph.reshape "e"(%3)
    : (tensor<?x3x5x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0, 3, 5, 4)>>)
    -> tensor<?x5x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0 * 3, 5, 4)>>
  return %4 : tensor<?x5x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0 * 3, 5, 4)>>
}

// A value in the middle that something else reads stays, and the chain behind it is not made longer for nothing.
// CHECK-LABEL: func.func @read_in_the_middle
// CHECK-NEXT: %[[A:.*]] = partita_graph.reshape "a"
// CHECK-NEXT: %[[B:.*]] = partita_graph.transpose "b"
// CHECK-NEXT: %[[C:.*]] = partita_graph.reshape "c"(%[[B]])
// CHECK-NEXT: return %[[B]], %[[C]]
func.func @read_in_the_middle(%x: tensor<6x4xf32>) -> (tensor<2x4x3xf32>, tensor<8x3xf32>) {
  %0 = partita_graph.reshape "a"(%x) : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %1 = partita_graph.transpose "b"(%0) permutation [0, 2, 1] : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
  %2 = partita_graph.reshape "c"(%1) : (tensor<2x4x3xf32>) -> tensor<8x3xf32>
  return %1, %2 : tensor<2x4x3xf32>, tensor<8x3xf32>
}
