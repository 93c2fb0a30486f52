// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is done when a program does not hold what its plan promises: planted faults, no real search.
#include "PlanToFit.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;

namespace {

class PlanToFitTest : public ::testing::Test {
protected:
  PlanToFitTest()
      : machine(llvm::cantFail(machine::Machine::parse("cpu:2"))), module(ModuleOp::create(UnknownLoc::get(&context))),
        handler(&context, [this](Diagnostic &diagnostic) {
          messages += diagnostic.str() + "\n";
          return success();
        }) {}

  /// A search whose plans predict one all-reduce, and programs that need `needed(limit)` bytes on device 1 and have
  /// `counted` of them. Remembers the limits that were asked for.
  FailureOr<FittingPlan> plan(std::optional<Bytes> limit, llvm::function_ref<int64_t(int64_t)> needed,
                              int64_t counted = 1) {
    planner::PlanOptions options;
    options.memoryLimit = limit;
    return planToFit(
        *module, machine, options,
        [&](const planner::PlanOptions &asked) -> FailureOr<planner::PlanResult> {
          limits.push_back(asked.memoryLimit ? asked.memoryLimit->value : -1);
          planner::PlanResult result;
          result.predicted.communication["all_reduce"] = {1, 64};
          return result;
        },
        [&]() -> FailureOr<ExactFigures> {
          ExactFigures figures;
          figures.communication["all_reduce"] = {counted, 64};
          figures.bytesOfDevice = {{0, 10}, {1, static_cast<uint64_t>(needed(limits.back()))}};
          return figures;
        });
  }

  MLIRContext context;
  machine::Machine machine;
  OwningOpRef<ModuleOp> module;
  std::string messages;
  ScopedDiagnosticHandler handler;
  std::vector<int64_t> limits;
};

TEST_F(PlanToFitTest, aPlanThatFitsIsTakenAtOnce) {
  FailureOr<FittingPlan> plan = this->plan(Bytes{1000}, [](int64_t) { return 1000; });
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(limits, (std::vector<int64_t>{1000}));
  EXPECT_EQ(plan->figures.peakBytes(), 1000u);
}

TEST_F(PlanToFitTest, theLimitIsLoweredByTheExcess) {
  // Programs need 70 bytes more than the search counts.
  FailureOr<FittingPlan> plan = this->plan(Bytes{1000}, [](int64_t limit) { return limit + 70; });
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(limits, (std::vector<int64_t>{1000, 930}));
  EXPECT_EQ(plan->figures.peakBytes(), 1000u);
  EXPECT_EQ(messages, "");
}

TEST_F(PlanToFitTest, withoutALimitTheDevicesHaveOne) {
  int64_t memory = machine.typeOf(machine::DeviceId{1}).memory.value;
  FailureOr<FittingPlan> plan =
      this->plan(std::nullopt, [&](int64_t limit) { return limit < 0 ? memory + 5 : limit + 5; });
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(limits, (std::vector<int64_t>{-1, memory - 5}));
  limits.clear();
  EXPECT_TRUE(succeeded(this->plan(Bytes::max(), [&](int64_t) { return memory + 5; })));
  EXPECT_EQ(limits.size(), 1u);
}

TEST_F(PlanToFitTest, whatNeverFitsIsRefused) {
  EXPECT_TRUE(failed(plan(Bytes{1000}, [](int64_t) { return 1001; })));
  EXPECT_EQ(limits.size(), 8u);
  EXPECT_EQ(limits.back(), 993);
  EXPECT_NE(messages.find("E-INFEASIBLE-MEM: device 1 needs"), std::string::npos) << messages;
  limits.clear();
  EXPECT_TRUE(failed(plan(Bytes{1000}, [](int64_t) { return 5000; })));
  EXPECT_EQ(limits.size(), 1u);
}

TEST_F(PlanToFitTest, otherCommunicationThanPredictedIsAMistake) {
  EXPECT_TRUE(failed(plan(Bytes{1000}, [](int64_t) { return 10; }, 2)));
  EXPECT_NE(messages.find("E-INTERNAL: the plan predicts 1 x all_reduce"), std::string::npos) << messages;
}

} // namespace
