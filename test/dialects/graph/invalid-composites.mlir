// Rules of the composites, gather and window_reduce.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @softmax(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{GRAPH-3: dim 2 is outside a tensor of rank 2}}
  %0 = partita_graph.softmax "s" (%x) dim 2 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @layer_norm(%x: tensor<2x4xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{GRAPH-1: scale and bias have the shape of the normalised dims}}
  %0 = partita_graph.layer_norm "n" (%x, %s) axis 1 epsilon 1.0e-5 : (tensor<2x4xf32>, tensor<2xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @rms_norm(%x: tensor<2x4xf32>, %s: tensor<2x4xf32>) {
  // expected-error @+1 {{GRAPH-1: scale and bias have rank 1}}
  %0 = partita_graph.rms_norm "n" (%x, %s) axis 1 epsilon 1.0e-5 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @batch_norm(%x: tensor<2x4xf32>, %s: tensor<2xf32>) {
  // expected-error @+1 {{GRAPH-1: scale, bias, mean and variance have one element per channel}}
  %0 = partita_graph.batch_norm "n" (%x, %s, %s, %s, %s) epsilon 1.0e-5 : (tensor<2x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @attention_heads(%q: tensor<1x3x2x4xf32>, %k: tensor<1x2x2x4xf32>) {
  // expected-error @+1 {{GRAPH-8: 3 query heads are not a multiple of 2 key heads}}
  %0 = partita_graph.attention "a" (%q, %k, %k) scale 1.0 causal false : (tensor<1x3x2x4xf32>, tensor<1x2x2x4xf32>, tensor<1x2x2x4xf32>) -> tensor<1x3x2x4xf32>
  return
}

// -----

func.func @attention_depth(%q: tensor<1x2x2x4xf32>, %k: tensor<1x2x2x5xf32>) {
  // expected-error @+1 {{GRAPH-1: extents of}}
  %0 = partita_graph.attention "a" (%q, %k, %k) scale 1.0 causal false : (tensor<1x2x2x4xf32>, tensor<1x2x2x5xf32>, tensor<1x2x2x5xf32>) -> tensor<1x2x2x5xf32>
  return
}

// -----

func.func @attention_mask(%q: tensor<2x2x3x4xf32>, %m: tensor<3x1x3x3xf32>) {
  // expected-error @+1 {{GRAPH-1: mask dim 0 is neither 1 nor that of the query}}
  %0 = partita_graph.attention "a" (%q, %q, %q, %m) scale 1.0 causal false : (tensor<2x2x3x4xf32>, tensor<2x2x3x4xf32>, tensor<2x2x3x4xf32>, tensor<3x1x3x3xf32>) -> tensor<2x2x3x4xf32>
  return
}

// -----

func.func @rotary_depth(%x: tensor<1x1x2x3xf32>, %t: tensor<2x1xf32>) {
  // expected-error @+1 {{GRAPH-8: the depth is even}}
  %0 = partita_graph.rotary "r" (%x, %t, %t) interleaved true : (tensor<1x1x2x3xf32>, tensor<2x1xf32>, tensor<2x1xf32>) -> tensor<1x1x2x3xf32>
  return
}

// -----

func.func @rotary_table(%x: tensor<1x1x2x4xf32>, %t: tensor<2x4xf32>) {
  // expected-error @+1 {{GRAPH-4: dim 1 of 'tensor<2x4xf32>' should be 2}}
  %0 = partita_graph.rotary "r" (%x, %t, %t) interleaved true : (tensor<1x1x2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<1x1x2x4xf32>
  return
}

// -----

func.func @rotary_batch(%x: tensor<2x1x2x4xf32>, %t: tensor<3x2x2xf32>) {
  // expected-error @+1 {{GRAPH-1: cosine and sine are [sequence, depth/2] or [batch, sequence, depth/2]}}
  %0 = partita_graph.rotary "r" (%x, %t, %t) interleaved true : (tensor<2x1x2x4xf32>, tensor<3x2x2xf32>, tensor<3x2x2xf32>) -> tensor<2x1x2x4xf32>
  return
}

// -----

func.func @gather_rank(%x: tensor<4x2xf32>, %i: tensor<3xsi64>) {
  // expected-error @+1 {{GRAPH-1: the result has rank 1, expected 2}}
  %0 = partita_graph.gather "g" (%x, %i) axis 0 : (tensor<4x2xf32>, tensor<3xsi64>) -> tensor<3xf32>
  return
}

// -----

func.func @gather_extent(%x: tensor<4x2xf32>, %i: tensor<3xsi64>) {
  // expected-error @+1 {{GRAPH-1: dim 1 of the result differs from dim 1 of}}
  %0 = partita_graph.gather "g" (%x, %i) axis 0 : (tensor<4x2xf32>, tensor<3xsi64>) -> tensor<3x4xf32>
  return
}

// -----

func.func @window(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{GRAPH-8: windows, strides and dilations are positive, padding is not negative}}
  %0 = partita_graph.window_reduce "w" sum(%x) window [2] strides [0] padding [0, 0] dilations [1] : (tensor<1x1x4xf32>) -> tensor<1x1x3xf32>
  return
}
