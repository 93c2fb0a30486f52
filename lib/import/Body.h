// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Body.h - The nodes of a graph, a function or a branch -------------------===//
//
// A body is imported into the scope that is open: the caller opens one, defines the body's inputs in it, reads the
// body's outputs and closes it. Example, the taken branch of an If:
//
//   session.openScope(/*isFunction=*/false, session.getOpset());
//   importGraphBody(session, branch, "if_3");
//   std::vector<ImportedValue> outputs = readOutputs(session, branch);
//   session.closeScope();
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_BODY_H
#define PARTITA_LIB_IMPORT_BODY_H

#include "NodeContext.h"
#include "NodeOrder.h"

namespace partita::import {

/// Defines the initializers of `graph`. Reports E-BAD-FILE and E-IMPORT-OP.
void defineInitializers(ImportSession &session, const onnx::Graph &graph);

/// Imports what the outputs need. Nodes are named PREFIX/node; an empty prefix adds nothing.
void importNodes(ImportSession &session, const NodeList &body, const std::string &prefix);

/// The initializers and nodes of a nested graph.
void importGraphBody(ImportSession &session, const onnx::Graph &graph, const std::string &prefix);

/// The names of a graph's outputs, and what they are in the open scope; poisoned where they could not be imported.
std::vector<std::string> listOutputs(const onnx::Graph &graph);
std::vector<ImportedValue> readOutputs(ImportSession &session, const std::vector<std::string> &outputs);

/// The model's own function that the node calls, or nullptr.
const onnx::Function *findFunction(ImportSession &session, const onnx::Node &node);

/// Imports the function's body in place of the node, with the node's attributes. Reports E-BAD-FILE for a function that
/// calls itself and E-IMPORT-OP for calls nested too deep.
void inlineFunction(NodeContext &node, const onnx::Function &function);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_BODY_H
