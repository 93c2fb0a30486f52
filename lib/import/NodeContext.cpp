// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeContext.cpp - Inputs, attributes and results of a node --------------===//
#include "NodeContext.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

NodeContext::NodeContext(ImportSession &session, const onnx::Node &node, std::string name)
    : session(session), node(node), name(std::move(name)), location(session.getLocation(this->name)),
      results(node.output_size()) {}

void NodeContext::fail(llvm::StringRef code, const llvm::Twine &message) {
  failed = true;
  session.report(location, code, "node '" + llvm::Twine(name) + "' (" + node.op_type() + "): " + message);
}

void NodeContext::failNeedsValue(int index, const llvm::Twine &what) {
  std::string flags;
  for (const std::string &input : session.findSourceInputs(getInputName(index)))
    flags += (flags.empty() ? "" : " ") + ("--input-value " + input + "=FILE.npy");
  fail("E-NEEDS-VALUE", "input '" + getInputName(index) + "' must be " + what +
                            " that is known before the program runs" + (flags.empty() ? "" : "; add " + flags));
}

//===-- Inputs ----------------------------------------------------------------------------------------------------===//

Value NodeContext::input(int index) {
  if (!hasInput(index)) {
    fail("E-BAD-FILE", "input " + llvm::Twine(index) + " is missing");
    return Value();
  }
  Value value = session.getValue(node.input(index), location);
  failed |= !value;
  return value;
}

const Known *NodeContext::known(int index) { return hasInput(index) ? session.getKnown(node.input(index)) : nullptr; }

std::optional<Sizes> NodeContext::sizes(int index) {
  const Known *found = known(index);
  if (found && found->shape.size() <= 1)
    return found->elements;
  if (!hasInput(index))
    fail("E-BAD-FILE", "input " + llvm::Twine(index) + " is missing");
  else
    failNeedsValue(index, "a list of integers");
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> NodeContext::integers(int index) {
  std::optional<Sizes> list = sizes(index);
  if (!list)
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const DimSize &size : *list) {
    if (!size.isStatic()) {
      failShape("input '" + getInputName(index) + "' depends on a symbolic dimension: " + toText(*list));
      return std::nullopt;
    }
    numbers.push_back(size.constant);
  }
  return numbers;
}

std::optional<double> NodeContext::scalar(int index) {
  return hasInput(index) ? session.getScalar(node.input(index)) : std::nullopt;
}

//===-- Attributes ------------------------------------------------------------------------------------------------===//

const onnx::Attribute *NodeContext::getAttribute(llvm::StringRef attribute) {
  usedAttributes.insert(attribute.str());
  for (const onnx::Attribute &candidate : node.attribute())
    if (candidate.name() == attribute)
      return &candidate;
  return nullptr;
}

bool NodeContext::hasAttribute(llvm::StringRef attribute) { return getAttribute(attribute) != nullptr; }

/// Whether an attribute has this kind; files of old IR versions leave the kind out.
static bool isKind(const onnx::Attribute &attribute, onnx::Attribute::Kind kind, bool hasValue) {
  if (attribute.has_type() && attribute.type() != onnx::Attribute::UNDEFINED)
    return attribute.type() == kind;
  return hasValue;
}

/// Whether an attribute counts dims, extents or places, so that sums of such must not overflow. Others are numbers of
/// any size, or ends that are cut to what is there.
static bool isCount(llvm::StringRef attribute) {
  return !llvm::is_contained({"value_int", "ignore_index", "start", "end", "seed"}, attribute);
}

int64_t NodeContext::getInteger(llvm::StringRef attribute, int64_t defaultValue) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (!found)
    return defaultValue;
  bool isInteger = isKind(*found, onnx::Attribute::INT, found->has_i());
  if (isInteger && (!isCount(attribute) || (found->i() >= -largestSize && found->i() <= largestSize)))
    return found->i();
  fail("E-BAD-FILE", "attribute '" + attribute + (isInteger ? "' is beyond all sizes" : "' is not an integer"));
  return defaultValue;
}

double NodeContext::getFloat(llvm::StringRef attribute, double defaultValue) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (!found)
    return defaultValue;
  if (isKind(*found, onnx::Attribute::FLOAT, found->has_f()))
    return found->f();
  fail("E-BAD-FILE", "attribute '" + attribute + "' is not a number");
  return defaultValue;
}

std::string NodeContext::getText(llvm::StringRef attribute, llvm::StringRef defaultValue) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (!found)
    return defaultValue.str();
  if (isKind(*found, onnx::Attribute::STRING, found->has_s()))
    return found->s();
  fail("E-BAD-FILE", "attribute '" + attribute + "' is not a text");
  return defaultValue.str();
}

SmallVector<int64_t> NodeContext::getIntegers(llvm::StringRef attribute, llvm::ArrayRef<int64_t> defaultValue) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (!found)
    return SmallVector<int64_t>(defaultValue);
  if (isKind(*found, onnx::Attribute::INTS, found->ints_size() > 0))
    return SmallVector<int64_t>(found->ints().begin(), found->ints().end());
  fail("E-BAD-FILE", "attribute '" + attribute + "' is not a list of integers");
  return SmallVector<int64_t>(defaultValue);
}

std::vector<double> NodeContext::getFloats(llvm::StringRef attribute) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (!found)
    return {};
  if (!isKind(*found, onnx::Attribute::FLOATS, found->floats_size() > 0))
    fail("E-BAD-FILE", "attribute '" + attribute + "' is not a list of numbers");
  return {found->floats().begin(), found->floats().end()};
}

std::vector<std::string> NodeContext::getTexts(llvm::StringRef attribute) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (!found)
    return {};
  if (!isKind(*found, onnx::Attribute::STRINGS, found->strings_size() > 0))
    fail("E-BAD-FILE", "attribute '" + attribute + "' is not a list of texts");
  return {found->strings().begin(), found->strings().end()};
}

const onnx::Graph *NodeContext::getGraph(llvm::StringRef attribute) {
  const onnx::Attribute *found = getAttribute(attribute);
  if (found && isKind(*found, onnx::Attribute::GRAPH, found->has_g()))
    return &found->g();
  fail("E-BAD-FILE", "attribute '" + attribute + "' is not a graph");
  return nullptr;
}

void NodeContext::ignore(std::initializer_list<llvm::StringRef> list) {
  for (llvm::StringRef attribute : list)
    usedAttributes.insert(attribute.str());
}

void NodeContext::checkAttributesUsed() {
  for (const onnx::Attribute &attribute : node.attribute())
    if (!usedAttributes.count(attribute.name()))
      failOp("attribute '" + attribute.name() + "' is not supported");
}

std::optional<int64_t> NodeContext::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank)
    return axis < 0 ? axis + rank : axis;
  fail("E-IMPORT-SHAPE", "axis " + llvm::Twine(axis) + " is outside a tensor of rank " + llvm::Twine(rank));
  return std::nullopt;
}

//===-- Results ---------------------------------------------------------------------------------------------------===//

void NodeContext::setResult(int index, Value value) {
  failed |= !value;
  if (!hasResult(index))
    return;
  results[index] = value;
  ImportedValue result;
  result.value = value;
  result.isPoisoned = !value;
  session.define(node.output(index), result);
}

void NodeContext::setKnown(int index, Known known) {
  for (const DimSize &size : known.elements)
    if (!isInRange(size))
      return failShape("an integer that it computes is too large");
  if (!hasResult(index))
    return;
  ImportedValue result;
  result.known = std::make_shared<Known>(std::move(known));
  session.define(node.output(index), result);
}

void NodeContext::setImported(int index, const ImportedValue &value) {
  failed |= value.isPoisoned;
  if (hasResult(index))
    session.define(node.output(index), value);
}

void NodeContext::finishResults() {
  int named = llvm::count_if(results, [](Value value) { return value; });
  for (auto [index, value] : llvm::enumerate(results)) {
    Operation *op = value ? value.getDefiningOp() : nullptr;
    if (op && created.erase(op)) {
      session.releaseName(op->getAttrOfType<StringAttr>("name").getValue());
      std::string wanted = named > 1 ? name + "/" + std::to_string(index) : name;
      op->setAttr("name", session.getBuilder().getStringAttr(session.claimName(wanted)));
    }
  }
  for (const std::string &output : node.output()) {
    if (output.empty() || (session.find(output) && !failed))
      continue;
    if (!failed)
      failOp("its result '" + output + "' is not supported");
    session.define(output, session.makeUnknown(output));
  }
}
