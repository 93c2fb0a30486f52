// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- KnownValue.cpp - Values that depend on positions alone ------------------===//
#include "KnownValue.h"

#include "partita/interpreter/Evaluate.h"

#include "mlir/IR/Diagnostics.h"

#include <map>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

/// A mask of 4,096 queries and keys still fits.
static constexpr int64_t kMostElements = int64_t(1) << 24;
static constexpr size_t kMostOps = 128;

static bool isSmall(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getNumElements() <= kMostElements;
}

/// Where the data of a function's argument lies; null for inputs, and for values that ops make.
static SourceAttr findSource(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  return function ? function.getArgAttrOfType<SourceAttr>(argument.getArgNumber(), kSourceAttr) : SourceAttr();
}

/// The ops that make a value, operands first; nothing where it depends on an input, or on a file that is not to be
/// read.
static std::optional<std::vector<Operation *>> findMakers(Value value, bool readsFiles) {
  std::vector<Operation *> order;
  std::set<Operation *> done;
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    Operation *op = pending.back().getDefiningOp();
    if (readsFiles && isSmall(pending.back()) && findSource(pending.back())) {
      pending.pop_back();
      continue;
    }
    if (!op || !isSmall(pending.back()) || done.size() > kMostOps)
      return std::nullopt;
    if (done.count(op)) {
      pending.pop_back();
      continue;
    }
    size_t before = pending.size();
    for (Value operand : op->getOperands())
      if (operand.getDefiningOp() ? !done.count(operand.getDefiningOp())
                                  : !readsFiles || !findSource(operand) || !isSmall(operand))
        pending.push_back(operand);
    if (pending.size() > before)
      continue;
    done.insert(op);
    order.push_back(op);
    pending.pop_back();
  }
  return order;
}

/// The data of an argument.
static std::optional<interpreter::Tensor> readArgument(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  llvm::Expected<interpreter::Tensor> loaded =
      interpreter::loadSource(findSource(value), type.getElementType(), type.getShape(), "");
  if (loaded)
    return *loaded;
  llvm::consumeError(loaded.takeError());
  return std::nullopt;
}

std::optional<interpreter::Tensor> partita::import::evaluateKnown(Value value, bool readsFiles) {
  std::optional<std::vector<Operation *>> makers = findMakers(value, readsFiles);
  if (!makers)
    return std::nullopt;
  if (!value.getDefiningOp())
    return readArgument(value);
  // What cannot be evaluated is not known; nobody asked for it, so nobody is told.
  ScopedDiagnosticHandler silence(value.getContext(), [](Diagnostic &) { return success(); });
  std::map<Operation *, SmallVector<interpreter::Tensor>> results;
  for (Operation *op : *makers) {
    SmallVector<interpreter::Tensor> operands;
    for (Value operand : op->getOperands()) {
      std::optional<interpreter::Tensor> read;
      if (operand.getDefiningOp())
        read = results.at(operand.getDefiningOp())[cast<OpResult>(operand).getResultNumber()];
      else
        read = readArgument(operand);
      if (!read)
        return std::nullopt;
      operands.push_back(std::move(*read));
    }
    FailureOr<SmallVector<interpreter::Tensor>> made = interpreter::evaluate(op, operands, {});
    if (failed(made))
      return std::nullopt;
    results[op] = std::move(*made);
  }
  return results.at(value.getDefiningOp())[cast<OpResult>(value).getResultNumber()];
}
