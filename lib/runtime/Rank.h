// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One rank at work: walks its list of events, calling generated functions and the transport.
//
// Worked example: {forward, stage 0, micro-batch 1, slot 1} loads the inputs' boxes of micro-batch 1 into
// slot 1, calls every function of the stage's forward list with addresses in slot 1, and stores what the
// rank owns of the outputs.
#ifndef PARTITA_LIB_RUNTIME_RANK_H
#define PARTITA_LIB_RUNTIME_RANK_H

#include "Sharing.h"
#include "partita/runtime/Program.h"
#include "partita/runtime/Team.h"
#include "partita/runtime/Transport.h"
#include "partita/runtime/Weights.h"

#include <chrono>
#include <map>
#include <unordered_map>

namespace partita::runtime {

/// What all ranks of a program share during one walk; they only read it.
struct Step {
  const Image &image;
  const partita_function *functions;
  Transport &transport;
  const WeightFiles &weights;
  std::vector<int64_t> symbols;
  std::vector<TensorView> inputs;
  std::vector<char *> outputs; ///< Dense global tensors, one per output.
  bool isInit = false;         ///< Runs the init events, otherwise all others.
  bool lendsTensors = false;   ///< Calls may read inputs and write outputs where they lie.
};

class Rank {
public:
  Rank() = default;
  Rank(const Rank &) = delete;
  Rank &operator=(const Rank &) = delete;
  ~Rank();

  /// Finds the weights that can be read in their files, reserves the arena and starts the threads of the parallel
  /// loops. `init` is the step that loads the weights.
  bool prepare(const Step &init, int64_t index, int64_t threads, double spinSeconds, bool recordSpans,
               std::string &error);

  /// Takes what other ranks hold for this one; all of them are prepared.
  void findShared(const Step &init, const std::vector<Rank> &all);

  /// Runs the rank's events of this step; returns early when any rank has failed.
  void walk(const Step &step);

  /// After init: gives back the memory of what no step reads.
  void dropInitMemory(const Image &image);

  uint64_t arenaBytes() const { return arenaSize; }
  /// Of the arena: what takes no memory there, because another rank holds it.
  uint64_t sharedBytes() const { return sharedSize; }
  /// Of all its threads together.
  uint64_t workerScratchBytes() const { return workerScratchSize; }
  const std::vector<Span> &recordedSpans() const { return spans; }

  // Behind the entry points of Context.h.
  void startCollective(int64_t id, const void *source, void *destination, const RowCounts &counts);
  void waitForCollective(int64_t id);
  void runLoop(partita_context *context, int64_t begin, int64_t end, int64_t grain, partita_loop_body body, void *data);
  void fail(const std::string &message);

private:
  using Clock = std::chrono::steady_clock;

  // Whose memory may stand for a buffer that only calls touch, beside loading inputs and storing outputs.
  enum class Lendable : uint8_t { no, input, output };
  // What this rank is in one of its stages.
  struct Place {
    int64_t member = -1;
    char *arena = nullptr;
    std::vector<int64_t> axisSizes;
    std::vector<const char *> elsewhere; // Per buffer: where it is read, in a file or at another rank; null: the arena.
    std::vector<char *> lent;            // Per buffer, during a forward event: the caller's memory; null: the arena.
    std::vector<Lendable> lendable;      // Per buffer.
    Holdings holdings;
  };
  struct PendingSend {
    int64_t stage, slot;
    TransferKey key;
  };

  int64_t index = 0;
  std::vector<Place> places; // Per stage; member -1: not in it.
  char *arena = nullptr;
  uint64_t arenaSize = 0, sharedSize = 0;
  char *workerScratch = nullptr; // One piece of `workerScratchStride` bytes per thread.
  uint64_t workerScratchSize = 0, workerScratchStride = 0;
  Team team;
  std::unordered_map<partita_loop_body, double> loopSeconds; // What one chunk took last time.
  std::vector<Span> spans;
  bool recordSpans = false;
  Clock::time_point created = Clock::now();

  // Of the walk, event and call under way.
  const Step *step = nullptr;
  const Event *event = nullptr;
  const Call *call = nullptr;
  std::vector<int64_t> coordinates;
  partita_context context = {};
  std::vector<PendingSend> pending;
  std::map<int64_t, void *> destinations; // Of collectives in flight.

  void findPlaces(const Step &init);
  void findInFiles(const Step &init);
  bool reserveArena(const Image &image, std::string &error);
  bool reserveWorkerScratch(const Image &image, int64_t threads, std::string &error);
  void enter(const Event &next);
  bool execute();
  bool runCalls(EventKind kind);
  void loadWeights(uint64_t &next, uint64_t beforeCall);
  void findLendable(const Image &image);
  bool lend(Lendable kind, int64_t buffer, const Box &local, const Box &global, const void *memory);
  void dropSources(const CallList &list, size_t done);
  void loadInputs();
  void lendOutputs();
  void storeOutputs();
  bool isInSlot(const PendingSend &send) const;
  template <typename Predicate> bool releaseSends(Predicate isDue);
  TransferKey channelKey() const;
  char *address(int64_t buffer) const;
  double now() const { return std::chrono::duration<double>(Clock::now() - created).count(); }
  void record(const std::string &name, double begin);
};

} // namespace partita::runtime

#endif // PARTITA_LIB_RUNTIME_RANK_H
