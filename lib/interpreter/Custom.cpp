// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// custom: its body, run with the extents that operands and results have here.
#include "Families.h"

using namespace mlir;

namespace partita::interpreter {

/// Learns the symbols of the body from the extents of operands and results.
static LogicalResult bindBody(graph::CustomOp op, ArrayRef<Tensor> operands, ArrayRef<Box> results,
                              SymbolValues &symbols) {
  Block &block = op.getBody().front();
  for (auto [argument, operand] : llvm::zip(block.getArguments(), operands))
    if (std::string problem = bindSymbols(cast<RankedTensorType>(argument.getType()), operand.getShape(), symbols);
        !problem.empty())
      return failShape(op, "operand " + Twine(argument.getArgNumber()) + " of its body: " + problem);
  for (auto [index, value] : llvm::enumerate(block.getTerminator()->getOperands()))
    if (std::string problem = bindSymbols(cast<RankedTensorType>(value.getType()), results[index].extent, symbols);
        !problem.empty())
      return failShape(op, "result " + Twine(index) + " of its body: " + problem);
  return success();
}

FailureOr<SmallVector<Tensor>> evaluateCustom(graph::CustomOp op, ArrayRef<Tensor> operands, ArrayRef<Box> results,
                                              const Context &context) {
  if (!op.hasBody())
    return op.emitOpError() << "E-CUSTOM-BODY: nothing says what '" << op.getTarget() << "' computes";
  SymbolValues symbols;
  if (failed(bindBody(op, operands, results, symbols)))
    return failure();
  return evaluateBlock(op.getBody().front(), operands, Context{context.arithmetic, Scope(symbols)});
}

FailureOr<SmallVector<Tensor>> evaluateBlock(Block &block, ArrayRef<Tensor> arguments, const Context &context) {
  llvm::DenseMap<Value, Tensor> values;
  for (auto [argument, tensor] : llvm::zip(block.getArguments(), arguments))
    values[argument] = tensor;
  for (Operation &op : block) {
    SmallVector<Tensor> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    if (op.hasTrait<OpTrait::IsTerminator>())
      return operands;
    FailureOr<SmallVector<Tensor>> results = evaluate(&op, operands, context);
    if (failed(results))
      return failure();
    for (auto [result, tensor] : llvm::zip(op.getResults(), *results))
      values[result] = tensor;
  }
  return failure(); // a block has a terminator
}

} // namespace partita::interpreter
