// Tokens are routed to two of four experts each, and what these give is added to them; a running total of it all.
func.func @main(%x: tensor<2x6x4xf32> {partita.name = "x", partita.role = "input"},
                %r: tensor<4x4xf32> {partita.name = "router", partita.role = "parameter"},
                %g: tensor<1x4x5x4xf32> {partita.name = "gate", partita.role = "parameter"},
                %u: tensor<1x4x5x4xf32> {partita.name = "up", partita.role = "parameter"},
                %d: tensor<1x4x4x5xf32> {partita.name = "down", partita.role = "parameter"})
    -> (tensor<2x6x4xf32> {partita.name = "y"}, tensor<2x6x4xf32> {partita.name = "totals"}) {
  %0 = partita_graph.contraction "scores" (%x, %r) "sth,eh->ste" : (tensor<2x6x4xf32>, tensor<4x4xf32>) -> tensor<2x6x4xf32>
  %1 = partita_graph.softmax "probabilities" (%0) dim 2 : (tensor<2x6x4xf32>) -> tensor<2x6x4xf32>
  %2 = partita_graph.top_k "places" (%0) dim 2 largest true : (tensor<2x6x4xf32>) -> tensor<2x6x2xsi64>
  %3 = partita_graph.gather_along "shares" (%1, %2) axis 2 dims [0, 1, 2] : (tensor<2x6x4xf32>, tensor<2x6x2xsi64>) -> tensor<2x6x2xf32>
  %4 = partita_graph.experts "experts" silu (%x at %2 shares %3 gate %g up %u down %d) : (tensor<2x6x4xf32>, tensor<2x6x2xsi64>, tensor<2x6x2xf32>, tensor<1x4x5x4xf32>, tensor<1x4x5x4xf32>, tensor<1x4x4x5xf32>) -> tensor<2x6x4xf32>
  %5 = partita_graph.elementwise "sum" add(%x, %4) : (tensor<2x6x4xf32>, tensor<2x6x4xf32>) -> tensor<2x6x4xf32>
  %6 = partita_graph.cumulative "totals" sum(%5) dim 1 exclusive false reverse false : (tensor<2x6x4xf32>) -> tensor<2x6x4xf32>
  return %5, %6 : tensor<2x6x4xf32>, tensor<2x6x4xf32>
}
