// What a custom op says of itself must fit together.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @maps(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{GRAPH-10: there are 1 maps for 2 operands and results}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", max>]
      maps [affine_map<(d0) -> (d0, 0)>] linear [] vector work [] {} : (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @rank(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{GRAPH-10: map 1 does not lead from the loops to the dims of its tensor}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", max>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0, 0)>] linear [] vector work [] {} :
      (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @extents(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{GRAPH-10: SPLIT-4: result 0 dim 0 has extent 4 but its loops span 7}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>] linear [] vector work [] {} :
      (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @walked(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{GRAPH-10: loop 'row' is parallel, but walks no dim of result 0}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0)>] linear [] vector work [] {} :
      (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @reduced(%x: tensor<7x4xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{GRAPH-10: loop 'row' is a reduction, but walks a dim of result 0}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", sum>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>] linear [] vector work [] {} :
      (tensor<7x4xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

func.func @unused(%x: tensor<7x4xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{GRAPH-10: a loop walks no dim}}
  %r = partita_graph.custom "op" "com.example.Op" (%x)
      loops [#partita_graph.loop<"row", parallel>, #partita_graph.loop<"other", whole>]
      maps [affine_map<(d0, d1) -> (d0, 0)>, affine_map<(d0, d1) -> (d0)>] linear [] vector work [] {} :
      (tensor<7x4xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

func.func @linear(%x: tensor<7x4xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{GRAPH-10: there is no operand 1 to be linear in}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>] linear [array<i64: 1>] vector work [] {} :
      (tensor<7x4xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

func.func @work(%x: tensor<7x4xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{GRAPH-10: there is no loop 3 to count operations of}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>] linear []
      vector work [#partita_graph.work<1.0 : f64, [3]>] {} : (tensor<7x4xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

func.func @body(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{GRAPH-10: the arguments of the body do not fit the operands}}
  %r = partita_graph.custom "op" "com.example.Op" (%x) loops [#partita_graph.loop<"row", max>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0)>] linear [] vector work [] {
  ^bb0(%a: tensor<6x4xf32>):
    %m = partita_graph.reduce "m" max(%a) dims [0] : (tensor<6x4xf32>) -> tensor<4xf32>
    partita_graph.yield %m : tensor<4xf32>
  } : (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
