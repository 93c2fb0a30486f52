// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random bits: Philox4x32-10 (Salmon et al., SC 2011) of an element's place in the whole tensor.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

/// Written inside of the loops over the result, in plain arithmetic that vectors have too.
class Philox {
public:
  Philox(Scalars &at) : at(at), word(at.builder.getI32Type()), wide(at.builder.getI64Type()) {}

  Value write(uint64_t seed, Value place, uint64_t stream) {
    Value counter[] = {narrow(place), narrow(shiftDown(place)), constant(stream), constant(stream >> 32)};
    auto low = static_cast<uint32_t>(seed), high = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      Value first = multiply(counter[0], 0xD2511F53), second = multiply(counter[2], 0xCD9E8D57);
      Value a = mix(narrow(shiftDown(second)), counter[1], low), b = mix(narrow(shiftDown(first)), counter[3], high);
      counter[0] = a;
      counter[1] = narrow(second);
      counter[2] = b;
      counter[3] = narrow(first);
      low += 0x9E3779B9u;
      high += 0xBB67AE85u;
    }
    return counter[0];
  }

private:
  Value constant(uint64_t bits) { return at.integer(static_cast<int32_t>(bits), word); }
  Value narrow(Value number) { return arith::TruncIOp::create(at.builder, at.location, word, number); }
  Value shiftDown(Value number) {
    return arith::ShRUIOp::create(at.builder, at.location, number, at.integer(32, wide));
  }
  Value multiply(Value number, uint32_t factor) {
    Value extended = arith::ExtUIOp::create(at.builder, at.location, wide, number);
    return arith::MulIOp::create(at.builder, at.location, extended, at.integer(factor, wide));
  }
  Value mix(Value a, Value b, uint32_t key) {
    Value both = arith::XOrIOp::create(at.builder, at.location, a, b);
    return arith::XOrIOp::create(at.builder, at.location, both, constant(key));
  }

  Scalars &at;
  Type word, wide;
};

} // namespace

Value lowering::lowerRandomBits(TensorBuilder &tensors, graph::RandomBitsOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  plan::PartAttr part = plan::getPart(type);
  // Places are counted at the largest extents, so that they do not depend on a run.
  SmallVector<int64_t> bounds = getBoundShape(part ? part.getGlobal() : type);
  SmallVector<Value> offsets;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    offsets.push_back(tensors.offsetOf(type, dim));
  return tensors.map({}, {}, tensors.sizesOf(type), type.getElementType(), [&](Scalars &at, ValueRange) {
    Type wide = at.builder.getI64Type();
    Value place = at.integer(0, wide);
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      Value local = linalg::IndexOp::create(at.builder, at.location, dim);
      Value index = arith::AddIOp::create(at.builder, at.location, local, offsets[dim]);
      Value number = arith::IndexCastOp::create(at.builder, at.location, wide, index);
      Value before = arith::MulIOp::create(at.builder, at.location, place, at.integer(bounds[dim], wide));
      place = arith::AddIOp::create(at.builder, at.location, before, number);
    }
    return Philox(at).write(op.getSeed(), place, op.getStream());
  });
}
