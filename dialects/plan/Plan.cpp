// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/plan/Plan.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace partita;
using namespace partita::plan;

#include "partita/dialects/plan/PlanDialect.cpp.inc"
#include "partita/dialects/plan/PlanEnums.cpp.inc"
#define GET_OP_CLASSES
#include "partita/dialects/plan/PlanOps.cpp.inc"

namespace {
/// Long placements and meshes print as aliases (#part0, #mesh0, ...), so that types stay readable.
struct PlanAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Attribute attribute, raw_ostream &os) const override {
    if (isa<MeshAttr>(attribute)) {
      os << "mesh";
      return AliasResult::FinalAlias;
    }
    if (isa<PartAttr>(attribute)) {
      os << "part";
      return AliasResult::FinalAlias;
    }
    return AliasResult::NoAlias;
  }
};
} // namespace

void PlanDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "partita/dialects/plan/PlanOps.cpp.inc"
      >();
  addInterfaces<PlanAsmInterface>();
}

LogicalResult RecordOp::verify() {
  auto schema = getEntries().getAs<StringAttr>("schema");
  if (!schema)
    return emitOpError("needs an entry 'schema'");
  if (schema.getValue() != kSchema)
    return emitOpError() << "E-PLAN-SCHEMA: schema is '" << schema.getValue() << "', expected '" << kSchema << "'";
  return success();
}

PartAttr plan::getPart(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<PartAttr>(tensor.getEncoding()) : PartAttr();
}
