// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- PackedIntegers.cpp - Integers that share bytes --------------------------===//
#include "PackedIntegers.h"

#include "partita/dialects/graph/Graph.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

Value partita::import::unpackNibbles(ImportSession &session, Value bytes, RankedTensorType type, llvm::StringRef name) {
  if (!bytes)
    return Value();
  OpBuilder &builder = session.getBuilder();
  Location location = bytes.getLoc();
  auto packed = cast<RankedTensorType>(bytes.getType());
  int64_t count = packed.getNumElements();
  auto claim = [&](llvm::StringRef part) { return session.claimName((name + "/" + part).str()); };
  auto reshape = [&](Value value, llvm::ArrayRef<int64_t> shape) -> Value {
    return ReshapeOp::create(builder, location, packed.clone(shape), claim("shape"), value);
  };
  auto compute = [&](ElementwiseKind kind, int64_t number) -> Value {
    auto scalar = RankedTensorType::get({}, packed.getElementType());
    Value constant = session.makeConstant(
        location, DenseElementsAttr::get(scalar, llvm::APInt(8, static_cast<uint64_t>(number))), claim("number"));
    Value all = BroadcastOp::create(builder, location, packed, claim("number"), constant, llvm::ArrayRef<int64_t>());
    return ElementwiseOp::create(builder, location, packed, claim("half"), kind, ValueRange{bytes, all});
  };
  Value low = reshape(compute(ElementwiseKind::logical_and, 15), {count, 1});
  Value high = reshape(compute(ElementwiseKind::shift_right, 4), {count, 1});
  Value pairs = ConcatOp::create(builder, location, packed.clone({count, 2}), claim("pairs"), ValueRange{low, high}, 1);
  Value numbers = reshape(pairs, {2 * count});
  int64_t wanted = type.getNumElements();
  if (wanted != 2 * count)
    numbers = SliceOp::create(builder, location, packed.clone({wanted}), claim("numbers"), numbers,
                              llvm::ArrayRef<int64_t>{0}, llvm::ArrayRef<int64_t>{1});
  // The upper half of the signed numbers wraps around.
  return CastOp::create(builder, location, type, claim("unpacked"), reshape(numbers, type.getShape()));
}
