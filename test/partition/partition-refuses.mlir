// RUN: partita-opt %s --partita-complete-plan --partita-partition -verify-diagnostics -split-input-file

// Without stages there is nothing to partition for.
// expected-error @+1 {{E-PLAN: the module has no partita_plan.stage}}
module {
  func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    return %x : tensor<4xf32>
  }
}

// -----

partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{names an axis that is not on the stage's mesh}}
  %0 = partita_graph.elementwise "a" exp(%x) {partita_plan.loops = #partita_plan.loops<[["y"]]>} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-1: loop 'd0' cannot be split: products of parts}}
  %0 = partita_graph.reduce "a" prod(%x) dims [0] {partita_plan.loops = #partita_plan.loops<[["x"]]>} : (tensor<4xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// The maximum of later micro-batches cannot be waited for.
partita_plan.stage @s on <["micro"=2 time], devices = [0]>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-8: loop 'd0' needs all micro-batches at once}}
  %0 = partita_graph.softmax "a" (%x) dim 0 {partita_plan.loops = #partita_plan.loops<[["micro"]]>} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A batch that a later op needs whole cannot be cut into micro-batches.
partita_plan.stage @s on <["micro"=2 time], devices = [0]>
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = partita_graph.elementwise "a" exp(%x) {partita_plan.loops = #partita_plan.loops<[["micro"], []]>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  // expected-error @+1 {{E-PLAN: no sequence of collectives leads to the placement this op reads}}
  %1 = partita_graph.softmax "b" (%0) dim 0 {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

// Numbers and buffers are no arguments of a model.
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @main(%x: memref<4xf32>) {
  // expected-error @+1 {{E-PLAN: an operand of type 'memref<4xf32>' comes from outside; arguments of a model are ranked tensors}}
  linalg.exp {partita_plan.loops = #partita_plan.loops<[[]]>} ins(%x : memref<4xf32>) outs(%x : memref<4xf32>)
  return
}
