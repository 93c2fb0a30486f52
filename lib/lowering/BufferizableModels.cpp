// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How start and wait bufferize. start reads its source and writes its destination; wait reads the source again and
// writes the destination, which its result is. So the source cannot be overwritten in between, and as both must be
// bufferized in place, a copy is never put between them. The destination is a tensor that only the two ops mention.
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/lowering/Lowering.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace partita;

namespace {

constexpr unsigned kStartDestination = 1, kWaitDestination = 2;

FailureOr<Value> getOptionalBuffer(RewriterBase &rewriter, Value value, const BufferizationOptions &options,
                                   BufferizationState &state) {
  return value ? getBuffer(rewriter, value, options, state) : FailureOr<Value>(Value());
}

struct StartModel : BufferizableOpInterface::ExternalModel<StartModel, collective::StartOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &operand, const AnalysisState &) const {
    return operand.getOperandNumber() != kStartDestination;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &operand, const AnalysisState &) const {
    return operand.getOperandNumber() == kStartDestination;
  }
  bool mustBufferizeInPlace(Operation *, OpOperand &, const AnalysisState &) const { return true; }
  AliasingValueList getAliasingValues(Operation *, OpOperand &, const AnalysisState &) const { return {}; }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto start = cast<collective::StartOp>(op);
    FailureOr<Value> source = getBuffer(rewriter, start.getSource(), options, state);
    FailureOr<Value> destination = getBuffer(rewriter, start.getDestination(), options, state);
    FailureOr<Value> counts = getOptionalBuffer(rewriter, start.getCounts(), options, state);
    if (failed(source) || failed(destination) || failed(counts))
      return failure();
    replaceOpWithNewBufferizedOp<collective::StartOp>(
        rewriter, op, start.getToken().getType(), start.getIdAttr(), start.getKindAttr(), start.getNameAttr(),
        start.getAxesAttr(), start.getSourceTypeAttr(), start.getDestinationTypeAttr(), *source, *destination, *counts);
    return success();
  }
};

struct WaitModel : BufferizableOpInterface::ExternalModel<WaitModel, collective::WaitOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &operand, const AnalysisState &) const {
    return operand.getOperandNumber() != kWaitDestination;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &operand, const AnalysisState &) const {
    return operand.getOperandNumber() == kWaitDestination;
  }
  bool mustBufferizeInPlace(Operation *, OpOperand &, const AnalysisState &) const { return true; }
  AliasingValueList getAliasingValues(Operation *op, OpOperand &operand, const AnalysisState &) const {
    if (operand.getOperandNumber() != kWaitDestination)
      return {};
    return {{op->getResult(0), BufferRelation::Equivalent}};
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto wait = cast<collective::WaitOp>(op);
    FailureOr<Value> source = getBuffer(rewriter, wait.getSource(), options, state);
    FailureOr<Value> destination = getBuffer(rewriter, wait.getDestination(), options, state);
    FailureOr<Value> counts = getOptionalBuffer(rewriter, wait.getCounts(), options, state);
    if (failed(source) || failed(destination) || failed(counts))
      return failure();
    collective::WaitOp::create(rewriter, op->getLoc(), TypeRange(), wait.getIdAttr(), wait.getToken(), *source,
                               *destination, *counts);
    replaceOpWithBufferizedValues(rewriter, op, *destination);
    return success();
  }
};

} // namespace

void lowering::registerBufferizableModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, collective::CollectiveDialect *) {
    collective::StartOp::attachInterface<StartModel>(*context);
    collective::WaitOp::attachInterface<WaitModel>(*context);
  });
}
