// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/interfaces/Interfaces.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

#include "partita/dialects/interfaces/Interfaces.cpp.inc"

namespace partita {

Operation *cloneWithTypes(OpBuilder &builder, Operation *op, ValueRange operands, TypeRange resultTypes) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(resultTypes);
  state.addAttributes(op->getDiscardableAttrDictionary().getValue());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  for (Region &region : op->getRegions()) {
    Region *copy = state.addRegion();
    IRMapping mapping;
    region.cloneInto(copy, mapping);
  }
  return builder.create(state);
}

llvm::StringRef getModelName(Operation *op) {
  if (auto name = dyn_cast_or_null<StringAttr>(op->getInherentAttr("name").value_or(Attribute())))
    return name.getValue();
  if (auto name = op->getDiscardableAttr("partita.name"))
    if (auto text = dyn_cast<StringAttr>(name))
      return text.getValue();
  return op->getName().getStringRef();
}

} // namespace partita
