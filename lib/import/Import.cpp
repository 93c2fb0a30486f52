// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Import.cpp - ONNX files into the graph dialect --------------------------===//
#include "partita/import/Import.h"

#include "Body.h"
#include "InputTypes.h"
#include "Rebatch.h"
#include "partita/import/Passes.h"
#include "partita/support/Error.h"
#include "recognize/Views.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

namespace {

/// The values of the model's outputs, in order; a null one is reported.
SmallVector<Value> collectOutputs(ImportSession &session, const onnx::Graph &graph) {
  SmallVector<Value> values;
  for (const onnx::ValueInfo &output : graph.output())
    values.push_back(session.getValue(output.name(), session.getLocation("")));
  return values;
}

void finishFunction(ImportSession &session, func::FuncOp function, const onnx::Graph &graph, ValueRange outputs) {
  Block &body = function.front();
  func::ReturnOp::create(session.getBuilder(), function.getLoc(), outputs);
  eraseUnused(body);
  std::vector<DictionaryAttr> arguments = session.getParameters().finish();
  Builder builder(function.getContext());
  function.setFunctionType(builder.getFunctionType(body.getArgumentTypes(), outputs.getTypes()));
  function.setAllArgAttrs(llvm::ArrayRef<DictionaryAttr>(arguments));
  for (auto [index, output] : llvm::enumerate(graph.output()))
    function.setResultAttr(static_cast<unsigned>(index), kNameAttr, builder.getStringAttr(output.name()));
}

LogicalResult importGraph(const ModelFile &file, ModuleOp module, const ImportOptions &options) {
  const onnx::Graph &graph = file.getModel().graph();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), "main", builder.getFunctionType({}, {}));
  Block *body = function.addEntryBlock();
  ImportSession session(file, *body);
  session.setRules(options);
  defineInputs(session, graph, options);
  importGraphBody(session, graph, /*prefix=*/"");
  if (session.hasProblems())
    return failure();
  SmallVector<Value> outputs = collectOutputs(session, graph);
  if (session.hasProblems() || llvm::is_contained(outputs, Value()))
    return failure();
  finishFunction(session, function, graph, outputs);
  rebatch(session, function);
  return session.hasProblems() ? failure() : verify(module);
}

} // namespace

void partita::import::addImportPasses(OpPassManager &passes) {
  passes.addNestedPass<func::FuncOp>(createSplitProjectionsPass());
  passes.addNestedPass<func::FuncOp>(createSimplifyMovementPass());
  passes.addNestedPass<func::FuncOp>(createRaiseReshapesPass());
  passes.addNestedPass<func::FuncOp>(createSimplifyMovementPass());
  passes.addNestedPass<func::FuncOp>(createRecognizeCompositesPass());
  passes.addNestedPass<func::FuncOp>(createSimplifyMovementPass());
}

OwningOpRef<ModuleOp> partita::import::importOnnx(MLIRContext &context, llvm::StringRef path,
                                                  const ImportOptions &options) {
  context.loadDialect<func::FuncDialect, graph::GraphDialect, PartitaDialect>();
  Location location = FileLineColLoc::get(&context, path, 0, 0);
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  if (!file) {
    PartitaError error = takeError(file.takeError());
    InFlightDiagnostic diagnostic = emitError(location) << error.str();
    for (const std::string &note : error.notes)
      diagnostic.attachNote() << note;
    return {};
  }
  OwningOpRef<ModuleOp> module = ModuleOp::create(location);
  if (failed(importGraph(*file, *module, options)))
    return {};
  return module;
}
