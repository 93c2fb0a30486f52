// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Traces.h - Live ranges as neural networks have them, and random ones -----------===//
//
// Used by the tests of lib/memory only. Example: makeTransformerTraining(12, 8, 1024, 4096) is one step with
// the activations of the forward pass kept for the backward pass.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_TEST_MEMORY_TRACES_H
#define PARTITA_TEST_MEMORY_TRACES_H

#include "partita/memory/Arena.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace partita::memory {

/// Builds ranges by "event i writes a value" and "event j reads it".
class TraceBuilder {
public:
  size_t write(int64_t bytes) {
    ranges.push_back({event, event, bytes, 64});
    return ranges.size() - 1;
  }
  void read(size_t value) { ranges[value].end = event; }
  void step() { ++event; }

  std::vector<LiveRange> ranges;
  int64_t event = 0;
};

std::vector<LiveRange> makeChain(const std::vector<int64_t> &sizes);
/// Inference or one training step of a transformer; sizes in elements of 4 bytes.
std::vector<LiveRange> makeTransformer(int layers, int64_t tokens, int64_t hidden, int64_t feedForward, int64_t heads,
                                       bool isTraining);
/// An encoder and a decoder with skips between equal resolutions.
std::vector<LiveRange> makeUNet(int depth, int64_t channels, int64_t resolution, bool isTraining);
/// Blocks in which every convolution reads all earlier outputs of its block.
std::vector<LiveRange> makeDenseNet(int blocks, int layersPerBlock, int64_t growth, int64_t resolution);
/// Stages of bottleneck blocks.
std::vector<LiveRange> makeResNet(bool isTraining);
/// A grid of values with several branches of unequal length joined at the end.
std::vector<LiveRange> makeBranches(int branches, int length, unsigned seed);
/// Lifetimes and sizes drawn at random.
std::vector<LiveRange> makeRandom(std::mt19937 &random, int count, int64_t events, int64_t mostBytes,
                                  int64_t mostDuration);

/// All of the above at several sizes, with a name.
std::vector<std::pair<std::string, std::vector<LiveRange>>> makeNetworkTraces();

} // namespace partita::memory

#endif // PARTITA_TEST_MEMORY_TRACES_H
