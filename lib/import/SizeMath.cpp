//===- SizeMath.cpp - Checked arithmetic on extents ----------------------------===//
#include "SizeMath.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace partita;
using namespace partita::import;

static bool isSmall(int64_t value) { return value >= -largestSize && value <= largestSize; }

bool partita::import::isInRange(const DimSize &size) {
  if (!isSmall(size.constant))
    return false;
  for (const auto &[symbol, coefficient] : size.coefficients)
    if (!isSmall(coefficient))
      return false;
  std::optional<int64_t> most = size.maximum(), least = size.minimum();
  return most && least && isSmall(*most) && isSmall(*least);
}

static std::optional<DimSize> checkRange(std::optional<DimSize> size) {
  return size && isInRange(*size) ? size : std::nullopt;
}

std::optional<DimSize> partita::import::addChecked(const DimSize &a, const DimSize &b) {
  return isInRange(a) && isInRange(b) ? checkRange(a + b) : std::nullopt;
}

std::optional<DimSize> partita::import::multiplyChecked(const DimSize &a, const DimSize &b) {
  if (!isInRange(a) || !isInRange(b) || (!a.isStatic() && !b.isStatic()))
    return std::nullopt;
  const DimSize &size = a.isStatic() ? b : a;
  int64_t factor = a.isStatic() ? a.constant : b.constant;
  int64_t product;
  if (llvm::MulOverflow(size.constant, factor, product) || !isSmall(product))
    return std::nullopt;
  for (const auto &[symbol, coefficient] : size.coefficients)
    if (llvm::MulOverflow(coefficient, factor, product) || !isSmall(product))
      return std::nullopt;
  return checkRange(size * factor);
}

std::optional<DimSize> partita::import::divideExactly(const DimSize &a, const DimSize &b) {
  if (a == b && b.minimum().value_or(0) > 0)
    return DimSize(1);
  if (!b.isStatic() || b.constant == 0 || a.constant % b.constant != 0)
    return std::nullopt;
  DimSize quotient(a.constant / b.constant);
  for (const auto &[symbol, coefficient] : a.coefficients) {
    if (coefficient % b.constant != 0)
      return std::nullopt;
    quotient.coefficients[symbol] = coefficient / b.constant;
  }
  return quotient;
}

std::optional<DimSize> partita::import::divideProducts(llvm::ArrayRef<DimSize> factors,
                                                       llvm::ArrayRef<DimSize> divisors) {
  std::vector<DimSize> left(factors.begin(), factors.end());
  std::optional<DimSize> divisor = DimSize(1);
  for (const DimSize &size : divisors) {
    auto same = llvm::find(left, size);
    if (!size.isStatic() && same != left.end())
      left.erase(same);
    else
      divisor = multiplyChecked(*divisor, size);
    if (!divisor)
      return std::nullopt;
  }
  std::optional<DimSize> product = DimSize(1);
  for (const DimSize &size : left) {
    product = multiplyChecked(*product, size);
    if (!product)
      return std::nullopt;
  }
  return divideExactly(*product, *divisor);
}

std::string partita::import::toText(const DimSize &size) {
  std::string text;
  for (const auto &[symbol, coefficient] : size.coefficients) {
    text += text.empty() ? "" : "+";
    text += (coefficient == 1 ? "" : std::to_string(coefficient) + "*") + symbol.getName().str();
  }
  if (size.constant != 0 || text.empty())
    text += (text.empty() ? "" : "+") + std::to_string(size.constant);
  return text;
}

std::string partita::import::toText(llvm::ArrayRef<DimSize> sizes) {
  std::string text = "[";
  for (size_t i = 0; i < sizes.size(); ++i)
    text += (i ? ", " : "") + toText(sizes[i]);
  return text + "]";
}
