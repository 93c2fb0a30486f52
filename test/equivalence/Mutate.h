// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small faults planted in per-device programs, as a broken partitioner would leave them.
#ifndef PARTITA_TEST_EQUIVALENCE_MUTATE_H
#define PARTITA_TEST_EQUIVALENCE_MUTATE_H

#include "mlir/IR/BuiltinOps.h"
#include <random>
#include <string>

namespace partita::test {

enum class Mutation {
  dropStep,      ///< users read the value from before a communication
  changeAxes,    ///< a communication names another axis
  changeSplit,   ///< a value's type says that another axis, dim or unit splits it
  changePartial, ///< a value's type says max for sum, or is no longer partial
  changeLoops,   ///< an op claims other loops
  swapOperands,  ///< two operands of one type change places
  changeKind,    ///< add for sub, max for sum ...
  shiftSlice,    ///< a slice begins one element later or earlier
  dropEvent,     ///< a device leaves an event out
  swapEvents,    ///< two neighbouring events change places
  changeBatch    ///< an event works on another micro-batch
};
inline constexpr unsigned kNumMutations = 11;

llvm::StringRef getName(Mutation mutation);

/// Plants one fault at a random place. Returns what was done, or "" when the program has no place for it.
std::string mutate(mlir::ModuleOp program, Mutation mutation, std::mt19937_64 &random);

} // namespace partita::test

#endif
