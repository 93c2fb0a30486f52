// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "mlir/IR/Verifier.h"
#include "partita/partition/Partition.h"

using namespace mlir;

namespace partita::partition {

static Type toGlobal(Type type) {
  plan::PartAttr part = plan::getPart(type);
  return part ? Type(part.getGlobal()) : type;
}

/// The twin's loop nest with the indexing of `numOperands` operands: those it has too many or too few are sizes, which
/// follow the tensors and have no dims.
static LoopNest getLoopNest(Operation *twin, unsigned numOperands) {
  LoopNest nest = cast<SplitOpInterface>(twin).getLoopNest();
  nest.operands.resize(numOperands);
  return nest;
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
  // Ops that spell sizes as operands write those of the whole types as numbers, so the twin may have fewer operands;
  // what a symbolic dim needs is any index.
  auto anyIndex = [&](unsigned, unsigned) {
    return Value(scratch.addArgument(builder.getIndexType(), localOp->getLoc()));
  };
  Operation *twin = cast<SplitOpInterface>(localOp).createLocal(builder, operands, results, anyIndex, anyIndex);
  FailureOr<LoopNest> nest = failure();
  if (!twin || twin->getName() != localOp->getName() || failed(verify(twin, /*verifyRecursively=*/true)))
    localOp->emitError("E-SPMD-TYPE: the whole values that this op's parts belong to do not fit the op");
  else
    nest = getLoopNest(twin, localOp->getNumOperands());
  scratch.dropAllReferences();
  scratch.clear();
  return nest;
}

} // namespace partita::partition
