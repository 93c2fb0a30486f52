// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Folds that need no arithmetic: identities. Values of constants are folded by the interpreter, so that there is one
// definition of every op's mathematics.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

/// The operand itself, when it already has the result's type (encodings included).
static OpFoldResult foldIdentity(Value input, Value result) {
  return input.getType() == result.getType() ? OpFoldResult(input) : OpFoldResult();
}

OpFoldResult CastOp::fold(FoldAdaptor) { return foldIdentity(getInput(), getResult()); }

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (OpFoldResult identity = foldIdentity(getInput(), getResult()))
    return identity;
  // reshape(reshape(x)) needs only the outer one.
  if (auto inner = getInput().getDefiningOp<ReshapeOp>(); inner && !tensorType(getResult()).getEncoding()) {
    getInputMutable().assign(inner.getInput());
    return getResult();
  }
  return {};
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) { return foldIdentity(getInput(), getResult()); }

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [index, dim] : llvm::enumerate(getPermutation()))
    if (dim != static_cast<int64_t>(index))
      return {};
  return foldIdentity(getInput(), getResult());
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool whole = llvm::all_of(getStarts(), [](int64_t start) { return start == 0; }) &&
               llvm::all_of(getStrides(), [](int64_t stride) { return stride == 1; });
  return whole ? foldIdentity(getInput(), getResult()) : OpFoldResult();
}

OpFoldResult ElementwiseOp::fold(FoldAdaptor) {
  // select(c, a, a) is a.
  if (getKind() == ElementwiseKind::select && getInputs()[1] == getInputs()[2])
    return foldIdentity(getInputs()[1], getResult());
  return {};
}
