// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// random_bits.
#include "partita/dialects/graph/Support.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

LogicalResult RandomBitsOp::verify() {
  Type element = tensorType(getResult()).getElementType();
  if (!element.isUnsignedInteger(32))
    return emitOpError() << "GRAPH-2: random bits are ui32, not " << element;
  return success();
}

LoopNest RandomBitsOp::getLoopNest() { return elementwiseLoopNest(tensorType(getResult()), 0, 1); }

/// Ten rounds of two products, their halves, and four exclusive ors.
Work RandomBitsOp::getWork(ArrayRef<int64_t> extents) { return {100 * product(extents), WorkKind::vector}; }
