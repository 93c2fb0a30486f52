// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-outline-segments --partita-verify-placements | FileCheck %s

// Layers begin behind the relu of a sum, which alone reads it: the sum is not stored without it.

partita_plan.stage @s on <[], devices = [0]>

// CHECK-LABEL: func.func @s_forward
// CHECK: %[[A:.*]] = call @[[STEM:segment[0-9]+]]({{.*}})
// CHECK-NEXT: %[[B:.*]] = call @[[LAYER:segment[0-9]+]](%[[A]], {{.*}})
// CHECK-NEXT: %[[C:.*]] = call @[[LAYER]](%[[B]], {{.*}})
// CHECK-NEXT: %[[D:.*]] = call @[[LAST:segment[0-9]+]](%[[C]], {{.*}})
// CHECK-NEXT: return %[[D]]
// CHECK: func.func private @[[STEM]]
// CHECK: contraction "stem"
// CHECK-NEXT: relu
// CHECK-NEXT: return
// CHECK: func.func private @[[LAYER]]
// CHECK-NEXT: contraction
// CHECK-NEXT: add
// CHECK-NEXT: relu
// CHECK-NEXT: return
// CHECK: func.func private @[[LAST]]
// CHECK-NEXT: contraction
// CHECK-NEXT: add
// CHECK-NEXT: return
func.func @main(%x: tensor<4x6xf32> {partita.name = "x", partita.role = "input"},
                %w: tensor<6x8xf32> {partita.name = "w", partita.role = "parameter"},
                %w1: tensor<8x8xf32> {partita.name = "w1", partita.role = "parameter"},
                %w2: tensor<8x8xf32> {partita.name = "w2", partita.role = "parameter"},
                %w3: tensor<8x8xf32> {partita.name = "w3", partita.role = "parameter"}) -> (tensor<4x8xf32> {partita.name = "y"}) {
  %0 = partita_graph.contraction "stem" (%x, %w) "mk,kn->mn" : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %1 = partita_graph.elementwise "1.relu" relu(%0) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = partita_graph.contraction "1.fc" (%1, %w1) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %3 = partita_graph.elementwise "1.sum" add(%1, %2) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = partita_graph.elementwise "2.relu" relu(%3) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %5 = partita_graph.contraction "2.fc" (%4, %w2) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %6 = partita_graph.elementwise "2.sum" add(%4, %5) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %7 = partita_graph.elementwise "3.relu" relu(%6) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %8 = partita_graph.contraction "3.fc" (%7, %w3) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %9 = partita_graph.elementwise "3.sum" add(%7, %8) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %9 : tensor<4x8xf32>
}
