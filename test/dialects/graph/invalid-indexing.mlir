// Rule GRAPH-9, and the shapes of ops by position.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @g9_axis(%x: tensor<4x9xf32>, %i: tensor<4xsi64>) {
  // expected-error @+1 {{GRAPH-9: dims names one dim for each of the indices' 1 dims, and the axis among them}}
  %0 = partita_graph.gather_along "g" (%x, %i) axis 1 dims [0] : (tensor<4x9xf32>, tensor<4xsi64>) -> tensor<4x9xf32>
  return
}

// -----

func.func @g9_count(%x: tensor<4x9xf32>, %i: tensor<4x5xsi64>) {
  // expected-error @+1 {{GRAPH-9: dims names one dim for each of the indices' 2 dims}}
  %0 = partita_graph.gather_along "g" (%x, %i) axis 1 dims [1] : (tensor<4x9xf32>, tensor<4x5xsi64>) -> tensor<4x5xf32>
  return
}

// -----

func.func @extent(%x: tensor<4x9xf32>, %i: tensor<5xsi64>) {
  // expected-error @+1 {{GRAPH-1: dim 0 of the indices differs from dim 1 of 'tensor<4x6xf32>'}}
  %0 = partita_graph.gather_along "g" (%x, %i) axis 1 dims [1] : (tensor<4x9xf32>, tensor<5xsi64>) -> tensor<4x6xf32>
  return
}

// -----

func.func @order(%x: tensor<4x9xf32>, %i: tensor<5x4xsi64>) {
  // expected-error @+1 {{GRAPH-1: dim 0 of the indices differs}}
  %0 = partita_graph.gather_along "g" (%x, %i) axis 1 dims [1, 0] : (tensor<4x9xf32>, tensor<5x4xsi64>) -> tensor<4x4xf32>
  return
}

// -----

func.func @other_dims(%x: tensor<4x9xf32>, %i: tensor<5xsi64>) {
  // expected-error @+1 {{GRAPH-1: the result is 'tensor<3x5xf32>', which differs from 'tensor<4x9xf32>' in dim 0}}
  %0 = partita_graph.gather_along "g" (%x, %i) axis 1 dims [1] : (tensor<4x9xf32>, tensor<5xsi64>) -> tensor<3x5xf32>
  return
}

// -----

func.func @kind(%i: tensor<5xsi64>, %u: tensor<5xi1>) {
  // expected-error @+1 {{GRAPH-7: add is not defined for bool}}
  %0 = partita_graph.scatter_along "s" add(%i, %u) axis 0 dims [0] : (tensor<5xsi64>, tensor<5xi1>) -> tensor<9xi1>
  return
}

// -----

func.func @base(%i: tensor<5xsi64>, %u: tensor<5xf32>, %x: tensor<8xf32>) {
  // expected-error @+1 {{GRAPH-1: the input is 'tensor<8xf32>', which differs from 'tensor<9xf32>' in dim 0}}
  %0 = partita_graph.scatter_along "s" add(%i, %u, %x) axis 0 dims [0] : (tensor<5xsi64>, tensor<5xf32>, tensor<8xf32>) -> tensor<9xf32>
  return
}

// -----

func.func @too_many(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{GRAPH-8: more elements are wanted than dim 1 of 'tensor<4x3xf32>' has}}
  %0 = partita_graph.top_k "t" (%x) dim 1 largest true : (tensor<4x3xf32>) -> tensor<4x5xsi64>
  return
}

// -----

func.func @dim(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{GRAPH-3: dim 2 is outside a tensor of rank 2}}
  %0 = partita_graph.cumulative "c" sum(%x) dim 2 exclusive false reverse false : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @logical(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{GRAPH-7: or is not defined for 'f32'}}
  %0 = partita_graph.cumulative "c" or(%x) dim 0 exclusive false reverse false : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}
