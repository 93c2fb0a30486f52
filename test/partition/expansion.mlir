// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-verify-placements | FileCheck %s
//
// Split along the dim that it normalises, a softmax becomes small ops: a maximum and a sum, all-reduced before they are
// read. Seven columns over two ranks are 4 and 3.

// CHECK-DAG: [[PART:#[a-z0-9_]+]] = #partita_plan.part<tensor<5x7xf32>, <{{\[\[}}], ["a"]]>>
// CHECK-DAG: [[MAX:#[a-z0-9_]+]] = #partita_plan.part<tensor<5xf32>, <{{\[\[}}]], partial ["a" max]>>
// CHECK-DAG: [[SUM:#[a-z0-9_]+]] = #partita_plan.part<tensor<5xf32>, <{{\[\[}}]], partial ["a" sum]>>
// CHECK-DAG: [[ROW:#[a-z0-9_]+]] = #partita_plan.part<tensor<5xf32>, <{{\[\[}}]]>>
// CHECK: func.func @s_forward(%arg0: tensor<5x?xf32, [[PART]]>
// CHECK-NOT: partita_graph.softmax
// CHECK: %[[M:.*]] = partita_graph.reduce "op/max" max(%arg0) {{.*}} -> tensor<5xf32, [[MAX]]>
// CHECK-NEXT: partita_collective.all_reduce "op/max" %[[M]] over ["a"] : tensor<5xf32, [[MAX]]> to tensor<5xf32, [[ROW]]>
// CHECK: %[[E:.*]] = partita_graph.elementwise "op/exp"
// CHECK: %[[S:.*]] = partita_graph.reduce "op/sum" sum(%[[E]]) {{.*}} -> tensor<5xf32, [[SUM]]>
// CHECK-NEXT: partita_collective.all_reduce "op/sum" %[[S]] over ["a"]
// The last op has the name of the softmax, by which a run of the program is compared with the model's.
// CHECK: %[[R:.*]] = partita_graph.elementwise "op" div(
// CHECK-NEXT: return %[[R]] : tensor<5x?xf32, [[PART]]>
partita_plan.stage @s on <["a"=2], devices = [0, 1]>
func.func @main(%x: tensor<5x7xf32> {partita.name = "x", partita.role = "input"})
    -> (tensor<5x7xf32> {partita.name = "y"}) {
  %0 = partita_graph.softmax "op" (%x) dim 1 {partita_plan.loops = #partita_plan.loops<[[], ["a"]]>} :
    (tensor<5x7xf32>) -> tensor<5x7xf32>
  return %0 : tensor<5x7xf32>
}
