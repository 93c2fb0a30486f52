// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-lower-to-loops))" | FileCheck %s

#x = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// The innermost reduction keeps its accumulator in a register: one load before the loop, one store behind it.
// CHECK-LABEL: func.func @sum
// CHECK: scf.for %[[I:.*]] =
// CHECK: %[[START:.*]] = memref.load %{{.*}}[%[[I]]] : memref<4xf32>
// CHECK: %[[TOTAL:.*]] = scf.for %[[J:.*]] = {{.*}} iter_args(%[[SO_FAR:.*]] = %[[START]])
// CHECK: %[[ELEMENT:.*]] = memref.load %{{.*}}[%[[I]], %[[J]]]
// CHECK: %[[MORE:.*]] = arith.addf %[[SO_FAR]], %[[ELEMENT]]
// CHECK: scf.yield %[[MORE]]
// CHECK: memref.store %[[TOTAL]], %{{.*}}[%[[I]]]
func.func @sum(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<4x6xf32>, %y: memref<4xf32>) attributes {partita_collective.kernel = @segment} {
  linalg.generic {indexing_maps = [#x, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x6xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// Named ops become loops too, over extents that are known at run time only. A copy of dense memory stays one: it becomes
// memcpy. A copy of part of a row becomes loops.
// CHECK-LABEL: func.func @named
// CHECK: memref.dim
// CHECK: scf.for
// CHECK-NOT: linalg
// CHECK: memref.copy
// CHECK: scf.for
// CHECK-NOT: memref.copy
// CHECK: return
func.func @named(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<?xf32>, %y: memref<?xf32>, %z: memref<?xf32>, %p: memref<4x2xf32, strided<[6, 1]>>, %q: memref<4x2xf32>) attributes {partita_collective.kernel = @segment} {
  linalg.exp ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
  memref.copy %y, %z : memref<?xf32> to memref<?xf32>
  memref.copy %p, %q : memref<4x2xf32, strided<[6, 1]>> to memref<4x2xf32>
  return
}

// Not a kernel: left alone.
// CHECK-LABEL: func.func @other
// CHECK: linalg.exp
func.func @other(%x: memref<4xf32>) {
  linalg.exp ins(%x : memref<4xf32>) outs(%x : memref<4xf32>)
  return
}
