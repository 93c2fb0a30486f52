// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Ways.h - Alternatives for a step and what is below it -----------------------===//
//
// A way is one choice of options and sources for a step and the inner steps that it is made of. Of ways that leave the
// same copies and the same result only the best is kept, by the objective. Example, w being read already as a whole:
//
//   way {copies: x [rows]}                      3 us, option "rows" of the product
//   way {copies: x [rows] [whole]}             12 us, option "columns": x was gathered on the way
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_WAYS_H
#define PARTITA_LIB_PLANNER_WAYS_H

#include "Copies.h"
#include "Search.h"

#include <unordered_map>

namespace partita::planner {

struct Way {
  /// Of the values that the step and its inner steps read, afterwards.
  Context copies;
  llvm::SmallVector<PlacementId, 2> results;
  Picoseconds time = 0;
  int64_t storage = 0;
  /// The most bytes at one moment, as far as they differ between ways.
  int64_t peak = 0;
  /// Bytes of inner results that wait for their reader; bytes made for the step being decided alone.
  int64_t held = 0, transient = 0;
  /// What was chosen so far: option, sources of operands, and the trails of inner steps.
  int option = -1;
  llvm::SmallVector<PlacementId, 4> sources;
  llvm::SmallVector<int, 2> below;
  /// Number in the table of trails, once the step is decided.
  int trail = -1;
};

/// The choice made at one step, and those made at its inner steps.
struct Trail {
  int step = -1;
  int option = -1;
  llvm::SmallVector<PlacementId, 4> sources;
  llvm::SmallVector<int, 2> below;
};

/// What one search works with.
struct SearchTables {
  SearchTables(const Sequence &sequence, SearchSpace &space, Objective objective, const SearchLimits &limits);

  /// A value as states list it.
  TrackedValue track(int value);

  const Sequence &sequence;
  SearchSpace &space;
  Objective objective;
  const SearchLimits &limits;
  CopyTable copies;
  /// By number of the value; empty where others than ops read it.
  std::vector<std::vector<Demand>> demands;
  std::vector<Trail> trails;
  bool exact = true;
  /// Alternatives that were looked at, for `limits.mostWork`.
  int64_t work = 0;

  /// With a bound to what is wanted, peaks are left to who judges the plan: then ways can be compared as if for time.
  bool isNarrow() const { return objective == Objective::frontier && limits.slack >= 0; }
  bool countsPeak() const { return objective == Objective::frontier && limits.slack < 0; }
  bool countsMemory() const { return objective != Objective::time; }
  bool isTooMuch() const { return work > limits.mostWork; }
  /// How much more the only reader of a result pays at most for it in one placement than in another.
  Picoseconds priceToReadInstead(const TrackedValue &value, PlacementId owned, PlacementId other);

private:
  void findDemands();
  void addDemands(const Step &reader, size_t operand, std::vector<Demand> &list);

  llvm::DenseMap<std::tuple<const std::vector<Demand> *, int, int>, Picoseconds> insteadOf;
};

/// The good ways among those added. Ways that another one can afford to follow are left out; also where results differ,
/// when the single result is given and has one reader. `values` are those that ways list.
class WaySet {
public:
  WaySet(SearchTables &tables, llvm::ArrayRef<TrackedValue> values, const TrackedValue *result)
      : tables(tables), values(values), result(result) {}

  void add(const Way &way);
  /// Cheapest first.
  std::vector<Way> take();

private:
  Picoseconds costOf(const Way &way) const {
    return planner::costOf(tables.objective, tables.limits, way.time, way.storage);
  }
  bool dominates(const Way &a, const Way &b) const;
  bool isBeaten(const Way &way, const Way &rival);
  void dropDominated();

  SearchTables &tables;
  llvm::ArrayRef<TrackedValue> values;
  const TrackedValue *result;
  std::unordered_map<Context, llvm::SmallVector<size_t, 1>, ContextHash> numbers;
  std::vector<Way> ways;
  /// The cheapest so far.
  size_t champion = 0;
};

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_WAYS_H
