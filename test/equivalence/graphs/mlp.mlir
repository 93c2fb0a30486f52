// A two-layer perceptron with bias.
func.func @main(%x: tensor<7x6xf32> {partita.name = "x", partita.role = "input"},
                %w1: tensor<6x9xf32> {partita.name = "w1", partita.role = "parameter"},
                %b1: tensor<9xf32> {partita.name = "b1", partita.role = "parameter"},
                %w2: tensor<9x5xf32> {partita.name = "w2", partita.role = "parameter"})
    -> (tensor<7x5xf32> {partita.name = "y"}) {
  %0 = partita_graph.contraction "fc1" (%x, %w1) "mk,kn->mn" : (tensor<7x6xf32>, tensor<6x9xf32>) -> tensor<7x9xf32>
  %1 = partita_graph.broadcast "bias1" (%b1) dims [1] : (tensor<9xf32>) -> tensor<7x9xf32>
  %2 = partita_graph.elementwise "add1" add(%0, %1) : (tensor<7x9xf32>, tensor<7x9xf32>) -> tensor<7x9xf32>
  %3 = partita_graph.elementwise "gelu" gelu(%2) : (tensor<7x9xf32>) -> tensor<7x9xf32>
  %4 = partita_graph.contraction "fc2" (%3, %w2) "mk,kn->mn" : (tensor<7x9xf32>, tensor<9x5xf32>) -> tensor<7x5xf32>
  return %4 : tensor<7x5xf32>
}
