// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Dominance.h - Leaving out what another one beats ----------------------------===//
//
// Alternatives for the same values, best first, are compared with each other. Of many live values each dominated one
// that stays leads to several later on, so that all are compared as long as a budget lasts.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_DOMINANCE_H
#define PARTITA_LIB_PLANNER_DOMINANCE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

#include <vector>

namespace partita::planner {

/// How often two of them are compared in one value.
constexpr int64_t kMostLooks = int64_t(1) << 24;
/// With so many of the best ones each is compared when that is used up.
constexpr size_t kMostRivals = 64;

/// `isBeaten(a, b)`: nothing is lost when a is left out and b stays; it looks at `width` values. False when the budget
/// was used up: then beaten ones may have stayed.
template <typename T, typename IsBeaten> bool dropBeaten(std::vector<T> &items, size_t width, IsBeaten isBeaten) {
  std::vector<T> kept;
  int64_t looks = kMostLooks;
  auto look = [&](const T &a, const T &b) {
    looks -= static_cast<int64_t>(width);
    return isBeaten(a, b);
  };
  for (T &item : items) {
    llvm::ArrayRef<T> rivals = kept;
    if (looks <= 0)
      rivals = rivals.take_front(kMostRivals);
    if (llvm::any_of(rivals, [&](const T &rival) { return look(item, rival); }))
      continue;
    // A cheaper one may be the worse one in the end.
    if (looks > 0)
      llvm::erase_if(kept, [&](const T &other) { return look(other, item); });
    kept.push_back(std::move(item));
  }
  items = std::move(kept);
  return looks > 0;
}

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_DOMINANCE_H
