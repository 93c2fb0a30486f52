// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SplitProjections.cpp - Fused projections taken apart --------------------===//
//
// Query, key and value are often one matrix product whose result is cut in three. A cut of a dim does not line up with
// equal parts of it, so such a product could not be split by heads. Here every part becomes a product of its own, with
// a box of the weights: the cuts move up through what lies between until they reach the weights.
#include "partita/import/Passes.h"
#include "recognize/Views.h"

#include "partita/dialects/interfaces/Partita.h"

#include <map>
#include <numeric>

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace partita::import {

#define GEN_PASS_DEF_SPLITPROJECTIONSPASS
#include "partita/lib/import/Passes.h.inc"

namespace {

/// Elements start .. start + size along one dim.
struct Range {
  int64_t start = 0, size = 0;
};

/// One value above the cuts and how they lie in it: a range of the cut value is this value's range along `dim`, times
/// numerator / denominator.
struct Place {
  Value value;
  int64_t dim = 0;
  int64_t numerator = 1, denominator = 1;
  /// Places of the operands that are cut too, by operand.
  SmallVector<std::pair<unsigned, unsigned>> operands;
  bool isLeaf = false;

  std::optional<Range> rangeOf(Range cut) const {
    int64_t start = cut.start * numerator, size = cut.size * numerator;
    if (start % denominator != 0 || size % denominator != 0)
      return std::nullopt;
    return Range{start / denominator, size / denominator};
  }
};

/// All cuts of one value along one dim.
struct Cuts {
  int64_t dim = 0;
  SmallVector<SliceOp> slices;
};

DimSize productOf(RankedTensorType type, int64_t begin, int64_t end, bool &isLinear) {
  DimSize product(1);
  for (int64_t dim = begin; dim < end; ++dim) {
    std::optional<DimSize> size = getDimSize(type, dim), next = size ? multiply(product, *size) : std::nullopt;
    isLinear &= next.has_value();
    product = next.value_or(DimSize(0));
  }
  return product;
}

RankedTensorType withExtent(RankedTensorType type, int64_t dim, int64_t extent) {
  SmallVector<DimSize> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    sizes.push_back(i == dim ? DimSize(extent) : getDimSize(type, i).value_or(DimSize(1)));
  return getTensorType(sizes, type.getElementType());
}

/// The cuts of a value, if all its uses are cuts of one dim that do not overlap, ordered by their start.
std::optional<Cuts> matchCuts(Value value) {
  Cuts cuts;
  RankedTensorType type = typeOf(value);
  for (Operation *user : value.getUsers()) {
    auto slice = dyn_cast<SliceOp>(user);
    if (!slice || llvm::any_of(slice.getStrides(), [](int64_t stride) { return stride != 1; }))
      return std::nullopt;
    int64_t cutDim = -1;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (isSameExtent(type, dim, typeOf(slice.getResult()), dim))
        continue;
      if (cutDim >= 0 || type.isDynamicDim(dim))
        return std::nullopt;
      cutDim = dim;
    }
    if (cutDim < 0 || (!cuts.slices.empty() && cutDim != cuts.dim))
      return std::nullopt;
    cuts.dim = cutDim;
    cuts.slices.push_back(slice);
  }
  llvm::sort(cuts.slices, [&](SliceOp a, SliceOp b) { return a.getStarts()[cuts.dim] < b.getStarts()[cuts.dim]; });
  int64_t end = 0;
  for (SliceOp slice : cuts.slices) {
    if (slice.getStarts()[cuts.dim] < end)
      return std::nullopt;
    end = slice.getStarts()[cuts.dim] + typeOf(slice.getResult()).getDimSize(cuts.dim);
  }
  return cuts.slices.size() > 1 ? std::optional(cuts) : std::nullopt;
}

/// How cuts of one value lie in the values above it.
class Ascent {
public:
  explicit Ascent(Value value, int64_t dim) { places.push_back({value, dim, 1, 1, {}, false}); }

  /// Climbs as far as cuts can go. False where no weight of a contraction is reached, or the way is too long.
  bool climb() {
    constexpr size_t kLongest = 64;
    for (size_t i = 0; i < places.size(); ++i)
      if (places.size() > kLongest || !visit(i))
        return false;
    return reachesWeight;
  }

  ArrayRef<Place> getPlaces() const { return places; }

private:
  bool visit(size_t index) {
    Place place = places[index];
    Operation *op = place.value.getDefiningOp();
    // Only the cut value has several uses; what else reads a value above it needs it whole.
    if (!op || place.isLeaf || (index > 0 && !place.value.hasOneUse()))
      return places[index].isLeaf = true;
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return visitReshape(index, reshape);
    if (auto transpose = dyn_cast<TransposeOp>(op))
      return add(index, 0, transpose.getPermutation()[place.dim], 1, 1);
    if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      auto found = llvm::find(broadcast.getDims(), place.dim);
      return found == broadcast.getDims().end() || add(index, 0, found - broadcast.getDims().begin(), 1, 1);
    }
    if (auto function = dyn_cast<ElementwiseOp>(op)) {
      for (unsigned i = 0; i < op->getNumOperands(); ++i)
        add(index, i, place.dim, 1, 1);
      return true;
    }
    if (auto contraction = dyn_cast<ContractionOp>(op))
      return visitContraction(index, contraction);
    return places[index].isLeaf = true;
  }

  bool add(size_t index, unsigned operand, int64_t dim, int64_t numerator, int64_t denominator) {
    Place &from = places[index];
    from.operands.push_back({operand, static_cast<unsigned>(places.size())});
    // Reduced at every step, so that a long way does not overflow.
    numerator *= from.numerator;
    denominator *= from.denominator;
    int64_t common = std::gcd(numerator, denominator);
    Value value = from.value.getDefiningOp()->getOperand(operand);
    places.push_back({value, dim, numerator / common, denominator / common, {}, false});
    return true;
  }

  /// A range of a dim is a range of the operand's dim that begins at the same place of the row-major order.
  bool visitReshape(size_t index, ReshapeOp op) {
    RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
    bool isLinear = true;
    int64_t dim = places[index].dim;
    DimSize outer = productOf(to, 0, dim, isLinear), inner = productOf(to, dim + 1, to.getRank(), isLinear);
    for (int64_t other = 0; isLinear && other < from.getRank(); ++other) {
      DimSize otherOuter = productOf(from, 0, other, isLinear);
      DimSize otherInner = productOf(from, other + 1, from.getRank(), isLinear);
      if (!isLinear || !(otherOuter == outer) || from.isDynamicDim(other) || isUnit(from, other) || !inner.isStatic() ||
          !otherInner.isStatic() || otherInner.constant == 0)
        continue;
      return add(index, 0, other, inner.constant, otherInner.constant);
    }
    return places[index].isLeaf = true;
  }

  bool visitContraction(size_t index, ContractionOp op) {
    auto [terms, result] = op.getSpec().split("->");
    auto [left, right] = terms.split(',');
    char letter = result[places[index].dim];
    for (auto [operand, term] : {std::pair(0u, left), std::pair(1u, right)}) {
      size_t dim = term.find(letter);
      if (dim == StringRef::npos)
        continue;
      reachesWeight |= isWeight(op->getOperand(operand));
      add(index, operand, static_cast<int64_t>(dim), 1, 1);
    }
    return true;
  }

  static bool isWeight(Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
    return function && function.getArgAttr(argument.getArgNumber(), kSourceAttr);
  }

  std::vector<Place> places;
  bool reachesWeight = false;
};

/// Replaces the cuts of a value by cuts of its weights.
class Descent {
public:
  Descent(func::FuncOp function, NameTable &names) : function(function), names(names), builder(function.getContext()) {}

  void replace(Cuts cuts, ArrayRef<Place> places) {
    for (auto [part, slice] : llvm::enumerate(cuts.slices)) {
      builder.setInsertionPoint(slice);
      Range cut{slice.getStarts()[cuts.dim], typeOf(slice.getResult()).getDimSize(cuts.dim)};
      std::vector<Value> made(places.size());
      // Operands come after the ops that read them. Cuts that some place cannot follow were refused before.
      for (size_t i = places.size(); i-- > 0;)
        made[i] = make(places[i], places[i].rangeOf(cut).value_or(cut), made, std::to_string(part));
      slice.getResult().replaceAllUsesWith(made[0]);
      slice.erase();
    }
  }

private:
  Value make(const Place &place, Range range, ArrayRef<Value> made, const std::string &part) {
    if (place.isLeaf)
      return makeLeaf(place, range, part);
    Operation *op = place.value.getDefiningOp(), *copy = builder.clone(*op);
    copy->setAttr("name", names.derive(op, part));
    copy->getResult(0).setType(withExtent(typeOf(place.value), place.dim, range.size));
    for (auto [operand, index] : place.operands)
      copy->setOperand(operand, made[index]);
    return copy->getResult(0);
  }

  Value makeLeaf(const Place &place, Range range, const std::string &part) {
    RankedTensorType type = typeOf(place.value), partType = withExtent(type, place.dim, range.size);
    if (auto argument = dyn_cast<BlockArgument>(place.value))
      if (auto source = function.getArgAttrOfType<SourceAttr>(argument.getArgNumber(), kSourceAttr))
        return makeBox(argument, source, partType, place.dim, range);
    if (auto constant = place.value.getDefiningOp<ConstantOp>())
      if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
        return ConstantOp::create(builder, constant.getLoc(), partType, names.derive(constant, part),
                                  splat.resizeSplat(partType));
    SmallVector<int64_t> starts(type.getRank(), 0), strides(type.getRank(), 1);
    starts[place.dim] = range.start;
    Operation *at = place.value.getDefiningOp() ? place.value.getDefiningOp() : &*builder.getInsertionPoint();
    return SliceOp::create(builder, at->getLoc(), partType, names.derive(at, part), place.value, starts, strides);
  }

  /// The part of a weight as an argument of its own, made once for each range.
  Value makeBox(BlockArgument argument, SourceAttr source, RankedTensorType type, int64_t dim, Range range) {
    Value &box = boxes[{argument.getArgNumber(), dim, range.start, range.size}];
    if (box)
      return box;
    SmallVector<int64_t> start(source.getStart().asArrayRef());
    start[dim] += range.start;
    DictionaryAttr old = function.getArgAttrDict(argument.getArgNumber());
    NamedAttrList attributes(old);
    attributes.set(kSourceAttr,
                   SourceAttr::get(type.getContext(), source.getFile(), source.getOffset(), source.getBytes(),
                                   source.getShape(), builder.getDenseI64ArrayAttr(start)));
    if (auto name = old.getAs<StringAttr>(kNameAttr))
      attributes.set(kNameAttr, builder.getStringAttr(name.getValue() + "/" + Twine(dim) + ":" + Twine(range.start) +
                                                      "+" + Twine(range.size)));
    unsigned position = function.getNumArguments();
    (void)function.insertArgument(position, type, attributes.getDictionary(type.getContext()), argument.getLoc());
    return box = function.getArgument(position);
  }

  func::FuncOp function;
  NameTable &names;
  OpBuilder builder;
  std::map<std::tuple<unsigned, int64_t, int64_t, int64_t>, Value> boxes;
};

void eraseUnusedWeights(func::FuncOp function) {
  for (unsigned i = function.getNumArguments(); i-- > 0;)
    if (function.getArgument(i).use_empty() && function.getArgAttr(i, kSourceAttr))
      (void)function.eraseArgument(i);
}

struct SplitProjections : impl::SplitProjectionsPassBase<SplitProjections> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!llvm::hasSingleElement(function.getBody()))
      return;
    NameTable names(function);
    Descent descent(function, names);
    std::vector<Operation *> ops;
    // Only slices are erased before the end, and the ops that are made are no candidates.
    for (Operation &op : function.front())
      if (op.getNumResults() == 1 && !isa<SliceOp, ConstantOp>(op))
        ops.push_back(&op);
    bool changed = false;
    for (Operation *op : ops) {
      std::optional<Cuts> cuts = matchCuts(op->getResult(0));
      if (!cuts)
        continue;
      Ascent ascent(op->getResult(0), cuts->dim);
      if (!ascent.climb() || !llvm::all_of(ascent.getPlaces(), [&](const Place &place) { return fits(place, *cuts); }))
        continue;
      descent.replace(*cuts, ascent.getPlaces());
      changed = true;
    }
    if (!changed)
      return;
    eraseUnused(function.front());
    eraseUnusedWeights(function);
  }

  static bool fits(const Place &place, const Cuts &cuts) {
    return llvm::all_of(cuts.slices, [&](SliceOp slice) {
      return place.rangeOf({slice.getStarts()[cuts.dim], typeOf(slice.getResult()).getDimSize(cuts.dim)}).has_value();
    });
  }
};

} // namespace
} // namespace partita::import
