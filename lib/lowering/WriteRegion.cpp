// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel region as one parallel loop: every member once more, on the parts that belong to a tile.
#include "KernelRegion.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

/// The same interval of each of several dims.
struct Part {
  SmallVector<OpFoldResult> offsets, sizes;
  bool isWhole = true;

  void append(OpFoldResult offset, OpFoldResult size, bool isCut) {
    offsets.push_back(offset);
    sizes.push_back(size);
    isWhole &= !isCut;
  }
};

class RegionWriter {
public:
  RegionWriter(RewriterBase &rewriter, const KernelRegion &region) : rewriter(rewriter), region(region) {}

  void run() {
    for (auto &[op, ties] : region.getMembers())
      members.push_back(op);
    llvm::sort(members, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    SmallVector<Operation *> later = *region.findLaterOps();
    results = region.findResults();
    findHomes();
    location = rewriter.getFusedLoc(llvm::map_to_vector(members, [](Operation *op) { return op->getLoc(); }));
    rewriter.setInsertionPointAfter(members.back());
    createLoop();
    rewriter.setInsertionPoint(loop.getTerminator());
    findTile();
    for (Operation *op : members)
      isReshape(op) ? writeReshape(op) : writeOp(cast<linalg::LinalgOp>(op));
    writeResults();
    replaceMembers(later);
  }

private:
  void createLoop() {
    SmallVector<OpFoldResult> begin, end, step;
    for (const RegionAxis &axis : region.getAxes()) {
      if (!isCut(axis))
        continue;
      begin.push_back(rewriter.getIndexAttr(0));
      end.push_back(axis.extent);
      step.push_back(rewriter.getIndexAttr(axis.tile));
    }
    SmallVector<Value> outputs;
    for (Value result : results)
      outputs.push_back(tensor::EmptyOp::create(rewriter, location, sizesOf(rewriter, result),
                                                getElementTypeOrSelf(result.getType())));
    loop = scf::ForallOp::create(rewriter, location, begin, end, step, outputs, std::nullopt);
  }

  static bool isCut(const RegionAxis &axis) { return axis.isActive && axis.tile > 0 && axis.tile < axis.bound; }

  OpFoldResult apply(AffineExpr expression, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(rewriter, location, expression, operands);
  }
  AffineExpr symbol(unsigned number) { return rewriter.getAffineSymbolExpr(number); }

  /// Where the tile lies on every axis.
  void findTile() {
    unsigned cut = 0;
    for (const RegionAxis &axis : region.getAxes()) {
      if (!isCut(axis)) {
        tile.append(rewriter.getIndexAttr(0), axis.extent, false);
        continue;
      }
      Value begin = loop.getInductionVar(cut++);
      std::optional<int64_t> extent = getConstantIntValue(axis.extent);
      OpFoldResult size = rewriter.getIndexAttr(axis.tile);
      if (!extent || *extent % axis.tile != 0) {
        AffineMap map = AffineMap::get(0, 2, {rewriter.getAffineConstantExpr(axis.tile), symbol(0) - symbol(1)},
                                       rewriter.getContext());
        size = affine::makeComposedFoldedAffineMin(rewriter, location, map, {axis.extent, OpFoldResult(begin)});
      }
      tile.append(begin, size, true);
    }
  }

  void appendTied(Part &part, Tie tie) {
    AffineExpr scaled = symbol(0) * tie.scale;
    part.append(apply(scaled, tile.offsets[tie.axis]), apply(scaled, tile.sizes[tie.axis]),
                isCut(region.getAxes()[tie.axis]));
  }

  /// The part of an op's loops.
  Part partOfLoops(linalg::LinalgOp op) {
    const Ties &ties = region.getMembers().find(op)->second;
    SmallVector<OpFoldResult> whole(op.getNumLoops());
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      SmallVector<OpFoldResult> sizes;
      for (unsigned dim = 0; dim < map.getNumResults(); ++dim) {
        auto loop = dyn_cast<AffineDimExpr>(map.getResult(dim));
        if (!loop || whole[loop.getPosition()] || ties[loop.getPosition()].isTied())
          continue;
        if (sizes.empty())
          sizes = sizesOf(rewriter, operand.get());
        whole[loop.getPosition()] = sizes[dim];
      }
    }
    Part part;
    for (auto [tie, size] : llvm::zip(ties, whole)) {
      if (tie.isTied())
        appendTied(part, tie);
      else
        part.append(rewriter.getIndexAttr(0), size, false);
    }
    return part;
  }

  /// The part of an operand that these parts of the loops read. Expressions of several loops are linear in them.
  Part partOfOperand(linalg::LinalgOp op, OpOperand &operand, const Part &loops) {
    const Ties &ties = region.getMembers().find(op)->second;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<OpFoldResult> whole = sizesOf(rewriter, operand.get());
    Part part;
    for (auto [expression, size] : llvm::zip(map.getResults(), whole)) {
      bool isTied = false;
      for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
        isTied |= expression.isFunctionOfDim(loop) && ties[loop].isTied() && isCut(region.getAxes()[ties[loop].axis]);
      if (!isTied) {
        part.append(rewriter.getIndexAttr(0), size, false);
        continue;
      }
      AffineMap at = AffineMap::get(map.getNumDims(), 0, expression);
      SmallVector<AffineExpr> last, none(map.getNumDims(), rewriter.getAffineConstantExpr(0));
      for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
        last.push_back(rewriter.getAffineDimExpr(loop) - 1);
      AffineExpr extent = expression.replaceDims(last) - expression.replaceDims(none) + 1;
      AffineMap extentMap = AffineMap::get(map.getNumDims(), 0, extent);
      part.append(affine::makeComposedFoldedAffineApply(rewriter, location, at, loops.offsets),
                  affine::makeComposedFoldedAffineApply(rewriter, location, extentMap, loops.sizes), true);
    }
    return part;
  }

  Value slice(Value whole, const Part &part) {
    if (part.isWhole)
      return whole;
    SmallVector<OpFoldResult> strides(part.offsets.size(), rewriter.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(rewriter, location, whole, part.offsets, part.sizes, strides);
  }

  /// What the tile has of an operand: a member's tile, a new buffer where there is nothing to read, or a slice.
  Value getTile(Value value, const Part &part, Value destination = {}) {
    if (Value known = tiles.lookup(value))
      return known;
    bool isEmpty = value.getDefiningOp<tensor::EmptyOp>() != nullptr;
    auto fill = value.getDefiningOp<linalg::FillOp>();
    if (!isEmpty && !fill)
      return slice(value, part);
    if (!destination)
      destination = tensor::EmptyOp::create(rewriter, location, part.sizes, getElementTypeOrSelf(value.getType()));
    return fill ? linalg::FillOp::create(rewriter, location, fill.value(), destination).result() : destination;
  }

  /// The operand whose place an elementwise result may take, since nobody reads it afterwards: that halves what a tile
  /// takes. Null: none.
  Value findReplaced(linalg::LinalgOp op, OpOperand &init) {
    if (op.getNumReductionLoops() > 0 || op->getNumResults() > 1 || !init.get().getDefiningOp<tensor::EmptyOp>())
      return {};
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value value = input->get();
      bool isOwn = region.contains(value) && !isReshape(value.getDefiningOp()) && !llvm::is_contained(results, value);
      if (isOwn && value.getType() == init.get().getType() &&
          op.getMatchingIndexingMap(input) == op.getMatchingIndexingMap(&init) && isLastReader(op, value))
        return value;
    }
    return {};
  }

  /// What is read outside is computed in its place, and so is what it replaces, if that is elementwise, too.
  void findHomes() {
    for (auto [number, result] : llvm::enumerate(results))
      homes[result] = number;
    for (Operation *op : llvm::reverse(members)) {
      auto generic = dyn_cast<linalg::LinalgOp>(op);
      if (!generic || op->getNumResults() != 1 || !homes.contains(op->getResult(0)))
        continue;
      Value replaced = findReplaced(generic, generic.getDpsInitsMutable()[0]);
      auto producer = replaced ? replaced.getDefiningOp<linalg::LinalgOp>() : linalg::LinalgOp();
      if (producer && producer.getNumReductionLoops() == 0 && producer->getNumResults() == 1)
        homes[replaced] = homes.lookup(op->getResult(0));
    }
  }

  /// Null: a new buffer.
  Value findDestination(linalg::LinalgOp op, OpOperand &init, const Part &part) {
    Value replaced = findReplaced(op, init);
    auto home = homes.find(op.getTiedOpResult(&init)), before = homes.find(replaced);
    if (replaced && (home == homes.end() || before != homes.end()))
      return tiles.lookup(replaced);
    return home == homes.end() ? Value() : slice(loop.getRegionIterArgs()[home->second], part);
  }

  static bool isLastReader(Operation *op, Value value) {
    return llvm::all_of(value.getUsers(), [&](Operation *user) {
      return user == op || (user->getBlock() == op->getBlock() && user->isBeforeInBlock(op) && !isReshape(user));
    });
  }

  void writeOp(linalg::LinalgOp op) {
    Part loops = partOfLoops(op);
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType())) {
        operands.push_back(operand.get());
        continue;
      }
      Part part = partOfOperand(op, operand, loops);
      Value destination;
      if (op.isDpsInit(&operand))
        destination = findDestination(op, operand, part);
      operands.push_back(getTile(operand.get(), part, destination));
    }
    ValueRange inits = ArrayRef<Value>(operands).take_back(op.getNumDpsInits());
    Operation *written = clone(rewriter, op, inits.getTypes(), operands);
    linalg::offsetIndices(rewriter, cast<linalg::LinalgOp>(written), loops.offsets);
    for (auto [before, after] : llvm::zip(op->getResults(), written->getResults()))
      tiles[before] = after;
  }

  Part partOfResult(Value result) {
    SmallVector<OpFoldResult> whole = sizesOf(rewriter, result);
    Part part;
    for (auto [tie, size] : llvm::zip(region.tiesOf(result), whole)) {
      if (tie.isTied())
        appendTied(part, tie);
      else
        part.append(rewriter.getIndexAttr(0), size, false);
    }
    return part;
  }

  void writeReshape(Operation *op) {
    Value source = tiles.lookup(op->getOperand(0)), result;
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      result =
          tensor::CollapseShapeOp::create(rewriter, location, source, collapse.getReassociationIndices()).getResult();
    } else {
      auto expand = cast<tensor::ExpandShapeOp>(op);
      Part part = partOfResult(expand.getResult());
      SmallVector<int64_t> shape;
      SmallVector<Value> dynamic;
      dispatchIndexOpFoldResults(part.sizes, dynamic, shape);
      auto type = RankedTensorType::get(shape, expand.getResultType().getElementType());
      result =
          tensor::ExpandShapeOp::create(rewriter, location, type, source, expand.getReassociationIndices(), part.sizes);
    }
    tiles[op->getResult(0)] = result;
  }

  void writeResults() {
    SmallVector<Part> parts;
    for (Value result : results)
      parts.push_back(partOfResult(result));
    rewriter.setInsertionPointToEnd(loop.getTerminator().getBody());
    for (auto [result, part, output] : llvm::zip(results, parts, loop.getRegionIterArgs())) {
      SmallVector<OpFoldResult> strides(part.offsets.size(), rewriter.getIndexAttr(1));
      tensor::ParallelInsertSliceOp::create(rewriter, location, tiles.lookup(result), output, part.offsets, part.sizes,
                                            strides);
    }
  }

  void replaceMembers(ArrayRef<Operation *> later) {
    Operation *next = loop->getNextNode();
    // Changes of shape that are read outside stay there, as views of what the loop gives.
    for (Operation *op : members)
      if (isReshape(op) && region.isReadOutside(op->getResult(0)))
        op->moveBefore(next);
    for (Operation *op : later)
      op->moveBefore(next);
    for (auto [result, output] : llvm::zip(results, loop.getResults()))
      rewriter.replaceAllUsesWith(result, output);
    for (Operation *op : llvm::reverse(members))
      if (op->use_empty())
        rewriter.eraseOp(op);
  }

  RewriterBase &rewriter;
  const KernelRegion &region;
  Location location = rewriter.getUnknownLoc();
  SmallVector<Operation *> members;
  SmallVector<Value> results;
  DenseMap<Value, size_t> homes; ///< The number of the result in whose place a value is computed.
  scf::ForallOp loop;
  Part tile; ///< One interval per axis.
  DenseMap<Value, Value> tiles;
};

} // namespace

void lowering::writeRegion(RewriterBase &rewriter, const KernelRegion &region) { RegionWriter(rewriter, region).run(); }
