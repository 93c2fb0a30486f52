// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Flow.h"
#include "partita/lowering/Lowering.h"
#include "partita/partition/Passes.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace partita {

void addModelOptions(CommandSpec &spec) {
  spec.options.push_back(
      {"dim", "NAME=N|lo..hi", "extent or bounds of a symbolic dim; INPUT[axis]=... names one by place", true});
  spec.options.push_back({"batch", "N", "global batch: binds the dim named batch"});
  spec.options.push_back(
      {"input-value", "NAME=FILE.npy", "fixes an input (a shape, axes, a count) to this value while importing", true});
  spec.options.push_back({"rules", "FILE.json", "how custom ops are split, by name (docs/rules.md)", true});
}

void addPlanOptions(CommandSpec &spec) {
  spec.options.push_back(
      {"machine", "NAME|FILE", "machine to plan for ('partita machines' lists names); default: this host"});
  spec.options.push_back({"plan", "FILE.json", "use this plan instead of searching one"});
  spec.options.push_back({"preset", "NAME[:k=v,...]", "restrict the search ('partita presets' lists them)"});
  spec.options.push_back(
      {"configuration", "NAME|none", "device configuration of the model file to keep to; default: its first"});
  spec.options.push_back({"pin", "GLOB:loop=axis", "ops whose name matches split exactly so", true});
  spec.options.push_back(
      {"memory-limit", "none|BYTES", "bytes a device may use (80GiB); default: the device's memory"});
  spec.options.push_back({"micro-batches", "N", "parts into which the batch is cut, one after the other"});
  spec.options.push_back({"effort", "N", "budget of the search; the same plan for the same number on any machine"});
}

CommandSpec compileSpec() {
  CommandSpec spec{"compile", "compiles a model file into a parallel executable", {"MODEL"}, {}};
  spec.options.push_back({"o", "FILE", "where to write the executable (or, with --stop-after, the .mlir)"});
  addModelOptions(spec);
  addPlanOptions(spec);
  spec.options.push_back({"target", "cpu|cuda", "kind of code; only cpu in this version"});
  spec.options.push_back({"cpu", "NAME", "processor: native (default), x86-64-v3, ..."});
  spec.options.push_back({"emit", "executable|library", "what to write; default executable"});
  spec.options.push_back({"stop-after", "PHASE", "import, plan, partition or lower: write the program of that phase"});
  addCommonOptions(spec);
  return spec;
}

namespace {

/// One `partita compile`, phase by phase.
class Compilation {
public:
  explicit Compilation(Session &session) : session(session), arguments(session.getArguments()) {}

  LogicalResult run(Phase last) {
    std::string path = arguments.positional().front();
    module = loadModel(session, path);
    if (!module || failed(session.keep(*module, "import")))
      return failure();
    if (last == Phase::import)
      return success();
    if (getPhase(*module) < Phase::partition) {
      FailureOr<PlannedModel> planned = planModel(session, *module);
      if (failed(planned) || failed(session.keep(*module, "plan")))
        return failure();
      if (planned->result)
        predictedSeconds = planned->result->predicted.stepSeconds;
      if (last == Phase::plan)
        return success();
      if (failed(partitionModel(session, *module)) || failed(session.keep(*module, "partition")))
        return failure();
    }
    if (last == Phase::partition)
      return success();
    std::string cpu = arguments.get("cpu", "native");
    FailureOr<lowering::BlockSizes> blocks = findBlocks(cpu);
    if (failed(blocks) || failed(lowering::lowerToLLVM(*module, image, cpu, *blocks)))
      return failure();
    image.model = llvm::sys::path::stem(path).str();
    image.predicted.stepSeconds = predictedSeconds;
    setPhase(*module, Phase::lower);
    return session.keep(*module, "lower");
  }

  LogicalResult write(StringRef output) {
    lowering::EmitOptions options;
    options.output = output.str();
    options.sharedLibrary = arguments.get("emit") == "library";
    options.cpu = arguments.get("cpu", "native");
    options.saveTemporaries = arguments.get("save-temps");
    return lowering::emit(*module, image, options);
  }

  ModuleOp getModule() { return *module; }

private:
  /// What the machine file says of the processor that code is made for.
  FailureOr<lowering::BlockSizes> findBlocks(StringRef cpu) {
    FailureOr<lowering::CpuTarget> target = lowering::describeCpu(*module, cpu);
    if (failed(target))
      return failure();
    llvm::Expected<machine::Machine> machine = chooseMachine(arguments);
    if (!machine)
      return module->emitError(toString(machine.takeError()));
    for (const machine::DeviceType &type : machine->types())
      if (auto found = type.blocks.find(target->name); found != type.blocks.end())
        return lowering::BlockSizes{found->second.rows, found->second.depth, found->second.columns};
    return lowering::BlockSizes{};
  }

  Session &session;
  const Arguments &arguments;
  OwningOpRef<ModuleOp> module;
  runtime::Image image;
  double predictedSeconds = 0;
};

} // namespace

static llvm::Error checkOptions(const Arguments &arguments) {
  if (!arguments.has("o"))
    return makeError("E-USAGE", "say where to write the result: -o FILE");
  std::string target = arguments.get("target", "cpu"), emit = arguments.get("emit", "executable");
  if (target == "cuda")
    return makeError("E-NOT-BUILT", "CUDA code is not in this version; --target cpu is");
  if (target != "cpu")
    return makeError("E-USAGE", "--target takes cpu or cuda, got '" + target + "'");
  if (emit != "executable" && emit != "library")
    return makeError("E-USAGE", "--emit takes executable or library, got '" + emit + "'");
  if (arguments.has("stop-after") && !parsePhase(arguments.get("stop-after")))
    return makeError("E-USAGE",
                     "--stop-after takes import, plan, partition or lower, got '" + arguments.get("stop-after") + "'");
  return llvm::Error::success();
}

int runCompile(const Arguments &arguments, Terminal &terminal) {
  if (llvm::Error error = checkOptions(arguments))
    return reportError(std::move(error), terminal);
  Session session(arguments, terminal);
  Phase last = arguments.has("stop-after") ? *parsePhase(arguments.get("stop-after")) : Phase::emit;
  Compilation compilation(session);
  if (failed(compilation.run(last)))
    return 1;
  if (last == Phase::emit)
    return failed(compilation.write(arguments.get("o")));
  if (llvm::Error error = writeFileAtomically(arguments.get("o"), printModule(compilation.getModule())))
    return reportError(std::move(error), terminal);
  return 0;
}

} // namespace partita
