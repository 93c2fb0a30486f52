// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/interpreter/Verify.h"
#include "OpNames.h"
#include "partita/dialects/interfaces/Interfaces.h"

using namespace mlir;

namespace partita::interpreter {

double estimateSeconds(func::FuncOp graph, unsigned seeds) {
  // Operations a second of this library on one present-day core; only the order of magnitude matters.
  constexpr double kMatrixRate = 2e9, kOtherRate = 1e8;
  double seconds = 0;
  for (Operation &op : graph.getBody().front()) {
    auto split = dyn_cast<SplitOpInterface>(op);
    auto cost = dyn_cast<CostOpInterface>(op);
    if (!split || !cost)
      continue;
    SmallVector<int64_t> extents;
    for (const Loop &loop : split.getLoopNest().loops)
      extents.push_back(loop.extent);
    Work work = cost.getWork(extents);
    bool isMatrix = work.kind == WorkKind::matrix || work.kind == WorkKind::attention;
    seconds += work.operations / (isMatrix ? kMatrixRate : kOtherRate);
  }
  // The reference, the seeds and the program.
  return seconds * (seeds + 2);
}

namespace {

/// Collects the parts of each op's first result over all ranks and micro-batches of a program's run.
class PartCollector {
public:
  /// Only ops of the graph are kept: others were made by the partitioner.
  PartCollector(const std::map<std::string, ControlValue> &known, std::map<OpPath, std::string> names)
      : known(known), names(std::move(names)) {}

  void collect(const Observation &observation) {
    std::string name = findName(observation);
    if (!known.count(name) || observation.op->getNumResults() == 0)
      return;
    auto type = dyn_cast<RankedTensorType>(observation.op->getResult(0).getType());
    if (!type || !isa<SplitOpInterface>(observation.op))
      return;
    auto [found, isNew] = values.try_emplace(name);
    Value &value = found->second;
    if (isNew)
      value.callers.assign(observation.callers.begin(), observation.callers.end());
    // Layers that share a function carry the names of the first; where position does not tell either, nothing does.
    value.isAmbiguous |= observation.callers != ArrayRef<Operation *>(value.callers);
    value.op = observation.op;
    value.type = type;
    for (auto [scope, results] : llvm::zip(observation.scopes, observation.results))
      value.parts.emplace_back(scope, results.front());
  }

  /// The whole value of an op; nullopt when the program has no such op. Failure: its parts do not make a whole.
  FailureOr<std::optional<Tensor>> assembleWhole(const std::string &name) {
    auto found = values.find(name);
    if (found == values.end())
      return std::optional<Tensor>();
    Value &value = found->second;
    // A run that could not finish did not come to all micro-batches.
    plan::MeshAttr mesh = value.parts.front().first.getMesh();
    int64_t expected = mesh.getNumRanks() * countMicroBatches(mesh);
    if (value.isAmbiguous || static_cast<int64_t>(value.parts.size()) < expected)
      return std::optional<Tensor>();
    SmallVector<Piece> pieces;
    for (auto &[scope, tensor] : value.parts)
      pieces.push_back({&scope, &tensor});
    std::optional<Shape> shape = pieces.front().scope->findGlobalShape(value.type);
    if (!shape)
      return failure();
    FailureOr<Tensor> whole = assemble(value.op, pieces, value.type, {Shape(shape->size(), 0), *shape});
    if (failed(whole))
      return failure();
    return std::optional<Tensor>(*whole);
  }

private:
  struct Value {
    Operation *op = nullptr;
    RankedTensorType type;
    std::vector<Operation *> callers;
    bool isAmbiguous = false;
    std::vector<std::pair<Scope, Tensor>> parts;
  };

  std::string findName(const Observation &observation) const {
    OpPath path(observation.callers.begin(), observation.callers.end());
    path.push_back(observation.op);
    auto found = names.find(path);
    return found != names.end() ? found->second : getModelName(observation.op).str();
  }

  const std::map<std::string, ControlValue> &known;
  std::map<OpPath, std::string> names;
  std::map<std::string, Value> values;
};

std::string describeLocation(Location location) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  location.print(stream);
  return text;
}

/// Runs both sides again, op by op, and walks the graph until a value differs.
FailureOr<std::optional<Divergence>> findDivergence(func::FuncOp graph, ModuleOp program, const NamedTensors &arguments,
                                                    const VerifyOptions &options) {
  FailureOr<Control> control = runControl(graph, arguments, /*withOps=*/true);
  if (failed(control))
    return failure();
  PartCollector collector(control->ops, findOpNames(graph, program));
  RunOptions run;
  run.directory = options.directory;
  run.observer = [&](const Observation &observation) { collector.collect(observation); };
  run.checkReplicas = false;
  // A run that cannot finish still gives the values up to where it stopped.
  (void)interpretProgram(program, arguments, run);
  std::optional<Divergence> divergence;
  for (Operation &op : graph.getBody().front()) {
    std::string name = getModelName(&op).str();
    auto known = control->ops.find(name);
    if (divergence || known == control->ops.end() || name.find(options.only) == std::string::npos)
      continue;
    FailureOr<std::optional<Tensor>> whole = collector.assembleWhole(name);
    if (succeeded(whole) && !*whole)
      continue;
    Comparison comparison{false, std::numeric_limits<double>::infinity(), 0};
    if (succeeded(whole))
      comparison = compare(**whole, known->second);
    if (!comparison.passed)
      divergence = Divergence{name, op.getName().getStringRef().str(), describeLocation(op.getLoc()), comparison};
  }
  return divergence;
}

} // namespace

FailureOr<VerifyReport> verifyProgram(ModuleOp graphModule, ModuleOp programModule, const NamedTensors &inputs,
                                      const VerifyOptions &options) {
  func::FuncOp graph = findGraphFunction(graphModule);
  if (!graph)
    return failure();
  VerifyReport report;
  report.estimatedSeconds = estimateSeconds(graph);
  FailureOr<NamedTensors> arguments =
      collectArguments(graph, makeRandomInputs(graph, inputs, options.symbols, options.seed), options.directory);
  if (failed(arguments))
    return failure();
  FailureOr<Control> control = runControl(graph, *arguments, /*withOps=*/false);
  if (failed(control))
    return failure();
  RunOptions run;
  run.directory = options.directory;
  FailureOr<NamedTensors> results = interpretProgram(programModule, *arguments, run);
  report.passed = succeeded(results);
  for (auto &[name, value] : control->results) {
    if (failed(results) || name.find(options.only) == std::string::npos)
      continue;
    auto found = results->find(name);
    Comparison comparison{false, std::numeric_limits<double>::infinity(), 0};
    if (found != results->end())
      comparison = compare(found->second, value);
    report.passed &= comparison.passed;
    report.outputs.push_back({name, comparison});
  }
  if (report.passed && options.only.empty())
    return report;
  FailureOr<std::optional<Divergence>> divergence = findDivergence(graph, programModule, *arguments, options);
  if (failed(divergence))
    return failure();
  report.divergence = *divergence;
  report.passed &= !report.divergence.has_value();
  return report;
}

} // namespace partita::interpreter
