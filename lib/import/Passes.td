// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef PARTITA_IMPORT_PASSES
#define PARTITA_IMPORT_PASSES

include "mlir/Pass/PassBase.td"

def RecognizeCompositesPass : Pass<"partita-recognize-composites", "::mlir::func::FuncOp"> {
  let summary = "small ops that exporters write for one composite become that composite";
  let description = [{
    Layer and RMS norms, gelu, silu and softmax, in the spellings of the common exporters. A pattern is taken only where
    it is the composite for every input; the composite rounds less often than the small ops did. Numbers of patterns may
    be constants or parameters of one element, which are read from their files; where the files are missing such a
    pattern stays as it is.

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

#endif
