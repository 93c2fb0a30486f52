// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Copies.cpp - In which placements a value exists -----------------------------===//
#include "Copies.h"

#include "llvm/ADT/STLExtras.h"

namespace partita::planner {

CopiesId CopyTable::intern(const Copies &copies) {
  auto [entry, isNew] = numbers.try_emplace(std::vector<PlacementId>(copies.begin(), copies.end()), lists.size());
  if (isNew)
    lists.push_back(copies);
  return entry->second;
}

CopiesId CopyTable::insert(CopiesId id, PlacementId copy) {
  auto [entry, isNew] = inserted.try_emplace({id, copy}, id);
  if (!isNew)
    return entry->second;
  Copies list = lists[id];
  auto *position = llvm::lower_bound(list, copy);
  if (position != list.end() && *position == copy)
    return id;
  list.insert(position, copy);
  return entry->second = intern(list);
}

Picoseconds CopyTable::priceOfLacking(PlacementSpace &space, bool isMade, CopiesId owned, CopiesId wanted) {
  if (owned == wanted)
    return 0;
  auto [entry, isNew] = lacking.try_emplace({&space, owned, wanted}, 0);
  if (!isNew)
    return entry->second;
  Picoseconds total = 0;
  for (PlacementId copy : at(wanted)) {
    if (llvm::is_contained(at(owned), copy))
      continue;
    Picoseconds cheapest = kNever;
    for (PlacementId source : at(owned))
      if (isMade)
        cheapest = std::min(cheapest, space.move(source, copy).price);
    total = std::min(kNever, total + cheapest);
  }
  return entry->second = total;
}

int64_t CopyTable::bytes(const PlacementSpace &space, CopiesId id) const {
  int64_t total = 0;
  for (PlacementId copy : at(id))
    total += space.bytes(copy);
  return total;
}

CopiesId CopyTable::insertPath(CopiesId id, const Move &move) {
  for (PlacementId copy : move.path)
    id = insert(id, copy);
  return id;
}

/// Meeting a demand from `owned`, and then making what is lacking of `otherAfter`.
Picoseconds CopyTable::priceToReadToo(const TrackedValue &value, CopiesId owned, const Demand &demand,
                                      CopiesId otherAfter) {
  Picoseconds cheapest = kNever;
  for (auto [wanted, extra] : demand) {
    bool isThere = llvm::is_contained(at(owned), wanted);
    for (PlacementId source : at(owned)) {
      const Move &move = value.space->move(source, wanted);
      if ((isThere && source != wanted) || move.price >= kNever || move.price + extra >= cheapest)
        continue;
      Picoseconds lacking = priceOfLacking(*value.space, value.isMade, insertPath(owned, move), otherAfter);
      cheapest = std::min(cheapest, move.price + extra + lacking);
    }
  }
  return cheapest;
}

Picoseconds CopyTable::priceAtFirstRead(const TrackedValue &value, CopiesId owned, CopiesId other) {
  Picoseconds worst = -kNever;
  for (const Demand &demand : *value.demands)
    for (auto [wanted, extra] : demand) {
      bool isThere = llvm::is_contained(at(other), wanted);
      for (PlacementId source : at(other)) {
        const Move &move = value.space->move(source, wanted);
        if ((isThere && source != wanted) || move.price >= kNever)
          continue;
        worst = std::max(worst, priceToReadToo(value, owned, demand, insertPath(other, move)) - move.price - extra);
      }
    }
  return worst == -kNever ? kNever : worst;
}

Picoseconds CopyTable::priceToFollow(const TrackedValue &value, CopiesId owned, CopiesId other) {
  if (owned == other)
    return 0;
  if (!value.isMade || !value.demands || at(owned).empty() || at(other).empty())
    return priceOfLacking(*value.space, value.isMade, owned, other);
  auto key = std::make_tuple(value.demands, owned, other);
  if (auto known = following.find(key); known != following.end())
    return known->second;
  Picoseconds price =
      std::min(priceOfLacking(*value.space, value.isMade, owned, other), priceAtFirstRead(value, owned, other));
  return following[key] = price;
}

std::optional<Picoseconds> priceToFollow(CopyTable &copies, llvm::ArrayRef<TrackedValue> values, const Context &owned,
                                         const Context &other) {
  Picoseconds total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    Picoseconds price = copies.priceToFollow(values[i], owned[i], other[i]);
    if (price >= kNever)
      return std::nullopt;
    total += price;
  }
  return total;
}

bool canAfford(CopyTable &copies, llvm::ArrayRef<TrackedValue> values, const Context &rival, const Context &other,
               Picoseconds allowance) {
  std::optional<Picoseconds> price = priceToFollow(copies, values, rival, other);
  return price && *price <= allowance;
}

} // namespace partita::planner
