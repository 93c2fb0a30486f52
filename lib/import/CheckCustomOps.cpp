// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CheckCustomOps.cpp - No rule is used untried ----------------------------===//
#include "partita/dialects/graph/Graph.h"
#include "partita/import/Passes.h"
#include "partita/import/Rules.h"

using namespace mlir;

namespace partita::import {

#define GEN_PASS_DEF_CHECKCUSTOMOPSPASS
#include "partita/lib/import/Passes.h.inc"

namespace {

struct CheckCustomOps : impl::CheckCustomOpsPassBase<CheckCustomOps> {
  void runOnOperation() override {
    ClaimChecker checker;
    SmallVector<graph::CustomOp> ops;
    getOperation().walk([&](graph::CustomOp op) { ops.push_back(op); });
    for (graph::CustomOp op : ops)
      if (std::optional<std::string> problem = checker.findBrokenClaim(op)) {
        emitError(op.getLoc()) << *problem;
        signalPassFailure();
      }
  }
};

} // namespace
} // namespace partita::import
