// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a probe's trace says, and that every probe is a model.
#include "ProbeRunner.h"
#include "partita/support/Error.h"

#include <gtest/gtest.h>

using namespace partita;

namespace {
std::string span(const std::string &name, int rank, double begin, double length) {
  return R"({"name":")" + name + R"(","ph":"X","pid":0,"tid":)" + std::to_string(rank) + R"(,"ts":)" +
         std::to_string(begin) + R"(,"dur":)" + std::to_string(length) + "}";
}

/// Two ranks, three steps; a step's kernel takes 10, 20, 30 us on rank 0 and 1 us more on rank 1.
std::string makeTrace() {
  std::string text =
      R"({"displayTimeUnit":"ms","traceEvents":[{"name":"thread_name","ph":"M","pid":0,"tid":0,"args":{"name":"r"}})";
  for (int rank : {0, 1})
    for (int step : {0, 1, 2}) {
      double begin = 100.0 * step;
      text += "," + span("segment0", rank, begin + 1, 10.0 * (step + 1) + rank);
      text += "," + span("probe wait", rank, begin + 50, rank ? 2 : 7);
      text += "," + span("forward stage0 micro-batch 0", rank, begin, 90);
    }
  return text + "]}";
}
} // namespace

TEST(ProbeRunner, takesTheSlowestRankWithoutTheFirstStep) {
  llvm::Expected<Seconds> time = readProbeTrace(makeTrace(), /*isExchange=*/false);
  ASSERT_TRUE(bool(time));
  EXPECT_NEAR(time->value, 31e-6, 1e-12) << "the median of 21 and 31 is the later one";
}

TEST(ProbeRunner, anExchangeTakesAsLongAsTheLastRankWaits) {
  llvm::Expected<Seconds> time = readProbeTrace(makeTrace(), /*isExchange=*/true);
  ASSERT_TRUE(bool(time));
  EXPECT_NEAR(time->value, 2e-6, 1e-12);
}

TEST(ProbeRunner, refusesTracesThatSayNothing) {
  for (const char *trace : {"{", R"({"traceEvents":[]})", R"({"traceEvents":[{"ph":"X","tid":"a"}]})"}) {
    llvm::Expected<Seconds> time = readProbeTrace(trace, false);
    ASSERT_FALSE(bool(time)) << trace;
    EXPECT_EQ(takeError(time.takeError()).code, "E-BAD-FILE");
  }
}

TEST(ProbeRunner, modelsHaveAPartForEachRank) {
  std::string sum = writeProbeModel({cost::ProbeKind::Sum, "f32", 16, {}}, 3);
  EXPECT_NE(sum.find("add(%a0, %a1) : (tensor<3x16xf32>, tensor<3x16xf32>)"), std::string::npos) << sum;
  std::string product = writeProbeModel({cost::ProbeKind::Product, "bf16", 8, {}}, 2);
  EXPECT_NE(product.find("\"rxy,ryz->rxz\" : (tensor<2x8x8xbf16>"), std::string::npos) << product;
}
