// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace partita {

DimSize DimSize::symbol(SymbolAttr symbol, int64_t coefficient) {
  DimSize size;
  if (coefficient != 0)
    size.coefficients[symbol] = coefficient;
  return size;
}

static std::optional<int64_t> evaluate(const DimSize &size, bool largest) {
  int64_t total = size.constant;
  for (auto [symbol, coefficient] : size.coefficients) {
    bool useMaximum = largest == (coefficient > 0);
    int64_t product;
    if (llvm::MulOverflow(useMaximum ? symbol.getMaximum() : symbol.getMinimum(), coefficient, product) ||
        llvm::AddOverflow(total, product, total))
      return std::nullopt;
  }
  return total;
}

std::optional<int64_t> DimSize::maximum() const { return evaluate(*this, true); }
std::optional<int64_t> DimSize::minimum() const { return evaluate(*this, false); }

bool DimSize::operator==(const DimSize &other) const {
  return constant == other.constant &&
         llvm::equal(coefficients, other.coefficients, [](const auto &a, const auto &b) { return a == b; });
}

DimSize DimSize::operator+(const DimSize &other) const {
  DimSize sum = *this;
  sum.constant += other.constant;
  for (auto [symbol, coefficient] : other.coefficients)
    if ((sum.coefficients[symbol] += coefficient) == 0)
      sum.coefficients.erase(symbol);
  return sum;
}

DimSize DimSize::operator*(int64_t factor) const {
  DimSize product;
  if (factor == 0)
    return product;
  product.constant = constant * factor;
  for (auto [symbol, coefficient] : coefficients)
    product.coefficients[symbol] = coefficient * factor;
  return product;
}

std::optional<DimSize> multiply(const DimSize &a, const DimSize &b) {
  if (a.isStatic())
    return b * a.constant;
  if (b.isStatic())
    return a * b.constant;
  return std::nullopt;
}

static DimSize fromAffine(AffineExpr expression, ArrayRef<SymbolAttr> symbols) {
  // Linear by the attribute's verifier, so evaluating at 0 and at unit vectors gives every coefficient.
  MLIRContext *context = expression.getContext();
  auto at = [&](size_t one) {
    SmallVector<AffineExpr> values;
    for (size_t i = 0; i < symbols.size(); ++i)
      values.push_back(getAffineConstantExpr(i == one ? 1 : 0, context));
    return cast<AffineConstantExpr>(expression.replaceDimsAndSymbols({}, values)).getValue();
  };
  DimSize size(at(symbols.size()));
  for (auto [index, symbol] : llvm::enumerate(symbols))
    if (int64_t coefficient = at(index) - size.constant)
      size.coefficients[symbol] = coefficient;
  return size;
}

std::optional<DimSize> getDimSize(RankedTensorType type, int64_t dim) {
  if (!type.isDynamicDim(dim))
    return DimSize(type.getDimSize(dim));
  auto shape = dyn_cast_or_null<ShapeAttr>(type.getEncoding());
  if (!shape || shape.getDims().getNumResults() != static_cast<unsigned>(type.getRank()))
    return std::nullopt;
  return fromAffine(shape.getDims().getResult(dim), shape.getSymbols());
}

int64_t getDimBound(RankedTensorType type, int64_t dim) {
  std::optional<DimSize> size = getDimSize(type, dim);
  return size ? size->maximum().value_or(ShapedType::kDynamic) : ShapedType::kDynamic;
}

SmallVector<int64_t> getBoundShape(RankedTensorType type) {
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    shape.push_back(getDimBound(type, dim));
  return shape;
}

RankedTensorType getTensorType(ArrayRef<DimSize> dims, Type elementType) {
  MLIRContext *context = elementType.getContext();
  std::map<StringRef, SymbolAttr> byName;
  for (const DimSize &dim : dims)
    for (auto [symbol, coefficient] : dim.coefficients)
      byName.emplace(symbol.getName(), symbol);
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> expressions;
  SmallVector<SymbolAttr> symbols;
  for (auto &[name, symbol] : byName)
    symbols.push_back(symbol);
  for (const DimSize &dim : dims) {
    shape.push_back(dim.isStatic() ? dim.constant : ShapedType::kDynamic);
    AffineExpr expression = getAffineConstantExpr(dim.constant, context);
    for (auto [index, symbol] : llvm::enumerate(symbols))
      if (auto found = dim.coefficients.find(symbol); found != dim.coefficients.end())
        expression = expression + getAffineSymbolExpr(index, context) * found->second;
    expressions.push_back(expression);
  }
  if (symbols.empty())
    return RankedTensorType::get(shape, elementType);
  auto map = AffineMap::get(0, symbols.size(), expressions, context);
  return RankedTensorType::get(shape, elementType, ShapeAttr::get(context, symbols, map));
}

std::optional<int64_t> getBoundElements(RankedTensorType type) {
  int64_t elements = 1;
  for (int64_t extent : getBoundShape(type))
    if (extent < 0 || llvm::MulOverflow(elements, extent, elements))
      return std::nullopt;
  return elements;
}

int64_t getElementBits(Type elementType) {
  // bool and 4-bit integers take a byte each.
  if (elementType.isInteger() && elementType.getIntOrFloatBitWidth() < 8)
    return 8;
  if (elementType.isIntOrFloat())
    return elementType.getIntOrFloatBitWidth();
  return 64;
}

int64_t getBoundBytes(RankedTensorType type) {
  return llvm::divideCeil(getBoundElements(type).value_or(0) * getElementBits(type.getElementType()), 8);
}

} // namespace partita
