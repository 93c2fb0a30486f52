// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CheckLog.h - What an import says when it only checks --------------------===//
//
// Given to an ImportSession, it takes the place of diagnostics and lets the import go on behind a problem. Example:
//
//   CheckLog log;
//   session.setLog(&log);                     // problems are collected from here on
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_CHECKLOG_H
#define PARTITA_LIB_IMPORT_CHECKLOG_H

#include "OnnxSchema.h"
#include "partita/import/Check.h"

namespace partita::import {

class CheckLog {
public:
  void addProblem(ImportProblem problem) { problems.push_back(std::move(problem)); }
  /// Problems reported from now on belong to this node; nodes of its body may follow before it ends.
  void beginNode(const std::string &name, const onnx::Node &node);
  /// `hasFailed`: also where a result that it reads is not known.
  void endNode(bool hasFailed);

  std::vector<ImportProblem> problems;
  std::vector<CheckedNode> nodes;
  std::vector<std::string> assumedDims;

  /// The innermost node that has begun, or null.
  const CheckedNode *getCurrent() const { return open.empty() ? nullptr : &open.back().node; }
  /// Nodes of the outermost graph.
  int64_t countOutermost() const { return outermost; }

private:
  struct OpenNode {
    CheckedNode node;
    size_t problemsBefore;
  };

  std::vector<OpenNode> open;
  int64_t outermost = 0;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_CHECKLOG_H
