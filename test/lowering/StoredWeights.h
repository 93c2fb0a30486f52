// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors as weights in a file, for tests that would otherwise pass every tensor as an input.
//
// Example: StoredWeights weights(function, {"w"}, tensors);   // writes a file, changes the argument's role
//          runProgram(module, weights.leaveInputs(tensors));  // while `weights` lives
#ifndef PARTITA_TEST_LOWERING_STOREDWEIGHTS_H
#define PARTITA_TEST_LOWERING_STOREDWEIGHTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "partita/interpreter/Run.h"
#include <set>

namespace partita::lowering::test {

class StoredWeights {
public:
  /// Every second tensor lies at a multiple of 64 bytes, as it must for being read in place.
  StoredWeights(mlir::func::FuncOp function, const std::set<std::string> &names,
                const interpreter::NamedTensors &tensors);
  ~StoredWeights();
  StoredWeights(const StoredWeights &) = delete;
  StoredWeights &operator=(const StoredWeights &) = delete;

  interpreter::NamedTensors leaveInputs(interpreter::NamedTensors tensors) const;

private:
  std::set<std::string> names;
  llvm::SmallString<128> path;
};

/// The names of the function's parameters.
std::set<std::string> findParameters(mlir::func::FuncOp function);

} // namespace partita::lowering::test

#endif
