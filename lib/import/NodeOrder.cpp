// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeOrder.cpp - The canonical order of a model's nodes ------------------===//
#include "NodeOrder.h"

#include "llvm/Support/JSON.h"

using namespace partita;
using namespace partita::import;

namespace {

class Walk {
public:
  Walk(ImportSession &session, const onnx::Graph &graph) : session(session), graph(graph), states(graph.node_size()) {}

  std::vector<OrderedNode> run();

private:
  enum State : char { Unseen, Open, Done };
  struct Frame {
    int node;
    int nextInput;
  };

  void indexDefinitions();
  void visit(int root);
  /// Goes on at the node that defines `tensor`, if it is one.
  void enter(const std::string &tensor, int reader);
  void nameNodes();
  void collectConsumers();
  std::string describe(int node) const {
    const onnx::Node &found = graph.node(node);
    return "node '" + (found.name().empty() ? "#" + std::to_string(node) : found.name()) + "' (" + found.op_type() +
           ")";
  }
  void fail(const llvm::Twine &message) { session.report(session.getLocation(""), "E-BAD-FILE", message); }
  bool isText(const std::string &text, const llvm::Twine &owner);

  ImportSession &session;
  const onnx::Graph &graph;
  std::map<std::string, int> definitions; // tensor to node; -1: an input or initializer
  std::vector<State> states;
  std::vector<Frame> stack;
  std::vector<OrderedNode> order;
  std::set<std::string> reported;
};

bool Walk::isText(const std::string &text, const llvm::Twine &owner) {
  if (llvm::json::isUTF8(text))
    return true;
  fail("a name in " + owner + " is not UTF-8: '" + llvm::json::fixUTF8(text) + "'");
  return false;
}

void Walk::indexDefinitions() {
  // The session already holds inputs and initializers; only nodes can define twice from here on.
  for (int i = 0; i < graph.node_size(); ++i) {
    const onnx::Node &node = graph.node(i);
    isText(node.name(), "node #" + llvm::Twine(i));
    isText(node.op_type(), "node #" + llvm::Twine(i));
    for (const std::string &output : node.output()) {
      if (output.empty() || !isText(output, "node #" + llvm::Twine(i)))
        continue;
      if (session.find(output) || !definitions.emplace(output, i).second)
        fail("tensor '" + output + "', a result of " + describe(i) + ", is defined twice");
    }
  }
}

void Walk::enter(const std::string &tensor, int reader) {
  auto found = definitions.find(tensor);
  if (found == definitions.end()) {
    if (!session.find(tensor) && reported.insert(tensor).second)
      fail((reader < 0 ? std::string("the list of outputs") : describe(reader)) + " reads '" +
           llvm::json::fixUTF8(tensor) + "', which nothing defines");
    return;
  }
  int node = found->second;
  if (states[node] == Open && reported.insert("\n" + tensor).second)
    fail("tensor '" + tensor + "' depends on itself: a cycle through " + describe(node));
  if (states[node] != Unseen)
    return;
  states[node] = Open;
  stack.push_back({node, 0});
}

void Walk::visit(int root) {
  enter(graph.output(root).name(), -1);
  while (!stack.empty()) {
    Frame &top = stack.back();
    const onnx::Node &node = graph.node(top.node);
    if (top.nextInput == node.input_size()) {
      states[top.node] = Done;
      order.push_back({&node, ""});
      stack.pop_back();
      continue;
    }
    const std::string &input = node.input(top.nextInput++);
    if (!input.empty())
      enter(input, top.node); // may move the stack: `top` is dead from here
  }
}

void Walk::nameNodes() {
  std::map<std::string, int> uses;
  for (const OrderedNode &entry : order)
    ++uses[entry.node->name()];
  std::set<std::string> taken;
  for (const OrderedNode &entry : order)
    taken.insert(entry.node->name());
  for (size_t i = 0; i < order.size(); ++i) {
    const std::string &own = order[i].node->name();
    order[i].name = own;
    if (!own.empty() && uses[own] == 1)
      continue;
    order[i].name = order[i].node->op_type() + "_" + std::to_string(i);
    // A file may use such a name itself.
    while (!taken.insert(order[i].name).second)
      order[i].name += "_";
  }
}

void Walk::collectConsumers() {
  std::map<std::string, std::vector<const onnx::Node *>> consumers;
  for (const OrderedNode &entry : order)
    for (const std::string &input : entry.node->input())
      consumers[input].push_back(entry.node);
  for (const onnx::ValueInfo &output : graph.output())
    consumers[output.name()].push_back(nullptr);
  session.setConsumers(std::move(consumers));
}

std::vector<OrderedNode> Walk::run() {
  indexDefinitions();
  for (int i = 0; i < graph.output_size(); ++i)
    visit(i);
  nameNodes();
  collectConsumers();
  return std::move(order);
}

} // namespace

std::vector<OrderedNode> partita::import::orderNodes(ImportSession &session, const onnx::Graph &graph) {
  return Walk(session, graph).run();
}
