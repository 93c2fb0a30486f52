// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef PARTITA_PARTITION_PASSES
#define PARTITA_PARTITION_PASSES

include "mlir/Pass/PassBase.td"

def CompletePlanPass : Pass<"partita-complete-plan", "::mlir::ModuleOp"> {
  let summary = "fills in what a hand-written plan leaves open";
  let description = [{
    Ops without `partita_plan.stage` get the last stage of their producers, ops without `partita_plan.loops` the loops
    that their operands' placements mean (else none), operands without a reshard the cheapest path in bytes. Arguments
    without `partita_plan.storage` are kept as their first readers want them.

    ```mlir
    // before: only the first op is annotated
    %0 = partita_graph.elementwise "a" relu(%x) {partita_plan.loops = #partita_plan.loops<[["x"], []]>} : ...
    %1 = partita_graph.elementwise "b" exp(%0) : ...
    // after: "b" runs on the rows that "a" made
    %1 = partita_graph.elementwise "b" exp(%0) {partita_plan.loops = #partita_plan.loops<[["x"], []]>,
           partita_plan.reshards = [#partita_plan.reshard<<[["x"], []]>>], partita_plan.stage = @stage0} : ...
    ```
  }];
  let dependentDialects = ["::partita::plan::PlanDialect"];
}

def PartitionPass : Pass<"partita-partition", "::mlir::ModuleOp"> {
  let summary = "graph and plan become per-device programs";
  let description = [{
    Every function with a planned body is replaced by one function per stage on local values, channels between stages
    and the event table. The only writer of communication ops. An op that is split along a loop of kind `expand` becomes
    the small ops that it is made of, with an all-reduce behind each that leaves a partial value.

    ```mlir
    // before
    %0 = partita_graph.contraction "fc" (%x, %w) "mk,kn->mn" {loops = [[], [], ["x"]] ...} :
           (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
    // after: k is split, so the product is partial and is reduced
    %0 = partita_graph.contraction "fc" (%x, %w) "mk,kn->mn" ... :
           (tensor<4x4xf32, #part>, tensor<4x4xf32, #part1>) -> tensor<4x4xf32, #part2>
    %1 = partita_collective.all_reduce "fc" %0 over ["x"] : tensor<4x4xf32, #part2> to tensor<4x4xf32, #part3>
    ```
  }];
  let dependentDialects = ["::partita::collective::CollectiveDialect", "::mlir::func::FuncDialect"];
}

def OutlineSegmentsPass : Pass<"partita-outline-segments", "::mlir::ModuleOp"> {
  let summary = "stage functions become lists of calls; equal segments share one function";
  let description = [{
    Repeated layers, within a stage and between stages, are outlined into one private function, so that code does not
    grow with depth. What is not repeated becomes functions of its own.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def VerifyPlacementsPass : Pass<"partita-verify-placements", "::mlir::ModuleOp"> {
  let summary = "recomputes the placement of every value of a local program";
  let description = [{
    For each op, from its own loops and its operands' parts, the parts of its results are derived anew and compared with
    what its types say; each communication op must be the step between its two parts. A mismatch is `E-SPMD-TYPE`.
    Changes nothing. Functions without a stage are not local programs and are skipped.
  }];
}

#endif
