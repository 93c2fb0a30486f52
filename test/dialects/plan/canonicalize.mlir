// Decisions stay on the ops that they are about: canonicalisation drops neither stages, records nor attributes.
// RUN: partita-opt %s --canonicalize | FileCheck %s

// CHECK-DAG: partita_plan.stage @s
// CHECK-DAG: partita_plan.record
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
partita_plan.record {schema = "partita.plan/1"}

// CHECK-LABEL: func.func @planned
// CHECK: partita_plan.loops = #partita_plan.loops<{{\[\[}}"x"]]>, partita_plan.stage = @s
func.func @planned(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = partita_graph.elementwise "e" neg(%x) {partita_plan.stage = @s, partita_plan.loops = #partita_plan.loops<[["x"]]>}
       : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
