// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef PARTITA_PLANNER_PASSES
#define PARTITA_PLANNER_PASSES

include "mlir/Pass/PassBase.td"

def PlanPass : Pass<"partita-plan", "::mlir::ModuleOp"> {
  let summary = "chooses meshes, placements and stages";
  let description = [{
    Plans the first function that has a body, on a machine that is given by name or as a JSON file. Any op that answers
    SplitOpInterface can be planned. Errors are those of planFunction.

    ```mlir
    // before
    %1 = linalg.matmul ins(%x, %w : tensor<8x16xf32>, tensor<16x32xf32>) outs(%0 : tensor<8x32xf32>) -> tensor<8x32xf32>
    // after, with machine=cpu:4
    %1 = linalg.matmul {partita_plan.loops = #partita_plan.loops<[[], ["x"], []]>, partita_plan.stage = @stage0, ...} ...
    ```
  }];
  let options = [
    Option<"machine", "machine", "std::string", /*default=*/"\"cpu:4\"", "name or file of the machine to plan for">,
    Option<"preset", "preset", "std::string", /*default=*/"\"\"", "preset, or empty for a free search">
  ];
  let dependentDialects = ["::partita::plan::PlanDialect"];
}

#endif
