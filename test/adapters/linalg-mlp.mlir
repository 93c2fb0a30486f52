// A perceptron of upstream ops on four ranks: the first layer's columns and the second layer's rows are split, so that
// one all-reduce is needed. The destination of the second product is partial: its zero is counted once.
// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-verify-placements \
// RUN:   --partita-outline-segments --partita-verify-placements | FileCheck %s

partita_plan.stage @stage0 on <["x"=4], devices = [0 to 3]>

#row = affine_map<(d0, d1) -> (d0, d1)>
#bias = affine_map<(d0, d1) -> (d1)>

func.func @main(%x: tensor<8x16xf32> {partita.name = "x"}, %w1: tensor<16x32xf32> {partita.name = "w1"},
                %b1: tensor<32xf32> {partita.name = "b1"}, %w2: tensor<32x8xf32> {partita.name = "w2"})
    -> (tensor<8x8xf32> {partita.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() {partita_plan.loops = #partita_plan.loops<[[], ["x"]]>} : tensor<8x32xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<8x32xf32>) -> tensor<8x32xf32>
  %h = linalg.matmul {partita.name = "fc1", partita_plan.loops = #partita_plan.loops<[[], ["x"], []]>}
         ins(%x, %w1 : tensor<8x16xf32>, tensor<16x32xf32>) outs(%z1 : tensor<8x32xf32>) -> tensor<8x32xf32>
  %a = linalg.generic {indexing_maps = [#row, #bias, #row], iterator_types = ["parallel", "parallel"]}
         ins(%h, %b1 : tensor<8x32xf32>, tensor<32xf32>) outs(%e1 : tensor<8x32xf32>) {
  ^bb0(%one: f32, %shift: f32, %old: f32):
    %sum = arith.addf %one, %shift : f32
    %positive = arith.maximumf %sum, %zero : f32
    linalg.yield %positive : f32
  } -> tensor<8x32xf32>
  %e2 = tensor.empty() : tensor<8x8xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = linalg.matmul {partita.name = "fc2"}
         ins(%a, %w2 : tensor<8x32xf32>, tensor<32x8xf32>) outs(%z2 : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// CHECK-DAG: #[[WHOLE:part[0-9]*]] = #partita_plan.part<tensor<8x8xf32>, <{{\[\[}}], []]>>
// CHECK-DAG: #[[PARTIAL:part[0-9]*]] = #partita_plan.part<tensor<8x8xf32>, <{{\[\[}}], []], partial ["x" sum]>>
// CHECK-DAG: #[[COLUMNS:part[0-9]*]] = #partita_plan.part<tensor<8x32xf32>, <{{\[\[}}], ["x"]]>>

// CHECK-LABEL: func.func @stage0_forward
// CHECK-SAME: tensor<16x8xf32, #{{part[0-9]*}}> {partita.name = "w1"}
// CHECK: call @segment
// CHECK-NOT: linalg
// CHECK: partita_collective.program @main

// CHECK-LABEL: func.func private @segment
// CHECK: tensor.empty() {{.*}} : tensor<8x8xf32, #[[COLUMNS]]>
// CHECK: linalg.matmul {partita.name = "fc1"
// CHECK-SAME: outs({{.*}} : tensor<8x8xf32, #[[COLUMNS]]>)
// The constant that the region read from outside is now inside.
// CHECK: linalg.generic
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.constant 0.000000e+00 : f32
// CHECK: partita_collective.partialize "linalg.fill" {{.*}} over ["x"] : tensor<8x8xf32, #[[WHOLE]]> to tensor<8x8xf32, #[[PARTIAL]]>
// CHECK: linalg.matmul {partita.name = "fc2"
// CHECK-SAME: outs({{.*}} : tensor<8x8xf32, #[[PARTIAL]]>)
// CHECK: partita_collective.all_reduce "fc2" {{.*}} over ["x"] : tensor<8x8xf32, #[[PARTIAL]]> to tensor<8x8xf32, #[[WHOLE]]>
// CHECK-NOT: partita_collective.all
