// The packaged mlir-opt, with Partita as a plugin, plans and partitions a function of upstream ops. A tool reads its pass
// flags before it loads plugins, so that the passes are named in a pipeline.
// RUN: mlir-opt --load-dialect-plugin=%partita_build/lib/partita-plugin.so \
// RUN:   --load-pass-plugin=%partita_build/lib/partita-plugin.so %s --pass-pipeline="builtin.module( \
// RUN:   partita-plan{machine=cpu:4 preset=tensor},partita-partition,partita-verify-placements, \
// RUN:   partita-outline-segments,partita-verify-placements)" | FileCheck %s
// UNSUPPORTED: address-sanitizer, undefined-sanitizer, thread-sanitizer

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


// CHECK: #partita_plan.mesh<["tensor"=4], devices = [0 to 3]>
// CHECK-LABEL: func.func @stage0_forward
// CHECK-SAME: tensor<16x8xf32, #{{part[0-9]*}}> {partita.name = "w1"}
// CHECK-SAME: tensor<8x8xf32, #{{part[0-9]*}}> {partita.name = "w2"}
// CHECK-LABEL: func.func private @segment
// CHECK: linalg.matmul {partita.name = "fc2", partita_plan.loops = #partita_plan.loops<{{\[\[}}], [], ["tensor"]]>}
// CHECK: partita_collective.all_reduce "fc2"
// CHECK-NOT: partita_collective.all
