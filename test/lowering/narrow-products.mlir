// RUN: partita-opt %s --partita-narrow-products | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
#turned = affine_map<(i, j) -> (j, i)>
#none = affine_map<(i, j) -> ()>

// The difference of two ui8 takes 9 bits: 16. What is only converted is read as it is, transposed or not.
// CHECK-LABEL: func.func @centred
// CHECK: %[[X:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi8>, tensor<i8>) outs(%{{.*}} : tensor<8x16xi16>)
// CHECK: arith.trunci
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<32x16xi8>) outs(%{{.*}} : tensor<16x32xi8>)
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[W]] : tensor<8x16xi16>, tensor<16x32xi8>) outs(%{{.*}} : tensor<8x32xi32>)
// CHECK-NEXT: ^bb0(%{{.*}}: i16, %{{.*}}: i8, %{{.*}}: i32)
// CHECK-DAG: arith.extsi %{{.*}} : i16 to i32
// CHECK-DAG: arith.extsi %{{.*}} : i8 to i32
func.func @centred(%context: !llvm.ptr, %x: tensor<8x16xi8>, %zero: tensor<i8>, %w: tensor<32x16xi8>) -> tensor<8x32xi32> attributes {partita_collective.kernel = @s} {
  %e0 = tensor.empty() : tensor<8x16xi32>
  %0 = linalg.generic {indexing_maps = [#id, #none, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %zero : tensor<8x16xi8>, tensor<i8>) outs(%e0 : tensor<8x16xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %u = arith.extui %a : i8 to i32
    %v = arith.extui %b : i8 to i32
    %d = arith.subi %u, %v : i32
    linalg.yield %d : i32
  } -> tensor<8x16xi32>
  %e1 = tensor.empty() : tensor<32x16xi32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x16xi8>) outs(%e1 : tensor<32x16xi32>) {
  ^bb0(%a: i8, %c: i32):
    %u = arith.extsi %a : i8 to i32
    linalg.yield %u : i32
  } -> tensor<32x16xi32>
  %e2 = tensor.empty() : tensor<16x32xi32>
  %2 = linalg.generic {indexing_maps = [#turned, #id], iterator_types = ["parallel", "parallel"]} ins(%1 : tensor<32x16xi32>) outs(%e2 : tensor<16x32xi32>) {
  ^bb0(%a: i32, %c: i32):
    linalg.yield %a : i32
  } -> tensor<16x32xi32>
  %zero32 = arith.constant 0 : i32
  %e3 = tensor.empty() : tensor<8x32xi32>
  %f = linalg.fill ins(%zero32 : i32) outs(%e3 : tensor<8x32xi32>) -> tensor<8x32xi32>
  %3 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%0, %2 : tensor<8x16xi32>, tensor<16x32xi32>) outs(%f : tensor<8x32xi32>) {
  ^bb0(%a: i32, %b: i32, %c: i32):
    %p = arith.muli %a, %b : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<8x32xi32>
  return %3 : tensor<8x32xi32>
}

// Zeros around them fit as well. A difference of 16-bit integers does not.
// CHECK-LABEL: func.func @padded
// CHECK: linalg.fill {{.*}} -> tensor<8x16xi8>
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}} : tensor<6x16xi8> into tensor<8x16xi8>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi8>, tensor<16x32xi8>)
// CHECK-LABEL: func.func @wide
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi32>, tensor<16x32xi32>)
func.func @padded(%context: !llvm.ptr, %x: tensor<6x16xi8>, %w: tensor<16x32xi8>) -> tensor<8x32xi32> attributes {partita_collective.kernel = @s} {
  %zero32 = arith.constant 0 : i32
  %e0 = tensor.empty() : tensor<6x16xi32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<6x16xi8>) outs(%e0 : tensor<6x16xi32>) {
  ^bb0(%a: i8, %c: i32):
    %u = arith.extui %a : i8 to i32
    linalg.yield %u : i32
  } -> tensor<6x16xi32>
  %e1 = tensor.empty() : tensor<8x16xi32>
  %around = linalg.fill ins(%zero32 : i32) outs(%e1 : tensor<8x16xi32>) -> tensor<8x16xi32>
  %1 = tensor.insert_slice %0 into %around[1, 0] [6, 16] [1, 1] : tensor<6x16xi32> into tensor<8x16xi32>
  %e2 = tensor.empty() : tensor<16x32xi32>
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<16x32xi8>) outs(%e2 : tensor<16x32xi32>) {
  ^bb0(%a: i8, %c: i32):
    %u = arith.extsi %a : i8 to i32
    linalg.yield %u : i32
  } -> tensor<16x32xi32>
  %e3 = tensor.empty() : tensor<8x32xi32>
  %f = linalg.fill ins(%zero32 : i32) outs(%e3 : tensor<8x32xi32>) -> tensor<8x32xi32>
  %3 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%1, %2 : tensor<8x16xi32>, tensor<16x32xi32>) outs(%f : tensor<8x32xi32>) {
  ^bb0(%a: i32, %b: i32, %c: i32):
    %p = arith.muli %a, %b : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<8x32xi32>
  return %3 : tensor<8x32xi32>
}

func.func @wide(%context: !llvm.ptr, %x: tensor<8x16xi16>, %y: tensor<8x16xi16>, %w: tensor<16x32xi32>) -> tensor<8x32xi32> attributes {partita_collective.kernel = @s} {
  %e0 = tensor.empty() : tensor<8x16xi32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<8x16xi16>, tensor<8x16xi16>) outs(%e0 : tensor<8x16xi32>) {
  ^bb0(%a: i16, %b: i16, %c: i32):
    %u = arith.extsi %a : i16 to i32
    %v = arith.extsi %b : i16 to i32
    %d = arith.subi %u, %v : i32
    linalg.yield %d : i32
  } -> tensor<8x16xi32>
  %zero32 = arith.constant 0 : i32
  %small = arith.constant dense<3> : tensor<16x32xi32>
  %e3 = tensor.empty() : tensor<8x32xi32>
  %f = linalg.fill ins(%zero32 : i32) outs(%e3 : tensor<8x32xi32>) -> tensor<8x32xi32>
  %3 = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%0, %small : tensor<8x16xi32>, tensor<16x32xi32>) outs(%f : tensor<8x32xi32>) {
  ^bb0(%a: i32, %b: i32, %c: i32):
    %p = arith.muli %a, %b : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<8x32xi32>
  return %3 : tensor<8x32xi32>
}
