// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that wait for jobs.
#include "partita/runtime/Team.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace partita::runtime {

// The share of processor time that a container may use, in whole cores; containers often show all
// cores of the machine and grant a few.
static int64_t coresOfContainer() {
  long quota = 0, period = 0;
  if (FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r")) {
    if (fscanf(file, "%ld %ld", &quota, &period) != 2)
      quota = 0; // "max": no limit.
    fclose(file);
  }
  return quota > 0 && period > 0 ? std::max(1L, (quota + period - 1) / period) : INT64_MAX;
}

int64_t availableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 1)
    return 1;
  return std::min<int64_t>(CPU_COUNT(&set), coresOfContainer());
}

namespace {

// Of `state`: the generation in the upper half, then how many may still enter, then how many are inside.
constexpr uint64_t oneInside = 1, onePlace = uint64_t(1) << 16, places = 0xffff * onePlace;
constexpr uint64_t unfinished = 0xffffffff;
uint32_t generationOf(uint64_t state) { return uint32_t(state >> 32); }

// The system looks at the word under its own lock, so between the caller's look and the sleep nothing is missed.
void sleepWhile(std::atomic<uint32_t> &word, uint32_t value) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void wakeSleeper(std::atomic<uint32_t> &word) { syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0); }

} // namespace

Team::~Team() {
  stopping.store(true);
  wake(size());
  for (const std::unique_ptr<Member> &member : members)
    pthread_join(member->thread, nullptr);
}

bool Team::start(int64_t size, double seconds, std::string &error) {
  spinSeconds = seconds;
  for (int64_t index = 1; index < size; ++index) {
    members.push_back(std::make_unique<Member>());
    members.back()->team = this;
    members.back()->index = index;
  }
  for (size_t i = 0; i < members.size(); ++i)
    if (int status = pthread_create(&members[i]->thread, nullptr, enter, members[i].get()); status != 0) {
      error = "E-THREADS: cannot start thread " + std::to_string(i + 1) + ": " + strerror(status);
      stopping.store(true);
      wake(size);
      for (size_t started = 0; started < i; ++started)
        pthread_join(members[started]->thread, nullptr);
      members.clear();
      return false;
    }
  return true;
}

void *Team::enter(void *member) {
  auto *self = static_cast<Member *>(member);
  self->team->serve(*self);
  return nullptr;
}

template <typename Condition> bool Team::spinUntil(const Condition &condition) const {
  using Clock = std::chrono::steady_clock;
  if (spinSeconds <= 0)
    return condition();
  for (Clock::time_point begin = Clock::now();;) {
    for (int i = 0; i < 32; ++i) {
      if (condition())
        return true;
      __builtin_ia32_pause();
    }
    if (std::chrono::duration<double>(Clock::now() - begin).count() > spinSeconds)
      return false;
  }
}

// Of a job that this member has not entered yet.
bool Team::tryEnter(uint32_t &seen) {
  uint64_t now = state.load(std::memory_order_acquire);
  while ((now & places) != 0 && generationOf(now) != seen)
    if (state.compare_exchange_weak(now, now - onePlace + oneInside, std::memory_order_acquire)) {
      seen = generationOf(now);
      return true;
    }
  return false;
}

void Team::sleep(Member &self, uint32_t seen) {
  sleeping.fetch_add(1);
  self.asleep.store(1);
  // Either this sees the job, or begin() sees that somebody sleeps.
  uint64_t now = state.load();
  bool isNeeded = stopping.load() || ((now & places) != 0 && generationOf(now) != seen);
  if (isNeeded && self.asleep.exchange(0) == 1)
    sleeping.fetch_sub(1);
  while (self.asleep.load() == 1)
    sleepWhile(self.asleep, 1);
}

void Team::serve(Member &self) {
  for (uint32_t seen = 0; !stopping.load();) {
    if (!spinUntil([&] { return tryEnter(seen) || stopping.load(std::memory_order_relaxed); })) {
      sleep(self, seen);
      continue;
    }
    if (stopping.load())
      return;
    if ((state.load(std::memory_order_relaxed) & places) != 0)
      wake(1);
    work.function(work.job, self.index);
    if (((state.fetch_sub(oneInside) - oneInside) & unfinished) == 0 && waits.load() == 1 && waits.exchange(0) == 1)
      wakeSleeper(waits);
  }
}

// Each sleeper is woken once: whoever clears its flag does.
void Team::wake(int64_t count) {
  for (size_t i = 0; count > 0 && i < members.size() && sleeping.load() > 0; ++i)
    if (members[i]->asleep.load() == 1 && members[i]->asleep.exchange(0) == 1) {
      sleeping.fetch_sub(1);
      wakeSleeper(members[i]->asleep);
      --count;
    }
}

void Team::begin(Work next, int64_t helpers, int64_t wakes) {
  work = next;
  uint64_t generation = generationOf(state.load(std::memory_order_relaxed)) + uint64_t(1);
  state.store(generation << 32 | uint64_t(helpers) * onePlace);
  if (helpers > 0)
    wake(wakes);
}

void Team::close() { state.fetch_and(~places); }

void Team::finish() {
  auto isDone = [&] { return (state.load(std::memory_order_acquire) & unfinished) == 0; };
  if (spinUntil(isDone))
    return;
  // Either the last member sees that the caller waits, or the caller sees that nobody is inside.
  for (waits.store(1); (state.load() & unfinished) != 0;) {
    sleepWhile(waits, 1);
    if ((state.load() & unfinished) != 0)
      waits.store(1);
  }
  waits.store(0);
}

} // namespace partita::runtime
