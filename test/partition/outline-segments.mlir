// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-outline-segments --partita-verify-placements | FileCheck %s

// Three equal layers share one function; only the tables know how deep the model is.

partita_plan.stage @s on <["x"=2], devices = [0, 1]>

// CHECK-LABEL: func.func @s_forward
// CHECK: %[[A:.*]] = call @[[LAYER:segment[0-9]+]]({{.*}})
// CHECK-NEXT: %[[B:.*]] = call @[[LAYER]](%[[A]], {{.*}})
// CHECK-NEXT: %[[C:.*]] = call @[[LAYER]](%[[B]], {{.*}})
// CHECK-NEXT: return %[[C]]
// CHECK: func.func private @[[LAYER]]
// CHECK: partita_collective.all_reduce
// CHECK-NOT: partita_collective.all_reduce
func.func @main(%x: tensor<4x6xf32> {partita.name = "x", partita.role = "input"},
                %a1: tensor<6x8xf32> {partita.name = "0.a", partita.role = "parameter"},
                %b1: tensor<8x6xf32> {partita.name = "0.b", partita.role = "parameter"},
                %a2: tensor<6x8xf32> {partita.name = "1.a", partita.role = "parameter"},
                %b2: tensor<8x6xf32> {partita.name = "1.b", partita.role = "parameter"},
                %a3: tensor<6x8xf32> {partita.name = "2.a", partita.role = "parameter"},
                %b3: tensor<8x6xf32> {partita.name = "2.b", partita.role = "parameter"}) -> (tensor<4x6xf32> {partita.name = "y"}) {
  %0 = partita_graph.contraction "0.up" (%x, %a1) "mk,kn->mn" {partita_plan.loops = #partita_plan.loops<[[], ["x"], []]>} : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %1 = partita_graph.elementwise "0.act" gelu(%0) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = partita_graph.contraction "0.down" (%1, %b1) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %3 = partita_graph.elementwise "0.add" add(%x, %2) : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %4 = partita_graph.contraction "1.up" (%3, %a2) "mk,kn->mn" {partita_plan.loops = #partita_plan.loops<[[], ["x"], []]>} : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %5 = partita_graph.elementwise "1.act" gelu(%4) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %6 = partita_graph.contraction "1.down" (%5, %b2) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %7 = partita_graph.elementwise "1.add" add(%3, %6) : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %8 = partita_graph.contraction "2.up" (%7, %a3) "mk,kn->mn" {partita_plan.loops = #partita_plan.loops<[[], ["x"], []]>} : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %9 = partita_graph.elementwise "2.act" gelu(%8) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %10 = partita_graph.contraction "2.down" (%9, %b3) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
  %11 = partita_graph.elementwise "2.add" add(%7, %10) : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %11 : tensor<4x6xf32>
}
