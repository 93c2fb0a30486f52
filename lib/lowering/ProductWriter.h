// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the writers of one contraction share: addresses of buffers and the loops outside of all tiles.
//
// Example: struct Writer : ProductWriter { void writeOne(Value a, Value b, Value c) override; };
#ifndef PARTITA_LIB_LOWERING_PRODUCTWRITER_H
#define PARTITA_LIB_LOWERING_PRODUCTWRITER_H

#include "FunctionWriter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace partita::lowering {

class ProductWriter {
public:
  ProductWriter(mlir::OpBuilder builder, mlir::Location location, const Contraction &roles)
      : at(builder, location), roles(roles) {}
  virtual ~ProductWriter() = default;

protected:
  /// The product at these addresses, inside of all outer loops.
  virtual void writeOne(mlir::Value a, mlir::Value b, mlir::Value c) = 0;

  void writeAll() { writeOuter(0, addressOf(roles.a), addressOf(roles.b), addressOf(roles.c)); }

  mlir::Value toInteger(mlir::OpFoldResult value) {
    if (std::optional<int64_t> known = mlir::getConstantIntValue(value))
      return at.number(*known);
    return mlir::arith::IndexCastOp::create(at.builder, at.location, at.i64(), llvm::cast<mlir::Value>(value));
  }
  mlir::Value toBytes(const ContractionBuffer &buffer, mlir::OpFoldResult stride) {
    return at.mul(toInteger(stride), countBytes(buffer.element));
  }
  mlir::Value toPointer(mlir::Value buffer) {
    mlir::Value index = mlir::memref::ExtractAlignedPointerAsIndexOp::create(at.builder, at.location, buffer);
    mlir::Value number = mlir::arith::IndexCastOp::create(at.builder, at.location, at.i64(), index);
    return mlir::LLVM::IntToPtrOp::create(at.builder, at.location, at.pointer(), number);
  }
  mlir::Value addressOf(const ContractionBuffer &buffer) {
    llvm::SmallVector<int64_t> strides;
    int64_t offset = 0;
    (void)llvm::cast<mlir::MemRefType>(buffer.buffer.getType()).getStridesAndOffset(strides, offset);
    mlir::OpFoldResult begin = at.builder.getIndexAttr(offset);
    if (mlir::ShapedType::isDynamic(offset))
      begin = mlir::memref::ExtractStridedMetadataOp::create(at.builder, at.location, buffer.buffer).getOffset();
    return at.move(toPointer(buffer.buffer), toBytes(buffer, begin));
  }
  /// The address of element `i` of a loop.
  mlir::Value step(const ContractionBuffer &buffer, mlir::Value base, unsigned loop, mlir::Value i) {
    return at.move(base, at.mul(i, toBytes(buffer, buffer.strides[loop])));
  }

  FunctionWriter at;
  const Contraction &roles;

private:
  void writeOuter(size_t depth, mlir::Value a, mlir::Value b, mlir::Value c) {
    if (depth == roles.outer.size())
      return writeOne(a, b, c);
    unsigned loop = roles.outer[depth];
    at.loop(at.number(0), toInteger(roles.extents[loop]), 1, [&](mlir::Value i) {
      writeOuter(depth + 1, step(roles.a, a, loop, i), step(roles.b, b, loop, i), step(roles.c, c, loop, i));
    });
  }
};

} // namespace partita::lowering

#endif
