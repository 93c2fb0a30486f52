// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RaiseReshapes.cpp - Dims stay apart between a merge and its parting -----===//
//
// A matrix product wants two dims, so exporters merge sequence and batch before it and part them behind it. Merged the
// other way round than they lie in memory's order of batches, they can be split no more. Here the parting moves up,
// through what works on every row for itself, to the merge that it undoes.
#include "SizeMath.h"
#include "partita/import/Passes.h"
#include "recognize/Views.h"

#include <map>

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace partita::import {

#define GEN_PASS_DEF_RAISERESHAPESPASS
#include "partita/lib/import/Passes.h.inc"

namespace {

using Extents = SmallVector<DimSize>;

Extents extentsOf(Value value) {
  Extents extents;
  for (int64_t dim = 0; dim < typeOf(value).getRank(); ++dim)
    extents.push_back(*getDimSize(typeOf(value), dim));
  return extents;
}

/// The dim of `merged` that is `parted` from `first` on, in `count` dims; all other dims are the same.
struct Parting {
  int64_t dim = 0, count = 0;
};

std::optional<Parting> findParting(ArrayRef<DimSize> merged, ArrayRef<DimSize> parted) {
  if (parted.size() <= merged.size() || merged.empty())
    return std::nullopt;
  size_t dim = 0;
  while (dim + 1 < merged.size() && merged[dim] == parted[dim])
    ++dim;
  size_t count = parted.size() - merged.size() + 1;
  bool isSame = merged.drop_front(dim + 1) == parted.drop_front(dim + count);
  return isSame ? std::optional(Parting{static_cast<int64_t>(dim), static_cast<int64_t>(count)}) : std::nullopt;
}

/// A dim of a value that is to be parted.
using Place = std::pair<Value, int64_t>;

class Raiser {
public:
  Raiser(OpBuilder &builder, NameTable &names) : builder(builder), names(names) {}

  /// Moves the parting up to the merges that it undoes, where all are found; the reshape is replaced then.
  bool raise(ReshapeOp parting) {
    Extents merged = extentsOf(parting.getInput()), parted = extentsOf(parting.getResult());
    std::optional<Parting> found = findParting(merged, parted);
    if (!found)
      return false;
    factors.assign(parted.begin() + found->dim, parted.begin() + found->dim + found->count);
    Place root{parting.getInput(), found->dim};
    if (isa_and_nonnull<ReshapeOp>(root.first.getDefiningOp()) || !findPlaces(root))
      return false;
    for (const Place &place : llvm::reverse(places))
      if (!made.count(place))
        made[place] = rebuild(place);
    Value result = made.at(root);
    parting.getResult().replaceAllUsesWith(result);
    return true;
  }

private:
  /// All places above the root, every one behind those that read it, that can be parted; false where one cannot.
  bool findPlaces(Place root) {
    constexpr size_t most = 64;
    bool undoesMerge = false;
    SmallVector<Place> pending{root};
    while (!pending.empty()) {
      Place place = pending.pop_back_val();
      places.push_back(place);
      if (places.size() > most || !addOperands(place, pending, undoesMerge))
        return false;
    }
    return undoesMerge;
  }

  bool addOperands(Place place, SmallVector<Place> &pending, bool &undoesMerge) {
    auto [value, dim] = place;
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      undoesMerge = true;
      return isMerge(reshape, dim);
    }
    if (auto constant = dyn_cast<ConstantOp>(op))
      return isSplat(constant);
    if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      const auto *from = llvm::find(broadcast.getDims(), dim);
      if (from != broadcast.getDims().end())
        pending.push_back({broadcast.getInput(), from - broadcast.getDims().begin()});
      return true;
    }
    if (!value.hasOneUse())
      return false;
    if (auto elementwise = dyn_cast<ElementwiseOp>(op)) {
      for (Value operand : elementwise.getInputs())
        pending.push_back({operand, dim});
      return true;
    }
    auto contraction = dyn_cast<ContractionOp>(op);
    if (!contraction)
      return false;
    auto [lhs, rhs, result] = termsOf(contraction);
    if (size_t at = lhs.find(result[dim]); at != StringRef::npos)
      pending.push_back({contraction.getLhs(), static_cast<int64_t>(at)});
    if (size_t at = rhs.find(result[dim]); at != StringRef::npos)
      pending.push_back({contraction.getRhs(), static_cast<int64_t>(at)});
    return true;
  }

  static std::tuple<StringRef, StringRef, StringRef> termsOf(ContractionOp op) {
    auto [operands, result] = op.getSpec().split("->");
    auto [lhs, rhs] = operands.split(',');
    return {lhs, rhs, result};
  }

  static bool isSplat(ConstantOp constant) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    return elements && elements.isSplat();
  }

  /// Whether dim `dim` of the reshape's result is made of dims with the parting's extents, each of one dim or of
  /// several in a row.
  bool isMerge(ReshapeOp reshape, int64_t dim) const {
    Extents from = extentsOf(reshape.getInput()), to = extentsOf(reshape.getResult());
    for (size_t start = 0; start < from.size(); ++start) {
      std::optional<DimSize> ratio =
          divideProducts(ArrayRef<DimSize>(from).take_front(start), ArrayRef<DimSize>(to).take_front(dim));
      if (ratio && *ratio == DimSize(1) && isMadeOf(ArrayRef<DimSize>(from).drop_front(start)))
        return true;
    }
    return false;
  }

  /// Whether the first dims are products of the parting's extents, one extent after the other.
  bool isMadeOf(ArrayRef<DimSize> dims) const {
    for (const DimSize &factor : factors) {
      std::optional<DimSize> product(DimSize(1));
      do {
        product = dims.empty() ? std::nullopt : multiplyChecked(*product, dims.front());
        dims = dims.drop_front(dims.empty() ? 0 : 1);
      } while (product && !(*product == factor));
      if (!product)
        return false;
    }
    return true;
  }

  RankedTensorType partType(Value value, int64_t dim) const {
    Extents extents = extentsOf(value);
    extents.erase(extents.begin() + dim);
    extents.insert(extents.begin() + dim, factors.begin(), factors.end());
    return getTensorType(extents, typeOf(value).getElementType());
  }

  /// The value with its dim parted; its operands are made already.
  Value rebuild(Place place) {
    auto [value, dim] = place;
    Operation *op = value.getDefiningOp();
    RankedTensorType type = partType(value, dim);
    builder.setInsertionPoint(op);
    StringAttr name = names.derive(op, "parted");
    Location location = op->getLoc();
    auto more = static_cast<int64_t>(factors.size()) - 1;
    if (auto reshape = dyn_cast<ReshapeOp>(op))
      return reshape.getInput().getType() == type
                 ? reshape.getInput()
                 : ReshapeOp::create(builder, location, type, name, reshape.getInput()).getResult();
    if (auto constant = dyn_cast<ConstantOp>(op))
      return ConstantOp::create(builder, location, type, name,
                                cast<DenseElementsAttr>(constant.getValue()).resizeSplat(type));
    if (auto elementwise = dyn_cast<ElementwiseOp>(op)) {
      SmallVector<Value> operands;
      for (Value operand : elementwise.getInputs())
        operands.push_back(made.at({operand, dim}));
      return ElementwiseOp::create(builder, location, type, name, elementwise.getKind(), operands);
    }
    if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      Value input = broadcast.getInput();
      SmallVector<int64_t> dims;
      for (auto [from, to] : llvm::enumerate(broadcast.getDims())) {
        if (to == dim)
          input = made.at({broadcast.getInput(), static_cast<int64_t>(from)});
        for (int64_t part = 0; part <= (to == dim ? more : 0); ++part)
          dims.push_back((to > dim ? to + more : to) + part);
      }
      return BroadcastOp::create(builder, location, type, name, input, dims);
    }
    return rebuildContraction(cast<ContractionOp>(op), dim, type, name);
  }

  Value rebuildContraction(ContractionOp op, int64_t dim, RankedTensorType type, StringAttr name) {
    auto [lhs, rhs, result] = termsOf(op);
    std::string letters(1, result[dim]);
    for (char letter = 'A'; letter <= 'z' && letters.size() < factors.size(); ++letter)
      if (llvm::isAlpha(letter) && !op.getSpec().contains(letter))
        letters.push_back(letter);
    auto part = [&, letter = result[dim]](StringRef term) {
      size_t at = term.find(letter);
      return at == StringRef::npos ? term.str() : (term.take_front(at) + letters + term.drop_front(at + 1)).str();
    };
    auto operand = [&, letter = result[dim]](Value value, StringRef term) {
      size_t at = term.find(letter);
      return at == StringRef::npos ? value : made.at({value, static_cast<int64_t>(at)});
    };
    return ContractionOp::create(builder, op.getLoc(), type, name, operand(op.getLhs(), lhs), operand(op.getRhs(), rhs),
                                 part(lhs) + "," + part(rhs) + "->" + part(result));
  }

  OpBuilder &builder;
  NameTable &names;
  Extents factors;
  std::vector<Place> places;
  struct Before {
    bool operator()(const Place &a, const Place &b) const {
      return std::pair(a.first.getAsOpaquePointer(), a.second) < std::pair(b.first.getAsOpaquePointer(), b.second);
    }
  };
  /// Only looked up, never walked.
  std::map<Place, Value, Before> made;
};

struct RaiseReshapes : impl::RaiseReshapesPassBase<RaiseReshapes> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!llvm::hasSingleElement(function.getBody()))
      return;
    NameTable names(function);
    OpBuilder builder(function.getContext());
    std::vector<ReshapeOp> partings;
    for (Operation &op : function.front())
      if (auto reshape = dyn_cast<ReshapeOp>(op))
        partings.push_back(reshape);
    for (ReshapeOp reshape : partings)
      Raiser(builder, names).raise(reshape);
    eraseUnused(function.front());
  }
};

} // namespace
} // namespace partita::import
