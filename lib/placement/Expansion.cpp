// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/placement/Expansion.h"
#include "partita/placement/Destinations.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/Sequence.h"

#include <set>

using namespace mlir;

namespace partita::placement {

std::unique_ptr<Expansion> Expansion::build(Operation *op, const LoopNest &nest) {
  if (!isa<DecomposableOpInterface>(op))
    return nullptr;
  std::unique_ptr<Expansion> expansion(new Expansion());
  for (Value operand : op->getOperands())
    expansion->block.addArgument(operand.getType(), op->getLoc());
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&expansion->block);
  Operation *twin = cloneWithTypes(builder, op, expansion->block.getArguments(), op->getResultTypes());
  for (NamedAttribute attribute : llvm::to_vector(twin->getDiscardableAttrs()))
    twin->removeDiscardableAttr(attribute.getName());
  expansion->results = cast<DecomposableOpInterface>(twin).decompose(builder);
  bool isLeftAsItIs = llvm::any_of(expansion->results, [&](Value value) { return value.getDefiningOp() == twin; });
  twin->erase();
  if (isLeftAsItIs)
    return nullptr;
  for (Operation &small : expansion->block) {
    auto split = dyn_cast<SplitOpInterface>(small);
    if (!split)
      return nullptr;
    expansion->ops.push_back({&small, split.getLoopNest(), {}});
  }
  if (expansion->results.size() != op->getNumResults())
    return nullptr;
  expansion->matchLoops(nest);
  return expansion;
}

Expansion::~Expansion() {
  block.dropAllReferences();
  block.clear();
}

//===--- Which loops are the same -----------------------------------------===//

namespace {
/// A loop of an op: its number in the expansion (-1: the composite), its number in the op, and its extent.
struct LoopOfOp {
  std::pair<int, unsigned> name;
  int64_t extent;
  bool symbolic;
};

/// The loops that walk each dim of a value, as one op says.
using Walks = std::vector<std::vector<LoopOfOp>>;

/// Finds loops that walk the same dims of the same values.
class LoopMatching {
public:
  void add(Value value, int op, const LoopNest &nest, const ValueIndexing &indexing) {
    Walks walks;
    for (const partita::DimExpression &dim : indexing) {
      walks.emplace_back();
      for (const DimTerm &term : dim)
        walks.back().push_back({{op, term.loop}, nest.loops[term.loop].extent, nest.loops[term.loop].symbolic});
    }
    for (const std::vector<LoopOfOp> &dim : walks)
      for (const LoopOfOp &loop : dim)
        classes.insert(loop.name);
    auto [known, isFirst] = walksOf.try_emplace(value, walks);
    if (!isFirst && known->second.size() == walks.size())
      for (auto [a, b] : llvm::zip(known->second, walks))
        unite(a, b);
  }

  /// For each loop of the op the loop of the composite that it is, or -1.
  std::vector<int> findLoops(int op, size_t count, size_t ofComposite) {
    std::vector<int> loops(count, -1);
    for (unsigned loop = 0; loop < count; ++loop)
      for (unsigned candidate = 0; candidate < ofComposite && loops[loop] < 0; ++candidate)
        if (classes.contains({op, loop}) && classes.contains({-1, candidate}) &&
            classes.isEquivalent({op, loop}, {-1, candidate}))
          loops[loop] = static_cast<int>(candidate);
    return loops;
  }

private:
  void unite(std::vector<LoopOfOp> a, std::vector<LoopOfOp> b) {
    auto isOne = [](const LoopOfOp &loop) { return loop.extent == 1 && !loop.symbolic; };
    // One op may walk a dim of one element by a loop where another uses none.
    if (a.size() != b.size()) {
      llvm::erase_if(a, isOne);
      llvm::erase_if(b, isOne);
    }
    bool areAlike = a.size() == b.size();
    for (size_t term = 0; term < a.size() && areAlike; ++term)
      areAlike = a[term].extent == b[term].extent && a[term].symbolic == b[term].symbolic;
    for (size_t term = 0; term < a.size() && areAlike; ++term)
      classes.unionSets(a[term].name, b[term].name);
  }

  llvm::EquivalenceClasses<std::pair<int, unsigned>> classes;
  llvm::DenseMap<Value, Walks> walksOf;
};
} // namespace

static bool canBeCut(const partita::Loop &loop) {
  return loop.kind == LoopKind::parallel || loop.kind == LoopKind::reduction;
}

static bool crosses(const SmallOp &small) { return small.op->hasAttr(kCrossesAttr); }

void Expansion::matchLoops(const LoopNest &nest) {
  LoopMatching matching;
  for (auto [argument, indexing] : llvm::zip(block.getArguments(), nest.operands))
    matching.add(argument, -1, nest, indexing);
  for (auto [result, indexing] : llvm::zip(results, nest.results))
    matching.add(result, -1, nest, indexing);
  for (auto [number, small] : llvm::enumerate(ops)) {
    for (auto [operand, indexing] : llvm::zip(small.op->getOperands(), small.nest.operands))
      if (!crosses(small))
        matching.add(operand, number, small.nest, indexing);
    for (auto [result, indexing] : llvm::zip(small.op->getResults(), small.nest.results))
      matching.add(result, number, small.nest, indexing);
  }
  for (auto [number, small] : llvm::enumerate(ops))
    small.loops = matching.findLoops(number, small.nest.loops.size(), nest.loops.size());
}

//===--- On a mesh --------------------------------------------------------===//

namespace {
class ExpansionPlacement {
public:
  ExpansionPlacement(Expansion &expansion, const LoopAssignment &assignment, const Mesh &mesh)
      : expansion(expansion), assignment(assignment), mesh(mesh) {}

  /// An error text, or nothing.
  std::optional<std::string> place(OpPlacements whole, ExpandedOp &placed) {
    for (auto [argument, placement] : llvm::zip(expansion.getArguments(), whole.operands))
      if (isa<RankedTensorType>(argument.getType()))
        copies[argument] = {canonical(argument, placement)};
    for (const SmallOp &small : expansion.getOps())
      if (auto problem = placeSmallOp(small, placed.steps.emplace_back()))
        return "SPMD-8: in '" + getModelName(small.op).str() + "' of the expansion: " + *problem;
    for (auto [result, placement] : llvm::zip(expansion.getResults(), whole.results))
      if (isa<RankedTensorType>(result.getType()) && copies[result].front() != canonical(result, placement))
        return std::string("SPMD-8: the expansion leaves its result elsewhere");
    placed.placements = std::move(whole);
    return std::nullopt;
  }

private:
  Placement canonical(Value value, const Placement &placement) const {
    return canonicalize(placement, toShape(cast<RankedTensorType>(value.getType())), mesh);
  }

  std::optional<std::string> placeSmallOp(const SmallOp &small, ExpansionStep &step) {
    for (auto [loop, info] : llvm::zip(small.loops, small.nest.loops))
      step.loops.push_back(loop >= 0 && canBeCut(info) ? assignment[loop] : DimSplit());
    followOperands(small, step.loops);
    std::string error;
    std::optional<OpPlacements> placements = placeOp(small.op, small.nest, step.loops, mesh, {}, &error);
    if (!placements)
      return error;
    for (auto [operand, placement] : llvm::zip(small.op->getOperands(), placements->operands)) {
      step.sources.emplace_back();
      if (!isa<RankedTensorType>(operand.getType()))
        continue;
      placement = canonical(operand, placement);
      std::optional<Placement> source = findSource(small, operand, placement);
      if (!source)
        return "it reads " + toString(placement, mesh) + " where there is " + toString(copies[operand].front(), mesh);
      step.sources.back() = *source;
    }
    for (auto [result, placement] : llvm::zip(small.op->getResults(), placements->results)) {
      step.completed.emplace_back();
      if (!isa<RankedTensorType>(result.getType()))
        continue;
      placement = canonical(result, placement);
      step.completed.back() = canonical(result, withoutPartial(placement));
      copies[result] = {step.completed.back()};
    }
    step.placements = std::move(*placements);
    return std::nullopt;
  }

  /// Loops that are none of the composite's are cut as the operands that they walk lie. What a crossing op reads may
  /// lie over axes that its own loops cut: these it gives up.
  void followOperands(const SmallOp &small, LoopAssignment &loops) {
    auto isFree = [&](size_t loop) { return small.loops[loop] < 0 && canBeCut(small.nest.loops[loop]); };
    if (llvm::none_of(llvm::seq<size_t>(0, loops.size()), isFree))
      return;
    std::set<int> used;
    for (const DimSplit &splits : loops)
      for (const Split &split : splits)
        used.insert(split.axis);
    std::vector<PlacedView> views;
    bool anyCut = false;
    for (auto [operand, indexing] : llvm::zip(small.op->getOperands(), small.nest.operands)) {
      if (!isa<RankedTensorType>(operand.getType()))
        continue;
      PlacedView view{toDims(indexing), copies[operand].front()};
      for (DimSplit &splits : view.placement.dims) {
        std::erase_if(splits, [&](const Split &split) { return crosses(small) && used.count(split.axis); });
        anyCut |= !splits.empty();
      }
      views.push_back(std::move(view));
    }
    std::optional<LoopAssignment> inferred = anyCut ? inferAssignment(toLoops(small.nest), views, mesh) : std::nullopt;
    for (size_t loop = 0; inferred && loop < loops.size(); ++loop)
      if (isFree(loop))
        for (const Split &split : (*inferred)[loop])
          if (!used.count(split.axis))
            loops[loop].push_back(split);
  }

  /// From where the operand comes to `wanted`: that itself if it is there.
  std::optional<Placement> findSource(const SmallOp &small, Value operand, const Placement &wanted) {
    std::vector<Placement> &known = copies[operand];
    if (llvm::is_contained(known, wanted))
      return wanted;
    std::optional<Step> step =
        classifyStep(toShape(cast<RankedTensorType>(operand.getType())), mesh, known.front(), wanted);
    // Later micro-batches cannot be waited for.
    auto waits = [&](int axis) { return mesh.axes[axis].kind == AxisKind::time && step->kind != StepKind::slice; };
    if (!crosses(small) || !step || llvm::any_of(step->axes, waits))
      return std::nullopt;
    known.push_back(wanted);
    return known.front();
  }

  Expansion &expansion;
  const LoopAssignment &assignment;
  const Mesh &mesh;
  /// Where each value is when it is read; the first is where it was made.
  llvm::DenseMap<Value, std::vector<Placement>> copies;
};
} // namespace

std::optional<ExpandedOp> placeExpansion(Expansion &expansion, const LoopNest &nest, const LoopAssignment &assignment,
                                         const Mesh &mesh,
                                         const std::vector<std::map<int, PartialKind>> &partialOperands,
                                         std::string *error) {
  auto fail = [&](std::string text) -> std::optional<ExpandedOp> {
    if (error)
      *error = std::move(text);
    return std::nullopt;
  };
  for (const std::map<int, PartialKind> &partial : partialOperands)
    if (!partial.empty())
      return fail("SPMD-8: an op that is split by expansion reads no partial values");
  for (size_t loop = 0; loop < nest.loops.size() && loop < assignment.size(); ++loop) {
    bool isJoined = llvm::any_of(nest.jointLoops, [&](auto pair) { return pair.second == loop; });
    for (const Split &split : assignment[loop])
      if ((nest.loops[loop].kind == LoopKind::expand || isJoined) && mesh.axes[split.axis].kind == AxisKind::time)
        return fail("SPMD-8: loop '" + nest.loops[loop].label + "' needs all micro-batches at once");
  }
  std::optional<OpPlacements> whole = placeComposite(nest, assignment, mesh, {}, error);
  if (!whole)
    return std::nullopt;
  ExpandedOp placed;
  if (auto problem = ExpansionPlacement(expansion, assignment, mesh).place(std::move(*whole), placed))
    return fail(*problem);
  return placed;
}

std::optional<OpPlacements> placePlannedOp(Operation *op, const LoopNest &nest, const LoopAssignment &assignment,
                                           const Mesh &mesh,
                                           const std::vector<std::map<int, PartialKind>> &partialOperands,
                                           std::string *error) {
  if (!findExpandedLoop(nest, assignment))
    return placeOp(op, nest, assignment, mesh, partialOperands, error);
  std::unique_ptr<Expansion> expansion = Expansion::build(op, nest);
  if (!expansion) {
    if (error)
      *error = "SPMD-8: the op does not say what it is made of";
    return std::nullopt;
  }
  std::optional<ExpandedOp> placed = placeExpansion(*expansion, nest, assignment, mesh, partialOperands, error);
  return placed ? std::optional(placed->placements) : std::nullopt;
}

} // namespace partita::placement
