// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-lower-to-loops{cpu=x86-64-v4}))" | FileCheck %s
// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-lower-to-loops{cpu=x86-64}))" | FileCheck %s --check-prefix=SSE

#x = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>
#columns = affine_map<(d0, d1) -> (d1)>
#transposed = affine_map<(d0, d1) -> (d1, d0)>

// A reduction along contiguous memory has several accumulators, in registers. The rest is read under a mask; without
// masks it is added to the scalar.
// CHECK-LABEL: func.func @sum
// CHECK: scf.for %[[I:.*]] =
// CHECK: %[[START:.*]] = memref.load %{{.*}}[%[[I]]] : memref<4xf32>
// CHECK: %[[NEUTRAL:.*]] = arith.constant dense<-0.000000e+00> : vector<16xf32>
// CHECK: %[[TOTALS:.*]]:5 = scf.for {{.*}} iter_args(%{{.*}} = %[[NEUTRAL]], {{.*}} = %[[START]])
// CHECK-COUNT-4: vector.load %{{.*}} : memref<4x70xf32>, vector<16xf32>
// CHECK-COUNT-4: arith.addf
// CHECK: scf.yield
// CHECK: vector.maskedload
// CHECK: arith.select
// CHECK: vector.reduction <add>, %{{.*}} fastmath<reassoc>
// CHECK: memref.store
// SSE-LABEL: func.func @sum
// SSE: vector<4xf32>
// SSE-NOT: mask
// SSE: memref.load %{{.*}} : memref<4x70xf32>
// SSE: vector.reduction
func.func @sum(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<4x70xf32>, %y: memref<4xf32>) attributes {partita_collective.kernel = @segment} {
  linalg.generic {indexing_maps = [#x, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x70xf32>) outs(%y : memref<4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// The other reduction: vectors run along the parallel loop, which becomes the outer one.
// CHECK-LABEL: func.func @columns
// CHECK: scf.for
// CHECK-COUNT-4: vector.load %{{.*}} : memref<64xf32>, vector<16xf32>
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-4: arith.maximumf
// CHECK-COUNT-4: vector.store %{{.*}} : memref<64xf32>, vector<16xf32>
func.func @columns(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<400x64xf32>, %y: memref<64xf32>) attributes {partita_collective.kernel = @segment} {
  linalg.generic {indexing_maps = [#x, #columns], iterator_types = ["reduction", "parallel"]} ins(%x : memref<400x64xf32>) outs(%y : memref<64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.maximumf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// Dims behind each other become one; booleans are bytes.
// CHECK-LABEL: func.func @collapsed
// CHECK: memref.collapse_shape %{{.*}} {{\[\[}}0, 1]] : memref<8x20xf32> into memref<160xf32>
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: arith.cmpf olt, %{{.*}} : vector<16xf32>
// CHECK: arith.extui %{{.*}} : vector<16xi1> to vector<16xi8>
// CHECK: vector.store %{{.*}} : memref<160xi8>, vector<16xi8>
func.func @collapsed(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<8x20xf32>, %y: memref<8x20xf32>, %z: memref<8x20xi1>) attributes {partita_collective.kernel = @segment} {
  linalg.generic {indexing_maps = [#x, #x, #x], iterator_types = ["parallel", "parallel"]} ins(%x, %y : memref<8x20xf32>, memref<8x20xf32>) outs(%z : memref<8x20xi1>) {
  ^bb0(%a: f32, %b: f32, %out: i1):
    %s = arith.cmpf olt, %a, %b : f32
    linalg.yield %s : i1
  }
  return
}

// A row that is looked up: the index is checked once for each row, the row is copied in vectors.
// CHECK-LABEL: func.func @lookup
// CHECK: scf.for
// CHECK: arith.index_cast
// CHECK: cf.assert
// CHECK: scf.for
// CHECK-NOT: cf.assert
// CHECK: vector.load %{{.*}} : memref<10x32xf32>, vector<16xf32>
// CHECK: vector.store
func.func @lookup(%context: !llvm.ptr, %buffers: !llvm.ptr, %table: memref<10x32xf32>, %i: memref<5xi64>, %y: memref<5x32xf32>) attributes {partita_collective.kernel = @segment} {
  %ten = arith.constant 10 : index
  linalg.generic {indexing_maps = [#rows, #x], iterator_types = ["parallel", "parallel"]} ins(%i : memref<5xi64>) outs(%y : memref<5x32xf32>) {
  ^bb0(%in: i64, %out: f32):
    %row = arith.index_cast %in : i64 to index
    %inside = arith.cmpi ult, %row, %ten : index
    cf.assert %inside, "outside"
    %column = linalg.index 1 : index
    %element = memref.load %table[%row, %column] : memref<10x32xf32>
    linalg.yield %element : f32
  }
  return
}

// A reduction begins with what its memory is filled with: the filling itself is not needed.
// CHECK-LABEL: func.func @filled
// CHECK-NOT: vector.store
// CHECK: vector.broadcast
// CHECK: arith.addf
// CHECK: vector.store
// CHECK-NOT: vector.store
// CHECK: return
func.func @filled(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<40x16xf32>, %y: memref<16xf32>) attributes {partita_collective.kernel = @segment} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<16xf32>)
  linalg.generic {indexing_maps = [#x, #columns], iterator_types = ["reduction", "parallel"]} ins(%x : memref<40x16xf32>) outs(%y : memref<16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// Here the filling is seen: it stays.
// CHECK-LABEL: func.func @seen
// CHECK: vector.store
// CHECK: memref.copy
// CHECK: vector.load %{{.*}} : memref<16xf32>
// CHECK: return
func.func @seen(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<40x16xf32>, %y: memref<16xf32>, %z: memref<16xf32>) attributes {partita_collective.kernel = @segment} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : memref<16xf32>)
  memref.copy %y, %z : memref<16xf32> to memref<16xf32>
  linalg.generic {indexing_maps = [#x, #columns], iterator_types = ["reduction", "parallel"]} ins(%x : memref<40x16xf32>) outs(%y : memref<16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %s = arith.addf %out, %in : f32
    linalg.yield %s : f32
  }
  return
}

// Rows become columns: tiles of as many rows as a vector has lanes are turned in registers.
// CHECK-LABEL: func.func @turned
// CHECK-COUNT-16: vector.load %{{.*}} : memref<32x64xf32>, vector<16xf32>
// CHECK-COUNT-64: vector.shuffle
// CHECK-COUNT-16: vector.store %{{.*}} : memref<64x32xf32>, vector<16xf32>
func.func @turned(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<32x64xf32>, %y: memref<64x32xf32>) attributes {partita_collective.kernel = @segment} {
  linalg.generic {indexing_maps = [#transposed, #x], iterator_types = ["parallel", "parallel"]} ins(%x : memref<32x64xf32>) outs(%y : memref<64x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  return
}

// Named ops become loops too, over extents that are known at run time only. A copy of dense memory stays one: it becomes
// memcpy. A copy of part of a row becomes loops; here too short ones for vectors.
// CHECK-LABEL: func.func @named
// CHECK: memref.dim
// CHECK: scf.for
// CHECK: math.exp %{{.*}} : vector<16xf32>
// CHECK-NOT: linalg
// CHECK: memref.copy
// CHECK: scf.for
// CHECK: memref.load
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
