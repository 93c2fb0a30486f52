// RUN: partita-opt %s --split-input-file --verify-diagnostics --partita-lower-graph | FileCheck %s

// A segment becomes a kernel on plain tensors at the addresses in `buffers`; itself it stays as a declaration.

#whole = #partita_plan.part<tensor<5x6xf32>, <[[], []]>>
#rows = #partita_plan.part<tensor<5x6xf32>, <[["x"], []]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// CHECK-LABEL: func.func private @segment(tensor<?x6xf32, #{{.*}}>) -> tensor<?x6xf32, #{{.*}}> attributes
// CHECK: func.func @segment_kernel(%{{[a-z0-9]+}}: !llvm.ptr, %[[BUFFERS:[a-z0-9]+]]: !llvm.ptr)
// CHECK-SAME: partita_collective.kernel = @segment
// 5 rows on two ranks are 3 and 2: the extent is a value.
// CHECK: partita_collective.extent
// CHECK: llvm.getelementptr %[[BUFFERS]][0]
// CHECK: %[[X:.*]] = bufferization.to_tensor %{{.*}} restrict : memref<?x6xf32> to tensor<?x6xf32>
// CHECK: llvm.getelementptr %[[BUFFERS]][1]
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<?x6xf32>)
// CHECK: math.exp
// CHECK: bufferization.materialize_in_destination
// CHECK: return
func.func private @segment(%x: tensor<?x6xf32, #rows>) -> tensor<?x6xf32, #rows> attributes {partita_collective.stage = @s} {
  %e = partita_graph.elementwise "e" exp(%x) {partita_plan.loops = #partita_plan.loops<[["x"], []]>} : (tensor<?x6xf32, #rows>) -> tensor<?x6xf32, #rows>
  return %e : tensor<?x6xf32, #rows>
}

// -----

// An op that has loops, and so can be partitioned, but no kernel.

#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func private @segment(%x: tensor<4xf32, #whole>) -> tensor<4xf32, #whole> attributes {partita_collective.stage = @s} {
  // expected-error @below {{E-LOWER: no lowering to a kernel exists}}
  %e = arith.addf %x, %x : tensor<4xf32, #whole>
  return %e : tensor<4xf32, #whole>
}

// -----

#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// expected-error @below {{E-LOWER: a segment has one block}}
func.func private @segment(%x: tensor<4xf32, #whole>) -> tensor<4xf32, #whole> attributes {partita_collective.stage = @s} {
  cf.br ^next
^next:
  return %x : tensor<4xf32, #whole>
}
