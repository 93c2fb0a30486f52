// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Einsum.cpp - Sums of products over named dims ---------------------------===//
//
// Each operand is brought to a term in which every letter stands once (diagonals are slices of merged dims) and none
// is summed in it alone; then operand after operand is contracted.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

#include "llvm/ADT/StringExtras.h"

#include <algorithm>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

namespace {
/// A value with a letter for each dim.
struct Operand {
  Value value;
  std::string term;
};

struct Equation {
  std::vector<std::string> terms;
  std::string result;
  bool isExplicit = false;
};
} // namespace

static bool has(const std::string &term, char letter) { return term.find(letter) != std::string::npos; }

static Equation parseEquation(std::string text) {
  llvm::erase(text, ' ');
  auto [operands, result] = llvm::StringRef(text).split("->");
  Equation equation;
  SmallVector<llvm::StringRef> terms;
  operands.split(terms, ',');
  for (llvm::StringRef term : terms)
    equation.terms.push_back(term.str());
  equation.result = result.str();
  equation.isExplicit = llvm::StringRef(text).contains("->");
  return equation;
}

/// Letters that the equation does not use, for the dims of an ellipsis.
static std::string findFreeLetters(const Equation &equation) {
  std::string letters, used = equation.result;
  for (const std::string &term : equation.terms)
    used += term;
  for (char letter : llvm::StringRef("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    if (!has(used, letter))
      letters.push_back(letter);
  return letters;
}

/// Writes out the ellipses: their dims line up at the end. False: the equation does not fit the operands.
static bool expandEllipses(Equation &equation, ArrayRef<Operand> operands) {
  std::string letters = findFreeLetters(equation);
  size_t widest = 0;
  std::vector<size_t> widths;
  for (auto [term, operand] : llvm::zip(equation.terms, operands)) {
    auto rank = static_cast<size_t>(cast<RankedTensorType>(operand.value.getType()).getRank());
    bool isOpen = llvm::StringRef(term).contains("...");
    size_t named = term.size() - (isOpen ? 3 : 0);
    if (named > rank || (!isOpen && named != rank))
      return false;
    widths.push_back(rank - named);
    widest = std::max(widest, rank - named);
  }
  if (widest > letters.size())
    return false;
  std::string all = letters.substr(0, widest);
  auto write = [](std::string &term, const std::string &dims) {
    if (size_t at = term.find("..."); at != std::string::npos)
      term.replace(at, 3, dims);
  };
  if (!equation.isExplicit) {
    std::string joined, once;
    for (const std::string &term : equation.terms)
      joined += term;
    for (char letter : joined)
      if (letter != '.' && std::count(joined.begin(), joined.end(), letter) == 1)
        once.push_back(letter);
    std::sort(once.begin(), once.end());
    equation.result = all + once;
  }
  for (auto [term, width] : llvm::zip(equation.terms, widths))
    write(term, all.substr(widest - width));
  write(equation.result, all);
  auto isLetters = [](const std::string &term) {
    return llvm::all_of(term, [](char letter) { return llvm::isAlpha(letter); });
  };
  return llvm::all_of(equation.terms, isLetters) && isLetters(equation.result) &&
         llvm::all_of(equation.result, [&](char letter) {
           return std::count(equation.result.begin(), equation.result.end(), letter) == 1 &&
                  llvm::any_of(equation.terms, [&](const std::string &term) { return has(term, letter); });
         });
}

/// The order of `term`'s letters in which `wanted` lists them.
static Operand reorder(NodeContext &node, const Operand &operand, const std::string &wanted) {
  SmallVector<int64_t> permutation;
  for (char letter : wanted)
    permutation.push_back(static_cast<int64_t>(operand.term.find(letter)));
  return {node.transpose(operand.value, permutation), wanted};
}

/// A letter that stands twice in a term names a diagonal.
static Operand takeDiagonals(NodeContext &node, Operand operand) {
  for (size_t first = 0; first < operand.term.size() && operand.value; ++first) {
    size_t second = operand.term.find(operand.term[first], first + 1);
    if (second == std::string::npos)
      continue;
    Sizes sizes = node.sizesOf(operand.value);
    if (!(sizes[first] == sizes[second]) || !sizes[first].isStatic())
      return node.failShape("a diagonal of " + toText(sizes)), Operand{};
    SmallVector<int64_t> permutation;
    std::string term;
    Sizes merged;
    for (size_t dim = 0; dim < sizes.size(); ++dim)
      if (dim != first && dim != second) {
        permutation.push_back(static_cast<int64_t>(dim));
        term.push_back(operand.term[dim]);
        merged.push_back(sizes[dim]);
      }
    permutation.append({static_cast<int64_t>(first), static_cast<int64_t>(second)});
    int64_t extent = sizes[first].constant;
    merged.emplace_back(extent * extent);
    Value flat = node.reshape(node.transpose(operand.value, permutation), merged);
    operand.value = node.cut(flat, static_cast<int64_t>(term.size()), 0, DimSize(extent), extent + 1, "diagonal");
    operand.term = term + operand.term[first];
    first = static_cast<size_t>(-1);
  }
  return operand;
}

/// Sums over the letters that nothing else needs.
static Operand sumUnneeded(NodeContext &node, const Operand &operand, const std::string &needed) {
  SmallVector<int64_t> dims;
  std::string kept;
  for (auto [dim, letter] : llvm::enumerate(operand.term)) {
    if (has(needed, letter))
      kept.push_back(letter);
    else
      dims.push_back(static_cast<int64_t>(dim));
  }
  return {node.reduce(ReduceKind::sum, operand.value, dims, false), kept};
}

/// Drops dims of extent 1 whose letter has a larger extent elsewhere: they repeat.
static void dropRepeated(NodeContext &node, std::vector<Operand> &operands) {
  std::map<char, DimSize> extents;
  for (const Operand &operand : operands)
    for (auto [letter, size] : llvm::zip(operand.term, node.sizesOf(operand.value)))
      if (!(size == DimSize(1)))
        extents[letter] = size;
  for (Operand &operand : operands) {
    Sizes sizes = node.sizesOf(operand.value), kept;
    std::string term;
    for (auto [letter, size] : llvm::zip(operand.term, sizes))
      if (!(size == DimSize(1)) || !extents.count(letter)) {
        kept.push_back(size);
        term.push_back(letter);
      }
    operand = {node.reshape(operand.value, kept), term};
  }
}

/// `a` times `b`; letters that are not needed any more are summed.
static Operand multiply(NodeContext &node, Operand a, Operand b, const std::string &needed, const std::string &result) {
  a = sumUnneeded(node, a, needed + b.term);
  b = sumUnneeded(node, b, needed + a.term);
  std::string term;
  for (char letter : result.empty() ? a.term + b.term : result)
    if (has(needed, letter) && !has(term, letter) && (has(a.term, letter) || has(b.term, letter)))
      term.push_back(letter);
  return {node.contract(a.value, b.value, a.term + "," + b.term + "->" + term), term};
}

static void importEinsum(NodeContext &node) {
  std::string text = node.getText("equation", "");
  Equation equation = parseEquation(text);
  std::vector<Operand> operands;
  for (int i = 0; i < node.countInputs(); ++i)
    operands.push_back({node.input(i), ""});
  if (node.hasFailed())
    return;
  if (operands.empty() || operands.size() != equation.terms.size() || !expandEllipses(equation, operands))
    return node.failShape("equation '" + text + "' does not fit its operands");
  for (auto [operand, term] : llvm::zip(operands, equation.terms)) {
    operand = takeDiagonals(node, {operand.value, term});
    if (!operand.value)
      return;
  }
  dropRepeated(node, operands);
  Operand total = operands[0];
  for (size_t i = 1; i < operands.size() && total.value; ++i) {
    bool isLast = i + 1 == operands.size();
    std::string needed = equation.result;
    for (size_t later = i + 1; later < operands.size(); ++later)
      needed += operands[later].term;
    total = multiply(node, total, operands[i], needed, isLast ? equation.result : "");
  }
  if (total.value)
    total = sumUnneeded(node, total, equation.result);
  node.setResult(0, total.value ? reorder(node, total, equation.result).value : Value());
}

void partita::import::addEinsumOps(OpTable &table) { table.insert({{"Einsum", importEinsum}}); }
