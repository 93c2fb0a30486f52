// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Copies.h - In which placements a value exists -------------------------------===//
//
// A state of the search lists the copies of each live value. Lists are numbered, so that states are short. Example:
//
//   CopyTable copies;
//   CopiesId rows = copies.insert(copies.none(), 3);     // {3}
//   copies.insert(rows, 1) == copies.insert(copies.insert(copies.none(), 1), 3);
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_COPIES_H
#define PARTITA_LIB_PLANNER_COPIES_H

#include "Space.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallVector.h"

#include <deque>

namespace partita::planner {

/// Number of a list of placements.
using CopiesId = int32_t;
/// Placements in which a value exists, ascending.
using Copies = llvm::SmallVector<PlacementId, 4>;
/// The copies of some values, one after the other.
using Context = llvm::SmallVector<CopiesId, 6>;

struct ContextHash {
  size_t operator()(const Context &context) const { return llvm::hash_combine_range(context.begin(), context.end()); }
};

/// What a reader needs of a value: one of these placements, each with what is to be paid besides.
using Demand = std::vector<std::pair<PlacementId, Picoseconds>>;

/// A value that a state lists, as the search asks about it.
struct TrackedValue {
  PlacementSpace *space = nullptr;
  /// Not an argument.
  bool isMade = true;
  /// Whoever reads the value next has one of these demands; nothing if that is not known.
  const std::vector<Demand> *demands = nullptr;
};

class CopyTable {
public:
  CopyTable() { intern({}); }

  static CopiesId none() { return 0; }
  CopiesId intern(const Copies &copies);
  const Copies &at(CopiesId id) const { return lists[id]; }
  /// The list with one more, in order; `id` itself if it was there.
  CopiesId insert(CopiesId id, PlacementId copy);
  /// The price of what `wanted` has and `owned` lacks, each made from what `owned` has. Kept arguments are not made of
  /// one another: kNever unless `owned` has them all.
  Picoseconds priceOfLacking(PlacementSpace &space, bool isMade, CopiesId owned, CopiesId wanted);
  /// How much more it costs at most to go on with the copies `owned` than with `other`, whatever follows; negative
  /// where it costs less. Either what is lacking is made at once; or, as somebody will read the value, when that
  /// happens.
  Picoseconds priceToFollow(const TrackedValue &value, CopiesId owned, CopiesId other);
  /// Sum of the bytes of all copies.
  int64_t bytes(const PlacementSpace &space, CopiesId id) const;

private:
  Picoseconds priceAtFirstRead(const TrackedValue &value, CopiesId owned, CopiesId other);
  Picoseconds priceToReadToo(const TrackedValue &value, CopiesId owned, const Demand &demand, CopiesId otherAfter);
  CopiesId insertPath(CopiesId id, const Move &move);

  /// In a deque, so that references stay.
  std::deque<Copies> lists;
  std::map<std::vector<PlacementId>, CopiesId> numbers;
  llvm::DenseMap<std::pair<CopiesId, int32_t>, CopiesId> inserted;
  llvm::DenseMap<std::tuple<PlacementSpace *, CopiesId, CopiesId>, Picoseconds> lacking;
  llvm::DenseMap<std::tuple<const std::vector<Demand> *, CopiesId, CopiesId>, Picoseconds> following;
};

/// The sum of priceToFollow over all values; nothing where that is not possible.
std::optional<Picoseconds> priceToFollow(CopyTable &copies, llvm::ArrayRef<TrackedValue> values, const Context &owned,
                                         const Context &other);
/// Whether who has the copies of `rival` and `allowance` left to spend can do all that can follow `other` for no more.
bool canAfford(CopyTable &copies, llvm::ArrayRef<TrackedValue> values, const Context &rival, const Context &other,
               Picoseconds allowance);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_COPIES_H
