// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- OpFigures.cpp - What one op costs under its loops ---------------------------===//
#include "OpFigures.h"

#include "partita/placement/Destinations.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace mlir;

namespace partita::planner {

using placement::LoopAssignment;
using placement::PartialKind;
using placement::Placement;

using Extents = SmallVector<int64_t>;

std::shared_ptr<ExpansionInfo> readExpansion(const OpInfo &op) {
  bool mayExpand = !op.nest.jointLoops.empty() ||
                   llvm::any_of(op.nest.loops, [](const Loop &loop) { return loop.kind == LoopKind::expand; });
  if (!mayExpand)
    return nullptr;
  auto info = std::make_shared<ExpansionInfo>();
  info->expansion = placement::Expansion::build(op.op, op.nest);
  if (!info->expansion)
    return nullptr;
  llvm::DenseMap<Value, int> numbers;
  auto add = [&](Value value) {
    numbers[value] = info->values.size();
    info->values.push_back(describeValue(value, ValueKind::made, op.name));
    return numbers[value];
  };
  for (Value argument : info->expansion->getArguments())
    add(argument);
  for (const placement::SmallOp &small : info->expansion->getOps()) {
    OpInfo part = describeOp(small.op, small.nest);
    for (Value operand : small.op->getOperands())
      part.operands.push_back(numbers.lookup(operand));
    for (Value result : small.op->getResults())
      part.results.push_back(add(result));
    info->ops.push_back(std::move(part));
  }
  for (Value result : info->expansion->getResults())
    info->results.push_back(numbers.lookup(result));
  return info;
}

void addStep(const ValueInfo &value, const placement::Mesh &mesh, const placement::Step &step, const Placement &from,
             const Placement &to, const placement::CommunicationPrice &price, Picoseconds &communication,
             std::map<std::string, Traffic> &traffic) {
  placement::StepDescription description =
      placement::describeStep(step, value.shape, value.elementBytes, mesh, from, to);
  // The program of a stage runs once for each micro-batch.
  int64_t executions = placement::timeCount(mesh);
  // Time is that of the rows expected, bytes are a bound.
  placement::StepDescription expected = description;
  if (value.expectedShare < 1.0)
    for (int64_t placement::StepDescription::*bytes :
         {&placement::StepDescription::sourceBytes, &placement::StepDescription::resultBytes,
          &placement::StepDescription::busiestBytes})
      expected.*bytes = static_cast<int64_t>(std::ceil(static_cast<double>(expected.*bytes) * value.expectedShare));
  communication += multiplySaturated(toPicoseconds(price.seconds(expected)), executions);
  if (placement::isLocal(step.kind))
    return;
  // "all-reduce" is all_reduce in per-device programs.
  std::string name = placement::toString(step.kind);
  std::replace(name.begin(), name.end(), '-', '_');
  traffic[name].count += executions;
  traffic[name].bytes += executions * description.busiestBytes;
}

//===--- Kernels ------------------------------------------------------------------===//

bool isFree(const cost::Computation &kernel) { return kernel.unit == cost::Unit::Movement && kernel.operations == 0; }

static Picoseconds timeKernel(const PlanningProblem &problem, const cost::Computation &kernel,
                              const placement::Mesh &mesh) {
  if (isFree(kernel))
    return 0;
  std::set<int32_t> types;
  Seconds slowest;
  for (int64_t device : mesh.devices)
    if (machine::DeviceId id{static_cast<int32_t>(device)}; types.insert(problem.machine->typeIdOf(id).value).second)
      slowest = std::max(slowest, problem.cost->computeSeconds(kernel, problem.machine->typeOf(id)));
  return multiplySaturated(toPicoseconds(slowest.value), placement::timeCount(mesh));
}

/// Products are kernels of their own, and another shape of the same elements is none; the rest is fused.
static bool isFusible(const OpInfo &op) {
  if (op.work == WorkKind::matrix || op.work == WorkKind::attention)
    return false;
  SmallVector<int64_t> ones(op.nest.loops.size(), 1);
  return !isFree(describeKernel(op, ones, 0, 0));
}

namespace {
/// The small ops [first, last) as kernels. `extents` by op, `bytes` by value, `moved` by op and value: those of what
/// was brought to the op.
using MovedBytes = std::map<std::pair<size_t, int>, int64_t>;
class KernelFusion {
public:
  KernelFusion(const ExpansionInfo &info, ArrayRef<Extents> extents, ArrayRef<int64_t> bytes, const MovedBytes &moved)
      : info(info), extents(extents), bytes(bytes), moved(moved) {}

  std::vector<cost::Computation> fuse(size_t first, size_t last) const {
    std::vector<cost::Computation> kernels;
    cost::Computation rows;
    std::map<int, int64_t> read;
    std::set<int> written;
    for (size_t op = first; op < last; ++op) {
      if (!isFusible(info.ops[op])) {
        kernels.push_back(describeAlone(op));
        continue;
      }
      cost::Computation own = describeKernel(info.ops[op], extents[op], 0, 0);
      if (own.unit == cost::Unit::Vector) {
        rows.elementType = own.elementType;
        rows.operations += own.operations;
      }
      for (int operand : info.ops[op].operands)
        if (!isFused(operand, first, last))
          read[operand] = std::max(read[operand], bytesRead(op, operand));
      for (int result : info.ops[op].results)
        if (isKept(result, first, last))
          written.insert(result);
    }
    for (auto [value, size] : read)
      rows.read.value += size;
    for (int value : written)
      rows.written.value += bytes[value];
    if (rows.operations > 0)
      kernels.push_back(rows);
    return kernels;
  }

  /// Whether a value of these small ops lies in memory: it leaves its kernel.
  bool isKept(int value, size_t first, size_t last) const {
    std::optional<size_t> made = findMaker(value);
    if (!made || !isFusible(info.ops[*made]) || llvm::is_contained(info.results, value))
      return true;
    for (size_t op = 0; op < info.ops.size(); ++op)
      if (llvm::is_contained(info.ops[op].operands, value) && (op < first || op >= last || !isFusible(info.ops[op])))
        return true;
    return false;
  }

private:
  std::optional<size_t> findMaker(int value) const {
    for (size_t op = 0; op < info.ops.size(); ++op)
      if (llvm::is_contained(info.ops[op].results, value))
        return op;
    return std::nullopt;
  }

  /// Made by the kernel that reads it.
  bool isFused(int value, size_t first, size_t last) const {
    std::optional<size_t> made = findMaker(value);
    return made && *made >= first && *made < last && isFusible(info.ops[*made]);
  }

  int64_t bytesRead(size_t op, int value) const {
    auto found = moved.find({op, value});
    return found == moved.end() ? bytes[value] : found->second;
  }

  cost::Computation describeAlone(size_t op) const {
    int64_t read = 0, written = 0;
    for (int operand : std::set<int>(info.ops[op].operands.begin(), info.ops[op].operands.end()))
      read += bytesRead(op, operand);
    for (int result : info.ops[op].results)
      written += bytes[result];
    return describeKernel(info.ops[op], extents[op], read, written);
  }

  const ExpansionInfo &info;
  ArrayRef<Extents> extents;
  ArrayRef<int64_t> bytes;
  const MovedBytes &moved;
};
} // namespace

static int64_t countWholeBytes(const ValueInfo &value) {
  int64_t bytes = value.isScalar ? 0 : value.elementBytes;
  for (const placement::Extent &extent : value.shape)
    bytes = multiplySaturated(bytes, extent.bound);
  return bytes;
}

static Extents wholeExtents(const OpInfo &op) {
  Extents extents;
  for (const Loop &loop : op.nest.loops)
    extents.push_back(loop.extent);
  return extents;
}

std::vector<cost::Computation> listWholeKernels(const PlanningProblem &problem, const OpInfo &op) {
  int64_t read = 0, written = 0;
  for (int operand : std::set<int>(op.operands.begin(), op.operands.end()))
    read += countWholeBytes(problem.values[operand]);
  for (int result : op.results)
    written += countWholeBytes(problem.values[result]);
  return {describeKernel(op, wholeExtents(op), read, written)};
}

std::vector<cost::Computation> listExpandedKernels(const OpInfo &op) {
  if (!op.expansion)
    return {};
  std::vector<Extents> extents;
  std::vector<int64_t> bytes;
  for (const OpInfo &small : op.expansion->ops)
    extents.push_back(wholeExtents(small));
  for (const ValueInfo &value : op.expansion->values)
    bytes.push_back(countWholeBytes(value));
  return KernelFusion(*op.expansion, extents, bytes, {}).fuse(0, op.expansion->ops.size());
}

//===--- An op as it is -----------------------------------------------------------===//

static int64_t countLocalBytes(const ValueInfo &value, const Placement &placement, const placement::Mesh &mesh) {
  return value.isScalar ? 0 : placement::boundOfLocalElements(value.shape, placement, mesh) * value.elementBytes;
}

static Extents localExtents(const OpInfo &op, const LoopAssignment &loops, const placement::Mesh &mesh) {
  Extents extents;
  for (auto [loop, splits] : llvm::zip(op.loops, loops))
    extents.push_back(placement::boundOfLocalExtent(loop.extent, splits, mesh));
  return extents;
}

static Picoseconds timeOp(const PlanningProblem &problem, const OpInfo &op, const placement::Mesh &mesh,
                          const LoopAssignment &loops, const placement::OpPlacements &placements) {
  int64_t read = 0, written = 0;
  std::set<std::pair<int, Placement>> distinct;
  for (auto [value, placement] : llvm::zip(op.operands, placements.operands))
    if (distinct.insert({value, placement}).second)
      read += countLocalBytes(problem.values[value], placement, mesh);
  for (auto [value, placement] : llvm::zip(op.results, placements.results))
    written += countLocalBytes(problem.values[value], placement, mesh);
  return timeKernel(problem, describeKernel(op, localExtents(op, loops, mesh), read, written), mesh);
}

//===--- An op by its expansion ---------------------------------------------------===//

namespace {
class ExpansionFigures {
public:
  ExpansionFigures(const PlanningProblem &problem, const ExpansionInfo &info, const placement::ExpandedOp &placed,
                   const placement::Mesh &mesh, const placement::CommunicationPrice &price)
      : problem(problem), info(info), placed(placed), mesh(mesh), price(price), bytes(info.values.size()) {}

  OpFigures compute() {
    figures.placements = placed.placements;
    for (auto [argument, placement] : llvm::enumerate(placed.placements.operands))
      bytes[argument] = countLocalBytes(info.values[argument], placement, mesh);
    for (auto [op, step] : llvm::zip(info.ops, placed.steps)) {
      extents.push_back(localExtents(op, step.loops, mesh));
      for (auto [result, placement] : llvm::zip(op.results, step.placements.results))
        bytes[result] = countLocalBytes(info.values[result], placement, mesh);
    }
    size_t first = 0;
    for (size_t op = 0; op < info.ops.size(); ++op) {
      if (isBroughtTo(op)) {
        addPhase(first, op);
        addMoves(op);
        first = op;
      }
      if (communicates(op) || op + 1 == info.ops.size()) {
        addPhase(first, op + 1);
        first = op + 1;
      }
    }
    return std::move(figures);
  }

private:
  bool communicates(size_t op) const {
    return llvm::any_of(llvm::zip(placed.steps[op].placements.results, placed.steps[op].completed),
                        [](auto pair) { return std::get<0>(pair) != std::get<1>(pair); });
  }

  bool isBroughtTo(size_t op) const { return placed.steps[op].sources != placed.steps[op].placements.operands; }

  /// What is brought to a small op before it runs.
  void addMoves(size_t op) {
    const placement::ExpansionStep &step = placed.steps[op];
    for (auto [value, from, to] : llvm::zip(info.ops[op].operands, step.sources, step.placements.operands)) {
      if (info.values[value].isScalar)
        continue;
      int64_t size = countLocalBytes(info.values[value], to, mesh);
      moved[{op, value}] = size;
      if (from == to || !live.insert({{value, to}, size}).second)
        continue;
      if (auto found = placement::classifyStep(info.values[value].shape, mesh, from, to))
        addStep(info.values[value], mesh, *found, from, to, price, figures.communication, figures.traffic);
    }
    countScratch(0);
  }

  void countScratch(int64_t more) {
    for (const auto &[copy, size] : live)
      more += size;
    figures.scratch = std::max(figures.scratch, more);
  }

  /// Small ops up to a collective, and the collective that completes the last of them.
  void addPhase(size_t first, size_t last) {
    if (first == last)
      return;
    KernelFusion fusion(info, extents, bytes, moved);
    for (const cost::Computation &kernel : fusion.fuse(first, last))
      figures.compute += timeKernel(problem, kernel, mesh);
    for (size_t op = first; op < last; ++op)
      for (auto [result, placement] : llvm::zip(info.ops[op].results, placed.steps[op].completed))
        if (fusion.isKept(result, first, last) && !llvm::is_contained(info.results, result))
          live[{result, placement}] = bytes[result];
    int64_t partial = 0;
    const placement::ExpansionStep &step = placed.steps[last - 1];
    for (auto [result, made, completed] :
         llvm::zip(info.ops[last - 1].results, step.placements.results, step.completed)) {
      if (made == completed)
        continue;
      partial += bytes[result];
      if (auto found = placement::classifyStep(info.values[result].shape, mesh, made, completed))
        addStep(info.values[result], mesh, *found, made, completed, price, figures.communication, figures.traffic);
    }
    countScratch(partial);
    // What no later op reads is gone.
    std::erase_if(live, [&](const auto &entry) {
      return std::none_of(info.ops.begin() + last, info.ops.end(),
                          [&](const OpInfo &op) { return llvm::is_contained(op.operands, entry.first.first); });
    });
  }

  const PlanningProblem &problem;
  const ExpansionInfo &info;
  const placement::ExpandedOp &placed;
  const placement::Mesh &mesh;
  const placement::CommunicationPrice &price;
  std::vector<int64_t> bytes;
  std::vector<Extents> extents;
  MovedBytes moved;
  /// Bytes of what lies in memory, by value and where.
  std::map<std::pair<int, Placement>, int64_t> live;
  OpFigures figures;
};
} // namespace

std::optional<OpFigures> computeFigures(const PlanningProblem &problem, const OpInfo &op, const placement::Mesh &mesh,
                                        const LoopAssignment &loops,
                                        const std::vector<std::map<int, PartialKind>> &partialOperands,
                                        const placement::CommunicationPrice &price, std::string *error) {
  if (op.expansion && placement::findExpandedLoop(op.nest, loops)) {
    std::optional<placement::ExpandedOp> placed =
        placement::placeExpansion(*op.expansion->expansion, op.nest, loops, mesh, partialOperands, error);
    return placed ? std::optional(ExpansionFigures(problem, *op.expansion, *placed, mesh, price).compute())
                  : std::nullopt;
  }
  std::optional<placement::OpPlacements> placements =
      placement::placeOp(op.op, op.nest, loops, mesh, partialOperands, error);
  if (!placements)
    return std::nullopt;
  OpFigures figures;
  figures.compute = timeOp(problem, op, mesh, loops, *placements);
  figures.placements = std::move(*placements);
  return figures;
}

} // namespace partita::planner
