// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/collective/Collective.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::collective;

#include "partita/dialects/collective/CollectiveDialect.cpp.inc"
#include "partita/dialects/collective/CollectiveEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/collective/CollectiveAttributes.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "partita/dialects/collective/CollectiveTypes.cpp.inc"
#define GET_OP_CLASSES
#include "partita/dialects/collective/CollectiveOps.cpp.inc"

void CollectiveDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "partita/dialects/collective/CollectiveAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "partita/dialects/collective/CollectiveTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "partita/dialects/collective/CollectiveOps.cpp.inc"
      >();
}

bool collective::isStep(Operation *op) {
  return isa<AllReduceOp, ReduceScatterOp, AllGatherOp, AllToAllOp, ExchangeOp, SliceOp, PartializeOp>(op);
}

bool collective::isLocalStep(Operation *op) { return isa<SliceOp, PartializeOp>(op); }

plan::StageOp collective::getStage(Operation *op) {
  auto function = isa<func::FuncOp>(op) ? cast<func::FuncOp>(op) : op->getParentOfType<func::FuncOp>();
  auto name = function ? function->getAttrOfType<FlatSymbolRefAttr>(kStageAttr) : FlatSymbolRefAttr();
  auto stage = name ? SymbolTable::lookupNearestSymbolFrom<plan::StageOp>(function, name) : plan::StageOp();
  if (!stage)
    op->emitError("E-SPMD-TYPE: the enclosing function names no stage");
  return stage;
}
