// Seven rows over four ranks: local sizes differ, so that ops which spell sizes take them from the coordinates.
// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-verify-placements \
// RUN:   --partita-outline-segments --partita-verify-placements | FileCheck %s

partita_plan.stage @stage0 on <["x"=4], devices = [0 to 3]>

// CHECK-DAG: #[[ROWS:part[0-9]*]] = #partita_plan.part<tensor<7x12xf32>, <{{\[\[}}"x"], []]>>
// CHECK-DAG: #[[MAX:part[0-9]*]] = #partita_plan.part<tensor<7xf32>, <{{\[\[}}]], partial ["x" max]>>

func.func @main(%x: tensor<7x16xf32> {partita.name = "x"}, %w: tensor<16x12xf32> {partita.name = "w"},
                %start: tensor<7xf32> {partita.name = "start"}) -> (tensor<7xf32>, tensor<7x12xf32>) {
  %zero = arith.constant 0.0 : f32
  // CHECK: %[[ROWS_HERE:.*]] = partita_collective.extent
  // CHECK: tensor.splat {{.*}} : tensor<?x12xf32, #[[ROWS]]>
  %c = arith.constant {partita_plan.loops = #partita_plan.loops<[["x"], []]>} dense<1.5> : tensor<7x12xf32>
  // CHECK: tensor.empty(%{{.*}}) {{.*}} : tensor<?x12xf32, #[[ROWS]]>
  %e = tensor.empty() {partita_plan.loops = #partita_plan.loops<[["x"], []]>} : tensor<7x12xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<7x12xf32>) -> tensor<7x12xf32>
  // CHECK: linalg.matmul
  %h = linalg.matmul {partita_plan.loops = #partita_plan.loops<[["x"], [], []]>}
         ins(%x, %w : tensor<7x16xf32>, tensor<16x12xf32>) outs(%z : tensor<7x12xf32>) -> tensor<7x12xf32>
  // CHECK: linalg.add
  %s = linalg.add ins(%h, %c : tensor<7x12xf32>, tensor<7x12xf32>) outs(%e : tensor<7x12xf32>) -> tensor<7x12xf32>
  // CHECK: tensor.expand_shape {{.*}} output_shape [%{{.*}}, 3, 4]
  %r = tensor.expand_shape %s [[0], [1, 2]] output_shape [7, 3, 4] : tensor<7x12xf32> into tensor<7x3x4xf32>
  // CHECK: tensor.extract_slice {{.*}}[0, 0, 0] [%{{.*}}, 3, 2] [1, 1, 1]
  %cut = tensor.extract_slice %r[0, 0, 0] [7, 3, 2] [1, 1, 1] : tensor<7x3x4xf32> to tensor<7x3x2xf32>
  // CHECK: tensor.insert_slice {{.*}}[0, 0, 1] [%{{.*}}, 3, 2] [1, 1, 1]
  %put = tensor.insert_slice %cut into %r[0, 0, 1] [7, 3, 2] [1, 1, 1] : tensor<7x3x2xf32> into tensor<7x3x4xf32>
  // CHECK: tensor.collapse_shape
  %f = tensor.collapse_shape %put [[0], [1, 2]] : tensor<7x3x4xf32> into tensor<7x12xf32>
  // An argument is the destination of a split reduction: one rank starts from it, the others from the identity.
  // CHECK: partita_collective.all_to_all
  // CHECK: partita_collective.partialize "start"
  // CHECK: linalg.reduce
  // CHECK-SAME: outs({{.*}} : tensor<7xf32, #[[MAX]]>)
  // CHECK: partita_collective.all_reduce
  %m = linalg.reduce { arith.maximumf } ins(%f : tensor<7x12xf32>) outs(%start : tensor<7xf32>) dimensions = [1]
         {partita_plan.loops = #partita_plan.loops<[[], ["x"]]>}
  return %m, %s : tensor<7xf32>, tensor<7x12xf32>
}
