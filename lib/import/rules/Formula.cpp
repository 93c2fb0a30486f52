// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Formula.cpp - Sums of products of extents -------------------------------===//
#include "partita/import/Rules.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace partita::import;

namespace {

Formula add(Formula a, const Formula &b, double factor) {
  for (const auto &[names, number] : b)
    if ((a[names] += factor * number) == 0)
      a.erase(names);
  return a;
}

Formula multiply(const Formula &a, const Formula &b) {
  Formula product;
  for (const auto &[left, x] : a)
    for (const auto &[right, y] : b) {
      std::vector<std::string> names = left;
      names.insert(names.end(), right.begin(), right.end());
      std::sort(names.begin(), names.end());
      product = add(std::move(product), {{names, x * y}}, 1);
    }
  return product;
}

/// sum := term (("+" | "-") term)*; term := factor ("*" factor)*; factor := number | name | "(" sum ")"
class FormulaParser {
public:
  explicit FormulaParser(llvm::StringRef text) : text(text), rest(text) {}

  std::optional<Formula> parse(std::string &problem) {
    std::optional<Formula> sum = parseSum();
    if (sum && rest.ltrim().empty())
      return sum;
    problem = "expected a sum of products of numbers, loops and @attributes, with parentheses; '" + text.str() +
              "' is none from '" + rest.ltrim().str() + "' on";
    return std::nullopt;
  }

private:
  /// More than this is no formula, and could take long to multiply out.
  static constexpr size_t mostTerms = 256, deepest = 16;

  bool take(char symbol) {
    rest = rest.ltrim();
    return rest.consume_front(llvm::StringRef(&symbol, 1));
  }

  std::optional<Formula> parseSum() {
    if (++depth > deepest)
      return std::nullopt;
    std::optional<Formula> sum = parseTerm();
    while (sum) {
      double sign = take('+') ? 1 : take('-') ? -1 : 0;
      if (sign == 0)
        break;
      std::optional<Formula> term = parseTerm();
      sum = term && sum->size() < mostTerms ? std::optional(add(*sum, *term, sign)) : std::nullopt;
    }
    --depth;
    return sum;
  }

  std::optional<Formula> parseTerm() {
    std::optional<Formula> product = parseFactor();
    while (product && take('*')) {
      std::optional<Formula> factor = parseFactor();
      if (!factor || product->size() * factor->size() > mostTerms || ++factors > mostTerms)
        return std::nullopt;
      product = multiply(*product, *factor);
    }
    return product;
  }

  std::optional<Formula> parseFactor() {
    if (take('(')) {
      std::optional<Formula> sum = parseSum();
      return sum && take(')') ? sum : std::nullopt;
    }
    rest = rest.ltrim();
    auto isOfName = [](char c) { return llvm::isAlnum(c) || c == '_'; };
    llvm::StringRef name = rest.take_front(rest.starts_with("@") ? 1 : 0);
    name = rest.take_front(name.size() + rest.drop_front(name.size()).take_while(isOfName).size());
    if (!name.empty() && !llvm::isDigit(name.front()) && name != "@") {
      rest = rest.drop_front(name.size());
      return Formula{{{name.str()}, 1.0}};
    }
    llvm::StringRef digits = rest.take_while([](char c) { return llvm::isDigit(c) || c == '.'; });
    double number = 0;
    if (digits.empty() || !llvm::to_float(digits, number) || !std::isfinite(number))
      return std::nullopt;
    rest = rest.drop_front(digits.size());
    return number == 0 ? Formula() : Formula{{{}, number}};
  }

  llvm::StringRef text, rest;
  size_t depth = 0, factors = 0;
};

} // namespace

std::optional<Formula> partita::import::parseFormula(llvm::StringRef text, std::string &problem) {
  return FormulaParser(text).parse(problem);
}
