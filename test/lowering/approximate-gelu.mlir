// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-approximate-math{cpu=x86-64-v4}))" | FileCheck %s

// x / 2 times erfc(-x / sqrt(2)) is one chain that ends in a sum.
// CHECK-LABEL: func.func @gelu
// CHECK: %[[X:.*]] = vector.load
// CHECK: %[[POSITIVE:.*]] = arith.select %{{.*}}, %{{.*}}, %[[X]] : vector<16xi1>, vector<16xf32>
// CHECK: %[[RESULT:.*]] = math.fma %{{.*}}, %{{.*}}, %[[POSITIVE]] : vector<16xf32>
// CHECK: vector.store %[[RESULT]]
func.func @gelu(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<16xf32>) attributes {partita_collective.kernel = @segment} {
  %zero = arith.constant 0 : index
  %factor = arith.constant dense<-0.707106769> : vector<16xf32>
  %half = arith.constant dense<5.000000e-01> : vector<16xf32>
  %0 = vector.load %x[%zero] : memref<16xf32>, vector<16xf32>
  %1 = arith.mulf %0, %factor : vector<16xf32>
  %2 = math.erfc %1 : vector<16xf32>
  %3 = arith.mulf %half, %0 : vector<16xf32>
  %4 = arith.mulf %3, %2 : vector<16xf32>
  vector.store %4, %x[%zero] : memref<16xf32>, vector<16xf32>
  return
}

// Half of something else: the product stays.
// CHECK-LABEL: func.func @ofAnother
// CHECK: %[[Y:.*]] = vector.load %arg3
// CHECK: %[[HALF:.*]] = arith.mulf %{{.*}}, %[[Y]] : vector<16xf32>
// CHECK: arith.mulf %[[HALF]], %{{.*}} : vector<16xf32>
// CHECK-NEXT: vector.store
func.func @ofAnother(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<16xf32>, %y: memref<16xf32>) attributes {partita_collective.kernel = @segment} {
  %zero = arith.constant 0 : index
  %factor = arith.constant dense<-0.707106769> : vector<16xf32>
  %half = arith.constant dense<5.000000e-01> : vector<16xf32>
  %0 = vector.load %x[%zero] : memref<16xf32>, vector<16xf32>
  %1 = vector.load %y[%zero] : memref<16xf32>, vector<16xf32>
  %2 = arith.mulf %0, %factor : vector<16xf32>
  %3 = math.erfc %2 : vector<16xf32>
  %4 = arith.mulf %half, %1 : vector<16xf32>
  %5 = arith.mulf %4, %3 : vector<16xf32>
  vector.store %5, %x[%zero] : memref<16xf32>, vector<16xf32>
  return
}

// The distribution is read twice: both products stay.
// CHECK-LABEL: func.func @readTwice
// CHECK: arith.select
// CHECK: %[[NORMAL:.*]] = arith.select
// CHECK: arith.mulf %{{.*}}, %[[NORMAL]] : vector<16xf32>
// CHECK: vector.store %[[NORMAL]], %arg3
func.func @readTwice(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<16xf32>, %y: memref<16xf32>) attributes {partita_collective.kernel = @segment} {
  %zero = arith.constant 0 : index
  %factor = arith.constant dense<-0.707106769> : vector<16xf32>
  %half = arith.constant dense<5.000000e-01> : vector<16xf32>
  %0 = vector.load %x[%zero] : memref<16xf32>, vector<16xf32>
  %1 = arith.mulf %0, %factor : vector<16xf32>
  %2 = math.erfc %1 : vector<16xf32>
  %3 = arith.mulf %half, %0 : vector<16xf32>
  %4 = arith.mulf %3, %2 : vector<16xf32>
  vector.store %4, %x[%zero] : memref<16xf32>, vector<16xf32>
  vector.store %2, %y[%zero] : memref<16xf32>, vector<16xf32>
  return
}
