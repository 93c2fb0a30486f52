// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Rotary.cpp - Rotary position embeddings spelled in small ops ------------===//
//
// x * cos + rotateHalf(x) * sin, where rotateHalf(x) = concat(-x2, x1) of the halves x1, x2 of the last dim, and both
// tables repeat one half: cos(concat(f, f)). The sequence is dim 2 or dim 1. Source: Su et al., RoFormer, arXiv
// 2104.09864.
#include "KnownValue.h"
#include "Patterns.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// Whether `slice` is elements start .. start + half of the last dim.
static bool isHalf(Value value, Value x, int64_t start, int64_t half) {
  auto slice = value.getDefiningOp<SliceOp>();
  if (!slice || slice.getInput() != x || typeOf(value).getRank() != typeOf(x).getRank())
    return false;
  int64_t last = typeOf(x).getRank() - 1;
  for (int64_t dim = 0; dim < last; ++dim)
    if (!isSameExtent(typeOf(value), dim, typeOf(x), dim) || slice.getStarts()[dim] != 0 ||
        slice.getStrides()[dim] != 1)
      return false;
  return slice.getStarts()[last] == start && slice.getStrides()[last] == 1 && typeOf(value).getDimSize(last) == half;
}

/// x for concat(neg(second half of x), first half of x).
static Value matchRotatedHalf(Value value) {
  auto joined = value.getDefiningOp<ConcatOp>();
  auto type = typeOf(value);
  int64_t last = type.getRank() - 1;
  if (!joined || joined.getInputs().size() != 2 || static_cast<int64_t>(joined.getDim()) != last ||
      type.isDynamicDim(last) || type.getDimSize(last) % 2 != 0)
    return Value();
  auto negated = matchElementwise(joined.getInputs()[0], ElementwiseKind::neg);
  Scaled scaled = matchScaled(joined.getInputs()[0]);
  Value second = negated ? Value(negated->front()) : scaled.factor == -1.0 ? scaled.other : Value();
  auto first = joined.getInputs()[1].getDefiningOp<SliceOp>();
  int64_t half = type.getDimSize(last) / 2;
  if (!second || !first)
    return Value();
  Value x = first.getInput();
  return typeOf(x) == type && isHalf(first, x, 0, half) && isHalf(second, x, half, half) ? x : Value();
}

namespace {

/// The first half of a table that repeats it: rebuilt from what was repeated.
class HalfTable {
public:
  HalfTable(Operation *root, Rewriter &rewriter) : root(root), rewriter(rewriter) {}

  /// Null where it is not seen that the halves are equal.
  Value find(Value table) {
    // From the table down to what was joined, each step a function of single elements.
    SmallVector<Operation *> steps;
    Value value = table;
    while (true) {
      Operation *op = value.getDefiningOp();
      if (auto joined = dyn_cast_or_null<ConcatOp>(op)) {
        int64_t last = typeOf(value).getRank() - 1;
        if (joined.getInputs().size() != 2 || joined.getInputs()[0] != joined.getInputs()[1] ||
            static_cast<int64_t>(joined.getDim()) != last)
          return Value();
        return rebuild(joined.getInputs()[0], steps);
      }
      if (auto constant = dyn_cast_or_null<ConstantOp>(op)) {
        Value half = halveConstant(constant);
        return half ? rebuild(half, steps) : Value();
      }
      std::optional<Value> next = step(op);
      if (!next) {
        Value half = halveKnown(value);
        return half ? rebuild(half, steps) : Value();
      }
      steps.push_back(op);
      value = *next;
    }
  }

private:
  /// The operand along which the table goes on, for a step that keeps the last dim.
  static std::optional<Value> step(Operation *op) {
    if (auto function = dyn_cast_or_null<ElementwiseOp>(op)) {
      std::optional<Value> found;
      for (Value input : function.getInputs()) {
        if (readNumber(input))
          continue;
        if (found)
          return std::nullopt;
        found = input;
      }
      return found;
    }
    if (isa_and_nonnull<CastOp>(op))
      return op->getOperand(0);
    auto reshape = dyn_cast_or_null<ReshapeOp>(op);
    auto broadcast = dyn_cast_or_null<BroadcastOp>(op);
    if (!reshape && !broadcast)
      return std::nullopt;
    RankedTensorType from = typeOf(op->getOperand(0)), to = typeOf(op->getResult(0));
    bool keepsLast = from.getRank() > 0 && isSameExtent(from, from.getRank() - 1, to, to.getRank() - 1);
    if (broadcast)
      keepsLast &= !broadcast.getDims().empty() && broadcast.getDims().back() == to.getRank() - 1;
    return keepsLast ? std::optional(op->getOperand(0)) : std::nullopt;
  }

  static RankedTensorType halve(RankedTensorType type) {
    SmallVector<DimSize> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      sizes.push_back(*getDimSize(type, dim));
    sizes.back() = DimSize(sizes.back().constant / 2);
    return getTensorType(sizes, type.getElementType());
  }

  /// The first halves of the rows of a small table, if the second ones are equal.
  Value halveConstant(ConstantOp op) {
    auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
    RankedTensorType type = typeOf(op.getResult());
    if (!dense || type.getRank() == 0 || type.getShape().back() % 2 != 0 || type.getShape().back() == 0)
      return Value();
    SmallVector<Attribute> all(dense.getValues<Attribute>()), first;
    int64_t half = type.getShape().back() / 2;
    for (size_t at = 0; at < all.size(); at += 2 * half)
      for (int64_t i = 0; i < half; ++i) {
        if (all[at + i] != all[at + half + i])
          return Value();
        first.push_back(all[at + i]);
      }
    rewriter.builder.setInsertionPoint(root);
    return ConstantOp::create(rewriter.builder, op.getLoc(), halve(type), rewriter.names.derive(op, "half"),
                              DenseElementsAttr::get(halve(type), first));
  }

  /// The first halves of the rows of a table that is known, if the second ones are equal.
  Value halveKnown(Value value) {
    RankedTensorType type = typeOf(value);
    std::optional<interpreter::Tensor> known = evaluateKnown(value, /*readsFiles=*/true);
    int64_t rank = type.getRank(), row = known && rank > 0 ? type.getShape().back() : 0;
    if (row == 0 || row % 2 != 0)
      return Value();
    std::vector<double> numbers = known->toDoubles();
    for (size_t at = 0; at < numbers.size(); at += row)
      for (int64_t i = 0; i < row / 2; ++i)
        if (numbers[at + i] != numbers[at + row / 2 + i])
          return Value();
    rewriter.builder.setInsertionPoint(root);
    return SliceOp::create(rewriter.builder, root->getLoc(), halve(type), rewriter.names.derive(root, "half"), value,
                           SmallVector<int64_t>(rank, 0), SmallVector<int64_t>(rank, 1));
  }

  Value rebuild(Value value, ArrayRef<Operation *> steps) {
    OpBuilder &builder = rewriter.builder;
    builder.setInsertionPoint(root);
    for (Operation *op : llvm::reverse(steps)) {
      RankedTensorType type = halve(typeOf(op->getResult(0)));
      SmallVector<Value> operands;
      for (Value operand : op->getOperands()) {
        std::optional<double> number = isa<ElementwiseOp>(op) ? readNumber(operand) : std::nullopt;
        auto own = cast<RankedTensorType>(type.clone(typeOf(operand).getElementType()));
        operands.push_back(number ? makeSplat(builder, op, rewriter.names, "number", own, *number) : value);
      }
      Operation *copy = builder.clone(*op);
      copy->setAttr("name", rewriter.names.derive(op, "half"));
      copy->setOperands(operands);
      copy->getResult(0).setType(type);
      value = copy->getResult(0);
    }
    return value;
  }

  Operation *root;
  Rewriter &rewriter;
};

} // namespace

/// The table seen in its own dims: [sequence, depth] or [batch, sequence, depth]; null where it runs along others.
static Value matchTable(Value wide, int64_t sequence) {
  View view = viewOf(wide);
  RankedTensorType type = typeOf(view.core);
  SmallVector<int64_t> dims;
  for (int64_t dim : view.dims)
    if (dim >= 0)
      dims.push_back(dim);
  bool fits = dims == SmallVector<int64_t>{sequence, 3} || dims == SmallVector<int64_t>{0, sequence, 3};
  return fits && type.getRank() > 0 && view.dims.back() == 3 ? view.core : Value();
}

/// `table` without dims of extent 1 but the last two and, where there are three, the batch.
static Value squeeze(Value table, ArrayRef<int64_t> kept, Operation *root, StringRef part, Rewriter &rewriter) {
  SmallVector<DimSize> sizes;
  for (int64_t dim : kept)
    sizes.push_back(*getDimSize(typeOf(table), dim));
  auto type = getTensorType(sizes, typeOf(table).getElementType());
  return type == table.getType()
             ? table
             : ReshapeOp::create(rewriter.builder, root->getLoc(), type, rewriter.names.derive(root, part), table)
                   .getResult();
}

/// The half of the table that `wide` repeats, [sequence, depth / 2] or [batch, sequence, depth / 2].
static Value takeTable(Value wide, int64_t sequence, Operation *root, StringRef part, Rewriter &rewriter) {
  Value core = matchTable(wide, sequence);
  Value half = core ? HalfTable(root, rewriter).find(core) : Value();
  if (!half)
    return Value();
  View view = viewOf(wide);
  SmallVector<int64_t> kept;
  for (auto [dim, place] : llvm::enumerate(view.dims))
    if (place >= 0)
      kept.push_back(static_cast<int64_t>(dim));
  return squeeze(half, kept, root, part, rewriter);
}

/// With dims 1 and 2 in each other's place.
static Value swapMiddle(Value value, Operation *root, StringRef part, Rewriter &rewriter) {
  auto type = typeOf(value);
  SmallVector<DimSize> sizes;
  constexpr int64_t kOrder[] = {0, 2, 1, 3};
  for (int64_t dim : kOrder)
    sizes.push_back(*getDimSize(type, dim));
  return TransposeOp::create(rewriter.builder, root->getLoc(), getTensorType(sizes, type.getElementType()),
                             rewriter.names.derive(root, part), value, kOrder);
}

/// x turned by the tables that `plain` and `turned` multiply x and its rotated half with; the sequence is dim
/// `sequence`.
static bool replaceRotary(Operation *op, Value x, Value plain, Value turned, int64_t sequence, Rewriter &rewriter) {
  Value cosine = takeTable(plain, sequence, op, "cosine", rewriter);
  Value sine = cosine ? takeTable(turned, sequence, op, "sine", rewriter) : Value();
  if (!sine || sine.getType() != cosine.getType())
    return false;
  OpBuilder &builder = rewriter.builder;
  builder.setInsertionPoint(op);
  bool isSwapped = sequence == 1;
  Value input = isSwapped ? swapMiddle(x, op, "heads", rewriter) : x;
  StringAttr name = isSwapped ? rewriter.names.derive(op, "rotary") : op->getAttrOfType<StringAttr>("name");
  Value result = RotaryOp::create(builder, op->getLoc(), input.getType(), name, input, cosine, sine,
                                  /*interleaved=*/false);
  rewriter.replace(op, isSwapped ? swapMiddle(result, op, "result", rewriter) : result);
  return true;
}

bool partita::import::recognizeRotary(Operation *op, Rewriter &rewriter) {
  auto root = dyn_cast<ElementwiseOp>(op);
  if (!root || root.getKind() != ElementwiseKind::add || typeOf(root.getResult()).getRank() != 4)
    return false;
  for (unsigned turned : {1u, 0u}) {
    auto product = matchElementwise(root.getInputs()[turned], ElementwiseKind::mul);
    auto plain = matchElementwise(root.getInputs()[1 - turned], ElementwiseKind::mul);
    if (!product || !plain)
      continue;
    for (unsigned i : {0u, 1u}) {
      Value x = matchRotatedHalf((*product)[i]);
      if (!x || ((*plain)[0] != x && (*plain)[1] != x))
        continue;
      Value table = (*plain)[(*plain)[0] == x ? 1 : 0];
      for (int64_t sequence : {2, 1})
        if (replaceRotary(op, x, table, (*product)[1 - i], sequence, rewriter))
          return true;
    }
  }
  return false;
}
