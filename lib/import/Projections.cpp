// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Projections.cpp - Fused projections taken apart -------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

namespace {
/// value = contraction(x, weight) [+ broadcast(bias)], the last dim of the result being a dim of the weight.
struct Projection {
  ContractionOp contraction;
  ElementwiseOp add;        // null without a bias
  BroadcastOp wideBias;     // null without a bias
  unsigned biasOperand = 0; // of the add
  int64_t weightDim = 0;    // the weight's dim that is the result's last
};
} // namespace

static std::optional<Projection> matchProjection(ParameterTable &parameters, Value value) {
  Projection found;
  found.contraction = value.getDefiningOp<ContractionOp>();
  found.add = value.getDefiningOp<ElementwiseOp>();
  if (found.add && found.add.getKind() == ElementwiseKind::add) {
    for (unsigned operand : {0u, 1u}) {
      auto wide = found.add.getInputs()[operand].getDefiningOp<BroadcastOp>();
      auto product = found.add.getInputs()[1 - operand].getDefiningOp<ContractionOp>();
      if (!wide || !product)
        continue;
      int64_t last = llvm::cast<RankedTensorType>(wide.getType()).getRank() - 1;
      if (!parameters.isParameter(wide.getInput()) || wide.getDims() != ArrayRef<int64_t>{last})
        continue;
      found.contraction = product;
      found.wideBias = wide;
      found.biasOperand = operand;
    }
    if (!found.wideBias)
      return std::nullopt;
  }
  if (!found.contraction || !parameters.isParameter(found.contraction.getRhs()))
    return std::nullopt;
  auto [operands, result] = found.contraction.getSpec().split("->");
  auto [left, right] = operands.split(',');
  if (result.empty() || left.contains(result.back()) || !right.contains(result.back()))
    return std::nullopt;
  found.weightDim = static_cast<int64_t>(right.find(result.back()));
  return found;
}

/// `op` again, on other operands, with `size` elements in its last dim; named NAME/part.
static Value cloneNarrow(NodeContext &node, Operation *op, ValueRange operands, int64_t size, size_t part) {
  ImportSession &session = node.getSession();
  Sizes sizes = node.sizesOf(op->getResult(0));
  sizes.back() = DimSize(size);
  auto old = llvm::cast<RankedTensorType>(op->getResult(0).getType());
  Operation *copy = session.getBuilder().clone(*op);
  copy->setOperands(operands);
  copy->getResult(0).setType(getTensorType(sizes, old.getElementType()));
  std::string wanted = (op->getAttrOfType<StringAttr>("name").getValue() + "/" + llvm::Twine(part)).str();
  copy->setAttr("name", session.getBuilder().getStringAttr(session.claimName(wanted)));
  return copy->getResult(0);
}

std::vector<Value> partita::import::splitProjection(NodeContext &node, Value value, llvm::ArrayRef<int64_t> starts,
                                                    llvm::ArrayRef<int64_t> sizes) {
  ParameterTable &parameters = node.getSession().getParameters();
  std::optional<Projection> found = matchProjection(parameters, value);
  std::vector<Value> parts;
  for (size_t i = 0; found && i < starts.size(); ++i) {
    ContractionOp contraction = found->contraction;
    Value weight = parameters.addBox(contraction.getRhs(), found->weightDim, starts[i], sizes[i], contraction.getLoc());
    Value part = cloneNarrow(node, contraction, {contraction.getLhs(), weight}, sizes[i], i);
    if (found->add) {
      Value bias = parameters.addBox(found->wideBias.getInput(), 0, starts[i], sizes[i], found->wideBias.getLoc());
      Value wide = cloneNarrow(node, found->wideBias, {bias}, sizes[i], i);
      bool isFirst = found->biasOperand == 0;
      part = cloneNarrow(node, found->add, {isFirst ? wide : part, isFirst ? part : wide}, sizes[i], i);
    }
    parts.push_back(part);
  }
  return parts;
}
