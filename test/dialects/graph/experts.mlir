// RUN: partita-opt %s | partita-opt | FileCheck %s
// RUN: partita-opt %s --mlir-print-op-generic | partita-opt | FileCheck %s

// CHECK-LABEL: func.func @all_operands
func.func @all_operands(%x: tensor<2x6x3xf32>, %p: tensor<2x6x2xsi64>, %s: tensor<2x6x2xf32>, %g: tensor<1x4x5x3xf32>,
                        %b: tensor<1x4x5xf32>, %d: tensor<1x4x3x5xf32>) -> tensor<2x6x3xf32> {
  // CHECK: partita_graph.experts "e" silu(%{{.*}} at %{{.*}} shares %{{.*}} gate %{{.*}} gate_bias %{{.*}} up %{{.*}} up_bias %{{.*}} down %{{.*}})
  %0 = partita_graph.experts "e" silu (%x at %p shares %s gate %g gate_bias %b up %g up_bias %b down %d) : (tensor<2x6x3xf32>, tensor<2x6x2xsi64>, tensor<2x6x2xf32>, tensor<1x4x5x3xf32>, tensor<1x4x5xf32>, tensor<1x4x5x3xf32>, tensor<1x4x5xf32>, tensor<1x4x3x5xf32>) -> tensor<2x6x3xf32>
  return %0 : tensor<2x6x3xf32>
}

// CHECK-LABEL: func.func @weights_of_each_set
func.func @weights_of_each_set(%x: tensor<2x6x3xf32>, %p: tensor<2x6x1xsi32>, %g: tensor<2x4x5x3xf32>, %d: tensor<2x4x7x5xf32>) -> tensor<2x6x7xf32> {
  // CHECK: partita_graph.experts "e" relu(%{{.*}} at %{{.*}} gate %{{.*}} down %{{.*}})
  %0 = partita_graph.experts "e" relu (%x at %p gate %g down %d) : (tensor<2x6x3xf32>, tensor<2x6x1xsi32>, tensor<2x4x5x3xf32>, tensor<2x4x7x5xf32>) -> tensor<2x6x7xf32>
  return %0 : tensor<2x6x7xf32>
}

// CHECK-LABEL: func.func @counted
func.func @counted(%x: tensor<2x3x4x5xf32>, %n: tensor<2x3xsi64>) -> tensor<2x3x4x5xf32> {
  // CHECK: partita_graph.counted "c"(%{{.*}}, %{{.*}}) share 5.000000e-01
  %0 = partita_graph.counted "c" (%x, %n) share 5.000000e-01 : (tensor<2x3x4x5xf32>, tensor<2x3xsi64>) -> tensor<2x3x4x5xf32>
  return %0 : tensor<2x3x4x5xf32>
}
