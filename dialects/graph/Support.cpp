// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/graph/Support.h"

using namespace mlir;

namespace partita::graph {

bool mayBeEqual(RankedTensorType a, int64_t dimOfA, RankedTensorType b, int64_t dimOfB) {
  std::optional<DimSize> sizeOfA = getDimSize(a, dimOfA), sizeOfB = getDimSize(b, dimOfB);
  return !sizeOfA || !sizeOfB || *sizeOfA == *sizeOfB;
}

LogicalResult verifySameShape(Operation *op, RankedTensorType type, RankedTensorType like, StringRef what) {
  if (type.getRank() != like.getRank())
    return op->emitOpError() << "GRAPH-1: " << what << " has rank " << type.getRank() << ", expected "
                             << like.getRank();
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!mayBeEqual(type, dim, like, dim))
      return op->emitOpError() << "GRAPH-1: " << what << " is " << type << ", which differs from " << like << " in dim "
                               << dim;
  return success();
}

LogicalResult verifyAlikeBut(Operation *op, RankedTensorType type, RankedTensorType like, int64_t axis,
                             StringRef what) {
  if (type.getRank() != like.getRank())
    return op->emitOpError() << "GRAPH-1: " << what << " has rank " << type.getRank() << ", expected "
                             << like.getRank();
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (dim != axis && !mayBeEqual(type, dim, like, dim))
      return op->emitOpError() << "GRAPH-1: " << what << " is " << type << ", which differs from " << like << " in dim "
                               << dim;
  return success();
}

LogicalResult verifySameElement(Operation *op, RankedTensorType a, RankedTensorType b) {
  if (a.getElementType() != b.getElementType())
    return op->emitOpError() << "GRAPH-2: element types " << a.getElementType() << " and " << b.getElementType()
                             << " differ";
  return success();
}

LogicalResult verifyDim(Operation *op, int64_t dim, int64_t rank) {
  if (dim < 0 || dim >= rank)
    return op->emitOpError() << "GRAPH-3: dim " << dim << " is outside a tensor of rank " << rank;
  return success();
}

LogicalResult verifyExtent(Operation *op, RankedTensorType type, int64_t dim, int64_t expected) {
  if (!type.isDynamicDim(dim) && type.getDimSize(dim) != expected)
    return op->emitOpError() << "GRAPH-4: dim " << dim << " of " << type << " should be " << expected;
  return success();
}

LogicalResult verifyComputes(Operation *op, RankedTensorType type) {
  if (isStoredOnly(type.getElementType()))
    return op->emitOpError() << "GRAPH-9: " << type.getElementType() << " is only stored; cast it first";
  return success();
}

void keepSumsWhole(LoopNest &nest, RankedTensorType type) {
  if (!isStoredOnly(type.getElementType()) || isa<FloatType>(type.getElementType()))
    return;
  for (Loop &loop : nest.loops)
    if (loop.kind == LoopKind::reduction) {
      loop.kind = LoopKind::whole;
      loop.reason = "4-bit integers have no sum";
    }
}

LoopNest dimwiseLoopNest(RankedTensorType type, llvm::function_ref<std::string(int64_t)> reasonFor) {
  LoopNest nest = elementwiseLoopNest(type, 0, 0);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (std::string reason = reasonFor(dim); !reason.empty()) {
      nest.loops[dim].kind = LoopKind::whole;
      nest.loops[dim].reason = reason;
    }
  return nest;
}

DimExpression addWindowLoop(LoopNest &nest, const WindowRead &read) {
  unsigned loop = nest.loops.size();
  int64_t positions = getDimBound(read.result, read.dim);
  bool symbolic = read.input.isDynamicDim(read.dim);
  if (symbolic && read.stride != 1) {
    nest.loops.push_back(
        Loop::whole(positions, read.label, "how many strided windows a symbolic dim has is no linear size", true));
    return {};
  }
  nest.loops.push_back(Loop::parallel(positions, read.label, symbolic));
  return readThroughWindow(loop,
                           {read.stride, read.low, read.high, read.reach, getDimBound(read.input, read.dim), symbolic});
}

bool isWhole(RankedTensorType type) { return !type.getEncoding() || isa<ShapeAttr>(type.getEncoding()); }

double product(ArrayRef<int64_t> extents) {
  double total = 1;
  for (int64_t extent : extents)
    total *= static_cast<double>(extent);
  return total;
}

} // namespace partita::graph
