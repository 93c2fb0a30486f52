// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Cells.cpp - One step of a GRU -------------------------------------------===//
#include "Cells.h"

#include "partita/dialects/interfaces/Partita.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// The rows of a product with a matrix, and the matrix.
static std::optional<std::pair<Value, RowProduct>> matchRowProduct(Value value) {
  RowProduct found;
  int64_t units = typeOf(value).getShape().back();
  if (auto slice = value.getDefiningOp<SliceOp>()) {
    auto input = typeOf(slice.getInput());
    if (input.getRank() != 2 || !isSameExtent(input, 0, typeOf(value), 0) || slice.getStrides()[1] != 1)
      return std::nullopt;
    found.start = slice.getStarts()[1];
    value = slice.getInput();
  }
  auto product = value.getDefiningOp<ContractionOp>();
  if (!product || typeOf(value).getRank() != 2 || ShapedType::isDynamic(units))
    return std::nullopt;
  auto [terms, result] = product.getSpec().split("->");
  auto [rows, weight] = terms.split(',');
  if (rows.size() != 2 || weight.size() != 2 || rows[0] != result[0] || rows[1] == result[1])
    return std::nullopt;
  found.isTransposed = weight[0] == result[1] && weight[1] == rows[1];
  if (!found.isTransposed && (weight[0] != rows[1] || weight[1] != result[1]))
    return std::nullopt;
  found.weight = product.getRhs();
  return std::pair(Value(product.getLhs()), found);
}

/// The terms of a sum, through sums that nothing else reads.
static SmallVector<Value> takeSumApart(Value value) {
  SmallVector<Value> terms, pending{value};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    auto sum = matchElementwise(next, ElementwiseKind::add);
    if (!sum || (next != value && !next.hasOneUse())) {
      terms.push_back(next);
      continue;
    }
    pending.push_back((*sum)[1]);
    pending.push_back((*sum)[0]);
  }
  return terms;
}

/// Whether a term is a vector along the units.
static bool isBias(Value term) {
  View view = viewOf(term);
  SmallVector<int64_t> dims;
  for (int64_t dim : view.dims)
    if (dim >= 0)
      dims.push_back(dim);
  return dims == SmallVector<int64_t>{1};
}

namespace {
/// Sorts the terms of the gates of one step.
class CellMatcher {
public:
  explicit CellMatcher(GruCell &cell) : cell(cell) {}

  /// The sum in front of a gate's function. `rows` is what the recurrent part is a product of.
  bool readGate(Value sum, Value rows, GateSum &gate) {
    for (Value term : takeSumApart(sum))
      if (!readTerm(term, rows, gate))
        return false;
    return gate.input.has_value();
  }

  /// The sum of the last gate, where `reset` is the function of the second one.
  bool readLast(Value sum) {
    GateSum &gate = cell.gates[2];
    for (Value term : takeSumApart(sum)) {
      auto product = matchElementwise(term, ElementwiseKind::mul);
      if (product && !gate.state && readResetAfter(*product))
        continue;
      if (!readTerm(term, Value(), gate) && !readResetBefore(term))
        return false;
    }
    return gate.input && gate.state;
  }

private:
  bool readTerm(Value term, Value rows, GateSum &gate) {
    auto product = matchRowProduct(term);
    if (product && rows && product->first == rows && !gate.state) {
      gate.state = product->second;
      return true;
    }
    if (product && isInput(product->first) && !gate.input) {
      cell.x = product->first;
      gate.input = product->second;
      return true;
    }
    if (product || !isBias(term))
      return false;
    gate.biases.push_back(term);
    return true;
  }

  bool isInput(Value rows) const {
    return rows != cell.before && (cell.x ? rows == cell.x : rows.getDefiningOp<ReshapeOp>() != nullptr);
  }

  /// r * (weights * s + bias), r = sigmoid of the second gate.
  bool readResetAfter(OperandRange product) {
    for (unsigned i : {0u, 1u}) {
      auto reset = matchElementwise(product[i], ElementwiseKind::sigmoid);
      GateSum inner;
      if (!reset || !readRecurrent(product[1 - i], inner) || !readGate(reset->front(), cell.before, cell.gates[1]))
        continue;
      cell.gates[2].state = inner.state;
      cell.resetBiases = inner.biases;
      cell.resetsAfter = true;
      return cell.gates[1].state.has_value();
    }
    return false;
  }

  bool readRecurrent(Value sum, GateSum &inner) {
    for (Value term : takeSumApart(sum))
      if (auto product = matchRowProduct(term); product && product->first == cell.before && !inner.state)
        inner.state = product->second;
      else if (product || !isBias(term))
        return false;
      else
        inner.biases.push_back(term);
    return inner.state.has_value();
  }

  /// weights * (r * s).
  bool readResetBefore(Value term) {
    auto product = matchRowProduct(term);
    auto scaled =
        product && !cell.gates[2].state ? matchElementwise(product->first, ElementwiseKind::mul) : std::nullopt;
    for (unsigned i : {0u, 1u}) {
      auto reset = scaled && (*scaled)[1 - i] == cell.before ? matchElementwise((*scaled)[i], ElementwiseKind::sigmoid)
                                                             : std::nullopt;
      if (!reset || !readGate(reset->front(), cell.before, cell.gates[1]))
        continue;
      cell.gates[2].state = product->second;
      return cell.gates[1].state.has_value();
    }
    return false;
  }

  GruCell &cell;
};
} // namespace

std::optional<GruCell> partita::import::matchGruCell(Operation *op) {
  auto sum = dyn_cast_or_null<ElementwiseOp>(op);
  if (!sum || sum.getKind() != ElementwiseKind::add || typeOf(sum.getResult()).getRank() != 2)
    return std::nullopt;
  for (unsigned i : {0u, 1u}) {
    auto kept = matchElementwise(sum.getInputs()[i], ElementwiseKind::mul);
    auto fresh = matchElementwise(sum.getInputs()[1 - i], ElementwiseKind::mul);
    for (unsigned k = 0; kept && fresh && k < 4; ++k) {
      Value update = (*kept)[k % 2], rest = (*fresh)[k / 2];
      auto difference = matchElementwise(rest, ElementwiseKind::sub);
      auto gate = matchElementwise(update, ElementwiseKind::sigmoid);
      auto candidate = matchElementwise((*fresh)[1 - k / 2], ElementwiseKind::tanh);
      if (!gate || !difference || !candidate || (*difference)[1] != update || !isNumber((*difference)[0], 1.0))
        continue;
      GruCell cell;
      cell.before = (*kept)[1 - k % 2];
      cell.after = sum.getResult();
      CellMatcher matcher(cell);
      if (matcher.readGate(gate->front(), cell.before, cell.gates[0]) && cell.gates[0].state &&
          matcher.readLast(candidate->front()))
        return cell;
    }
  }
  return std::nullopt;
}

/// Whether values are the same, or are made by the same ops of the same values. `depth` bounds how far this looks.
static bool isSameValue(Value a, Value b, unsigned depth = 8) {
  if (a == b)
    return true;
  Operation *first = a.getDefiningOp(), *second = b.getDefiningOp();
  if (depth == 0 || !first || !second || first->getName() != second->getName() || a.getType() != b.getType() ||
      first->getNumOperands() != second->getNumOperands() || first->getNumResults() != 1)
    return false;
  NamedAttrList left(first->getAttrDictionary()), right(second->getAttrDictionary());
  left.erase("name");
  right.erase("name");
  if (left.getDictionary(a.getContext()) != right.getDictionary(a.getContext()))
    return false;
  for (auto [x, y] : llvm::zip(first->getOperands(), second->getOperands()))
    if (!isSameValue(x, y, depth - 1))
      return false;
  return true;
}

static bool isSameProduct(const std::optional<RowProduct> &a, const std::optional<RowProduct> &b) {
  return a && b && a->isTransposed == b->isTransposed && a->start == b->start && isSameValue(a->weight, b->weight);
}

static bool areSameValues(ArrayRef<Value> a, ArrayRef<Value> b) {
  return a.size() == b.size() &&
         llvm::all_of(llvm::zip(a, b), [](auto pair) { return isSameValue(std::get<0>(pair), std::get<1>(pair)); });
}

bool partita::import::isSameCell(const GruCell &a, const GruCell &b) {
  for (unsigned gate = 0; gate < 3; ++gate)
    if (!isSameProduct(a.gates[gate].input, b.gates[gate].input) ||
        !isSameProduct(a.gates[gate].state, b.gates[gate].state) ||
        !areSameValues(a.gates[gate].biases, b.gates[gate].biases))
      return false;
  return a.resetsAfter == b.resetsAfter && a.after.getType() == b.after.getType() &&
         areSameValues(a.resetBiases, b.resetBiases);
}
