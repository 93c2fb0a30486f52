// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Options.h - The ways in which one op can run on a mesh ----------------------===//
//
// An option gives every axis of the mesh to a loop of the op, to a partial value that the op passes on, or to nothing.
// A preset is no more than a rule for each axis of which of these are allowed. Example: C[m,n] = A[m,k] B[k,n] on one
// free axis of 4 has the options m, n, k (C is partial), none, A partial, B partial.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_OPTIONS_H
#define PARTITA_LIB_PLANNER_OPTIONS_H

#include "Space.h"

#include "partita/cost/MachinePrice.h"

namespace partita::planner {

/// What an axis is used for. An op that has no way left under the rules of all axes breaks as few of them as it can,
/// and is whole along those axes.
enum class AxisRule {
  any,   ///< every loop, or none; the others leave loops that are split by expansion whole
  batch, ///< the batch loop wherever there is one, and nothing else
  model, ///< loops of the model's own dims; matrix work and attention must use it where they have one
  micro  ///< as `batch`, outermost: micro-batches
};

/// A way to lay the devices out: one mesh for each stage (equal axes, different devices).
struct MeshCandidate {
  std::vector<placement::Mesh> stages;
  std::vector<AxisRule> rules;

  const std::vector<placement::Axis> &axes() const { return stages.front().axes; }
  int64_t deviceCount() const { return stages.size() * placement::rankCount(stages.front()); }
};

struct OpOption {
  placement::LoopAssignment loops;
  /// Numbers in the space of each value; -1 for scalars.
  std::vector<PlacementId> operands, results;
  /// Of all executions in a step, with what the op communicates itself when it is split by its expansion.
  Picoseconds compute = 0;
  /// Bytes that it needs beside operands and results.
  int64_t scratch = 0;
};

/// The options of ops on the mesh of one stage.
class OptionTable {
public:
  OptionTable(const PlanningProblem &problem, const MeshCandidate &candidate, int stage, SpaceTable &spaces);

  /// Options of an op, cheapest compute time first; none if its pins forbid all. Ops must be asked for in order, except
  /// that ops of equal structure share an answer (see `representatives`).
  const std::vector<OpOption> &find(int op);
  /// For each op the op whose options it shares: itself, or the same op of another layer.
  void setRepresentatives(std::vector<int> ops) { representatives = std::move(ops); }
  /// How many options were found since the last question.
  int64_t takeCount() { return std::exchange(numOptions, 0); }

private:
  /// One use of an axis: a loop in units, a partial value passed on, or nothing.
  struct Use {
    int loop = -1;
    int64_t unit = 1;
    std::vector<unsigned> through;
    placement::PartialKind kind = placement::PartialKind::sum;
    /// A second loop that the axis cuts as well, or -1.
    int joint = -1;
  };

  void addCombinations(const OpInfo &op, unsigned whole, std::vector<OpOption> &options);
  std::vector<Use> findUses(const OpInfo &op, int axis);
  void addThroughUses(const OpInfo &op, std::vector<Use> &uses);
  bool isLoopAllowed(const OpInfo &op, unsigned loop, int axis) const;
  bool mustSplit(const OpInfo &op, int axis) const;
  bool satisfiesPins(const OpInfo &op, const placement::LoopAssignment &loops) const;
  void addOptions(const OpInfo &op, const std::vector<Use> &uses, std::vector<OpOption> &options);
  void addOption(const OpInfo &op, const placement::LoopAssignment &loops, const std::vector<Use> &uses,
                 std::vector<OpOption> &options);
  void dropDuplicates(std::vector<OpOption> &options) const;
  const std::set<placement::PartialKind> &kindsOf(int value);

  const PlanningProblem &problem;
  const MeshCandidate &candidate;
  const placement::Mesh &mesh;
  SpaceTable &spaces;
  cost::MachinePrice price;
  std::vector<int> representatives;
  std::map<int, std::vector<OpOption>> table;
  /// With which kinds a value may be partial.
  std::map<int, std::set<placement::PartialKind>> kinds;
  std::map<int, std::pair<int, int>> makers;
  int64_t numOptions = 0;
};

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_OPTIONS_H
