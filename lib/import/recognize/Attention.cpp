// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Attention.cpp - Attention spelled in small ops --------------------------===//
//
// context = contraction(guard(softmax(mask(scale * contraction(q, k)))), v), in any order of dims, with the scale on
// q, on k, on the scores or on several of them, with the mask added or selected. Key and value heads that are repeated
// for the query heads of a group are taken before they are repeated.
#include "AttentionMask.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

namespace {

/// The letters of a contraction.
struct Spec {
  StringRef lhs, rhs, result;
  explicit Spec(ContractionOp op) {
    StringRef operands;
    std::tie(operands, result) = op.getSpec().split("->");
    std::tie(lhs, rhs) = operands.split(',');
  }
};

/// An operand of a contraction with the place of each of its dims: dims that run along dims of the scores have the
/// place of that dim there, the others are -1 (depth).
struct Operand {
  Value value;
  SmallVector<int64_t> places;
};

/// The whole pattern. Places are dims of the scores.
struct Parts {
  Operand query, key, value;
  int64_t queryPlace = 0, keyPlace = 0;
  double scale = 1.0;
  /// Of the type of the scores; null without a mask.
  Value mask;
  bool isGuarded = false;
  /// The dims of the result as places, -1 for the value's depth.
  SmallVector<int64_t> resultPlaces;
  RankedTensorType scores;
};

} // namespace

/// x for select(x != x, 0, x): what is not a number becomes 0.
static Value matchGuard(Value value) {
  auto chosen = matchElementwise(value, ElementwiseKind::select);
  if (!chosen || !isNumber((*chosen)[1], 0.0))
    return Value();
  auto test = matchElementwise((*chosen)[0], ElementwiseKind::ne);
  bool isNan = test && (*test)[0] == (*test)[1] && (*test)[0] == (*chosen)[2];
  return isNan ? (*chosen)[2] : Value();
}

/// The places of a term's dims, where `letters` are those of the scores.
static SmallVector<int64_t> placesOf(StringRef term, StringRef letters) {
  SmallVector<int64_t> places;
  for (char letter : term) {
    size_t place = letters.find(letter);
    places.push_back(place == StringRef::npos ? -1 : static_cast<int64_t>(place));
  }
  return places;
}

/// The scores' contraction below scale and mask.
static bool matchScores(Value scores, Parts &parts, Operation *root, Rewriter &rewriter) {
  parts.scores = typeOf(scores);
  Value below = takeMask(scores, parts.keyPlace, parts.mask, root, rewriter);
  Scaled scaled = matchScaled(below ? below : scores);
  auto product = scaled.other.getDefiningOp<ContractionOp>();
  if (!product || !scaled.other.hasOneUse())
    return false;
  parts.scale = scaled.factor;
  Spec spec(product);
  bool isSwapped = spec.rhs.contains(spec.result[parts.queryPlace]);
  Operand left{product.getLhs(), placesOf(spec.lhs, spec.result)};
  Operand right{product.getRhs(), placesOf(spec.rhs, spec.result)};
  parts.query = isSwapped ? right : left;
  parts.key = isSwapped ? left : right;
  for (Operand *operand : {&parts.query, &parts.key}) {
    Scaled inner = matchScaled(operand->value);
    operand->value = inner.other;
    parts.scale *= inner.factor;
  }
  // Query and key share the batch and one depth; each has its own sequence.
  auto hasOne = [](const Operand &operand, int64_t place) { return llvm::count(operand.places, place) == 1; };
  return hasOne(parts.query, -1) && hasOne(parts.key, -1) && hasOne(parts.query, parts.queryPlace) &&
         hasOne(parts.key, parts.keyPlace) && !llvm::is_contained(parts.query.places, parts.keyPlace) &&
         !llvm::is_contained(parts.key.places, parts.queryPlace);
}

/// The pattern with the probabilities as operand `index` of the last contraction.
static std::optional<Parts> matchParts(ContractionOp op, unsigned index, Rewriter &rewriter) {
  Value probabilities = op->getOperand(index);
  Parts parts;
  if (Value guarded = matchGuard(probabilities)) {
    parts.isGuarded = true;
    probabilities = guarded;
  }
  auto softmax = probabilities.getDefiningOp<SoftmaxOp>();
  // The guard reads the softmax three times; any other reader needs the probabilities themselves.
  auto readers = llvm::range_size(probabilities.getUses());
  if (!softmax || readers != (parts.isGuarded ? 3 : 1) || !op->getOperand(index).hasOneUse())
    return std::nullopt;
  Spec spec(op);
  StringRef own = index == 0 ? spec.lhs : spec.rhs, other = index == 0 ? spec.rhs : spec.lhs;
  auto rank = static_cast<int64_t>(own.size());
  parts.keyPlace = static_cast<int64_t>(softmax.getDim());
  if (rank < 2 || rank > 4 || spec.result.contains(own[parts.keyPlace]))
    return std::nullopt;
  parts.queryPlace = -1;
  for (int64_t place = 0; place < rank; ++place)
    if (!other.contains(own[place])) {
      if (parts.queryPlace >= 0)
        return std::nullopt;
      parts.queryPlace = place;
    }
  parts.value = {op->getOperand(1 - index), placesOf(other, own)};
  parts.resultPlaces = placesOf(spec.result, own);
  if (parts.queryPlace < 0 || llvm::count(parts.value.places, -1) != 1 ||
      !matchScores(softmax.getInput(), parts, op, rewriter))
    return std::nullopt;
  return parts;
}

namespace {

/// Builds the attention in place of the last contraction.
class AttentionBuilder {
public:
  AttentionBuilder(ContractionOp root, Parts parts, Rewriter &rewriter)
      : root(root), parts(std::move(parts)), rewriter(rewriter), builder(rewriter.builder) {
    for (int64_t place = 0; place < this->parts.scores.getRank(); ++place)
      if (place != this->parts.queryPlace && place != this->parts.keyPlace)
        batch.push_back(place);
  }

  void build() {
    builder.setInsertionPoint(root);
    Value query = canonical(parts.query, parts.queryPlace, "query");
    Value key = canonical(parts.key, parts.keyPlace, "key"), value = canonical(parts.value, parts.keyPlace, "value");
    takeGroups(key, value);
    bool isCausal = false;
    Value mask = parts.mask ? makeMask(isCausal) : Value();
    SmallVector<DimSize> sizes;
    for (int64_t dim = 0; dim < 3; ++dim)
      sizes.push_back(*getDimSize(typeOf(query), dim));
    sizes.push_back(*getDimSize(typeOf(value), 3));
    auto attention = AttentionOp::create(builder, root.getLoc(), getTensorType(sizes, parts.scores.getElementType()),
                                         rewriter.names.derive(root, "attention"), query, key, value, mask,
                                         llvm::APFloat(parts.scale), isCausal, parts.isGuarded);
    rewriter.replace(root, restore(attention));
  }

private:
  Value transpose(Value value, ArrayRef<int64_t> permutation, StringRef part) {
    SmallVector<int64_t> turned(permutation);
    if (auto inner = value.getDefiningOp<TransposeOp>()) {
      for (int64_t &dim : turned)
        dim = inner.getPermutation()[dim];
      value = inner.getInput();
    }
    if (llvm::is_sorted(turned))
      return value;
    SmallVector<DimSize> sizes;
    for (int64_t dim : turned)
      sizes.push_back(*getDimSize(typeOf(value), dim));
    return TransposeOp::create(builder, root.getLoc(), getTensorType(sizes, typeOf(value).getElementType()),
                               rewriter.names.derive(root, part), value, turned);
  }

  Value reshape(Value value, ArrayRef<DimSize> sizes, StringRef part) {
    auto type = getTensorType(sizes, typeOf(value).getElementType());
    return type == value.getType()
               ? value
               : ReshapeOp::create(builder, root.getLoc(), type, rewriter.names.derive(root, part), value).getResult();
  }

  /// [batch, heads, sequence, depth]. A single batch dim is the heads where their number is known.
  Value canonical(const Operand &operand, int64_t sequence, StringRef part) {
    SmallVector<int64_t> order;
    for (int64_t place : batch)
      order.push_back(llvm::find(operand.places, place) - operand.places.begin());
    order.push_back(llvm::find(operand.places, sequence) - operand.places.begin());
    order.push_back(llvm::find(operand.places, -1) - operand.places.begin());
    Value turned = transpose(operand.value, order, part);
    SmallVector<DimSize> sizes;
    for (int64_t dim = 0; dim < typeOf(turned).getRank(); ++dim)
      sizes.push_back(*getDimSize(typeOf(turned), dim));
    return reshape(turned, addUnits(sizes), (part + "/reshape").str());
  }

  SmallVector<DimSize> addUnits(SmallVector<DimSize> sizes) const {
    if (batch.size() < 2)
      sizes.insert(sizes.begin() + (isHead() ? 0 : 1), DimSize(1));
    if (batch.empty())
      sizes.insert(sizes.begin(), DimSize(1));
    return sizes;
  }
  /// Whether a single batch dim stands for the heads.
  bool isHead() const { return batch.empty() || !parts.scores.isDynamicDim(batch[0]); }

  /// The dim of [batch, heads, query, key] for a dim of the scores.
  int64_t targetOf(int64_t place) const {
    if (place == parts.queryPlace)
      return 2;
    if (place == parts.keyPlace)
      return 3;
    auto index = llvm::find(batch, place) - batch.begin();
    return batch.size() == 1 ? (isHead() ? 1 : 0) : index;
  }

  /// A value in which every head stands several times in a row, before that.
  struct Repeated {
    Value core;
    /// Of each dim of the core its place in [batch, heads, sequence, depth]; -1 for the one that repeats.
    SmallVector<int64_t> places;
    SmallVector<DimSize> sizes;
  };

  /// [B, G, S, D] in any order of dims for [B, G * R, S, D].
  static std::optional<Repeated> matchRepeated(Value value) {
    SmallVector<int64_t> permutation = {0, 1, 2, 3};
    if (auto turned = value.getDefiningOp<TransposeOp>()) {
      permutation.assign(turned.getPermutation().begin(), turned.getPermutation().end());
      value = turned.getInput();
    }
    auto merged = value.getDefiningOp<ReshapeOp>();
    auto spread = merged ? merged.getInput().getDefiningOp<BroadcastOp>() : BroadcastOp();
    if (!spread || typeOf(spread.getResult()).getRank() != 5 || permutation.size() != 4)
      return std::nullopt;
    // The heads are two dims before they are merged; the second of them is new.
    int64_t heads = permutation[1];
    RankedTensorType wide = typeOf(spread.getResult());
    Repeated found{spread.getInput(), SmallVector<int64_t>(spread.getDims().size(), -1), {}};
    for (int64_t place = 0; place < 4; ++place) {
      int64_t dim = permutation[place], target = dim > heads ? dim + 1 : dim;
      if (dim != heads && !isSameExtent(typeOf(value), dim, wide, target))
        return std::nullopt;
      found.sizes.push_back(*getDimSize(wide, target));
      const int64_t *from = llvm::find(spread.getDims(), target);
      if (from == spread.getDims().end()
              ? !isUnit(wide, target)
              : !isSameExtent(typeOf(found.core), from - spread.getDims().begin(), wide, target))
        return std::nullopt;
      if (from != spread.getDims().end())
        found.places[from - spread.getDims().begin()] = place;
    }
    for (auto [dim, place] : llvm::enumerate(found.places))
      if (place < 0 && !isUnit(typeOf(found.core), static_cast<int64_t>(dim)))
        return std::nullopt;
    return found;
  }

  /// The heads once, as [batch, heads, sequence, depth].
  Value takeGroup(const Repeated &repeated, StringRef part) {
    SmallVector<DimSize> sizes;
    SmallVector<int64_t> places, order;
    for (auto [dim, place] : llvm::enumerate(repeated.places))
      if (place >= 0) {
        order.push_back(static_cast<int64_t>(places.size()));
        places.push_back(place);
        sizes.push_back(repeated.sizes[place]);
      }
    llvm::sort(order, [&](int64_t a, int64_t b) { return places[a] < places[b]; });
    Value turned = transpose(reshape(repeated.core, sizes, (part + "/group").str()), order, part);
    return reshape(turned, repeated.sizes, (part + "/units").str());
  }

  void takeGroups(Value &key, Value &value) {
    std::optional<Repeated> keys = matchRepeated(key), values = keys ? matchRepeated(value) : std::nullopt;
    if (!values || !(keys->sizes[1] == values->sizes[1]))
      return;
    key = takeGroup(*keys, "key/turned");
    value = takeGroup(*values, "value/turned");
  }

  /// The mask as [batch or 1, heads or 1, queries, keys]; null, and `isCausal` set, where it hides the future alone;
  /// null where it hides nothing.
  Value makeMask(bool &isCausal) {
    View view = viewOf(parts.mask);
    SmallVector<int64_t> targets;
    SmallVector<DimSize> extents, sizes(4, DimSize(1));
    for (auto [dim, place] : llvm::enumerate(view.dims)) {
      if (place < 0)
        continue;
      targets.push_back(targetOf(place));
      extents.push_back(*getDimSize(typeOf(view.core), static_cast<int64_t>(dim)));
      sizes[targets.back()] = extents.back();
    }
    sizes[2] = *getDimSize(parts.scores, parts.queryPlace);
    sizes[3] = *getDimSize(parts.scores, parts.keyPlace);
    Visibility visibility = findVisibility(view.core, targets, sizes[2], sizes[3]);
    if (visibility != Visibility::other) {
      isCausal = visibility == Visibility::causal;
      return Value();
    }
    Value dense = reshape(view.core, extents, "mask/reshape");
    // Dims of the scores may stand in another order than batch, heads, query, key.
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(targets.size())));
    llvm::sort(order, [&](int64_t a, int64_t b) { return targets[a] < targets[b]; });
    dense = transpose(dense, order, "mask/transpose");
    llvm::sort(targets);
    auto type = getTensorType(sizes, parts.scores.getElementType());
    return type == dense.getType() ? dense
                                   : BroadcastOp::create(builder, root.getLoc(), type,
                                                         rewriter.names.derive(root, "mask/broadcast"), dense, targets)
                                         .getResult();
  }

  /// [batch, heads, query, depth] with the dims in the order of the contraction's result.
  Value restore(Value value) {
    SmallVector<DimSize> sizes;
    for (int64_t place : batch)
      sizes.push_back(*getDimSize(parts.scores, place));
    sizes.push_back(*getDimSize(typeOf(value), 2));
    sizes.push_back(*getDimSize(typeOf(value), 3));
    Value flat = reshape(value, sizes, "result");
    SmallVector<int64_t> order;
    for (int64_t place : parts.resultPlaces)
      order.push_back(place < 0                   ? static_cast<int64_t>(sizes.size()) - 1
                      : place == parts.queryPlace ? static_cast<int64_t>(sizes.size()) - 2
                                                  : llvm::find(batch, place) - batch.begin());
    return transpose(flat, order, "result/transpose");
  }

  ContractionOp root;
  Parts parts;
  Rewriter &rewriter;
  OpBuilder &builder;
  /// Places of the dims that query, key and value share.
  SmallVector<int64_t> batch;
};

} // namespace

bool partita::import::recognizeAttention(Operation *op, Rewriter &rewriter) {
  auto root = dyn_cast<ContractionOp>(op);
  if (!root || !isa<FloatType>(typeOf(root.getResult()).getElementType()))
    return false;
  for (unsigned index : {0u, 1u})
    if (std::optional<Parts> parts = matchParts(root, index, rewriter)) {
      AttentionBuilder(root, std::move(*parts), rewriter).build();
      return true;
    }
  return false;
}
