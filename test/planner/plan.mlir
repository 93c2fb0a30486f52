// RUN: partita-opt %s --split-input-file --partita-plan="machine=cpu:4 preset=tensor" | FileCheck %s
// RUN: not partita-opt %s --partita-plan="machine=cpu:0" 2>&1 | FileCheck %s --check-prefix=MACHINE
// RUN: not partita-opt %s --partita-plan="preset=tensro" 2>&1 | FileCheck %s --check-prefix=PRESET
// RUN: echo "module {}" | not partita-opt --partita-plan 2>&1 | FileCheck %s --check-prefix=NOTHING
// MACHINE: error: {{.*}}cpu:0
// PRESET: E-PRESET: there is no preset 'tensro'
// NOTHING: E-PLAN: there is no function to plan

// Two products one after the other, the weights larger than what lies between: the first is split by its columns, the
// second sums over them, and nothing is communicated in between.
// CHECK: #[[MESH:.*]] = #partita_plan.mesh<["tensor"=4], devices = [0 to 3]>
// CHECK: partita_plan.stage @stage0 on #[[MESH]]
// CHECK: partita_graph.contraction "up"
// CHECK-SAME: partita_plan.loops = #partita_plan.loops<{{\[\[\], \[\], \["tensor"\]\]|\[\[\], \["tensor"\], \[\]\]}}>
// CHECK: partita_graph.elementwise "act"
// CHECK-SAME: partita_plan.loops = #partita_plan.loops<{{\[\[\], \["tensor"\]\]}}>
// CHECK: partita_graph.contraction "down"
// CHECK-SAME: partita_plan.loops
func.func @main(%x: tensor<4x512xf32> {partita.name = "x", partita.role = "input"},
                %a: tensor<512x2048xf32> {partita.name = "a", partita.role = "parameter"},
                %b: tensor<2048x512xf32> {partita.name = "b", partita.role = "parameter"}) -> (tensor<4x512xf32> {partita.name = "y"}) {
  %0 = partita_graph.contraction "up" (%x, %a) "mk,kn->mn" : (tensor<4x512xf32>, tensor<512x2048xf32>) -> tensor<4x2048xf32>
  %1 = partita_graph.elementwise "act" gelu(%0) : (tensor<4x2048xf32>) -> tensor<4x2048xf32>
  %2 = partita_graph.contraction "down" (%1, %b) "mk,kn->mn" : (tensor<4x2048xf32>, tensor<2048x512xf32>) -> tensor<4x512xf32>
  return %2 : tensor<4x512xf32>
}
