// Rules of layers of experts and of counted rows.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @rank(%x: tensor<6x3xf32>, %p: tensor<6x2xsi64>, %g: tensor<1x4x5x3xf32>, %d: tensor<1x4x3x5xf32>) {
  // expected-error @+1 {{GRAPH-1: tokens are [set, token, input], places [set, token, choice]}}
  %0 = partita_graph.experts "e" silu (%x at %p gate %g down %d) : (tensor<6x3xf32>, tensor<6x2xsi64>, tensor<1x4x5x3xf32>, tensor<1x4x3x5xf32>) -> tensor<6x3xf32>
  return
}

// -----

func.func @units(%x: tensor<1x6x3xf32>, %p: tensor<1x6x2xsi64>, %g: tensor<1x4x5x3xf32>, %d: tensor<1x4x3x6xf32>) {
  // expected-error @+1 {{GRAPH-1: dim 3 of 'tensor<1x4x3x6xf32>' differs from dim 2 of 'tensor<1x4x5x3xf32>'}}
  %0 = partita_graph.experts "e" silu (%x at %p gate %g down %d) : (tensor<1x6x3xf32>, tensor<1x6x2xsi64>, tensor<1x4x5x3xf32>, tensor<1x4x3x6xf32>) -> tensor<1x6x3xf32>
  return
}

// -----

func.func @sets(%x: tensor<3x6x3xf32>, %p: tensor<3x6x2xsi64>, %g: tensor<2x4x5x3xf32>, %d: tensor<2x4x3x5xf32>) {
  // expected-error @+1 {{GRAPH-1: dim 0 of 'tensor<2x4x5x3xf32>' differs from dim 0 of 'tensor<3x6x3xf32>'}}
  %0 = partita_graph.experts "e" silu (%x at %p gate %g down %d) : (tensor<3x6x3xf32>, tensor<3x6x2xsi64>, tensor<2x4x5x3xf32>, tensor<2x4x3x5xf32>) -> tensor<3x6x3xf32>
  return
}

// -----

func.func @bias(%x: tensor<1x6x3xf32>, %p: tensor<1x6x2xsi64>, %g: tensor<1x4x5x3xf32>, %b: tensor<1x4x5xf32>, %d: tensor<1x4x3x5xf32>) {
  // expected-error @+1 {{GRAPH-8: up_bias belongs to up}}
  %0 = partita_graph.experts "e" silu (%x at %p gate %g up_bias %b down %d) : (tensor<1x6x3xf32>, tensor<1x6x2xsi64>, tensor<1x4x5x3xf32>, tensor<1x4x5xf32>, tensor<1x4x3x5xf32>) -> tensor<1x6x3xf32>
  return
}

// -----

func.func @types(%x: tensor<1x6x3xf32>, %p: tensor<1x6x2xsi64>, %g: tensor<1x4x5x3xbf16>, %d: tensor<1x4x3x5xf32>) {
  // expected-error @+1 {{GRAPH-2: element types 'f32' and 'bf16' differ}}
  %0 = partita_graph.experts "e" silu (%x at %p gate %g down %d) : (tensor<1x6x3xf32>, tensor<1x6x2xsi64>, tensor<1x4x5x3xbf16>, tensor<1x4x3x5xf32>) -> tensor<1x6x3xf32>
  return
}

// -----

func.func @no_rows(%x: tensor<4xf32>, %n: tensor<4xsi64>) {
  // expected-error @+1 {{GRAPH-1: counts have fewer dims than the input}}
  %0 = partita_graph.counted "c" (%x, %n) share 1.0 : (tensor<4xf32>, tensor<4xsi64>) -> tensor<4xf32>
  return
}

// -----

func.func @counts(%x: tensor<4x5xf32>, %n: tensor<3xsi64>) {
  // expected-error @+1 {{GRAPH-1: dim 0 of the counts differs from that of 'tensor<4x5xf32>'}}
  %0 = partita_graph.counted "c" (%x, %n) share 1.0 : (tensor<4x5xf32>, tensor<3xsi64>) -> tensor<4x5xf32>
  return
}

// -----

func.func @count_type(%x: tensor<4x5xf32>, %n: tensor<4xsi32>) {
  // expected-error @+1 {{GRAPH-2: counts are si64}}
  %0 = partita_graph.counted "c" (%x, %n) share 1.0 : (tensor<4x5xf32>, tensor<4xsi32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @share(%x: tensor<4x5xf32>, %n: tensor<4xsi64>) {
  // expected-error @+1 {{GRAPH-8: share is more than 0 and at most 1}}
  %0 = partita_graph.counted "c" (%x, %n) share 0.0 : (tensor<4x5xf32>, tensor<4xsi64>) -> tensor<4x5xf32>
  return
}
