// RUN: partita-opt %s --partita-raise-reshapes | FileCheck %s

// RecognizeTest.cpp runs every function of this file before and after the pass and compares the numbers.

// ViT of PyTorch: steps and images, with the heads, are merged for a product with a bias, a gelu and a factor.
// CHECK-LABEL: func.func @rows
// CHECK: %[[X:.*]] = partita_graph.reshape "rows/parted"(%arg0) : (tensor<3x2x4x2xf32>) -> tensor<3x2x8xf32>
// CHECK: %[[P:.*]] = partita_graph.contraction "fc/parted"(%[[X]], %arg1) "xAy,zy->xAz"
// CHECK: %[[B:.*]] = partita_graph.broadcast "bias/parted"(%arg2) dims [2] : (tensor<5xf32>) -> tensor<3x2x5xf32>
// CHECK: %[[S:.*]] = partita_graph.elementwise "sum/parted" add(%[[P]], %[[B]])
// CHECK: %[[M:.*]] = partita_graph.elementwise "half/parted" mul(%[[S]], %{{.*}}) : (tensor<3x2x5xf32>
// CHECK-NEXT: return %[[M]]
func.func @rows(%x: tensor<3x2x4x2xf32>, %w: tensor<5x8xf32>, %b: tensor<5xf32>) -> tensor<3x2x5xf32> {
  %0 = partita_graph.reshape "rows"(%x) : (tensor<3x2x4x2xf32>) -> tensor<6x8xf32>
  %1 = partita_graph.contraction "fc"(%0, %w) "xy,zy->xz" : (tensor<6x8xf32>, tensor<5x8xf32>) -> tensor<6x5xf32>
  %2 = partita_graph.broadcast "bias"(%b) dims [1] : (tensor<5xf32>) -> tensor<6x5xf32>
  %3 = partita_graph.elementwise "sum" add(%1, %2) : (tensor<6x5xf32>, tensor<6x5xf32>) -> tensor<6x5xf32>
  %c = partita_graph.constant "c" dense<0.5> : tensor<6x5xf32> : tensor<6x5xf32>
  %4 = partita_graph.elementwise "half" mul(%3, %c) : (tensor<6x5xf32>, tensor<6x5xf32>) -> tensor<6x5xf32>
  %5 = partita_graph.reshape "steps"(%4) : (tensor<6x5xf32>) -> tensor<3x2x5xf32>
  return %5 : tensor<3x2x5xf32>
}

// Two merges meet; one operand is broadcast along the merged dim from a vector of it; a symbolic batch goes through.
// CHECK-LABEL: func.func @meet
// CHECK: %[[V:.*]] = partita_graph.broadcast "wide/parted"(%arg2) dims [0, 1]
// CHECK: %[[S:.*]] = partita_graph.elementwise "sum/parted" add(%arg0, %arg1)
// CHECK: %[[M:.*]] = partita_graph.elementwise "mul/parted" mul(%[[S]], %[[V]])
// CHECK-NEXT: return %[[M]]
!parted = tensor<3x?x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (3, s0, 4)>>
!merged = tensor<?x4xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0 * 3, 4)>>
!columns = tensor<3x?xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (3, s0)>>
!column = tensor<?xf32, #partita.shape<[<"batch", 1, 4>], ()[s0] -> (s0 * 3)>>
func.func @meet(%x: !parted, %y: !parted, %v: !columns) -> !parted {
  %0 = partita_graph.reshape "a"(%x) : (!parted) -> !merged
  %1 = partita_graph.reshape "b"(%y) : (!parted) -> !merged
  %2 = partita_graph.reshape "v"(%v) : (!columns) -> !column
  %3 = partita_graph.broadcast "wide"(%2) dims [0] : (!column) -> !merged
  %4 = partita_graph.elementwise "sum" add(%0, %1) : (!merged, !merged) -> !merged
  %5 = partita_graph.elementwise "mul" mul(%4, %3) : (!merged, !merged) -> !merged
  %6 = partita_graph.reshape "c"(%5) : (!merged) -> !parted
  return %6 : !parted
}

// Parted in other parts than were merged, read by something else, or never merged: as it was.
// CHECK-LABEL: func.func @stays
// CHECK-NOT: parted
func.func @stays(%x: tensor<3x2x4xf32>, %y: tensor<6x4xf32>) -> (tensor<2x3x4xf32>, tensor<3x2x4xf32>, tensor<6x4xf32>, tensor<3x2x4xf32>) {
  %0 = partita_graph.reshape "a"(%x) : (tensor<3x2x4xf32>) -> tensor<6x4xf32>
  %1 = partita_graph.elementwise "r" relu(%0) : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %2 = partita_graph.reshape "b"(%1) : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %3 = partita_graph.elementwise "s" exp(%0) : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %4 = partita_graph.reshape "c"(%3) : (tensor<6x4xf32>) -> tensor<3x2x4xf32>
  %5 = partita_graph.elementwise "t" exp(%y) : (tensor<6x4xf32>) -> tensor<6x4xf32>
  %6 = partita_graph.reshape "d"(%5) : (tensor<6x4xf32>) -> tensor<3x2x4xf32>
  return %2, %4, %3, %6 : tensor<2x3x4xf32>, tensor<3x2x4xf32>, tensor<6x4xf32>, tensor<3x2x4xf32>
}

// The heads of keys are repeated: what the parting gives as one dim of 4 was merged from 2 and 2.
// CHECK-LABEL: func.func @repeated
// CHECK: partita_graph.contraction "s/parted"
// CHECK-SAME: -> tensor<3x4x5x5xf32>
// CHECK-NEXT: return
func.func @repeated(%q: tensor<3x4x5x2xf32>, %k: tensor<3x2x2x5x2xf32>) -> tensor<3x4x5x5xf32> {
  %qm = partita_graph.reshape "qm"(%q) : (tensor<3x4x5x2xf32>) -> tensor<12x5x2xf32>
  %km = partita_graph.reshape "km"(%k) : (tensor<3x2x2x5x2xf32>) -> tensor<12x5x2xf32>
  %s = partita_graph.contraction "s"(%qm, %km) "axy,azy->axz" : (tensor<12x5x2xf32>, tensor<12x5x2xf32>) -> tensor<12x5x5xf32>
  %out = partita_graph.reshape "out"(%s) : (tensor<12x5x5xf32>) -> tensor<3x4x5x5xf32>
  return %out : tensor<3x4x5x5xf32>
}
