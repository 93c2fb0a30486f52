// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Lockstep.h"
#include "partita/dialects/collective/Collective.h"

using namespace mlir;

namespace partita::interpreter {

namespace {

/// A function that is being run: what it still has to do and the values that are still needed.
struct Frame {
  Operation *next = nullptr;
  func::CallOp caller;
  llvm::DenseMap<Value, RankTensors> values;
  llvm::DenseMap<Value, int64_t> pendingUses;
};

class Lockstep {
public:
  Lockstep(ArrayRef<Scope> scopes, const RunOptions &options) : scopes(scopes), options(options) {}

  FailureOr<SmallVector<RankTensors>> run(func::FuncOp function, ArrayRef<RankTensors> arguments) {
    if (failed(enter(function, arguments, nullptr)))
      return failure();
    while (true) {
      Operation *op = frames.back().next;
      frames.back().next = op->getNextNode();
      FailureOr<SmallVector<RankTensors>> operands = readOperands(op);
      if (failed(operands))
        return failure();
      if (isa<func::ReturnOp>(op)) {
        func::CallOp caller = frames.back().caller;
        frames.pop_back();
        if (frames.empty())
          return operands;
        for (auto [result, value] : llvm::zip(caller.getResults(), *operands))
          define(result, value);
      } else if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
        if (!callee)
          return op->emitOpError("E-NO-EVALUATION: there is no function of this name");
        if (failed(enter(callee, *operands, call)))
          return failure();
      } else if (failed(runOp(op, *operands))) {
        return failure();
      }
    }
  }

private:
  LogicalResult enter(func::FuncOp function, ArrayRef<RankTensors> arguments, func::CallOp caller) {
    if (!llvm::hasSingleElement(function.getBody()) || frames.size() > 100)
      return function.emitOpError("E-NO-EVALUATION: has not one block, or calls itself");
    Block &block = function.getBody().front();
    if (block.getNumArguments() != arguments.size() || !isa<func::ReturnOp>(block.back()))
      return function.emitOpError("E-NO-EVALUATION: is called with other arguments than it has");
    frames.emplace_back();
    frames.back().next = &block.front();
    frames.back().caller = caller;
    for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
      define(argument, value);
    return success();
  }

  void define(Value value, const RankTensors &tensors) {
    int64_t uses = std::distance(value.use_begin(), value.use_end());
    if (uses == 0)
      return;
    frames.back().values[value] = tensors;
    frames.back().pendingUses[value] = uses;
  }

  /// Values are dropped at their last use, so that memory is what the op at hand needs.
  FailureOr<SmallVector<RankTensors>> readOperands(Operation *op) {
    Frame &frame = frames.back();
    SmallVector<RankTensors> operands;
    for (Value operand : op->getOperands()) {
      auto found = frame.values.find(operand);
      if (found == frame.values.end())
        return op->emitOpError("E-NO-EVALUATION: an operand has no value yet");
      operands.push_back(found->second);
    }
    for (Value operand : op->getOperands())
      if (--frame.pendingUses[operand] == 0)
        frame.values.erase(operand);
    return operands;
  }

  LogicalResult runOp(Operation *op, ArrayRef<RankTensors> operands) {
    SmallVector<SmallVector<Tensor>> resultsOfRank(scopes.size());
    if (collective::isStep(op)) {
      FailureOr<RankTensors> moved =
          runStep(op, operands.front(), operands.size() > 1 ? &operands[1] : nullptr, scopes, options.checkReplicas);
      if (failed(moved))
        return failure();
      for (auto [rank, tensor] : llvm::enumerate(*moved))
        resultsOfRank[rank] = {tensor};
    } else {
      for (size_t rank = 0; rank < scopes.size(); ++rank) {
        FailureOr<SmallVector<Tensor>> results = runOnRank(op, operands, rank);
        if (failed(results))
          return failure();
        resultsOfRank[rank] = *results;
      }
    }
    observe(op, resultsOfRank);
    for (auto [index, result] : llvm::enumerate(op->getResults())) {
      RankTensors tensors;
      for (const SmallVector<Tensor> &results : resultsOfRank)
        tensors.push_back(results[index]);
      define(result, tensors);
    }
    return success();
  }

  FailureOr<SmallVector<Tensor>> runOnRank(Operation *op, ArrayRef<RankTensors> operands, size_t rank) {
    if (auto extent = dyn_cast<collective::ExtentOp>(op))
      return readIndex(op, extent.getType(), extent.getDim(), rank, /*extent=*/true);
    if (auto offset = dyn_cast<collective::OffsetOp>(op))
      return readIndex(op, offset.getType(), offset.getDim(), rank, /*extent=*/false);
    SmallVector<Tensor> own;
    for (const RankTensors &operand : operands)
      own.push_back(operand[rank]);
    return evaluate(op, own, Context{options.arithmetic, scopes[rank]});
  }

  FailureOr<SmallVector<Tensor>> readIndex(Operation *op, Type type, int64_t dim, size_t rank, bool extent) {
    std::optional<Box> box = scopes[rank].findBox(cast<RankedTensorType>(type));
    if (!box)
      return op->emitOpError("E-DIM-UNBOUND: the extents of the type are not known here");
    auto number = static_cast<double>(extent ? box->extent[dim] : box->offset[dim]);
    return SmallVector<Tensor>{Tensor::fromDoubles(IndexType::get(op->getContext()), {}, number)};
  }

  void observe(Operation *op, ArrayRef<SmallVector<Tensor>> results) {
    if (!options.observer)
      return;
    SmallVector<Operation *> callers;
    for (Frame &frame : frames)
      if (frame.caller)
        callers.push_back(frame.caller);
    options.observer({op, callers, scopes, results});
  }

  ArrayRef<Scope> scopes;
  const RunOptions &options;
  std::vector<Frame> frames;
};

} // namespace

FailureOr<SmallVector<RankTensors>> runLockstep(func::FuncOp function, ArrayRef<RankTensors> arguments,
                                                ArrayRef<Scope> scopes, const RunOptions &options) {
  return Lockstep(scopes, options).run(function, arguments);
}

} // namespace partita::interpreter
