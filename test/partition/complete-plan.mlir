// RUN: partita-opt %s --partita-complete-plan | FileCheck %s

// One annotated loop is enough: what follows is placed as its operands are, weights are kept as they are read.

partita_plan.stage @s on <["x"=2], devices = [0, 1]>

// CHECK-LABEL: func.func @main
// CHECK-SAME: partita.name = "w"{{.*}}partita_plan.storage = [#partita_plan.placement<{{\[\[}}], ["x"]]>]
func.func @main(%a: tensor<4x6xf32> {partita.name = "a", partita.role = "input"},
                %w: tensor<6x8xf32> {partita.name = "w", partita.role = "parameter"}) -> tensor<4x8xf32> {
  // CHECK: partita_graph.contraction "fc"
  // CHECK-SAME: partita_plan.stage = @s
  %0 = partita_graph.contraction "fc" (%a, %w) "mk,kn->mn" {
    partita_plan.loops = #partita_plan.loops<[[], ["x"], []]>} : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  // CHECK: partita_graph.elementwise "act" relu
  // CHECK-SAME: partita_plan.loops = #partita_plan.loops<{{\[\[}}], ["x"]]>
  // CHECK-SAME: partita_plan.reshards = [#partita_plan.reshard<<{{\[\[}}], ["x"]]>>]
  %1 = partita_graph.elementwise "act" relu(%0) : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
