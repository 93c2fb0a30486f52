// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// At least 1,000 seeded faults in per-device programs: each is caught by the verifiers or by running, unless the faulty
// program computes the same (an equivalent mutant). What belongs to the parallel program alone, communication and
// placements, must be caught before anything runs.
#include "Harness.h"
#include "Mutate.h"
#include "RandomPlan.h"
#include "mlir/IR/Verifier.h"
#include "partita/partition/Partition.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::test;

namespace {
struct Tally {
  int made = 0, byVerifier = 0, byRunning = 0, equivalent = 0;
};

/// Faults in what types and loops say can never reach a run; faults in events are found by the walk of the table.
bool mustBeStatic(Mutation mutation) {
  switch (mutation) {
  case Mutation::dropStep:
  case Mutation::changeAxes:
  case Mutation::changeSplit:
  case Mutation::changePartial:
  case Mutation::changeLoops:
    return true;
  default:
    return false;
  }
}

/// Faults after which the program may still compute the same: commuting operands, independent events, adding zeros.
bool mayBeEquivalent(Mutation mutation) {
  return mutation == Mutation::swapOperands || mutation == Mutation::swapEvents;
}
} // namespace

TEST(Mutation, EveryFaultIsCaught) {
  Harness harness;
  std::map<Mutation, Tally> tallies;
  std::mt19937_64 random(7);
  const std::vector<std::vector<placement::Mesh>> meshes = {
      {placement::makeMesh({{"x", 2}})},
      {placement::makeMesh({{"x", 2}, {"y", 2}})},
      {placement::makeMesh({{"x", 3}, {"micro", 1, placement::AxisKind::time}})},
      {placement::makeMesh({{"x", 2}}), placement::Mesh{{{"y", 2}}, {2, 3}}}};
  int made = 0;
  for (uint64_t round = 0; made < 1000 && round < 60; ++round)
    for (const char *graph : {"mlp", "block", "convnet", "rotary", "indexing", "halos", "custom"}) {
      OwningOpRef<ModuleOp> module = harness.parseFile(std::string(PARTITA_GRAPHS) + "/" + graph + ".mlir");
      ASSERT_TRUE(module) << harness.takeDiagnostics();
      planAtRandom(*module, meshes[round % meshes.size()], random);
      Expectation expectation = harness.expect(*module, round);
      ASSERT_EQ(harness.partition(*module), "");
      ASSERT_EQ(harness.run(*module, expectation), "");
      for (unsigned kind = 0; kind < kNumMutations; ++kind) {
        auto mutation = static_cast<Mutation>(kind);
        OwningOpRef<ModuleOp> mutant = module->clone();
        std::string what = mutate(*mutant, mutation, random);
        if (what.empty())
          continue;
        ++made;
        Tally &tally = tallies[mutation];
        ++tally.made;
        bool sound = succeeded(verify(*mutant)) && succeeded(partition::verifyPlacements(*mutant));
        harness.takeDiagnostics();
        if (!sound) {
          ++tally.byVerifier;
          continue;
        }
        EXPECT_FALSE(mustBeStatic(mutation)) << graph << ": not caught by the verifiers: " << what;
        if (!harness.run(*mutant, expectation).empty()) {
          ++tally.byRunning;
          continue;
        }
        ++tally.equivalent;
        EXPECT_TRUE(mayBeEquivalent(mutation)) << graph << ": survived: " << getName(mutation).str() << ": " << what;
      }
    }
  EXPECT_GE(made, 1000);
  int byVerifier = 0;
  for (auto &[mutation, tally] : tallies) {
    printf("%-15s %4d made, %4d by verifiers, %4d by running, %4d equivalent\n", getName(mutation).str().c_str(),
           tally.made, tally.byVerifier, tally.byRunning, tally.equivalent);
    byVerifier += tally.byVerifier;
  }
  printf("static share: %.1f %% of %d\n", 100.0 * byVerifier / made, made);
}
