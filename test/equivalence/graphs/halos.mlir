// Everything that reads through windows: strides and dilations on uneven parts, a depthwise convolution, a kernel longer
// than a part, a squeeze-and-excite block, padding, a strided slice, pooling; a value that is read with a halo and handed out.
func.func @main(%x: tensor<2x3x9x7xf32> {partita.name = "x", partita.role = "input"},
                %f1: tensor<4x3x3x3xf32> {partita.name = "f1", partita.role = "parameter"},
                %f2: tensor<4x1x3x3xf32> {partita.name = "f2", partita.role = "parameter"},
                %f3: tensor<4x4x1x1xf32> {partita.name = "f3", partita.role = "parameter"},
                %f4: tensor<2x4x5x5xf32> {partita.name = "f4", partita.role = "parameter"})
    -> (tensor<2x2x5x3xf32> {partita.name = "y"}, tensor<2x2xf32> {partita.name = "largest"},
        tensor<2x4x5x7xf32> {partita.name = "a"}) {
  %zero = partita_graph.constant "zero" dense<0.0> : tensor<f32> : tensor<f32>
  %0 = partita_graph.convolution "conv1" (%x, %f1) strides [2, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1 : (tensor<2x3x9x7xf32>, tensor<4x3x3x3xf32>) -> tensor<2x4x5x7xf32>
  %1 = partita_graph.elementwise "relu1" relu(%0) : (tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %2 = partita_graph.convolution "depthwise" (%1, %f2) strides [1, 1] padding [1, 1, 2, 2] dilations [1, 2] groups 4 : (tensor<2x4x5x7xf32>, tensor<4x1x3x3xf32>) -> tensor<2x4x5x7xf32>
  %3 = partita_graph.reduce "squeeze" sum(%2) dims [2, 3] : (tensor<2x4x5x7xf32>) -> tensor<2x4xf32>
  %4 = partita_graph.reshape "squeeze_4d" (%3) : (tensor<2x4xf32>) -> tensor<2x4x1x1xf32>
  %5 = partita_graph.convolution "excite" (%4, %f3) strides [1, 1] padding [0, 0, 0, 0] dilations [1, 1] groups 1 : (tensor<2x4x1x1xf32>, tensor<4x4x1x1xf32>) -> tensor<2x4x1x1xf32>
  %6 = partita_graph.elementwise "gate" sigmoid(%5) : (tensor<2x4x1x1xf32>) -> tensor<2x4x1x1xf32>
  %7 = partita_graph.reshape "gate_2d" (%6) : (tensor<2x4x1x1xf32>) -> tensor<2x4xf32>
  %8 = partita_graph.broadcast "gate_b" (%7) dims [0, 1] : (tensor<2x4xf32>) -> tensor<2x4x5x7xf32>
  %9 = partita_graph.elementwise "scaled" mul(%2, %8) : (tensor<2x4x5x7xf32>, tensor<2x4x5x7xf32>) -> tensor<2x4x5x7xf32>
  %10 = partita_graph.pad "pad" (%9, %zero) low [0, 0, 1, 0] high [0, 0, 0, 2] : (tensor<2x4x5x7xf32>, tensor<f32>) -> tensor<2x4x6x9xf32>
  %11 = partita_graph.slice "slice" (%10) starts [0, 0, 1, 0] strides [1, 1, 1, 2] : (tensor<2x4x6x9xf32>) -> tensor<2x4x5x5xf32>
  %12 = partita_graph.window_reduce "pool" sum(%11) window [3, 3] strides [1, 2] padding [1, 1, 1, 1] dilations [1, 1] : (tensor<2x4x5x5xf32>) -> tensor<2x4x5x3xf32>
  %13 = partita_graph.convolution "conv2" (%12, %f4) strides [1, 1] padding [2, 2, 2, 2] dilations [1, 1] groups 1 : (tensor<2x4x5x3xf32>, tensor<2x4x5x5xf32>) -> tensor<2x2x5x3xf32>
  %14 = partita_graph.reduce "max" max(%13) dims [2, 3] : (tensor<2x2x5x3xf32>) -> tensor<2x2xf32>
  return %13, %14, %0 : tensor<2x2x5x3xf32>, tensor<2x2xf32>, tensor<2x4x5x7xf32>
}
