// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeOrder.cpp - The canonical order of a model's nodes ------------------===//
#include "NodeOrder.h"

#include "llvm/Support/JSON.h"

using namespace partita;
using namespace partita::import;

namespace {

/// Tensors read in a body and bodies within, that nothing in it defines. Bodies nest no deeper than the wire scan lets
/// through.
class CaptureList {
public:
  void addNode(const onnx::Node &node) {
    for (const onnx::Attribute &attribute : node.attribute()) {
      if (attribute.has_g())
        addGraph(attribute.g());
      for (const onnx::Graph &graph : attribute.graphs())
        addGraph(graph);
    }
  }

  std::vector<std::string> list;

private:
  void addGraph(const onnx::Graph &graph) {
    std::set<std::string> defined;
    for (const onnx::ValueInfo &input : graph.input())
      defined.insert(input.name());
    for (const onnx::Tensor &tensor : graph.initializer())
      defined.insert(tensor.name());
    for (const onnx::Node &node : graph.node())
      defined.insert(node.output().begin(), node.output().end());
    hidden.push_back(std::move(defined));
    for (const onnx::Node &node : graph.node()) {
      for (const std::string &input : node.input())
        read(input);
      addNode(node);
    }
    for (const onnx::ValueInfo &output : graph.output())
      read(output.name());
    hidden.pop_back();
  }

  void read(const std::string &tensor) {
    bool isInner = llvm::any_of(hidden, [&](const std::set<std::string> &names) { return names.count(tensor) != 0; });
    if (!tensor.empty() && !isInner && seen.insert(tensor).second)
      list.push_back(tensor);
  }

  std::vector<std::set<std::string>> hidden;
  std::set<std::string> seen;
};

class Walk {
public:
  Walk(ImportSession &session, const NodeList &body) : session(session), body(body), states(body.nodes.size()) {}

  std::vector<OrderedNode> run();

private:
  enum State : char { Unseen, Open, Done };
  struct Frame {
    int node;
    int nextInput;
  };

  void indexDefinitions();
  void visit(size_t root);
  /// Goes on at the node that defines `tensor`, if it is one.
  void enter(const std::string &tensor, int reader);
  void nameNodes();
  void collectConsumers();
  std::string describe(int node) const {
    const onnx::Node &found = body.nodes.Get(node);
    return "node '" + (found.name().empty() ? "#" + std::to_string(node) : found.name()) + "' (" + found.op_type() +
           ")";
  }
  void fail(const llvm::Twine &message) { session.report(session.getLocation(""), "E-BAD-FILE", message); }
  bool isText(const std::string &text, const llvm::Twine &owner);

  ImportSession &session;
  const NodeList &body;
  std::map<int, std::vector<std::string>> captures; // of nodes with bodies
  std::map<std::string, int> definitions;           // tensor to node; -1: an input or initializer
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
  // The session already holds inputs and initializers; only nodes can define twice from here on. Names of bodies
  // outside may be hidden.
  for (int i = 0; i < body.nodes.size(); ++i) {
    const onnx::Node &node = body.nodes.Get(i);
    isText(node.name(), "node #" + llvm::Twine(i));
    isText(node.op_type(), "node #" + llvm::Twine(i));
    if (std::vector<std::string> list = listCaptures(node); !list.empty())
      captures.emplace(i, std::move(list));
    for (const std::string &output : node.output()) {
      if (output.empty() || !isText(output, "node #" + llvm::Twine(i)))
        continue;
      if (session.findHere(output) || !definitions.emplace(output, i).second)
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

void Walk::visit(size_t root) {
  enter(body.outputs[root], -1);
  while (!stack.empty()) {
    Frame &top = stack.back();
    const onnx::Node &node = body.nodes.Get(top.node);
    auto captured = captures.find(top.node);
    int inputs = node.input_size();
    int reads = inputs + (captured == captures.end() ? 0 : static_cast<int>(captured->second.size()));
    if (top.nextInput == reads) {
      states[top.node] = Done;
      order.push_back({&node, ""});
      stack.pop_back();
      continue;
    }
    int next = top.nextInput++;
    const std::string &input = next < inputs ? node.input(next) : captured->second[next - inputs];
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
  for (const OrderedNode &entry : order)
    for (const std::string &input : listCaptures(*entry.node))
      consumers[input].push_back(entry.node);
  for (const std::string &output : body.outputs)
    consumers[output].push_back(nullptr);
  session.setConsumers(std::move(consumers));
}

std::vector<OrderedNode> Walk::run() {
  indexDefinitions();
  for (size_t i = 0; i < body.outputs.size(); ++i)
    visit(i);
  nameNodes();
  collectConsumers();
  return std::move(order);
}

} // namespace

std::vector<OrderedNode> partita::import::orderNodes(ImportSession &session, const NodeList &body) {
  return Walk(session, body).run();
}

std::vector<std::string> partita::import::listCaptures(const onnx::Node &node) {
  CaptureList captures;
  captures.addNode(node);
  return std::move(captures.list);
}
