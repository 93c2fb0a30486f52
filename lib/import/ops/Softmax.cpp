// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Softmax.cpp - Softmax and its like, and places of largest elements ------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

static Type signed64(NodeContext &node) {
  return IntegerType::get(node.getSession().getContext(), 64, IntegerType::Signed);
}

Value partita::import::makeLogSoftmax(NodeContext &node, Value x, int64_t axis) {
  Value shifted = node.elementwise(Kind::sub, {x, node.reduce(ReduceKind::max, x, {axis}, true, "max")});
  Value sum = node.reduce(ReduceKind::sum, node.elementwise(Kind::exp, {shifted}), {axis}, true, "sum");
  return node.elementwise(Kind::sub, {shifted, node.elementwise(Kind::log, {sum})});
}

//===-- ArgMax, ArgMin, Hardmax -----------------------------------------------------------------------------------===//

Value partita::import::makeArgReduction(NodeContext &node, Value x, int64_t axis, bool isMaximum, bool isLast) {
  if (!x)
    return Value();
  Sizes sizes = node.sizesOf(x);
  auto rank = static_cast<int64_t>(sizes.size());
  Value best = node.reduce(isMaximum ? ReduceKind::max : ReduceKind::min, x, {axis}, true, "best");
  Value isBest = node.elementwise(Kind::eq, {x, best});
  // A NaN is the result of the reduction, and equals nothing.
  if (isa<FloatType>(elementOf(x)))
    isBest = node.elementwise(Kind::logical_or, {isBest, node.elementwise(Kind::ne, {x, x})});
  Value positions = makePositions(node, sizes[axis], axis, rank, signed64(node));
  double beyond = isLast ? -1.0 : static_cast<double>(sizes[axis].maximum().value_or(largestSize));
  Value candidates = node.elementwise(Kind::select, {isBest, positions, node.constant(beyond, signed64(node))});
  return node.reduce(isLast ? ReduceKind::max : ReduceKind::min, candidates, {axis}, true, "place");
}

template <bool isMaximum> static void importArgReduction(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  std::optional<int64_t> axis = node.normalizeAxis(node.getInteger("axis", 0), static_cast<int64_t>(sizes.size()));
  bool isLast = node.getInteger("select_last_index", 0) != 0, keeps = node.getInteger("keepdims", 1) != 0;
  if (!axis)
    return;
  Value place = makeArgReduction(node, x, *axis, isMaximum, isLast);
  sizes[*axis] = DimSize(1);
  if (!keeps)
    sizes.erase(sizes.begin() + *axis);
  node.setResult(0, node.reshape(place, sizes));
}

namespace {
/// Softmax and its like before set 13: all dims from `axis` on are one.
struct Flattened {
  Value value;
  int64_t axis;
  Sizes sizes; // of the result
};
} // namespace

static std::optional<Flattened> flattenFromAxis(NodeContext &node) {
  Value x = node.input(0);
  bool isFlat = node.getOpset() < 13;
  int64_t written = node.getInteger("axis", isFlat ? 1 : -1);
  if (!x)
    return std::nullopt;
  Sizes sizes = node.sizesOf(x);
  std::optional<int64_t> axis = node.normalizeAxis(written, static_cast<int64_t>(sizes.size()));
  if (!axis)
    return std::nullopt;
  Sizes inner = sizes;
  if (isFlat && *axis + 1 < static_cast<int64_t>(sizes.size())) {
    std::optional<DimSize> rest = divideProducts(ArrayRef<DimSize>(sizes).drop_front(*axis), {});
    if (!rest) {
      node.failShape("the dims from axis " + llvm::Twine(*axis) + " on have a product that is not linear");
      return std::nullopt;
    }
    inner.resize(*axis);
    inner.push_back(*rest);
  }
  return Flattened{node.reshape(x, inner), *axis, sizes};
}

static void importSoftmax(NodeContext &node) {
  std::optional<Flattened> flat = flattenFromAxis(node);
  if (!flat || !flat->value)
    return;
  if (!isa<FloatType>(elementOf(flat->value)))
    return node.failOp("its input is not a float tensor");
  Value result =
      node.finish(SoftmaxOp::create(node.getSession().getBuilder(), node.getLocation(), flat->value.getType(),
                                    node.partName("softmax"), flat->value, flat->axis));
  node.setResult(0, node.reshape(result, flat->sizes));
}

static void importLogSoftmax(NodeContext &node) {
  if (std::optional<Flattened> flat = flattenFromAxis(node))
    node.setResult(0, node.reshape(makeLogSoftmax(node, flat->value, flat->axis), flat->sizes));
}

/// 1 at the first largest element, 0 elsewhere.
static void importHardmax(NodeContext &node) {
  std::optional<Flattened> flat = flattenFromAxis(node);
  if (!flat || !flat->value)
    return;
  Sizes sizes = node.sizesOf(flat->value);
  Value place = makeArgReduction(node, flat->value, flat->axis, true, false);
  Value positions =
      makePositions(node, sizes[flat->axis], flat->axis, static_cast<int64_t>(sizes.size()), signed64(node));
  Value isPlace = node.elementwise(Kind::eq, {positions, place});
  node.setResult(0, node.reshape(node.cast(isPlace, elementOf(flat->value)), flat->sizes));
}

void partita::import::addSoftmaxOps(OpTable &table) {
  table.insert({{"Softmax", importSoftmax},
                {"LogSoftmax", importLogSoftmax},
                {"Hardmax", importHardmax},
                {"ArgMax", importArgReduction<true>},
                {"ArgMin", importArgReduction<false>}});
}
