// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Sources.cpp - Constants, shapes, ranges ---------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static Type signed64(NodeContext &node) {
  return IntegerType::get(node.getSession().getContext(), 64, IntegerType::Signed);
}

static void importConstant(NodeContext &node) {
  if (const onnx::Attribute *attribute = node.getAttribute("value")) {
    if (!attribute->has_t())
      return node.fail("E-BAD-FILE", "attribute 'value' is not a tensor");
    ImportedValue result;
    result.tensor = &attribute->t();
    if (node.hasResult(0))
      node.getSession().define(node.getNode().output(0), result);
    return;
  }
  // What is written down may be any number, as in a tensor: the end of a slice is often the largest one.
  auto setGiven = [&](Known known) {
    ImportedValue given;
    given.known = std::make_shared<Known>(std::move(known));
    if (node.hasResult(0))
      node.getSession().define(node.getNode().output(0), given);
  };
  if (node.hasAttribute("value_int"))
    return setGiven(Known::scalar(DimSize(node.getInteger("value_int", 0)), signed64(node)));
  if (node.hasAttribute("value_ints")) {
    SmallVector<int64_t> list = node.getIntegers("value_ints");
    if (list.size() <= mostKnownElements)
      return setGiven(Known::vector({list.begin(), list.end()}, signed64(node)));
    return node.failOp("value_ints of more than " + llvm::Twine(mostKnownElements) + " elements; write a tensor");
  }
  Builder builder(node.getSession().getContext());
  if (node.hasAttribute("value_float"))
    return node.setResult(0, node.constant(node.getFloat("value_float", 0.0), builder.getF32Type()));
  const onnx::Attribute *list = node.getAttribute("value_floats");
  if (!list || list->floats_size() == 0 || list->floats_size() > 256)
    return node.failOp("a constant of text, sparse or many values is not supported");
  auto type = RankedTensorType::get({list->floats_size()}, builder.getF32Type());
  std::vector<float> values(list->floats().begin(), list->floats().end());
  node.setResult(0, node.getSession().makeConstant(node.getLocation(),
                                                   DenseElementsAttr::get(type, llvm::ArrayRef<float>(values)),
                                                   node.partName("value")));
}

/// A value of one element, one for all elements of the result.
static void importConstantOfShape(NodeContext &node) {
  std::optional<Sizes> shape = node.sizes(0);
  if (!shape)
    return;
  const onnx::Attribute *attribute = node.getAttribute("value");
  Value filled = attribute ? Value() : node.constant(0.0, Builder(node.getSession().getContext()).getF32Type());
  if (attribute) {
    ImportedValue single;
    single.tensor = &attribute->t();
    // Not a name that a file can contain, so that it shadows nothing.
    std::string hidden = "\xff" + node.getNode().output(0);
    if (!attribute->has_t() || countElements(attribute->t().dims()) != 1u)
      return node.fail("E-BAD-FILE", "attribute 'value' is not a tensor of one element");
    node.getSession().define(hidden, single);
    if (const Known *known = node.getSession().getKnown(hidden))
      filled = node.constant(static_cast<double>(known->elements[0].constant), known->element);
    else if (std::optional<double> number = node.getSession().getScalar(hidden))
      filled = node.constant(*number, node.getSession().getElementType(attribute->t().data_type()));
    else
      return node.failOp("its value has an element type that is not supported");
  }
  node.setResult(0, node.broadcast(filled, *shape));
}

static void importShape(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  Sizes sizes = node.sizesOf(x);
  auto rank = static_cast<int64_t>(sizes.size());
  auto clamp = [&](int64_t bound) { return std::clamp<int64_t>(bound < 0 ? bound + rank : bound, 0, rank); };
  int64_t start = clamp(node.getInteger("start", 0)), end = clamp(node.getInteger("end", rank));
  node.setKnown(
      0, Known::vector(end > start ? Sizes(sizes.begin() + start, sizes.begin() + end) : Sizes(), signed64(node)));
}

static void importSize(NodeContext &node) {
  Value x = node.input(0);
  if (!x)
    return;
  std::optional<DimSize> count = divideProducts(node.sizesOf(x), {});
  if (!count)
    return node.failShape("the number of elements is not linear in the symbolic dimensions");
  node.setKnown(0, Known::scalar(*count, signed64(node)));
}

void partita::import::addSourceOps(OpTable &table) {
  table.insert({{"Constant", importConstant},
                {"ConstantOfShape", importConstantOfShape},
                {"Shape", importShape},
                {"Size", importSize}});
}
