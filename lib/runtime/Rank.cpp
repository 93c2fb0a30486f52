// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over the event table.
#include "Rank.h"

#include "partita/runtime/Route.h"

#include <algorithm>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace partita::runtime {

static const char *eventName(EventKind kind) {
  static const char *const names[] = {"init",           "forward",         "send",  "receive",
                                      "backward-input", "backward-weight", "update"};
  return names[size_t(kind)];
}

Rank::~Rank() {
  if (arena)
    munmap(arena, arenaSize);
}

bool Rank::prepare(const Image &image, int64_t rank, int64_t threads, bool spin, bool record, std::string &error) {
  index = rank;
  recordSpans = record;
  for (const Stage &stage : image.stages) {
    Place place;
    for (size_t m = 0; m < stage.devices.size(); ++m)
      if (stage.devices[m] == rank)
        place.member = int64_t(m);
    for (const Axis &axis : stage.axes)
      place.axisSizes.push_back(axis.size);
    arenaSize += place.member >= 0 ? stage.arenaBytes : 0;
    places.push_back(std::move(place));
  }
  if (arenaSize > 0) {
    void *memory = mmap(nullptr, arenaSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      error = "E-MEMORY: rank " + std::to_string(rank) + " cannot reserve its arena of " + std::to_string(arenaSize) +
              " bytes: " + strerror(errno);
      return false;
    }
    arena = static_cast<char *>(memory);
  }
  uint64_t offset = 0;
  for (size_t s = 0; s < places.size(); ++s)
    if (places[s].member >= 0) {
      places[s].arena = arena + offset;
      offset += image.stages[s].arenaBytes;
    }
  return team.start(threads, spin, error);
}

void Rank::walk(const Step &next) {
  step = &next;
  for (const Event &each : step->image.devices[size_t(index)].events) {
    if ((each.kind == EventKind::init) != step->isInit)
      continue;
    double begin = now();
    enter(each);
    bool ok = execute();
    record(std::string(eventName(each.kind)) + " " + step->image.stages[size_t(each.stage)].name + " micro-batch " +
               std::to_string(each.microBatch),
           begin);
    if (!ok)
      break;
  }
  releaseSends(true);
  pending.clear();
  destinations.clear();
  step->transport.finish(index);
}

void Rank::enter(const Event &next) {
  event = &next;
  call = nullptr;
  const Place &place = places[size_t(event->stage)];
  coordinates = memberCoordinates(step->image.stages[size_t(event->stage)], place.member, event->microBatch);
  context = {coordinates.data(),
             place.axisSizes.data(),
             step->symbols.data(),
             place.arena,
             place.arena,
             event->microBatch,
             event->slot,
             event->version,
             this};
}

bool Rank::execute() {
  switch (event->kind) {
  case EventKind::send:
    step->transport.offer(index, channelKey(), address(step->image.channels[size_t(event->channel)].sourceBuffer));
    pending.push_back({event->stage, event->slot, channelKey()});
    return true;
  case EventKind::receive:
    return step->transport.fetch(index, channelKey(),
                                 address(step->image.channels[size_t(event->channel)].destinationBuffer));
  case EventKind::forward:
    if (!releaseSends(false))
      return false;
    loadInputs();
    if (!runCalls(EventKind::forward))
      return false;
    storeOutputs();
    return true;
  default:
    return runCalls(event->kind);
  }
}

bool Rank::runCalls(EventKind kind) {
  const Stage &stage = step->image.stages[size_t(event->stage)];
  uint64_t nextWeight = 0, done = 0;
  std::vector<void *> arguments;
  for (const CallList &list : stage.calls)
    for (size_t i = 0; list.kind == kind && i < list.calls.size(); ++i) {
      if (kind == EventKind::init)
        loadWeights(nextWeight, done++);
      call = &list.calls[i];
      double begin = now();
      arguments.clear();
      for (const Argument &argument : call->arguments)
        arguments.push_back(argument.buffer >= 0
                                ? address(argument.buffer) + argument.offset
                                : context.arena + argument.offset + uint64_t(event->slot) * argument.slotStride);
      context.scratch = context.arena + call->scratch;
      step->functions[call->function](&context, arguments.data());
      if (!call->node.empty())
        record(call->node, begin);
      call = nullptr;
      if (step->transport.failed())
        return false;
    }
  if (kind == EventKind::init)
    loadWeights(nextWeight, UINT64_MAX);
  return true;
}

// Loads the weights that are due before this call; those due before `done` are loaded already.
void Rank::loadWeights(uint64_t &done, uint64_t beforeCall) {
  const Image &image = step->image;
  const Stage &stage = image.stages[size_t(event->stage)];
  for (const Weight &weight : image.weights) {
    bool due = weight.beforeCall >= done && (weight.beforeCall <= beforeCall);
    if (weight.stage != event->stage || !due)
      continue;
    const Layout &layout = stage.buffers[size_t(weight.buffer)].layout;
    step->weights.load(weight, layout.elementType, globalBox(layout, step->symbols.data()),
                       localBox(layout, stage.axes, coordinates.data(), step->symbols.data()), address(weight.buffer));
  }
  done = beforeCall == UINT64_MAX ? beforeCall : beforeCall + 1;
}

void Rank::loadInputs() {
  for (size_t i = 0; i < step->inputs.size(); ++i)
    for (const StageBuffer &use : step->image.inputs[i].uses) {
      if (use.stage != event->stage)
        continue;
      const Stage &stage = step->image.stages[size_t(use.stage)];
      const Layout &layout = stage.buffers[size_t(use.buffer)].layout;
      Box box = localBox(layout, stage.axes, coordinates.data(), step->symbols.data());
      copyRegion(elementBytes(layout.elementType), box, {step->inputs[i].data, globalBox(layout, step->symbols.data())},
                 address(use.buffer), box);
    }
}

void Rank::storeOutputs() {
  for (size_t i = 0; i < step->outputs.size(); ++i) {
    const Output &output = step->image.outputs[i];
    if (output.stage != event->stage)
      continue;
    const Stage &stage = step->image.stages[size_t(output.stage)];
    const Layout &layout = stage.buffers[size_t(output.buffer)].layout;
    if (!isOwner(stage, layout, coordinates))
      continue;
    Box box = localBox(layout, stage.axes, coordinates.data(), step->symbols.data());
    copyRegion(elementBytes(layout.elementType), box, {address(output.buffer), box}, step->outputs[i],
               globalBox(layout, step->symbols.data()));
  }
}

// Waits until the readers are through with what this rank sent: all of it at the end of a step, else
// what lies in the slot that the coming event overwrites.
bool Rank::releaseSends(bool all) {
  std::vector<PendingSend> kept;
  for (const PendingSend &send : pending) {
    if (!all && (send.stage != event->stage || send.slot != event->slot))
      kept.push_back(send);
    else if (!step->transport.release(index, send.key))
      return false;
  }
  pending.swap(kept);
  return true;
}

TransferKey Rank::channelKey() const { return {TransferKind::channel, event->channel, event->microBatch}; }

char *Rank::address(int64_t buffer) const {
  const Buffer &found = step->image.stages[size_t(event->stage)].buffers[size_t(buffer)];
  return context.arena + found.offset + uint64_t(event->slot) * found.slotStride;
}

void Rank::record(const std::string &name, double begin) {
  // A trace of this size still opens in Perfetto.
  if (recordSpans && spans.size() < 200000)
    spans.push_back({name, begin, now()});
}

void Rank::startCollective(int64_t id, const void *source, void *destination) {
  int64_t absolute = call->firstCollective + id;
  if (absolute < 0 || uint64_t(absolute) >= step->image.collectives.size() ||
      step->image.collectives[size_t(absolute)].stage != event->stage)
    return fail("there is no collective " + std::to_string(absolute) + " in this stage");
  destinations[absolute] = destination;
  step->transport.offer(index, {TransferKind::collective, absolute, event->microBatch}, source);
}

void Rank::waitForCollective(int64_t id) {
  int64_t absolute = call->firstCollective + id;
  auto entry = destinations.find(absolute);
  if (entry == destinations.end())
    return fail("collective " + std::to_string(absolute) + " was not started");
  TransferKey key{TransferKind::collective, absolute, event->microBatch};
  double begin = now();
  if (step->transport.fetch(index, key, entry->second))
    step->transport.release(index, key);
  destinations.erase(entry);
  record(step->image.collectives[size_t(absolute)].node + " wait", begin);
}

void Rank::runLoop(partita_context *shared, int64_t begin, int64_t end, int64_t grain, partita_loop_body body,
                   void *data) {
  grain = std::max<int64_t>(grain, 1);
  int64_t chunks = end > begin ? (end - begin - 1) / grain + 1 : 0;
  auto runChunk = [&](int64_t chunk) {
    int64_t first = begin + chunk * grain;
    body(shared, first, std::min(end, first + grain), data);
  };
  if (team.size() == 1 || chunks < 2) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      runChunk(chunk);
    return;
  }
  std::atomic<int64_t> next{0};
  team.run([&](int64_t) {
    for (int64_t chunk; (chunk = next.fetch_add(1)) < chunks;)
      runChunk(chunk);
  });
}

void Rank::fail(const std::string &message) {
  step->transport.fail("E-RUN: rank " + std::to_string(index) + ", stage '" +
                       step->image.stages[size_t(event->stage)].name + "', " + eventName(event->kind) +
                       ", micro-batch " + std::to_string(event->microBatch) +
                       (call && !call->node.empty() ? ", node '" + call->node + "'" : std::string()) + ": " + message);
}

} // namespace partita::runtime
