// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-lower-to-loops{cpu=x86-64-v4}))" | FileCheck %s

#x = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>

// What the next tile reads and writes is fetched by the longest pass over it: 4 rows of 64 further. Memory of the tile
// alone is not, and neither is what all tiles read.
// CHECK-LABEL: func.func @tiles
// CHECK: scf.forall
// CHECK-NOT: memref.prefetch
// CHECK: arith.maxsi
// CHECK-NOT: memref.prefetch
// CHECK: %[[AHEAD:.*]] = arith.constant 256 : index
// CHECK: %[[PLACE:.*]] = arith.addi %[[J:.*]], %[[AHEAD]]
// CHECK: memref.prefetch %[[X:.*]][%[[I:.*]], %[[PLACE]]], read, locality<3>, data
// CHECK: vector.load %[[X]][%[[I]], %[[J]]]
// CHECK: memref.prefetch %{{.*}}, write, locality<3>, data : memref<4x64xf32, strided<[64, 1], offset: ?>>
// CHECK: vector.store
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @tiles(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<32x64xf32>, %y: memref<32x64xf32>, %m: memref<4xf32>) attributes {partita_collective.kernel = @segment} {
  %least = arith.constant 0xFF800000 : f32
  scf.forall (%i) = (0) to (32) step (4) {
    %a = memref.subview %x[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    %b = memref.subview %y[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    linalg.fill ins(%least : f32) outs(%m : memref<4xf32>)
    linalg.generic {indexing_maps = [#x, #rows], iterator_types = ["parallel", "reduction"]} ins(%a : memref<4x64xf32, strided<[64, 1], offset: ?>>) outs(%m : memref<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %s = arith.maximumf %out, %in : f32
      linalg.yield %s : f32
    }
    linalg.generic {indexing_maps = [#x, #rows, #x], iterator_types = ["parallel", "parallel"]} ins(%a, %m : memref<4x64xf32, strided<[64, 1], offset: ?>>, memref<4xf32>) outs(%b : memref<4x64xf32, strided<[64, 1], offset: ?>>) {
    ^bb0(%in: f32, %most: f32, %out: f32):
      %s = arith.subf %in, %most : f32
      %e = math.exp %s : f32
      linalg.yield %e : f32
    }
  }
  return
}

// A loop with something else than loops over elements looks after itself.
// CHECK-LABEL: func.func @others
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func private @product(memref<4x64xf32, strided<[64, 1], offset: ?>>)
func.func @others(%context: !llvm.ptr, %buffers: !llvm.ptr, %x: memref<32x64xf32>) attributes {partita_collective.kernel = @segment} {
  scf.forall (%i) = (0) to (32) step (4) {
    %a = memref.subview %x[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    func.call @product(%a) : (memref<4x64xf32, strided<[64, 1], offset: ?>>) -> ()
    linalg.exp ins(%a : memref<4x64xf32, strided<[64, 1], offset: ?>>) outs(%a : memref<4x64xf32, strided<[64, 1], offset: ?>>)
  }
  return
}
