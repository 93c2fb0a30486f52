// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A team: threads that stay, to which one job after another is given. The ranks of a program are one
// team; each rank has a second one for its parallel loops.
//
// Worked example: Team team; team.start(3, 0, error); team.run([&](int64_t member) { work(member); });
// The caller is member 0, so a team of one starts no thread at all.
//
// A job is published in one word: its generation, how many members may still enter, how many are inside. A member
// enters and leaves by one atomic operation each; the caller closes the job and waits for those inside. So a member
// that sleeps costs the caller one system call that wakes it, and never the time until it runs.
#ifndef PARTITA_RUNTIME_TEAM_H
#define PARTITA_RUNTIME_TEAM_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <pthread.h>
#include <string>
#include <vector>

namespace partita::runtime {

/// Cores that this process may use, at least 1.
int64_t availableCores();

class Team {
public:
  Team() = default;
  Team(const Team &) = delete;
  Team &operator=(const Team &) = delete;
  ~Team();

  /// Starts size - 1 threads. Who waits looks for up to `spinSeconds` before it sleeps; more than 0 is right only where
  /// every thread has a core. False with a message where the system refuses a thread.
  bool start(int64_t size, double spinSeconds, std::string &error);

  int64_t size() const { return int64_t(members.size()) + 1; }

  /// Whether a member sleeps, so that its help comes late.
  bool sleeps() const { return sleeping.load(std::memory_order_relaxed) > 0; }

  /// Runs job(member) once on every member and returns when all have returned. Not to be nested.
  template <typename Job> void run(const Job &job) {
    begin({&call<Job>, &job}, size() - 1, size() - 1);
    job(0);
    finish();
  }

  /// Runs job(0), and job(member) on up to `helpers` members that come before it has returned; returns when all of
  /// these have returned. Not to be nested.
  template <typename Job> void help(const Job &job, int64_t helpers) {
    // Whoever comes wakes the next one.
    begin({&call<Job>, &job}, std::min(helpers, size() - 1), 1);
    job(0);
    close();
    finish();
  }

private:
  struct Work {
    void (*function)(const void *job, int64_t member) = nullptr;
    const void *job = nullptr;
  };
  template <typename Job> static void call(const void *job, int64_t member) {
    (*static_cast<const Job *>(job))(member);
  }

  // On a cache line of its own: others write `asleep` only to wake this member.
  struct alignas(64) Member {
    Team *team = nullptr;
    int64_t index = 0;
    std::atomic<uint32_t> asleep{0};
    pthread_t thread = {};
  };

  alignas(64) std::atomic<uint64_t> state{0};
  Work work;                                  // Written before `state`, read by those who entered.
  alignas(64) std::atomic<uint32_t> waits{0}; // The caller sleeps until nobody is inside.
  std::atomic<int64_t> sleeping{0};           // Members with `asleep` set.
  std::atomic<bool> stopping{false};
  std::vector<std::unique_ptr<Member>> members;
  double spinSeconds = 0;

  static void *enter(void *member);
  void serve(Member &self);
  void begin(Work next, int64_t places, int64_t wakes);
  void close();
  void finish();
  void wake(int64_t count);
  bool tryEnter(uint32_t &seen);
  void sleep(Member &self, uint32_t seen);
  template <typename Condition> bool spinUntil(const Condition &condition) const;
};

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_TEAM_H
