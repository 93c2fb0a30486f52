// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Matrix.cpp - MatMul and Gemm as contractions ---------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// A transpose in front of a contraction is only another order of letters: `letters` are those of `value`'s dims, in
/// and out.
static Value absorbTranspose(Value value, std::string &letters) {
  auto transpose = value ? value.getDefiningOp<TransposeOp>() : TransposeOp();
  if (!transpose)
    return value;
  std::string before(letters.size(), ' ');
  for (auto [dim, from] : llvm::enumerate(transpose.getPermutation()))
    before[from] = letters[dim];
  letters = before;
  return transpose.getInput();
}

/// `sizes` without its batch extents of 1 that the other operand repeats, and its letters; batch dims of the result
/// are named from 'a' on.
static Value dropRepeated(NodeContext &node, Value value, const Sizes &batch, const std::string &inner,
                          std::string &letters) {
  Sizes sizes = node.sizesOf(value), kept;
  size_t own = sizes.size() - inner.size(), offset = batch.size() - own;
  for (size_t i = 0; i < own; ++i) {
    if (!(sizes[i] == batch[offset + i]))
      continue;
    kept.push_back(sizes[i]);
    letters.push_back(static_cast<char>('a' + offset + i));
  }
  kept.insert(kept.end(), sizes.begin() + static_cast<ptrdiff_t>(own), sizes.end());
  letters += inner;
  return node.reshape(value, kept);
}

Value partita::import::makeMatMul(NodeContext &node, Value lhs, Value rhs) {
  if (!lhs || !rhs)
    return Value();
  Sizes left = node.sizesOf(lhs), right = node.sizesOf(rhs);
  if (left.empty() || right.empty() || left.size() > 16 || right.size() > 16) {
    node.failShape("operands have rank " + llvm::Twine(left.size()) + " and " + llvm::Twine(right.size()));
    return Value();
  }
  std::string innerLeft = left.size() == 1 ? "y" : "xy", innerRight = right.size() == 1 ? "y" : "yz";
  std::optional<Sizes> batch =
      node.broadcastSizes({Sizes(left.begin(), left.end() - static_cast<ptrdiff_t>(innerLeft.size())),
                           Sizes(right.begin(), right.end() - static_cast<ptrdiff_t>(innerRight.size()))});
  if (!batch)
    return Value();
  std::string lettersLeft, lettersRight, result;
  lhs = dropRepeated(node, lhs, *batch, innerLeft, lettersLeft);
  rhs = dropRepeated(node, rhs, *batch, innerRight, lettersRight);
  for (size_t i = 0; i < batch->size(); ++i)
    result.push_back(static_cast<char>('a' + i));
  result += left.size() == 1 ? "" : "x";
  result += right.size() == 1 ? "" : "z";
  lhs = absorbTranspose(lhs, lettersLeft);
  rhs = absorbTranspose(rhs, lettersRight);
  return node.contract(lhs, rhs, lettersLeft + "," + lettersRight + "->" + result);
}

static void importMatMul(NodeContext &node) {
  Value lhs = node.input(0), rhs = node.input(1);
  node.setResult(0, makeMatMul(node, lhs, rhs));
}

Value partita::import::makeGemm(NodeContext &node) {
  // Sets before 7 say that C repeats; later ones let it.
  node.ignore({"broadcast"});
  Value a = node.input(0), b = node.input(1);
  bool transA = node.getInteger("transA", 0) != 0, transB = node.getInteger("transB", 0) != 0;
  double alpha = node.getFloat("alpha", 1.0), beta = node.getFloat("beta", 1.0);
  if (!a || !b)
    return Value();
  if (node.sizesOf(a).size() != 2 || node.sizesOf(b).size() != 2) {
    node.failShape("its matrices have shapes " + toText(node.sizesOf(a)) + " and " + toText(node.sizesOf(b)));
    return Value();
  }
  std::string lettersA = transA ? "yx" : "xy", lettersB = transB ? "zy" : "yz";
  a = absorbTranspose(a, lettersA);
  b = absorbTranspose(b, lettersB);
  Value product = node.contract(a, b, lettersA + "," + lettersB + "->xz");
  if (alpha != 1.0)
    product = node.withNumber(ElementwiseKind::mul, product, alpha);
  if (!node.hasInput(2) || beta == 0.0)
    return product;
  Value c = node.input(2);
  if (beta != 1.0)
    c = node.withNumber(ElementwiseKind::mul, c, beta);
  if (c && product && node.broadcastSizes({node.sizesOf(product), node.sizesOf(c)}) != node.sizesOf(product)) {
    node.failShape("C does not have the shape of the product");
    return Value();
  }
  return node.elementwise(ElementwiseKind::add, {product, c});
}

static void importGemm(NodeContext &node) { node.setResult(0, makeGemm(node)); }

void partita::import::addMatrixOps(OpTable &table) { table.insert({{"MatMul", importMatMul}, {"Gemm", importGemm}}); }
