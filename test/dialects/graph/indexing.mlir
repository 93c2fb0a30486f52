// Ops by position are printed so that reading them again gives the same.
// RUN: partita-opt %s | partita-opt | FileCheck %s
// RUN: partita-opt %s --mlir-print-op-generic | partita-opt | FileCheck %s

// CHECK-LABEL: func.func @indexing
func.func @indexing(%x: tensor<4x3x9xf32>, %i: tensor<4x5xsi64>, %j: tensor<5xsi32>, %u: tensor<5x3xbf16>,
                    %t: tensor<9x3xbf16>) {
  // CHECK: partita_graph.gather_along "g"(%{{.*}}, %{{.*}}) axis 2 dims [0, 2]
  %0 = partita_graph.gather_along "g" (%x, %i) axis 2 dims [0, 2] : (tensor<4x3x9xf32>, tensor<4x5xsi64>) -> tensor<4x3x5xf32>
  // CHECK: partita_graph.scatter_along "s" add(%{{.*}}, %{{.*}}) axis 0 dims [0] : (tensor<5xsi32>, tensor<5x3xbf16>) -> tensor<9x3xbf16>
  %1 = partita_graph.scatter_along "s" add(%j, %u) axis 0 dims [0] : (tensor<5xsi32>, tensor<5x3xbf16>) -> tensor<9x3xbf16>
  // CHECK: partita_graph.scatter_along "s2" update(%{{.*}}, %{{.*}}, %{{.*}}) axis 0 dims [0]
  %2 = partita_graph.scatter_along "s2" update(%j, %u, %t) axis 0 dims [0]
       : (tensor<5xsi32>, tensor<5x3xbf16>, tensor<9x3xbf16>) -> tensor<9x3xbf16>
  // CHECK: partita_graph.top_k "t"(%{{.*}}) dim 2 largest true : (tensor<4x3x9xf32>) -> tensor<4x3x2xsi64>
  %3 = partita_graph.top_k "t" (%x) dim 2 largest true : (tensor<4x3x9xf32>) -> tensor<4x3x2xsi64>
  // CHECK: partita_graph.cumulative "c" sum(%{{.*}}) dim 0 exclusive true reverse false
  %4 = partita_graph.cumulative "c" sum(%x) dim 0 exclusive true reverse false : (tensor<4x3x9xf32>) -> tensor<4x3x9xf32>
  return
}
