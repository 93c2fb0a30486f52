// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FusedQuantized.cpp - Weights of a few bits ------------------------------===//
//
// MatMulNBits, GatherBlockQuantized and the integer products of the domain com.microsoft. Source of their meaning:
// onnxruntime, docs/ContribOperators.md.
//
//===----------------------------------------------------------------------===//
#include "ops/FewBits.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

using Kind = ElementwiseKind;

static Type elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

Value partita::import::unpackBits(NodeContext &node, Value bytes, int64_t bits, const DimSize &count) {
  if (!bytes || bits == 8)
    return bytes;
  Sizes sizes = node.sizesOf(bytes), wide = sizes;
  wide.push_back(DimSize(1));
  Value column = node.reshape(bytes, wide, "bytes");
  auto mask = static_cast<double>((1 << bits) - 1);
  SmallVector<Value> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    Value moved = shift == 0 ? column : node.withNumber(Kind::shift_right, column, static_cast<double>(shift));
    parts.push_back(node.withNumber(Kind::logical_and, moved, mask, "bits"));
  }
  std::optional<DimSize> total = multiplyChecked(sizes.back(), DimSize(8 / bits));
  if (!total)
    return Value();
  sizes.back() = *total;
  auto last = static_cast<int64_t>(sizes.size()) - 1;
  return node.cut(node.reshape(node.concat(parts, last + 1, "numbers"), sizes, "unpacked"), last, 0, count);
}

Value partita::import::dequantize(NodeContext &node, Value q, Value zero, Value scale) {
  if (!q || !zero || !scale)
    return Value();
  Type element = elementOf(scale);
  Value steps = node.elementwise(Kind::sub, {node.cast(q, element), node.cast(zero, element)}, "steps");
  return node.elementwise(Kind::mul, {steps, scale}, "weights");
}

namespace {
/// The attributes of MatMulNBits, and what they say of the weight.
struct Blocks {
  int64_t rows, columns, bits, size, count;
};
} // namespace

static std::optional<Blocks> readBlocks(NodeContext &node) {
  Blocks blocks{node.getInteger("N", 0), node.getInteger("K", 0), node.getInteger("bits", 4),
                node.getInteger("block_size", 0), 0};
  node.ignore({"accuracy_level"});
  constexpr int64_t most = int64_t(1) << 30;
  bool fits = blocks.rows > 0 && blocks.columns > 0 && blocks.size > 0 && blocks.rows < most && blocks.columns < most &&
              blocks.size <= (1 << 20) && (blocks.bits == 2 || blocks.bits == 4 || blocks.bits == 8);
  if (!fits || node.hasInput(4) || node.getInteger("weight_prepacked", 0) != 0) {
    node.failOp("N, K, bits and block_size do not fit together, or g_idx or weight_prepacked is given");
    return std::nullopt;
  }
  blocks.count = (blocks.columns + blocks.size - 1) / blocks.size;
  return blocks;
}

/// The zero points as [N, blocks, 1]: packed bytes, numbers of the scale's type, or the middle of the range.
static Value readZeros(NodeContext &node, const Blocks &blocks, Type element) {
  Sizes column = {DimSize(blocks.rows), DimSize(blocks.count), DimSize(1)};
  if (!node.hasInput(3))
    return node.constant(static_cast<double>(1 << (blocks.bits - 1)), element);
  Value zeros = node.input(3);
  if (!zeros || isa<FloatType>(elementOf(zeros)))
    return node.reshape(zeros, column, "zeros");
  int64_t bytes = (blocks.count * blocks.bits + 7) / 8;
  Value rows = node.reshape(zeros, {DimSize(blocks.rows), DimSize(bytes)}, "zeros/bytes");
  return node.reshape(unpackBits(node, rows, blocks.bits, DimSize(blocks.count)), column, "zeros");
}

/// a times the transpose of the weight [N, K], whose rows are cut into blocks with a scale and a zero point each.
static void importMatMulNBits(NodeContext &node) {
  std::optional<Blocks> blocks = readBlocks(node);
  Value a = node.input(0), bytes = node.input(1), scale = node.input(2);
  if (!blocks || !a || !bytes || !scale)
    return;
  DimSize rows(blocks->rows), count(blocks->count), size(blocks->size);
  if (!elementOf(bytes).isInteger(8) || blocks->size * blocks->bits % 8 != 0)
    return node.failShape("its weight is not of whole bytes");
  Value q = node.reshape(bytes, {rows, count, DimSize(blocks->size * blocks->bits / 8)}, "blocks");
  Value weight = dequantize(node, unpackBits(node, q, blocks->bits, size), readZeros(node, *blocks, elementOf(scale)),
                            node.reshape(scale, {rows, count, DimSize(1)}, "scales"));
  weight = node.reshape(weight, {rows, DimSize(blocks->count * blocks->size)}, "weight");
  weight = node.cast(node.cut(weight, 1, 0, DimSize(blocks->columns)), elementOf(a));
  Value product = makeMatMul(node, a, node.transpose(weight, {1, 0}));
  if (node.hasInput(5))
    product = node.elementwise(Kind::add, {product, node.input(5)}, "bias");
  node.setResult(0, product);
}

/// Rows of a table whose last dim is cut into blocks with a scale and a zero point each.
static void importGatherBlocks(NodeContext &node) {
  Value table = node.input(0), indices = node.input(1), scale = node.input(2);
  int64_t bits = node.getInteger("bits", 4), size = node.getInteger("block_size", 128);
  int64_t writtenGather = node.getInteger("gather_axis", 0), writtenAxis = node.getInteger("quantize_axis", 1);
  if (!table || !indices || !scale)
    return;
  auto rank = static_cast<int64_t>(node.sizesOf(table).size());
  std::optional<int64_t> axis = node.normalizeAxis(writtenGather, rank),
                         blocked = node.normalizeAxis(writtenAxis, rank);
  bool isPacked = elementOf(table).isInteger(8) && bits < 8;
  if (!axis || !blocked || rank < 2 || *axis != 0 || *blocked != rank - 1 || size < 1 || size > (1 << 20) ||
      (bits != 4 && bits != 8))
    return axis && blocked ? node.failOp("only rows of tables whose last dim is quantized are supported") : void();
  Value q = node.gather(table, indices, 0, "rows"), step = node.gather(scale, indices, 0, "scales");
  if (!q || !step)
    return;
  Sizes sizes = node.sizesOf(q), steps = node.sizesOf(step);
  DimSize width = sizes.back() * (isPacked ? 8 / bits : 1);
  q = isPacked ? unpackBits(node, q, bits, width) : q;
  if (!(steps.back() * size == width))
    return node.failShape("scales of shape " + toText(steps) + " do not fit blocks of " + llvm::Twine(size));
  Value zero = node.hasInput(3) ? node.gather(node.input(3), indices, 0, "zeros")
                                : node.constant(isPacked ? static_cast<double>(1 << (bits - 1)) : 0.0, elementOf(step));
  if (zero && node.hasInput(3) && isPacked)
    zero = unpackBits(node, zero, bits, steps.back());
  Sizes columns = steps, parted = steps, whole = sizes;
  columns.push_back(DimSize(1));
  parted.push_back(DimSize(size));
  whole.back() = width;
  zero = node.hasInput(3) ? node.reshape(zero, columns, "zeros/column") : zero;
  node.setResult(0, node.reshape(dequantize(node, node.reshape(q, parted, "blocks"), zero,
                                            node.reshape(step, columns, "scales/column")),
                                 whole));
}

void partita::import::addFusedQuantizedOps(OpTable &table) {
  table.insert(
      {{"com.microsoft.MatMulNBits", importMatMulNBits}, {"com.microsoft.GatherBlockQuantized", importGatherBlocks}});
}
