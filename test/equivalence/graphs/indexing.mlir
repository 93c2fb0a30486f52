// The best rows of a table are picked, accumulated and scattered back.
func.func @main(%x: tensor<3x8x6xf32> {partita.name = "x", partita.role = "input"},
                %i: tensor<3x5xsi64> {partita.name = "places", partita.role = "input", partita.maximum = 7 : i64},
                %t: tensor<9x6xf32> {partita.name = "table", partita.role = "parameter"},
                %r: tensor<15xsi64> {partita.name = "rows", partita.role = "input", partita.maximum = 8 : i64})
    -> (tensor<9x6xf32> {partita.name = "y"}, tensor<3x2x6xsi64> {partita.name = "best"}) {
  %0 = partita_graph.gather_along "picked" (%x, %i) axis 1 dims [0, 1] : (tensor<3x8x6xf32>, tensor<3x5xsi64>) -> tensor<3x5x6xf32>
  %1 = partita_graph.cumulative "totals" sum(%0) dim 1 exclusive false reverse true : (tensor<3x5x6xf32>) -> tensor<3x5x6xf32>
  %2 = partita_graph.top_k "best" (%1) dim 1 largest true : (tensor<3x5x6xf32>) -> tensor<3x2x6xsi64>
  %3 = partita_graph.reshape "flat" (%1) : (tensor<3x5x6xf32>) -> tensor<15x6xf32>
  %4 = partita_graph.scatter_along "gradient" add(%r, %3) axis 0 dims [0] : (tensor<15xsi64>, tensor<15x6xf32>) -> tensor<9x6xf32>
  %5 = partita_graph.scatter_along "written" update(%r, %3, %t) axis 0 dims [0]
       : (tensor<15xsi64>, tensor<15x6xf32>, tensor<9x6xf32>) -> tensor<9x6xf32>
  %6 = partita_graph.elementwise "sum" add(%4, %5) : (tensor<9x6xf32>, tensor<9x6xf32>) -> tensor<9x6xf32>
  return %6, %2 : tensor<9x6xf32>, tensor<3x2x6xsi64>
}
