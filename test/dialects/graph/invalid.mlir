// Each numbered rule of the verifiers refuses something; ops of the composites are in invalid-composites.mlir.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @g1(%a: tensor<4xf32>, %b: tensor<5xf32>) {
  // expected-error @+1 {{GRAPH-1: operand 1 is 'tensor<5xf32>', which differs from 'tensor<4xf32>' in dim 0}}
  %0 = partita_graph.elementwise "e" add(%a, %b) : (tensor<4xf32>, tensor<5xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @g1_rank(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-1: operand 0 has rank 1, expected 2}}
  %0 = partita_graph.elementwise "e" neg(%a) : (tensor<4xf32>) -> tensor<1x4xf32>
  return
}

// -----

func.func @g1_reshape(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-1: 'tensor<4xf32>' and 'tensor<5xf32>' have different numbers of elements}}
  %0 = partita_graph.reshape "r" (%a) : (tensor<4xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @g1_letters(%a: tensor<2x3xf32>, %b: tensor<4x2xf32>) {
  // expected-error @+1 {{GRAPH-1: letter 'k' has different extents}}
  %0 = partita_graph.contraction "c" (%a, %b) "mk,kn->mn" : (tensor<2x3xf32>, tensor<4x2xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @g1_concat(%a: tensor<2xf32>) {
  // expected-error @+1 {{GRAPH-1: the operands' extents along dim 0 do not add up}}
  %0 = partita_graph.concat "c" (%a, %a) dim 0 : (tensor<2xf32>, tensor<2xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @g1_constant() {
  // expected-error @+1 {{GRAPH-1: the value has type 'tensor<2xf32>', the result 'tensor<3xf32>'}}
  %0 = partita_graph.constant "c" dense<1.0> : tensor<2xf32> : tensor<3xf32>
  return
}

// -----

func.func @g1_pad(%a: tensor<2xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{GRAPH-1: dim 0 of the result does not fit the padding}}
  %0 = partita_graph.pad "p" (%a, %v) low [1] high [1] : (tensor<2xf32>, tensor<f32>) -> tensor<3xf32>
  return
}

// -----

func.func @g1_convolution(%x: tensor<1x2x8xf32>, %f: tensor<4x2x3xf32>) {
  // expected-error @+2 {{GRAPH-4: dim 2 of 'tensor<1x4x8xf32>' should be 6}}
  // expected-error @+1 {{GRAPH-1: spatial dim 0 does not fit the filter}}
  %0 = partita_graph.convolution "c" (%x, %f) strides [1] padding [0, 0] dilations [1] groups 1 : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>
  return
}

// -----

func.func @g2(%a: tensor<4xf32>, %b: tensor<4xf64>) {
  // expected-error @+1 {{GRAPH-2: element types 'f32' and 'f64' differ}}
  %0 = partita_graph.elementwise "e" add(%a, %b) : (tensor<4xf32>, tensor<4xf64>) -> tensor<4xf64>
  return
}

// -----

func.func @g2_comparison(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-2: a comparison gives bool}}
  %0 = partita_graph.elementwise "e" lt(%a, %a) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @g2_select(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-2: the condition of select is bool}}
  %0 = partita_graph.elementwise "e" select(%a, %a, %a) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @g2_random_bits() {
  // expected-error @+1 {{GRAPH-2: random bits are ui32, not 'si32'}}
  %0 = partita_graph.random_bits "r" seed 0 stream 0 : tensor<2xsi32>
  return
}

// -----

func.func @g3() {
  // expected-error @+1 {{GRAPH-3: dim 2 is outside a tensor of rank 2}}
  %0 = partita_graph.iota "i" dim 2 : tensor<2x3xsi64>
  return
}

// -----

func.func @g3_broadcast(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{GRAPH-3: dims are strictly increasing (transpose first)}}
  %0 = partita_graph.broadcast "b" (%a) dims [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return
}

// -----

func.func @g3_transpose(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{GRAPH-3: not a permutation}}
  %0 = partita_graph.transpose "t" (%a) permutation [0, 0] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @g3_reduce(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{GRAPH-3: dims are strictly increasing}}
  %0 = partita_graph.reduce "r" sum(%a) dims [1, 1] : (tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @g3_slice(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{GRAPH-3: starts, strides and result have the operand's rank 2}}
  %0 = partita_graph.slice "s" (%a) starts [0] strides [1] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @g4(%x: tensor<1x3x8xf32>, %f: tensor<4x2x3xf32>) {
  // expected-error @+1 {{GRAPH-4: dim 1 of 'tensor<1x3x8xf32>' should be 2}}
  %0 = partita_graph.convolution "c" (%x, %f) strides [1] padding [0, 0] dilations [1] groups 1 : (tensor<1x3x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return
}
