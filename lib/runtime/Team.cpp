// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads that wait for jobs.
#include "partita/runtime/Team.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sched.h>

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

Team::~Team() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping = true;
    generation.fetch_add(1);
  }
  wake.notify_all();
  for (pthread_t thread : threads)
    pthread_join(thread, nullptr);
}

bool Team::start(int64_t size, bool spinFirst, std::string &error) {
  spin = spinFirst;
  members.reserve(size_t(size)); // The threads keep addresses of its elements.
  for (int64_t index = 1; index < size; ++index) {
    members.push_back({this, index});
    pthread_t thread;
    int status = pthread_create(&thread, nullptr, enter, &members.back());
    if (status != 0) {
      error = "E-THREADS: cannot start thread " + std::to_string(index) + ": " + strerror(status);
      return false;
    }
    threads.push_back(thread);
  }
  return true;
}

void *Team::enter(void *member) {
  auto *self = static_cast<Member *>(member);
  self->team->serve(self->index);
  return nullptr;
}

// Some ten microseconds: about what sleeping and waking takes, so waiting never takes more than twice the shortest way.
constexpr int spins = 1000;

void Team::spinUntil(const std::function<bool()> &condition) const {
  for (int i = 0; spin && i < spins && !condition(); ++i)
    __builtin_ia32_pause();
}

void Team::serve(int64_t index) {
  for (uint64_t seen = 0;;) {
    spinUntil([&] { return generation.load() != seen; });
    const std::function<void(int64_t)> *job;
    {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return generation.load() != seen; });
      seen = generation.load();
      if (stopping)
        return;
      job = current;
    }
    (*job)(index);
    if (working.fetch_sub(1) == 1) {
      std::lock_guard<std::mutex> lock(mutex);
      done.notify_one();
    }
  }
}

void Team::run(const std::function<void(int64_t)> &job) {
  if (threads.empty())
    return job(0);
  {
    std::lock_guard<std::mutex> lock(mutex);
    current = &job;
    working.store(int64_t(threads.size()));
    generation.fetch_add(1);
  }
  wake.notify_all();
  job(0);
  spinUntil([&] { return working.load() == 0; });
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [&] { return working.load() == 0; });
}

} // namespace partita::runtime
