// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-verify-placements | FileCheck %s

// Rows over three ranks: the image is loaded with its halo, the second convolution exchanges, the pooling that does not
// overlap takes rows as they lie, and the sum over all positions is partial.
partita_plan.stage @s on <["x"=3], devices = [0 to 2]>

// CHECK-DAG: #[[IMAGE:part.*]] = #partita_plan.part<tensor<1x1x12x512xf32>, <{{\[\[}}], [], ["x" window 3 by 1 pad 1, 1], []]>>
// CHECK-DAG: #[[ROWS:part.*]] = #partita_plan.part<tensor<1x2x12x512xf32>, <{{\[\[}}], [], ["x"], []]>>
// CHECK-DAG: #[[HALO:part.*]] = #partita_plan.part<tensor<1x2x12x512xf32>, <{{\[\[}}], [], ["x" window 3 by 1 pad 1, 1], []]>>
// CHECK-DAG: #[[SUM:part.*]] = #partita_plan.part<tensor<1x2xf32>, <{{\[\[}}], []], partial ["x" sum]>>
// CHECK-LABEL: func.func @s_forward
// CHECK-SAME: tensor<1x1x?x512xf32, #[[IMAGE]]> {partita.name = "x"}
// CHECK: partita_graph.convolution "conv1"
// CHECK-SAME: -> tensor<1x2x4x512xf32, #[[ROWS]]>
// CHECK: %[[RELU:.*]] = partita_graph.elementwise "relu"
// CHECK-NEXT: %[[READ:.*]] = partita_collective.exchange "relu" %[[RELU]] over ["x"] : tensor<1x2x4x512xf32, #[[ROWS]]> to tensor<1x2x?x512xf32, #[[HALO]]>
// CHECK-NEXT: partita_graph.convolution "conv2"(%[[READ]]
// CHECK-SAME: -> tensor<1x2x4x512xf32, #[[ROWS]]>
// CHECK-NEXT: partita_graph.window_reduce "pool"
// CHECK-SAME: -> tensor<1x2x2x256xf32
// CHECK-NEXT: partita_graph.reduce "sum"
// CHECK-SAME: #[[SUM]]
// CHECK-NEXT: partita_collective.all_reduce "sum"
func.func @main(%x: tensor<1x1x12x512xf32> {partita.name = "x"}, %f: tensor<2x1x3x3xf32> {partita.name = "f"},
                %g: tensor<2x2x3x1xf32> {partita.name = "g"}) -> (tensor<1x2xf32> {partita.name = "y"}) {
  %0 = partita_graph.convolution "conv1" (%x, %f) strides [1, 1] padding [1, 1, 1, 1] dilations [1, 1] groups 1
         {partita_plan.loops = #partita_plan.loops<[[], [], [], ["x"], [], [], [], []]>}
         : (tensor<1x1x12x512xf32>, tensor<2x1x3x3xf32>) -> tensor<1x2x12x512xf32>
  %1 = partita_graph.elementwise "relu" relu(%0) : (tensor<1x2x12x512xf32>) -> tensor<1x2x12x512xf32>
  %2 = partita_graph.convolution "conv2" (%1, %g) strides [1, 1] padding [1, 1, 0, 0] dilations [1, 1] groups 1
         : (tensor<1x2x12x512xf32>, tensor<2x2x3x1xf32>) -> tensor<1x2x12x512xf32>
  %3 = partita_graph.window_reduce "pool" max(%2) window [2, 2] strides [2, 2] padding [0, 0, 0, 0] dilations [1, 1]
         : (tensor<1x2x12x512xf32>) -> tensor<1x2x6x256xf32>
  %4 = partita_graph.reduce "sum" sum(%3) dims [2, 3] : (tensor<1x2x6x256xf32>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}
