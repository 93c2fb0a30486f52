// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Check.cpp - Everything that is wrong with a model file, at once ---------===//
#include "partita/import/Check.h"

#include "Body.h"
#include "CheckLog.h"
#include "ImportSession.h"
#include "InputTypes.h"
#include "Rebatch.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

void CheckLog::beginNode(const std::string &name, const onnx::Node &node) {
  open.push_back({{name, node.op_type(), node.domain(), CheckedNode::Imported}, problems.size()});
}

void CheckLog::endNode(bool hasFailed) {
  OpenNode ended = std::move(open.back());
  open.pop_back();
  outermost += open.empty();
  if (problems.size() != ended.problemsBefore)
    ended.node.state = CheckedNode::Refused;
  else if (hasFailed)
    ended.node.state = CheckedNode::Skipped;
  nodes.push_back(std::move(ended.node));
}

/// The function of everything that could be imported.
static void importAll(const ModelFile &file, ModuleOp module, const ImportOptions &options, ModelCheck &check) {
  const onnx::Graph &graph = file.getModel().graph();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), "main", builder.getFunctionType({}, {}));
  Block *body = function.addEntryBlock();
  ImportSession session(file, *body);
  session.setRules(options);
  CheckLog log;
  session.setLog(&log);
  defineInputs(session, graph, options);
  importGraphBody(session, graph, /*prefix=*/"");
  for (const onnx::ValueInfo &output : graph.output())
    session.getValue(output.name(), session.getLocation(""));
  // Also what only refused nodes would have read.
  SmallVector<Value> ends;
  for (Operation &op : *body)
    for (Value result : op.getResults())
      if (result.use_empty())
        ends.push_back(result);
  func::ReturnOp::create(session.getBuilder(), function.getLoc(), ends);
  std::vector<DictionaryAttr> arguments = session.getParameters().finish();
  function.setFunctionType(builder.getFunctionType(body->getArgumentTypes(), ValueRange(ends).getTypes()));
  function.setAllArgAttrs(llvm::ArrayRef<DictionaryAttr>(arguments));
  rebatch(session, function);
  check.problems = std::move(log.problems);
  check.nodes = std::move(log.nodes);
  check.assumedDims = std::move(log.assumedDims);
  check.unusedNodes = graph.node_size() - log.countOutermost();
}

ModelCheck partita::import::checkOnnx(MLIRContext &context, llvm::StringRef path, const ImportOptions &options) {
  context.loadDialect<func::FuncDialect, graph::GraphDialect, PartitaDialect>();
  ModelCheck check;
  check.module = ModuleOp::create(FileLineColLoc::get(&context, path, 0, 0));
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  if (file) {
    check.parameters = countModelParameters(file->getModel());
    importAll(*file, *check.module, options, check);
  } else {
    PartitaError error = takeError(file.takeError());
    check.problems.push_back({error.code, error.message, "", "", "", error.notes});
  }
  return check;
}
