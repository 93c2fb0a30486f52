// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect itself, and the ops without operands.
#include "partita/dialects/graph/Graph.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "partita/dialects/graph/Support.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

#include "partita/dialects/graph/GraphDialect.cpp.inc"
#include "partita/dialects/graph/GraphEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/graph/GraphAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "partita/dialects/graph/GraphOps.cpp.inc"

void GraphDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "partita/dialects/graph/GraphAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "partita/dialects/graph/GraphOps.cpp.inc"
      >();
}

//===-- constant --------------------------------------------------------------------------------------------------===//

/// Encodings say where a value lies, not what it is: the attribute's type is compared without them.
LogicalResult ConstantOp::verify() {
  auto type = tensorType(getResult());
  auto value = cast<ShapedType>(getValue().getType());
  if (!type.hasStaticShape() || type.getShape() != value.getShape() || type.getElementType() != value.getElementType())
    return emitOpError() << "GRAPH-1: the value has type " << value << ", the result " << type;
  if (!isa<SplatElementsAttr>(getValue()) && getBoundBytes(type) > 1024)
    return emitOpError() << "GRAPH-5: constants above 1 KiB are parameters, this one has " << getBoundBytes(type)
                         << " bytes";
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LoopNest ConstantOp::getLoopNest() {
  // A constant is part of the program text: every rank has it whole; a consumer's slice of it is free.
  LoopNest nest = dimwiseLoopNest(tensorType(getResult()),
                                  [](int64_t) { return std::string("a constant is replicated in the program"); });
  nest.results = {ValueIndexing(tensorType(getResult()).getRank())};
  return nest;
}

Work ConstantOp::getWork(ArrayRef<int64_t>) { return {0, WorkKind::movement}; }

//===-- iota ------------------------------------------------------------------------------------------------------===//

LogicalResult IotaOp::verify() { return verifyDim(*this, getDim(), tensorType(getResult()).getRank()); }

LoopNest IotaOp::getLoopNest() { return elementwiseLoopNest(tensorType(getResult()), 0, 1); }

Work IotaOp::getWork(ArrayRef<int64_t> extents) { return {product(extents), WorkKind::movement}; }
