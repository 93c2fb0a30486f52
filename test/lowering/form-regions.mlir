// RUN: partita-opt %s --pass-pipeline="builtin.module(func.func(partita-form-regions))" | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>
#columns = affine_map<(d0, d1) -> (d1)>
#lhs = affine_map<(d0, d1, d2) -> (d0, d2)>
#rhs = affine_map<(d0, d1, d2) -> (d2, d1)>
#sum = affine_map<(d0, d1, d2) -> (d0, d1)>

// A reduction of rows, what is computed from it, and their operand, which is read later too: one loop of two results.
// The sum of a row exists for the rows of a tile only.
// CHECK-LABEL: func.func @rows
// CHECK: %[[BOTH:.*]]:2 = scf.forall (%[[I:.*]]) = (0) to (512) step (4) shared_outs
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<4x512xf32>) outs(%{{.*}} : tensor<4xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x512xf32>, tensor<4xf32>)
// CHECK: scf.forall.in_parallel
// CHECK-NEXT: tensor.parallel_insert_slice
// CHECK-NEXT: tensor.parallel_insert_slice
// CHECK-NOT: linalg.generic
// CHECK: return %[[BOTH]]#{{.}}, %[[BOTH]]#{{.}}
func.func @rows(%context: !llvm.ptr, %a: tensor<512x512xf32>, %b: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<512x512xf32>) attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<512x512xf32>
  %x = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<512x512xf32>, tensor<512x512xf32>) outs(%empty : tensor<512x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %v = arith.addf %l, %r : f32
    linalg.yield %v : f32
  } -> tensor<512x512xf32>
  %row = tensor.empty() : tensor<512xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<512xf32>) -> tensor<512xf32>
  %total = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<512x512xf32>) outs(%zeros : tensor<512xf32>) {
  ^bb0(%l: f32, %o: f32):
    %v = arith.addf %l, %o : f32
    linalg.yield %v : f32
  } -> tensor<512xf32>
  %other = tensor.empty() : tensor<512x512xf32>
  %y = linalg.generic {indexing_maps = [#id, #rows, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %total : tensor<512x512xf32>, tensor<512xf32>) outs(%other : tensor<512x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %v = arith.divf %l, %r : f32
    linalg.yield %v : f32
  } -> tensor<512x512xf32>
  return %y, %x : tensor<512x512xf32>, tensor<512x512xf32>
}

// What a result replaces is computed in the result's place from the beginning.
// CHECK-LABEL: func.func @inPlace
// CHECK: scf.forall {{.*}} shared_outs(%[[OUT:.*]] = %{{.*}})
// CHECK: %[[PLACE:.*]] = tensor.extract_slice %[[OUT]]
// CHECK: %[[POWER:.*]] = linalg.generic {{.*}} outs(%[[PLACE]] :
// CHECK: math.exp
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK: %[[QUOTIENT:.*]] = linalg.generic {{.*}} ins(%[[POWER]], %[[SUM]] : {{.*}} outs(%[[POWER]] :
// CHECK: tensor.parallel_insert_slice %[[QUOTIENT]] into %[[OUT]]
func.func @inPlace(%context: !llvm.ptr, %a: tensor<512x512xf32>) -> tensor<512x512xf32> attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<512x512xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<512x512xf32>) outs(%empty : tensor<512x512xf32>) {
  ^bb0(%l: f32, %o: f32):
    %v = math.exp %l : f32
    linalg.yield %v : f32
  } -> tensor<512x512xf32>
  %row = tensor.empty() : tensor<512xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<512xf32>) -> tensor<512xf32>
  %total = linalg.generic {indexing_maps = [#id, #rows], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<512x512xf32>) outs(%zeros : tensor<512xf32>) {
  ^bb0(%l: f32, %o: f32):
    %v = arith.addf %l, %o : f32
    linalg.yield %v : f32
  } -> tensor<512xf32>
  %other = tensor.empty() : tensor<512x512xf32>
  %y = linalg.generic {indexing_maps = [#id, #rows, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %total : tensor<512x512xf32>, tensor<512xf32>) outs(%other : tensor<512x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %v = arith.divf %l, %r : f32
    linalg.yield %v : f32
  } -> tensor<512x512xf32>
  return %y : tensor<512x512xf32>
}

// Tiles are not narrow where memory is contiguous: here along both dims.
// CHECK-LABEL: func.func @turned
// CHECK: scf.forall {{.*}} = (0, 0) to (512, 2048) step (64, 64)
func.func @turned(%context: !llvm.ptr, %a: tensor<2048x512xf32>) -> tensor<512x2048xf32> attributes {partita_collective.kernel = @s} {
  %empty = tensor.empty() : tensor<512x2048xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<2048x512xf32>) outs(%empty : tensor<512x2048xf32>) {
  ^bb0(%l: f32, %o: f32):
    linalg.yield %l : f32
  } -> tensor<512x2048xf32>
  return %x : tensor<512x2048xf32>
}

// A product in blocks, with bias: the bias of the block's columns, and the product before it only as a block.
// CHECK-LABEL: func.func @product
// CHECK: scf.forall (%[[J:.*]]) = (0) to (512) step (64)
// CHECK: tensor.extract_slice %arg2[0, %[[J]]] [128, 64]
// CHECK: linalg.fill {{.*}} -> tensor<256x64xf32>
// CHECK: arith.mulf
// CHECK: } -> tensor<256x64xf32>
// CHECK: tensor.extract_slice %arg3[%[[J]]] [64]
// CHECK: linalg.generic
// CHECK: scf.forall.in_parallel
func.func @product(%context: !llvm.ptr, %a: tensor<256x128xf32>, %b: tensor<128x512xf32>, %c: tensor<512xf32>) -> tensor<256x512xf32> attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<256x512xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<256x512xf32>) -> tensor<256x512xf32>
  %x = linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<256x128xf32>, tensor<128x512xf32>) outs(%zeros : tensor<256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %p = arith.mulf %l, %r : f32
    %v = arith.addf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<256x512xf32>
  %other = tensor.empty() : tensor<256x512xf32>
  %y = linalg.generic {indexing_maps = [#id, #columns, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %c : tensor<256x512xf32>, tensor<512xf32>) outs(%other : tensor<256x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %v = arith.addf %l, %r : f32
    linalg.yield %v : f32
  } -> tensor<256x512xf32>
  return %y : tensor<256x512xf32>
}

// What a member depends on by way of another op cannot be a member too: the loop would need its own result.
// CHECK-LABEL: func.func @around
// CHECK: scf.forall
// CHECK: arith.addf
// CHECK: scf.forall.in_parallel
// CHECK: tensor.pad
// CHECK: scf.forall
func.func @around(%context: !llvm.ptr, %a: tensor<512x512xf32>) -> tensor<512x512xf32> attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<512x512xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<512x512xf32>) outs(%empty : tensor<512x512xf32>) {
  ^bb0(%l: f32, %o: f32):
    %v = arith.addf %l, %l : f32
    linalg.yield %v : f32
  } -> tensor<512x512xf32>
  %part = tensor.extract_slice %x[0, 0] [512, 511] [1, 1] : tensor<512x512xf32> to tensor<512x511xf32>
  %shifted = tensor.pad %part low[0, 1] high[0, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<512x511xf32> to tensor<512x512xf32>
  %other = tensor.empty() : tensor<512x512xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %shifted : tensor<512x512xf32>, tensor<512x512xf32>) outs(%other : tensor<512x512xf32>) {
  ^bb0(%l: f32, %r: f32, %o: f32):
    %v = arith.subf %l, %r : f32
    linalg.yield %v : f32
  } -> tensor<512x512xf32>
  return %y : tensor<512x512xf32>
}

// Small: no loop.
// CHECK-LABEL: func.func @small
// CHECK-NOT: scf.forall
func.func @small(%context: !llvm.ptr, %a: tensor<8x8xf32>) -> tensor<8x8xf32> attributes {partita_collective.kernel = @s} {
  %empty = tensor.empty() : tensor<8x8xf32>
  %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<8x8xf32>) outs(%empty : tensor<8x8xf32>) {
  ^bb0(%l: f32, %o: f32):
    %v = arith.addf %l, %l : f32
    linalg.yield %v : f32
  } -> tensor<8x8xf32>
  return %x : tensor<8x8xf32>
}

// A carried value is copied to its place behind the region: a region has no say in where a copy goes.
// CHECK-LABEL: func.func @carried
// CHECK: scf.for {{.*}} iter_args(%[[STATE:.*]] = %{{.*}})
// CHECK: %[[NEXT:.*]] = scf.forall
// CHECK: %[[KEPT:.*]] = linalg.copy ins(%[[NEXT]] : {{.*}}) outs(%[[STATE]]
// CHECK: scf.yield %[[KEPT]]
func.func @carried(%context: !llvm.ptr, %a: tensor<512x512xf32>, %n: index) -> tensor<512x512xf32> attributes {partita_collective.kernel = @s} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %end = scf.for %i = %zero to %n step %one iter_args(%state = %a) -> (tensor<512x512xf32>) {
    %empty = tensor.empty() : tensor<512x512xf32>
    %x = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%state : tensor<512x512xf32>) outs(%empty : tensor<512x512xf32>) {
    ^bb0(%l: f32, %o: f32):
      %v = arith.addf %l, %l : f32
      linalg.yield %v : f32
    } -> tensor<512x512xf32>
    %kept = linalg.copy ins(%x : tensor<512x512xf32>) outs(%state : tensor<512x512xf32>) -> tensor<512x512xf32>
    scf.yield %kept : tensor<512x512xf32>
  }
  return %end : tensor<512x512xf32>
}
