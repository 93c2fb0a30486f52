// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules of an image. Everything behind this check may index without looking.
#include "partita/runtime/Box.h"

#include <algorithm>
#include <map>
#include <set>

namespace partita::runtime {

namespace {

constexpr int64_t largestExtent = int64_t(1) << 48;
// Parts of a dimension read through a window are looked at one by one.
constexpr int64_t mostParts = 1 << 20;
constexpr uint64_t arenaAlignment = 64;

class Validator {
public:
  Validator(const Image &image, std::string &error) : image(image), error(error) {
    for (const Symbol &symbol : image.symbols)
      bounds.push_back(symbol.maximum);
  }

  bool run() {
    for (const Symbol &symbol : image.symbols)
      require(symbol.minimum >= 0 && symbol.minimum <= symbol.maximum && symbol.maximum <= largestExtent,
              "symbol '" + symbol.name + "' has no valid bounds");
    require(image.workerScratchBytes % arenaAlignment == 0 && image.workerScratchBytes <= uint64_t(largestExtent),
            "the scratch of a thread is not a multiple of 64 bytes");
    for (size_t s = 0; ok && s < image.stages.size(); ++s)
      checkStage(image.stages[s]);
    if (!ok)
      return false;
    for (const Device &device : image.devices)
      checkEvents(device, &device - image.devices.data());
    if (ok)
      checkRawArguments();
    for (const Input &input : image.inputs)
      checkInput(input);
    for (const Output &output : image.outputs)
      if (require(isBuffer(output.stage, output.buffer), "output '" + output.name + "' names no buffer"))
        require(bufferLayout(output.stage, output.buffer).partial.empty(), "output '" + output.name + "' is partial");
    for (const Weight &weight : image.weights)
      checkWeight(weight);
    for (const Stage &stage : image.stages)
      checkSharing(stage);
    for (const Collective &collective : image.collectives)
      checkCollective(collective, &collective - image.collectives.data());
    for (const Channel &channel : image.channels)
      checkChannel(channel);
    return ok;
  }

private:
  const Image &image;
  std::string &error;
  std::vector<int64_t> bounds;
  bool ok = true;

  bool require(bool condition, const std::string &message) {
    if (!condition && ok) {
      error = "E-BAD-FILE: invalid program image: " + message;
      ok = false;
    }
    return condition;
  }

  static bool inRange(int64_t index, size_t size) { return index >= 0 && uint64_t(index) < size; }
  bool isBuffer(int64_t stage, int64_t buffer) const {
    return inRange(stage, image.stages.size()) && inRange(buffer, image.stages[stage].buffers.size());
  }
  const Layout &bufferLayout(int64_t stage, int64_t buffer) const { return image.stages[stage].buffers[buffer].layout; }

  // Both ends of what the extent can be, without overflow.
  bool isExtent(const Extent &extent) const {
    if (extent.coefficients.size() > bounds.size())
      return false;
    __int128 low = extent.constant, high = extent.constant;
    for (size_t i = 0; i < extent.coefficients.size(); ++i) {
      __int128 a = __int128(extent.coefficients[i]) * image.symbols[i].minimum;
      __int128 b = __int128(extent.coefficients[i]) * image.symbols[i].maximum;
      if (std::max(a, b) > largestExtent || std::min(a, b) < -largestExtent)
        return false;
      low += std::min(a, b);
      high += std::max(a, b);
    }
    return low >= 0 && high <= largestExtent;
  }
  Extent highest(const Extent &extent) const {
    Extent result{extent.constant, {}};
    for (size_t i = 0; i < extent.coefficients.size(); ++i)
      result.constant += std::max(extent.coefficients[i] * image.symbols[i].minimum,
                                  extent.coefficients[i] * image.symbols[i].maximum);
    return result;
  }

  static bool isWindow(const Window &window) {
    auto isSmall = [](int64_t number) { return number >= -largestExtent && number <= largestExtent; };
    return window.stride >= 1 && window.reach >= 1 && isSmall(window.stride) && isSmall(window.reach) &&
           isSmall(window.low) && isSmall(window.high);
  }

  // What the part that reads most of a dimension holds. Of a symbolic one a bound: the first parts have the most steps,
  // and a part whose ends both lie inside reads the most.
  static int64_t largestRead(const Dimension &dimension, const Stage &stage, int64_t whole, int64_t mostSteps) {
    const Window &window = dimension.window;
    bool isSymbolic = std::any_of(dimension.extent.coefficients.begin(), dimension.extent.coefficients.end(),
                                  [](int64_t coefficient) { return coefficient != 0; });
    if (mostSteps == 0)
      return 0;
    if (isSymbolic)
      return std::min(whole, (mostSteps - 1) * window.stride + window.reach);
    std::vector<Interval> parts{{0, windowSteps(window, whole)}};
    for (const Split &split : dimension.splits) {
      std::vector<Interval> next;
      for (Interval part : parts)
        for (int64_t index = 0; index < stage.axes[split.axis].size; ++index)
          next.push_back(splitInterval(part, split.unit, stage.axes[split.axis].size, index));
      parts = std::move(next);
    }
    int64_t most = 0;
    for (Interval part : parts)
      most = std::max(most, windowInterval(window, part, whole).length());
    return most;
  }

  // Bytes of the largest local box: by the split rule that of the first parts, at the upper bounds.
  bool checkLayout(const Layout &layout, const Stage &stage, const std::string &what, uint64_t &bytes) {
    std::set<int64_t> used;
    __int128 product = elementBytes(layout.elementType);
    for (const Dimension &dimension : layout.dimensions) {
      if (!require(isExtent(dimension.extent), what + " has an extent out of range"))
        return false;
      const Window &window = dimension.window;
      Interval interval{0, highest(dimension.extent).constant};
      int64_t whole = interval.length();
      if (window.stride != 0) {
        if (!require(isWindow(window) && !dimension.splits.empty(), what + " has an invalid window"))
          return false;
        interval = {0, windowSteps(window, whole)};
      }
      int64_t parts = 1;
      for (const Split &split : dimension.splits) {
        if (!require(inRange(split.axis, stage.axes.size()) && split.unit >= 1 && used.insert(split.axis).second,
                     what + " has an invalid split"))
          return false;
        interval = splitInterval(interval, split.unit, stage.axes[split.axis].size, 0);
        if (window.stride != 0 &&
            !require(stage.axes[split.axis].size <= mostParts / parts, what + " has a window cut into too many parts"))
          return false;
        parts *= window.stride != 0 ? stage.axes[split.axis].size : 1;
      }
      if (window.stride != 0)
        interval = {0, largestRead(dimension, stage, whole, interval.length())};
      product *= interval.length();
      if (!require(product <= largestExtent, what + " is too large"))
        return false;
    }
    for (const PartialAxis &partial : layout.partial)
      if (!require(inRange(partial.axis, stage.axes.size()) && used.insert(partial.axis).second &&
                       partial.kind == layout.partial[0].kind && isReducible(layout.elementType, partial.kind),
                   what + " has an invalid partial axis"))
        return false;
    bytes = uint64_t(product);
    return true;
  }

  bool fits(uint64_t offset, uint64_t stride, int64_t slots, uint64_t bytes, uint64_t size) {
    if (slots < 1 || offset > size || bytes > size || stride > size)
      return false;
    return __int128(offset) + __int128(stride) * (slots - 1) + bytes <= size;
  }

  void checkStage(const Stage &stage) {
    std::string what = "stage '" + stage.name + "'";
    __int128 ranks = 1, time = 1;
    for (const Axis &axis : stage.axes) {
      if (!require(axis.size >= 1, what + " has an empty axis"))
        return;
      (axis.kind == AxisKind::space ? ranks : time) *= axis.size;
      if (!require(ranks <= int64_t(image.devices.size()) && time <= (1 << 24), what + " has axes too large"))
        return;
    }
    std::set<int64_t> distinct(stage.devices.begin(), stage.devices.end());
    require(ranks == int64_t(stage.devices.size()) && distinct.size() == stage.devices.size(),
            what + " does not list one device per coordinate");
    for (int64_t device : stage.devices)
      require(inRange(device, image.devices.size()), what + " names an unknown device");
    require(stage.arenaBytes % arenaAlignment == 0 && stage.arenaBytes <= uint64_t(largestExtent),
            what + " has an arena that is not a multiple of 64 bytes");
    for (const Buffer &buffer : stage.buffers) {
      std::string name = what + " buffer '" + buffer.name + "'";
      uint64_t bytes = 0;
      if (checkLayout(buffer.layout, stage, name, bytes))
        require(bytes <= buffer.bytes &&
                    fits(buffer.offset, buffer.slotStride, buffer.slots, buffer.bytes, stage.arenaBytes) &&
                    buffer.offset % uint64_t(elementBytes(buffer.layout.elementType)) == 0,
                name + " does not fit");
    }
    std::set<EventKind> kinds;
    for (const CallList &list : stage.calls) {
      require(kinds.insert(list.kind).second, what + " has two lists of calls for one kind of event");
      for (const Call &call : list.calls)
        checkCall(call, stage, what);
    }
  }

  void checkCall(const Call &call, const Stage &stage, const std::string &what) {
    require(call.function >= 0 && call.function < image.functionCount, what + " calls an unknown function");
    require(call.scratch <= stage.arenaBytes, what + " has scratch outside of the arena");
    require(inRange(call.firstCollective, image.collectives.size() + 1), what + " calls an unknown collective");
    for (const Argument &argument : call.arguments) {
      bool raw = argument.buffer == -1;
      if (require(raw || inRange(argument.buffer, stage.buffers.size()), what + " passes an unknown buffer"))
        require(argument.offset <= (raw ? stage.arenaBytes : stage.buffers[argument.buffer].bytes),
                what + " passes an address outside of the arena");
    }
  }

  void checkEvents(const Device &device, int64_t rank) {
    std::string what = "device " + std::to_string(device.number);
    for (const Event &event : device.events) {
      if (!require(inRange(event.stage, image.stages.size()) && event.slot >= 0,
                   what + " has an event of an unknown stage or slot"))
        return;
      const Stage &stage = image.stages[event.stage];
      int64_t time = 1;
      for (const Axis &axis : stage.axes)
        time *= axis.kind == AxisKind::time ? axis.size : 1;
      require(std::count(stage.devices.begin(), stage.devices.end(), rank) == 1,
              what + " has an event of another's stage");
      require(event.microBatch >= 0 && event.microBatch < time, what + " has an event of an unknown micro-batch");
      for (const Buffer &buffer : stage.buffers)
        require(buffer.slotStride == 0 || event.slot < buffer.slots, what + " has an event of an unknown slot");
      if (event.kind != EventKind::send && event.kind != EventKind::receive)
        continue;
      if (!require(inRange(event.channel, image.channels.size()), what + " has an event of an unknown channel"))
        return;
      const Channel &channel = image.channels[event.channel];
      require(event.stage == (event.kind == EventKind::send ? channel.sourceStage : channel.destinationStage),
              what + " has an event of another stage's channel");
    }
  }

  // Addresses without a buffer move with the slot, so they are checked for the highest slot in use.
  void checkRawArguments() {
    std::vector<int64_t> highest(image.stages.size(), 0);
    for (const Device &device : image.devices)
      for (const Event &event : device.events)
        highest[event.stage] = std::max(highest[event.stage], event.slot);
    for (size_t s = 0; s < image.stages.size(); ++s)
      for (const CallList &list : image.stages[s].calls)
        for (const Call &call : list.calls)
          for (const Argument &argument : call.arguments)
            require(argument.buffer >= 0 ||
                        fits(argument.offset, argument.slotStride, highest[s] + 1, 0, image.stages[s].arenaBytes),
                    "stage '" + image.stages[s].name + "' passes an address outside of the arena");
  }

  bool sameShape(const Layout &a, const Layout &b) {
    bool same = a.elementType == b.elementType && a.dimensions.size() == b.dimensions.size();
    for (size_t d = 0; same && d < a.dimensions.size(); ++d)
      same = sameExtent(a.dimensions[d].extent, b.dimensions[d].extent);
    return same;
  }
  bool sameExtent(const Extent &a, const Extent &b) {
    bool same = a.constant == b.constant;
    for (size_t i = 0; i < bounds.size(); ++i)
      same = same &&
             (i < a.coefficients.size() ? a.coefficients[i] : 0) == (i < b.coefficients.size() ? b.coefficients[i] : 0);
    return same;
  }

  void checkInput(const Input &input) {
    std::string what = "input '" + input.name + "'";
    for (const Extent &extent : input.shape)
      if (!require(isExtent(extent), what + " has an extent out of range"))
        return;
    for (const StageBuffer &use : input.uses) {
      if (!require(isBuffer(use.stage, use.buffer), what + " names no buffer"))
        return;
      const Layout &layout = bufferLayout(use.stage, use.buffer);
      bool same = layout.elementType == input.elementType && layout.dimensions.size() == input.shape.size();
      for (size_t d = 0; same && d < input.shape.size(); ++d)
        same = sameExtent(layout.dimensions[d].extent, input.shape[d]);
      require(same && layout.partial.empty(), what + " differs from its buffer");
    }
  }

  void checkWeight(const Weight &weight) {
    std::string what = "weight '" + weight.name + "'";
    if (!require(isBuffer(weight.stage, weight.buffer), what + " names no buffer"))
      return;
    const Layout &layout = bufferLayout(weight.stage, weight.buffer);
    __int128 elements = 1, fileElements = 1;
    for (size_t d = 0; d < layout.dimensions.size(); ++d) {
      const Extent &extent = layout.dimensions[d].extent;
      bool isStatic = std::all_of(extent.coefficients.begin(), extent.coefficients.end(),
                                  [](int64_t coefficient) { return coefficient == 0; });
      for (const Split &split : layout.dimensions[d].splits)
        isStatic = isStatic && image.stages[weight.stage].axes[split.axis].kind == AxisKind::space;
      if (!require(isStatic, what + " depends on a symbol or a micro-batch"))
        return;
      elements *= extent.constant;
      if (weight.source != WeightSource::file)
        continue;
      int64_t start = weight.start.empty() ? 0 : d < weight.start.size() ? weight.start[d] : -1;
      if (!require(d < weight.fileShape.size() && start >= 0 && weight.fileShape[d] <= largestExtent &&
                       start <= weight.fileShape[d] - extent.constant,
                   what + " is not a box of the tensor in its file"))
        return;
      fileElements *= weight.fileShape[d];
      if (!require(fileElements <= largestExtent, what + " is too large"))
        return;
    }
    require(layout.partial.empty(), what + " is partial");
    int64_t bytes = elementBytes(layout.elementType);
    if (weight.source == WeightSource::constant)
      require(elements * bytes == __int128(weight.data.size()), what + " has a constant of another size");
    if (weight.source != WeightSource::file)
      return;
    require(weight.fileShape.size() == layout.dimensions.size() && fileElements * bytes == __int128(weight.bytes),
            what + " has another size than the tensor in its file");
    if (require(inRange(weight.file, image.files.size()), what + " names no file"))
      require(weight.offset <= image.files[weight.file].size &&
                  weight.bytes <= image.files[weight.file].size - weight.offset,
              what + " lies outside of its file");
  }

  // What one rank computes for others is the result of that call alone, in one place for all slots.
  void checkSharing(const Stage &stage) {
    std::set<int64_t> weights;
    for (const Weight &weight : image.weights)
      if (inRange(weight.stage, image.stages.size()) && &stage == &image.stages[weight.stage])
        weights.insert(weight.buffer);
    std::map<int64_t, int64_t> writers; // Calls of init and update that a buffer is given to.
    for (const CallList &list : stage.calls)
      for (const Call &call : list.calls)
        for (const Argument &argument : call.arguments)
          writers[argument.buffer] += list.kind == EventKind::init || list.kind == EventKind::update;
    for (const CallList &list : stage.calls)
      for (const Call &call : list.calls) {
        if (call.sameAlong.empty())
          continue;
        std::string what = "stage '" + stage.name + "' shares what '" + call.node + "' computes";
        require(list.kind == EventKind::init, what + " in every step");
        std::set<int64_t> axes;
        for (int64_t axis : call.sameAlong)
          require(inRange(axis, stage.axes.size()) && stage.axes[axis].kind == AxisKind::space &&
                      axes.insert(axis).second,
                  what + " along an invalid axis");
        for (const Argument &argument : call.arguments)
          require(weights.count(argument.buffer) ||
                      (inRange(argument.buffer, stage.buffers.size()) && argument.offset == 0 &&
                       stage.buffers[argument.buffer].slots == 1 && writers[argument.buffer] == 1),
                  what + " with another call");
      }
  }

  void checkCollective(const Collective &collective, int64_t index) {
    std::string what = "collective " + std::to_string(index);
    if (!require(collective.id == index && inRange(collective.stage, image.stages.size()),
                 what + " has another id or an unknown stage"))
      return;
    uint64_t bytes = 0;
    const Stage &stage = image.stages[collective.stage];
    if (!checkLayout(collective.from, stage, what, bytes) || !checkLayout(collective.to, stage, what, bytes))
      return;
    require(sameShape(collective.from, collective.to), what + " changes the shape or type of its tensor");
    for (const PartialAxis &partial : collective.to.partial) {
      bool kept = false;
      for (const PartialAxis &before : collective.from.partial)
        kept = kept || (before.axis == partial.axis && before.kind == partial.kind);
      require(kept, what + " makes a partial value");
    }
    for (const PartialAxis &partial : collective.from.partial) {
      bool kept = false;
      for (const PartialAxis &after : collective.to.partial)
        kept = kept || after.axis == partial.axis;
      require(kept || stage.axes[partial.axis].kind == AxisKind::space, what + " reduces over micro-batches");
    }
  }

  void checkChannel(const Channel &channel) {
    std::string what = "channel '" + channel.node + "'";
    if (!require(isBuffer(channel.sourceStage, channel.sourceBuffer) &&
                     isBuffer(channel.destinationStage, channel.destinationBuffer),
                 what + " names no buffer"))
      return;
    const Layout &from = bufferLayout(channel.sourceStage, channel.sourceBuffer);
    const Layout &to = bufferLayout(channel.destinationStage, channel.destinationBuffer);
    require(sameShape(from, to), what + " changes the shape or type of its tensor");
    require(to.partial.empty(), what + " makes a partial value");
    for (const PartialAxis &partial : from.partial)
      require(image.stages[channel.sourceStage].axes[partial.axis].kind == AxisKind::space,
              what + " reduces over micro-batches");
  }
};

} // namespace

bool validateImage(const Image &image, std::string &error) { return Validator(image, error).run(); }

} // namespace partita::runtime
