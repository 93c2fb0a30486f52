// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- BatchFlow.cpp - Where the batch of an imported graph goes ---------------===//
#include "BatchFlow.h"

#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/support/File.h"
#include "recognize/KnownValue.h"

#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::import;

namespace {
/// Digits of a place within a dim: `extent` steps of `inner` elements, `outer` times.
struct Digits {
  int64_t outer, inner;
};
} // namespace

/// A batch within a dim, seen from a loop of `extent` iterations that each step over `coefficient` elements; nothing
/// where the loop does not hold all of it.
static std::optional<Digits> toLoop(const BatchSpot &spot, int64_t batch, int64_t extent, int64_t coefficient) {
  if (spot.inner % coefficient != 0 || extent % (spot.inner / coefficient * batch) != 0)
    return std::nullopt;
  int64_t inner = spot.inner / coefficient;
  return Digits{extent / (inner * batch), inner};
}

static bool isWholeDim(const DimExpression &dim) {
  return !dim.window ||
         (dim.window->stride == 1 && dim.window->low == 0 && dim.window->high == 0 && dim.window->reach == 1);
}

/// The term of a dim that holds the batch, or nullptr.
static const DimTerm *findTerm(const DimExpression &dim, const LoopNest &nest, const BatchSpot &spot, int64_t batch) {
  for (const DimTerm &term : dim)
    if (toLoop(spot, batch, nest.loops[term.loop].extent, term.coefficient))
      return &term;
  return nullptr;
}

std::optional<BatchSpot> BatchFlow::find(Value value) const {
  auto found = spots.find(value);
  return found == spots.end() ? std::nullopt : std::optional(found->second);
}

/// Why no other batch fits a loop that walks it; empty where one does.
static std::string explainLoop(const Loop &loop) {
  switch (loop.kind) {
  case LoopKind::parallel:
    return "";
  case LoopKind::reduction:
    return "it reduces over the batch";
  case LoopKind::expand:
    return "it computes across the batch";
  case LoopKind::whole:
    return "it does not treat the batch's elements apart: " + loop.reason;
  }
  return "";
}

std::optional<BatchFlow::LoopSpot> BatchFlow::findLoop(Operation *op, const LoopNest &nest) {
  std::optional<LoopSpot> found;
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    std::optional<BatchSpot> spot = find(operand);
    if (!spot)
      continue;
    const DimExpression &dim = nest.operands[index][static_cast<size_t>(spot->dim)];
    const DimTerm *term = findTerm(dim, nest, *spot, batch);
    if (!term || !isWholeDim(dim))
      return fail(op, "it reads parts of the batch's dim " + std::to_string(spot->dim) + " of " + "operand " +
                          std::to_string(index)),
             std::nullopt;
    Digits digits = *toLoop(*spot, batch, nest.loops[term->loop].extent, term->coefficient);
    LoopSpot here{term->loop, digits.outer, digits.inner};
    if (found && !(*found == here))
      return fail(op, "it combines elements of the batch with each other"), std::nullopt;
    found = here;
  }
  if (std::string reason = explainLoop(nest.loops[found->loop]); !reason.empty())
    return fail(op, reason), std::nullopt;
  return found;
}

void BatchFlow::readOperand(Operation *op, unsigned operand, const BatchSpot &spot) {
  Value value = op->getOperand(operand);
  if (find(value))
    return; // findLoop has compared them
  if (isSameForAll(value, spot, batch))
    copies[{op, operand}] = spot;
  else
    fail(op, "operand " + std::to_string(operand) + " has numbers of its own for each of the " + std::to_string(batch) +
                 " elements, from weights or from an input that is not named");
}

/// Elements behind one step of the batch.
static int64_t countBehind(RankedTensorType type, const BatchSpot &spot) {
  int64_t count = spot.inner;
  for (int64_t dim = spot.dim + 1; dim < type.getRank(); ++dim)
    count *= type.getDimSize(dim);
  return count;
}

/// The places of the batch in `type` where it lies `before` elements from the outside, best first.
static std::vector<BatchSpot> listPlaces(RankedTensorType type, int64_t before, int64_t batch) {
  std::vector<BatchSpot> own, shared;
  int64_t outside = 1;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t extent = type.getDimSize(dim), outer = outside == 0 ? 0 : before / outside;
    if (outer > 0 && before % outside == 0 && extent % (outer * batch) == 0)
      (extent == batch && outer == 1 ? own : shared).push_back({dim, outer, extent / (outer * batch)});
    outside *= extent;
  }
  own.insert(own.end(), shared.begin(), shared.end());
  return own;
}

void BatchFlow::visitReshape(Operation *op) {
  auto from = typeOf(op->getOperand(0)), to = typeOf(op->getResult(0));
  BatchSpot spot = *find(op->getOperand(0));
  if (!from.hasStaticShape() || !to.hasStaticShape())
    return fail(op, "it reshapes symbolic dimensions");
  int64_t before = spot.outer;
  for (int64_t dim = 0; dim < spot.dim; ++dim)
    before *= from.getDimSize(dim);
  std::vector<BatchSpot> places = listPlaces(to, before, batch);
  if (places.empty())
    return fail(op, "no dim of its result holds the batch apart");
  spots[op->getResult(0)] = choose(places);
}

const BatchSpot &BatchFlow::choose(const std::vector<BatchSpot> &places) {
  if (places.size() == 1)
    return places[0];
  if (nextChoice == choices.size())
    choices.push_back({0, places.size()});
  return places[choices[nextChoice++].first];
}

/// Where the batch lies in indices of elements that are `inner` each: all places where index number n of the batch is
/// index number 0 plus n * inner.
static std::vector<BatchSpot> findPicks(Value indices, int64_t batch, int64_t inner) {
  auto type = typeOf(indices);
  std::optional<interpreter::Tensor> known = evaluateKnown(indices, /*readsFiles=*/true);
  std::vector<BatchSpot> places;
  if (!known || type.getNumElements() == 0)
    return places;
  std::vector<double> numbers = known->toDoubles();
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (type.getDimSize(dim) % batch != 0)
      continue;
    BatchSpot spot{dim, 1, type.getDimSize(dim) / batch};
    int64_t step = countBehind(type, spot);
    bool isPick = true;
    for (int64_t place = 0; isPick && place < type.getNumElements(); ++place) {
      int64_t digit = place / step % batch;
      double first = numbers[static_cast<size_t>(place - digit * step)];
      isPick = first >= 0 && first < static_cast<double>(inner) &&
               numbers[static_cast<size_t>(place)] == first + static_cast<double>(digit * inner);
    }
    if (isPick)
      places.push_back(spot);
  }
  return places;
}

bool BatchFlow::visitGather(Operation *op) {
  auto gather = dyn_cast<graph::GatherOp>(op);
  std::optional<BatchSpot> table = gather ? find(gather.getInput()) : std::nullopt;
  if (!table || table->dim != static_cast<int64_t>(gather.getAxis()) || table->outer != 1 || find(gather.getIndices()))
    return false;
  std::vector<BatchSpot> places = findPicks(gather.getIndices(), batch, table->inner);
  if (places.empty())
    return false;
  BatchSpot spot = choose(places);
  picks[op] = spot;
  spots[op->getResult(0)] = {spot.dim + table->dim, spot.outer, spot.inner};
  return true;
}

void BatchFlow::visit(Operation *op) {
  if (llvm::none_of(op->getOperands(), [&](Value value) { return find(value).has_value(); }))
    return;
  auto splittable = dyn_cast<SplitOpInterface>(op);
  if (!splittable)
    return fail(op, "nothing says which loops it has");
  if (isa<graph::ReshapeOp>(op))
    return visitReshape(op);
  if (visitGather(op))
    return;
  LoopNest nest = splittable.getLoopNest();
  std::optional<LoopSpot> walked = findLoop(op, nest);
  if (!walked)
    return;
  auto mark = [&](const DimExpression &dim, int64_t number, auto &&use) {
    for (const DimTerm &term : dim)
      if (term.loop == walked->loop) {
        int64_t inner = walked->inner * term.coefficient;
        use(BatchSpot{number, 0, inner});
      }
  };
  for (auto [index, indexing] : llvm::enumerate(nest.operands))
    for (auto [number, dim] : llvm::enumerate(indexing))
      mark(dim, number, [&](BatchSpot spot) {
        spot.outer = typeOf(op->getOperand(index)).getDimSize(spot.dim) / (spot.inner * batch);
        readOperand(op, index, spot);
      });
  for (auto [index, indexing] : llvm::enumerate(nest.results)) {
    for (auto [number, dim] : llvm::enumerate(indexing))
      mark(dim, number, [&](BatchSpot spot) {
        spot.outer = typeOf(op->getResult(index)).getDimSize(spot.dim) / (spot.inner * batch);
        spots[op->getResult(index)] = spot;
      });
    if (!find(op->getResult(index)))
      return fail(op, "result " + std::to_string(index) + " has no dim for the batch");
  }
  // The keys that a query sees depend on its place among all.
  auto attention = dyn_cast<graph::AttentionOp>(op);
  if (attention && attention.getCausal() && find(op->getResult(0))->dim == 2)
    fail(op, "it is causal over the batch");
}

bool BatchFlow::follow() {
  spots.clear();
  copies.clear();
  picks.clear();
  nextChoice = 0;
  for (auto [argument, dim] : inputs) {
    Value value = function.getArgument(argument);
    spots[value] = {dim, 1, typeOf(value).getDimSize(dim) / batch};
  }
  size_t before = problems.size();
  for (Operation &op : function.front().without_terminator())
    visit(&op);
  // Elsewhere the batch may lie inside of a dim, but who reads an output takes parts of a dim.
  for (Value output : function.front().getTerminator()->getOperands())
    if (std::optional<BatchSpot> spot = find(output); spot && spot->outer != 1)
      fail(output.getDefiningOp(), "an output would have its elements inside of dim " + std::to_string(spot->dim));
  return problems.size() == before;
}

bool BatchFlow::chooseOther() {
  // What has not been reached since is chosen anew.
  choices.resize(nextChoice);
  while (!choices.empty() && ++choices.back().first == choices.back().second)
    choices.pop_back();
  return !choices.empty();
}

bool BatchFlow::run(const std::map<unsigned, int64_t> &dimOfArgument) {
  constexpr int mostAttempts = 64;
  inputs = dimOfArgument;
  std::vector<BatchProblem> first;
  for (int attempt = 0; attempt < mostAttempts; ++attempt) {
    problems.clear();
    if (follow())
      return true;
    if (attempt == 0)
      first = problems;
    if (!chooseOther())
      break;
  }
  problems = std::move(first);
  return false;
}

//===-- What is the same for every element of a batch -------------------------------------------------------------===//

/// Blocks of `bytes` bytes lie `batch` at a time behind one another: whether each such run repeats its first.
static bool repeats(ArrayRef<uint8_t> data, size_t bytes, int64_t batch) {
  size_t run = bytes * static_cast<size_t>(batch);
  for (size_t begin = 0; run > 0 && begin + run <= data.size(); begin += run)
    if (memcmp(data.data() + begin, data.data() + begin + bytes, run - bytes) != 0)
      return false;
  return true;
}

static bool isSameInConstant(graph::ConstantOp op, const BatchSpot &spot, int64_t batch) {
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense || dense.isSplat())
    return static_cast<bool>(dense);
  int64_t step = countBehind(op.getType(), spot), place = 0;
  std::vector<Attribute> numbers(dense.value_begin<Attribute>(), dense.value_end<Attribute>());
  for (; place < int64_t(numbers.size()); ++place)
    if (int64_t digit = place / step % batch; numbers[place] != numbers[place - digit * step])
      return false;
  return true;
}

static bool isSameInFile(BlockArgument argument, const BatchSpot &spot, int64_t batch) {
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto source = function ? function.getArgAttrOfType<SourceAttr>(argument.getArgNumber(), kSourceAttr) : SourceAttr();
  auto type = typeOf(argument);
  bool isAll = source && source.getShape().asArrayRef() == type.getShape() && !source.getFile().empty();
  if (!isAll)
    return false;
  llvm::Expected<MappedFile> file = MappedFile::open(source.getFile());
  if (!file) {
    llvm::consumeError(file.takeError());
    return false;
  }
  auto offset = static_cast<size_t>(source.getOffset()), bytes = static_cast<size_t>(source.getBytes());
  if (offset > file->size() || bytes > file->size() - offset || type.getNumElements() == 0)
    return false;
  size_t width = bytes / static_cast<size_t>(type.getNumElements());
  return width > 0 && repeats(file->bytes().slice(offset, bytes), width * countBehind(type, spot), batch);
}

/// Adds what must be the same in the operands of `op` for its result to be so; false where nothing can be said.
static bool addOperands(Operation *op, const BatchSpot &spot, int64_t batch,
                        std::vector<std::pair<Value, BatchSpot>> &pending) {
  auto splittable = dyn_cast<SplitOpInterface>(op);
  if (!splittable || op->getNumResults() != 1 || isa<graph::AttentionOp, graph::RandomBitsOp>(op))
    return false;
  if (auto iota = dyn_cast<graph::IotaOp>(op))
    return static_cast<int64_t>(iota.getDim()) != spot.dim;
  LoopNest nest = splittable.getLoopNest();
  const DimTerm *term = findTerm(nest.results[0][static_cast<size_t>(spot.dim)], nest, spot, batch);
  if (!term || nest.loops[term->loop].kind != LoopKind::parallel)
    return false;
  Digits digits = *toLoop(spot, batch, nest.loops[term->loop].extent, term->coefficient);
  for (auto [index, indexing] : llvm::enumerate(nest.operands))
    for (auto [number, dim] : llvm::enumerate(indexing))
      for (const DimTerm &read : dim) {
        if (read.loop != term->loop)
          continue;
        if (!isWholeDim(dim))
          return false;
        pending.push_back({op->getOperand(index), {static_cast<int64_t>(number), 0, digits.inner * read.coefficient}});
      }
  return true;
}

bool partita::import::isSameForAll(Value value, const BatchSpot &spot, int64_t batch) {
  if (batch == 1)
    return true;
  std::vector<std::pair<Value, BatchSpot>> pending = {{value, spot}};
  std::set<std::tuple<void *, int64_t, int64_t>> seen;
  while (!pending.empty()) {
    auto [next, at] = pending.back();
    pending.pop_back();
    if (!seen.insert({next.getAsOpaquePointer(), at.dim, at.inner}).second)
      continue;
    if (!typeOf(next).hasStaticShape())
      return false;
    Operation *op = next.getDefiningOp();
    auto constant = dyn_cast_or_null<graph::ConstantOp>(op);
    bool isSame = constant ? isSameInConstant(constant, at, batch)
                  : op     ? addOperands(op, at, batch, pending)
                           : isSameInFile(cast<BlockArgument>(next), at, batch);
    if (!isSame)
      return false;
  }
  return true;
}
