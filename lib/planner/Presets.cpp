// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Presets.cpp - Which meshes are searched, and what their axes may do ---------===//
#include "Presets.h"

#include "OpFigures.h"

#include "llvm/ADT/STLExtras.h"

#include <numeric>

using namespace mlir;

namespace partita::planner {

namespace {

struct AxisPlan {
  std::string name;
  int64_t size;
  AxisRule rule;
};

/// Axes of one device are left out; stage s has devices [s * ranks, (s + 1) * ranks).
MeshCandidate makeCandidate(const PlanningProblem &problem, std::vector<AxisPlan> axes, int64_t stages = 1) {
  MeshCandidate candidate;
  placement::Mesh mesh;
  int64_t ranks = 1;
  if (problem.options.microBatches > 1) {
    mesh.axes.push_back({"micro", problem.options.microBatches, placement::AxisKind::time});
    candidate.rules.push_back(AxisRule::micro);
  }
  for (const AxisPlan &axis : axes) {
    if (axis.size == 1)
      continue;
    mesh.axes.push_back({axis.name, axis.size, placement::AxisKind::space});
    candidate.rules.push_back(axis.rule);
    ranks *= axis.size;
  }
  for (int64_t stage = 0; stage < stages; ++stage) {
    mesh.devices.resize(ranks);
    std::iota(mesh.devices.begin(), mesh.devices.end(), stage * ranks);
    candidate.stages.push_back(mesh);
  }
  return candidate;
}

/// How each axis of a mesh is connected: two meshes that agree in it differ in the order of names only.
std::multiset<std::pair<int64_t, std::set<machine::GroupShape>>> describeLinks(const PlanningProblem &problem,
                                                                               const placement::Mesh &mesh) {
  std::multiset<std::pair<int64_t, std::set<machine::GroupShape>>> links;
  int64_t ranks = placement::rankCount(mesh), inner = ranks;
  for (const placement::Axis &axis : mesh.axes) {
    if (axis.kind == placement::AxisKind::time)
      continue;
    inner /= axis.size;
    std::set<machine::GroupShape> shapes;
    for (int64_t first = 0; first < ranks; ++first) {
      if (first / inner % axis.size != 0)
        continue;
      std::vector<machine::DeviceId> group;
      for (int64_t i = 0; i < axis.size; ++i)
        group.push_back({static_cast<int32_t>(mesh.devices[first + i * inner])});
      shapes.insert(problem.machine->findGroupShape(group));
    }
    links.insert({axis.size, shapes});
  }
  return links;
}

/// All factorisations into at most two axes, most devices first.
std::vector<MeshCandidate> findFreeCandidates(const PlanningProblem &problem) {
  std::vector<MeshCandidate> candidates;
  int64_t available = problem.machine->deviceCount();
  for (int64_t devices = available; devices >= 1; --devices) {
    if (available % devices != 0)
      continue;
    candidates.push_back(makeCandidate(problem, {{"x", devices, AxisRule::any}}));
    std::set<std::multiset<std::pair<int64_t, std::set<machine::GroupShape>>>> seen;
    for (int64_t outer = 2; outer < devices; ++outer) {
      if (devices % outer != 0)
        continue;
      MeshCandidate candidate =
          makeCandidate(problem, {{"x", outer, AxisRule::any}, {"y", devices / outer, AxisRule::any}});
      if (seen.insert(describeLinks(problem, candidate.stages[0])).second)
        candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

FailureOr<std::vector<MeshCandidate>> findMegatron(const PlanningProblem &problem, StringRef settings) {
  std::map<std::string, int64_t> degrees{{"data", 1}, {"pipeline", 1}, {"tensor", 1}};
  bool isGiven = !settings.empty();
  SmallVector<StringRef> entries;
  settings.split(entries, ',', -1, false);
  for (StringRef entry : entries) {
    auto [name, value] = entry.split('=');
    auto degree = degrees.find(name.str());
    if (degree == degrees.end())
      return problem.function.emitError()
             << "E-PRESET: megatron has no setting '" << name << "'; it has tensor, pipeline and data";
    if (value.getAsInteger(10, degree->second) || degree->second < 1 || degree->second > machine::mostDevices)
      return problem.function.emitError() << "E-PRESET: '" << entry << "' is not a number of devices";
  }
  int64_t available = problem.machine->deviceCount();
  if (!isGiven)
    degrees["tensor"] = available;
  int64_t needed = multiplySaturated(multiplySaturated(degrees["data"], degrees["tensor"]), degrees["pipeline"]);
  if (needed > available)
    return problem.function.emitError() << "E-PRESET: tensor=" << degrees["tensor"]
                                        << ", pipeline=" << degrees["pipeline"] << ", data=" << degrees["data"]
                                        << " needs " << needed << " devices, the machine has " << available;
  if (degrees["pipeline"] > static_cast<int64_t>(problem.ops.size()))
    return problem.function.emitError() << "E-PRESET: " << degrees["pipeline"] << " stages for " << problem.ops.size()
                                        << " ops";
  return std::vector<MeshCandidate>{makeCandidate(
      problem, {{"data", degrees["data"], AxisRule::batch}, {"tensor", degrees["tensor"], AxisRule::model}},
      degrees["pipeline"])};
}

/// "x=2,y=4": one mesh, whose axes may cut anything.
FailureOr<std::vector<MeshCandidate>> findGivenMesh(const PlanningProblem &problem, StringRef settings) {
  std::vector<AxisPlan> axes;
  int64_t needed = 1;
  SmallVector<StringRef> entries;
  settings.split(entries, ',', -1, false);
  for (StringRef entry : entries) {
    auto [name, value] = entry.split('=');
    int64_t size = 0;
    bool isNew = llvm::none_of(axes, [&, &name = name](const AxisPlan &axis) { return axis.name == name; });
    if (name.empty() || name == "micro" || !isNew || value.getAsInteger(10, size) || size < 1 ||
        size > machine::mostDevices)
      return problem.function.emitError() << "E-PRESET: '" << entry << "' is not AXIS=DEVICES, each axis once";
    axes.push_back({name.str(), size, AxisRule::any});
    needed = multiplySaturated(needed, size);
  }
  if (axes.empty() || axes.size() > 2 || needed > problem.machine->deviceCount())
    return problem.function.emitError() << "E-PRESET: mesh:" << settings << " has " << axes.size() << " axes and needs "
                                        << needed << " devices; a mesh has one or two, the machine has "
                                        << problem.machine->deviceCount() << " devices";
  return std::vector<MeshCandidate>{makeCandidate(problem, axes)};
}

} // namespace

std::string describeMesh(const placement::Mesh &mesh) {
  std::string text;
  for (const placement::Axis &axis : mesh.axes)
    if (axis.kind == placement::AxisKind::space)
      text += (text.empty() ? "" : " x ") + axis.name + "=" + std::to_string(axis.size);
  return text.empty() ? "one device" : text;
}

std::vector<MeshCandidate> findBaselines(const PlanningProblem &problem) {
  int64_t available = problem.machine->deviceCount();
  return {makeCandidate(problem, {}), makeCandidate(problem, {{"data", available, AxisRule::batch}}),
          makeCandidate(problem, {{"tensor", available, AxisRule::model}})};
}

FailureOr<std::vector<MeshCandidate>> findCandidates(const PlanningProblem &problem) {
  auto [name, settings] = StringRef(problem.options.preset).split(':');
  if (name == "megatron")
    return findMegatron(problem, settings);
  if (name == "mesh")
    return findGivenMesh(problem, settings);
  if (!settings.empty())
    return problem.function.emitError() << "E-PRESET: preset '" << name << "' has no settings";
  if (name.empty() || name == "auto")
    return findFreeCandidates(problem);
  static constexpr StringRef kNames[] = {"single", "data", "tensor"};
  for (auto [known, candidate] : llvm::zip_equal(kNames, findBaselines(problem)))
    if (name == known)
      return std::vector<MeshCandidate>{candidate};
  return problem.function.emitError() << "E-PRESET: there is no preset '" << name
                                      << "'; there are single, data, tensor, megatron, mesh";
}

Picoseconds computeWholeTime(const PlanningProblem &problem, const OpInfo &op) {
  placement::Mesh mesh = placement::makeMesh({});
  placement::LoopAssignment loops(op.loops.size());
  std::optional<OpFigures> figures =
      computeFigures(problem, op, mesh, loops, {}, cost::MachinePrice(*problem.machine, *problem.cost));
  return figures ? figures->compute : 0;
}

/// Where cuts may be: in front of these ops.
static std::vector<size_t> findCutPositions(const PlanningProblem &problem, int count) {
  std::set<size_t> between;
  for (const RepeatedSegment &segment : problem.segments)
    for (size_t copy = 0; copy <= segment.count; ++copy)
      between.insert(segment.first + copy * segment.period);
  between.erase(0);
  between.erase(problem.ops.size());
  if (static_cast<int>(between.size()) + 1 < count)
    for (size_t op = 1; op < problem.ops.size(); ++op)
      between.insert(op);
  return {between.begin(), between.end()};
}

std::vector<int> cutStages(const PlanningProblem &problem, int count) {
  std::vector<Picoseconds> before{0};
  for (const OpInfo &op : problem.ops)
    before.push_back(before.back() + computeWholeTime(problem, op));
  std::vector<size_t> ends = count > 1 ? findCutPositions(problem, count) : std::vector<size_t>();
  ends.insert(ends.begin(), 0);
  ends.push_back(problem.ops.size());
  // best[s][e]: the least largest stage when the first s stages end at ends[e]. Ties: the earliest cut.
  size_t positions = ends.size();
  std::vector<std::vector<Picoseconds>> best(count + 1, std::vector<Picoseconds>(positions, kNever));
  std::vector<std::vector<size_t>> from(count + 1, std::vector<size_t>(positions, 0));
  best[0][0] = 0;
  for (int stage = 1; stage <= count; ++stage)
    for (size_t end = 1; end < positions; ++end)
      for (size_t begin = 0; begin < end; ++begin) {
        Picoseconds largest = std::max(best[stage - 1][begin], before[ends[end]] - before[ends[begin]]);
        if (largest < best[stage][end]) {
          best[stage][end] = largest;
          from[stage][end] = begin;
        }
      }
  std::vector<int> stageOf(problem.ops.size(), 0);
  for (size_t end = positions - 1, stage = count; stage > 0; --stage) {
    size_t begin = from[stage][end];
    std::fill(stageOf.begin() + ends[begin], stageOf.begin() + ends[end], stage - 1);
    end = begin;
  }
  return stageOf;
}

} // namespace partita::planner
