// RUN: partita-opt %s --partita-lower-graph --partita-narrow-products | FileCheck %s

// The zero point of x leaves its product with the weight: bytes are multiplied as they are, and the sums of the weight's
// columns times the zero point come off. si8 by si8 gets the zero point 128. Two ui8, and a zero point for each k, stay
// differences of 16 bits.

#x = #partita_plan.part<tensor<8x16xui8>, <[[], []]>>
#xs = #partita_plan.part<tensor<8x16xsi8>, <[[], []]>>
#x32 = #partita_plan.part<tensor<8x16xsi32>, <[[], []]>>
#w = #partita_plan.part<tensor<16x64xsi8>, <[[], []]>>
#wu = #partita_plan.part<tensor<16x64xui8>, <[[], []]>>
#w32 = #partita_plan.part<tensor<16x64xsi32>, <[[], []]>>
#z = #partita_plan.part<tensor<ui8>, <[]>>
#z32 = #partita_plan.part<tensor<si32>, <[]>>
#zk = #partita_plan.part<tensor<16xui8>, <[[]]>>
#zk32 = #partita_plan.part<tensor<16xsi32>, <[[]]>>
#y = #partita_plan.part<tensor<8x64xsi32>, <[[], []]>>
!x = tensor<8x16xui8, #x>
!xs = tensor<8x16xsi8, #xs>
!x32 = tensor<8x16xsi32, #x32>
!w = tensor<16x64xsi8, #w>
!wu = tensor<16x64xui8, #wu>
!w32 = tensor<16x64xsi32, #w32>
!z = tensor<ui8, #z>
!z32 = tensor<si32, #z32>
!zk = tensor<16xui8, #zk>
!zk32 = tensor<16xsi32, #zk32>
!y = tensor<8x64xsi32, #y>
partita_plan.stage @s on <[], devices = [0]>

func.func @forward(%x: !x {partita.name = "x", partita.role = "input"}, %xs: !xs {partita.name = "xs", partita.role = "input"},
    %z: !z {partita.name = "z", partita.role = "input"}, %zk: !zk {partita.name = "zk", partita.role = "input"},
    %w: !w {partita.name = "w", partita.role = "parameter"}, %wu: !wu {partita.name = "wu", partita.role = "parameter"})
    -> (!y {partita.name = "a"}, !y {partita.name = "b"}, !y {partita.name = "c"}, !y {partita.name = "d"})
    attributes {partita_collective.stage = @s, partita_collective.event = "forward"} {
  %0 = call @centred(%x, %z, %w) : (!x, !z, !w) -> !y
  %1 = call @signed(%xs, %w) : (!xs, !w) -> !y
  %2 = call @unsigned(%x, %z, %wu) : (!x, !z, !wu) -> !y
  %3 = call @along(%x, %zk, %w) : (!x, !zk, !w) -> !y
  return %0, %1, %2, %3 : !y, !y, !y, !y
}

// CHECK-LABEL: func.func @centred_kernel
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi8>, tensor<16x64xi8>) outs(%{{.*}} : tensor<8x64xi32>)
// CHECK: arith.extui
// CHECK: arith.extsi
// CHECK: %[[S:.*]] = linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]{{.*}} ins(%{{.*}} : tensor<16x64xi32>) outs(%{{.*}} : tensor<64xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[S]], %{{.*}} : tensor<8x64xi32>, tensor<64xi32>, tensor<i32>)
// CHECK: arith.muli
// CHECK: arith.subi
func.func private @centred(%x: !x, %z: !z, %w: !w) -> !y attributes {partita_collective.stage = @s} {
  %0 = partita_graph.cast "x32" (%x) : (!x) -> !x32
  %1 = partita_graph.cast "z32" (%z) : (!z) -> !z32
  %2 = partita_graph.broadcast "zs" (%1) dims [] : (!z32) -> !x32
  %3 = partita_graph.elementwise "c" sub(%0, %2) : (!x32, !x32) -> !x32
  %4 = partita_graph.cast "w32" (%w) : (!w) -> !w32
  %5 = partita_graph.contraction "y" (%3, %4) "mk,kn->mn" : (!x32, !w32) -> !y
  return %5 : !y
}

// CHECK-LABEL: func.func @signed_kernel
// CHECK: arith.addi %{{.*}}, %c128_i32
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi8>, tensor<16x64xi8>) outs(%{{.*}} : tensor<8x64xi32>)
// CHECK: arith.extui
// CHECK: arith.extsi
// CHECK: linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<8x64xi32>, tensor<64xi32>)
func.func private @signed(%x: !xs, %w: !w) -> !y attributes {partita_collective.stage = @s} {
  %0 = partita_graph.cast "x32" (%x) : (!xs) -> !x32
  %4 = partita_graph.cast "w32" (%w) : (!w) -> !w32
  %5 = partita_graph.contraction "y" (%0, %4) "mk,kn->mn" : (!x32, !w32) -> !y
  return %5 : !y
}

// CHECK-LABEL: func.func @unsigned_kernel
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi16>, tensor<16x64xi8>)
func.func private @unsigned(%x: !x, %z: !z, %w: !wu) -> !y attributes {partita_collective.stage = @s} {
  %0 = partita_graph.cast "x32" (%x) : (!x) -> !x32
  %1 = partita_graph.cast "z32" (%z) : (!z) -> !z32
  %2 = partita_graph.broadcast "zs" (%1) dims [] : (!z32) -> !x32
  %3 = partita_graph.elementwise "c" sub(%0, %2) : (!x32, !x32) -> !x32
  %4 = partita_graph.cast "w32" (%w) : (!wu) -> !w32
  %5 = partita_graph.contraction "y" (%3, %4) "mk,kn->mn" : (!x32, !w32) -> !y
  return %5 : !y
}

// CHECK-LABEL: func.func @along_kernel
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<8x16xi16>, tensor<16x64xi8>)
func.func private @along(%x: !x, %z: !zk, %w: !w) -> !y attributes {partita_collective.stage = @s} {
  %0 = partita_graph.cast "x32" (%x) : (!x) -> !x32
  %1 = partita_graph.cast "z32" (%z) : (!zk) -> !zk32
  %2 = partita_graph.broadcast "zs" (%1) dims [1] : (!zk32) -> !x32
  %3 = partita_graph.elementwise "c" sub(%0, %2) : (!x32, !x32) -> !x32
  %4 = partita_graph.cast "w32" (%w) : (!w) -> !w32
  %5 = partita_graph.contraction "y" (%3, %4) "mk,kn->mn" : (!x32, !w32) -> !y
  return %5 : !y
}
