// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OpNames.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/interfaces/Interfaces.h"

using namespace mlir;

namespace partita::interpreter {

/// Appends the paths of a stage function's ops in the order in which they run.
static void listPaths(func::FuncOp function, std::vector<OpPath> &paths) {
  struct Frame {
    Operation *next;
    Operation *caller;
  };
  std::vector<Frame> frames{{&function.getBody().front().front(), nullptr}};
  while (!frames.empty()) {
    Operation *op = frames.back().next;
    if (!op || frames.size() > 100) {
      frames.pop_back();
      continue;
    }
    frames.back().next = op->getNextNode();
    auto call = dyn_cast<func::CallOp>(op);
    auto callee =
        call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()) : func::FuncOp();
    if (callee && !callee.isExternal())
      frames.push_back({&callee.getBody().front().front(), op});
    if (!isa<SplitOpInterface>(op))
      continue;
    OpPath path;
    for (const Frame &frame : frames)
      if (frame.caller)
        path.push_back(frame.caller);
    path.push_back(op);
    paths.push_back(path);
  }
}

std::map<OpPath, std::string> findOpNames(func::FuncOp graph, ModuleOp program) {
  std::vector<OpPath> paths;
  for (auto function : program.getOps<func::FuncOp>())
    if (function->hasAttr(collective::kEventAttr) && !function.isExternal())
      listPaths(function, paths);
  std::vector<Operation *> ops;
  for (Operation &op : graph.getBody().front())
    if (isa<SplitOpInterface>(op))
      ops.push_back(&op);
  std::map<OpPath, std::string> names;
  if (ops.size() != paths.size())
    return names;
  for (auto [op, path] : llvm::zip(ops, paths)) {
    bool isShared = path.size() > 1;
    if (op->getName() != path.back()->getName() || (!isShared && getModelName(op) != getModelName(path.back())))
      return {};
    names[path] = getModelName(op).str();
  }
  return names;
}

} // namespace partita::interpreter
