// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Models.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "partita/adapters/Linalg.h"

using namespace mlir;

namespace partita::adapters {

void registerSplitModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) { attachArithModels(context); });
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) { attachLinalgModels(context); });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attachTensorModels(context);
    attachReshapeModels(context);
    attachSliceModels(context);
  });
}

void fillScalarOperands(LoopNest &nest, unsigned numOperands) { nest.operands.resize(numOperands); }

SmallVector<Value> getDynamicSizes(RankedTensorType type, const LocalIndexProvider &sizeOf) {
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      sizes.push_back(sizeOf(0, dim));
  return sizes;
}

SmallVector<OpFoldResult> getMixedSizes(OpBuilder &builder, RankedTensorType type, const LocalIndexProvider &sizeOf) {
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    sizes.push_back(type.isDynamicDim(dim) ? OpFoldResult(sizeOf(0, dim))
                                           : OpFoldResult(builder.getIndexAttr(type.getDimSize(dim))));
  return sizes;
}

Operation *withAttributesOf(Operation *op, Operation *made) {
  made->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  return made;
}

double countIterations(ArrayRef<int64_t> extents) {
  double total = 1;
  for (int64_t extent : extents)
    total *= static_cast<double>(extent);
  return total;
}

} // namespace partita::adapters
