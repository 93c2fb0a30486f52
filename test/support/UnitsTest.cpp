// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- UnitsTest.cpp - Bytes, seconds, hashes -------------------------------------===//
#include "partita/support/Units.h"
#include "partita/support/Hash.h"

#include <cmath>
#include <gtest/gtest.h>
#include <unordered_set>

using namespace partita;

TEST(Units, bytesArePrintedWithThreeDigits) {
  EXPECT_EQ(formatBytes({0}), "0 B");
  EXPECT_EQ(formatBytes({1023}), "1023 B");
  EXPECT_EQ(formatBytes({1024}), "1.00 KiB");
  EXPECT_EQ(formatBytes({1536 * 1024}), "1.50 MiB");
  EXPECT_EQ(formatBytes({(int64_t(1) << 30) - 1}), "1.00 GiB");
  EXPECT_EQ(formatBytes({int64_t(80) << 30}), "80.0 GiB");
  EXPECT_EQ(formatBytes({int64_t(326) << 30}), "326 GiB");
  EXPECT_EQ(formatBytes({-2048}), "-2.00 KiB");
  EXPECT_EQ(formatBytes(Bytes::max()), "unlimited");
  EXPECT_EQ(formatBytes({std::numeric_limits<int64_t>::max() - 1}), "8.00 EiB");
}

TEST(Units, secondsArePrintedWithThreeDigits) {
  EXPECT_EQ(formatSeconds({0}), "0 s");
  EXPECT_EQ(formatSeconds({2.5e-7}), "250 ns");
  EXPECT_EQ(formatSeconds({9.9996e-7}), "1.00 us");
  EXPECT_EQ(formatSeconds({0.0012}), "1.20 ms");
  EXPECT_EQ(formatSeconds({0.9999}), "1.00 s");
  EXPECT_EQ(formatSeconds({125}), "2 min 5 s");
  EXPECT_EQ(formatSeconds({12000}), "3 h 20 min");
  EXPECT_EQ(formatSeconds({-0.5}), "-500 ms");
  EXPECT_EQ(formatSeconds(Seconds::infinity()), "never");
  EXPECT_EQ(formatSeconds({std::nan("")}), "unknown");
}

TEST(Units, countsArePrintedWithPrefixes) {
  EXPECT_EQ(formatCount(989e12, "FLOP/s"), "989 TFLOP/s");
  EXPECT_EQ(formatCount(1.25e15, "FLOP/s"), "1.25 PFLOP/s");
  EXPECT_EQ(formatCount(124439808), "124 M");
  EXPECT_EQ(formatCount(7), "7");
}

TEST(Units, arithmeticSaturates) {
  EXPECT_EQ(Bytes::max() + Bytes{1}, Bytes::max());
  EXPECT_EQ(Bytes{1 << 30} * (int64_t(1) << 40), Bytes::max());
  EXPECT_EQ(Bytes{-5} * (int64_t(1) << 62), (Bytes{std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(Bytes{3} - Bytes{5}, Bytes{-2});
  EXPECT_FALSE(multiplyChecked(int64_t(1) << 32, int64_t(1) << 31));
  EXPECT_EQ(multiplyChecked(-4, 5), -20);
  EXPECT_FALSE(addChecked(std::numeric_limits<int64_t>::max(), 1));
}

TEST(Units, secondsPerRate) {
  EXPECT_DOUBLE_EQ(Seconds::perRate({1000}, 500).value, 2.0);
  EXPECT_EQ(Seconds::perRate({0}, 0), Seconds{0});
  EXPECT_EQ(Seconds::perRate({1}, 0), Seconds::infinity());
  EXPECT_LT(Seconds{1e300}, Seconds::infinity());
}

TEST(Units, idsAreOrderedAndHashed) {
  using ThingId = Id<struct ThingTag>;
  EXPECT_FALSE(ThingId().isValid());
  EXPECT_LT(ThingId{1}, ThingId{2});
  EXPECT_EQ(ThingId{7}.str(), "#7");
  EXPECT_EQ((std::unordered_set<ThingId>{{1}, {2}, {1}}).size(), 2u);
}

TEST(Hash, isTheSameEverywhere) {
  // Published value of XXH3-64 for the empty input.
  EXPECT_EQ(hashText(""), "2d06800538d394c2");
  EXPECT_EQ(formatHash(0xab), "00000000000000ab");
  EXPECT_NE(hashText("a"), hashText("b"));
}
