// Claims of custom ops are tried on their bodies; those that hold pass, and each way of being wrong is found.
// RUN: partita-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(partita-check-custom-ops))'

!row = tensor<?x4xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0, 4)>>
!some = tensor<?xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0)>>

func.func @holds(%x: tensor<7x4xf32>) -> (tensor<4xf32>, tensor<7xf32>) {
  %r = partita_graph.custom "r" "com.example.Largest" (%x) loops [#partita_graph.loop<"row", max>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0)>] linear [] vector work [] {
  ^bb0(%a: !row):
    %m = partita_graph.reduce "m" max(%a) dims [0] : (!row) -> tensor<4xf32>
    partita_graph.yield %m : tensor<4xf32>
  } : (tensor<7x4xf32>) -> tensor<4xf32>
  %s = partita_graph.custom "s" "com.example.Sum" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0)>] linear [array<i64: 0>] vector work [] {
  ^bb0(%a: !row):
    %m = partita_graph.reduce "m" sum(%a) dims [1] : (!row) -> !some
    partita_graph.yield %m : !some
  } : (tensor<7x4xf32>) -> tensor<7xf32>
  return %r, %s : tensor<4xf32>, tensor<7xf32>
}

// -----

// A wrong kind of combination.
!row = tensor<?x4xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0, 4)>>
func.func @kind(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{E-RULE-CLAIM: the rule of 'com.example.Largest' does not hold: loop 'row' (dim 0 of operand 0), 5 iterations in 2 parts: together the parts are not the whole; result 0 differs first at [}}
  %r = partita_graph.custom "r" "com.example.Largest" (%x) loops [#partita_graph.loop<"row", sum>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0)>] linear [] vector work [] {
  ^bb0(%a: !row):
    %m = partita_graph.reduce "m" max(%a) dims [0] : (!row) -> tensor<4xf32>
    partita_graph.yield %m : tensor<4xf32>
  } : (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// A loop that is not parallel: softmax along it.
!row = tensor<?x4xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0, 4)>>
func.func @parallel(%x: tensor<7x4xf32>) -> tensor<7x4xf32> {
  // expected-error@+1 {{loop 'row' (dim 0 of operand 0), 5 iterations in 2 parts: together the parts are not the whole}}
  %r = partita_graph.custom "r" "com.example.Softmax" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0, 0)>] linear [] vector work [] {
  ^bb0(%a: !row):
    %m = partita_graph.softmax "m" (%a) dim 0 : (!row) -> !row
    partita_graph.yield %m : !row
  } : (tensor<7x4xf32>) -> tensor<7x4xf32>
  return %r : tensor<7x4xf32>
}

// -----

// A wrong map: the dims change places in the body, the maps say that they do not.
!a = tensor<?x?xf32, #partita.shape<[<"loop i", 0, 6>, <"loop j", 0, 6>], ()[s0, s1] -> (s0, s1)>>
!b = tensor<?x?xf32, #partita.shape<[<"loop i", 0, 6>, <"loop j", 0, 6>], ()[s0, s1] -> (s1, s0)>>
func.func @map(%x: tensor<6x6xf32>) -> tensor<6x6xf32> {
  // expected-error@+1 {{E-RULE-CLAIM: the rule of 'com.example.Turn' does not hold: }}
  %r = partita_graph.custom "r" "com.example.Turn" (%x)
      loops [#partita_graph.loop<"i", parallel>, #partita_graph.loop<"j", parallel>]
      maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>] linear [] movement work [] {
  ^bb0(%x0: !a):
    %t = partita_graph.transpose "t" (%x0) permutation [1, 0] : (!a) -> !b
    partita_graph.yield %t : !b
  } : (tensor<6x6xf32>) -> tensor<6x6xf32>
  return %r : tensor<6x6xf32>
}

// -----

// A missing partial: rows are numbered from the begin of each part.
!some = tensor<?xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0)>>
func.func @position(%x: tensor<7xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{loop 'row' (dim 0 of operand 0), 5 iterations in 2 parts: together the parts are not the whole; result 0 differs first at [3]}}
  %r = partita_graph.custom "r" "com.example.Number" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>] linear [] vector work [] {
  ^bb0(%a: !some):
    %n = partita_graph.iota "n" dim 0 : !some
    %s = partita_graph.elementwise "s" add(%a, %n) : (!some, !some) -> !some
    partita_graph.yield %s : !some
  } : (tensor<7xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

// Not linear.
!some = tensor<?xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0)>>
func.func @linear(%x: tensor<7xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{the op is not linear in operand 0: of a sum it is not the sum; result 0 differs first at [}}
  %r = partita_graph.custom "r" "com.example.Exp" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>] linear [array<i64: 0>] vector work [] {
  ^bb0(%a: !some):
    %s = partita_graph.elementwise "s" exp(%a) : (!some) -> !some
    partita_graph.yield %s : !some
  } : (tensor<7xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}

// -----

// A body of one size cannot be cut.
func.func @size(%x: tensor<7xf32>) -> tensor<7xf32> {
  // expected-error@+1 {{loop 'row' may be cut, but its body is written for 7 of its iterations only}}
  %r = partita_graph.custom "r" "com.example.Exp" (%x) loops [#partita_graph.loop<"row", parallel>]
      maps [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>] linear [] vector work [] {
  ^bb0(%a: tensor<7xf32>):
    %s = partita_graph.elementwise "s" exp(%a) : (tensor<7xf32>) -> tensor<7xf32>
    partita_graph.yield %s : tensor<7xf32>
  } : (tensor<7xf32>) -> tensor<7xf32>
  return %r : tensor<7xf32>
}
