// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Presets.h - Which meshes are searched, and what their axes may do -----------===//
//
// A preset is a list of mesh candidates with a rule for each axis; the search is the same for all. Example, 8 devices:
//
//   tensor                              ["tensor"=8]               model
//   megatron:tensor=2,pipeline=2,data=2 ["data"=2, "tensor"=2] x2  batch, model
//   (none)                              ["x"=8], ["x"=2, "y"=4], ["x"=4, "y"=2], ["x"=4], ...   any
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_PRESETS_H
#define PARTITA_LIB_PLANNER_PRESETS_H

#include "Options.h"

namespace partita::planner {

/// Candidates in the order in which they are tried; of equally good ones the first wins. E-PRESET.
mlir::FailureOr<std::vector<MeshCandidate>> findCandidates(const PlanningProblem &problem);

/// One device, all devices on the batch, all on the model: what a free search must not lose to.
std::vector<MeshCandidate> findBaselines(const PlanningProblem &problem);

/// The stage of each op when the sequence is cut into `count` stages: between layers where there are enough of them, so
/// that the largest time of a stage on one device is least.
std::vector<int> cutStages(const PlanningProblem &problem, int count);

/// Time of an op on one device, the slowest, one micro-batch for all.
Picoseconds computeWholeTime(const PlanningProblem &problem, const OpInfo &op);

/// "tensor=8"; "one device" for a mesh without axes.
std::string describeMesh(const placement::Mesh &mesh);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_PRESETS_H
