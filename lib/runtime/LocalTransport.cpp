// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ranks as threads of one process. A rank publishes the address of its source with a generation number;
// readers wait for the generation, copy or reduce straight out of the peers' memory, and publish that
// they are done. Nothing else is exchanged, and there is one mechanism for all collectives and channels.
#include "partita/runtime/Route.h"
#include "partita/runtime/Transport.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <sched.h>

namespace partita::runtime {

namespace {

// What one member has published, on a cache line of its own.
struct alignas(64) Cell {
  std::atomic<uint64_t> generation{0};
  const void *address = nullptr; // Written before `generation`, read after it; so are the counts.
  RowCounts counts;
};

// A collective, or a channel at one micro-batch.
struct Exchange {
  std::vector<Cell> offered, fetched;         // Per member of the source and of the destination stage.
  std::vector<uint64_t> offerings, fetchings; // How often each member came by; touched by that member only.
};

// What a rank is blocked on: until `members` have reached `generation` in `cells`.
struct Wait {
  const std::vector<Cell> &cells;
  const std::vector<int64_t> &members;
  uint64_t generation;
  const TransferKey &key;
  const char *verb;

  bool ready() const {
    for (int64_t member : members)
      if (cells[size_t(member)].generation.load() < generation)
        return false;
    return true;
  }
};

struct RankState {
  std::mutex mutex;
  std::condition_variable bell;
  std::atomic<bool> sleeping{false};
  std::atomic<bool> moving{false}; // Reads other ranks' memory right now.
  const Wait *wait = nullptr;      // Guarded by `mutex`.
  bool finished = true;            // Guarded by `mutex`.
  // Plans, made once per symbol binding and touched by the rank's thread only.
  std::map<TransferKey, Route> routes;
  std::map<int64_t, std::vector<int64_t>> groups;
};

struct Ends {
  RouteEnd source, destination;
};

class LocalTransport final : public Transport {
public:
  LocalTransport(const Image &image, bool spin)
      : image(image), spin(spin), ranks(image.devices.size()), collectives(image.collectives.size()),
        channels(image.channels.size()) {
    for (size_t i = 0; i < collectives.size(); ++i) {
      size_t size = image.stages[image.collectives[i].stage].devices.size();
      reset(collectives[i], size, size);
    }
    for (size_t i = 0; i < channels.size(); ++i) {
      const Stage &from = image.stages[image.channels[i].sourceStage];
      const Stage &to = image.stages[image.channels[i].destinationStage];
      channels[i] = std::vector<Exchange>(size_t(std::max(microBatchCount(from), microBatchCount(to))));
      for (Exchange &exchange : channels[i])
        reset(exchange, from.devices.size(), to.devices.size());
    }
    for (const Stage &stage : image.stages) {
      everyMember.emplace_back();
      memberOfRank.emplace_back(image.devices.size(), -1);
      for (size_t m = 0; m < stage.devices.size(); ++m) {
        everyMember.back().push_back(int64_t(m));
        memberOfRank.back()[stage.devices[m]] = int64_t(m);
      }
    }
  }

  void beginRun(const std::vector<int64_t> &values) override {
    if (values != symbols || hasFailed.load()) {
      symbols = values;
      for (RankState &rank : ranks)
        rank.routes.clear();
    }
    if (hasFailed.load()) {
      // Ranks stopped at different places; start counting anew.
      for (Exchange &exchange : collectives)
        reset(exchange, exchange.offered.size(), exchange.fetched.size());
      for (std::vector<Exchange> &batches : channels)
        for (Exchange &exchange : batches)
          reset(exchange, exchange.offered.size(), exchange.fetched.size());
    }
    hasFailed.store(false);
    message.clear();
    for (RankState &rank : ranks)
      rank.finished = false;
  }

  void offer(int64_t rank, const TransferKey &key, const void *source, const RowCounts &counts) override {
    Exchange &exchange = exchangeOf(key);
    Ends both = endsOf(key);
    size_t member = size_t(memberOf(both.source.stage, rank));
    exchange.offered[member].address = source;
    exchange.offered[member].counts = counts;
    exchange.offered[member].generation.store(++exchange.offerings[member]);
    ring(both.destination.stage, readersOf(rank, key));
  }

  bool fetch(int64_t rank, const TransferKey &key, void *destination) override {
    Exchange &exchange = exchangeOf(key);
    Ends both = endsOf(key);
    int64_t member = memberOf(both.destination.stage, rank);
    auto [entry, isNew] = ranks[size_t(rank)].routes.try_emplace(key);
    Route &route = entry->second;
    if (isNew)
      route = planRoute(both.source, both.destination, member, symbols.data());
    uint64_t generation = ++exchange.fetchings[size_t(member)];
    bool arrived = block(rank, {exchange.offered, route.members, generation, key, "fetch"}) &&
                   move(ranks[size_t(rank)], exchange, route, destination);
    if (!arrived) {
      // Code that still runs must not find wild indices here, and may reuse its own source.
      std::memset(destination, 0, size_t(boxElements(route.destinationBox) * elementBytes(route.elementType)));
      waitForMovers();
    }
    exchange.fetched[size_t(member)].generation.store(generation);
    ring(both.source.stage,
         key.kind == TransferKind::collective ? groupOf(rank, key.index) : everyMember[stageIndex(both.source.stage)]);
    return arrived;
  }

  bool release(int64_t rank, const TransferKey &key) override {
    Exchange &exchange = exchangeOf(key);
    size_t member = size_t(memberOf(endsOf(key).source.stage, rank));
    if (block(rank, {exchange.fetched, readersOf(rank, key), exchange.offerings[member], key, "release"}))
      return true;
    waitForMovers();
    return false;
  }

  void finish(int64_t rank) override {
    std::lock_guard<std::mutex> lock(ranks[size_t(rank)].mutex);
    ranks[size_t(rank)].finished = true;
    transitions.fetch_add(1);
  }

  void fail(const std::string &text) override {
    {
      std::lock_guard<std::mutex> lock(failureMutex);
      if (!hasFailed.load())
        message = text;
      hasFailed.store(true);
    }
    for (RankState &rank : ranks) {
      std::lock_guard<std::mutex> lock(rank.mutex);
      rank.bell.notify_all();
    }
    waitForMovers();
  }

  bool failed() const override { return hasFailed.load(); }

  std::string failure() const override {
    std::lock_guard<std::mutex> lock(failureMutex);
    return message;
  }

private:
  const Image &image;
  const bool spin;
  std::vector<int64_t> symbols;
  std::vector<RankState> ranks;
  std::vector<Exchange> collectives;
  std::vector<std::vector<Exchange>> channels;                 // Per channel and micro-batch.
  std::vector<std::vector<int64_t>> everyMember, memberOfRank; // Per stage.
  std::atomic<bool> hasFailed{false};
  std::string message; // Guarded by failureMutex.
  mutable std::mutex failureMutex;
  std::mutex detection;
  std::atomic<uint64_t> transitions{0}; // Of ranks between running, blocked and finished.

  static void reset(Exchange &exchange, size_t sources, size_t destinations) {
    exchange.offered = std::vector<Cell>(sources);
    exchange.fetched = std::vector<Cell>(destinations);
    exchange.offerings.assign(sources, 0);
    exchange.fetchings.assign(destinations, 0);
  }

  size_t stageIndex(const Stage &stage) const { return size_t(&stage - image.stages.data()); }
  int64_t memberOf(const Stage &stage, int64_t rank) const { return memberOfRank[stageIndex(stage)][size_t(rank)]; }

  Exchange &exchangeOf(const TransferKey &key) {
    return key.kind == TransferKind::collective ? collectives[size_t(key.index)]
                                                : channels[size_t(key.index)][size_t(key.microBatch)];
  }

  Ends endsOf(const TransferKey &key) const {
    if (key.kind == TransferKind::collective) {
      const Collective &collective = image.collectives[size_t(key.index)];
      const Stage &stage = image.stages[size_t(collective.stage)];
      return {{stage, collective.from, key.microBatch}, {stage, collective.to, key.microBatch}};
    }
    const Channel &channel = image.channels[size_t(key.index)];
    const Stage &from = image.stages[size_t(channel.sourceStage)];
    const Stage &to = image.stages[size_t(channel.destinationStage)];
    return {{from, from.buffers[size_t(channel.sourceBuffer)].layout, key.microBatch},
            {to, to.buffers[size_t(channel.destinationBuffer)].layout, key.microBatch}};
  }

  const std::vector<int64_t> &groupOf(int64_t rank, int64_t index) {
    auto [entry, isNew] = ranks[size_t(rank)].groups.try_emplace(index);
    if (isNew) {
      const Collective &collective = image.collectives[size_t(index)];
      const Stage &stage = image.stages[size_t(collective.stage)];
      entry->second = collectiveGroup(stage, collective.from, collective.to, memberOf(stage, rank));
    }
    return entry->second;
  }

  // A superset of those who read this rank's source; whoever needs nothing reports at once all the same.
  const std::vector<int64_t> &readersOf(int64_t rank, const TransferKey &key) {
    if (key.kind == TransferKind::collective)
      return groupOf(rank, key.index);
    return everyMember[size_t(image.channels[size_t(key.index)].destinationStage)];
  }

  // After a failure nobody waits for readers any more, but sources must outlive the copies under way.
  // Either a mover sees the failure after raising its flag, or its flag is seen here.
  void waitForMovers() const {
    for (const RankState &rank : ranks)
      while (rank.moving.load())
        sched_yield();
  }

  bool move(RankState &rank, const Exchange &exchange, const Route &route, void *destination) {
    rank.moving.store(true);
    bool allowed = !hasFailed.load();
    if (allowed)
      moveParts(exchange, route, destination);
    rank.moving.store(false);
    return allowed;
  }

  static void moveParts(const Exchange &exchange, const Route &route, void *destination) {
    for (const RoutePart &part : route.parts) {
      std::vector<ConstRegion> sources;
      for (int64_t member : part.members)
        sources.push_back({exchange.offered[size_t(member)].address, part.sourceBox});
      const RowCounts &counts = exchange.offered[size_t(part.members.front())].counts;
      if (sources.size() == 1 && counts.values)
        copyCountedRegion(elementBytes(route.elementType), part.region, sources[0], counts, destination,
                          route.destinationBox);
      else if (sources.size() == 1)
        copyRegion(elementBytes(route.elementType), part.region, sources[0], destination, route.destinationBox);
      else
        reduceRegion(route.elementType, route.reduction, part.region, sources, destination, route.destinationBox);
    }
  }

  void ring(const Stage &stage, const std::vector<int64_t> &members) {
    for (int64_t member : members) {
      RankState &rank = ranks[size_t(stage.devices[size_t(member)])];
      // Either this load sees the flag, or the sleeper's check after setting it sees our generation.
      if (!rank.sleeping.load())
        continue;
      std::lock_guard<std::mutex> lock(rank.mutex);
      rank.bell.notify_all();
    }
  }

  bool block(int64_t index, const Wait &wait) {
    // Spin only where every rank has a core; a few yields cost less than a sleep where they share.
    constexpr int yields = 8;
    for (int i = spin ? -200 : 0; i <= yields; ++i) {
      if (hasFailed.load())
        return false;
      if (wait.ready())
        return true;
      if (i < 0)
        __builtin_ia32_pause();
      else if (i < yields)
        sched_yield();
    }
    RankState &rank = ranks[size_t(index)];
    std::unique_lock<std::mutex> lock(rank.mutex);
    rank.wait = &wait;
    transitions.fetch_add(1);
    rank.sleeping.store(true);
    while (!hasFailed.load() && !wait.ready()) {
      if (rank.bell.wait_for(lock, std::chrono::milliseconds(200)) != std::cv_status::timeout)
        continue;
      lock.unlock();
      detectDeadlock();
      lock.lock();
    }
    rank.sleeping.store(false);
    rank.wait = nullptr;
    transitions.fetch_add(1);
    return !hasFailed.load();
  }

  // Exact, whatever the timing: if no rank changed its state during the scan, then all were blocked at
  // once, none of them on something that is there already, and nobody is left who could wake them.
  void detectDeadlock() {
    std::unique_lock<std::mutex> only(detection, std::try_to_lock);
    if (!only.owns_lock())
      return;
    uint64_t before = transitions.load();
    std::string waiting;
    for (size_t r = 0; r < ranks.size(); ++r) {
      std::lock_guard<std::mutex> lock(ranks[r].mutex);
      if (ranks[r].finished)
        continue;
      if (!ranks[r].wait || ranks[r].wait->ready())
        return;
      waiting += (waiting.empty() ? "rank " : "; rank ") + std::to_string(r) + " in " + describe(*ranks[r].wait);
    }
    if (transitions.load() == before && !waiting.empty())
      fail("E-DEADLOCK: every rank waits for another: " + waiting);
  }

  std::string describe(const Wait &wait) const {
    bool collective = wait.key.kind == TransferKind::collective;
    size_t index = size_t(wait.key.index);
    return std::string(wait.verb) + " of " + (collective ? "collective " : "channel ") + std::to_string(index) +
           " (node '" + (collective ? image.collectives[index].node : image.channels[index].node) + "', micro-batch " +
           std::to_string(wait.key.microBatch) + ")";
  }
};

} // namespace

std::unique_ptr<Transport> makeLocalTransport(const Image &image, bool spin) {
  return std::make_unique<LocalTransport>(image, spin);
}

} // namespace partita::runtime
