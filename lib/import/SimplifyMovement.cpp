// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SimplifyMovement.cpp - Chains of reshapes and transposes in normal form -===//
//
// Exporters merge and part dims on the way between two matrix products: heads into the batch for a three-dim product
// and out of it again. A dim that is merged only to be parted is a dim that cannot be split as it should. Here a chain
// of reshapes and transposes is read as what it does: the operand's dims fall into factors, the factors change places
// and are put together again. At most one reshape, one transpose and one reshape say that.
#include "SizeMath.h"
#include "partita/import/Passes.h"
#include "recognize/Views.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;

namespace partita::import {

#define GEN_PASS_DEF_SIMPLIFYMOVEMENTPASS
#include "partita/lib/import/Passes.h.inc"

namespace {

using Factors = SmallVector<unsigned>;

/// A value as factors of the chain's operand: for each dim the factors that it is the product of, outermost first.
/// Dims of extent 1 have none.
class Factorization {
public:
  explicit Factorization(RankedTensorType type) {
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      Factors factors;
      if (!isUnit(type, dim)) {
        factors.push_back(extents.size());
        extents.push_back(*getDimSize(type, dim));
      }
      source.push_back(factors);
    }
    current = source;
  }

  void transpose(ArrayRef<int64_t> permutation) {
    std::vector<Factors> turned;
    for (int64_t dim : permutation)
      turned.push_back(current[dim]);
    current = turned;
  }

  /// False where the new dims part factors that are no products of numbers; nothing is changed then but factors that
  /// are parted further.
  bool reshape(RankedTensorType to) {
    std::vector<Factors> parts;
    Factors row = flatten(current);
    size_t next = 0;
    for (int64_t dim = 0; dim < to.getRank(); ++dim) {
      DimSize rest = *getDimSize(to, dim);
      Factors factors;
      while (!(rest == DimSize(1))) {
        if (next == row.size())
          return false;
        if (std::optional<DimSize> quotient = divideProducts({rest}, {extents[row[next]]})) {
          factors.push_back(row[next++]);
          rest = *quotient;
        } else if (std::optional<DimSize> inner = divideProducts({extents[row[next]]}, {rest})) {
          part(row[next], rest, *inner);
          row = flatten(current);
          factors.push_back(row[next++]);
          rest = DimSize(1);
        } else {
          return false;
        }
      }
      parts.push_back(factors);
    }
    if (next != row.size())
      return false;
    current = parts;
    return true;
  }

  /// Joins factors that stay side by side in one dim of the operand and in one of the result.
  void join() {
    for (size_t i = 0; i < extents.size(); ++i)
      while (std::optional<unsigned> follower = findFollower(i)) {
        extents[i] = *multiply(extents[i], extents[*follower]);
        for (std::vector<Factors> *dims : {&source, &current})
          for (Factors &factors : *dims)
            llvm::erase(factors, *follower);
      }
  }

  /// Factors in the order of the operand, and where each goes.
  SmallVector<DimSize> sourceSizes() const { return sizesOf(flatten(source)); }
  SmallVector<DimSize> currentSizes() const { return sizesOf(flatten(current)); }
  SmallVector<int64_t> permutation() const {
    Factors from = flatten(source);
    SmallVector<int64_t> places;
    for (unsigned factor : flatten(current))
      places.push_back(llvm::find(from, factor) - from.begin());
    return places;
  }

private:
  static Factors flatten(const std::vector<Factors> &dims) {
    Factors row;
    for (const Factors &factors : dims)
      row.append(factors);
    return row;
  }

  SmallVector<DimSize> sizesOf(const Factors &row) const {
    SmallVector<DimSize> sizes;
    for (unsigned factor : row)
      sizes.push_back(extents[factor]);
    return sizes;
  }

  void part(unsigned factor, DimSize outer, DimSize inner) {
    extents[factor] = outer;
    auto fresh = static_cast<unsigned>(extents.size());
    extents.push_back(inner);
    for (std::vector<Factors> *dims : {&source, &current})
      for (Factors &factors : *dims)
        if (auto found = llvm::find(factors, factor); found != factors.end())
          factors.insert(found + 1, fresh);
  }

  /// The factor that follows in the same dim on both sides.
  std::optional<unsigned> findFollower(unsigned factor) const {
    std::optional<unsigned> before = next(source, factor), after = next(current, factor);
    return before && before == after && multiply(extents[factor], extents[*before]) ? before : std::nullopt;
  }

  static std::optional<unsigned> next(const std::vector<Factors> &dims, unsigned factor) {
    for (const Factors &factors : dims)
      if (const auto *found = llvm::find(factors, factor); found != factors.end() && found + 1 != factors.end())
        return *(found + 1);
    return std::nullopt;
  }

  std::vector<DimSize> extents;
  std::vector<Factors> source, current;
};

/// The longest chain that ends at `last` and can be read as factors, first op first.
SmallVector<Operation *> findChain(Operation *last) {
  SmallVector<Operation *> chain{last};
  while (Operation *op = chain.back()->getOperand(0).getDefiningOp()) {
    if (!isa<ReshapeOp, TransposeOp>(op))
      break;
    chain.push_back(op);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::optional<Factorization> readChain(ArrayRef<Operation *> chain) {
  Factorization factors(typeOf(chain.front()->getOperand(0)));
  for (Operation *op : chain) {
    if (auto transpose = dyn_cast<TransposeOp>(op))
      factors.transpose(transpose.getPermutation());
    else if (!factors.reshape(typeOf(op->getResult(0))))
      return std::nullopt;
  }
  factors.join();
  return factors;
}

struct Plan {
  RankedTensorType parted, turned;
  SmallVector<int64_t> permutation;
  bool parts = false, turns = false, merges = false;
  unsigned countOps() const { return parts + turns + merges; }
};

Plan makePlan(const Factorization &factors, RankedTensorType from, RankedTensorType to) {
  Plan plan;
  plan.permutation = factors.permutation();
  plan.turns = !llvm::is_sorted(plan.permutation);
  Type element = from.getElementType();
  plan.parted = plan.turns ? getTensorType(factors.sourceSizes(), element) : from;
  plan.turned = plan.turns ? getTensorType(factors.currentSizes(), element) : from;
  plan.parts = plan.turns && plan.parted != from;
  plan.merges = plan.turned != to;
  return plan;
}

/// Ops of the chain that nothing else needs.
unsigned countOwn(ArrayRef<Operation *> chain) {
  unsigned count = 1;
  for (Operation *op : llvm::reverse(chain.drop_back())) {
    if (!op->hasOneUse())
      break;
    ++count;
  }
  return count;
}

struct SimplifyMovement : impl::SimplifyMovementPassBase<SimplifyMovement> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!llvm::hasSingleElement(function.getBody()))
      return;
    NameTable names(function);
    OpBuilder builder(function.getContext());
    std::vector<Operation *> ends;
    for (Operation &op : function.front())
      if (isa<ReshapeOp, TransposeOp>(op))
        ends.push_back(&op);
    for (Operation *op : ends)
      simplify(op, builder, names);
    eraseUnused(function.front());
  }

  static void simplify(Operation *op, OpBuilder &builder, NameTable &names) {
    if (!llvm::any_of(op->getUsers(), [](Operation *user) { return !isa<ReshapeOp, TransposeOp>(user); }))
      return;
    SmallVector<Operation *> chain = findChain(op);
    // A chain whose head cannot be read as factors may have a tail that can.
    while (chain.size() > 1) {
      std::optional<Factorization> factors = readChain(chain);
      Value input = chain.front()->getOperand(0);
      if (factors) {
        Plan plan = makePlan(*factors, typeOf(input), typeOf(op->getResult(0)));
        if (plan.countOps() < countOwn(chain))
          rebuild(op, input, plan, builder, names);
        return;
      }
      chain.erase(chain.begin());
    }
  }

  static void rebuild(Operation *op, Value value, const Plan &plan, OpBuilder &builder, NameTable &names) {
    builder.setInsertionPoint(op);
    auto own = op->getAttrOfType<StringAttr>("name");
    if (plan.parts)
      value = ReshapeOp::create(builder, op->getLoc(), plan.parted, names.derive(op, "factors"), value);
    if (plan.turns)
      value = TransposeOp::create(builder, op->getLoc(), plan.turned, plan.merges ? names.derive(op, "transpose") : own,
                                  value, plan.permutation);
    if (plan.merges)
      value = ReshapeOp::create(builder, op->getLoc(), op->getResult(0).getType(), own, value);
    op->getResult(0).replaceAllUsesWith(value);
    // The name has moved on; what is left has no uses and goes with the chain.
    op->setAttr("name", names.derive(op, "unused"));
  }
};

} // namespace
} // namespace partita::import
