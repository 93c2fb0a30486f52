// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef PARTITA_IMPORT_PASSES
#define PARTITA_IMPORT_PASSES

include "mlir/Pass/PassBase.td"

def RecognizeCompositesPass : Pass<"partita-recognize-composites", "::mlir::func::FuncOp"> {
  let summary = "small ops that exporters write for one composite become that composite";
  let description = [{
    Layer and RMS norms, gelu, silu, softmax, attention, rotary embeddings, layers of experts and steps of a GRU that are
    written out, in the spellings of the common exporters. On the way choices that are spelled as sums of products become
    choices, ops that change nothing go, and functions of what is repeated are computed once. A pattern is taken only where
    it is the composite for every input of finite numbers (a choice drops the NaN that 0 * infinity would be); the composite
    rounds less often than the small ops did. Numbers of patterns may be constants or parameters of one element, tables
    and masks may be parameters, which are read from their files; where the files are missing such a pattern stays as it is.

    ```mlir
    // before
    %0 = partita_graph.elementwise "gate" sigmoid(%x) : (tensor<4x8xf32>) -> tensor<4x8xf32>
    %1 = partita_graph.elementwise "act" mul(%x, %0) : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    // after
    %1 = partita_graph.elementwise "act" silu(%x) : (tensor<4x8xf32>) -> tensor<4x8xf32>
    ```
  }];
  let dependentDialects = ["::partita::graph::GraphDialect"];
}

def SplitProjectionsPass : Pass<"partita-split-projections", "::mlir::func::FuncOp"> {
  let summary = "a fused projection whose result is cut apart becomes a projection for each part";
  let description = [{
    Query, key and value are often one matrix product that is cut in three. Where all uses of a value are cuts of one
    dim that do not overlap, and a contraction with a weight lies above it, the cuts move up through reshapes, transposes,
    elementwise ops, broadcasts and contractions, and end as boxes of the weights; each part can then be split by heads.
    Parts are named NAME/0, NAME/1 ... in the order of the cuts.

    ```mlir
    // before
    %0 = partita_graph.contraction "qk" (%x, %w) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xf32>
    %q = partita_graph.slice "q" (%0) starts [0, 0] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x3xf32>
    %k = partita_graph.slice "k" (%0) starts [0, 3] strides [1, 1] : (tensor<4x6xf32>) -> tensor<4x3xf32>
    // after, %w/0 and %w/1 being the columns 0 to 2 and 3 to 5 of the weight
    %q = partita_graph.contraction "qk/0" (%x, %w0) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
    %k = partita_graph.contraction "qk/1" (%x, %w1) "mk,kn->mn" : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
    ```
  }];
  let dependentDialects = ["::partita::graph::GraphDialect"];
}

def SimplifyMovementPass : Pass<"partita-simplify-movement", "::mlir::func::FuncOp"> {
  let summary = "a chain of reshapes and transposes becomes a reshape, a transpose and a reshape, or less";
  let description = [{
    A chain is read as factors of its operand's dims that change places and are put together again. It is written anew
    where that takes fewer ops; dims that were merged only to be parted again are gone then, so that each can be split.

    ```mlir
    // before: batch and heads are one dim for a moment
    %0 = partita_graph.reshape "a" (%x) : (tensor<2x4x8x16xf32>) -> tensor<8x8x16xf32>
    %1 = partita_graph.transpose "b" (%0) permutation [0, 2, 1] : (tensor<8x8x16xf32>) -> tensor<8x16x8xf32>
    %2 = partita_graph.reshape "c" (%1) : (tensor<8x16x8xf32>) -> tensor<2x4x16x8xf32>
    // after
    %2 = partita_graph.transpose "c" (%x) permutation [0, 1, 3, 2] : (tensor<2x4x8x16xf32>) -> tensor<2x4x16x8xf32>
    ```
  }];
  let dependentDialects = ["::partita::graph::GraphDialect"];
}

def RaiseReshapesPass : Pass<"partita-raise-reshapes", "::mlir::func::FuncOp"> {
  let summary = "a dim that is merged before a product and parted behind it stays parted";
  let description = [{
    Exporters merge sequence and batch into the rows of a matrix and part them again behind the product. A reshape that
    parts one dim moves up through contractions (whose other operand may be free of the dim), elementwise ops, broadcasts
    and splat constants that nothing else reads, where it ends at merges that it undoes.

    ```mlir
    // before: the rows of the product are 3 steps of 2 images
    %0 = partita_graph.reshape "rows" (%x) : (tensor<3x2x8xf32>) -> tensor<6x8xf32>
    %1 = partita_graph.contraction "fc" (%0, %w) "mk,kn->mn" : (tensor<6x8xf32>, tensor<8x4xf32>) -> tensor<6x4xf32>
    %2 = partita_graph.reshape "steps" (%1) : (tensor<6x4xf32>) -> tensor<3x2x4xf32>
    // after
    %2 = partita_graph.contraction "fc/parted" (%x, %w) "mAk,kn->mAn" : (tensor<3x2x8xf32>, tensor<8x4xf32>) -> tensor<3x2x4xf32>
    ```
  }];
  let dependentDialects = ["::partita::graph::GraphDialect"];
}

def CheckCustomOpsPass : Pass<"partita-check-custom-ops", "::mlir::func::FuncOp"> {
  let summary = "what custom ops say of their loops is tried on their bodies";
  let description = [{
    The body of each custom op is run by the interpreter on random operands of few elements: whole, and in parts, each
    loop that may be cut in 2 and 3 of them and each pair of such loops in 4. Parts that, put together as the op says, are
    not the whole, and operands in which it says to be linear and is not, are an error (E-RULE-CLAIM). Nothing is changed.

    ```mlir
    // passes: the largest of all rows is the largest of the parts' largest
    %0 = partita_graph.custom "op" "com.example.Largest" (%x) loops [#partita_graph.loop<"row", max>] ...
    // error: E-RULE-CLAIM: the rule of 'com.example.Largest' does not hold: loop 'row' (dim 0 of operand 0), 5 iterations
    //        in 2 parts: together the parts are not the whole; result 0 differs first at [0]: 1.5 instead of 0.875
    %0 = partita_graph.custom "op" "com.example.Largest" (%x) loops [#partita_graph.loop<"row", sum>] ...
    // after: unchanged
    ```
  }];
  let dependentDialects = ["::partita::graph::GraphDialect"];
}

#endif
