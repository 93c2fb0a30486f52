// RUN: partita-opt %s | partita-opt | FileCheck %s

// CHECK-DAG: #[[M0:mesh.*]] = #partita_plan.mesh<["data"=2, "tensor"=4, "micro"=3 time], devices = [0 to 7]>
// CHECK-DAG: #[[M1:mesh.*]] = #partita_plan.mesh<["x"=3], devices = [0, 1, 9]>
// CHECK-DAG: #[[M2:mesh.*]] = #partita_plan.mesh<[], devices = [5]>
// CHECK-DAG: partita_plan.stage @wide on #[[M0]]
// CHECK-DAG: partita_plan.stage @odd on #[[M1]]
// CHECK-DAG: partita_plan.stage @alone on #[[M2]]
partita_plan.stage @wide on <["data"=2, "tensor"=4, "micro"=3 time], devices = [0 to 7]>
partita_plan.stage @odd on <["x"=3], devices = [0, 1, 9]>
partita_plan.stage @alone on <[], devices = [5]>

// CHECK: partita_plan.record {preset = "tensor", schema = "partita.plan/1"}
partita_plan.record {schema = "partita.plan/1", preset = "tensor"}

// CHECK-LABEL: func.func @planned
// CHECK-SAME: partita_plan.storage = [#partita_plan.placement<{{\[\[}}"tensor":64], []]>]
func.func @planned(%x: tensor<256x4xf32> {partita_plan.storage = [#partita_plan.placement<[["tensor":64], []]>]}) {
  // CHECK: partita_plan.loops = #partita_plan.loops<{{\[\[}}"data", "tensor":2], []]>
  // CHECK-SAME: partita_plan.reshards = [#partita_plan.reshard<<{{\[\[}}"tensor":64], []]>, <{{\[\[}}"data", "tensor":2], []]>>]
  // CHECK-SAME: partita_plan.stage = @wide
  %0 = partita_graph.elementwise "e" neg(%x) {partita_plan.stage = @wide,
         partita_plan.loops = #partita_plan.loops<[["data", "tensor":2], []]>,
         partita_plan.reshards = [#partita_plan.reshard<<[["tensor":64], []]>, <[["data", "tensor":2], []]>>]}
       : (tensor<256x4xf32>) -> tensor<256x4xf32>
  return
}

// CHECK-LABEL: func.func private @placements
// CHECK-SAME: #partita_plan.placement<[], partial ["a" sum, "b" max, "c" min, "d" and, "e" or]>
func.func private @placements() attributes {all = #partita_plan.placement<[], partial ["a" sum, "b" max, "c" min, "d" and, "e" or]>}

// CHECK-LABEL: func.func private @halos
// CHECK-SAME: #partita_plan.placement<{{\[\[}}"a", "b":2 window 3 by 1 pad 1, 1], ["c" window 1 by 2 pad -4, 0]]>
func.func private @halos() attributes {p = #partita_plan.placement<[["a", "b":2 window 3 by 1 pad 1, 1], ["c" window 1 by 2 pad -4, 0]]>}
