// Recurrent cells and the places of window maxima: printed as written, canonical as they are.
// RUN: partita-opt %s | FileCheck %s
// RUN: partita-opt %s | partita-opt | FileCheck %s
// RUN: partita-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @cells
func.func @cells(%g: tensor<7x2x4x3x5xf32>, %w: tensor<2x3x5x5xf32>, %i: tensor<1x2x4x5xf32>, %b: tensor<2x5xf32>,
                 %n: tensor<4xsi32>) -> tensor<1x7x2x4x5xf32> {
  // CHECK: partita_graph.recurrent "r" gru both(%{{.*}}, %{{.*}}, %{{.*}} bias %{{.*}} lengths %{{.*}}) functions
  // CHECK-SAME: ["sigmoid", "tanh"] alpha [0.000000e+00, 0.000000e+00] beta [0.000000e+00, 0.000000e+00] clip
  // CHECK-SAME: 0.000000e+00 reset_after true coupled false
  %0 = partita_graph.recurrent "r" gru both (%g, %w, %i bias %b lengths %n) functions ["sigmoid", "tanh"]
       alpha [0.0, 0.0] beta [0.0, 0.0] clip 0.0 reset_after true coupled false
       : (tensor<7x2x4x3x5xf32>, tensor<2x3x5x5xf32>, tensor<1x2x4x5xf32>, tensor<2x5xf32>, tensor<4xsi32>)
         -> tensor<1x7x2x4x5xf32>
  return %0 : tensor<1x7x2x4x5xf32>
}

// CHECK-LABEL: func.func @places
func.func @places(%x: tensor<1x1x4xf32>) -> tensor<1x1x2xsi64> {
  // CHECK: partita_graph.window_argmax "p"(%{{.*}}) window [2] strides [2] padding [0, 0] dilations [1]
  %0 = partita_graph.window_argmax "p" (%x) window [2] strides [2] padding [0, 0] dilations [1]
       : (tensor<1x1x4xf32>) -> tensor<1x1x2xsi64>
  return %0 : tensor<1x1x2xsi64>
}
