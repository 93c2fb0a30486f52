// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/interfaces/Partita.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include <set>

using namespace mlir;
using namespace partita;

#include "partita/dialects/interfaces/PartitaDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "partita/dialects/interfaces/PartitaAttributes.cpp.inc"

void PartitaDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "partita/dialects/interfaces/PartitaAttributes.cpp.inc"
      >();
}

LogicalResult SymbolAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name, int64_t minimum,
                                 int64_t maximum) {
  if (name.empty())
    return emitError() << "a symbol needs a name";
  if (minimum < 0 || maximum < minimum)
    return emitError() << "symbol '" << name << "' has bounds " << minimum << ".." << maximum
                       << "; expected 0 <= minimum <= maximum";
  return success();
}

/// Linear in the symbols: sums of constants and symbol-times-constant.
static bool isLinear(AffineExpr expression) {
  bool linear = true;
  expression.walk([&](AffineExpr part) {
    switch (part.getKind()) {
    case AffineExprKind::Add:
    case AffineExprKind::Constant:
    case AffineExprKind::SymbolId:
      return;
    case AffineExprKind::Mul:
      linear &= cast<AffineBinaryOpExpr>(part).getRHS().getKind() == AffineExprKind::Constant;
      return;
    default:
      linear = false;
    }
  });
  return linear;
}

LogicalResult ShapeAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<SymbolAttr> symbols,
                                AffineMap dims) {
  if (dims.getNumDims() != 0 || dims.getNumSymbols() != symbols.size())
    return emitError() << "a symbolic shape has no dims and one map symbol per listed symbol";
  std::set<StringRef> names;
  for (SymbolAttr symbol : symbols)
    if (!names.insert(symbol.getName()).second)
      return emitError() << "symbol '" << symbol.getName() << "' is listed twice";
  for (AffineExpr expression : dims.getResults())
    if (!isLinear(expression))
      return emitError() << "symbolic extents are linear in the symbols";
  return success();
}

LogicalResult SourceAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef file, int64_t offset,
                                 int64_t bytes, DenseI64ArrayAttr shape, DenseI64ArrayAttr start) {
  if (offset < 0 || bytes < 0)
    return emitError() << "a source has a negative offset or size";
  if (shape.size() != start.size())
    return emitError() << "a source lists " << shape.size() << " extents but " << start.size() << " start indices";
  for (auto [extent, first] : llvm::zip(shape.asArrayRef(), start.asArrayRef()))
    if (extent < 0 || first < 0 || first > extent)
      return emitError() << "a source's box begins outside its tensor";
  return success();
}
