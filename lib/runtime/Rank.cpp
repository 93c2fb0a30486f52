// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The walk over the event table.
#include "Rank.h"

#include "partita/runtime/Route.h"

#include <algorithm>

namespace partita::runtime {

static const char *eventName(EventKind kind) {
  static const char *const names[] = {"init",           "forward",         "send",  "receive",
                                      "backward-input", "backward-weight", "update"};
  return names[size_t(kind)];
}

bool Rank::prepare(const Step &init, int64_t rank, int64_t threads, double spinSeconds, bool record,
                   std::string &error) {
  index = rank;
  recordSpans = record;
  findPlaces(init);
  return reserveArena(init.image, error) && reserveWorkerScratch(init.image, threads, error) &&
         team.start(threads, spinSeconds, error);
}

void Rank::findPlaces(const Step &init) {
  for (const Stage &stage : init.image.stages) {
    Place place;
    for (size_t m = 0; m < stage.devices.size(); ++m)
      if (stage.devices[m] == index)
        place.member = int64_t(m);
    for (const Axis &axis : stage.axes)
      place.axisSizes.push_back(axis.size);
    place.elsewhere.assign(stage.buffers.size(), nullptr);
    place.lent.assign(stage.buffers.size(), nullptr);
    place.lendable.assign(stage.buffers.size(), Lendable::no);
    places.push_back(std::move(place));
  }
  findLendable(init.image);
  findInFiles(init);
  for (size_t s = 0; s < places.size(); ++s) {
    Place &place = places[s];
    std::vector<bool> inFile;
    for (const char *found : place.elsewhere)
      inFile.push_back(found != nullptr);
    if (place.member >= 0)
      place.holdings = findHoldings(init.image, int64_t(s), place.member, inFile);
  }
}

// Weights that no call changes are read in their files where they lie there in one piece.
void Rank::findInFiles(const Step &init) {
  std::vector<std::vector<bool>> changed;
  for (const Stage &stage : init.image.stages)
    changed.push_back(givenTo(stage, EventKind::update));
  for (const Weight &weight : init.image.weights) {
    const Stage &stage = init.image.stages[size_t(weight.stage)];
    Place &place = places[size_t(weight.stage)];
    if (place.member < 0 || changed[size_t(weight.stage)][size_t(weight.buffer)])
      continue;
    const Layout &layout = stage.buffers[size_t(weight.buffer)].layout;
    std::vector<int64_t> where = memberCoordinates(stage, place.member, 0);
    place.elsewhere[size_t(weight.buffer)] =
        init.weights.find(weight, layout.elementType, globalBox(layout, init.symbols.data()),
                          localBox(layout, stage.axes, where.data(), init.symbols.data()));
  }
}

void Rank::findShared(const Step &init, const std::vector<Rank> &all) {
  for (size_t s = 0; s < places.size(); ++s) {
    Place &place = places[s];
    for (size_t b = 0; place.member >= 0 && b < place.elsewhere.size(); ++b) {
      int64_t holder = place.holdings.holder[b];
      const Buffer &buffer = init.image.stages[s].buffers[b];
      if (holder == place.member)
        continue;
      place.elsewhere[b] = all[size_t(init.image.stages[s].devices[size_t(holder)])].places[s].arena + buffer.offset;
      sharedSize += buffer.bytes;
    }
  }
}

// Inputs and outputs that live for one event: no weights, nothing that another rank reads or writes.
void Rank::findLendable(const Image &image) {
  auto mark = [&](int64_t stage, int64_t buffer, Lendable kind) {
    places[size_t(stage)].lendable[size_t(buffer)] = kind;
  };
  for (const Output &output : image.outputs)
    mark(output.stage, output.buffer, Lendable::output);
  // What is returned as it came in is an input: what is loaded into it has to stay.
  for (const Input &input : image.inputs)
    for (const StageBuffer &use : input.uses)
      mark(use.stage, use.buffer, Lendable::input);
  for (const Weight &weight : image.weights)
    mark(weight.stage, weight.buffer, Lendable::no);
  for (const Channel &channel : image.channels) {
    mark(channel.sourceStage, channel.sourceBuffer, Lendable::no);
    mark(channel.destinationStage, channel.destinationBuffer, Lendable::no);
  }
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
  releaseSends([](const PendingSend &) { return true; });
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
             this,
             workerScratch};
}

bool Rank::execute() {
  switch (event->kind) {
  case EventKind::send:
    step->transport.offer(index, channelKey(), address(step->image.channels[size_t(event->channel)].sourceBuffer), {});
    pending.push_back({event->stage, event->slot, channelKey()});
    return true;
  case EventKind::receive: {
    int64_t buffer = step->image.channels[size_t(event->channel)].destinationBuffer;
    // What is sent on as it was received lies in the buffer that it was received into.
    auto lies = [&](const PendingSend &send) {
      return isInSlot(send) && step->image.channels[size_t(send.key.index)].sourceBuffer == buffer;
    };
    return releaseSends(lies) && step->transport.fetch(index, channelKey(), address(buffer));
  }
  case EventKind::forward:
    if (!releaseSends([&](const PendingSend &send) { return isInSlot(send); }))
      return false;
    std::fill(places[size_t(event->stage)].lent.begin(), places[size_t(event->stage)].lent.end(), nullptr);
    loadInputs();
    lendOutputs();
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
      if (kind == EventKind::init && !places[size_t(event->stage)].holdings.makesCall[i])
        continue;
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
      if (kind == EventKind::init)
        dropSources(list, i);
    }
  if (kind == EventKind::init)
    loadWeights(nextWeight, UINT64_MAX);
  return true;
}

// Loads the weights that are due before this call; those due before `done` are loaded already.
void Rank::loadWeights(uint64_t &done, uint64_t beforeCall) {
  const Image &image = step->image;
  const Stage &stage = image.stages[size_t(event->stage)];
  const Place &place = places[size_t(event->stage)];
  for (const Weight &weight : image.weights) {
    bool due = weight.beforeCall >= done && (weight.beforeCall <= beforeCall);
    if (weight.stage != event->stage || !due || place.elsewhere[size_t(weight.buffer)] ||
        !place.holdings.isRead[size_t(weight.buffer)])
      continue;
    const Layout &layout = stage.buffers[size_t(weight.buffer)].layout;
    step->weights.load(weight, layout.elementType, globalBox(layout, step->symbols.data()),
                       localBox(layout, stage.axes, coordinates.data(), step->symbols.data()), address(weight.buffer));
  }
  done = beforeCall == UINT64_MAX ? beforeCall : beforeCall + 1;
}

// Vectors of any width lie as in the arena.
constexpr uintptr_t lentAlignment = 64;

// Lets calls work in the caller's tensor instead of a copy, where this rank has all of it.
bool Rank::lend(Lendable kind, int64_t buffer, const Box &local, const Box &global, const void *memory) {
  Place &place = places[size_t(event->stage)];
  if (!step->lendsTensors || place.lendable[size_t(buffer)] != kind || place.lent[size_t(buffer)] || local != global ||
      reinterpret_cast<uintptr_t>(memory) % lentAlignment != 0)
    return false;
  // Calls do not write inputs.
  place.lent[size_t(buffer)] = static_cast<char *>(const_cast<void *>(memory));
  return true;
}

// The pages of files from which this init call was the last to read.
void Rank::dropSources(const CallList &list, size_t done) {
  const Place &place = places[size_t(event->stage)];
  auto isReadLater = [&](int64_t buffer) {
    return place.holdings.readInSteps[size_t(buffer)] ||
           std::any_of(list.calls.begin() + ptrdiff_t(done) + 1, list.calls.end(), [&](const Call &later) {
             return std::any_of(later.arguments.begin(), later.arguments.end(),
                                [&](const Argument &argument) { return argument.buffer == buffer; });
           });
  };
  for (const Argument &argument : list.calls[done].arguments)
    if (argument.buffer >= 0 && place.elsewhere[size_t(argument.buffer)] && !isReadLater(argument.buffer))
      step->weights.drop(place.elsewhere[size_t(argument.buffer)],
                         step->image.stages[size_t(event->stage)].buffers[size_t(argument.buffer)].bytes);
}

void Rank::loadInputs() {
  for (size_t i = 0; i < step->inputs.size(); ++i)
    for (const StageBuffer &use : step->image.inputs[i].uses) {
      if (use.stage != event->stage)
        continue;
      const Stage &stage = step->image.stages[size_t(use.stage)];
      const Layout &layout = stage.buffers[size_t(use.buffer)].layout;
      Box box = localBox(layout, stage.axes, coordinates.data(), step->symbols.data());
      Box whole = globalBox(layout, step->symbols.data());
      if (!lend(Lendable::input, use.buffer, box, whole, step->inputs[i].data))
        copyRegion(elementBytes(layout.elementType), box, {step->inputs[i].data, whole}, address(use.buffer), box);
    }
}

void Rank::lendOutputs() {
  for (size_t i = 0; i < step->outputs.size(); ++i) {
    const Output &output = step->image.outputs[i];
    if (output.stage != event->stage)
      continue;
    const Stage &stage = step->image.stages[size_t(output.stage)];
    const Layout &layout = stage.buffers[size_t(output.buffer)].layout;
    if (isOwner(stage, layout, coordinates))
      lend(Lendable::output, output.buffer, localBox(layout, stage.axes, coordinates.data(), step->symbols.data()),
           globalBox(layout, step->symbols.data()), step->outputs[i]);
  }
}

void Rank::storeOutputs() {
  for (size_t i = 0; i < step->outputs.size(); ++i) {
    const Output &output = step->image.outputs[i];
    if (output.stage != event->stage)
      continue;
    const Stage &stage = step->image.stages[size_t(output.stage)];
    const Layout &layout = stage.buffers[size_t(output.buffer)].layout;
    const char *from = address(output.buffer);
    if (from == step->outputs[i] || !isOwner(stage, layout, coordinates))
      continue;
    Box box = localBox(layout, stage.axes, coordinates.data(), step->symbols.data());
    copyRegion(elementBytes(layout.elementType), box, {from, box}, step->outputs[i],
               globalBox(layout, step->symbols.data()));
  }
}

bool Rank::isInSlot(const PendingSend &send) const { return send.stage == event->stage && send.slot == event->slot; }

// Waits until the readers are through with what this rank sent, where `isDue`: all of it at the end of a step, else
// what the coming event overwrites.
template <typename Predicate> bool Rank::releaseSends(Predicate isDue) {
  std::vector<PendingSend> kept;
  for (const PendingSend &send : pending) {
    if (!isDue(send))
      kept.push_back(send);
    else if (!step->transport.release(index, send.key))
      return false;
  }
  pending.swap(kept);
  return true;
}

TransferKey Rank::channelKey() const { return {TransferKind::channel, event->channel, event->microBatch}; }

char *Rank::address(int64_t buffer) const {
  if (char *place = places[size_t(event->stage)].lent[size_t(buffer)])
    return place;
  // Only read: what is updated, and what an init call writes, lies in the rank's own arena.
  if (const char *place = places[size_t(event->stage)].elsewhere[size_t(buffer)])
    return const_cast<char *>(place);
  const Buffer &found = step->image.stages[size_t(event->stage)].buffers[size_t(buffer)];
  return context.arena + found.offset + uint64_t(event->slot) * found.slotStride;
}

void Rank::record(const std::string &name, double begin) {
  // A trace of this size still opens in Perfetto.
  if (recordSpans && spans.size() < 200000)
    spans.push_back({name, begin, now()});
}

void Rank::startCollective(int64_t id, const void *source, void *destination, const RowCounts &counts) {
  int64_t absolute = call->firstCollective + id;
  if (absolute < 0 || uint64_t(absolute) >= step->image.collectives.size() ||
      step->image.collectives[size_t(absolute)].stage != event->stage)
    return fail("there is no collective " + std::to_string(absolute) + " in this stage");
  destinations[absolute] = destination;
  step->transport.offer(index, {TransferKind::collective, absolute, event->microBatch}, source, counts);
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

// A loop that takes less is over before help has come that looks, or that sleeps (decision 0016).
constexpr double leastShared = 3e-6, leastWoken = 20e-6;

void Rank::runLoop(partita_context *shared, int64_t begin, int64_t end, int64_t grain, partita_loop_body body,
                   void *data) {
  grain = std::max<int64_t>(grain, 1);
  int64_t chunks = end > begin ? (end - begin - 1) / grain + 1 : 0;
  auto runChunk = [&](partita_context *seen, int64_t chunk) {
    int64_t first = begin + chunk * grain;
    body(seen, first, std::min(end, first + grain), data);
  };
  bool isInsideBody = shared != &context;
  if (team.size() == 1 || chunks < 2 || isInsideBody) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
      runChunk(shared, chunk);
    return;
  }
  // What a chunk takes is known from the last time.
  double &chunkSeconds = loopSeconds.try_emplace(body, leastShared).first->second;
  bool isShared = double(chunks) * chunkSeconds >= (team.sleeps() ? leastWoken : leastShared);
  std::atomic<int64_t> next{0};
  auto work = [&](int64_t member) {
    partita_context own = *shared;
    own.workerScratch = workerScratch + uint64_t(member) * workerScratchStride;
    Clock::time_point start = Clock::now();
    int64_t done = 0;
    for (int64_t chunk; (chunk = next.fetch_add(1, std::memory_order_relaxed)) < chunks; ++done)
      runChunk(&own, chunk);
    if (member == 0 && done > 0)
      chunkSeconds = std::chrono::duration<double>(Clock::now() - start).count() / double(done);
  };
  isShared ? team.help(work, chunks - 1) : work(0);
}

void Rank::fail(const std::string &message) {
  step->transport.fail("E-RUN: rank " + std::to_string(index) + ", stage '" +
                       step->image.stages[size_t(event->stage)].name + "', " + eventName(event->kind) +
                       ", micro-batch " + std::to_string(event->microBatch) +
                       (call && !call->node.empty() ? ", node '" + call->node + "'" : std::string()) + ": " + message);
}

} // namespace partita::runtime
