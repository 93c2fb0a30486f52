// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/placement/Attributes.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "llvm/ADT/STLExtras.h"
#include <set>

using namespace mlir;

namespace partita::placement {

Mesh toMesh(plan::MeshAttr mesh) {
  Mesh result;
  for (plan::AxisAttr axis : mesh.getAxes())
    result.axes.push_back({axis.getName().str(), axis.getSize(),
                           axis.getKind() == plan::AxisKind::time ? AxisKind::time : AxisKind::space});
  result.devices.assign(mesh.getDevices().begin(), mesh.getDevices().end());
  return result;
}

plan::MeshAttr toAttribute(MLIRContext *context, const Mesh &mesh) {
  SmallVector<plan::AxisAttr> axes;
  for (const Axis &axis : mesh.axes)
    axes.push_back(plan::AxisAttr::get(context, axis.name, axis.size,
                                       axis.kind == AxisKind::time ? plan::AxisKind::time : plan::AxisKind::space));
  return plan::MeshAttr::get(context, axes, mesh.devices);
}

PartialKind toPartialKind(plan::PartialKind kind) { return static_cast<PartialKind>(kind); }
PartialKind toPartialKind(ReductionKind kind) { return static_cast<PartialKind>(kind); }
plan::PartialKind toAttribute(PartialKind kind) { return static_cast<plan::PartialKind>(kind); }

// The three enums list the kinds in one order, so that conversion is a cast.
static_assert(static_cast<int>(plan::PartialKind::logicalOr) == static_cast<int>(PartialKind::logicalOr) &&
              static_cast<int>(ReductionKind::logicalOr) == static_cast<int>(PartialKind::logicalOr) &&
              static_cast<int>(plan::PartialKind::max) == static_cast<int>(PartialKind::max) &&
              static_cast<int>(ReductionKind::max) == static_cast<int>(PartialKind::max) &&
              static_cast<int>(plan::PartialKind::logicalAnd) == static_cast<int>(PartialKind::logicalAnd) &&
              static_cast<int>(ReductionKind::logicalAnd) == static_cast<int>(PartialKind::logicalAnd));

static std::optional<std::vector<DimSplit>> toSplits(ArrayRef<plan::DimSplitAttr> dims, const Mesh &mesh) {
  std::vector<DimSplit> result;
  for (plan::DimSplitAttr dim : dims) {
    DimSplit splits;
    for (plan::SplitAttr split : dim.getSplits()) {
      std::optional<int> axis = findAxis(mesh, split.getAxis().str());
      if (!axis)
        return std::nullopt;
      splits.push_back({*axis, split.getUnit()});
    }
    if (plan::WindowAttr window = dim.getWindow())
      splits.window = Window{window.getStride(), window.getLow(), window.getHigh(), window.getReach()};
    result.push_back(splits);
  }
  return result;
}

std::optional<Placement> toPlacement(plan::PlacementAttr placement, const Mesh &mesh) {
  std::optional<std::vector<DimSplit>> dims = toSplits(placement.getDims(), mesh);
  if (!dims)
    return std::nullopt;
  Placement result{*dims, {}};
  for (plan::PartialAttr entry : placement.getPartial()) {
    std::optional<int> axis = findAxis(mesh, entry.getAxis().str());
    if (!axis)
      return std::nullopt;
    result.partial[*axis] = toPartialKind(entry.getKind());
  }
  return result;
}

std::optional<LoopAssignment> toAssignment(plan::LoopsAttr loops, const Mesh &mesh) {
  return toSplits(loops.getLoops(), mesh);
}

static SmallVector<plan::DimSplitAttr> toAttributes(MLIRContext *context, const std::vector<DimSplit> &dims,
                                                    const Mesh &mesh) {
  SmallVector<plan::DimSplitAttr> result;
  for (const DimSplit &dim : dims) {
    SmallVector<plan::SplitAttr> splits;
    for (const Split &split : dim)
      splits.push_back(plan::SplitAttr::get(context, mesh.axes[split.axis].name, split.unit));
    plan::WindowAttr window;
    if (dim.window)
      window = plan::WindowAttr::get(context, dim.window->stride, dim.window->low, dim.window->high, dim.window->reach);
    result.push_back(plan::DimSplitAttr::get(context, splits, window));
  }
  return result;
}

plan::PlacementAttr toAttribute(MLIRContext *context, const Placement &placement, const Mesh &mesh) {
  // The attribute lists partial axes by name, the value by number.
  std::map<std::string, plan::PartialKind> byName;
  for (auto [axis, kind] : placement.partial)
    byName[mesh.axes[axis].name] = toAttribute(kind);
  SmallVector<plan::PartialAttr> partial;
  for (auto &[name, kind] : byName)
    partial.push_back(plan::PartialAttr::get(context, name, kind));
  return plan::PlacementAttr::get(context, toAttributes(context, placement.dims, mesh), partial);
}

plan::LoopsAttr toAttribute(MLIRContext *context, const LoopAssignment &assignment, const Mesh &mesh) {
  return plan::LoopsAttr::get(context, toAttributes(context, assignment, mesh));
}

Shape toShape(RankedTensorType global) {
  Shape shape;
  for (int64_t dim = 0; dim < global.getRank(); ++dim)
    shape.push_back(Extent(getDimBound(global, dim), global.isDynamicDim(dim)));
  return shape;
}

std::vector<Loop> toLoops(const LoopNest &nest) {
  std::vector<Loop> loops;
  for (const partita::Loop &loop : nest.loops) {
    Loop result{Extent(loop.extent, loop.symbolic), std::nullopt};
    if (loop.kind == LoopKind::reduction)
      result.reduction = toPartialKind(loop.reduction);
    result.isCompleted = loop.kind == LoopKind::expand;
    loops.push_back(result);
  }
  return loops;
}

std::vector<DimExpression> toDims(const ValueIndexing &indexing) {
  std::vector<DimExpression> dims;
  for (const partita::DimExpression &expression : indexing) {
    DimExpression dim;
    for (const DimTerm &term : expression)
      dim.terms.push_back({static_cast<int>(term.loop), term.coefficient});
    if (expression.window) {
      const WindowTerm &window = *expression.window;
      dim.window = Window{window.stride, window.low, window.high, window.reach};
      dim.extent = Extent(window.extent, window.symbolic);
    }
    dims.push_back(dim);
  }
  return dims;
}

int64_t getElementBytes(Type elementType) { return getElementBits(elementType) / 8; }

RankedTensorType getLocalType(RankedTensorType global, const Placement &placement, const Mesh &mesh) {
  SmallVector<int64_t> extents;
  Shape shape = toShape(global);
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    bool same = !shape[dim].symbolic && isEven(shape[dim], placement.dims[dim], mesh);
    extents.push_back(same ? boundOfLocalExtent(shape[dim], placement.dims[dim], mesh) : ShapedType::kDynamic);
  }
  MLIRContext *context = global.getContext();
  return RankedTensorType::get(extents, global.getElementType(),
                               plan::PartAttr::get(context, global, toAttribute(context, placement, mesh)));
}

//===--- What loops mean for an op ----------------------------------------===//

/// The axes over which some operand is partial must form one of the op's linear sets (or all of a moving op's
/// operands).
static std::optional<std::string> checkPartialFlow(const LoopNest &nest,
                                                   const std::vector<std::map<int, PartialKind>> &partialOperands,
                                                   std::map<int, PartialKind> &through) {
  std::map<int, std::set<unsigned>> byAxis;
  for (unsigned operand = 0; operand < partialOperands.size(); ++operand)
    for (auto [axis, kind] : partialOperands[operand]) {
      byAxis[axis].insert(operand);
      auto [entry, inserted] = through.emplace(axis, kind);
      if (!inserted && entry->second != kind)
        return "operands are partial with different kinds over one axis";
    }
  for (auto &[axis, operands] : byAxis) {
    bool linear = through[axis] == PartialKind::sum && llvm::any_of(nest.linearOperands, [&](const auto &set) {
                    return std::set<unsigned>(set.begin(), set.end()) == operands;
                  });
    bool moved = nest.movesElements && operands.size() == nest.operands.size();
    if (!linear && !moved)
      return "the op is not linear in the operands that are partial";
  }
  return std::nullopt;
}

static bool cuts(const DimSplit &splits, int axis) {
  return llvm::any_of(splits, [&](const Split &split) { return split.axis == axis; });
}

/// Whether the axis cuts two loops that may share one.
static bool isJoint(const LoopNest &nest, const LoopAssignment &assignment, int axis) {
  return llvm::any_of(nest.jointLoops, [&](auto pair) {
    return pair.first < assignment.size() && pair.second < assignment.size() && cuts(assignment[pair.first], axis) &&
           cuts(assignment[pair.second], axis);
  });
}

std::optional<unsigned> findExpandedLoop(const LoopNest &nest, const LoopAssignment &assignment) {
  for (auto [parallel, reduced] : nest.jointLoops)
    if (parallel < assignment.size() && reduced < assignment.size())
      for (const Split &split : assignment[reduced])
        if (cuts(assignment[parallel], split.axis))
          return reduced;
  for (unsigned loop = 0; loop < nest.loops.size() && loop < assignment.size(); ++loop)
    if (!assignment[loop].empty() && nest.loops[loop].kind == LoopKind::expand)
      return loop;
  return std::nullopt;
}

std::optional<OpPlacements> placeOp(const LoopNest &nest, const LoopAssignment &assignment, const Mesh &mesh,
                                    const std::vector<std::map<int, PartialKind>> &partialOperands,
                                    std::string *error) {
  if (std::optional<unsigned> loop = findExpandedLoop(nest, assignment)) {
    if (error)
      *error =
          "SPMD-7: loop '" + nest.loops[*loop].label + "' is split by expansion only: no single op computes a part";
    return std::nullopt;
  }
  return placeComposite(nest, assignment, mesh, partialOperands, error);
}

std::optional<OpPlacements> placeComposite(const LoopNest &nest, const LoopAssignment &assignment, const Mesh &mesh,
                                           const std::vector<std::map<int, PartialKind>> &partialOperands,
                                           std::string *error) {
  auto fail = [&](std::string text) -> std::optional<OpPlacements> {
    if (error)
      *error = std::move(text);
    return std::nullopt;
  };
  if (assignment.size() != nest.loops.size())
    return fail("SPMD-1: " + std::to_string(assignment.size()) + " loops are assigned, the op has " +
                std::to_string(nest.loops.size()));
  std::map<int, int> loopAxes;
  for (size_t loop = 0; loop < assignment.size(); ++loop) {
    if (!assignment[loop].empty() && nest.loops[loop].kind == LoopKind::whole)
      return fail("SPMD-1: loop '" + nest.loops[loop].label + "' cannot be split: " + nest.loops[loop].reason);
    for (const Split &split : assignment[loop])
      if (++loopAxes[split.axis] > (isJoint(nest, assignment, split.axis) ? 2 : 1))
        return fail("SPMD-1: axis '" + mesh.axes[split.axis].name + "' splits two loops");
  }
  std::map<int, PartialKind> through;
  if (auto problem = checkPartialFlow(nest, partialOperands, through))
    return fail("SPMD-2: " + *problem);
  for (auto [axis, kind] : through)
    if (loopAxes.count(axis))
      return fail("SPMD-2: axis '" + mesh.axes[axis].name + "' splits a loop and an operand is partial over it");

  std::vector<Loop> loops = toLoops(nest);
  // An expansion completes at once whatever its small ops leave partial.
  if (findExpandedLoop(nest, assignment))
    for (Loop &loop : loops)
      loop.isCompleted |= loop.reduction.has_value();
  OpPlacements placements;
  for (size_t operand = 0; operand < nest.operands.size(); ++operand) {
    std::optional<Placement> placement = placementOfOperand(toDims(nest.operands[operand]), loops, assignment, mesh);
    if (!placement)
      return fail("SPMD-3: the parts of operand " + std::to_string(operand) + " would not be boxes");
    if (operand < partialOperands.size())
      placement->partial = partialOperands[operand];
    placements.operands.push_back(*placement);
  }
  for (const ValueIndexing &result : nest.results) {
    std::optional<Placement> placement = placementOfResult(toDims(result), loops, assignment, mesh);
    if (!placement)
      return fail("SPMD-3: the parts of a result would not be boxes");
    for (auto [axis, kind] : through)
      placement->partial.emplace(axis, kind);
    for (auto [axis, kind] : placement->partial)
      if (kind != placement->partial.begin()->second)
        return fail("SPMD-2: the result would be partial with two kinds");
    placements.results.push_back(*placement);
  }
  return placements;
}

} // namespace partita::placement
