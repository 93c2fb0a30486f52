// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What decompositions are written with: small ops named after the composite.
//
// Example: SmallOps small(builder, op); small.unary("exp", ElementwiseKind::exp, x)   // an op named NAME/exp
#ifndef PARTITA_DIALECTS_GRAPH_SMALLOPS_H
#define PARTITA_DIALECTS_GRAPH_SMALLOPS_H

#include "mlir/IR/Builders.h"
#include "partita/dialects/graph/Support.h"

namespace partita::graph {

/// Writes small ops named NAME/part.
class SmallOps {
public:
  SmallOps(mlir::OpBuilder &builder, mlir::Operation *op)
      : builder(builder), location(op->getLoc()), name(getModelName(op)) {}

  mlir::StringAttr part(llvm::StringRef suffix) { return builder.getStringAttr(name + "/" + suffix); }

  /// The value as computed with: f32 for shorter floats.
  mlir::Value widen(llvm::StringRef suffix, mlir::Value x) {
    return cast(suffix, x, computedElement(tensorType(x).getElementType()));
  }

  static mlir::Type computedElement(mlir::Type element) {
    return element.getIntOrFloatBitWidth() < 32 ? mlir::Float32Type::get(element.getContext()) : element;
  }

  mlir::Value cast(llvm::StringRef suffix, mlir::Value x, mlir::Type element) {
    auto type = tensorType(x);
    if (type.getElementType() == element)
      return x;
    return CastOp::create(builder, location, type.clone(element), part(suffix), x);
  }

  /// The composite's result: of its element type, and made by an op of its name.
  llvm::SmallVector<mlir::Value> finish(mlir::Value x, mlir::Type element) {
    mlir::Value result = cast("result", x, element);
    result.getDefiningOp()->setInherentAttr(builder.getStringAttr("name"), builder.getStringAttr(name));
    return {result};
  }

  mlir::Value unary(llvm::StringRef suffix, ElementwiseKind kind, mlir::Value x) {
    return ElementwiseOp::create(builder, location, x.getType(), part(suffix), kind, mlir::ValueRange{x});
  }

  mlir::Value binary(llvm::StringRef suffix, ElementwiseKind kind, mlir::Value a, mlir::Value b) {
    return ElementwiseOp::create(builder, location, a.getType(), part(suffix), kind, mlir::ValueRange{a, b});
  }

  mlir::Value reduce(llvm::StringRef suffix, ReduceKind kind, mlir::Value x, llvm::ArrayRef<int64_t> dims) {
    auto type = tensorType(x);
    llvm::SmallVector<DimSize> kept;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (!llvm::is_contained(dims, dim))
        kept.push_back(getDimSize(type, dim).value_or(DimSize(0)));
    return ReduceOp::create(builder, location, getTensorType(kept, type.getElementType()), part(suffix), kind, x, dims);
  }

  mlir::Value slice(llvm::StringRef suffix, mlir::Value x, llvm::ArrayRef<int64_t> starts,
                    llvm::ArrayRef<DimSize> sizes) {
    llvm::SmallVector<int64_t> strides(starts.size(), 1);
    return SliceOp::create(builder, location, getTensorType(sizes, tensorType(x).getElementType()), part(suffix), x,
                           starts, strides);
  }

  mlir::Value reshape(llvm::StringRef suffix, mlir::Value x, llvm::ArrayRef<DimSize> sizes) {
    return ReshapeOp::create(builder, location, getTensorType(sizes, tensorType(x).getElementType()), part(suffix), x);
  }

  mlir::Value broadcast(llvm::StringRef suffix, mlir::Value x, mlir::RankedTensorType like,
                        llvm::ArrayRef<int64_t> dims) {
    return BroadcastOp::create(builder, location, like, part(suffix), x, dims);
  }

  /// The scalar `value`, repeated to the type of `like`.
  mlir::Value splat(llvm::StringRef suffix, double value, mlir::RankedTensorType like) {
    auto element = llvm::cast<mlir::FloatType>(like.getElementType());
    auto scalar = mlir::RankedTensorType::get({}, element);
    llvm::APFloat number(value);
    bool losesInfo;
    number.convert(element.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    mlir::Value constant =
        ConstantOp::create(builder, location, scalar, part((suffix + "/value").str()),
                           llvm::cast<mlir::ElementsAttr>(mlir::DenseElementsAttr::get(scalar, number)));
    return broadcast(suffix, constant, like, {});
  }

  /// The integer `value`, repeated to the type of `like`.
  mlir::Value number(llvm::StringRef suffix, int64_t value, mlir::RankedTensorType like) {
    auto scalar = mlir::RankedTensorType::get({}, like.getElementType());
    llvm::APInt number(like.getElementTypeBitWidth(), static_cast<uint64_t>(value), /*isSigned=*/true,
                       /*implicitTrunc=*/true);
    mlir::Value constant =
        ConstantOp::create(builder, location, scalar, part((suffix + "/value").str()),
                           llvm::cast<mlir::ElementsAttr>(mlir::DenseElementsAttr::get(scalar, number)));
    return broadcast(suffix, constant, like, {});
  }

  /// Its op reads across parts (Interfaces.td).
  mlir::Value crossing(mlir::Value x) {
    x.getDefiningOp()->setAttr(kCrossesAttr, builder.getUnitAttr());
    return x;
  }

  mlir::OpBuilder &builder;
  mlir::Location location;
  std::string name;
};

} // namespace partita::graph

#endif
