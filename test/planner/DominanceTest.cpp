// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layer of many live values: hundreds of states of which none beats another, and what only a late one of them beats.
#include "Dominance.h"
#include "gtest/gtest.h"

using namespace partita::planner;

namespace {

/// Costs in two respects; b beats a when it is worse in none.
struct Item {
  int time = 0, bytes = 0;
};

bool isBeaten(const Item &a, const Item &b) { return b.time <= a.time && b.bytes <= a.bytes; }

/// `count` that are each better in one respect, then `count` that the last of them beats.
std::vector<Item> makeItems(int count) {
  std::vector<Item> items;
  for (int i = 0; i < count; ++i)
    items.push_back({i, count - i});
  for (int i = 0; i < count; ++i)
    items.push_back({count + i, 1});
  return items;
}

TEST(Dominance, rivalsAreNotLimitedWithinTheBudget) {
  std::vector<Item> items = makeItems(1000);
  EXPECT_TRUE(dropBeaten(items, 1, isBeaten));
  EXPECT_EQ(items.size(), 1000u);
}

TEST(Dominance, theBudgetIsInValues) {
  std::vector<Item> items = makeItems(1000);
  EXPECT_FALSE(dropBeaten(items, 1000, isBeaten));
  EXPECT_GT(items.size(), 1000u);
}

} // namespace
