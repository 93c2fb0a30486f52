// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Putting a program together, and running its steps.
#include "Rank.h"

#include <algorithm>

namespace partita::runtime {

namespace {

class LocalProgram final : public Program {
public:
  explicit LocalProgram(Image loaded) : loaded(std::move(loaded)), ranks(this->loaded.devices.size()) {}

  bool prepare(const partita_function *table, const ProgramOptions &options, std::string &error) {
    functions = table;
    int64_t cores = availableCores(), count = int64_t(ranks.size());
    threads = options.threads > 0 ? std::min(options.threads, 4 * cores)
                                  : std::max<int64_t>(1, cores / std::max<int64_t>(count, 1));
    bool spin = count * threads <= cores;
    // From one loop of a step to the next (decision 0016).
    double spinSeconds = spin ? 50e-6 : 0;
    transport = makeLocalTransport(loaded, spin);
    if (!weights.open(loaded, options.weights, options.folder, error))
      return false;
    Step init{loaded, functions, *transport, weights, {}, {}, {}, true};
    for (const Symbol &symbol : loaded.symbols)
      init.symbols.push_back(symbol.maximum);
    for (int64_t rank = 0; rank < count; ++rank)
      if (!ranks[size_t(rank)].prepare(init, rank, threads, spinSeconds, options.recordSpans, error))
        return false;
    for (Rank &rank : ranks)
      rank.findShared(init, ranks);
    // The files stay open: weights are read there.
    if (!team.start(std::max<int64_t>(count, 1), 0, error) || !walk(init, error))
      return false;
    for (Rank &rank : ranks)
      rank.dropInitMemory(loaded);
    return true;
  }

  const Image &image() const override { return loaded; }
  uint64_t arenaBytes(int64_t rank) const override { return ranks[size_t(rank)].arenaBytes(); }
  uint64_t sharedBytes(int64_t rank) const override { return ranks[size_t(rank)].sharedBytes(); }
  uint64_t workerScratchBytes(int64_t rank) const override { return ranks[size_t(rank)].workerScratchBytes(); }
  int64_t threadsPerRank() const override { return threads; }
  const std::vector<Span> &spans(int64_t rank) const override { return ranks[size_t(rank)].recordedSpans(); }

  bool run(const std::vector<TensorView> &inputs, const std::vector<int64_t> &symbols, std::vector<TensorView> &outputs,
           std::string &error) override {
    Step step{loaded, functions, *transport, weights, symbols, inputs, {}, false};
    outputs.clear();
    for (size_t i = 0; i < loaded.outputs.size(); ++i) {
      const Output &output = loaded.outputs[i];
      const Layout &layout = loaded.stages[size_t(output.stage)].buffers[size_t(output.buffer)].layout;
      std::vector<Extent> extents;
      for (const Dimension &dimension : layout.dimensions)
        extents.push_back(dimension.extent);
      TensorView view;
      view.elementType = layout.elementType;
      view.shape = shapeOf(extents, symbols);
      storage.resize(loaded.outputs.size());
      if (uint64_t bytes = bytesOf(view); !storage[i].data || storage[i].bytes != bytes)
        storage[i] = {allocateAligned(bytes), bytes};
      view.data = storage[i].data.get();
      step.outputs.push_back(storage[i].data.get());
      outputs.push_back(std::move(view));
    }
    step.lendsTensors = !readsOutputs(inputs);
    return walk(step, error);
  }

private:
  Image loaded;
  const partita_function *functions = nullptr;
  std::unique_ptr<Transport> transport;
  WeightFiles weights;
  std::vector<Rank> ranks;
  Team team; // One member per rank.
  int64_t threads = 1;
  struct Storage {
    std::shared_ptr<char> data;
    uint64_t bytes = 0;
  };
  std::vector<Storage> storage; // Of the outputs, reused from step to step.

  static uint64_t bytesOf(const TensorView &view) {
    return uint64_t(elementCount(view.shape) * elementBytes(view.elementType));
  }

  // What a step gave may be given to the next one, as it lies: then it is read where it is written.
  bool readsOutputs(const std::vector<TensorView> &inputs) const {
    for (const TensorView &input : inputs)
      for (const Storage &output : storage) {
        auto begin = reinterpret_cast<uintptr_t>(input.data), place = reinterpret_cast<uintptr_t>(output.data.get());
        if (begin < place + output.bytes && place < begin + bytesOf(input))
          return true;
      }
    return false;
  }

  bool walk(const Step &step, std::string &error) {
    transport->beginRun(step.symbols);
    team.run([&](int64_t rank) {
      if (size_t(rank) < ranks.size())
        ranks[size_t(rank)].walk(step);
    });
    if (transport->failed())
      error = transport->failure();
    return !transport->failed();
  }
};

} // namespace

std::unique_ptr<Program> Program::create(Image image, const partita_function *functions, const ProgramOptions &options,
                                         std::string &error) {
  auto program = std::make_unique<LocalProgram>(std::move(image));
  if (!program->prepare(functions, options, error))
    return nullptr;
  return program;
}

} // namespace partita::runtime
