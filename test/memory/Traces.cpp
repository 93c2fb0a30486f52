// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Traces.cpp - Live ranges as neural networks have them -----------------------------===//
#include "Traces.h"

using namespace partita::memory;

namespace {
/// Runs a list of unary and binary steps forward and, for training, backward: the backward step of each reads
/// its inputs, its output and the gradient of its output, and writes (or adds to) gradients of its inputs.
class Tape {
public:
  explicit Tape(bool isTraining) : isTraining(isTraining) {}

  size_t apply(std::vector<size_t> inputs, int64_t bytes, bool needsOutput = true) {
    builder.step();
    for (size_t input : inputs)
      builder.read(input);
    size_t output = builder.write(bytes);
    steps.push_back({std::move(inputs), output, needsOutput});
    return output;
  }

  std::vector<LiveRange> finish() {
    if (isTraining)
      runBackward();
    return builder.ranges;
  }

private:
  struct Step {
    std::vector<size_t> inputs;
    size_t output;
    bool needsOutput;
  };

  void runBackward() {
    size_t values = builder.ranges.size();
    std::vector<size_t> gradient(values, SIZE_MAX);
    builder.step();
    gradient[steps.back().output] = builder.write(builder.ranges[steps.back().output].bytes);
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
      builder.step();
      if (step->needsOutput)
        builder.read(step->output);
      builder.read(gradient[step->output]);
      for (size_t input : step->inputs) {
        builder.read(input);
        if (gradient[input] == SIZE_MAX)
          gradient[input] = builder.write(builder.ranges[input].bytes);
        builder.read(gradient[input]);
      }
      builder.write(1 << 20); // the gradient of a weight until the optimizer has used it
      builder.ranges.back().end = builder.event + 1;
    }
  }

  bool isTraining;
  TraceBuilder builder;
  std::vector<Step> steps;
};
} // namespace

std::vector<LiveRange> partita::memory::makeChain(const std::vector<int64_t> &sizes) {
  Tape tape(false);
  size_t value = tape.apply({}, sizes.front());
  for (size_t i = 1; i < sizes.size(); ++i)
    value = tape.apply({value}, sizes[i]);
  return tape.finish();
}

std::vector<LiveRange> partita::memory::makeTransformer(int layers, int64_t tokens, int64_t hidden, int64_t feedForward,
                                                        int64_t heads, bool isTraining) {
  Tape tape(isTraining);
  int64_t row = tokens * hidden * 4;
  size_t stream = tape.apply({}, row);
  for (int layer = 0; layer < layers; ++layer) {
    size_t norm = tape.apply({stream}, row);
    size_t query = tape.apply({norm}, row), key = tape.apply({norm}, row), value = tape.apply({norm}, row);
    size_t scores = tape.apply({query, key}, tokens * tokens * heads * 4, false);
    size_t weights = tape.apply({scores}, tokens * tokens * heads * 4);
    size_t mixed = tape.apply({weights, value}, row);
    size_t projected = tape.apply({mixed}, row, false);
    stream = tape.apply({stream, projected}, row, false);
    norm = tape.apply({stream}, row);
    size_t gate = tape.apply({norm}, tokens * feedForward * 4), up = tape.apply({norm}, tokens * feedForward * 4);
    size_t product = tape.apply({gate, up}, tokens * feedForward * 4);
    size_t down = tape.apply({product}, row, false);
    stream = tape.apply({stream, down}, row, false);
  }
  size_t logits = tape.apply({stream}, tokens * 50257 * 4);
  tape.apply({logits}, 4);
  return tape.finish();
}

std::vector<LiveRange> partita::memory::makeUNet(int depth, int64_t channels, int64_t resolution, bool isTraining) {
  Tape tape(isTraining);
  auto bytes = [&](int level) { return (channels << level) * (resolution >> level) * (resolution >> level) * 4; };
  std::vector<size_t> skips;
  size_t value = tape.apply({}, 3 * resolution * resolution * 4);
  for (int level = 0; level < depth; ++level) {
    value = tape.apply({tape.apply({value}, bytes(level))}, bytes(level));
    skips.push_back(value);
    value = tape.apply({value}, bytes(level) / 4);
  }
  value = tape.apply({tape.apply({value}, bytes(depth))}, bytes(depth));
  for (int level = depth - 1; level >= 0; --level) {
    value = tape.apply({value}, bytes(level));
    size_t joined = tape.apply({value, skips[level]}, 2 * bytes(level));
    value = tape.apply({tape.apply({joined}, bytes(level))}, bytes(level));
  }
  tape.apply({value}, resolution * resolution * 4);
  return tape.finish();
}

std::vector<LiveRange> partita::memory::makeDenseNet(int blocks, int layersPerBlock, int64_t growth,
                                                     int64_t resolution) {
  Tape tape(false);
  size_t value = tape.apply({}, growth * resolution * resolution * 4);
  for (int block = 0; block < blocks; ++block, resolution /= 2) {
    int64_t area = resolution * resolution * 4;
    std::vector<size_t> inputs = {value};
    for (int layer = 0; layer < layersPerBlock; ++layer) {
      size_t joined = tape.apply(inputs, growth * (layer + 1) * area);
      size_t narrow = tape.apply({joined}, 4 * growth * area);
      inputs.push_back(tape.apply({narrow}, growth * area));
    }
    value = tape.apply({tape.apply(inputs, growth * (layersPerBlock + 1) * area)}, growth * area / 4);
  }
  return tape.finish();
}

std::vector<LiveRange> partita::memory::makeResNet(bool isTraining) {
  Tape tape(isTraining);
  size_t value = tape.apply({tape.apply({}, 3 * 224 * 224 * 4)}, 64 * 112 * 112 * 4);
  value = tape.apply({value}, 64 * 56 * 56 * 4);
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage) {
    int64_t area = int64_t(56 >> stage) * (56 >> stage) * 4, width = 64 << stage;
    for (int block = 0; block < blocks[stage]; ++block) {
      size_t shortcut = block == 0 ? tape.apply({value}, 4 * width * area) : value;
      size_t inner = tape.apply({value}, width * area);
      for (int layer = 0; layer < 3; ++layer)
        inner = tape.apply({inner}, width * area);
      inner = tape.apply({inner}, 4 * width * area);
      value = tape.apply({tape.apply({inner, shortcut}, 4 * width * area)}, 4 * width * area);
    }
  }
  tape.apply({tape.apply({value}, 2048 * 4)}, 4000);
  return tape.finish();
}

std::vector<LiveRange> partita::memory::makeBranches(int branches, int length, unsigned seed) {
  std::mt19937 random(seed);
  Tape tape(false);
  size_t source = tape.apply({}, 1 << 20);
  std::vector<size_t> ends;
  for (int branch = 0; branch < branches; ++branch) {
    size_t value = source;
    for (int i = random() % length; i >= 0; --i)
      value = tape.apply({value}, int64_t(1 + random() % 64) << 14);
    ends.push_back(value);
  }
  tape.apply({tape.apply(ends, 1 << 22)}, 1 << 20);
  return tape.finish();
}

std::vector<LiveRange> partita::memory::makeRandom(std::mt19937 &random, int count, int64_t events, int64_t mostBytes,
                                                   int64_t mostDuration) {
  std::vector<LiveRange> ranges;
  for (int i = 0; i < count; ++i) {
    int64_t begin = random() % events, duration = random() % mostDuration;
    int64_t alignment = int64_t(1) << random() % 8;
    ranges.push_back({begin, std::min(events, begin + duration), int64_t(random() % (mostBytes + 1)), alignment});
  }
  return ranges;
}

std::vector<std::pair<std::string, std::vector<LiveRange>>> partita::memory::makeNetworkTraces() {
  std::vector<std::pair<std::string, std::vector<LiveRange>>> traces;
  traces.emplace_back("mlp", makeChain({4096, 65536, 65536, 32768, 65536, 4096, 40}));
  for (int layers : {1, 2, 12, 48})
    for (bool isTraining : {false, true})
      for (int64_t tokens : {16, 512, 2048})
        traces.emplace_back("transformer " + std::to_string(layers) + "x" + std::to_string(tokens) +
                                (isTraining ? " training" : ""),
                            makeTransformer(layers, tokens, 768, 3072, 12, isTraining));
  for (bool isTraining : {false, true}) {
    traces.emplace_back(isTraining ? "resnet training" : "resnet", makeResNet(isTraining));
    for (int depth : {2, 4, 5})
      traces.emplace_back("unet " + std::to_string(depth) + (isTraining ? " training" : ""),
                          makeUNet(depth, 64, 256, isTraining));
  }
  traces.emplace_back("densenet", makeDenseNet(4, 12, 32, 56));
  traces.emplace_back("densenet deep", makeDenseNet(3, 40, 24, 32));
  for (unsigned seed = 0; seed < 20; ++seed)
    traces.emplace_back("branches " + std::to_string(seed), makeBranches(2 + seed % 7, 12, seed));
  return traces;
}
