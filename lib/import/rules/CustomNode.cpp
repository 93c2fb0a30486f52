// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- CustomNode.cpp - Nodes that become custom ops ---------------------------===//
#include "CustomNode.h"

#include "Body.h"
#include "RuleExtents.h"
#include "recognize/Views.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

namespace {

/// Writes the custom op of one node.
class CustomWriter {
public:
  CustomWriter(NodeContext &node, const OpRule &rule)
      : node(node), session(node.getSession()), rule(rule), extents(node, rule), builder(session.getBuilder()) {}

  void write() {
    if (node.countInputs() > static_cast<int>(rule.inputs.size()) ||
        node.countResults() > static_cast<int>(rule.outputs.size()))
      return node.fail("E-RULE-SHAPE", "has " + llvm::Twine(node.countInputs()) + " inputs and " +
                                           llvm::Twine(node.countResults()) + " results, its rule knows " +
                                           llvm::Twine(rule.inputs.size()) + " and " +
                                           llvm::Twine(rule.outputs.size()));
    if (!readOperands() || !extents.resolve(operandTypes(), operandDims))
      return;
    Region body;
    SmallVector<RankedTensorType> types;
    if (!(importBody(body) ? readBodyTypes(body, types) : !node.hasFailed() && stateTypes(types)))
      return;
    makeOp(body, types);
  }

private:
  std::vector<RankedTensorType> operandTypes() const {
    std::vector<RankedTensorType> types;
    for (Value operand : operands)
      types.push_back(cast<RankedTensorType>(operand.getType()));
    return types;
  }

  //===-- Operands --===//

  bool readOperands() {
    for (int index = 0; index < node.countInputs(); ++index) {
      operandOf.push_back(-1);
      if (!node.hasInput(index) || rule.inputs[index].isConstant)
        continue;
      Value value = node.input(index);
      if (!value)
        return false;
      auto type = cast<RankedTensorType>(value.getType());
      std::vector<DimRule> dims =
          rule.inputs[index].dims.value_or(std::vector<DimRule>(static_cast<size_t>(type.getRank())));
      if (dims.size() != static_cast<size_t>(type.getRank())) {
        node.fail("E-RULE-SHAPE", "input " + llvm::Twine(index) + " has " + llvm::Twine(type.getRank()) +
                                      " dims, the rule says " + llvm::Twine(dims.size()));
        return false;
      }
      operandOf.back() = static_cast<int>(operands.size());
      operands.push_back(value);
      operandDims.push_back(dims);
    }
    return true;
  }

  //===-- The body --===//

  /// Defines an input in the open scope: an argument of the body, or what is known of a constant.
  bool defineInput(int index, const std::string &name, Block &block, ImportedValue outer) {
    ImportedValue inner;
    if (operandOf[index] >= 0) {
      inner.value = block.addArgument(
          extents.makeGeneric(operandTypes()[operandOf[index]], operandDims[operandOf[index]]), node.getLocation());
    } else if (outer.known) {
      inner.known = outer.known;
    } else if (outer.value && outer.value.getDefiningOp<graph::ConstantOp>()) {
      inner.value = builder.clone(*outer.value.getDefiningOp())->getResult(0);
    } else {
      node.failNeedsValue(index, "a constant, as its rule says");
      return false;
    }
    session.define(name, inner);
    return true;
  }

  /// Fills the region with what computes the op; false where nothing says that, or after a report.
  bool importBody(Region &region) {
    Block *block = new Block();
    region.push_back(block);
    std::vector<ImportedValue> constants(node.countInputs());
    for (int index = 0; index < node.countInputs(); ++index)
      if (node.hasInput(index) && operandOf[index] < 0) {
        (void)node.known(index);
        (void)node.input(index);
        constants[index] = *session.find(node.getInputName(index));
      }
    const ModelFile *file = openBody();
    if (node.hasFailed())
      return false;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(block);
    BodyState outside = session.exchangeBody({true, file});
    session.openScope(/*isFunction=*/true, file ? file->getOpset() : session.getOpset());
    bool isWritten = fillBody(*block, constants, file);
    session.closeScope();
    session.exchangeBody(outside);
    if (isWritten) {
      captureOuterValues(*block);
      return true;
    }
    region.dropAllReferences();
    region.getBlocks().clear();
    return false;
  }

  const ModelFile *openBody() {
    if (rule.body.empty())
      return nullptr;
    llvm::Expected<const ModelFile *> opened = session.openBody(rule.body);
    if (opened)
      return *opened;
    session.report(node.getLocation(), opened.takeError(), "the body of '" + rule.getName() + "': ");
    node.skip();
    return nullptr;
  }

  bool fillBody(Block &block, ArrayRef<ImportedValue> constants, const ModelFile *file) {
    bool isGraph = file && !findFunction(session, node.getNode());
    const onnx::Graph *graph = isGraph ? &file->getModel().graph() : nullptr;
    if (graph && (graph->input_size() < node.countInputs() || graph->output_size() < node.countResults())) {
      node.fail("E-RULE-BODY", "the graph of '" + rule.body + "' has fewer inputs or outputs");
      return false;
    }
    for (int index = 0; index < node.countInputs(); ++index)
      if (node.hasInput(index) &&
          !defineInput(index, graph ? graph->input(index).name() : node.getInputName(index), block, constants[index]))
        return false;
    size_t problems = session.countProblems();
    NodeContext inner(session, node.getNode(), node.getName());
    std::vector<std::string> outputs(node.getNode().output().begin(), node.getNode().output().end());
    if (graph) {
      importGraphBody(session, *graph, node.getName());
      outputs = listOutputs(*graph);
      outputs.resize(static_cast<size_t>(node.countResults()));
    } else if (!importWithoutRule(inner)) {
      return false;
    }
    SmallVector<Value> results;
    for (int index = 0; index < node.countResults(); ++index)
      if (node.hasResult(index))
        results.push_back(session.getValue(outputs[index], node.getLocation()));
    if (session.countProblems() != problems || llvm::is_contained(results, Value())) {
      node.fail("E-RULE-BODY", "its body cannot be written for any extent of " + extents.listGeneric() +
                                   "; a loop that is whole has its own extent there");
      return false;
    }
    graph::YieldOp::create(builder, node.getLocation(), results);
    return true;
  }

  /// Weights that the body brings become operands; names in it do not depend on the node, so that bodies are equal.
  void captureOuterValues(Block &block) {
    eraseUnused(block);
    llvm::SetVector<Value> captured;
    for (Operation &op : block)
      for (Value operand : op.getOperands())
        if (operand.getParentBlock() != &block)
          captured.insert(operand);
    for (Value value : captured) {
      auto type = cast<RankedTensorType>(value.getType());
      Value argument = block.addArgument(type, value.getLoc());
      value.replaceUsesWithIf(argument, [&](OpOperand &use) { return use.getOwner()->getBlock() == &block; });
      operands.push_back(value);
      operandDims.emplace_back(static_cast<size_t>(type.getRank()));
    }
    for (auto [number, op] : llvm::enumerate(block))
      if (auto name = op.getAttrOfType<StringAttr>("name")) {
        session.releaseName(name.getValue());
        op.setAttr("name", builder.getStringAttr("body/" + llvm::Twine(number)));
      }
  }

  //===-- Results --===//

  bool readBodyTypes(Region &body, SmallVectorImpl<RankedTensorType> &types) {
    ValueRange yielded = body.front().getTerminator()->getOperands();
    for (int index = 0; index < node.countResults(); ++index) {
      if (!node.hasResult(index))
        continue;
      auto generic = cast<RankedTensorType>(yielded[types.size()].getType());
      resultDims.push_back(rule.outputs[index]);
      RankedTensorType type = extents.makeActual(generic, rule.outputs[index], index);
      if (!type)
        return false;
      types.push_back(type);
    }
    return true;
  }

  /// Types by the rule alone.
  bool stateTypes(SmallVectorImpl<RankedTensorType> &types) {
    for (int index = 0; index < node.countResults(); ++index) {
      if (!node.hasResult(index))
        continue;
      size_t like = static_cast<size_t>(index) < rule.elements.size() ? rule.elements[index] : 0;
      resultDims.push_back(rule.outputs[index]);
      RankedTensorType type = RankedTensorType();
      if (!rule.types.empty())
        type = rule.types[index];
      else if (like < operandOf.size() && operandOf[like] >= 0)
        type = extents.makeStated(rule.outputs[index], operandTypes()[operandOf[like]].getElementType(), index);
      else
        node.fail("E-RULE-SHAPE", "result " + llvm::Twine(index) + " has the element type of input " +
                                      llvm::Twine(like) + ", which is not there");
      if (!type)
        return false;
      types.push_back(type);
    }
    if (session.allowsMissingBodies())
      return true;
    session.report(node.getLocation(), "E-CUSTOM-BODY",
                   "node '" + llvm::Twine(node.getName()) + "' (" + node.getNode().op_type() +
                       "): nothing says what '" + rule.getName() +
                       "' computes; it can be planned, but neither run nor compiled" +
                       (rule.types.empty() ? "" : "; no rule says how to split it: it runs whole on every rank"));
    return true;
  }

  //===-- The op --===//

  ArrayAttr makeLinear() {
    SmallVector<Attribute> sets;
    for (const std::vector<unsigned> &set : rule.linear) {
      SmallVector<int64_t> numbers;
      for (unsigned input : set)
        if (input < operandOf.size() && operandOf[input] >= 0)
          numbers.push_back(operandOf[input]);
      if (numbers.size() == set.size())
        sets.push_back(builder.getDenseI64ArrayAttr(numbers));
    }
    return builder.getArrayAttr(sets);
  }

  void makeOp(Region &body, ArrayRef<RankedTensorType> types) {
    std::vector<std::vector<DimRule>> dims = operandDims;
    dims.insert(dims.end(), resultDims.begin(), resultDims.end());
    std::optional<ArrayAttr> work = extents.makeWork(dims);
    if (!work)
      return;
    auto op = graph::CustomOp::create(
        builder, node.getLocation(), SmallVector<Type>(types.begin(), types.end()),
        builder.getStringAttr(session.claimName(node.getName())), builder.getStringAttr(rule.getName()), operands,
        extents.makeLoops(dims), extents.makeMaps(dims), makeLinear(),
        graph::WorkUnitAttr::get(builder.getContext(), *graph::symbolizeWorkUnit(rule.unit)), *work);
    op.getBody().takeBody(body);
    if (std::string mistake = findMistake(op); !mistake.empty()) {
      op.erase();
      return node.fail("E-RULE-SHAPE", "the rule does not fit it: " + mistake);
    }
    unsigned result = 0;
    for (int index = 0; index < node.countResults(); ++index)
      if (node.hasResult(index))
        node.setResult(index, op.getResult(result++));
  }

  NodeContext &node;
  ImportSession &session;
  const OpRule &rule;
  RuleExtents extents;
  OpBuilder &builder;
  SmallVector<Value> operands;
  /// By input: the number of its operand, or -1.
  SmallVector<int> operandOf;
  std::vector<std::vector<DimRule>> operandDims, resultDims;
};

} // namespace

void partita::import::importByRule(NodeContext &node, const OpRule &rule) { CustomWriter(node, rule).write(); }

std::optional<OpRule> partita::import::makeWholeRule(NodeContext &node) {
  ImportSession &session = node.getSession();
  const onnx::Node &call = node.getNode();
  OpRule rule;
  rule.domain = call.domain();
  rule.op = call.op_type();
  rule.unit = "vector";
  rule.inputs.resize(static_cast<size_t>(call.input_size()));
  if (!session.isOutermost())
    return std::nullopt;
  for (const std::string &output : call.output()) {
    auto declared = output.empty() ? std::nullopt : session.getDeclaredTypes().find(output);
    Type element = declared ? session.getElementType(declared->second) : Type();
    if (!element || !llvm::all_of(declared->first, isInRange))
      return std::nullopt;
    rule.types.push_back(getTensorType(declared->first, element));
    // One loop for each dim, so that the reason is told.
    rule.outputs.emplace_back();
    for (size_t dim = 0; dim < declared->first.size(); ++dim) {
      std::string label = "d" + std::to_string(dim) + (rule.types.size() > 1 ? "_" + output : "");
      rule.loops.push_back({label, "whole", "no rule says how to split '" + rule.getName() + "'", std::nullopt});
      rule.outputs.back().push_back({label});
    }
  }
  return rule.types.empty() ? std::nullopt : std::optional(rule);
}
