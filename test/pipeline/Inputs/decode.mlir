// Decoding: one image, two heads, one query that reads 20,000 keys.
func.func @main(%q: tensor<1x2x1x32xf32> {partita.name = "q", partita.role = "input"},
                %k: tensor<1x2x20000x32xf32> {partita.name = "k", partita.role = "input"},
                %v: tensor<1x2x20000x32xf32> {partita.name = "v", partita.role = "input"})
    -> (tensor<1x2x1x32xf32> {partita.name = "y"}) {
  %0 = partita_graph.attention "attention" (%q, %k, %v) scale 0.125 causal true : (tensor<1x2x1x32xf32>,
    tensor<1x2x20000x32xf32>, tensor<1x2x20000x32xf32>) -> tensor<1x2x1x32xf32>
  return %0 : tensor<1x2x1x32xf32>
}
