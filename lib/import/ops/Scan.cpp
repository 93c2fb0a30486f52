// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Scan.cpp - Scan of sets 8 and 9 -----------------------------------------===//
#include "ops/Scan.h"
#include "Body.h"
#include "ops/Iterations.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

namespace {

/// One Scan being written out. In set 8 every input begins with a batch dim, and each element is a scan of its own.
class ScanWriter {
public:
  ScanWriter(NodeContext &node, const onnx::Graph &body) : node(node), session(node.getSession()), body(body) {}

  void import();

private:
  bool readHead();
  /// One list entry for each of `count` values; missing lists are zeros.
  SmallVector<int64_t> readList(llvm::StringRef attribute, size_t count);
  /// The sequence length of the scan inputs, which agree.
  std::optional<int64_t> findLength(llvm::ArrayRef<Value> inputs);
  bool runSequence(std::vector<ImportedValue> &states, llvm::ArrayRef<Value> inputs, Iterations &iterations,
                   const std::string &prefix);
  void importBatch(llvm::ArrayRef<Value> inputs, Iterations &iterations);
  /// Rows of every scan result, stacked.
  SmallVector<Value> stackResults();

  NodeContext &node;
  ImportSession &session;
  const onnx::Graph &body;
  bool hasBatch = false;
  size_t numStates = 0, numInputs = 0, numResults = 0;
  SmallVector<int64_t> inputAxes, inputDirections, resultAxes, resultDirections;
  std::vector<RowStack> rows;
  int64_t ran = 0;
};

SmallVector<int64_t> ScanWriter::readList(llvm::StringRef attribute, size_t count) {
  SmallVector<int64_t> list = node.getIntegers(attribute, SmallVector<int64_t>(count, 0));
  if (list.size() != count)
    node.fail("E-BAD-FILE",
              attribute + " has " + llvm::Twine(list.size()) + " entries for " + llvm::Twine(count) + " values");
  list.resize(count, 0);
  return list;
}

bool ScanWriter::readHead() {
  hasBatch = node.getOpset() < 9;
  int64_t inputs = node.getInteger("num_scan_inputs", 0), given = node.countInputs() - (hasBatch ? 1 : 0);
  if (inputs < 1 || inputs > given || body.input_size() != given || body.output_size() < given - inputs ||
      node.countResults() > body.output_size()) {
    node.fail("E-BAD-FILE", "its inputs and results are not those of its body");
    return false;
  }
  numInputs = static_cast<size_t>(inputs);
  numStates = static_cast<size_t>(given - inputs);
  numResults = body.output_size() - numStates;
  if (hasBatch && node.hasInput(0)) {
    node.failShape("sequence_lens makes the number of iterations depend on data");
    return false;
  }
  inputDirections = readList(hasBatch ? "directions" : "scan_input_directions", numInputs);
  inputAxes = hasBatch ? SmallVector<int64_t>(numInputs, 0) : readList("scan_input_axes", numInputs);
  resultDirections = hasBatch ? SmallVector<int64_t>(numResults, 0) : readList("scan_output_directions", numResults);
  resultAxes = hasBatch ? SmallVector<int64_t>(numResults, 0) : readList("scan_output_axes", numResults);
  for (size_t i = 0; i < numResults; ++i)
    rows.emplace_back(resultAxes[i], resultDirections[i] != 0);
  return !node.hasFailed();
}

std::optional<int64_t> ScanWriter::findLength(llvm::ArrayRef<Value> inputs) {
  std::optional<int64_t> length;
  for (auto [input, axis] : llvm::zip(inputs, inputAxes)) {
    Sizes sizes = node.sizesOf(input);
    std::optional<int64_t> dim = node.normalizeAxis(axis, static_cast<int64_t>(sizes.size()));
    if (!dim)
      return std::nullopt;
    axis = *dim;
    if (!sizes[*dim].isStatic() || (length && *length != sizes[*dim].constant)) {
      node.failShape("its inputs are not of one known length");
      return std::nullopt;
    }
    length = sizes[*dim].constant;
  }
  return length;
}

bool ScanWriter::runSequence(std::vector<ImportedValue> &states, llvm::ArrayRef<Value> inputs, Iterations &iterations,
                             const std::string &prefix) {
  std::optional<int64_t> length = findLength(inputs);
  if (!length)
    return false;
  std::vector<std::string> names = listOutputs(body);
  for (int64_t step = 0; step < *length; ++step) {
    if (!iterations.mayRun(ran++))
      return false;
    SmallVector<Value> elements;
    for (size_t i = 0; i < numInputs; ++i)
      elements.push_back(takeRow(node, inputs[i], inputAxes[i], inputDirections[i] ? *length - 1 - step : step));
    session.openScope(/*isFunction=*/false, session.getOpset());
    for (size_t i = 0; i < numStates; ++i)
      session.define(body.input(static_cast<int>(i)).name(), states[i]);
    for (size_t i = 0; i < numInputs; ++i) {
      ImportedValue element;
      element.value = elements[i];
      element.isPoisoned = !elements[i];
      session.define(body.input(static_cast<int>(numStates + i)).name(), element);
    }
    importGraphBody(session, body, prefix + "/" + std::to_string(step));
    for (size_t i = 0; i < numResults; ++i)
      rows[i].push(node, session.getValue(names[numStates + i], node.getLocation()));
    std::vector<ImportedValue> results = readOutputs(session, names);
    session.closeScope();
    if (llvm::any_of(results, [](const ImportedValue &value) { return value.isPoisoned; })) {
      node.skip();
      return false;
    }
    states.assign(results.begin(), results.begin() + static_cast<ptrdiff_t>(numStates));
  }
  return !node.hasFailed();
}

SmallVector<Value> ScanWriter::stackResults() {
  SmallVector<Value> stacked;
  for (RowStack &row : rows) {
    if (row.isEmpty()) {
      node.failShape("it runs no iteration, so that the shape of a result is not known");
      return {};
    }
    stacked.push_back(row.take(node));
  }
  return llvm::is_contained(stacked, Value()) ? SmallVector<Value>() : stacked;
}

void ScanWriter::import() {
  if (!readHead())
    return;
  int first = hasBatch ? 1 : 0;
  std::vector<ImportedValue> states;
  SmallVector<Value> inputs;
  for (size_t i = 0; i < numStates + numInputs; ++i) {
    int index = first + static_cast<int>(i);
    if (i < numStates && node.hasInput(index) && !hasBatch)
      states.push_back(*session.find(node.getInputName(index)));
    else
      inputs.push_back(node.input(index));
  }
  if (node.hasFailed() || llvm::is_contained(inputs, Value()))
    return;
  Iterations iterations(node);
  if (!hasBatch) {
    if (!runSequence(states, inputs, iterations, node.getName()))
      return;
    for (size_t i = 0; i < numStates; ++i)
      node.setImported(static_cast<int>(i), states[i]);
    SmallVector<Value> stacked = stackResults();
    for (size_t i = 0; i < stacked.size(); ++i)
      node.setResult(static_cast<int>(numStates + i), stacked[i]);
    return;
  }
  importBatch(inputs, iterations);
}

void ScanWriter::importBatch(llvm::ArrayRef<Value> inputs, Iterations &iterations) {
  DimSize batch = node.sizesOf(inputs[0]).empty() ? DimSize(0) : node.sizesOf(inputs[0])[0];
  std::vector<SmallVector<Value>> parts(numStates + numResults);
  if (!batch.isStatic())
    return node.failShape("a symbolic batch is not supported in set 8: bind it with --dim");
  for (int64_t image = 0; image < batch.constant; ++image) {
    SmallVector<Value> own;
    for (Value input : inputs) {
      Sizes sizes = node.sizesOf(input);
      if (sizes.empty() || !(sizes[0] == batch))
        return node.failShape("its inputs differ in their batch dim");
      own.push_back(takeRow(node, input, 0, image));
    }
    std::vector<ImportedValue> states(numStates);
    for (size_t i = 0; i < numStates; ++i)
      states[i].value = own[i];
    if (!runSequence(states, ArrayRef<Value>(own).drop_front(numStates), iterations,
                     node.getName() + "/" + std::to_string(image)))
      return;
    for (size_t i = 0; i < numStates; ++i)
      parts[i].push_back(materialize(node, states[i], "state"));
    for (auto [i, value] : llvm::enumerate(stackResults()))
      parts[numStates + i].push_back(value);
  }
  for (size_t i = 0; i < parts.size() && !node.hasFailed(); ++i)
    node.setResult(static_cast<int>(i), stackRows(node, parts[i], 0));
}

} // namespace

void partita::import::importScan(NodeContext &node) {
  if (const onnx::Graph *body = node.getGraph("body"))
    ScanWriter(node, *body).import();
}
