// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types as the runtime's tables spell them.
#include "ImageBuilder.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/placement/Attributes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

runtime::ElementType lowering::toElementType(Type element) {
  using runtime::ElementType;
  if (element.isF64())
    return ElementType::f64;
  if (element.isBF16())
    return ElementType::bf16;
  if (element.isF16())
    return ElementType::f16;
  if (isa<Float8E4M3FNType>(element))
    return ElementType::f8E4M3FN;
  if (isa<Float8E4M3FNUZType>(element))
    return ElementType::f8E4M3FNUZ;
  if (isa<Float8E5M2Type>(element))
    return ElementType::f8E5M2;
  if (isa<Float8E5M2FNUZType>(element))
    return ElementType::f8E5M2FNUZ;
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return ElementType::f32;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return ElementType::boolean;
  case 4:
    return isUnsigned ? ElementType::ui4 : ElementType::si4;
  case 8:
    return isUnsigned ? ElementType::ui8 : ElementType::si8;
  case 16:
    return isUnsigned ? ElementType::ui16 : ElementType::si16;
  case 32:
    return isUnsigned ? ElementType::ui32 : ElementType::si32;
  default:
    return isUnsigned ? ElementType::ui64 : ElementType::si64;
  }
}

runtime::Extent lowering::toExtent(RankedTensorType global, int64_t dim, const std::vector<SymbolAttr> &symbols) {
  runtime::Extent extent;
  std::optional<DimSize> size = getDimSize(global, dim);
  if (!size)
    return extent;
  extent.constant = size->constant;
  if (size->isStatic())
    return extent;
  extent.coefficients.assign(symbols.size(), 0);
  for (auto [symbol, coefficient] : size->coefficients)
    for (size_t i = 0; i < symbols.size(); ++i)
      if (symbols[i].getName() == symbol.getName())
        extent.coefficients[i] = coefficient;
  return extent;
}

FailureOr<runtime::Layout> lowering::toLayout(Operation *op, Type local, plan::MeshAttr meshAttr,
                                              const std::vector<SymbolAttr> &symbols) {
  plan::PartAttr part = plan::getPart(local);
  if (!part)
    return op->emitError() << "E-SPMD-TYPE: " << local << " carries no part";
  std::optional<placement::Placement> placement =
      placement::toPlacement(part.getPlacement(), placement::toMesh(meshAttr));
  if (!placement)
    return op->emitError() << "E-SPMD-TYPE: " << local << " names an axis that the mesh " << meshAttr << " lacks";
  runtime::Layout layout;
  layout.elementType = toElementType(part.getGlobal().getElementType());
  for (int64_t dim = 0; dim < part.getGlobal().getRank(); ++dim) {
    runtime::Dimension dimension{toExtent(part.getGlobal(), dim, symbols), {}, {}};
    for (const placement::Split &split : placement->dims[dim])
      dimension.splits.push_back({split.axis, split.unit});
    if (const auto &window = placement->dims[dim].window)
      dimension.window = {window->stride, window->low, window->high, window->reach};
    layout.dimensions.push_back(dimension);
  }
  for (auto [axis, kind] : placement->partial)
    layout.partial.push_back({axis, static_cast<runtime::ReductionKind>(kind)});
  return layout;
}
