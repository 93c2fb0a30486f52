// Convolutions (one grouped), pooling, a spelled-out softmax with partial maxima, concat and slice.
func.func @main(%x: tensor<4x6x8x8xf32> {partita.name = "x", partita.role = "input"},
                %f1: tensor<8x6x3x3xf32> {partita.name = "f1", partita.role = "parameter"},
                %f2: tensor<8x2x3x3xf32> {partita.name = "f2", partita.role = "parameter"},
                %w: tensor<16x7xf32> {partita.name = "w", partita.role = "parameter"})
    -> (tensor<4x7xf32> {partita.name = "p"}, tensor<4xf32> {partita.name = "largest"}) {
  %0 = partita_graph.convolution "conv1" (%x, %f1) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1 : (tensor<4x6x8x8xf32>, tensor<8x6x3x3xf32>) -> tensor<4x8x8x8xf32>
  %1 = partita_graph.elementwise "relu1" relu(%0) : (tensor<4x8x8x8xf32>) -> tensor<4x8x8x8xf32>
  %2 = partita_graph.convolution "conv2" (%1, %f2) strides [2, 2] padding [1, 1, 1, 1] dilations [1, 1] groups 4 : (tensor<4x8x8x8xf32>, tensor<8x2x3x3xf32>) -> tensor<4x8x4x4xf32>
  %3 = partita_graph.window_reduce "pool" max(%2) window [2, 2] strides [2, 2] padding [0, 0, 0, 0] dilations [1, 1] : (tensor<4x8x4x4xf32>) -> tensor<4x8x2x2xf32>
  %4 = partita_graph.window_reduce "pool2" max(%1) window [4, 4] strides [4, 4] padding [0, 0, 0, 0] dilations [1, 1] : (tensor<4x8x8x8xf32>) -> tensor<4x8x2x2xf32>
  %5 = partita_graph.concat "cat" (%3, %4) dim 1 : (tensor<4x8x2x2xf32>, tensor<4x8x2x2xf32>) -> tensor<4x16x2x2xf32>
  %6 = partita_graph.reduce "mean" sum(%5) dims [2, 3] : (tensor<4x16x2x2xf32>) -> tensor<4x16xf32>
  %7 = partita_graph.contraction "fc" (%6, %w) "mk,kn->mn" : (tensor<4x16xf32>, tensor<16x7xf32>) -> tensor<4x7xf32>
  %8 = partita_graph.reduce "max" max(%7) dims [1] : (tensor<4x7xf32>) -> tensor<4xf32>
  %9 = partita_graph.broadcast "max_b" (%8) dims [0] : (tensor<4xf32>) -> tensor<4x7xf32>
  %10 = partita_graph.elementwise "sub" sub(%7, %9) : (tensor<4x7xf32>, tensor<4x7xf32>) -> tensor<4x7xf32>
  %11 = partita_graph.elementwise "exp" exp(%10) : (tensor<4x7xf32>) -> tensor<4x7xf32>
  %12 = partita_graph.reduce "sum" sum(%11) dims [1] : (tensor<4x7xf32>) -> tensor<4xf32>
  %13 = partita_graph.broadcast "sum_b" (%12) dims [0] : (tensor<4xf32>) -> tensor<4x7xf32>
  %14 = partita_graph.elementwise "div" div(%11, %13) : (tensor<4x7xf32>, tensor<4x7xf32>) -> tensor<4x7xf32>
  return %14, %8 : tensor<4x7xf32>, tensor<4xf32>
}
