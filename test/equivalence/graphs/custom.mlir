// Two ops that rules describe: a product (two parallel loops, one that adds up), and a softmax of the lanes of each head,
// which is cut in whole heads.
func.func @main(%x: tensor<7x6xf32> {partita.name = "x", partita.role = "input"},
                %w: tensor<6x8xf32> {partita.name = "w", partita.role = "parameter"},
                %v: tensor<8x5xf32> {partita.name = "v", partita.role = "parameter"})
    -> (tensor<7x5xf32> {partita.name = "y"}) {
  %0 = partita_graph.custom "mix" "com.example.Mix" (%x, %w)
      loops [#partita_graph.loop<"row", parallel>, #partita_graph.loop<"column", parallel>, #partita_graph.loop<"k", sum>]
      maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>,
            affine_map<(d0, d1, d2) -> (d0, d1)>] linear [array<i64: 0>, array<i64: 1>]
      matrix work [#partita_graph.work<2.0 : f64, [0, 1, 2]>] {
  ^bb0(%a: tensor<?x?xf32, #partita.shape<[<"loop k", 0, 64>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0)>>,
       %b: tensor<?x?xf32, #partita.shape<[<"loop column", 0, 64>, <"loop k", 0, 64>], ()[s0, s1] -> (s1, s0)>>):
    %p = partita_graph.contraction "product" (%a, %b) "mk,kn->mn"
        : (tensor<?x?xf32, #partita.shape<[<"loop k", 0, 64>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0)>>,
           tensor<?x?xf32, #partita.shape<[<"loop column", 0, 64>, <"loop k", 0, 64>], ()[s0, s1] -> (s1, s0)>>)
        -> tensor<?x?xf32, #partita.shape<[<"loop column", 0, 64>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0)>>
    partita_graph.yield %p
        : tensor<?x?xf32, #partita.shape<[<"loop column", 0, 64>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0)>>
  } : (tensor<7x6xf32>, tensor<6x8xf32>) -> tensor<7x8xf32>
  %1 = partita_graph.custom "norm" "com.example.HeadNorm" (%0)
      loops [#partita_graph.loop<"row", parallel>, #partita_graph.loop<"head", parallel>,
             #partita_graph.loop<"lane", whole, "lanes are normalised together">]
      maps [affine_map<(d0, d1, d2) -> (d0, d1 * 2 + d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>] linear []
      vector work [#partita_graph.work<5.0 : f64, [0, 1, 2]>] {
  ^bb0(%a: tensor<?x?xf32, #partita.shape<[<"loop head", 0, 9>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0 * 2)>>):
    %h = partita_graph.reshape "heads" (%a)
        : (tensor<?x?xf32, #partita.shape<[<"loop head", 0, 9>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0 * 2)>>)
        -> tensor<?x?x2xf32, #partita.shape<[<"loop head", 0, 9>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0, 2)>>
    %s = partita_graph.softmax "lanes" (%h) dim 2
        : (tensor<?x?x2xf32, #partita.shape<[<"loop head", 0, 9>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0, 2)>>)
        -> tensor<?x?x2xf32, #partita.shape<[<"loop head", 0, 9>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0, 2)>>
    partita_graph.yield %s
        : tensor<?x?x2xf32, #partita.shape<[<"loop head", 0, 9>, <"loop row", 0, 64>], ()[s0, s1] -> (s1, s0, 2)>>
  } : (tensor<7x8xf32>) -> tensor<7x4x2xf32>
  %2 = partita_graph.reshape "flat" (%1) : (tensor<7x4x2xf32>) -> tensor<7x8xf32>
  %3 = partita_graph.contraction "fc" (%2, %v) "mk,kn->mn" : (tensor<7x8xf32>, tensor<8x5xf32>) -> tensor<7x5xf32>
  return %3 : tensor<7x5xf32>
}
