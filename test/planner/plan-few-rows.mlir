// RUN: partita-opt %s --partita-plan="machine=cpu:4" | FileCheck %s

// A quarter of the rows would be normalised on each device, but then each would also read the whole weight of the
// product, and that adds to its arithmetic: the product is split by its columns, and all rows are normalised everywhere.
// CHECK: partita_graph.contraction "head"
// CHECK-SAME: partita_plan.loops = #partita_plan.loops<{{\[\[\], \["[a-z"+, ]+"\], \[\]\]}}>
func.func @main(%x: tensor<128x768xf32> {partita.name = "x", partita.role = "input"},
                %s: tensor<768xf32> {partita.name = "s", partita.role = "parameter"},
                %w: tensor<768x8192xf32> {partita.name = "w", partita.role = "parameter"}) -> (tensor<128x8192xf32> {partita.name = "y"}) {
  %0 = partita_graph.rms_norm "norm" (%x, %s) axis 1 epsilon 1.0e-05 : (tensor<128x768xf32>, tensor<768xf32>) -> tensor<128x768xf32>
  %1 = partita_graph.contraction "head" (%0, %w) "mk,kn->mn" : (tensor<128x768xf32>, tensor<768x8192xf32>) -> tensor<128x8192xf32>
  return %1 : tensor<128x8192xf32>
}
