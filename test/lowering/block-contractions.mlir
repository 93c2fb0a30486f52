// RUN: partita-opt %s --partita-block-contractions=cpu=x86-64-v4 | FileCheck %s
// RUN: partita-opt %s --partita-block-contractions=cpu=x86-64-v3 | FileCheck %s --check-prefix=V3
// RUN: not partita-opt %s --partita-block-contractions=cpu=z80 2>&1 | FileCheck %s --check-prefix=Z80
// Z80: E-CPU: 'z80' is no processor

#mk = affine_map<(m, n, k) -> (m, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#nk = affine_map<(m, n, k) -> (n, k)>

// Both operands are read where they lie: rows of A are 64 elements apart. 30 rows are three tiles of ten. The fill is
// folded: C is overwritten. 40 columns leave eight, half a vector.
// CHECK-LABEL: func.func @dense
// CHECK-NOT: linalg
// CHECK-NOT: memref.alloc
// CHECK: llvm.call @partita_tile_f32_10x2_at_1_0_64_1(
// CHECK: llvm.call @partita_tile_f32_10x1_masked_at_1_0_64_1(
// CHECK-NOT: linalg
// CHECK: return
// Six rows fit into the registers of AVX2: five tiles of six.
// V3-LABEL: func.func @dense
// V3: llvm.call @partita_tile_f32_6x2_at_1_0_64_1(
// V3: llvm.call @partita_tile_f32_6x1_at_1_0_64_1(
func.func @dense(%context: !llvm.ptr, %a: memref<30x64xf32>, %b: memref<64x40xf32>, %c: memref<30x40xf32>) attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<30x40xf32>)
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<30x64xf32>, memref<64x40xf32>) outs(%c : memref<30x40xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// A 3x3 convolution: tiles of two rows of seven positions, then of one; k is three runs of 192 elements, 9 * 64 apart. The
// filter lies in two panels.
// CHECK-LABEL: func.func @windows
// CHECK-NOT: linalg
// CHECK: scf.for {{.*}} {
// CHECK: llvm.call @partita_tile_f32_14x2_at_7_64_576_3x576_1(
// CHECK: llvm.call @partita_tile_f32_7x2_at_7_64_576_3x576_1(
// CHECK-NOT: linalg
// CHECK: return
#image = affine_map<(n, h, w, i, j, c, o, p) -> (n, h + i, w + j, c)>
#filter = affine_map<(n, h, w, i, j, c, o, p) -> (o, i, j, c, p)>
#sums = affine_map<(n, h, w, i, j, c, o, p) -> (n, h, w, o, p)>
func.func @windows(%context: !llvm.ptr, %a: memref<1x9x9x64xf32>, %b: memref<2x3x3x64x32xf32>, %c: memref<1x7x7x2x32xf32>) attributes {partita_collective.kernel = @s} {
  linalg.generic {indexing_maps = [#image, #filter, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "parallel", "parallel"]} ins(%a, %b : memref<1x9x9x64xf32>, memref<2x3x3x64x32xf32>) outs(%c : memref<1x7x7x2x32xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// The transpose of A is packed.
// CHECK-LABEL: func.func @transposed
// CHECK-NOT: linalg
// CHECK: scf.execute_region
// CHECK: llvm.mlir.addressof @partita_tile_f32_10x2 :
// CHECK: llvm.mlir.addressof @partita_tile_f32_10x1_masked :
// CHECK: llvm.call @partita_contract_f32_f32_f32(
// CHECK-NOT: linalg
// CHECK: return
// Six rows fit into the registers of AVX2: five tiles of six.
// V3-LABEL: func.func @transposed
// V3: llvm.mlir.addressof @partita_tile_f32_6x2 :
// V3: llvm.mlir.addressof @partita_tile_f32_6x1 :
func.func @transposed(%context: !llvm.ptr, %a: memref<64x30xf32>, %b: memref<64x40xf32>, %c: memref<30x40xf32>) attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<30x40xf32>)
  linalg.generic {indexing_maps = [#km, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<64x30xf32>, memref<64x40xf32>) outs(%c : memref<30x40xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Extents and strides of a part: tiles of every height are at hand. The fill stays, since a rank may have no k.
// CHECK-LABEL: func.func @dynamic
// CHECK: linalg.fill
// CHECK: scf.execute_region
// CHECK-DAG: llvm.mlir.addressof @partita_tile_f32_14x2_masked :
// CHECK-DAG: llvm.mlir.addressof @partita_tile_f32_1x2 :
// CHECK: llvm.call @partita_contract_f32_bf16_bf16(
func.func @dynamic(%context: !llvm.ptr, %a: memref<?x?xbf16, strided<[?, 1], offset: ?>>, %b: memref<?x?xbf16>, %c: memref<?x?xf32>) attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<?x?xbf16, strided<[?, 1], offset: ?>>, memref<?x?xbf16>) outs(%c : memref<?x?xf32>) {
  ^bb0(%x: bf16, %y: bf16, %z: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %p, %z : f32
    linalg.yield %s : f32
  }
  return
}

// Few rows read B where it lies. Something else reads C between fill and sum: C is added to.
// CHECK-LABEL: func.func @few_rows
// CHECK: linalg.fill
// CHECK: memref.copy
// CHECK-NOT: memref.alloc() : memref<{{[0-9]+}}xi8>
// CHECK: memref.alloc() : memref<4224xi8>
// CHECK-NOT: memref.alloc
// CHECK: llvm.call @partita_contract_f32_f32_f32(
func.func @few_rows(%context: !llvm.ptr, %a: memref<2x64xf32>, %b: memref<64x40xf32>, %c: memref<2x40xf32>, %d: memref<2x40xf32>) attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<2x40xf32>)
  memref.copy %c, %d : memref<2x40xf32> to memref<2x40xf32>
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<2x64xf32>, memref<64x40xf32>) outs(%c : memref<2x40xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Left alone: a row against a matrix that lies along k, and a sum that is no product.
// CHECK-LABEL: func.func @left
// CHECK: linalg.generic
// CHECK: linalg.generic
// CHECK: return
func.func @left(%context: !llvm.ptr, %a: memref<1x64xf32>, %b: memref<40x64xf32>, %c: memref<1x40xf32>, %d: memref<64x40xf32>) attributes {partita_collective.kernel = @s} {
  linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<1x64xf32>, memref<40x64xf32>) outs(%c : memref<1x40xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %d : memref<1x64xf32>, memref<64x40xf32>) outs(%c : memref<1x40xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.addf %x, %y : f32
    %s = arith.maximumf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Functions that kernels share.
// CHECK: llvm.func internal @partita_count_runs
// CHECK: llvm.func internal @partita_pack_f32_bf16
