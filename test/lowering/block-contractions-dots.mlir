// RUN: partita-opt %s --partita-block-contractions=cpu=znver4 | FileCheck %s
// RUN: partita-opt %s --partita-block-contractions=cpu=x86-64-v3 | FileCheck %s --check-prefix=V3
// V3-NOT: vpdp
// V3-NOT: dpbf16ps

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#xu = affine_map<(m, p, u, n, j) -> (m, u * 2 + j)>
#pu = affine_map<(m, p, u, n, j) -> (p, u, n, j)>
#yn = affine_map<(m, p, u, n, j) -> (m, p, n)>

// 65 k: the last pair lacks one. B is packed in pairs.
// CHECK-LABEL: func.func @floats
// CHECK-DAG: llvm.mlir.addressof @partita_tile_f32_dot2_10x2 :
// CHECK-DAG: arith.constant 65 : i64
// CHECK: llvm.call @partita_contract_f32_bf16_bf16_dot2(
// V3-LABEL: func.func @floats
// V3: llvm.call @partita_contract_f32_bf16_bf16(
func.func @floats(%context: !llvm.ptr, %a: memref<30x65xbf16>, %b: memref<65x64xbf16>, %c: memref<30x64xf32>) attributes {partita_collective.kernel = @s} {
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<30x65xbf16>, memref<65x64xbf16>) outs(%c : memref<30x64xf32>) {
  ^bb0(%x: bf16, %y: bf16, %z: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Panels of pairs are read where they lie; a processor without the instruction packs them again.
// CHECK-LABEL: func.func @panels
// CHECK: llvm.mlir.addressof @partita_tile_f32_dot2_10x2 :
// CHECK: llvm.mlir.zero : !llvm.ptr
// V3-LABEL: func.func @panels
// V3: llvm.mlir.addressof @partita_tile_f32_6x2 :
// V3: llvm.call @partita_contract_f32_bf16_bf16(
func.func @panels(%context: !llvm.ptr, %a: memref<30x64xbf16>, %b: memref<3x32x32x2xbf16>, %c: memref<30x3x32xf32>) attributes {partita_collective.kernel = @s} {
  linalg.generic {indexing_maps = [#xu, #pu, #yn], iterator_types = ["parallel", "parallel", "reduction", "parallel", "reduction"]} ins(%a, %b : memref<30x64xbf16>, memref<3x32x32x2xbf16>) outs(%c : memref<30x3x32xf32>) attrs = {partita_collective.units = 2 : i64} {
  ^bb0(%x: bf16, %y: bf16, %z: f32):
    %u = arith.extf %x : bf16 to f32
    %v = arith.extf %y : bf16 to f32
    %p = arith.mulf %u, %v : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// ui8 by si8 has an instruction of its own; si8 by si8 are pairs of 16 bits, on any processor.
// CHECK-LABEL: func.func @bytes
// CHECK: llvm.call @partita_contract_i32_i8u_i8_dot4(
// CHECK: llvm.call @partita_contract_i32_i8_i8_dot2(
// V3-LABEL: func.func @bytes
// V3: llvm.call @partita_contract_i32_i8u_i8_dot2(
// V3: llvm.call @partita_contract_i32_i8_i8_dot2(
func.func @bytes(%context: !llvm.ptr, %a: memref<30x65xi8>, %b: memref<65x64xi8>, %c: memref<30x64xi32>) attributes {partita_collective.kernel = @s} {
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<30x65xi8>, memref<65x64xi8>) outs(%c : memref<30x64xi32>) {
  ^bb0(%x: i8, %y: i8, %z: i32):
    %u = arith.extui %x : i8 to i32
    %v = arith.extsi %y : i8 to i32
    %p = arith.muli %u, %v : i32
    %s = arith.addi %z, %p : i32
    linalg.yield %s : i32
  }
  linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<30x65xi8>, memref<65x64xi8>) outs(%c : memref<30x64xi32>) {
  ^bb0(%x: i8, %y: i8, %z: i32):
    %u = arith.extsi %x : i8 to i32
    %v = arith.extsi %y : i8 to i32
    %p = arith.muli %u, %v : i32
    %s = arith.addi %z, %p : i32
    linalg.yield %s : i32
  }
  return
}

// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpwssd.512"
// V3: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
