// What cannot be split says why; a value that the other ranks do not have is refused.
// RUN: partita-opt %s --split-input-file --partita-complete-plan --partita-partition --verify-diagnostics

partita_plan.stage @stage0 on <["x"=2], devices = [0, 1]>
func.func @skips_nan(%x: tensor<4x8xf32>, %start: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{SPMD-1: loop 'd1' cannot be split: the reduction is none of sum, max, min, and, or}}
  %m = linalg.reduce { arith.maxnumf } ins(%x : tensor<4x8xf32>) outs(%start : tensor<4xf32>) dimensions = [1]
         {partita_plan.loops = #partita_plan.loops<[[], ["x"]]>}
  return %m : tensor<4xf32>
}

// -----

partita_plan.stage @stage0 on <["x"=2], devices = [0, 1]>
func.func @window(%x: tensor<1x8x8x4xf32>, %f: tensor<3x3x4x8xf32>, %o: tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32> {
  // expected-error @below {{SPMD-1: loop 'd1' cannot be split: the op reads a window of this dim}}
  %c = linalg.conv_2d_nhwc_hwcf {partita_plan.loops = #partita_plan.loops<[[], ["x"], [], [], [], [], []]>}
         ins(%x, %f : tensor<1x8x8x4xf32>, tensor<3x3x4x8xf32>) outs(%o : tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32>
  return %c : tensor<1x6x6x8xf32>
}

// -----

partita_plan.stage @stage0 on <["x"=2], devices = [0, 1]>
#row = affine_map<(d0) -> (d0)>
func.func @index(%o: tensor<8xindex>) -> tensor<8xindex> {
  // expected-error @below {{SPMD-1: loop 'd0' cannot be split: the op computes with the index of this loop}}
  %c = linalg.generic {indexing_maps = [#row], iterator_types = ["parallel"]} outs(%o : tensor<8xindex>)
         attrs = {partita_plan.loops = #partita_plan.loops<[["x"]]>} {
  ^bb0(%old: index):
    %i = linalg.index 0 : index
    linalg.yield %i : index
  } -> tensor<8xindex>
  return %c : tensor<8xindex>
}

// -----

partita_plan.stage @stage0 on <["x"=2], devices = [0, 1]>
func.func @differs(%o: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{SPMD-1: loop 'd0' cannot be split: the constant's elements differ}}
  %c = arith.constant {partita_plan.loops = #partita_plan.loops<[["x"]]>} dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

partita_plan.stage @stage0 on <["x"=2], devices = [0, 1]>
func.func @cut(%x: tensor<8x4xf32>) -> tensor<4x4xf32> {
  // expected-error @below {{SPMD-1: loop 'd0' cannot be split: the slice cuts this dim}}
  %c = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] {partita_plan.loops = #partita_plan.loops<[["x"], []]>}
         : tensor<8x4xf32> to tensor<4x4xf32>
  return %c : tensor<4x4xf32>
}

// -----

partita_plan.stage @stage0 on <["x"=2], devices = [0, 1]>
#row = affine_map<(d0) -> (d0)>
// Partial values flow through an addition only when both operands are partial; a product with the bias is fine.
func.func @not_linear(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %z: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %p = linalg.matmul {partita_plan.loops = #partita_plan.loops<[[], [], ["x"]]>}
         ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  // expected-error @below {{SPMD-2: the op is not linear in the operands that are partial}}
  %e = linalg.exp {partita_plan.loops = #partita_plan.loops<[[], []]>, partita_plan.reshards = [
         #partita_plan.reshard<<[[], []], partial ["x" sum]>>, unit]}
         ins(%p : tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %e : tensor<4x4xf32>
}
