// Rules of recurrent cells and of window_argmax.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @rank(%g: tensor<7x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-1: gates are [time, direction, batch, gate, unit]}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @units(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x6xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-1: dim 3 of 'tensor<1x1x5x6xf32>' differs from dim 4 of}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x6xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @gate_count(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-4: dim 3 of 'tensor<7x1x4x1x5xf32>' should be 3}}
  %0 = partita_graph.recurrent "r" gru forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @directions(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-4: dim 1 of 'tensor<7x1x4x1x5xf32>' should be 2}}
  %0 = partita_graph.recurrent "r" rnn both (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @element(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf64>) {
  // expected-error @+1 {{GRAPH-2: element types 'f32' and 'f64' differ}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf64>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @function_count(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-8: a cell of kind rnn has 1 functions}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh", "tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @function_name(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{is no function of a cell}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["cosh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @clip(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-8: clip is not negative}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip -1.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @reset(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-8: reset_after and bias belong to a gru}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after true coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @coupled(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>) {
  // expected-error @+1 {{GRAPH-8: peepholes and coupled belong to an lstm}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled true : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @lengths(%g: tensor<7x1x4x1x5xf32>, %w: tensor<1x1x5x5xf32>, %i: tensor<1x1x4x5xf32>, %n: tensor<3xsi32>) {
  // expected-error @+1 {{GRAPH-1: lengths are [batch]}}
  %0 = partita_graph.recurrent "r" rnn forward (%g, %w, %i lengths %n) functions ["tanh"] alpha [0.0] beta [0.0] clip 0.0 reset_after false coupled false : (tensor<7x1x4x1x5xf32>, tensor<1x1x5x5xf32>, tensor<1x1x4x5xf32>, tensor<3xsi32>) -> tensor<1x7x1x4x5xf32>
  return
}

// -----

func.func @places_type(%x: tensor<1x1x4xf32>) {
  // expected-error @+1 {{GRAPH-2: places are si64, not 'si32'}}
  %0 = partita_graph.window_argmax "p" (%x) window [2] strides [2] padding [0, 0] dilations [1] : (tensor<1x1x4xf32>) -> tensor<1x1x2xsi32>
  return
}

// -----

func.func @places_extent(%x: tensor<1x1x4xf32>) {
  // expected-error @+2 {{GRAPH-4: dim 2 of 'tensor<1x1x3xsi64>' should be 2}}
  // expected-error @+1 {{GRAPH-1: spatial dim 0 does not fit its window}}
  %0 = partita_graph.window_argmax "p" (%x) window [2] strides [2] padding [0, 0] dilations [1] : (tensor<1x1x4xf32>) -> tensor<1x1x3xsi64>
  return
}
