// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which ops become one region. Products are the cores of regions, each with what follows it elementwise; where two
// products hang together by something like a softmax, what lies between them is computed in strips and never stored.
// What is left is grouped from its last op backwards. No work is ever repeated: a member is cut by every axis.
#include "Kernel.h"
#include "RegionTiles.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_FORMREGIONSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

/// Up to this many elements a dim of a product may be whole in a tile, such as the size of an attention head.
constexpr int64_t mostInStrip = 256;
/// A region is not grown at the cost of leaving fewer tiles than this.
constexpr int64_t leastTiles = 8;
/// Nor where one row of a tile takes more than this, far beyond what the caches next to a core hold.
constexpr int64_t mostBytesOfRow = 512 << 10;

static bool isElementwise(Operation *op) {
  auto generic = dyn_cast<linalg::LinalgOp>(op);
  return generic && isMemberKind(op) && generic.getNumReductionLoops() == 0;
}

namespace {

enum class Growth {
  block, ///< A product cut along rows and columns: only what is cut the same way, dim by dim.
  strip, ///< A product cut along rows: also reductions along whole rows, up to another product.
  rows,  ///< No product.
};

/// Forms the regions of one block.
class RegionFormer {
public:
  RegionFormer(Block &block) : block(block) {}

  std::vector<KernelRegion> form() {
    SmallVector<Operation *> products, others;
    for (Operation &op : llvm::reverse(block))
      if (isMemberKind(&op) && !isReshape(&op))
        (isProduct(&op) ? products : others).push_back(&op);
    for (Operation *op : products)
      if (!taken.contains(op))
        formAroundProduct(cast<linalg::LinalgOp>(op));
    for (Operation *op : others)
      if (!taken.contains(op))
        formRows(cast<linalg::LinalgOp>(op));
    return std::move(regions);
  }

private:
  void formAroundProduct(linalg::LinalgOp product) {
    KernelRegion region(product);
    addReaders(region);
    for (AxisRole whole : {AxisRole::column, AxisRole::row}) {
      KernelRegion strips = region;
      wholeInStrip = whole;
      grow(strips, Growth::strip);
      bool joins = llvm::count_if(strips.getMembers(), [](auto &member) { return isProduct(member.first); }) > 1;
      // Products beside each other, with no whole rows between them, are blocks of one kind.
      bool isWhole = llvm::any_of(llvm::zip(strips.getAxes(), region.getAxes()),
                                  [](auto axes) { return std::get<0>(axes).isActive != std::get<1>(axes).isActive; });
      if (joins && (isWhole ? chooseStrips(strips) : chooseBlocks(strips)))
        return take(std::move(strips));
    }
    grow(region, Growth::block);
    if (chooseBlocks(region))
      take(std::move(region));
  }

  void formRows(linalg::LinalgOp root) {
    KernelRegion region(root);
    grow(region, Growth::rows);
    if (chooseRows(region))
      take(std::move(region));
  }

  void take(KernelRegion region) {
    for (auto &[op, ties] : region.getMembers())
      taken.insert(op);
    regions.push_back(std::move(region));
  }

  /// Elementwise readers of what the region computes, and readers of theirs.
  void addReaders(KernelRegion &region) {
    Operation *first = region.getMembers().front().first;
    for (Operation *op = first->getNextNode(); op; op = op->getNextNode()) {
      if (taken.contains(op) || !(isReshape(op) || isElementwise(op)) ||
          llvm::none_of(op->getOperands(), [&](Value value) { return region.contains(value); }))
        continue;
      KernelRegion larger = region;
      std::optional<Ties> ties = larger.tiesOfReader(op);
      if (!ties || !larger.missingAxes(*ties).empty())
        continue;
      larger.add(op, *ties);
      if (larger.findLaterOps())
        region = std::move(larger);
    }
    dropUnreadReshapes(region);
  }

  /// A last change of shape is as well made outside.
  void dropUnreadReshapes(KernelRegion &region) {
    for (bool changed = true; changed;) {
      changed = false;
      for (auto &[op, ties] : llvm::to_vector(region.getMembers())) {
        bool isUseless =
            isReshape(op) && (!region.contains(op->getOperand(0)) ||
                              llvm::none_of(op->getUsers(), [&](Operation *user) { return region.contains(user); }));
        if (isUseless) {
          region.remove(op);
          changed = true;
        }
      }
    }
  }

  /// Adds producers, the last one first, so that all readers of a candidate are known.
  void grow(KernelRegion &region, Growth growth) {
    Operation *last = region.getMembers().front().first;
    for (auto &[op, ties] : region.getMembers())
      last = last->isBeforeInBlock(op) ? op : last;
    for (Operation *op = last->getPrevNode(); op; op = op->getPrevNode())
      if (!taken.contains(op) && !region.contains(op) && isMemberKind(op))
        addProducer(region, op, growth);
    dropUnreadReshapes(region);
  }

  void addProducer(KernelRegion &region, Operation *op, Growth growth) {
    if (llvm::none_of(op->getUsers(), [&](Operation *user) { return isWantedBy(region, op, user, growth); }))
      return;
    KernelRegion larger = region;
    std::optional<Ties> ties = larger.tiesOfProducer(op);
    if (!ties || !canCut(larger, op, *ties, growth))
      return;
    for (int64_t axis : larger.missingAxes(*ties))
      larger.dropAxis(axis);
    ties = larger.tiesOfProducer(op);
    if (!ties)
      return;
    larger.add(op, *ties);
    if (larger.findLaterOps())
      region = std::move(larger);
  }

  /// Operands of the first product of a strip are left to the regions in which they are computed.
  static bool isWantedBy(const KernelRegion &region, Operation *op, Operation *user, Growth growth) {
    if (!region.contains(user))
      return false;
    bool isOfFirstProduct = isProduct(user) && user != region.getMembers().front().first;
    return growth != Growth::strip || !isOfFirstProduct;
  }

  bool canCut(const KernelRegion &region, Operation *op, ArrayRef<Tie> ties, Growth growth) {
    SmallVector<int64_t> missing = region.missingAxes(ties);
    switch (growth) {
    case Growth::block:
      return missing.empty() && op->hasOneUse() && isCutLikeBlock(op, ties);
    case Growth::strip:
      if (isProduct(op))
        return missing.empty() && countReduced(op) <= mostInStrip;
      return countElements(region, missing) <= mostInStrip &&
             llvm::all_of(missing, [&](int64_t axis) { return region.getAxes()[axis].role == wholeInStrip; });
    case Growth::rows:
      return !isProduct(op) && ((missing.empty() && !isRepeated(op, ties)) || leavesRows(region, missing));
    }
    return false;
  }

  /// Every parallel loop of more than one iteration is cut.
  static bool isCutLikeBlock(Operation *op, ArrayRef<Tie> ties) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic)
      return true;
    if (generic.getNumReductionLoops() > 0 && !isProduct(op))
      return false;
    for (auto [tie, kind, bound] : llvm::zip(ties, generic.getIteratorTypesArray(), boundsOfLoops(generic)))
      if (kind == utils::IteratorType::parallel && !tie.isTied() && bound != 1)
        return false;
    return true;
  }

  static int64_t countReduced(Operation *op) {
    auto generic = cast<linalg::LinalgOp>(op);
    int64_t count = 1;
    for (auto [kind, bound] : llvm::zip(generic.getIteratorTypesArray(), boundsOfLoops(generic)))
      if (kind == utils::IteratorType::reduction)
        count *= bound;
    return count;
  }

  static int64_t countElements(const KernelRegion &region, ArrayRef<int64_t> axes) {
    int64_t count = 1;
    for (int64_t axis : axes)
      count *= region.getAxes()[axis].bound;
    return count;
  }

  /// Whether a tile has more of the op's loops than single elements, as where all of an image is summed up.
  static bool isRepeated(Operation *op, ArrayRef<Tie> ties) {
    auto generic = dyn_cast<linalg::LinalgOp>(op);
    if (!generic)
      return false;
    return llvm::any_of(llvm::zip(ties, generic.getIteratorTypesArray(), boundsOfLoops(generic)), [](auto loop) {
      auto [tie, kind, bound] = loop;
      return kind == utils::IteratorType::parallel && !tie.isTied() && bound != 1;
    });
  }

  static bool leavesRows(const KernelRegion &region, ArrayRef<int64_t> missing) {
    KernelRegion smaller = region;
    for (int64_t axis : missing)
      smaller.dropAxis(axis);
    return countRows(smaller) >= leastTiles && bytesOfTile(smaller, /*ofOneElement=*/true) <= mostBytesOfRow;
  }

  Block &block;
  AxisRole wholeInStrip = AxisRole::column; ///< Which axes of a product are not cut into strips.
  DenseSet<Operation *> taken;
  std::vector<KernelRegion> regions;
};

struct FormRegionsPass : lowering::impl::FormRegionsPassBase<FormRegionsPass> {
  void runOnOperation() override {
    if (!isKernel(getOperation()))
      return;
    // Bodies of sequential loops have regions of their own.
    SmallVector<Block *> blocks{&getOperation().getBody().front()};
    getOperation().walk([&](scf::ForOp loop) { blocks.push_back(loop.getBody()); });
    IRRewriter rewriter(&getContext());
    for (Block *block : blocks)
      for (const KernelRegion &region : RegionFormer(*block).form())
        if (region.findLaterOps())
          writeRegion(rewriter, region);
    for (Block *block : blocks)
      eraseDead(rewriter, *block);
  }

  /// Whole tensors of which only tiles are used now.
  static void eraseDead(RewriterBase &rewriter, Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        rewriter.eraseOp(&op);
  }
};

} // namespace
