// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeOrder.h - The canonical order of a model's nodes --------------------===//
//
// A post-order walk from the outputs along the inputs, both in their order: it depends on what is computed, not on how
// the file lists it. Nodes that no output needs are left out. Example: outputs [y], y = Add(a, b), b = Exp(x),
// a = Relu(x), listed in any order: Relu, Exp, Add.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_NODEORDER_H
#define PARTITA_LIB_IMPORT_NODEORDER_H

#include "ImportSession.h"

namespace partita::import {

struct OrderedNode {
  const onnx::Node *node = nullptr;
  /// The node's own name; OPERATOR_place (in this order) where it has none or shares it.
  std::string name;
};

/// The nodes of a graph or function, and what is wanted of them.
struct NodeList {
  const google::protobuf::RepeatedPtrField<onnx::Node> &nodes;
  std::vector<std::string> outputs;
};

/// The nodes that the outputs need. What is wrong with the body is reported (E-BAD-FILE): a tensor defined twice or
/// not at all, a cycle, a name that is not UTF-8; the result is then only the part that could be ordered.
std::vector<OrderedNode> orderNodes(ImportSession &session, const NodeList &body);

/// The tensors that the bodies of a node's attributes read from outside, each once, in the order of their first use.
std::vector<std::string> listCaptures(const onnx::Node &node);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_NODEORDER_H
