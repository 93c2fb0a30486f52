// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which values of a module's kernels are computed once, from weights alone, instead of in each step.
//
// Example:
//   HoistChoice choice(module);
//   choice.choose();
//   for (auto &[name, candidate] : choice.getCandidates()) candidate.held;   // what segment `name` keeps
#ifndef PARTITA_LIB_LOWERING_HOISTCHOICE_H
#define PARTITA_LIB_LOWERING_HOISTCHOICE_H

#include "WeightDependence.h"
#include "mlir/IR/BuiltinOps.h"

namespace partita::lowering {

/// A kernel, the calls of its segment, and what can be kept.
struct HoistCandidate {
  mlir::func::FuncOp segment, kernel;
  llvm::SmallVector<mlir::func::CallOp> calls;
  std::unique_ptr<WeightDependence> dependence;
  std::vector<HeldValue> held;
};

class HoistChoice {
public:
  explicit HoistChoice(mlir::ModuleOp module);

  /// A large value is kept only instead of what it is made of. Refusing one leaves its sources to be read, which may
  /// turn the balance for others.
  void choose();

  std::map<std::string, HoistCandidate> &getCandidates() { return candidates; }

private:
  bool isReadLater(mlir::Value weight);
  bool pays(const HoistCandidate &candidate, const HeldValue &held);

  std::map<std::string, HoistCandidate> candidates; ///< By segment.
};

/// The type of a kept value in a stage function: whole on each rank, whatever the ranks hold in it.
std::optional<mlir::Type> getHeldType(mlir::Value value);

} // namespace partita::lowering

#endif
