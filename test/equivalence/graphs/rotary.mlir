// Rotary positions, RMS norm, slices and pads.
func.func @main(%x: tensor<2x4x6x8xf32> {partita.name = "x", partita.role = "input"},
                %c: tensor<6x4xf32> {partita.name = "cosine", partita.role = "parameter"},
                %s: tensor<6x4xf32> {partita.name = "sine", partita.role = "parameter"},
                %g: tensor<8xf32> {partita.name = "scale", partita.role = "parameter"})
    -> (tensor<2x4x7x5xf32> {partita.name = "y"}) {
  %0 = partita_graph.rms_norm "norm" (%x, %g) axis 3 epsilon 1.0e-05 : (tensor<2x4x6x8xf32>, tensor<8xf32>) -> tensor<2x4x6x8xf32>
  %1 = partita_graph.rotary "rotary" (%0, %c, %s) interleaved false : (tensor<2x4x6x8xf32>, tensor<6x4xf32>, tensor<6x4xf32>) -> tensor<2x4x6x8xf32>
  %2 = partita_graph.slice "left" (%1) starts [0, 0, 0, 0] strides [1, 1, 1, 1] : (tensor<2x4x6x8xf32>) -> tensor<2x4x6x5xf32>
  %3 = partita_graph.slice "right" (%1) starts [0, 0, 0, 2] strides [1, 1, 1, 1] : (tensor<2x4x6x8xf32>) -> tensor<2x4x6x5xf32>
  %4 = partita_graph.elementwise "difference" sub(%2, %3) : (tensor<2x4x6x5xf32>, tensor<2x4x6x5xf32>) -> tensor<2x4x6x5xf32>
  %z = partita_graph.constant "half" dense<0.5> : tensor<f32> : tensor<f32>
  %5 = partita_graph.pad "pad" (%4, %z) low [0, 0, 1, 0] high [0, 0, 0, 0] : (tensor<2x4x6x5xf32>, tensor<f32>) -> tensor<2x4x7x5xf32>
  return %5 : tensor<2x4x7x5xf32>
}
