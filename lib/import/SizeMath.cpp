// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SizeMath.cpp - Checked arithmetic on extents ----------------------------===//
#include "SizeMath.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

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
  if (!isInRange(a) || !b.isStatic() || b.constant == 0 || a.constant % b.constant != 0)
    return std::nullopt;
  DimSize quotient(a.constant / b.constant);
  for (const auto &[symbol, coefficient] : a.coefficients) {
    if (coefficient % b.constant != 0)
      return std::nullopt;
    quotient.coefficients[symbol] = coefficient / b.constant;
  }
  return quotient;
}

namespace {
/// A product of extents: a number times extents without a common factor.
struct Product {
  std::optional<DimSize> number = DimSize(1);
  std::vector<DimSize> symbolic;
};
} // namespace

static Product multiplyAll(llvm::ArrayRef<DimSize> sizes) {
  Product product;
  for (const DimSize &size : sizes) {
    if (size.isStatic()) {
      product.number = product.number ? multiplyChecked(*product.number, size) : std::nullopt;
      continue;
    }
    int64_t common = size.constant;
    for (const auto &[symbol, coefficient] : size.coefficients)
      common = std::gcd(common, coefficient);
    // What divides every part divides the whole.
    product.symbolic.push_back(divideExactly(size, DimSize(common)).value_or(size));
    product.number = product.number ? multiplyChecked(*product.number, DimSize(common)) : std::nullopt;
  }
  return product;
}

std::optional<DimSize> partita::import::divideProducts(llvm::ArrayRef<DimSize> factors,
                                                       llvm::ArrayRef<DimSize> divisors) {
  if (!llvm::all_of(factors, isInRange) || !llvm::all_of(divisors, isInRange))
    return std::nullopt;
  Product product = multiplyAll(factors), divisor = multiplyAll(divisors);
  for (const DimSize &size : divisor.symbolic) {
    auto same = llvm::find(product.symbolic, size);
    if (same == product.symbolic.end())
      return std::nullopt;
    product.symbolic.erase(same);
  }
  if (!product.number || !divisor.number || product.symbolic.size() > 1)
    return std::nullopt;
  DimSize left = product.symbolic.empty() ? DimSize(1) : product.symbolic[0];
  std::optional<DimSize> total = multiplyChecked(left, *product.number);
  return total ? divideExactly(*total, *divisor.number) : std::nullopt;
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
