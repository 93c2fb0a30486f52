// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RepeatedSegments.cpp - Layers, found by their structure -------------------===//
#include "partita/support/RepeatedSegments.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <optional>

using namespace mlir;

namespace partita {

namespace {

/// Numbers keys in the order in which they first appear.
class KeyTable {
public:
  explicit KeyTable(bool comparePlan) : comparePlan(comparePlan) {}

  int keyOf(Operation *op) {
    std::vector<const void *> words{op->getName().getAsOpaquePointer(), attributesOf(op).getAsOpaquePointer()};
    for (Type type : op->getOperandTypes())
      words.push_back(type.getAsOpaquePointer());
    words.push_back(nullptr);
    for (Type type : op->getResultTypes())
      words.push_back(type.getAsOpaquePointer());
    std::vector<std::pair<Operation *, int>> &candidates = byWords[words];
    for (auto &[other, key] : candidates)
      if (haveEqualRegions(op, other))
        return key;
    candidates.push_back({op, numKeys});
    return numKeys++;
  }

private:
  /// All that distinguishes an op except its name and what is written about it for people.
  DictionaryAttr attributesOf(Operation *op) {
    NamedAttrList list;
    if (Attribute properties = op->getPropertiesAsAttribute()) {
      if (auto dictionary = dyn_cast<DictionaryAttr>(properties))
        list.append(dictionary.getValue());
      else
        list.append("properties", properties);
    }
    list.erase("name");
    for (NamedAttribute attribute : op->getDiscardableAttrs()) {
      StringRef name = attribute.getName();
      bool ofPlan =
          name.starts_with("partita_plan.") && name != "partita_plan.origin" && name != "partita_plan.alternatives";
      if (name.starts_with("partita") ? ofPlan && comparePlan : name != "name")
        list.set(attribute.getName(), attribute.getValue());
    }
    return list.getDictionary(op->getContext());
  }

  static bool haveEqualRegions(Operation *a, Operation *b) {
    if (a->getNumRegions() != b->getNumRegions())
      return false;
    for (unsigned region = 0; region < a->getNumRegions(); ++region)
      if (!OperationEquivalence::isRegionEquivalentTo(&a->getRegion(region), &b->getRegion(region),
                                                      OperationEquivalence::IgnoreLocations))
        return false;
    return true;
  }

  bool comparePlan;
  // Looked up only, so that the order of pointers decides nothing.
  std::map<std::vector<const void *>, std::vector<std::pair<Operation *, int>>> byWords;
  int numKeys = 0;
};

class SegmentFinder {
public:
  SegmentFinder(ArrayRef<Operation *> ops, SegmentOptions options) : ops(ops), options(options) {
    KeyTable keys(options.comparePlan);
    for (auto [position, op] : llvm::enumerate(ops)) {
      positions[op] = position;
      keyAt.push_back(keys.keyOf(op));
    }
    for (Operation *op : ops)
      for (Value operand : op->getOperands())
        if (Operation *maker = operand.getDefiningOp(); maker && !positions.contains(maker))
          unlisted.try_emplace(maker, keys.keyOf(maker));
  }

  std::vector<RepeatedSegment> find() {
    std::map<size_t, RepeatedSegment> found;
    std::vector<std::pair<size_t, size_t>> ranges{{0, ops.size()}};
    while (!ranges.empty()) {
      auto [begin, end] = ranges.back();
      ranges.pop_back();
      std::optional<RepeatedSegment> best = findBest(begin, end);
      if (!best)
        continue;
      found[best->first] = *best;
      ranges.push_back({begin, best->first});
      ranges.push_back({best->end(), end});
    }
    std::vector<RepeatedSegment> result;
    for (auto &[first, segment] : found)
      result.push_back(segment);
    return result;
  }

private:
  enum class Relation { shifted, shared, free, entry, different };

  static constexpr size_t kOutside = ~size_t(0);

  size_t positionOf(Value value) const {
    Operation *maker = value.getDefiningOp();
    if (!maker)
      return kOutside;
    auto found = positions.find(maker);
    return found == positions.end() ? kOutside : found->second;
  }

  static unsigned numberOf(Value value) {
    auto result = dyn_cast<OpResult>(value);
    return result ? result.getResultNumber() : 0;
  }

  /// How operand `b` of an op relates to operand `a` of the op one period earlier.
  Relation relate(Value a, Value b, size_t period) const {
    size_t from = positionOf(a), to = positionOf(b);
    if (from != kOutside && to != kOutside && to == from + period && numberOf(a) == numberOf(b))
      return Relation::shifted;
    if (a == b)
      return Relation::shared;
    if (to != kOutside)
      return Relation::entry;
    if (from != kOutside)
      return Relation::different;
    Operation *makerA = a.getDefiningOp(), *makerB = b.getDefiningOp();
    if (!makerA && !makerB)
      return Relation::free;
    // Small values beside the list (sizes, constants) are equal when they are made alike from nothing.
    bool alike = makerA && makerB && makerA->getNumOperands() == 0 && makerB->getNumOperands() == 0 &&
                 unlisted.lookup(makerA) == unlisted.lookup(makerB) && numberOf(a) == numberOf(b);
    return alike ? Relation::free : Relation::different;
  }

  /// Whether the op at `position` continues a segment from `first` one period later. In copy 0 operands may come from
  /// before the segment.
  bool continues(size_t position, size_t first, size_t period) const {
    Operation *op = ops[position], *later = ops[position + period];
    bool inFirstCopy = position < first + period;
    size_t copyBegin = first + (position - first) / period * period;
    for (auto [a, b] : llvm::zip(op->getOperands(), later->getOperands())) {
      size_t from = positionOf(a), to = positionOf(b);
      switch (relate(a, b, period)) {
      case Relation::shifted:
        // Values pass to the next copy, not over it.
        if (to < copyBegin || from < (inFirstCopy ? 0 : copyBegin - period))
          return false;
        break;
      case Relation::shared:
        if (from != kOutside && from >= first)
          return false;
        break;
      case Relation::free:
        break;
      case Relation::entry:
        if (!inFirstCopy || to < copyBegin || to >= copyBegin + period || (from != kOutside && from >= first))
          return false;
        break;
      case Relation::different:
        return false;
      }
    }
    return true;
  }

  /// Values made by one copy and read by the next.
  size_t countCarried(const RepeatedSegment &segment) const {
    llvm::DenseSet<Value> carried;
    for (size_t position = segment.first + segment.period; position < segment.first + 2 * segment.period; ++position)
      for (Value operand : ops[position]->getOperands())
        if (size_t from = positionOf(operand);
            from != kOutside && from >= segment.first && from < segment.first + segment.period)
          carried.insert(operand);
    return carried.size();
  }

  /// The longest segment of this period that begins at `first`, inside a run of equal keys that ends at `runEnd`.
  std::optional<RepeatedSegment> extend(size_t first, size_t period, size_t runEnd, size_t end) const {
    size_t position = first;
    while (position < runEnd && position + period < end && continues(position, first, period))
      ++position;
    size_t count = (position - first) / period + 1;
    if (count < 2)
      return std::nullopt;
    return RepeatedSegment{first, period, count};
  }

  /// Larger is better.
  bool isBetter(const RepeatedSegment &a, size_t carriedByA, const RepeatedSegment &b, size_t carriedByB) const {
    // A cut that fewer values cross is worth one copy.
    bool similar = a.period == b.period && a.count + 1 >= b.count && b.count + 1 >= a.count;
    if (similar && carriedByA != carriedByB)
      return carriedByA < carriedByB;
    size_t savedByA = a.period * (a.count - 1), savedByB = b.period * (b.count - 1);
    return savedByA > savedByB;
  }

  std::optional<RepeatedSegment> findBest(size_t begin, size_t end) const {
    std::optional<RepeatedSegment> best;
    size_t bestCarried = 0;
    for (size_t period = 1; period <= (end - begin) / 2; ++period) {
      for (size_t runBegin = begin; runBegin + period < end;) {
        size_t runEnd = runBegin;
        while (runEnd + period < end && keyAt[runEnd] == keyAt[runEnd + period])
          ++runEnd;
        for (size_t first = runBegin; first < runBegin + period && first + period <= runEnd; ++first) {
          // Even if all fits, is it better than what is there?
          size_t most = (runEnd - first) / period * period;
          if (most < options.fewestSaved || (best && most + period < best->period * (best->count - 1)))
            break;
          std::optional<RepeatedSegment> segment = extend(first, period, runEnd, end);
          if (!segment || segment->period * (segment->count - 1) < options.fewestSaved)
            continue;
          size_t carried = countCarried(*segment);
          if (!best || isBetter(*segment, carried, *best, bestCarried)) {
            best = segment;
            bestCarried = carried;
          }
        }
        runBegin = runEnd + 1;
      }
    }
    return best;
  }

  ArrayRef<Operation *> ops;
  SegmentOptions options;
  llvm::DenseMap<Operation *, size_t> positions;
  llvm::DenseMap<Operation *, int> unlisted;
  std::vector<int> keyAt;
};

} // namespace

std::vector<RepeatedSegment> findRepeatedSegments(ArrayRef<Operation *> ops, SegmentOptions options) {
  return SegmentFinder(ops, options).find();
}

std::vector<Operation *> orderCanonically(Block &block) {
  std::vector<Operation *> order;
  llvm::DenseSet<Operation *> visited;
  Operation *terminator = block.mightHaveTerminator() ? block.getTerminator() : nullptr;
  struct Frame {
    Operation *op;
    SmallVector<Value> reads;
    size_t next = 0;
  };
  std::vector<Frame> path;
  auto enter = [&](Operation *op) {
    Frame frame{op, {}};
    op->walk([&](Operation *nested) { llvm::append_range(frame.reads, nested->getOperands()); });
    path.push_back(std::move(frame));
  };
  auto visit = [&](Operation *root) {
    enter(root);
    while (!path.empty()) {
      Frame &frame = path.back();
      if (frame.next == frame.reads.size()) {
        if (frame.op != terminator)
          order.push_back(frame.op);
        path.pop_back();
        continue;
      }
      Operation *maker = frame.reads[frame.next++].getDefiningOp();
      if (maker && maker->getBlock() == &block && visited.insert(maker).second)
        enter(maker);
    }
  };
  if (terminator)
    visit(terminator);
  for (Operation &op : block)
    if (&op != terminator && visited.insert(&op).second)
      visit(&op);
  return order;
}

} // namespace partita
