// An op that a rule describes, with and without a body, is read as it is printed.
// RUN: partita-opt %s --split-input-file | partita-opt --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @largest
// CHECK: partita_graph.custom "op" "com.example.Largest"(%arg0) loops [#partita_graph.loop<"row", max>, #partita_graph.loop<"column", whole, "columns meet">]
// CHECK-SAME: linear [] vector work [#partita_graph.work<2.000000e+00 : f64, [0, 1]>] {
// CHECK-NEXT: ^bb0(%arg1: tensor<?x4xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0, 4)>>):
// CHECK: partita_graph.yield
// CHECK-NEXT: } : (tensor<7x4xf32>) -> tensor<4xf32>
func.func @largest(%x: tensor<7x4xf32>) -> tensor<4xf32> {
  %r = partita_graph.custom "op" "com.example.Largest" (%x)
      loops [#partita_graph.loop<"row", max>, #partita_graph.loop<"column", whole, "columns meet">]
      maps [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>] linear []
      vector work [#partita_graph.work<2.0 : f64, [0, 1]>] {
  ^bb0(%a: tensor<?x4xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0, 4)>>):
    %m = partita_graph.reduce "m" max(%a) dims [0] :
        (tensor<?x4xf32, #partita.shape<[<"loop row", 0, 7>], ()[s0] -> (s0, 4)>>) -> tensor<4xf32>
    partita_graph.yield %m : tensor<4xf32>
  } : (tensor<7x4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Without a body, with two results, heads of two lanes, and a dim that no loop walks.
// CHECK-LABEL: func.func @unknown
// CHECK: partita_graph.custom "op" "com.example.Unknown"(%arg0, %arg1) loops
// CHECK-SAME: linear [array<i64: 0>] matrix work [] {
// CHECK-NEXT: } : (tensor<3x6xf32>, tensor<5xsi64>) -> (tensor<3x3x2xf32>, tensor<3xf32>)
func.func @unknown(%x: tensor<3x6xf32>, %i: tensor<5xsi64>) -> (tensor<3x3x2xf32>, tensor<3xf32>) {
  %r:2 = partita_graph.custom "op" "com.example.Unknown" (%x, %i)
      loops [#partita_graph.loop<"row", parallel>, #partita_graph.loop<"head", whole>, #partita_graph.loop<"lane", whole>]
      maps [affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>, affine_map<(d0, d1, d2) -> (0)>,
            affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0)>]
      linear [array<i64: 0>] matrix work [] {} : (tensor<3x6xf32>, tensor<5xsi64>) -> (tensor<3x3x2xf32>, tensor<3xf32>)
  return %r#0, %r#1 : tensor<3x3x2xf32>, tensor<3xf32>
}
