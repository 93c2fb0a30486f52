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

/// The ops that make a value, operands first; nothing where it depends on an argument.
static std::optional<std::vector<Operation *>> findMakers(Value value) {
  std::vector<Operation *> order;
  std::set<Operation *> done;
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    Operation *op = pending.back().getDefiningOp();
    if (!op || !isSmall(pending.back()) || done.size() > kMostOps)
      return std::nullopt;
    if (done.count(op)) {
      pending.pop_back();
      continue;
    }
    size_t before = pending.size();
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !done.count(operand.getDefiningOp()))
        pending.push_back(operand);
    if (pending.size() > before)
      continue;
    done.insert(op);
    order.push_back(op);
    pending.pop_back();
  }
  return order;
}

std::optional<interpreter::Tensor> partita::import::evaluateKnown(Value value) {
  std::optional<std::vector<Operation *>> makers = findMakers(value);
  if (!makers)
    return std::nullopt;
  // What cannot be evaluated is not known; nobody asked for it, so nobody is told.
  ScopedDiagnosticHandler silence(value.getContext(), [](Diagnostic &) { return success(); });
  std::map<Operation *, SmallVector<interpreter::Tensor>> results;
  for (Operation *op : *makers) {
    SmallVector<interpreter::Tensor> operands;
    for (Value operand : op->getOperands())
      operands.push_back(results.at(operand.getDefiningOp())[cast<OpResult>(operand).getResultNumber()]);
    FailureOr<SmallVector<interpreter::Tensor>> made = interpreter::evaluate(op, operands, {});
    if (failed(made))
      return std::nullopt;
    results[op] = std::move(*made);
  }
  return results.at(value.getDefiningOp())[cast<OpResult>(value).getResultNumber()];
}
