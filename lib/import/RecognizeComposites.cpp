// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RecognizeComposites.cpp - Small ops back into composites ----------------===//
#include "partita/import/Passes.h"
#include "recognize/Patterns.h"

using namespace mlir;

namespace partita::import {

#define GEN_PASS_DEF_RECOGNIZECOMPOSITESPASS
#include "partita/lib/import/Passes.h.inc"

void Rewriter::replace(Operation *root, Value value) {
  value.getDefiningOp()->setAttr("name", root->getAttr("name"));
  value.getDefiningOp()->setLoc(root->getLoc());
  root->getResult(0).replaceAllUsesWith(value);
  root->erase();
}

namespace {

/// Inner patterns before the ones that are made of them.
constexpr Pattern kPatterns[] = {recognizeIdentity,     recognizeNarrow,     recognizeChoice,    recognizeIndex,
                                 recognizeNormFactors,  recognizeNormalized, recognizeNormScale, recognizeNormBias,
                                 recognizeNormByFactor, recognizeGelu,       recognizeSilu,      recognizeSoftmax,
                                 recognizeRotary,       recognizeAttention,  recognizeExperts,   recognizeChain,
                                 recognizeJoin};

struct RecognizeComposites : impl::RecognizeCompositesPassBase<RecognizeComposites> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!llvm::hasSingleElement(function.getBody()))
      return;
    OpBuilder builder(function.getContext());
    NameTable names(function);
    Rewriter rewriter{builder, names};
    // A pattern's ops come before its last one, so one walk in program order sees inner patterns first; a second walk
    // finds nothing that the first made possible, except through dead users, which are gone then.
    for (bool changed = true; changed;) {
      changed = false;
      for (Operation &op : llvm::make_early_inc_range(function.front()))
        changed |= llvm::any_of(kPatterns, [&](Pattern pattern) { return pattern(&op, rewriter); });
      eraseUnused(function.front());
    }
  }
};

} // namespace
} // namespace partita::import
