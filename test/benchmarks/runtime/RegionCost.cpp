// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a parallel region costs on two threads, in microseconds: with nothing in it, and from how much work on it is
// worth sharing, while the other thread looks and while it sleeps.
#include "partita/runtime/Team.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <vector>

using namespace partita::runtime;
using Clock = std::chrono::steady_clock;

static double microseconds(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

static double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + ptrdiff_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// A dependent chain, so that it takes the same wherever it runs.
static uint64_t compute(int64_t steps) {
  uint64_t value = 1;
  for (int64_t i = 0; i < steps; ++i)
    value = value * 6364136223846793005u + 1442695040888963407u;
  return value;
}

static std::atomic<uint64_t> sink;

/// The median time of a region of 8 chunks of `steps` each, `gap` microseconds of serial work apart.
static double regionTime(Team &team, int64_t steps, double gap, double stepsPerMicrosecond, bool isShared,
                         int regions) {
  std::vector<double> times;
  for (int region = 0; region < regions; ++region) {
    sink += compute(int64_t(gap * stepsPerMicrosecond));
    Clock::time_point begin = Clock::now();
    std::atomic<int64_t> next{0};
    auto work = [&](int64_t) {
      while (next.fetch_add(1, std::memory_order_relaxed) < 8)
        sink.fetch_add(compute(steps), std::memory_order_relaxed);
    };
    isShared ? team.help(work, 1) : work(0);
    times.push_back(microseconds(begin));
  }
  return median(times);
}

int main() {
  std::string error;
  Clock::time_point begin = Clock::now();
  sink += compute(20000000);
  double stepsPerMicrosecond = 20000000 / microseconds(begin);
  Team looking, asleep;
  if (!looking.start(2, 50e-6, error) || !asleep.start(2, 0, error))
    return fprintf(stderr, "%s\n", error.c_str()), 1;
  double serial = regionTime(looking, 0, 2, stepsPerMicrosecond, false, 4000);
  printf("nothing to do, alone                  %7.2f us\n", serial);
  printf("nothing to do, the other looks        %7.2f us\n",
         regionTime(looking, 0, 2, stepsPerMicrosecond, true, 4000) - serial);
  printf("nothing to do, the other sleeps       %7.2f us\n",
         regionTime(asleep, 0, 200, stepsPerMicrosecond, true, 2000) - serial);
  std::vector<double> arrivals;
  for (int i = 0; i < 1000; ++i) {
    sink += compute(int64_t(200 * stepsPerMicrosecond));
    begin = Clock::now();
    asleep.run([&](int64_t member) {
      if (member == 1)
        arrivals.push_back(microseconds(begin));
    });
  }
  printf("until one that sleeps has come        %7.2f us\n", median(arrivals));
  printf("\nwork, us   looks: time / alone   sleeps: time / alone\n");
  for (double work : {1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0}) {
    auto steps = int64_t(work / 8 * stepsPerMicrosecond);
    double alone = regionTime(looking, steps, 2, stepsPerMicrosecond, false, 1000);
    printf("%8.0f   %19.2f   %20.2f\n", work, regionTime(looking, steps, 2, stepsPerMicrosecond, true, 1000) / alone,
           regionTime(asleep, steps, 200, stepsPerMicrosecond, true, 500) / alone);
  }
  return 0;
}
