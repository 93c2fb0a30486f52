// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Execute.h"
#include "../lowering/InProcess.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "partita/import/Import.h"
#include "partita/machine/Machine.h"
#include "partita/partition/Passes.h"
#include "partita/planner/Planner.h"
#include <cmath>
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::conformance;
using interpreter::NamedTensors;
using interpreter::Tensor;

llvm::StringRef conformance::getStageName(Stage stage) {
  static constexpr llvm::StringLiteral kNames[] = {"none", "import", "interpreter", "compiled"};
  return kNames[static_cast<int>(stage)];
}

std::string conformance::compare(const Tensor &actual, const Tensor &expected) {
  if (actual.getElementType() != expected.getElementType() || actual.getShape() != expected.getShape())
    return "is " + interpreter::describe(actual) + ", expected " + interpreter::describe(expected);
  if (!isa<FloatType>(expected.getElementType()) && actual.isIdenticalTo(expected))
    return "";
  bool isExact = !isa<FloatType>(expected.getElementType());
  std::vector<double> a = actual.toDoubles(), b = expected.toDoubles();
  for (size_t i = 0; i < a.size(); ++i) {
    bool isSame = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (!isSame && (isExact || !(std::abs(a[i] - b[i]) <= 1e-7 + 1e-3 * std::abs(b[i]))))
      return "[" + std::to_string(i) + "] is " + std::to_string(a[i]) + ", expected " + std::to_string(b[i]);
  }
  // Integers beyond 2^53 may differ where their doubles do not.
  return isExact ? "differs in its bytes" : "";
}

namespace {

class Execution {
public:
  Execution(const OfficialTest &test, MLIRContext &context)
      : test(test), context(context), handler(&context, [this](Diagnostic &diagnostic) {
          diagnostics += diagnostic.str() + "\n";
          return success();
        }) {}

  Verdict run();

private:
  OwningOpRef<ModuleOp> importModel(const onnx::Model &model, const DataSet &data);
  Verdict interpret();
  Verdict compileAndRun();
  std::string check(const NamedTensors &outputs, const DataSet &set);
  bool plan();
  /// What was reported first.
  std::string firstProblem(llvm::StringRef otherwise) {
    return diagnostics.empty() ? otherwise.str() : llvm::StringRef(diagnostics).split('\n').first.str();
  }

  const OfficialTest &test;
  MLIRContext &context;
  std::string diagnostics;
  ScopedDiagnosticHandler handler;
  std::vector<DataSet> sets;
  OwningOpRef<ModuleOp> module;
};

/// NAME of each "--input-value NAME=FILE.npy" in a diagnostic.
std::set<std::string> findAskedValues(llvm::StringRef text) {
  std::set<std::string> names;
  for (llvm::StringRef rest = text.split("--input-value ").second; !rest.empty();
       rest = rest.split("--input-value ").second)
    names.insert(rest.split("=FILE.npy").first.str());
  return names;
}

/// The extents of the data for the dims that the model leaves open.
std::vector<import::DimBinding> bindOpenDims(const onnx::Model &model, const DataSet &data) {
  std::vector<import::DimBinding> bindings;
  for (const onnx::ValueInfo &input : model.graph().input()) {
    const onnx::Shape &shape = input.type().tensor_type().shape();
    auto found = data.inputs.find(input.name());
    for (int axis = 0; axis < shape.dim_size(); ++axis)
      if (shape.dim(axis).dim_value() <= 0 && found != data.inputs.end() && axis < found->second.getRank()) {
        int64_t extent = found->second.getShape()[axis];
        bindings.push_back({input.name() + "[" + std::to_string(axis) + "]", extent, extent});
      }
  }
  return bindings;
}

OwningOpRef<ModuleOp> Execution::importModel(const onnx::Model &model, const DataSet &data) {
  import::ImportOptions options;
  options.dims = bindOpenDims(model, data);
  std::set<std::string> fixed;
  while (true) {
    diagnostics.clear();
    OwningOpRef<ModuleOp> imported = import::importOnnx(context, test.getModelPath(), options);
    bool isNew = false;
    for (const std::string &name : findAskedValues(diagnostics))
      if (auto found = data.inputs.find(name); found != data.inputs.end() && fixed.insert(name).second) {
        options.values.push_back({name, found->second});
        llvm::erase_if(options.dims, [&](const auto &dim) { return dim.target.starts_with(name + "["); });
        isNew = true;
      }
    if (imported || !isNew)
      return imported;
  }
}

std::string Execution::check(const NamedTensors &outputs, const DataSet &set) {
  for (const auto &[name, expected] : set.outputs) {
    auto found = outputs.find(name);
    std::string problem = found == outputs.end() ? "is missing" : compare(found->second, expected);
    if (!problem.empty())
      return name + " " + problem;
  }
  return "";
}

Verdict Execution::interpret() {
  func::FuncOp function = interpreter::findGraphFunction(*module);
  for (const DataSet &set : sets) {
    FailureOr<NamedTensors> arguments = interpreter::collectArguments(function, set.inputs, "");
    if (failed(arguments))
      return {Stage::interpreter, firstProblem("no arguments")};
    FailureOr<NamedTensors> outputs = interpreter::interpretGraph(function, *arguments, {});
    if (failed(outputs))
      return {Stage::interpreter, firstProblem("not evaluated")};
    if (std::string problem = check(*outputs, set); !problem.empty())
      return {Stage::interpreter, problem};
  }
  return {};
}

/// One device, and everything that a plan of one device goes through.
bool Execution::plan() {
  llvm::Expected<machine::Machine> machine = machine::Machine::parse("cpu:1");
  if (!machine) {
    diagnostics += llvm::toString(machine.takeError());
    return false;
  }
  planner::PlanOptions options;
  options.preset = "single";
  if (failed(planner::planFunction(interpreter::findGraphFunction(*module), *machine, options)))
    return false;
  PassManager passes(&context);
  passes.addPass(partition::createCompletePlanPass());
  passes.addPass(partition::createPartitionPass());
  passes.addPass(partition::createVerifyPlacementsPass());
  passes.addPass(partition::createOutlineSegmentsPass());
  passes.addPass(partition::createVerifyPlacementsPass());
  return succeeded(passes.run(*module));
}

Verdict Execution::compileAndRun() {
  if (!plan())
    return {Stage::compiled, firstProblem("no plan")};
  lowering::EmitOptions options;
  options.optimizationLevel = 1;
  llvm::Expected<lowering::test::InProcessProgram> program = lowering::test::compileInProcess(*module, options);
  if (!program) {
    std::string text = llvm::toString(program.takeError());
    return {Stage::compiled, firstProblem(text)};
  }
  for (const DataSet &set : sets) {
    llvm::Expected<NamedTensors> outputs = program->run(set.inputs, context);
    if (!outputs)
      return {Stage::compiled, llvm::toString(outputs.takeError())};
    if (std::string problem = check(*outputs, set); !problem.empty())
      return {Stage::compiled, problem};
  }
  return {};
}

Verdict Execution::run() {
  llvm::Expected<onnx::Model> model = loadModelFile(test);
  if (!model)
    return {Stage::import, llvm::toString(model.takeError())};
  llvm::Expected<std::vector<DataSet>> loaded = loadDataSets(test, *model, context);
  if (!loaded)
    return {Stage::import, llvm::toString(loaded.takeError())};
  sets = *loaded;
  module = importModel(*model, sets.front());
  if (!module)
    return {Stage::import, firstProblem("no diagnostic")};
  Verdict verdict = interpret();
  return verdict.stage == Stage::none ? compileAndRun() : verdict;
}

} // namespace

Verdict conformance::execute(const OfficialTest &test, MLIRContext &context) { return Execution(test, context).run(); }
