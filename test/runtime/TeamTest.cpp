// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Teams: every member runs, nobody runs late, nobody is missed, whether members sleep or look.
#include "partita/runtime/Team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

using namespace partita::runtime;

namespace {

constexpr double never = 0, aWhile = 200e-6; // Seconds of looking before sleeping.

void startTeam(Team &team, int64_t size, double spinSeconds) {
  std::string error;
  ASSERT_TRUE(team.start(size, spinSeconds, error)) << error;
}

TEST(Team, RunsEveryMemberOnce) {
  for (int64_t size : {1, 2, 5})
    for (double spin : {never, 20e-6}) {
      Team team;
      startTeam(team, size, spin);
      std::vector<int64_t> runs(size_t(size), 0);
      for (int64_t job = 1; job <= 2000; ++job) {
        // Not atomic: what members write is there for the caller, and what it wrote before for them.
        team.run([&](int64_t member) { runs[size_t(member)] += job; });
        for (int64_t each : runs)
          ASSERT_EQ(each, job * (job + 1) / 2);
      }
    }
}

TEST(Team, HelpersRunWhileTheCallerDoesAndNeverLater) {
  for (double spin : {never, 20e-6}) {
    Team team;
    startTeam(team, 4, spin);
    int64_t inside[4] = {}, helped = 0;
    for (int job = 0; job < 3000; ++job) {
      std::atomic<int64_t> next{0}, sum{0};
      bool isOver = false; // Not atomic: nobody may look at it after help() has returned.
      team.help(
          [&](int64_t member) {
            EXPECT_FALSE(isOver);
            ++inside[member];
            for (int64_t chunk; (chunk = next.fetch_add(1)) < 16;)
              sum.fetch_add(chunk);
          },
          3);
      isOver = true;
      ASSERT_EQ(sum.load(), 120);
    }
    EXPECT_EQ(inside[0], 3000);
    for (int64_t member = 1; member < 4; ++member)
      helped += inside[member];
    EXPECT_LE(helped, 9000);
  }
}

// A job that ends only when a second member has come: a wake-up that is lost would hang here.
TEST(Team, WakesHelpers) {
  for (double spin : {never, 20e-6, aWhile}) {
    Team team;
    startTeam(team, 3, spin);
    for (int job = 0; job < 300; ++job) {
      std::atomic<int64_t> came{0};
      team.help(
          [&](int64_t) {
            came.fetch_add(1);
            while (came.load() < 3)
              std::this_thread::yield();
          },
          2);
      ASSERT_EQ(came.load(), 3);
      if (job % 100 == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

TEST(Team, TakesNoMoreHelpersThanAsked) {
  Team team;
  startTeam(team, 4, 100e-6);
  for (int job = 0; job < 500; ++job) {
    std::atomic<int64_t> came{0};
    team.help(
        [&](int64_t member) {
          came.fetch_add(1);
          while (member == 0 && came.load() < 2)
            std::this_thread::yield();
        },
        1);
    ASSERT_EQ(came.load(), 2);
  }
}

// Members that may not look take no processor time while they wait.
TEST(Team, SleepsWhileThereIsNothingToDo) {
  Team team;
  startTeam(team, 3, never);
  team.run([](int64_t) {});
  auto processorSeconds = [] { return double(clock()) / CLOCKS_PER_SEC; };
  for (int i = 0; i < 1000 && !team.sleeps(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  double before = processorSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(team.sleeps());
  EXPECT_LT(processorSeconds() - before, 0.1);
}

} // namespace
