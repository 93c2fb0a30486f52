// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- GraphEvaluation.cpp - Runs an imported module in the interpreter --------===//
#include "GraphEvaluation.h"

#include "partita/interpreter/Evaluate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace partita;
using interpreter::Tensor;

using Values = llvm::DenseMap<Value, Tensor>;

/// Arguments: parameters from their files, inputs by name, symbols from the inputs' shapes.
static bool bindArguments(func::FuncOp function, const std::map<std::string, Tensor> &inputs, Values &values,
                          interpreter::SymbolValues &symbols) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    unsigned index = argument.getArgNumber();
    if (auto source = function.getArgAttrOfType<SourceAttr>(index, kSourceAttr)) {
      llvm::Expected<Tensor> loaded = interpreter::loadSource(source, type.getElementType(), type.getShape(), "");
      if (!loaded) {
        llvm::consumeError(loaded.takeError());
        return false;
      }
      values[argument] = *loaded;
      continue;
    }
    auto found = inputs.find(function.getArgAttrOfType<StringAttr>(index, kNameAttr).str());
    if (found == inputs.end() || !interpreter::bindSymbols(type, found->second.getShape(), symbols).empty())
      return false;
    values[argument] = found->second;
  }
  return true;
}

std::optional<std::vector<Tensor>> partita::import::evaluateModule(ModuleOp module,
                                                                   const std::map<std::string, Tensor> &inputs) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  Values values;
  interpreter::SymbolValues symbols;
  if (!function || !bindArguments(function, inputs, values, symbols))
    return std::nullopt;
  interpreter::Context context;
  context.scope = interpreter::Scope(symbols);
  for (Operation &op : function.front()) {
    llvm::SmallVector<Tensor> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values[operand]);
    if (isa<func::ReturnOp>(op))
      return std::vector<Tensor>(operands.begin(), operands.end());
    FailureOr<llvm::SmallVector<Tensor>> results = interpreter::evaluate(&op, operands, context);
    if (failed(results))
      return std::nullopt;
    for (auto [result, tensor] : llvm::zip(op.getResults(), *results))
      values[result] = tensor;
  }
  return std::nullopt;
}

Tensor partita::import::makeRamp(MLIRContext &context, llvm::ArrayRef<int64_t> shape) {
  std::vector<double> values;
  for (int64_t i = 0; i < interpreter::countElements(shape); ++i)
    values.push_back((i % 2 ? -0.1 : 0.1) * static_cast<double>(i % 23 + 1));
  return Tensor::fromDoubles(Float32Type::get(&context), shape, values);
}

double partita::import::compare(const Tensor &a, const Tensor &b) {
  if (a.getShape() != b.getShape())
    return std::numeric_limits<double>::infinity();
  double worst = 0;
  std::vector<double> left = a.toDoubles(), right = b.toDoubles();
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i] == right[i] || (std::isnan(left[i]) && std::isnan(right[i])))
      continue;
    double difference = std::abs(left[i] - right[i]) / (1 + std::abs(right[i]));
    worst = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(worst, difference);
  }
  return worst;
}
