// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-approximate-math{cpu=x86-64-v3}))" | FileCheck %s
// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-approximate-math{cpu=x86-64}))" | FileCheck %s --check-prefix=PLAIN

// A polynomial of fused operations; without them, of products and sums.
// CHECK-LABEL: func.func @vectors
// CHECK-NOT: math.exp
// CHECK: math.fma %{{.*}} : vector<8xf32>
// CHECK: arith.shli %{{.*}} : vector<8xi32>
// PLAIN-LABEL: func.func @vectors
// PLAIN-NOT: math
// PLAIN: return
func.func @vectors(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<8xf32>) attributes {partita_collective.kernel = @segment} {
  %0 = arith.constant 0 : index
  %1 = vector.load %x[%0] : memref<8xf32>, vector<8xf32>
  %2 = math.exp %1 : vector<8xf32>
  vector.store %2, %x[%0] : memref<8xf32>, vector<8xf32>
  return
}

// Large angles are left to the C library, all lanes together.
// CHECK-LABEL: func.func @angles
// CHECK: vector.reduction <or>
// CHECK: scf.if
// CHECK: math.sin %{{.*}} : vector<8xf32>
// CHECK: else
// CHECK-NOT: math.sin
// CHECK: arith.truncf %{{.*}} : vector<8xf64> to vector<8xf32>
func.func @angles(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<8xf32>) attributes {partita_collective.kernel = @segment} {
  %0 = arith.constant 0 : index
  %1 = vector.load %x[%0] : memref<8xf32>, vector<8xf32>
  %2 = math.sin %1 : vector<8xf32>
  vector.store %2, %x[%0] : memref<8xf32>, vector<8xf32>
  return
}

// f64 and functions without an approximation stay.
// CHECK-LABEL: func.func @others
// CHECK: math.exp %{{.*}} : f64
// CHECK: math.asin %{{.*}} : f32
func.func @others(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<f64>, %y: memref<f32>) attributes {partita_collective.kernel = @segment} {
  %0 = memref.load %x[] : memref<f64>
  %1 = math.exp %0 : f64
  memref.store %1, %x[] : memref<f64>
  %2 = memref.load %y[] : memref<f32>
  %3 = math.asin %2 : f32
  memref.store %3, %y[] : memref<f32>
  return
}

// Not a kernel: left alone.
// CHECK-LABEL: func.func @other
// CHECK: math.exp
func.func @other(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  return %0 : f32
}
