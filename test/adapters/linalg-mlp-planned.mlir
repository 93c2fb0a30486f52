// The planner asks upstream ops what it asks graph ops: with preset tensor it splits the columns of the first product and
// the rows of the second, with preset data the rows of everything.
// RUN: partita-opt %s --partita-plan="machine=cpu:4 preset=tensor" --partita-partition --partita-verify-placements \
// RUN:   | FileCheck %s --check-prefix=TENSOR
// RUN: partita-opt %s --partita-plan="machine=cpu:4 preset=data" --partita-partition --partita-verify-placements \
// RUN:   | FileCheck %s --check-prefix=DATA
// RUN: partita-opt %s --partita-plan="machine=cpu:4" --partita-partition --partita-verify-placements \
// RUN:   --partita-outline-segments -o /dev/null
// RUN: not partita-opt %s --partita-plan="machine=no-such-machine" 2>&1 | FileCheck %s --check-prefix=MACHINE

#row = affine_map<(d0, d1) -> (d0, d1)>
#bias = affine_map<(d0, d1) -> (d1)>

func.func @main(%x: tensor<8x16xf32> {partita.name = "x"}, %w1: tensor<16x32xf32> {partita.name = "w1"},
                %b1: tensor<32xf32> {partita.name = "b1"}, %w2: tensor<32x8xf32> {partita.name = "w2"})
    -> (tensor<8x8xf32> {partita.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<8x32xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<8x32xf32>) -> tensor<8x32xf32>
  %h = linalg.matmul {partita.name = "fc1"}
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


// TENSOR: "tensor"=4
// TENSOR-LABEL: func.func @stage0_forward
// TENSOR-SAME: tensor<16x8xf32, #{{part[0-9]*}}> {partita.name = "w1"}
// TENSOR-SAME: tensor<8x8xf32, #{{part[0-9]*}}> {partita.name = "w2"}
// TENSOR: linalg.matmul {partita.name = "fc1", partita_plan.loops = #partita_plan.loops<{{\[\[}}], ["tensor"], []]>}
// TENSOR: partita_collective.partialize
// TENSOR: linalg.matmul {partita.name = "fc2", partita_plan.loops = #partita_plan.loops<{{\[\[}}], [], ["tensor"]]>}
// TENSOR-NEXT: partita_collective.all_reduce "fc2"
// TENSOR-NOT: partita_collective.all

// DATA: "data"=4
// DATA-LABEL: func.func @stage0_forward
// DATA-SAME: tensor<2x16xf32, #{{part[0-9]*}}> {partita.name = "x"}
// DATA-NOT: partita_collective.all
// DATA: linalg.matmul {partita.name = "fc2", partita_plan.loops = #partita_plan.loops<{{\[\[}}"data"], [], []]>}

// MACHINE: error: E-
