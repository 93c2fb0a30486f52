// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/planner/Passes.h"
#include "partita/planner/Planner.h"

using namespace mlir;

namespace partita::planner {

#define GEN_PASS_DEF_PLANPASS
#include "partita/lib/planner/Passes.h.inc"

namespace {

struct Plan : impl::PlanPassBase<Plan> {
  using PlanPassBase::PlanPassBase;

  void runOnOperation() override {
    auto functions = getOperation().getOps<func::FuncOp>();
    auto planned = llvm::find_if(functions, [](func::FuncOp function) { return !function.isExternal(); });
    if (planned == functions.end()) {
      getOperation().emitError("E-PLAN: there is no function to plan");
      return signalPassFailure();
    }
    llvm::Expected<machine::Machine> onto = machine::Machine::parse(machine);
    if (!onto) {
      getOperation().emitError() << llvm::toString(onto.takeError());
      return signalPassFailure();
    }
    PlanOptions options;
    options.preset = preset;
    if (failed(planFunction(*planned, *onto, options)))
      signalPassFailure();
  }
};

} // namespace

} // namespace partita::planner
