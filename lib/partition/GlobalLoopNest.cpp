// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir/IR/Verifier.h"
#include "partita/partition/Partition.h"

using namespace mlir;

namespace partita::partition {

static Type toGlobal(Type type) {
  plan::PartAttr part = plan::getPart(type);
  return part ? Type(part.getGlobal()) : type;
}

/// The loop nest is a question about the whole op, so the whole op is rebuilt beside the program, asked and thrown
/// away. Its own verifier runs too: a local program whose global types do not fit together is no restriction of
/// anything.
FailureOr<LoopNest> getGlobalLoopNest(Operation *localOp) {
  if (!isa<SplitOpInterface>(localOp))
    return localOp->emitError() << "E-NO-RULE: '" << localOp->getName() << "' does not say how it splits";
  Block scratch;
  SmallVector<Value> operands;
  for (Value operand : localOp->getOperands())
    operands.push_back(scratch.addArgument(toGlobal(operand.getType()), localOp->getLoc()));
  SmallVector<Type> results;
  for (Type type : localOp->getResultTypes())
    results.push_back(toGlobal(type));
  OpBuilder builder(localOp->getContext());
  builder.setInsertionPointToEnd(&scratch);
  Operation *twin = cloneWithTypes(builder, localOp, operands, results);
  FailureOr<LoopNest> nest = failure();
  if (failed(verify(twin, /*verifyRecursively=*/true)))
    localOp->emitError("E-SPMD-TYPE: the whole values that this op's parts belong to do not fit the op");
  else
    nest = cast<SplitOpInterface>(twin).getLoopNest();
  twin->dropAllReferences();
  twin->erase();
  return nest;
}

} // namespace partita::partition
