// RUN: partita-opt %s --partita-keep-kernels | FileCheck %s

// Kernels, constants, what kernels call and functions that they share are code; stages, programs, lists of calls and
// segments are data by now.

// CHECK-NOT: partita_plan
// CHECK-NOT: partita_collective
// CHECK-NOT: @forward
// CHECK: memref.global "private" constant @table
// CHECK: llvm.func @partita_collective_wait(!llvm.ptr, i64)
// CHECK: llvm.func internal @shared()
// CHECK: func.func @segment_kernel(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) {
// CHECK-NOT: func.func
#whole = #partita_plan.part<tensor<4xf32>, <[[]]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
partita_collective.program @main role "worker" phase "step" stages [@s] events [#partita_collective.events<devices = [0, 1], [<forward @s, 0>]>]
memref.global "private" constant @table : memref<2xf32> = dense<[1.0, 2.0]>
llvm.func @partita_collective_wait(!llvm.ptr, i64)
llvm.func internal @shared() {
  llvm.return
}
func.func @forward(%x: tensor<4xf32, #whole> {partita.name = "x", partita.role = "input"}) -> (tensor<4xf32, #whole> {partita.name = "y"}) attributes {partita_collective.event = "forward", partita_collective.stage = @s} {
  %0 = call @segment(%x) : (tensor<4xf32, #whole>) -> tensor<4xf32, #whole>
  return %0 : tensor<4xf32, #whole>
}
func.func private @segment(tensor<4xf32, #whole>) -> tensor<4xf32, #whole> attributes {partita_collective.stage = @s}
func.func @segment_kernel(%context: !llvm.ptr, %buffers: !llvm.ptr) attributes {partita_collective.kernel = @segment, partita_collective.scratch = 64 : i64, partita_collective.stage = @s} {
  %0 = llvm.mlir.constant(0 : i64) : i64
  llvm.call @partita_collective_wait(%context, %0) : (!llvm.ptr, i64) -> ()
  return
}
