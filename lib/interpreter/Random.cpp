// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random bits that depend on a seed and on where an element lies.
#include "Families.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/dialects/plan/Plan.h"
#include <array>

using namespace mlir;

namespace partita::interpreter {

/// The first word of Philox4x32-10 (Salmon et al., SC 2011).
static uint32_t drawBits(uint64_t seed, uint64_t place, uint64_t stream) {
  auto low = [](uint64_t number) { return static_cast<uint32_t>(number); };
  auto high = [](uint64_t number) { return static_cast<uint32_t>(number >> 32); };
  std::array<uint32_t, 4> counter = {low(place), high(place), low(stream), high(stream)};
  std::array<uint32_t, 2> key = {low(seed), high(seed)};
  for (int round = 0; round < 10; ++round) {
    uint64_t first = uint64_t(0xD2511F53) * counter[0], second = uint64_t(0xCD9E8D57) * counter[2];
    counter = {high(second) ^ counter[1] ^ key[0], low(second), high(first) ^ counter[3] ^ key[1], low(first)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter[0];
}

Outcome evaluateRandomBits(graph::RandomBitsOp op, const Call &call) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (plan::PartAttr part = plan::getPart(type))
    type = part.getGlobal();
  Shape strides = stridesOf(getBoundShape(type));
  const Shape &shape = call.result.extent;
  std::vector<uint64_t> bits(countElements(shape));
  Shape index(shape.size(), 0);
  for (uint64_t &word : bits) {
    uint64_t place = 0;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      place += static_cast<uint64_t>(call.result.offset[dim] + index[dim]) * static_cast<uint64_t>(strides[dim]);
    word = drawBits(op.getSeed(), place, op.getStream());
    nextIndex(index, shape);
  }
  return pack<uint64_t>(call.element, shape, bits);
}

} // namespace partita::interpreter
