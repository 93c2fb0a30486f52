// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "OpLowerings.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_LOWERGRAPHPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// Ops that are tensor code already, and communication, which the runtime does: only their types change.
static bool isKept(Operation *op) {
  if (isa<collective::StartOp, collective::WaitOp, collective::ExtentOp, collective::OffsetOp>(op))
    return true;
  if (isa<linalg::LinalgOp, tensor::EmptyOp, tensor::SplatOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
          tensor::ExtractSliceOp, tensor::InsertSliceOp>(op))
    return true;
  // Arithmetic on numbers, such as a constant that fills a tensor. On tensors it would be an op of the graph.
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  return isa<arith::ArithDialect>(op->getDialect()) && llvm::none_of(op->getOperandTypes(), isTensor) &&
         llvm::none_of(op->getResultTypes(), isTensor);
}

namespace {

/// Writes the kernel of one segment.
class KernelWriter {
public:
  KernelWriter(func::FuncOp segment, func::FuncOp kernel)
      : segment(segment), kernel(kernel), builder(kernel.getContext()), tensors(builder, kernel) {}

  LogicalResult write() {
    builder.setInsertionPointToStart(kernel.addEntryBlock());
    for (BlockArgument argument : segment.getArguments()) {
      Value buffer = makeBuffer(argument.getArgNumber(), argument.getType());
      values.map(argument, bufferization::ToTensorOp::create(
                               builder, segment.getLoc(), getPlainType(argument.getType()), buffer, /*restrict=*/true));
    }
    // Before everything else, so that any op can compute a result in its place.
    Operation *terminator = segment.getBody().front().getTerminator();
    for (auto [index, result] : llvm::enumerate(terminator->getOperands()))
      resultBuffers.push_back(makeBuffer(segment.getNumArguments() + index, result.getType()));
    for (Operation &op : segment.getBody().front())
      if (failed(lower(&op)))
        return failure();
    return success();
  }

private:
  LogicalResult lower(Operation *op) {
    tensors.setLocation(op->getLoc());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (!values.contains(operand))
        return op->emitOpError("E-LOWER: an operand is defined outside of the segment");
      operands.push_back(values.lookup(operand));
    }
    if (isa<func::ReturnOp>(op))
      return finish(op, operands);
    if (isKept(op)) {
      if (auto start = dyn_cast<collective::StartOp>(op)) {
        makeDense(start.getSource());
        if (start.getCounts())
          makeDense(start.getCounts());
      }
      Operation *clone = builder.clone(*op, values);
      clone->setDiscardableAttrs(DictionaryAttr::get(op->getContext()));
      for (Value result : clone->getResults())
        if (isa<RankedTensorType>(result.getType()))
          result.setType(getPlainType(result.getType()));
      return success();
    }
    auto custom = dyn_cast<graph::CustomOp>(op);
    SmallVector<Value> results =
        custom ? lowerCustom(tensors, custom, operands) : SmallVector<Value>{lowerOp(tensors, op, operands)};
    if (results.size() != op->getNumResults() || llvm::is_contained(results, Value()))
      return failure();
    for (auto [value, result] : llvm::zip(op->getResults(), results)) {
      // Views and casts may know more or fewer extents than the type says.
      RankedTensorType type = getPlainType(value.getType());
      values.map(value, result.getType() == type ? result
                                                 : Value(tensor::CastOp::create(builder, op->getLoc(), type, result)));
    }
    return success();
  }

  /// A slice, also under another shape, may become a strided view, which a communication cannot read: all readers get a
  /// dense copy.
  void makeDense(Value value) {
    Value tensor = values.lookup(value);
    while (isa_and_nonnull<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp>(tensor.getDefiningOp()))
      tensor = tensor.getDefiningOp()->getOperand(0);
    if (!tensor.getDefiningOp<tensor::ExtractSliceOp>())
      return;
    Value copy = bufferization::AllocTensorOp::create(builder, value.getLoc(), getPlainType(value.getType()),
                                                      ValueRange(), values.lookup(value), Value(), Attribute());
    values.map(value, copy);
  }

  /// Results go to the buffers behind those of the arguments.
  LogicalResult finish(Operation *terminator, ArrayRef<Value> results) {
    for (auto [result, buffer] : llvm::zip(results, resultBuffers))
      bufferization::MaterializeInDestinationOp::create(builder, terminator->getLoc(), Type(), result, buffer,
                                                        /*restrict=*/true, /*writable=*/true);
    func::ReturnOp::create(builder, terminator->getLoc());
    return success();
  }

  Value makeBuffer(unsigned index, Type local) {
    OpBuilder::InsertionGuard guard(builder);
    RankedTensorType plain = getPlainType(local);
    Sizes sizes = tensors.sizesOf(cast<RankedTensorType>(local));
    SmallVector<Value> dynamic;
    for (OpFoldResult size : sizes)
      if (auto value = dyn_cast<Value>(size))
        dynamic.push_back(value);
    MemRefType type = MemRefType::get(plain.getShape(), plain.getElementType());
    return lowering::makeBuffer(builder, segment.getLoc(), kernel, index, type, dynamic);
  }

  func::FuncOp segment, kernel;
  OpBuilder builder;
  TensorBuilder tensors;
  IRMapping values;
  SmallVector<Value> resultBuffers;
};

struct LowerGraphPass : lowering::impl::LowerGraphPassBase<LowerGraphPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> segments;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(collective::kStageAttr) && !function->hasAttr(collective::kEventAttr) &&
          !function.isExternal() && !isKernel(function))
        segments.push_back(function);
    for (func::FuncOp segment : segments)
      if (failed(makeKernel(segment)))
        return signalPassFailure();
  }

  LogicalResult makeKernel(func::FuncOp segment) {
    if (!llvm::hasSingleElement(segment.getBody()))
      return segment.emitOpError("E-LOWER: a segment has one block");
    OpBuilder builder(segment);
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    builder.setInsertionPointAfter(segment);
    auto kernel = func::FuncOp::create(builder, segment.getLoc(), (segment.getName() + "_kernel").str(),
                                       builder.getFunctionType({pointer, pointer}, {}));
    kernel->setAttr(collective::kStageAttr, segment->getAttr(collective::kStageAttr));
    kernel->setAttr(kKernelAttr, FlatSymbolRefAttr::get(segment));
    if (failed(KernelWriter(segment, kernel).write()))
      return failure();
    segment.eraseBody();
    segment.setPrivate();
    return success();
  }
};

} // namespace
