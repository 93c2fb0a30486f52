// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Flow.h"
#include "Annotations.h"
#include "InputValues.h"
#include "ProgramText.h"
#include "mlir/Parser/Parser.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/import/Passes.h"
#include "partita/partition/Passes.h"
#include "partita/report/PlanFile.h"
#include "partita/support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace partita {

static constexpr std::pair<Phase, llvm::StringLiteral> kPhases[] = {{Phase::import, "import"},
                                                                    {Phase::plan, "plan"},
                                                                    {Phase::partition, "partition"},
                                                                    {Phase::lower, "lower"},
                                                                    {Phase::emit, "emit"}};

std::optional<Phase> parsePhase(StringRef name) {
  for (auto &[phase, text] : kPhases)
    if (name == text)
      return phase;
  return std::nullopt;
}

StringRef getPhaseName(Phase phase) { return kPhases[static_cast<size_t>(phase)].second; }

Phase getPhase(ModuleOp module) {
  auto name = module->getAttrOfType<StringAttr>(kPhaseAttr);
  return name ? parsePhase(name.getValue()).value_or(Phase::import) : Phase::import;
}

void setPhase(ModuleOp module, Phase phase) {
  module->setAttr(kPhaseAttr, StringAttr::get(module.getContext(), getPhaseName(phase)));
}

func::FuncOp findModelFunction(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal() && function.isPublic())
      return function;
  return {};
}

std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os);
  return text;
}

std::string getModelFolder(StringRef modelPath) {
  StringRef parent = llvm::sys::path::parent_path(modelPath);
  return parent.empty() ? "." : parent.str();
}

llvm::Expected<import::ImportOptions> readImportOptions(Session &session) {
  const Arguments &arguments = session.getArguments();
  import::ImportOptions options;
  for (const std::string &text : arguments.getAll("dim")) {
    llvm::Expected<import::DimBinding> binding = import::parseDimBinding(text);
    if (!binding)
      return binding.takeError();
    options.dims.push_back(*binding);
  }
  llvm::Expected<int64_t> batch = arguments.getInteger("batch", 0, 1, int64_t(1) << 32);
  if (!batch)
    return batch.takeError();
  if (*batch > 0)
    options.dims.push_back({"batch", *batch, *batch});
  llvm::Expected<std::vector<import::InputValue>> values = readInputValues(session.getContext(), arguments);
  if (!values)
    return values.takeError();
  options.values = *values;
  std::set<std::string> names;
  for (const std::string &path : arguments.getAll("rules")) {
    llvm::Expected<std::vector<import::OpRule>> rules = import::readRules(path);
    if (!rules)
      return rules.takeError();
    for (import::OpRule &rule : *rules) {
      if (!names.insert(rule.getName()).second)
        return makeError("E-USAGE", "two of the rule files have a rule for '" + rule.getName() + "'");
      options.rules.push_back(std::move(rule));
    }
  }
  return options;
}

static OwningOpRef<ModuleOp> importModel(Session &session, StringRef path, bool allowMissingBodies) {
  llvm::Expected<import::ImportOptions> options = readImportOptions(session);
  if (!options) {
    reportError(options.takeError(), session.getTerminal());
    return {};
  }
  options->allowMissingBodies = allowMissingBodies;
  OwningOpRef<ModuleOp> module = import::importOnnx(session.getContext(), path, *options);
  if (!module)
    return {};
  std::unique_ptr<PassManager> passes = session.createPassManager();
  import::addImportPasses(*passes);
  passes->addNestedPass<func::FuncOp>(import::createCheckCustomOpsPass());
  if (failed(passes->run(*module)))
    return {};
  setPhase(*module, Phase::import);
  return module;
}

static OwningOpRef<ModuleOp> parseProgram(Session &session, StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer) {
    reportError(makeError("E-BAD-FILE", "cannot read '" + path + "': " + buffer.getError().message()),
                session.getTerminal());
    return {};
  }
  llvm::StringRef text = (*buffer)->getBuffer();
  llvm::Error error = checkProgramText(text, path);
  if (!error)
    error = checkParserSurvives(text, path, session.getContext().getDialectRegistry());
  if (error) {
    reportError(std::move(error), session.getTerminal());
    return {};
  }
  llvm::SourceMgr source;
  source.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(source, &session.getContext());
  if (!module || getPhase(*module) >= Phase::partition)
    return module;
  std::unique_ptr<PassManager> passes = session.createPassManager();
  passes->addNestedPass<func::FuncOp>(import::createCheckCustomOpsPass());
  return succeeded(passes->run(*module)) ? std::move(module) : OwningOpRef<ModuleOp>();
}

OwningOpRef<ModuleOp> loadModel(Session &session, StringRef path, bool allowMissingBodies) {
  if (path.ends_with(".onnx"))
    return importModel(session, path, allowMissingBodies);
  if (session.getArguments().has("rules")) {
    reportError(makeError("E-USAGE", "--rules is about operators of .onnx models; in an .mlir model a "
                                     "partita_graph.custom says itself how it is split"),
                session.getTerminal());
    return {};
  }
  if (path.ends_with(".mlir"))
    return parseProgram(session, path);
  reportError(makeError("E-BAD-FILE", "'" + path + "' is neither an .onnx nor an .mlir file"), session.getTerminal());
  return {};
}

llvm::Expected<machine::Machine> chooseMachine(const Arguments &arguments) {
  if (arguments.has("machine"))
    return machine::Machine::parse(arguments.get("machine"));
  return machine::Machine::host();
}

/// "4GiB", "1000000" or "none".
static llvm::Expected<std::optional<Bytes>> parseMemoryLimit(StringRef text) {
  if (text.empty())
    return std::optional<Bytes>();
  if (text == "none")
    return std::optional<Bytes>(Bytes::max());
  StringRef digits = text.take_while([](char c) { return llvm::isDigit(c); }), unit = text.drop_front(digits.size());
  static constexpr std::pair<llvm::StringLiteral, unsigned> kUnits[] = {
      {"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  uint64_t count;
  for (auto [name, shift] : kUnits)
    if (unit == name && !digits.getAsInteger(10, count) && count < (uint64_t(1) << (62 - shift)))
      return std::optional<Bytes>(Bytes{static_cast<int64_t>(count << shift)});
  return makeError("E-USAGE", "--memory-limit takes none or bytes (512MiB, 80GiB), got '" + text + "'");
}

static llvm::Expected<planner::PlanOptions> readPlanOptions(const Arguments &arguments) {
  planner::PlanOptions options;
  options.preset = arguments.get("preset");
  options.pins = arguments.getAll("pin");
  llvm::Expected<std::optional<Bytes>> limit = parseMemoryLimit(arguments.get("memory-limit"));
  if (!limit)
    return limit.takeError();
  options.memoryLimit = *limit;
  llvm::Expected<int64_t> effort = arguments.getInteger("effort", options.effort, 1, 1000000);
  if (!effort)
    return effort.takeError();
  options.effort = *effort;
  llvm::Expected<int64_t> microBatches = arguments.getInteger("micro-batches", 1, 1, 1 << 20);
  if (!microBatches)
    return microBatches.takeError();
  options.microBatches = *microBatches;
  return options;
}

/// A hand-made sharding in the model file becomes pins, unless the mesh is chosen otherwise.
static llvm::Error addAnnotations(Session &session, func::FuncOp function, planner::PlanOptions &options) {
  const Arguments &arguments = session.getArguments();
  StringRef path = arguments.positional().front();
  std::string wanted = arguments.get("configuration");
  if (!path.ends_with(".onnx") || wanted == "none" || (wanted.empty() && !options.preset.empty()))
    return llvm::Error::success();
  llvm::Expected<import::ModelAnnotations> annotations = import::readAnnotations(path, wanted);
  if (!annotations)
    return annotations.takeError();
  llvm::Expected<AnnotationPins> pins = makePins(function, *annotations);
  if (!pins)
    return pins.takeError();
  if (pins->preset.empty())
    return llvm::Error::success();
  if (!options.preset.empty())
    return makeError("E-USAGE", "--preset and --configuration both choose the mesh");
  session.getTerminal().err << "using the device configuration '" << annotations->configuration << "' of the model, "
                            << annotations->devices << " devices (--configuration none leaves it out)\n";
  for (const std::string &note : pins->notes)
    session.getTerminal().err << "warning: " << note << '\n';
  options.preset = pins->preset;
  options.pins.insert(options.pins.end(), pins->pins.begin(), pins->pins.end());
  return llvm::Error::success();
}

static LogicalResult applyPlanFile(Session &session, ModuleOp module, StringRef path) {
  llvm::Expected<JsonDocument> document = JsonDocument::readFile(path);
  if (!document)
    return reportError(document.takeError(), session.getTerminal()), failure();
  return report::applyPlan(*document, module);
}

/// Figures of the plan that the module carries; the module stays as it is.
static FailureOr<ExactFigures> measurePlan(Session &session, ModuleOp module) {
  OwningOpRef<ModuleOp> program = module.clone();
  if (failed(partitionModel(session, *program)))
    return failure();
  bool hasAllBodies = true;
  module.walk([&](graph::CustomOp op) { hasAllBodies &= op.hasBody(); });
  return measureProgram(*program, hasAllBodies);
}

static LogicalResult searchPlan(Session &session, ModuleOp module, PlannedModel &planned) {
  const Arguments &arguments = session.getArguments();
  llvm::Expected<machine::Machine> machine = chooseMachine(arguments);
  if (!machine)
    return reportError(machine.takeError(), session.getTerminal()), failure();
  llvm::Expected<planner::PlanOptions> options = readPlanOptions(arguments);
  if (!options)
    return reportError(options.takeError(), session.getTerminal()), failure();
  func::FuncOp function = findModelFunction(module);
  if (!function)
    return module.emitError("E-PLAN: there is no function to plan");
  if (llvm::Error error = addAnnotations(session, function, *options))
    return reportError(std::move(error), session.getTerminal()), failure();
  FailureOr<FittingPlan> fitting = planToFit(
      module, *machine, *options,
      [&](const planner::PlanOptions &asked) { return planner::planFunction(function, *machine, asked); },
      [&] { return measurePlan(session, module); });
  if (failed(fitting))
    return failure();
  planned = {fitting->result, *machine, fitting->figures};
  return success();
}

FailureOr<PlannedModel> planModel(Session &session, ModuleOp module) {
  const Arguments &arguments = session.getArguments();
  PlannedModel planned;
  bool hasPlan = !module.getOps<plan::StageOp>().empty();
  if (arguments.has("plan") && hasPlan)
    return module.emitError("E-PLAN: the model already carries a plan, and --plan gives another");
  if (!arguments.has("plan") && !hasPlan) {
    if (failed(searchPlan(session, module, planned)))
      return failure();
    setPhase(module, Phase::plan);
    return planned;
  }
  if (!hasPlan && failed(applyPlanFile(session, module, arguments.get("plan"))))
    return failure();
  setPhase(module, Phase::plan);
  FailureOr<ExactFigures> figures = measurePlan(session, module);
  if (failed(figures))
    return failure();
  planned.figures = *figures;
  return planned;
}

LogicalResult partitionModel(Session &session, ModuleOp module) {
  std::unique_ptr<PassManager> passes = session.createPassManager();
  passes->addPass(partition::createCompletePlanPass());
  passes->addPass(partition::createPartitionPass());
  passes->addPass(partition::createVerifyPlacementsPass());
  passes->addPass(partition::createOutlineSegmentsPass());
  passes->addPass(partition::createVerifyPlacementsPass());
  if (failed(passes->run(module)))
    return failure();
  setPhase(module, Phase::partition);
  return success();
}

} // namespace partita
