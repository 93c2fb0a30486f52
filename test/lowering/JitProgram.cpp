// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "JitProgram.h"
#include "InProcess.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/lowering/Lowering.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace partita::lowering::test {

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<PartitaDialect, graph::GraphDialect, plan::PlanDialect, collective::CollectiveDialect>();
  registerLoweringModels(registry);
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

OwningOpRef<ModuleOp> parse(MLIRContext &context, StringRef text) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text.str();
  return module;
}

static RankedTensorType makeLocal(Type type) {
  auto global = cast<RankedTensorType>(type);
  MLIRContext *context = type.getContext();
  auto part = plan::PartAttr::get(context, global, plan::PlacementAttr::getReplicated(context, global.getRank()));
  return RankedTensorType::get(global.getShape(), global.getElementType(), part);
}

OwningOpRef<ModuleOp> makeSingleStage(ModuleOp graph) {
  OwningOpRef<ModuleOp> module = graph.clone();
  MLIRContext *context = graph.getContext();
  OpBuilder builder(context);
  builder.setInsertionPointToStart(module->getBody());
  auto mesh = plan::MeshAttr::get(context, ArrayRef<plan::AxisAttr>(), ArrayRef<int64_t>{0});
  Location location = builder.getUnknownLoc();
  plan::StageOp::create(builder, location, "s", mesh);
  auto stage = FlatSymbolRefAttr::get(context, "s");
  auto forward = collective::EventAttr::get(context, collective::EventKind::forward, stage, 0, 0, 0);
  auto list = collective::EventListAttr::get(context, {0}, {forward});
  func::FuncOp function = *module->getOps<func::FuncOp>().begin();
  builder.setInsertionPointToEnd(module->getBody());
  collective::ProgramOp::create(builder, location, "main", "worker", "step", builder.getArrayAttr({stage}),
                                builder.getArrayAttr({list}));
  function.setName("s_forward");
  function->setAttr(collective::kStageAttr, stage);
  function->setAttr(collective::kEventAttr, builder.getStringAttr("forward"));
  // The values of a custom op's body keep their types.
  for (Operation &op : function.getBody().front())
    for (Value result : op.getResults())
      result.setType(makeLocal(result.getType()));
  SmallVector<Type> arguments, results;
  for (BlockArgument argument : function.getArguments()) {
    argument.setType(makeLocal(argument.getType()));
    arguments.push_back(argument.getType());
    unsigned index = argument.getArgNumber();
    function.setArgAttr(index, kNameAttr, builder.getStringAttr(interpreter::getArgumentName(function, index)));
    function.setArgAttr(index, kRoleAttr, builder.getStringAttr(kRoleInput));
  }
  for (unsigned index = 0; index < function.getNumResults(); ++index) {
    results.push_back(makeLocal(function.getResultTypes()[index]));
    function.setResultAttr(index, kNameAttr, builder.getStringAttr(interpreter::getResultName(function, index)));
  }
  function.setType(builder.getFunctionType(arguments, results));
  EXPECT_TRUE(succeeded(verify(*module)));
  return module;
}

static std::optional<NamedTensors> report(llvm::Expected<NamedTensors> outputs) {
  if (outputs)
    return *outputs;
  ADD_FAILURE() << llvm::toString(outputs.takeError());
  return std::nullopt;
}

std::optional<NamedTensors> runObject(const runtime::Image &image, const std::string &object, MLIRContext &context,
                                      const NamedTensors &inputs) {
  llvm::Expected<InProcessProgram> program = InProcessProgram::load(image, object);
  return report(program ? program->run(inputs, context) : program.takeError());
}

std::optional<NamedTensors> runProgram(ModuleOp module, const NamedTensors &inputs, StringRef cpu) {
  EmitOptions options;
  options.cpu = cpu.str();
  llvm::Expected<InProcessProgram> program = compileInProcess(module, options);
  return report(program ? program->run(inputs, *module.getContext()) : program.takeError());
}

void expectClose(const Tensor &actual, const Tensor &expected, double relative, const std::string &what) {
  ASSERT_TRUE(actual.getElementType() == expected.getElementType()) << what;
  ASSERT_TRUE(actual.getShape() == expected.getShape()) << what;
  if (!isa<FloatType>(actual.getElementType())) {
    EXPECT_TRUE(actual.isIdenticalTo(expected)) << what;
    return;
  }
  std::vector<double> a = actual.toDoubles(), b = expected.toDoubles();
  double scale = 0;
  for (double value : b)
    scale = std::isfinite(value) ? std::max(scale, std::fabs(value)) : scale;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i]) || std::isinf(b[i])) {
      EXPECT_TRUE(std::isnan(b[i]) ? std::isnan(a[i]) : a[i] == b[i]) << what << "[" << i << "]: " << a[i];
      continue;
    }
    ASSERT_NEAR(a[i], b[i], relative * std::max(scale, 1e-30)) << what << "[" << i << "]";
  }
}

} // namespace partita::lowering::test
