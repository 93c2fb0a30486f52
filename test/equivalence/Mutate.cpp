// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Mutate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "partita/dialects/collective/Collective.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/partition/Partition.h"

using namespace mlir;

namespace partita::test {

namespace {

class Mutator {
public:
  Mutator(ModuleOp program, std::mt19937_64 &random)
      : program(program), context(program.getContext()), random(random) {}

  std::string run(Mutation mutation) {
    switch (mutation) {
    case Mutation::dropStep:
      return dropStep();
    case Mutation::changeAxes:
      return changeAxes();
    case Mutation::changeSplit:
      return changeType(/*partial=*/false);
    case Mutation::changePartial:
      return changeType(/*partial=*/true);
    case Mutation::changeLoops:
      return changeLoops();
    case Mutation::swapOperands:
      return swapOperands();
    case Mutation::changeKind:
      return changeKind();
    case Mutation::shiftSlice:
      return shiftSlice();
    case Mutation::dropEvent:
    case Mutation::swapEvents:
    case Mutation::changeBatch:
      return changeEvents(mutation);
    }
    return "";
  }

private:
  template <typename T> T pick(ArrayRef<T> candidates) {
    return candidates.empty() ? T() : candidates[random() % candidates.size()];
  }

  Operation *pickOp(llvm::function_ref<bool(Operation *)> wanted) {
    SmallVector<Operation *> found;
    program.walk([&](Operation *op) {
      if (wanted(op))
        found.push_back(op);
    });
    return pick<Operation *>(found);
  }

  static std::string describe(Operation *op) {
    return (op->getName().getStringRef() + " '" + getModelName(op) + "'").str();
  }

  std::string dropStep() {
    Operation *op = pickOp([](Operation *op) { return collective::isStep(op); });
    if (!op)
      return "";
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    return "users of " + describe(op) + " read its operand";
  }

  /// Another axis of the op's mesh.
  StringAttr otherAxis(Operation *op, StringRef axis) {
    plan::StageOp stage = collective::getStage(op);
    SmallVector<StringAttr> others;
    for (plan::AxisAttr candidate : stage.getMesh().getAxes())
      if (candidate.getName() != axis)
        others.push_back(StringAttr::get(context, candidate.getName()));
    return pick<StringAttr>(others);
  }

  std::string changeAxes() {
    Operation *op = pickOp(
        [](Operation *op) { return collective::isStep(op) && !cast<ArrayAttr>(*op->getInherentAttr("axes")).empty(); });
    if (!op)
      return "";
    auto axes = cast<ArrayAttr>(*op->getInherentAttr("axes"));
    StringAttr other = otherAxis(op, cast<StringAttr>(axes[0]).getValue());
    SmallVector<Attribute> changed(axes.begin(), axes.end());
    if (other)
      changed[0] = other;
    else
      changed.clear();
    op->setInherentAttr(StringAttr::get(context, "axes"), ArrayAttr::get(context, changed));
    return describe(op) + " names other axes";
  }

  std::string changeType(bool partial) {
    Operation *op = pickOp([&](Operation *op) {
      plan::PartAttr part = op->getNumResults() == 1 ? plan::getPart(op->getResult(0).getType()) : plan::PartAttr();
      return part && (partial ? part.getPlacement().isPartial() : hasSplit(part.getPlacement()));
    });
    if (!op)
      return "";
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    plan::PartAttr part = plan::getPart(type);
    plan::PlacementAttr changed = partial ? changePartial(part.getPlacement()) : changeSplit(op, part.getPlacement());
    if (!changed || isSamePlacement(op, part.getGlobal(), changed, part.getPlacement()))
      return "";
    op->getResult(0).setType(RankedTensorType::get(type.getShape(), type.getElementType(),
                                                   plan::PartAttr::get(context, part.getGlobal(), changed)));
    return "the result of " + describe(op) + " claims another placement";
  }

  /// Whether two placements mean the same boxes: a unit that changes no boundary is no fault.
  static bool isSamePlacement(Operation *op, RankedTensorType global, plan::PlacementAttr a, plan::PlacementAttr b) {
    placement::Mesh mesh = placement::toMesh(collective::getStage(op).getMesh());
    placement::Shape shape = placement::toShape(global);
    return placement::canonicalize(*placement::toPlacement(a, mesh), shape, mesh) ==
           placement::canonicalize(*placement::toPlacement(b, mesh), shape, mesh);
  }

  /// What an op's loops mean for its results, in canonical form; empty when they mean nothing.
  static std::vector<placement::Placement> meaningOf(Operation *op) {
    placement::Mesh mesh = placement::toMesh(collective::getStage(op).getMesh());
    FailureOr<LoopNest> nest = partition::getGlobalLoopNest(op);
    auto loops = op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr);
    auto placed = placement::placeOp(*nest, *placement::toAssignment(loops, mesh), mesh, {});
    std::vector<placement::Placement> meaning;
    auto add = [&](const std::vector<placement::Placement> &placements, TypeRange types) {
      for (auto [placement, type] : llvm::zip(placements, types))
        meaning.push_back(
            placement::canonicalize(placement, placement::toShape(plan::getPart(type).getGlobal()), mesh));
    };
    if (placed) {
      add(placed->operands, op->getOperandTypes());
      add(placed->results, op->getResultTypes());
    }
    return meaning;
  }

  static bool hasSplit(plan::PlacementAttr placement) {
    return llvm::any_of(placement.getDims(), [](plan::DimSplitAttr dim) { return !dim.getSplits().empty(); });
  }

  plan::PlacementAttr changePartial(plan::PlacementAttr placement) {
    SmallVector<plan::PartialAttr> partial(placement.getPartial());
    if (random() % 2)
      partial.pop_back();
    else
      partial[0] = plan::PartialAttr::get(context, partial[0].getAxis(),
                                          partial[0].getKind() == plan::PartialKind::sum ? plan::PartialKind::max
                                                                                         : plan::PartialKind::sum);
    return plan::PlacementAttr::get(context, placement.getDims(), partial);
  }

  plan::PlacementAttr changeSplit(Operation *op, plan::PlacementAttr placement) {
    SmallVector<plan::DimSplitAttr> dims(placement.getDims());
    SmallVector<size_t> split;
    for (size_t dim = 0; dim < dims.size(); ++dim)
      if (!dims[dim].getSplits().empty())
        split.push_back(dim);
    size_t dim = pick<size_t>(split);
    SmallVector<plan::SplitAttr> splits(dims[dim].getSplits());
    // A halo one element off, too large or too small.
    if (plan::WindowAttr window = dims[dim].getWindow(); window && random() % 2) {
      int64_t more = random() % 2 ? 1 : -1, which = random() % 3;
      auto wrong =
          plan::WindowAttr::get(context, window.getStride(), window.getLow() + (which == 0 ? more : 0),
                                window.getHigh() + (which == 1 ? more : 0), window.getReach() + (which == 2 ? 1 : 0));
      dims[dim] = plan::DimSplitAttr::get(context, splits, wrong);
      return plan::PlacementAttr::get(context, dims, placement.getPartial());
    }
    switch (random() % 3) {
    case 0: // another unit
      splits[0] = plan::SplitAttr::get(context, splits[0].getAxis(), splits[0].getUnit() + 1);
      break;
    case 1: // another dim
      if (dims.size() < 2)
        return {};
      std::swap(dims[dim], dims[(dim + 1) % dims.size()]);
      return plan::PlacementAttr::get(context, dims, placement.getPartial());
    default: // not split at all
      splits.pop_back();
    }
    dims[dim] = plan::DimSplitAttr::get(context, splits);
    return plan::PlacementAttr::get(context, dims, placement.getPartial());
  }

  std::string changeLoops() {
    Operation *op = pickOp([](Operation *op) {
      auto loops = op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr);
      return loops && loops.getLoops().size() > 1 &&
             llvm::any_of(loops.getLoops(), [](plan::DimSplitAttr loop) { return !loop.getSplits().empty(); });
    });
    if (!op)
      return "";
    SmallVector<plan::DimSplitAttr> loops(op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr).getLoops());
    std::rotate(loops.begin(), loops.begin() + 1, loops.end());
    auto changed = plan::LoopsAttr::get(context, loops);
    if (changed == op->getAttr(plan::kLoopsAttr))
      return "";
    std::vector<placement::Placement> before = meaningOf(op);
    op->setAttr(plan::kLoopsAttr, changed);
    return meaningOf(op) == before ? "" : describe(op) + " claims other loops";
  }

  std::string swapOperands() {
    Operation *op = pickOp([](Operation *op) {
      return isa<SplitOpInterface>(op) && op->getNumOperands() >= 2 && op->getOperand(0) != op->getOperand(1) &&
             op->getOperand(0).getType() == op->getOperand(1).getType();
    });
    if (!op)
      return "";
    Value first = op->getOperand(0);
    op->setOperand(0, op->getOperand(1));
    op->setOperand(1, first);
    return describe(op) + " has its operands swapped";
  }

  std::string changeKind() {
    Operation *op = pickOp([](Operation *op) {
      if (auto elementwise = dyn_cast<graph::ElementwiseOp>(op))
        return elementwise.getKind() == graph::ElementwiseKind::add ||
               elementwise.getKind() == graph::ElementwiseKind::mul;
      return isa<graph::ReduceOp>(op);
    });
    if (!op)
      return "";
    if (auto elementwise = dyn_cast<graph::ElementwiseOp>(op))
      elementwise.setKind(graph::ElementwiseKind::sub);
    else if (auto reduce = cast<graph::ReduceOp>(op); reduce.getKind() == graph::ReduceKind::sum)
      reduce.setKind(graph::ReduceKind::max);
    else
      reduce.setKind(graph::ReduceKind::sum);
    return describe(op) + " computes something else";
  }

  std::string shiftSlice() {
    auto op = dyn_cast_or_null<graph::SliceOp>(pickOp([](Operation *op) { return isa<graph::SliceOp>(op); }));
    if (!op)
      return "";
    SmallVector<int64_t> starts(op.getStarts());
    starts[random() % starts.size()] += random() % 2 ? 1 : -1;
    op.setStarts(starts);
    return describe(op) + " begins elsewhere";
  }

  std::string changeEvents(Mutation mutation) {
    auto table = *program.getOps<collective::ProgramOp>().begin();
    SmallVector<Attribute> lists(table.getEvents().begin(), table.getEvents().end());
    size_t chosen = random() % lists.size();
    auto list = cast<collective::EventListAttr>(lists[chosen]);
    SmallVector<collective::EventAttr> events(list.getEvents());
    size_t at = random() % events.size();
    if (mutation == Mutation::dropEvent) {
      // A random plan may leave a stage without ops; leaving it out changes nothing.
      auto stage = program.lookupSymbol<func::FuncOp>((events[at].getTarget().getValue() + "_forward").str());
      if (stage && llvm::hasSingleElement(stage.getBody().front()))
        return "";
      events.erase(events.begin() + at);
    } else if (mutation == Mutation::swapEvents) {
      if (at + 1 == events.size())
        return "";
      std::swap(events[at], events[at + 1]);
    } else {
      collective::EventAttr event = events[at];
      events[at] = collective::EventAttr::get(context, event.getKind(), event.getTarget(), event.getMicroBatch() + 1,
                                              event.getSlot(), event.getVersion());
    }
    lists[chosen] = collective::EventListAttr::get(context, list.getDevices(), events);
    table.setEventsAttr(ArrayAttr::get(context, lists));
    std::string text;
    llvm::raw_string_ostream(text) << list.getEvents()[at];
    return text + " of list " + std::to_string(chosen);
  }

  ModuleOp program;
  MLIRContext *context;
  std::mt19937_64 &random;
};

} // namespace

StringRef getName(Mutation mutation) {
  static const char *const kNames[] = {"drop step",    "change axes",   "change split", "change partial",
                                       "change loops", "swap operands", "change kind",  "shift slice",
                                       "drop event",   "swap events",   "change batch"};
  return kNames[static_cast<unsigned>(mutation)];
}

std::string mutate(ModuleOp program, Mutation mutation, std::mt19937_64 &random) {
  return Mutator(program, random).run(mutation);
}

} // namespace partita::test
