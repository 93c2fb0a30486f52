// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Import.cpp - ONNX files into the graph dialect --------------------------===//
#include "partita/import/Import.h"

#include "CheckLog.h"
#include "InputTypes.h"
#include "NodeImport.h"
#include "NodeOrder.h"
#include "OpTable.h"
#include "partita/import/Passes.h"
#include "partita/support/Error.h"
#include "recognize/Views.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

namespace {

void defineInitializers(ImportSession &session, const onnx::Graph &graph) {
  for (const onnx::Tensor &tensor : graph.initializer()) {
    ImportedValue value;
    value.tensor = &tensor;
    value.isInitializer = true;
    if (tensor.name().empty() || !llvm::json::isUTF8(tensor.name()) || session.find(tensor.name()))
      session.report(session.getLocation(""), "E-BAD-FILE",
                     "initializer '" + llvm::json::fixUTF8(tensor.name()) +
                         "' has no usable name, or one that is used twice");
    else
      session.define(tensor.name(), value);
  }
  for (const onnx::SparseTensor &tensor : graph.sparse_initializer())
    session.report(session.getLocation(""), "E-IMPORT-OP",
                   "sparse initializer '" + llvm::json::fixUTF8(tensor.values().name()) + "' is not supported");
}

/// Whether an input of the node comes from a node that could not be imported.
bool isPoisoned(ImportSession &session, const onnx::Node &node) {
  return llvm::any_of(node.input(), [&](const std::string &input) {
    ImportedValue *found = input.empty() ? nullptr : session.find(input);
    return !input.empty() && (!found || found->isPoisoned);
  });
}

void importNode(ImportSession &session, const OrderedNode &entry) {
  NodeContext context(session, *entry.node, entry.name);
  if (session.getLog())
    session.getLog()->beginNode(entry.name, *entry.node);
  const std::string &domain = entry.node->domain();
  auto conversion = getOpTable().find(entry.node->op_type());
  bool isStandard = domain.empty() || domain == "ai.onnx";
  if (!isStandard || conversion == getOpTable().end())
    context.failOp("operator '" + llvm::json::fixUTF8((isStandard ? "" : domain + ".") + entry.node->op_type()) +
                   "' is not supported");
  else if (!isPoisoned(session, *entry.node) && !foldKnown(context) && !context.hasFailed()) {
    conversion->second(context);
    if (!context.hasFailed())
      context.checkAttributesUsed();
  } else if (isPoisoned(session, *entry.node)) {
    context.skip();
  }
  context.finishResults();
  if (session.getLog())
    session.getLog()->endNode(context.hasFailed());
}

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
  defineInputs(session, graph, options);
  importBody(session, graph);
  if (session.hasProblems())
    return failure();
  SmallVector<Value> outputs = collectOutputs(session, graph);
  if (session.hasProblems() || llvm::is_contained(outputs, Value()))
    return failure();
  finishFunction(session, function, graph, outputs);
  return verify(module);
}

} // namespace

void partita::import::addImportPasses(OpPassManager &passes) {
  passes.addNestedPass<func::FuncOp>(createSplitProjectionsPass());
  passes.addNestedPass<func::FuncOp>(createSimplifyMovementPass());
  passes.addNestedPass<func::FuncOp>(createRecognizeCompositesPass());
}

void partita::import::importBody(ImportSession &session, const onnx::Graph &graph) {
  defineInitializers(session, graph);
  for (const OrderedNode &entry : orderNodes(session, graph))
    importNode(session, entry);
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
