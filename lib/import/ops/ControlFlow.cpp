// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ControlFlow.cpp - If, Loop and Scan -------------------------------------===//
//
// Bodies are written out (docs/decisions/0010): a known condition picks its branch, a loop is unrolled. A condition
// that only the run knows chooses between values that are both computed, where computing the other one cannot fail.
//
//===----------------------------------------------------------------------===//
#include "Body.h"
#include "OpTable.h"
#include "ops/Iterations.h"
#include "ops/Scan.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

/// The only element of a known bool; nullopt where only the run knows it.
static std::optional<bool> readFlag(const Known *known) {
  if (!known || known->elements.size() != 1 || !known->isStatic())
    return std::nullopt;
  return known->elements[0].constant != 0;
}

//===-- If --------------------------------------------------------------------------------------------------------===//

/// What a branch gives.
static std::vector<ImportedValue> importBranch(NodeContext &node, const onnx::Graph &branch, llvm::StringRef part) {
  ImportSession &session = node.getSession();
  session.openScope(/*isFunction=*/false, session.getOpset());
  importGraphBody(session, branch, node.getName() + "/" + part.str());
  std::vector<ImportedValue> results = readOutputs(session, listOutputs(branch));
  session.closeScope();
  return results;
}

static void importIf(NodeContext &node) {
  const onnx::Graph *yes = node.getGraph("then_branch"), *no = node.getGraph("else_branch");
  if (!yes || !no)
    return;
  if (yes->output_size() != node.countResults() || no->output_size() != node.countResults())
    return node.fail("E-BAD-FILE", "its branches do not have as many results as it has");
  if (std::optional<bool> taken = readFlag(node.known(0))) {
    std::vector<ImportedValue> results = importBranch(node, *taken ? *yes : *no, *taken ? "then" : "else");
    for (size_t i = 0; i < results.size(); ++i)
      node.setImported(static_cast<int>(i), results[i]);
    return;
  }
  Value condition = node.reshape(node.input(0), {}, "condition");
  Block *block = node.getSession().getBuilder().getInsertionBlock();
  Operation *before = block->empty() ? nullptr : &block->back();
  std::vector<ImportedValue> first = importBranch(node, *yes, "then"), second = importBranch(node, *no, "else");
  if (!condition)
    return;
  if (Operation *risky = findRiskyOp(*block, before))
    return node.failOp("its condition depends on data, so both branches are computed, and '" +
                       getModelName(risky).str() + "' could fail in the branch that is not taken");
  for (size_t i = 0; i < first.size(); ++i) {
    Value a = materialize(node, first[i], "then"), b = materialize(node, second[i], "else");
    if (!a || !b)
      return node.skip();
    if (typeOf(a) != typeOf(b))
      return node.failShape("result " + llvm::Twine(i) + " depends on data in its shape or type: " +
                            toText(node.sizesOf(a)) + " in one branch, " + toText(node.sizesOf(b)) + " in the other");
    node.setResult(static_cast<int>(i), node.elementwise(ElementwiseKind::select, {condition, a, b}, "select"));
  }
}

//===-- Loop ------------------------------------------------------------------------------------------------------===//

namespace {

/// One loop being written out. Where the number of iterations is data and rows are collected, the loop runs as often as
/// the model declares rows, and the run fails if that is not so.
class LoopWriter {
public:
  LoopWriter(NodeContext &node, const onnx::Graph &body) : node(node), session(node.getSession()), body(body) {}

  void import();

private:
  bool readHead();
  bool readLimits();
  bool isOpen() const { return active || dynamicTrips; }
  /// Whether another iteration is written; a loop without a bound is reported.
  bool goesOn(int64_t iteration);
  bool runIteration(int64_t iteration);
  /// Keeps a carried value where the loop has ended before this iteration.
  ImportedValue choose(const ImportedValue &next, const ImportedValue &last);
  std::optional<int64_t> findDeclaredRows();
  /// The condition that exactly `count` iterations run; null: certain.
  Value checkCount(int64_t count);
  void setResults(Value holds);
  Value both(Value a, Value b) {
    return !a ? b : !b ? a : node.elementwise(ElementwiseKind::logical_and, {a, b}, "active");
  }
  Value compareTrips(ElementwiseKind kind, int64_t count) {
    Value number = node.constant(static_cast<double>(count), typeOf(dynamicTrips).getElementType());
    return node.elementwise(kind, {dynamicTrips, number}, "trips/compared");
  }

  NodeContext &node;
  ImportSession &session;
  const onnx::Graph &body;
  size_t numCarried = 0;
  std::optional<int64_t> trips, rows;
  Value dynamicTrips;    // a scalar, where the trip count is data
  bool hasEnded = false; // the condition is known to be false
  bool countsRows = false;
  Value active, lastActive; // whether the next, the last iteration runs; null: certainly
  std::vector<ImportedValue> carried;
  std::vector<RowStack> scanned;
};

bool LoopWriter::readHead() {
  int inputs = node.countInputs();
  if (inputs < 2 || body.input_size() != inputs || body.output_size() < inputs - 1 ||
      node.countResults() > body.output_size() - 1) {
    node.fail("E-BAD-FILE", "its inputs and results are not those of its body");
    return false;
  }
  numCarried = inputs - 2;
  scanned.resize(body.output_size() - 1 - numCarried);
  for (size_t i = 0; i < scanned.size(); ++i)
    countsRows |= node.hasResult(static_cast<int>(numCarried + i));
  for (int i = 2; i < inputs; ++i) {
    ImportedValue *found = node.hasInput(i) ? session.find(node.getInputName(i)) : nullptr;
    if (!found) {
      node.fail("E-BAD-FILE", "input " + llvm::Twine(i) + " is missing");
      return false;
    }
    carried.push_back(*found);
  }
  return readLimits();
}

bool LoopWriter::readLimits() {
  if (node.hasInput(0)) {
    const Known *known = node.known(0);
    if (known && known->elements.size() == 1 && known->isStatic())
      trips = std::max<int64_t>(0, known->elements[0].constant);
    else
      dynamicTrips = node.reshape(node.input(0), {}, "trips");
  }
  if (node.hasInput(1)) {
    if (std::optional<bool> flag = readFlag(node.known(1)))
      hasEnded = !*flag;
    else
      active = node.reshape(node.input(1), {}, "condition");
  }
  rows = findDeclaredRows();
  return !node.hasFailed();
}

std::optional<int64_t> LoopWriter::findDeclaredRows() {
  const onnx::Graph &graph = session.getFile().getModel().graph();
  for (size_t i = 0; i < scanned.size(); ++i) {
    int index = static_cast<int>(numCarried + i);
    for (const auto *list : {&graph.output(), &graph.value_info()})
      for (const onnx::ValueInfo &value : *list) {
        const onnx::Shape &shape = value.type().tensor_type().shape();
        if (node.hasResult(index) && value.name() == node.getNode().output(index) && shape.dim_size() > 0 &&
            shape.dim(0).dim_value() > 0)
          return shape.dim(0).dim_value();
      }
  }
  return std::nullopt;
}

bool LoopWriter::goesOn(int64_t iteration) {
  if (hasEnded || (trips && iteration >= *trips) || node.hasFailed())
    return false;
  if (isOpen() && countsRows && !rows) {
    node.failShape("its number of iterations, and so the size of a result, depends on data");
    return false;
  }
  if (isOpen() && !countsRows && !trips) {
    node.failShape("its number of iterations depends on data and has no bound");
    return false;
  }
  return !(isOpen() && countsRows && iteration >= *rows);
}

ImportedValue LoopWriter::choose(const ImportedValue &next, const ImportedValue &last) {
  ImportedValue chosen;
  Value a = materialize(node, next, "next"), b = materialize(node, last, "last");
  if (a && b && typeOf(a) == typeOf(b))
    chosen.value = node.elementwise(ElementwiseKind::select, {lastActive, a, b}, "carried");
  else if (a && b)
    node.failShape("a carried value changes its shape, and the number of iterations depends on data");
  chosen.isPoisoned = !chosen.value;
  return chosen;
}

bool LoopWriter::runIteration(int64_t iteration) {
  Block *block = session.getBuilder().getInsertionBlock();
  Operation *before = block->empty() ? nullptr : &block->back();
  session.openScope(/*isFunction=*/false, session.getOpset());
  ImportedValue number, isRunning;
  Type index = IntegerType::get(session.getContext(), 64, IntegerType::Signed);
  number.known = std::make_shared<Known>(Known::scalar(DimSize(iteration), index));
  isRunning.known = std::make_shared<Known>(Known::scalar(DimSize(1), session.getBuilder().getI1Type()));
  session.define(body.input(0).name(), number);
  session.define(body.input(1).name(), isRunning); // an iteration that runs sees a true condition
  for (size_t i = 0; i < carried.size(); ++i)
    session.define(body.input(static_cast<int>(2 + i)).name(), carried[i]);
  importGraphBody(session, body, node.getName() + "/" + std::to_string(iteration));
  std::vector<std::string> names = listOutputs(body);
  for (size_t i = 0; i <= carried.size(); ++i)
    session.getKnown(names[i]); // shapes that the body computes stay known
  for (size_t i = 0; i < scanned.size(); ++i)
    scanned[i].push(node, session.getValue(names[1 + numCarried + i], node.getLocation()));
  std::vector<ImportedValue> results = readOutputs(session, names);
  session.closeScope();
  if (llvm::any_of(results, [](const ImportedValue &value) { return value.isPoisoned; })) {
    node.skip();
    return false;
  }
  Operation *risky = active && !countsRows ? findRiskyOp(*block, before) : nullptr;
  if (risky)
    node.failOp("the number of its iterations depends on data, and '" + getModelName(risky).str() +
                "' could fail in one that does not run");
  lastActive = active;
  for (size_t i = 0; i < carried.size(); ++i)
    carried[i] = active && !countsRows ? choose(results[1 + i], carried[i]) : results[1 + i];
  if (std::optional<bool> flag = readFlag(results[0].known.get()))
    hasEnded = !*flag;
  else
    active = both(active, node.reshape(materialize(node, results[0], "condition"), {}, "condition"));
  return !node.hasFailed();
}

Value LoopWriter::checkCount(int64_t count) {
  Value holds = dynamicTrips ? both(lastActive, compareTrips(ElementwiseKind::ge, count)) : lastActive;
  if (hasEnded || (trips && *trips == count))
    return holds;
  Value more = dynamicTrips ? both(active, compareTrips(ElementwiseKind::gt, count)) : active;
  return both(holds, node.elementwise(ElementwiseKind::logical_not, {more}, "ends"));
}

void LoopWriter::setResults(Value holds) {
  for (size_t i = 0; i < carried.size(); ++i) {
    int index = static_cast<int>(i);
    if (!holds)
      node.setImported(index, carried[i]);
    else if (node.hasResult(index))
      node.setResult(index, failUnless(node, holds, materialize(node, carried[i], "carried")));
  }
  for (size_t i = 0; i < scanned.size(); ++i) {
    int index = static_cast<int>(numCarried + i);
    if (!node.hasResult(index))
      continue;
    if (scanned[i].isEmpty())
      return node.failShape("it runs no iteration, so that the shape of result " + llvm::Twine(index) +
                            " is not known");
    Value stacked = scanned[i].take(node);
    node.setResult(index, holds ? failUnless(node, holds, stacked) : stacked);
  }
}

void LoopWriter::import() {
  if (!readHead())
    return;
  Iterations iterations(node);
  int64_t count = 0;
  while (goesOn(count))
    if (!iterations.mayRun(count) || !runIteration(count++))
      return;
  if (node.hasFailed())
    return;
  bool isAssumed = countsRows && (isOpen() || lastActive);
  if (isAssumed && count != rows.value_or(count))
    return node.failShape("it runs " + llvm::Twine(count) + " times, but the model declares " + llvm::Twine(*rows) +
                          " rows");
  setResults(isAssumed ? checkCount(count) : Value());
}

} // namespace

static void importLoop(NodeContext &node) {
  if (const onnx::Graph *body = node.getGraph("body"))
    LoopWriter(node, *body).import();
}

void partita::import::addControlFlowOps(OpTable &table) {
  table.insert({{"If", importIf}, {"Loop", importLoop}, {"Scan", importScan}});
}
