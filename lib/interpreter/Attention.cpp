// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention and rotary position embedding, by their formulas.
#include "Families.h"
#include "Numbers.h"

using namespace mlir;

namespace partita::interpreter {

namespace {

/// Extents of one attention and where its queries and keys lie in the whole sequence.
struct Geometry {
  int64_t batch, heads, keyHeads, queries, keys, depth, valueDepth;
  int64_t firstQuery, firstKey;
  /// Key j (of the whole) is visible to query i (of the whole) when j <= i + lead.
  int64_t lead;
  /// How many query heads read one key head.
  int64_t headsPerKeyHead;
};

/// Adds the mask's row for (image, head, query); dims of extent 1 are shared.
template <typename T>
void addMask(const std::vector<T> &mask, ArrayRef<int64_t> shape, T *scores, int64_t image, int64_t head) {
  int64_t at = (shape[0] == 1 ? 0 : image) * shape[1] + (shape[1] == 1 ? 0 : head), block = shape[2] * shape[3];
  for (int64_t i = 0; i < block; ++i)
    scores[i] += mask[at * block + i];
}

/// scores[i][j] = scale * q_i . k_j, for the queries and keys of one head.
template <typename T>
std::vector<T> computeScores(const Geometry &geometry, const T *query, const T *key, T scale, ArrayRef<int64_t> order) {
  std::vector<T> transposed(geometry.depth * geometry.keys), scores(geometry.queries * geometry.keys, T(0));
  for (int64_t j = 0; j < geometry.keys; ++j)
    for (int64_t d = 0; d < geometry.depth; ++d)
      transposed[d * geometry.keys + j] = key[j * geometry.depth + d];
  multiplyMatrices<T>(query, transposed.data(), scores.data(), geometry.queries, geometry.keys, order);
  for (T &score : scores)
    score *= scale;
  return scores;
}

template <typename T> void hideFutureKeys(const Geometry &geometry, std::vector<T> &scores) {
  for (int64_t i = 0; i < geometry.queries; ++i)
    for (int64_t j = 0; j < geometry.keys; ++j)
      if (geometry.firstKey + j > geometry.firstQuery + i + geometry.lead)
        scores[i * geometry.keys + j] = -std::numeric_limits<T>::infinity();
}

template <typename T> Tensor attend(graph::AttentionOp op, const Geometry &geometry, const Call &call) {
  std::vector<T> query = unpack<T>(call.operands[0]), key = unpack<T>(call.operands[1]);
  std::vector<T> value = unpack<T>(call.operands[2]), mask, result(countElements(call.result.extent), T(0));
  if (op.getMask())
    mask = unpack<T>(call.operands[3]);
  std::vector<int64_t> depthOrder = summationOrder(geometry.depth, call.context.arithmetic);
  std::vector<int64_t> keyOrder = summationOrder(geometry.keys, call.context.arithmetic);
  for (int64_t image = 0; image < geometry.batch; ++image)
    for (int64_t head = 0; head < geometry.heads; ++head) {
      int64_t at = image * geometry.heads + head;
      int64_t keyAt = image * geometry.keyHeads + head / geometry.headsPerKeyHead;
      std::vector<T> scores = computeScores<T>(geometry, query.data() + at * geometry.queries * geometry.depth,
                                               key.data() + keyAt * geometry.keys * geometry.depth,
                                               static_cast<T>(op.getScale().convertToDouble()), depthOrder);
      if (op.getMask())
        addMask<T>(mask, call.operands[3].getShape(), scores.data(), image, head);
      if (op.getCausal())
        hideFutureKeys(geometry, scores);
      for (int64_t i = 0; i < geometry.queries; ++i)
        softmaxInPlace<T>(scores.data() + i * geometry.keys, keyOrder);
      if (op.getGuarded())
        for (T &score : scores)
          score = std::isnan(score) ? T(0) : score;
      multiplyMatrices<T>(scores.data(), value.data() + keyAt * geometry.keys * geometry.valueDepth,
                          result.data() + at * geometry.queries * geometry.valueDepth, geometry.queries,
                          geometry.valueDepth, keyOrder);
    }
  return pack<T>(call.element, call.result.extent, result);
}

LogicalResult checkAttention(graph::AttentionOp op, const Geometry &geometry, const Call &call) {
  ArrayRef<int64_t> key = call.operands[1].getShape(), value = call.operands[2].getShape(),
                    query = call.operands[0].getShape();
  bool fits = key[0] == query[0] && value[0] == query[0] && value[1] == key[1] && value[2] == key[2] &&
              key[3] == query[3] && geometry.heads % geometry.keyHeads == 0 &&
              call.result.extent == Shape({geometry.batch, geometry.heads, geometry.queries, geometry.valueDepth});
  if (fits && op.getMask()) {
    ArrayRef<int64_t> mask = call.operands[3].getShape();
    fits = (mask[0] == 1 || mask[0] == geometry.batch) && (mask[1] == 1 || mask[1] == geometry.heads) &&
           mask[2] == geometry.queries && mask[3] == geometry.keys;
  }
  return fits ? success() : failShape(op, "query, key, value, mask and result do not fit together");
}

} // namespace

Outcome evaluateAttention(graph::AttentionOp op, const Call &call) {
  const Scope &scope = call.context.scope;
  auto queryType = cast<RankedTensorType>(op.getQuery().getType()),
       keyType = cast<RankedTensorType>(op.getKey().getType());
  std::optional<Box> queryBox = scope.findBox(queryType), keyBox = scope.findBox(keyType);
  std::optional<Shape> wholeQuery = scope.findGlobalShape(queryType), wholeKey = scope.findGlobalShape(keyType);
  if (!queryBox || !keyBox || !wholeQuery || !wholeKey)
    return op.emitOpError("E-DIM-UNBOUND: the extents of query and key are not known here");
  if (countElements(call.result.extent) == 0)
    return Tensor(call.element, call.result.extent);
  ArrayRef<int64_t> query = call.operands[0].getShape(), key = call.operands[1].getShape();
  if (key[1] == 0)
    return failShape(op, "there are no key heads for the query heads");
  Geometry geometry{query[0],
                    query[1],
                    key[1],
                    query[2],
                    key[2],
                    query[3],
                    call.operands[2].getShape()[3],
                    queryBox->offset[2],
                    keyBox->offset[2],
                    (*wholeKey)[2] - (*wholeQuery)[2],
                    query[1] / key[1]};
  if (failed(checkAttention(op, geometry, call)))
    return failure();
  return call.element.isF64() ? attend<double>(op, geometry, call) : attend<float>(op, geometry, call);
}

template <typename T> static Tensor rotate(graph::RotaryOp op, const Call &call) {
  std::vector<T> values = unpack<T>(call.operands[0]);
  std::vector<T> cosine = unpack<T>(call.operands[1]), sine = unpack<T>(call.operands[2]);
  int64_t positions = call.result.extent[2], depth = call.result.extent[3], half = depth / 2;
  int64_t rows = depth ? static_cast<int64_t>(values.size()) / depth : 0;
  // The row of a table for one row of the input; a table without a batch dim serves every batch element.
  auto tableRow = [&](const Tensor &table, int64_t row) {
    int64_t batch = row / (positions * call.result.extent[1]);
    return table.getShape().size() == 3 ? batch * positions + row % positions : row % positions;
  };
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t pair = 0; pair < half; ++pair) {
      T *first = &values[row * depth + (op.getInterleaved() ? 2 * pair : pair)];
      T *second = op.getInterleaved() ? first + 1 : first + half;
      T c = cosine[tableRow(call.operands[1], row) * half + pair];
      T s = sine[tableRow(call.operands[2], row) * half + pair];
      T x1 = *first, x2 = *second;
      *first = x1 * c - x2 * s;
      *second = x1 * s + x2 * c;
    }
  return pack<T>(call.element, call.result.extent, values);
}

Outcome evaluateRotary(graph::RotaryOp op, const Call &call) {
  ArrayRef<int64_t> input = call.operands[0].getShape();
  Shape shared{input[2], input[3] / 2}, each{input[0], input[2], input[3] / 2};
  auto fits = [&](const Tensor &table) {
    return table.getShape() == ArrayRef<int64_t>(shared) || table.getShape() == ArrayRef<int64_t>(each);
  };
  if (input != ArrayRef<int64_t>(call.result.extent) || !fits(call.operands[1]) || !fits(call.operands[2]) ||
      input[3] % 2 != 0)
    return failShape(op, "operand, tables and result do not fit together");
  return call.element.isF64() ? rotate<double>(op, call) : rotate<float>(op, call);
}

} // namespace partita::interpreter
