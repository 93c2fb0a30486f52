// RUN: partita-opt %s --split-input-file --verify-diagnostics --partita-lower-runtime-calls | FileCheck %s

// Extents and offsets come from the coordinates and axis sizes in the context, so one code serves every rank.

#rows = #partita_plan.part<tensor<5x6xf32>, <[["x"], []]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// CHECK: func.func @kernel(%[[CONTEXT:[a-z0-9]+]]: !llvm.ptr
// CHECK-NOT: partita_collective.extent
// CHECK: llvm.getelementptr %[[CONTEXT]]
// CHECK: arith.divui
// CHECK: arith.remui
// CHECK: arith.minui
// CHECK: memref.store
// CHECK: return
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %out: memref<2xindex>) attributes {partita_collective.kernel = @segment, partita_collective.stage = @s} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = partita_collective.extent 0 of tensor<?x6xf32, #rows>
  %b = partita_collective.offset 0 of tensor<?x6xf32, #rows>
  memref.store %n, %out[%c0] : memref<2xindex>
  memref.store %b, %out[%c1] : memref<2xindex>
  return
}

// -----

// Communication is a call with the id and both addresses.

#whole = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#sum = #partita_plan.part<tensor<4x6xf32>, <[[], []], partial ["x" sum]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// CHECK: func.func @kernel(%[[CONTEXT:[a-z0-9]+]]: !llvm.ptr
// CHECK: %[[ID:.*]] = llvm.mlir.constant(3 : i64)
// CHECK: llvm.call @partita_collective_start(%[[CONTEXT]], %[[ID]], %{{.*}}, %{{.*}})
// CHECK: llvm.call @partita_collective_wait(%[[CONTEXT]], %{{.*}})
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %a: memref<4x6xf32>, %b: memref<4x6xf32>) attributes {partita_collective.kernel = @segment, partita_collective.stage = @s} {
  %t = partita_collective.start 3 "all_reduce" "r"(%a : memref<4x6xf32>) into(%b : memref<4x6xf32>) over ["x"] part tensor<4x6xf32, #sum> to tensor<4x6xf32, #whole>
  partita_collective.wait 3 %t(%a : memref<4x6xf32>) into(%b : memref<4x6xf32>)
  return
}

// -----

// With counts, their address and number of dims are handed over too.

#whole = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#rows = #partita_plan.part<tensor<4x6xf32>, <[["x"], []]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
// CHECK: func.func @kernel(%[[CONTEXT:[a-z0-9]+]]: !llvm.ptr
// CHECK: %[[DIMS:.*]] = llvm.mlir.constant(1 : i64)
// CHECK: llvm.call @partita_collective_start_counted(%[[CONTEXT]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[DIMS]])
// CHECK: llvm.call @partita_collective_wait
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %a: memref<2x6xf32>, %b: memref<4x6xf32>, %n: memref<2xi64>) attributes {partita_collective.kernel = @segment, partita_collective.stage = @s} {
  %t = partita_collective.start 3 "all_gather" "r"(%a : memref<2x6xf32>) into(%b : memref<4x6xf32>) counts(%n : memref<2xi64>) over ["x"] part tensor<2x6xf32, #rows> to tensor<4x6xf32, #whole>
  partita_collective.wait 3 %t(%a : memref<2x6xf32>) into(%b : memref<4x6xf32>) counts(%n : memref<2xi64>)
  return
}

// -----

#rows = #partita_plan.part<tensor<5x6xf32>, <[["y"], []]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %out: memref<1xindex>) attributes {partita_collective.kernel = @segment, partita_collective.stage = @s} {
  %c0 = arith.constant 0 : index
  // expected-error @below {{E-SPMD-TYPE}}
  %n = partita_collective.extent 0 of tensor<?x6xf32, #rows>
  memref.store %n, %out[%c0] : memref<1xindex>
  return
}
