// RUN: partita-opt %s --partita-outline-parallel | FileCheck %s

// The loops become one, the last fastest; what is constant is made again in the body, other values are handed over.

// CHECK-LABEL: func.func private @kernel_body_0
// CHECK-SAME: (%[[OWN:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %[[DATA:.*]]: !llvm.ptr) attributes {llvm.linkage = #llvm.linkage<internal>}
// CHECK: llvm.getelementptr %[[DATA]][0, 0]
// CHECK: %[[POINTER:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: llvm.insertvalue %[[POINTER]]
// CHECK: memref.view {{.*}} to memref<30x8xf32>
// CHECK: scf.for %[[I:.*]] =
// CHECK: %[[POSITION:.*]] = arith.remsi %[[I]], %[[COLUMNS:.*]] : index
// CHECK: %[[ROW:.*]] = arith.divsi %[[I]], %[[COLUMNS]] : index
// CHECK: llvm.getelementptr %[[OWN]][72]
// CHECK: memref.store
// CHECK-LABEL: func.func @kernel(
// CHECK-SAME: %[[CONTEXT:[a-z0-9]+]]: !llvm.ptr,
// CHECK: llvm.alloca
// CHECK-NOT: scf.forall
// CHECK: %[[BODY:.*]] = constant @kernel_body_0
// CHECK: %[[ADDRESS:.*]] = builtin.unrealized_conversion_cast %[[BODY]]
// CHECK: llvm.call @partita_parallel_for(%[[CONTEXT]], %{{.*}}, %{{.*}}, %{{.*}}, %[[ADDRESS]], %{{.*}})
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %value: f32) {
  %zero = arith.constant 0 : index
  %pointer = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %poison = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %descriptor = llvm.insertvalue %pointer, %poison[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %bytes = builtin.unrealized_conversion_cast %descriptor : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xi8>
  %y = memref.view %bytes[%zero][] : memref<?xi8> to memref<30x8xf32>
  scf.forall (%i, %j) = (0, 0) to (30, 8) step (4, 2) {
    %own = llvm.getelementptr %context[72] : (!llvm.ptr) -> !llvm.ptr, i8
    memref.store %value, %y[%i, %j] : memref<30x8xf32>
  }
  return
}

// One iteration, and loops in a loop, need no threads.
// CHECK-LABEL: func.func private @nested_body_0
// CHECK: scf.for
// CHECK: scf.for
// CHECK: memref.store
// CHECK-LABEL: func.func @nested(
// CHECK: scf.for
// CHECK: memref.store
// CHECK: llvm.call @partita_parallel_for
// CHECK-NOT: llvm.call
func.func @nested(%context: !llvm.ptr, %buffers: !llvm.ptr, %y: memref<30x8xf32>, %value: f32, %n: index) {
  scf.forall (%i) = (0) to (30) step (30) {
    memref.store %value, %y[%i, %i] : memref<30x8xf32>
  }
  scf.forall (%i) = (0) to (%n) step (1) {
    scf.forall (%j) = (0) to (8) step (1) {
      memref.store %value, %y[%i, %j] : memref<30x8xf32>
    }
  }
  return
}
