// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who holds what.
#include "Sharing.h"

#include "partita/runtime/Route.h"

#include <algorithm>
#include <map>

namespace partita::runtime {

int64_t findHolder(const Stage &stage, const std::vector<int64_t> &axes, int64_t member, int64_t turn) {
  std::vector<int64_t> coordinates = memberCoordinates(stage, member, 0);
  for (int64_t axis : axes) {
    coordinates[size_t(axis)] = turn % stage.axes[size_t(axis)].size;
    turn /= stage.axes[size_t(axis)].size;
  }
  int64_t holder = 0;
  for (size_t a = 0; a < stage.axes.size(); ++a)
    if (stage.axes[a].kind == AxisKind::space)
      holder = holder * stage.axes[a].size + coordinates[a];
  return holder;
}

// Axes of kind space over which a layout is replicated.
static std::vector<int64_t> replicatedAxes(const Stage &stage, const Layout &layout) {
  std::vector<int64_t> axes;
  for (size_t a = 0; a < stage.axes.size(); ++a) {
    auto isAxis = [&](const auto &named) { return named.axis == int64_t(a); };
    bool isNamed = std::any_of(layout.partial.begin(), layout.partial.end(), isAxis);
    for (const Dimension &dimension : layout.dimensions)
      isNamed |= std::any_of(dimension.splits.begin(), dimension.splits.end(), isAxis);
    if (!isNamed && stage.axes[a].kind == AxisKind::space)
      axes.push_back(int64_t(a));
  }
  return axes;
}

namespace {

using Flags = std::vector<bool>; // Per buffer of a stage.

void add(Flags &all, const Flags &more) {
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = all[i] || more[i];
}

void markArguments(Flags &given, const Call &call) {
  for (const Argument &argument : call.arguments)
    if (argument.buffer >= 0)
      given[size_t(argument.buffer)] = true;
}

} // namespace

std::vector<bool> givenTo(const Stage &stage, EventKind kind) {
  Flags given(stage.buffers.size());
  for (const CallList &list : stage.calls)
    for (const Call &call : list.calls)
      if (list.kind == kind)
        markArguments(given, call);
  return given;
}

namespace {

// By other events than init.
Flags findReadInSteps(const Image &image, int64_t stage) {
  const Stage &where = image.stages[size_t(stage)];
  Flags read(where.buffers.size());
  for (const CallList &list : where.calls)
    if (list.kind != EventKind::init)
      add(read, givenTo(where, list.kind));
  for (const Output &output : image.outputs)
    if (output.stage == stage)
      read[size_t(output.buffer)] = true;
  for (const Channel &channel : image.channels)
    if (channel.sourceStage == stage)
      read[size_t(channel.sourceBuffer)] = true;
  return read;
}

Flags findWeights(const Image &image, int64_t stage) {
  Flags weights(image.stages[size_t(stage)].buffers.size());
  for (const Weight &weight : image.weights)
    if (weight.stage == stage)
      weights[size_t(weight.buffer)] = true;
  return weights;
}

// A call of init, or a weight that is copied.
struct Shared {
  std::vector<int64_t> axes;
  uint64_t bytes = 0;
  const Call *call = nullptr;
  int64_t buffer = -1;
};

// In the order of init. It depends on the image alone, so that all members see the same.
std::vector<Shared> collectShared(const Stage &stage, const Flags &weights, const Flags &copied) {
  std::vector<Shared> all;
  for (const CallList &list : stage.calls)
    for (const Call &call : list.calls) {
      if (list.kind != EventKind::init)
        continue;
      all.push_back({call.sameAlong, 0, &call, -1});
      for (const Argument &argument : call.arguments)
        if (argument.buffer >= 0 && !weights[size_t(argument.buffer)])
          all.back().bytes += stage.buffers[size_t(argument.buffer)].bytes;
    }
  for (size_t b = 0; b < stage.buffers.size(); ++b)
    if (copied[b])
      all.push_back({replicatedAxes(stage, stage.buffers[b].layout), stage.buffers[b].bytes, nullptr, int64_t(b)});
  return all;
}

// Of those that are shared along the same axes, each member of a group gets a piece of the list with about as many
// bytes as the others: neighbours lie together in an arena, too.
std::vector<int64_t> dealOut(const Stage &stage, const std::vector<Shared> &all) {
  std::map<std::vector<int64_t>, std::pair<uint64_t, uint64_t>> bytes; // Of all, and of those before.
  for (const Shared &each : all)
    bytes[each.axes].first += each.bytes;
  std::vector<int64_t> turns;
  for (const Shared &each : all) {
    auto &[whole, before] = bytes[each.axes];
    __int128 size = 1;
    for (int64_t axis : each.axes)
      size *= stage.axes[size_t(axis)].size;
    turns.push_back(whole == 0 ? 0 : int64_t(size * before / whole));
    before += each.bytes;
  }
  return turns;
}

} // namespace

Holdings findHoldings(const Image &image, int64_t number, int64_t member, const std::vector<bool> &inFile) {
  const Stage &stage = image.stages[size_t(number)];
  size_t count = stage.buffers.size();
  Holdings holdings{
      std::vector<int64_t>(count, member), {}, Flags(count), findReadInSteps(image, number), Flags(count)};
  Flags weights = findWeights(image, number), ofInit = givenTo(stage, EventKind::init),
        ofUpdate = givenTo(stage, EventKind::update), copied(count);
  // What init calls read as well would have to be awaited there.
  for (size_t b = 0; b < count; ++b)
    copied[b] = weights[b] && holdings.readInSteps[b] && !ofInit[b] && !ofUpdate[b];
  std::vector<Shared> all = collectShared(stage, weights, copied);
  std::vector<int64_t> turns = dealOut(stage, all);
  for (size_t i = 0; i < all.size(); ++i) {
    int64_t holder = findHolder(stage, all[i].axes, member, turns[i]);
    if (!all[i].call) {
      if (!inFile[size_t(all[i].buffer)])
        holdings.holder[size_t(all[i].buffer)] = holder;
      continue;
    }
    holdings.makesCall.push_back(holder == member);
    if (holder == member)
      markArguments(holdings.isRead, *all[i].call);
    for (const Argument &argument : all[i].call->arguments)
      if (argument.buffer >= 0 && !weights[size_t(argument.buffer)])
        holdings.holder[size_t(argument.buffer)] = holder;
  }
  for (size_t b = 0; b < count; ++b) {
    holdings.isRead[b] = holdings.isRead[b] || holdings.readInSteps[b] || !ofInit[b];
    holdings.lasts[b] = holdings.readInSteps[b] && (weights[b] || ofInit[b]);
  }
  return holdings;
}

} // namespace partita::runtime
