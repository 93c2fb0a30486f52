// RUN: partita-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(func.func(partita-assign-scratch))" | FileCheck %s

// The first and the third buffer do not live at the same time: the third takes the first one's place.
// CHECK-LABEL: func.func @kernel
// CHECK-SAME: partita_collective.scratch = 256 : i64
// CHECK-NOT: memref.alloc
// CHECK: %[[FIRST:.*]] = arith.constant 0 : index
// CHECK: memref.view %[[SCRATCH:.*]][%[[FIRST]]][] : memref<?xi8> to memref<4x8xf32>
// CHECK: %[[SECOND:.*]] = arith.constant 128 : index
// CHECK: memref.view %[[SCRATCH]][%[[SECOND]]][] : memref<?xi8> to memref<4x8xf32>
// CHECK: %[[THIRD:.*]] = arith.constant 0 : index
// CHECK: memref.view %[[SCRATCH]][%[[THIRD]]][] : memref<?xi8> to memref<4x8xf32>
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<4x8xf32>, %y: memref<4x8xf32>) attributes {partita_collective.kernel = @segment} {
  %a = memref.alloc() : memref<4x8xf32>
  linalg.exp ins(%x : memref<4x8xf32>) outs(%a : memref<4x8xf32>)
  %b = memref.alloc() : memref<4x8xf32>
  linalg.exp ins(%a : memref<4x8xf32>) outs(%b : memref<4x8xf32>)
  %c = memref.alloc() : memref<4x8xf32>
  linalg.exp ins(%b : memref<4x8xf32>) outs(%c : memref<4x8xf32>)
  linalg.exp ins(%c : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
  return
}

// Not a kernel: left alone.
// CHECK-LABEL: func.func @other
// CHECK: memref.alloc
func.func @other() {
  %a = memref.alloc() : memref<4x8xf32>
  return
}

// In a parallel loop: the scratch of the thread, whatever its iterations and other loops need.
// CHECK-LABEL: func.func @parallel
// CHECK-SAME: partita_collective.scratch = 128 : i64, partita_collective.worker_scratch = 192 : i64
// CHECK: llvm.getelementptr %{{.*}}[32]
// CHECK: scf.forall
// CHECK: llvm.getelementptr %{{.*}}[72]
// CHECK: %[[FIRST:.*]] = arith.constant 128 : index
// CHECK: memref.view %[[OWN:.*]][%[[FIRST]]][] : memref<?xi8> to memref<2x8xf32>
// CHECK: %[[SECOND:.*]] = arith.constant 0 : index
// CHECK: memref.view %[[OWN]][%[[SECOND]]][] : memref<?xi8> to memref<4x8xf32>
// CHECK: scf.forall
// CHECK: memref.view {{.*}} to memref<8xf32>
func.func @parallel(%context: !llvm.ptr, %buffers: !llvm.ptr, %y: memref<4x8xf32>) attributes {partita_collective.kernel = @segment} {
  %a = memref.alloc() : memref<4x8xf32>
  scf.forall (%i) = (0) to (2) step (1) {
    %b = memref.alloc() : memref<2x8xf32>
    %c = memref.alloc() : memref<4x8xf32>
    linalg.exp ins(%a : memref<4x8xf32>) outs(%c : memref<4x8xf32>)
    linalg.exp ins(%c : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
    linalg.exp ins(%b : memref<2x8xf32>) outs(%b : memref<2x8xf32>)
  }
  scf.forall (%i) = (0) to (2) step (1) {
    %d = memref.alloc() : memref<8xf32>
    linalg.exp ins(%d : memref<8xf32>) outs(%d : memref<8xf32>)
  }
  return
}

// -----

func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr, %n: index) attributes {partita_collective.kernel = @segment} {
  // expected-error @below {{E-DIM-UNBOUND: the size of an internal buffer has no bound}}
  %a = memref.alloc(%n) : memref<?x8xf32>
  return
}

// -----

func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr) attributes {partita_collective.kernel = @segment} {
  // expected-error @below {{E-TOO-LARGE: an internal buffer exceeds the address space}}
  %a = memref.alloc() : memref<4000000000x4000000000xf32>
  return
}

// -----

// Each fits, both do not.
// expected-error @below {{E-TOO-LARGE: the internal buffers of this segment exceed the address space}}
func.func @kernel(%context: !llvm.ptr, %buffers: !llvm.ptr) attributes {partita_collective.kernel = @segment} {
  %a = memref.alloc() : memref<2000000000x1000000000xf32>
  %b = memref.alloc() : memref<2000000000x1000000000xf32>
  linalg.exp ins(%a : memref<2000000000x1000000000xf32>) outs(%b : memref<2000000000x1000000000xf32>)
  return
}
