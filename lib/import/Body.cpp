// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Body.cpp - The nodes of a graph, a function or a branch -----------------===//
#include "Body.h"

#include "CheckLog.h"
#include "OpTable.h"
#include "rules/CustomNode.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

void partita::import::defineInitializers(ImportSession &session, const onnx::Graph &graph) {
  for (const onnx::Tensor &tensor : graph.initializer()) {
    ImportedValue value;
    value.tensor = &tensor;
    value.isInitializer = true;
    if (tensor.name().empty() || !llvm::json::isUTF8(tensor.name()) || session.findHere(tensor.name()))
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
static bool isPoisoned(ImportSession &session, const onnx::Node &node) {
  return llvm::any_of(node.input(), [&](const std::string &input) {
    ImportedValue *found = input.empty() ? nullptr : session.find(input);
    return !input.empty() && (!found || found->isPoisoned);
  });
}

/// "com.example.Mix"; of the default domain the operator alone.
static std::string spellOperator(const onnx::Node &node) {
  bool isStandard = node.domain().empty() || node.domain() == "ai.onnx";
  return (isStandard ? "" : node.domain() + ".") + node.op_type();
}

bool partita::import::importWithoutRule(NodeContext &context) {
  const onnx::Node &node = context.getNode();
  bool isStandard = node.domain().empty() || node.domain() == "ai.onnx";
  const onnx::Function *function = findFunction(context.getSession(), node);
  auto conversion = getOpTable().find(spellOperator(node));
  if (!function && conversion == getOpTable().end())
    return false;
  if (function) {
    inlineFunction(context, *function);
  } else if (!(isStandard && foldKnown(context)) && !context.hasFailed()) {
    conversion->second(context);
    if (!context.hasFailed())
      context.checkAttributesUsed();
  }
  return true;
}

/// Of an operator of which nothing is known, where its results' types are, and it can be one.
static std::optional<OpRule> findWholeRule(NodeContext &context) {
  const onnx::Node &node = context.getNode();
  bool isKnown = findFunction(context.getSession(), node) || getOpTable().count(spellOperator(node));
  bool isStandard = node.domain().empty() || node.domain() == "ai.onnx";
  return isKnown || isStandard || isPoisoned(context.getSession(), node) ? std::nullopt : makeWholeRule(context);
}

/// Whether the node was imported.
static bool importNode(ImportSession &session, const onnx::Node &node, const std::string &name) {
  NodeContext context(session, node, name);
  const OpRule *rule = session.findRule(node);
  std::optional<OpRule> whole = rule ? std::nullopt : findWholeRule(context);
  bool isKnown = rule || whole || findFunction(session, node) || getOpTable().count(spellOperator(node));
  if (!isKnown)
    context.failOp("operator '" + llvm::json::fixUTF8(spellOperator(node)) + "' is not supported");
  else if (isPoisoned(session, node))
    context.skip();
  else if (rule || whole)
    importByRule(context, rule ? *rule : *whole);
  else
    importWithoutRule(context);
  context.finishResults();
  return !context.hasFailed();
}

void partita::import::importNodes(ImportSession &session, const NodeList &body, const std::string &prefix) {
  for (const OrderedNode &entry : orderNodes(session, body)) {
    if (!prefix.empty()) {
      if (!session.countNestedNode())
        return;
      importNode(session, *entry.node, prefix + "/" + entry.name);
      continue;
    }
    // What goes wrong in a body belongs to the model's own node around it.
    CheckLog *log = session.getLog();
    if (log)
      log->beginNode(entry.name, *entry.node);
    bool isImported = importNode(session, *entry.node, entry.name);
    if (log)
      log->endNode(!isImported);
  }
}

void partita::import::importGraphBody(ImportSession &session, const onnx::Graph &graph, const std::string &prefix) {
  defineInitializers(session, graph);
  importNodes(session, {graph.node(), listOutputs(graph)}, prefix);
}

std::vector<std::string> partita::import::listOutputs(const onnx::Graph &graph) {
  std::vector<std::string> names;
  for (const onnx::ValueInfo &output : graph.output())
    names.push_back(output.name());
  return names;
}

std::vector<ImportedValue> partita::import::readOutputs(ImportSession &session,
                                                        const std::vector<std::string> &outputs) {
  std::vector<ImportedValue> values;
  for (const std::string &output : outputs) {
    ImportedValue *found = session.find(output);
    values.push_back(found ? *found : ImportedValue());
    values.back().isPoisoned |= !found;
  }
  return values;
}

//===-- Functions -------------------------------------------------------------------------------------------------===//

const onnx::Function *partita::import::findFunction(ImportSession &session, const onnx::Node &node) {
  auto plain = [](const std::string &domain) { return domain == "ai.onnx" ? std::string() : domain; };
  for (const onnx::Function &function : session.getFile().getModel().functions())
    if (function.name() == node.op_type() && plain(function.domain()) == plain(node.domain()) &&
        function.overload() == node.overload())
      return &function;
  return nullptr;
}

namespace {

/// Fills a copy of a function's nodes with the attributes of one call, in bodies within, too.
class CallAttributes {
public:
  CallAttributes(const onnx::Node &call, const onnx::Function &function) : call(call), function(function) {
    // An input that the call leaves out is left out wherever the body reads it.
    for (int i = 0; i < function.input_size(); ++i)
      if (i >= call.input_size() || call.input(i).empty())
        missing.insert(function.input(i));
  }

  void fill(google::protobuf::RepeatedPtrField<onnx::Node> &nodes) {
    for (onnx::Node &node : nodes) {
      for (std::string &input : *node.mutable_input())
        if (missing.count(input))
          input.clear();
      fillNode(node);
    }
  }

private:
  void fillNode(onnx::Node &node) {
    google::protobuf::RepeatedPtrField<onnx::Attribute> filled;
    for (onnx::Attribute &attribute : *node.mutable_attribute()) {
      const onnx::Attribute *value = &attribute;
      if (!attribute.ref_attr_name().empty())
        value = find(attribute.ref_attr_name());
      if (!value)
        continue; // the operator's own default
      onnx::Attribute &copy = *filled.Add();
      copy = *value;
      copy.set_name(attribute.name());
      if (copy.has_g())
        fill(*copy.mutable_g()->mutable_node());
      for (onnx::Graph &graph : *copy.mutable_graphs())
        fill(*graph.mutable_node());
    }
    node.mutable_attribute()->Swap(&filled);
  }

  const onnx::Attribute *find(const std::string &name) const {
    for (const auto *list : {&call.attribute(), &function.attribute_proto()})
      for (const onnx::Attribute &attribute : *list)
        if (attribute.name() == name)
          return &attribute;
    return nullptr;
  }

  const onnx::Node &call;
  const onnx::Function &function;
  std::set<std::string> missing;
};

} // namespace

/// The version of the default operator set in the function.
static int64_t findOpset(ImportSession &session, const onnx::Function &function) {
  for (const onnx::OperatorSet &set : function.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx")
      return set.version();
  return session.getFile().getOpset();
}

void partita::import::inlineFunction(NodeContext &node, const onnx::Function &function) {
  constexpr size_t deepestCall = 64;
  ImportSession &session = node.getSession();
  const onnx::Node &call = node.getNode();
  std::vector<const onnx::Function *> &calls = session.getCalls();
  if (llvm::is_contained(calls, &function))
    return node.fail("E-BAD-FILE", "function '" + llvm::json::fixUTF8(function.name()) + "' calls itself");
  if (calls.size() >= deepestCall)
    return node.failOp("its call is the " + llvm::Twine(deepestCall + 1) + "th within one another");
  if (call.input_size() > function.input_size() || call.output_size() > function.output_size())
    return node.fail("E-BAD-FILE", "has more inputs or results than its function");
  auto copy = std::make_unique<onnx::Function>(function);
  CallAttributes(call, function).fill(*copy->mutable_node());
  onnx::Function &body = session.keep(std::move(copy));
  std::vector<ImportedValue> inputs;
  for (const std::string &input : call.input())
    inputs.push_back(input.empty() ? ImportedValue() : *session.find(input));
  calls.push_back(&function);
  session.openScope(/*isFunction=*/true, findOpset(session, function));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!call.input(static_cast<int>(i)).empty())
      session.define(function.input(static_cast<int>(i)), inputs[i]);
  std::vector<std::string> outputs(function.output().begin(), function.output().begin() + call.output_size());
  importNodes(session, {body.node(), outputs}, node.getName());
  std::vector<ImportedValue> results = readOutputs(session, outputs);
  session.closeScope();
  calls.pop_back();
  for (size_t i = 0; i < results.size(); ++i)
    node.setImported(static_cast<int>(i), results[i]);
}
