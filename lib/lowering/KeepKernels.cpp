// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_KEEPKERNELSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

struct KeepKernelsPass : lowering::impl::KeepKernelsPassBase<KeepKernelsPass> {
  void runOnOperation() override {
    for (Operation &op : llvm::make_early_inc_range(*getOperation().getBody())) {
      auto function = dyn_cast<func::FuncOp>(op);
      if (function && isKernel(function)) {
        for (NamedAttribute attribute : llvm::to_vector(function->getDiscardableAttrs()))
          function->removeDiscardableAttr(attribute.getName());
        continue;
      }
      if (!isa<memref::GlobalOp, LLVM::GlobalOp, LLVM::LLVMFuncOp>(op))
        op.erase();
    }
  }
};

} // namespace
