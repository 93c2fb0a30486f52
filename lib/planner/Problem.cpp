// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Problem.cpp - Reading a function as a planning problem ----------------------===//
#include "OpFigures.h"

#include "partita/dialects/interfaces/SymbolicShape.h"

#include <cmath>

using namespace mlir;

namespace partita::planner {

Picoseconds toPicoseconds(double seconds) {
  double scaled = std::round(seconds * 1e12);
  return scaled >= static_cast<double>(kNever) ? kNever : static_cast<Picoseconds>(std::max(0.0, scaled));
}

ValueInfo describeValue(Value value, ValueKind kind, std::string name) {
  ValueInfo info;
  info.value = value;
  info.kind = kind;
  info.name = std::move(name);
  if (auto tensor = dyn_cast<RankedTensorType>(value.getType())) {
    info.shape = placement::toShape(tensor);
    info.elementBytes = placement::getElementBytes(tensor.getElementType());
  } else {
    info.isScalar = true;
  }
  if (auto counted = dyn_cast_or_null<CountedOpInterface>(value.getDefiningOp()))
    info.expectedShare = counted.getExpectedShare();
  return info;
}

static std::string elementTypeOf(Operation *op) {
  for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (auto tensor = dyn_cast<RankedTensorType>(type)) {
        std::string text;
        llvm::raw_string_ostream(text) << tensor.getElementType();
        return text;
      }
  return "f32";
}

OpInfo describeOp(Operation *op, LoopNest nest) {
  OpInfo info;
  info.op = op;
  info.name = getModelName(op).str();
  info.nest = std::move(nest);
  info.loops = placement::toLoops(info.nest);
  info.elementType = elementTypeOf(op);
  if (auto cost = dyn_cast<CostOpInterface>(op)) {
    SmallVector<int64_t> extents;
    for (const Loop &loop : info.nest.loops)
      extents.push_back(loop.extent);
    info.work = cost.getWork(extents).kind;
  }
  info.units.resize(info.loops.size());
  info.isBatch.resize(info.loops.size());
  info.isToken.resize(info.loops.size());
  return info;
}

namespace {

class ProblemBuilder {
public:
  explicit ProblemBuilder(PlanningProblem &problem) : problem(problem), function(problem.function) {}

  LogicalResult build() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitError() << "E-PLAN: a function to be planned has one block";
    Block &body = function.getBody().front();
    readArguments();
    std::vector<Operation *> order = orderCanonically(body);
    for (Operation *op : order)
      if (failed(readOp(op)))
        return failure();
    for (Value value : body.getTerminator()->getOperands())
      problem.returned.push_back(numbers.lookup(value));
    problem.segments = findRepeatedSegments(order);
    return success();
  }

private:
  int addValue(Value value, ValueKind kind, std::string name) {
    numbers[value] = problem.values.size();
    problem.values.push_back(describeValue(value, kind, std::move(name)));
    return problem.values.size() - 1;
  }

  /// A role says what an argument is; in a function without roles the first argument is the input.
  void readArguments() {
    auto roleOf = [&](unsigned number) { return function.getArgAttrOfType<StringAttr>(number, "partita.role"); };
    bool hasRoles = false;
    for (unsigned number = 0; number < function.getNumArguments(); ++number)
      hasRoles |= static_cast<bool>(roleOf(number));
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      StringAttr role = roleOf(number), name = function.getArgAttrOfType<StringAttr>(number, "partita.name");
      bool isInput = hasRoles ? !role || role.getValue() == "input" : number == 0;
      addValue(argument, isInput ? ValueKind::input : ValueKind::parameter,
               name ? name.str() : "argument " + std::to_string(number));
    }
    problem.numArguments = function.getNumArguments();
  }

  LogicalResult readOp(Operation *op) {
    auto split = dyn_cast<SplitOpInterface>(op);
    if (!split)
      return op->emitError() << "E-NO-RULE: '" << op->getName() << "' does not say how it splits";
    OpInfo info = describeOp(op, split.getLoopNest());
    std::string error = checkLoopNest(info.nest, op->getOperandTypes(), op->getResultTypes());
    if (!error.empty())
      return op->emitError() << "E-NO-RULE: " << error;
    info.expansion = readExpansion(info);
    for (Value operand : op->getOperands())
      info.operands.push_back(numbers.lookup(operand));
    for (Value result : op->getResults())
      info.results.push_back(addValue(result, ValueKind::made, info.name));
    problem.ops.push_back(std::move(info));
    return success();
  }

  PlanningProblem &problem;
  func::FuncOp function;
  llvm::DenseMap<Value, int> numbers;
};

} // namespace

/// A product of two tensors: each loop is a row, a column, a batch or an inner one by the tensors that it indexes.
static cost::MatrixShape findMatrixShape(const OpInfo &op, ArrayRef<int64_t> extents) {
  if (op.work != WorkKind::matrix || op.nest.operands.size() < 2 || op.nest.results.size() != 1)
    return {};
  auto indexes = [](const ValueIndexing &value, unsigned loop) {
    return llvm::any_of(value, [&](const DimExpression &dim) {
      return llvm::any_of(dim, [&](const DimTerm &term) { return term.loop == loop; });
    });
  };
  cost::MatrixShape shape{1, 1, 1, 1};
  for (auto [loop, extent] : llvm::enumerate(extents)) {
    bool isLeft = indexes(op.nest.operands[0], loop), isRight = indexes(op.nest.operands[1], loop);
    int64_t &dim = !indexes(op.nest.results[0], loop) ? shape.k
                   : isLeft && isRight                ? shape.batch
                   : isRight                          ? shape.n
                                                      : shape.m;
    dim = multiplySaturated(dim, std::max<int64_t>(1, extent));
  }
  return shape;
}

cost::Computation describeKernel(const OpInfo &op, ArrayRef<int64_t> extents, int64_t read, int64_t written) {
  cost::Computation kernel;
  auto question = dyn_cast<CostOpInterface>(op.op);
  kernel.operations = question ? question.getWork(extents).operations : 0;
  kernel.unit = static_cast<cost::Unit>(static_cast<int>(op.work));
  // What is only moved is read once: a lookup does not read its whole table.
  kernel.read = Bytes{op.work == WorkKind::movement ? std::min(read, written) : read};
  kernel.written = Bytes{written};
  kernel.elementType = op.elementType;
  kernel.shape = findMatrixShape(op, extents);
  return kernel;
}

FailureOr<PlanningProblem> buildProblem(func::FuncOp function, const machine::Machine &machine,
                                        const cost::CostModel &cost, const PlanOptions &options) {
  PlanningProblem problem;
  problem.function = function;
  problem.machine = &machine;
  problem.cost = &cost;
  problem.options = options;
  for (const machine::DeviceType &type : machine.types())
    problem.memoryLimit = std::min(problem.memoryLimit, type.memory.value);
  if (options.memoryLimit)
    problem.memoryLimit = options.memoryLimit->value;
  if (options.microBatches < 1 || options.effort < 1)
    return function.emitError() << "E-PLAN: micro-batches and effort are at least 1";
  if (failed(ProblemBuilder(problem).build()))
    return failure();
  propagateDims(problem);
  if (failed(readPins(problem)))
    return failure();
  return problem;
}

} // namespace partita::planner
