// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Chains.cpp - Steps of a recurrent cell, written out ---------------------===//
//
// Keras' GRU comes as a loop, which import writes out step by step. Equal steps, each of which reads the state of the
// one before and the next row of a sequence, are one recurrent op again; what the inputs give to the gates is one
// contraction over all steps. The rows that were collected, [reshape(slice 0), reshape(slice 1), ...], are then the
// sequence.
#include "Cells.h"
#include "Patterns.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// The sequence [steps, n, inputs] and the row of it that a step reads.
static std::optional<std::pair<Value, int64_t>> matchRow(Value x) {
  auto flat = x.getDefiningOp<ReshapeOp>();
  auto slice = flat ? flat.getInput().getDefiningOp<SliceOp>() : SliceOp();
  if (!slice || typeOf(slice.getInput()).getRank() != 3 || !isUnit(typeOf(slice.getResult()), 0))
    return std::nullopt;
  for (int64_t dim : {1, 2})
    if (!isSameExtent(typeOf(slice.getInput()), dim, typeOf(slice.getResult()), dim) ||
        !isSameExtent(typeOf(slice.getInput()), dim, typeOf(x), dim - 1))
      return std::nullopt;
  return std::pair(Value(slice.getInput()), slice.getStarts()[0]);
}

/// The step that follows: z * s is one of its products.
static std::optional<GruCell> findNext(const GruCell &cell) {
  for (Operation *product : cell.after.getUsers())
    for (Operation *sum : product->getUsers())
      if (std::optional<GruCell> next = matchGruCell(sum); next && next->before == cell.after)
        return next;
  return std::nullopt;
}

namespace {
/// Writes the recurrent op of a chain of steps in front of the second step's end.
class ChainWriter {
public:
  ChainWriter(ArrayRef<GruCell> cells, Value sequence, int64_t first, Rewriter &rewriter)
      : cells(cells), cell(cells.front()), root(cells.front().after.getDefiningOp()), rewriter(rewriter),
        builder(rewriter.builder), sequence(sequence), first(first), steps(static_cast<int64_t>(cells.size())) {
    element = typeOf(cell.after).getElementType();
    batch = *getDimSize(typeOf(cell.after), 0);
    units = typeOf(cell.after).getDimSize(1);
  }

  void write() {
    builder.setInsertionPoint(root);
    Value gates = makeGates();
    SmallVector<Value> weights;
    for (const GateSum &gate : cell.gates)
      weights.push_back(takeWeight(*gate.state, "recurrence"));
    Value bias =
        cell.resetsAfter ? reshape(sumBiases(cell.resetBiases), {DimSize(1), DimSize(units)}, "reset") : Value();
    Value initial = reshape(cell.before, {DimSize(1), DimSize(1), batch, DimSize(units)}, "initial");
    SmallVector<double> zeros(2, 0.0);
    auto type = getTensorType({DimSize(1), DimSize(steps), DimSize(1), batch, DimSize(units)}, element);
    Value states = RecurrentOp::create(builder, root->getLoc(), type, name("cell"), CellKind::gru, gates,
                                       concat(weights, 1, "recurrence"), initial, bias, Value(), Value(),
                                       Direction::forward, builder.getStrArrayAttr({"sigmoid", "tanh"}), zeros, zeros,
                                       llvm::APFloat(0.0), cell.resetsAfter, /*coupled=*/false);
    Value rows = reshape(states, {DimSize(steps), batch, DimSize(units)}, "states");
    for (auto [step, each] : llvm::enumerate(cells)) {
      auto one = getTensorType({DimSize(1), batch, DimSize(units)}, element);
      Value row = SliceOp::create(builder, root->getLoc(), one, name("state"), rows,
                                  ArrayRef<int64_t>{static_cast<int64_t>(step), 0, 0}, ArrayRef<int64_t>{1, 1, 1});
      Value flat = ReshapeOp::create(builder, root->getLoc(), typeOf(each.after), name("state"), row);
      Value(each.after).replaceAllUsesWith(flat);
    }
  }

private:
  StringAttr name(StringRef part) { return rewriter.names.derive(root, part); }

  Value reshape(Value value, ArrayRef<DimSize> sizes, StringRef part) {
    auto type = getTensorType(sizes, typeOf(value).getElementType());
    return type == value.getType() ? value
                                   : ReshapeOp::create(builder, root->getLoc(), type, name(part), value).getResult();
  }

  Value concat(ArrayRef<Value> values, int64_t dim, StringRef part) {
    SmallVector<int64_t> shape(typeOf(values[0]).getShape());
    shape[dim] *= static_cast<int64_t>(values.size());
    return ConcatOp::create(builder, root->getLoc(), RankedTensorType::get(shape, element), name(part), values, dim);
  }

  /// [1, 1, units, inputs].
  Value takeWeight(const RowProduct &product, StringRef part) {
    Value weight = product.weight;
    auto type = typeOf(weight);
    int64_t outputs = product.isTransposed ? 0 : 1, inputs = type.getDimSize(1 - outputs);
    if (type.getDimSize(outputs) != units) {
      SmallVector<int64_t> shape(type.getShape()), starts(2, 0), strides(2, 1);
      shape[outputs] = units;
      starts[outputs] = product.start;
      weight = SliceOp::create(builder, root->getLoc(), RankedTensorType::get(shape, element), name(part), weight,
                               starts, strides);
    }
    if (!product.isTransposed)
      weight = TransposeOp::create(builder, root->getLoc(), RankedTensorType::get({units, inputs}, element), name(part),
                                   weight, ArrayRef<int64_t>{1, 0});
    return reshape(weight, {DimSize(1), DimSize(1), DimSize(units), DimSize(inputs)}, part);
  }

  /// [units].
  Value sumBiases(ArrayRef<Value> biases) {
    auto type = RankedTensorType::get({units}, element);
    Value sum;
    for (Value bias : biases) {
      Value vector = reshape(viewOf(bias).core, {DimSize(units)}, "bias");
      sum = sum ? ElementwiseOp::create(builder, root->getLoc(), type, name("bias"), ElementwiseKind::add,
                                        ValueRange{sum, vector})
                      .getResult()
                : vector;
    }
    return sum ? sum : makeSplat(builder, root, rewriter.names, "bias", type, 0.0);
  }

  /// [steps, 1, n, 3, units].
  Value makeGates() {
    SmallVector<Value> weights, biases;
    for (const GateSum &gate : cell.gates) {
      weights.push_back(takeWeight(*gate.input, "weights"));
      biases.push_back(reshape(sumBiases(gate.biases), {DimSize(1), DimSize(1), DimSize(units)}, "bias"));
    }
    auto whole = typeOf(sequence);
    if (whole.getDimSize(0) != steps) {
      SmallVector<DimSize> sizes{DimSize(steps), *getDimSize(whole, 1), *getDimSize(whole, 2)};
      sequence = SliceOp::create(builder, root->getLoc(), getTensorType(sizes, element), name("rows"), sequence,
                                 ArrayRef<int64_t>{first, 0, 0}, ArrayRef<int64_t>{1, 1, 1});
    }
    auto type = getTensorType({DimSize(steps), DimSize(1), batch, DimSize(3), DimSize(units)}, element);
    Value sums = ContractionOp::create(builder, root->getLoc(), type, name("gates"), sequence,
                                       concat(weights, 1, "weights"), "tni,dghi->tdngh");
    Value wide = BroadcastOp::create(builder, root->getLoc(), type, name("bias"), concat(biases, 1, "bias"),
                                     ArrayRef<int64_t>{1, 3, 4});
    return ElementwiseOp::create(builder, root->getLoc(), type, name("gates"), ElementwiseKind::add,
                                 ValueRange{sums, wide});
  }

  ArrayRef<GruCell> cells;
  const GruCell &cell;
  Operation *root;
  Rewriter &rewriter;
  OpBuilder &builder;
  Value sequence;
  int64_t first, steps, units = 0;
  DimSize batch;
  Type element;
};
} // namespace

bool partita::import::recognizeChain(Operation *op, Rewriter &rewriter) {
  // What a chain has replaced stays until the end of the walk.
  std::optional<GruCell> cell = op->use_empty() ? std::nullopt : matchGruCell(op);
  auto row = cell ? matchRow(cell->x) : std::nullopt;
  if (!row || matchGruCell(cell->before.getDefiningOp()))
    return false;
  std::vector<GruCell> cells{*cell};
  while (std::optional<GruCell> next = findNext(cells.back())) {
    auto following = matchRow(next->x);
    if (!isSameCell(*cell, *next) || !following || following->first != row->first ||
        following->second != row->second + static_cast<int64_t>(cells.size()))
      break;
    cells.push_back(*next);
  }
  if (cells.size() < 2)
    return false;
  ChainWriter(cells, row->first, row->second, rewriter).write();
  return true;
}

/// The slice that `value`, seen through reshapes, is; it has the type of `value`.
static SliceOp matchSlice(Value value) {
  Value below = value;
  while (auto reshape = below.getDefiningOp<ReshapeOp>())
    below = reshape.getInput();
  auto slice = below.getDefiningOp<SliceOp>();
  return slice && below.getType() == value.getType() ? slice : SliceOp();
}

bool partita::import::recognizeJoin(Operation *op, Rewriter &) {
  auto joined = dyn_cast<ConcatOp>(op);
  Value source;
  int64_t at = 0;
  auto dim = joined ? static_cast<int64_t>(joined.getDim()) : 0;
  for (Value input : joined ? ValueRange(joined.getInputs()) : ValueRange()) {
    SliceOp slice = matchSlice(input);
    if (!slice || (source && slice.getInput() != source) || typeOf(input).isDynamicDim(dim))
      return false;
    source = slice.getInput();
    for (auto [i, start] : llvm::enumerate(slice.getStarts()))
      if (start != (static_cast<int64_t>(i) == dim ? at : 0) || slice.getStrides()[i] != 1)
        return false;
    at += typeOf(input).getDimSize(dim);
  }
  if (!source || source.getType() != joined.getResult().getType())
    return false;
  joined.getResult().replaceAllUsesWith(source);
  joined.erase();
  return true;
}
