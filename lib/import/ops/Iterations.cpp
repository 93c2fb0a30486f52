// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Iterations.cpp - Writing out the iterations of a loop -------------------===//
#include "ops/Iterations.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

Iterations::Iterations(NodeContext &node)
    : node(node), nodesBefore(node.getSession().getNestedNodes()), opsBefore(node.getSession().countOps()) {}

bool Iterations::mayRun(int64_t iteration) {
  constexpr uint64_t most = 20000;
  uint64_t nodes = node.getSession().getNestedNodes() - nodesBefore, ops = node.getSession().countOps() - opsBefore;
  // Bodies that fold away cost time, too, but less; an empty one still costs a step.
  if (ops < most && nodes < 4 * most && static_cast<uint64_t>(iteration) < most)
    return true;
  node.failOp("its first " + llvm::Twine(iteration) + " iterations are " + llvm::Twine(ops) + " operations of " +
              llvm::Twine(nodes) + " nodes: too many to be written out");
  return false;
}

Value partita::import::materialize(NodeContext &node, ImportedValue value, llvm::StringRef part) {
  return node.getSession().materialize(value, node.getName() + "/" + part.str(), node.getLocation());
}

Value partita::import::takeRow(NodeContext &node, Value value, int64_t dim, int64_t index) {
  if (!value)
    return Value();
  Sizes one = node.sizesOf(value), removed = one;
  SmallVector<int64_t> starts(one.size(), 0), strides(one.size(), 1);
  starts[dim] = index;
  one[dim] = DimSize(1);
  removed.erase(removed.begin() + dim);
  return node.reshape(node.slice(value, starts, strides, one, "row"), removed, "row/reshape");
}

Value partita::import::stackRows(NodeContext &node, llvm::ArrayRef<Value> rows, int64_t dim) {
  SmallVector<Value> wide;
  for (Value row : rows) {
    if (!row)
      return Value();
    Sizes sizes = node.sizesOf(row);
    sizes.insert(sizes.begin() + dim, DimSize(1));
    wide.push_back(node.reshape(row, sizes, "rows/reshape"));
  }
  return node.concat(wide, dim, "rows");
}

void RowStack::push(NodeContext &node, Value row) {
  if (levels.empty())
    levels.emplace_back();
  if (!row || isBroken) {
    isBroken = true;
    return;
  }
  Sizes sizes = node.sizesOf(row);
  std::optional<int64_t> place = node.normalizeAxis(axis, static_cast<int64_t>(sizes.size()) + 1);
  if (!place) {
    isBroken = true;
    return;
  }
  dim = *place;
  sizes.insert(sizes.begin() + dim, DimSize(1));
  levels[0].push_back(node.reshape(row, sizes, "rows/reshape"));
  join(node, 0);
}

void RowStack::join(NodeContext &node, size_t level) {
  constexpr size_t joined = 16;
  for (; levels[level].size() == joined; ++level) {
    Value part = concatenate(node, levels[level]);
    isBroken |= !part;
    levels[level].clear();
    if (level + 1 == levels.size())
      levels.emplace_back();
    levels[level + 1].push_back(part);
  }
}

Value RowStack::concatenate(NodeContext &node, SmallVector<Value> parts) {
  if (isReversed)
    std::reverse(parts.begin(), parts.end());
  return node.concat(parts, dim, "rows");
}

Value RowStack::take(NodeContext &node) {
  SmallVector<Value> parts;
  for (const SmallVector<Value> &level : llvm::reverse(levels))
    parts.append(level);
  Value all = isBroken ? Value() : concatenate(node, parts);
  levels.clear();
  isBroken = false;
  return all;
}

/// Integers are divided by something that may be zero.
static bool dividesIntegers(Operation &op) {
  auto elementwise = dyn_cast<ElementwiseOp>(op);
  if (!elementwise ||
      (elementwise.getKind() != ElementwiseKind::div && elementwise.getKind() != ElementwiseKind::remainder))
    return false;
  return isa<IntegerType>(getElementTypeOrSelf(elementwise.getResult().getType()));
}

/// Elements are read at places that operands name.
static bool readsAtIndices(Operation &op) {
  if (op.getNumOperands() < 2 || isa<ElementwiseOp, ConcatOp, PadOp, ContractionOp>(op))
    return false;
  return llvm::any_of(op.getOperands().drop_front(), [](Value operand) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    return type && isa<IntegerType>(type.getElementType()) && !operand.getDefiningOp<ConstantOp>();
  });
}

Operation *partita::import::findRiskyOp(Block &block, Operation *before) {
  auto first = before ? std::next(Block::iterator(before)) : block.begin();
  for (Operation &op : llvm::make_range(first, block.end()))
    if (dividesIntegers(op) || readsAtIndices(op))
      return &op;
  return nullptr;
}

Value partita::import::failUnless(NodeContext &node, Value condition, Value value) {
  if (!condition || !value)
    return Value();
  // A list of one row, read at index 0 where the condition holds and at 1 elsewhere.
  Type index = IntegerType::get(value.getContext(), 64, IntegerType::Signed);
  Value fails = node.elementwise(ElementwiseKind::logical_not, {condition}, "is_wrong");
  Sizes row = node.sizesOf(value);
  row.insert(row.begin(), DimSize(1));
  return node.gather(node.reshape(value, row, "checked/row"), node.cast(fails, index), 0, "checked");
}
