// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A team: threads that stay, to which one job after another is given. The ranks of a program are one
// team; each rank has a second one for its parallel loops.
//
// Worked example: Team team; team.start(3, false, error); team.run([&](int64_t member) { work(member); });
// The caller is member 0, so a team of one starts no thread at all.
#ifndef PARTITA_RUNTIME_TEAM_H
#define PARTITA_RUNTIME_TEAM_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
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

  /// Starts size - 1 threads. They spin for a moment before they sleep if `spin` is set, which is right
  /// only where every thread has a core. False with a message where the system refuses a thread.
  bool start(int64_t size, bool spin, std::string &error);

  int64_t size() const { return int64_t(threads.size()) + 1; }

  /// Runs job(member) on every member and returns when all have returned. Not to be nested.
  void run(const std::function<void(int64_t)> &job);

private:
  struct Member {
    Team *team;
    int64_t index;
  };

  std::vector<pthread_t> threads;
  std::vector<Member> members;
  std::mutex mutex;
  std::condition_variable wake, done;
  const std::function<void(int64_t)> *current = nullptr;
  std::atomic<uint64_t> generation{0};
  std::atomic<int64_t> working{0};
  bool stopping = false;
  bool spin = false;

  static void *enter(void *member);
  void serve(int64_t index);
  void spinUntil(const std::function<bool()> &condition) const;
};

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_TEAM_H
