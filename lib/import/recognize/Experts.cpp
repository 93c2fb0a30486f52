// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Experts.cpp - Layers of experts spelled as gathers of weights ------------===//
//
// An exporter that cannot loop over experts gathers, for each token and choice, the weights of the expert chosen
// (transformers' `batched_mm`):
//   sum over k of shares[n, k] * down[place] * (f(gate[place] * x[n]) * up[place] * x[n]),  place = places[n, k]
// with n * K + k as one dim. gate and up may be halves of one weight.
#include "Patterns.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

namespace {

/// weight[indices] times a row for each index: [pairs, outputs].
struct Projection {
  Value weight, indices, rows;
  /// The weight's dims are [expert, input, output].
  bool isTransposed = false;
};

/// Rows of a projection: `start`, `start` + stride ...
struct Part {
  Projection projection;
  int64_t start = 0, stride = 1, count = 0;
};

struct Layer {
  Projection down;
  Part gate;
  std::optional<Part> up;
  ExpertFunction function = ExpertFunction::identity;
  Value tokens, places, shares;
};

} // namespace

static Value skipReshapes(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return value;
}

/// What `value` is a reshape of, where that has these many dims.
static Value skipReshapesTo(Value value, int64_t rank) {
  while (typeOf(value).getRank() != rank) {
    auto reshape = value.getDefiningOp<ReshapeOp>();
    if (!reshape)
      return Value();
    value = reshape.getInput();
  }
  return value;
}

static std::optional<Projection> matchProjection(Value value) {
  auto product = skipReshapes(value).getDefiningOp<ContractionOp>();
  if (!product)
    return std::nullopt;
  auto [terms, result] = product.getSpec().split("->");
  auto [lhs, rhs] = terms.split(',');
  for (bool isRight : {false, true}) {
    auto gathered = (isRight ? product.getRhs() : product.getLhs()).getDefiningOp<GatherOp>();
    StringRef weight = isRight ? rhs : lhs, other = isRight ? lhs : rhs;
    if (!gathered || gathered.getAxis() != 0 || typeOf(gathered.getIndices()).getRank() != 1 || weight.size() != 3)
      continue;
    // One of the weight's dims is summed, one stays; the other operand may have dims of extent 1 beside.
    char pair = weight[0];
    bool isLast = !result.contains(weight[2]) && result.contains(weight[1]);
    bool isMiddle = !result.contains(weight[1]) && result.contains(weight[2]);
    if ((!isLast && !isMiddle) || !other.contains(pair) || !result.starts_with(StringRef(&pair, 1)))
      continue;
    Value rows = isRight ? product.getLhs() : product.getRhs();
    auto type = typeOf(rows);
    int64_t known = 0;
    for (auto [dim, letter] : llvm::enumerate(other))
      known += letter == pair || letter == weight[isLast ? 2 : 1] || isUnit(type, static_cast<int64_t>(dim));
    if (known == type.getRank() && other[0] == pair)
      return Projection{gathered.getInput(), gathered.getIndices(), rows, isMiddle};
  }
  return std::nullopt;
}

static int64_t countOutputs(const Projection &projection) {
  return typeOf(projection.weight).getDimSize(projection.isTransposed ? 2 : 1);
}

/// A projection, or the columns of one.
static std::optional<Part> matchPart(Value value) {
  Part part;
  auto slice = skipReshapes(value).getDefiningOp<SliceOp>();
  std::optional<Projection> projection = matchProjection(slice ? slice.getInput() : value);
  if (!projection)
    return std::nullopt;
  part.projection = *projection;
  part.count = countOutputs(*projection);
  if (!slice)
    return part;
  auto input = typeOf(slice.getInput());
  int64_t last = input.getRank() - 1;
  if (last < 1 || input.getDimSize(last) != part.count || slice.getStrides()[last] < 1)
    return std::nullopt;
  for (int64_t dim = 0; dim < last; ++dim)
    if (!isSameExtent(input, dim, typeOf(slice.getResult()), dim) || slice.getStrides()[dim] != 1)
      return std::nullopt;
  part.start = slice.getStarts()[last];
  part.stride = slice.getStrides()[last];
  part.count = typeOf(slice.getResult()).getDimSize(last);
  return part.start >= 0 ? std::optional(part) : std::nullopt;
}

static std::optional<ExpertFunction> functionOf(ElementwiseKind kind) {
  switch (kind) {
  case ElementwiseKind::relu:
    return ExpertFunction::relu;
  case ElementwiseKind::gelu:
    return ExpertFunction::gelu;
  case ElementwiseKind::gelu_tanh:
    return ExpertFunction::gelu_tanh;
  case ElementwiseKind::silu:
    return ExpertFunction::silu;
  default:
    return std::nullopt;
  }
}

/// f(gate), and the function.
static bool matchActivated(Value value, Layer &layer) {
  auto op = skipReshapes(value).getDefiningOp<ElementwiseOp>();
  std::optional<ExpertFunction> function = op ? functionOf(op.getKind()) : std::nullopt;
  std::optional<Part> gate = function ? matchPart(op.getInputs()[0]) : std::nullopt;
  if (!gate)
    return false;
  layer.function = *function;
  layer.gate = *gate;
  return true;
}

/// f(gate) * up or f(gate).
static bool matchHidden(Value value, Layer &layer) {
  value = skipReshapes(value);
  auto product = matchElementwise(value, ElementwiseKind::mul);
  if (!product)
    return matchActivated(value, layer);
  for (unsigned i : {0u, 1u})
    if (matchActivated((*product)[i], layer) && (layer.up = matchPart((*product)[1 - i])))
      return true;
  return false;
}

/// The tokens [n, h] of rows that repeat each of them for its choices.
static Value matchTokens(Value rows, int64_t choices) {
  Value source = skipReshapes(rows);
  if (auto repeated = source.getDefiningOp<BroadcastOp>()) {
    auto type = typeOf(repeated.getResult());
    Value tokens = repeated.getInput();
    // Beside dims of extent 1: [n, h] or [n, 1, h] to [n, k, h].
    bool fits = type.getRank() == 3 && type.getDimSize(1) == choices && typeOf(tokens).getRank() == 2 &&
                repeated.getDims() == ArrayRef<int64_t>{0, 2};
    return fits ? tokens : Value();
  }
  return choices == 1 ? skipReshapesTo(rows, 2) : Value();
}

static bool isSame(const Projection &a, const Projection &b) { return a.indices == b.indices && a.rows == b.rows; }

static std::optional<Layer> matchLayer(ReduceOp sum) {
  auto input = typeOf(sum.getInput());
  if (sum.getKind() != ReduceKind::sum || input.getRank() != 3 || sum.getDims() != ArrayRef<int64_t>{1} ||
      input.isDynamicDim(1) || !isa<FloatType>(input.getElementType()))
    return std::nullopt;
  int64_t choices = input.getDimSize(1);
  auto weighted = matchElementwise(skipReshapes(sum.getInput()), ElementwiseKind::mul);
  for (unsigned i : {0u, 1u}) {
    Layer layer;
    std::optional<Projection> down = weighted ? matchProjection((*weighted)[i]) : std::nullopt;
    auto spread = weighted ? (*weighted)[1 - i].getDefiningOp<BroadcastOp>() : BroadcastOp();
    if (!down || !spread || spread.getDims().empty() || spread.getDims()[0] != 0 || !matchHidden(down->rows, layer))
      continue;
    layer.down = *down;
    layer.shares = skipReshapesTo(spread.getInput(), 2);
    layer.places = skipReshapesTo(down->indices, 2);
    layer.tokens = matchTokens(layer.gate.projection.rows, choices);
    bool isOne = layer.gate.projection.indices == down->indices &&
                 (!layer.up || isSame(layer.up->projection, layer.gate.projection));
    // Places of largest scores are never negative, which a gather would count from the end.
    bool isRouted = layer.places && skipReshapes(layer.places).getDefiningOp<TopKOp>();
    if (!isOne || !layer.shares || !isRouted || !layer.tokens)
      continue;
    auto places = typeOf(layer.places), shares = typeOf(layer.shares), tokens = typeOf(layer.tokens);
    bool fits = places.getDimSize(1) == choices && shares.getDimSize(1) == choices &&
                isSameExtent(places, 0, input, 0) && isSameExtent(shares, 0, input, 0) &&
                isSameExtent(tokens, 0, input, 0) && (!layer.up || layer.up->count == layer.gate.count);
    if (fits)
      return layer;
  }
  return std::nullopt;
}

namespace {
/// Writes the layer in place of its last op.
class LayerWriter {
public:
  LayerWriter(Operation *root, Rewriter &rewriter) : root(root), rewriter(rewriter), builder(rewriter.builder) {
    builder.setInsertionPoint(root);
  }

  void write(const Layer &layer) {
    Value gate = takeWeight(layer.gate, "gate"), up = layer.up ? takeWeight(*layer.up, "up") : Value();
    Part whole{layer.down, 0, 1, countOutputs(layer.down)};
    auto result = typeOf(root->getResult(0));
    SmallVector<DimSize> sizes{DimSize(1), *getDimSize(result, 0), *getDimSize(result, 1)};
    Value made =
        ExpertsOp::create(builder, root->getLoc(), getTensorType(sizes, result.getElementType()), name("experts"),
                          layer.function, asSet(layer.tokens, "tokens"), asSet(layer.places, "places"),
                          asSet(layer.shares, "shares"), gate, Value(), up, Value(), takeWeight(whole, "down"));
    rewriter.replace(root, ReshapeOp::create(builder, root->getLoc(), result, name("result"), made));
  }

private:
  StringAttr name(StringRef part) { return rewriter.names.derive(root, part); }

  /// With a leading dim of extent 1.
  Value asSet(Value value, StringRef part) {
    auto type = typeOf(value);
    SmallVector<DimSize> sizes{DimSize(1)};
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      sizes.push_back(*getDimSize(type, dim));
    return ReshapeOp::create(builder, root->getLoc(), getTensorType(sizes, type.getElementType()), name(part), value);
  }

  /// [1, experts, outputs, inputs].
  Value takeWeight(const Part &part, StringRef what) {
    Value weight = part.projection.weight;
    auto type = typeOf(weight);
    if (part.projection.isTransposed) {
      type = RankedTensorType::get({type.getDimSize(0), type.getDimSize(2), type.getDimSize(1)}, type.getElementType());
      weight = TransposeOp::create(builder, root->getLoc(), type, name((what + "/transpose").str()), weight,
                                   ArrayRef<int64_t>{0, 2, 1});
    }
    if (part.count != type.getDimSize(1)) {
      type = RankedTensorType::get({type.getDimSize(0), part.count, type.getDimSize(2)}, type.getElementType());
      weight = SliceOp::create(builder, root->getLoc(), type, name((what + "/slice").str()), weight,
                               ArrayRef<int64_t>{0, part.start, 0}, ArrayRef<int64_t>{1, part.stride, 1});
    }
    return asSet(weight, what);
  }

  Operation *root;
  Rewriter &rewriter;
  OpBuilder &builder;
};
} // namespace

bool partita::import::recognizeExperts(Operation *op, Rewriter &rewriter) {
  auto sum = dyn_cast<ReduceOp>(op);
  std::optional<Layer> layer = sum ? matchLayer(sum) : std::nullopt;
  if (!layer)
    return false;
  LayerWriter(op, rewriter).write(*layer);
  return true;
}
