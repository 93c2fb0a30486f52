// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Rebatch.cpp - A model with another batch than its file has --------------===//
#include "Rebatch.h"

#include "BatchFlow.h"
#include "NodeContext.h"
#include "partita/dialects/graph/Graph.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

namespace {

/// Writes the batch into types.
class Writer {
public:
  Writer(ImportSession &session, int64_t from, int64_t to) : session(session), from(from), to(to) {}

  RankedTensorType withBatch(RankedTensorType type, const BatchSpot &spot) const {
    std::vector<DimSize> sizes = sizesOf(type);
    sizes[static_cast<size_t>(spot.dim)] = DimSize(spot.outer * spot.inner * to);
    return getTensorType(sizes, type.getElementType());
  }

  /// Whether a tensor of that batch is not too large.
  bool fits(RankedTensorType type, const BatchSpot &spot) const {
    std::vector<DimSize> sizes = sizesOf(type);
    std::optional<DimSize> size = multiplyChecked(DimSize(spot.outer * spot.inner), DimSize(to));
    if (!size)
      return false;
    sizes[static_cast<size_t>(spot.dim)] = *size;
    std::optional<int64_t> elements = getBoundElements(getTensorType(sizes, type.getElementType()));
    return elements && *elements <= largestSize;
  }

  /// What `value` holds once, for each element of the batch.
  Value repeat(OpBuilder &builder, Value value, const BatchSpot &spot, StringRef name) {
    if (auto made = value.getDefiningOp<graph::BroadcastOp>(); made && !llvm::is_contained(made.getDims(), spot.dim))
      return graph::BroadcastOp::create(builder, made.getLoc(), withBatch(typeOf(value), spot), claim(name),
                                        made.getInput(), made.getDims());
    Location location = value.getLoc();
    std::vector<DimSize> sizes = sizesOf(typeOf(value)), once = sizes;
    // [.., outer, batch, inner, ..], of which the first of the batch is kept.
    auto at = once.begin() + spot.dim;
    at = once.erase(at);
    once.insert(at, {DimSize(spot.outer), DimSize(from), DimSize(spot.inner)});
    value = reshape(builder, location, value, once, name);
    size_t dim = static_cast<size_t>(spot.dim) + 1;
    if (from != 1) {
      once[dim] = DimSize(1);
      SmallVector<int64_t> starts(once.size(), 0), strides(once.size(), 1);
      value = graph::SliceOp::create(builder, location, getTensorType(once, typeOf(value).getElementType()),
                                     claim(name), value, starts, strides);
    }
    std::vector<DimSize> many = once;
    many[dim] = DimSize(to);
    once.erase(once.begin() + spot.dim + 1);
    value = reshape(builder, location, value, once, name);
    SmallVector<int64_t> dims;
    for (size_t i = 0; i < many.size(); ++i)
      if (i != dim)
        dims.push_back(static_cast<int64_t>(i));
    value = graph::BroadcastOp::create(builder, location, getTensorType(many, typeOf(value).getElementType()),
                                       claim(name), value, dims);
    sizes[static_cast<size_t>(spot.dim)] = DimSize(spot.outer * spot.inner * to);
    return reshape(builder, location, value, sizes, name);
  }

  /// `indices` (of any batch already) plus `step` times the number of each element of the batch.
  Value shift(OpBuilder &builder, Value indices, const BatchSpot &spot, int64_t step, StringRef name) {
    auto type = typeOf(indices);
    Location location = indices.getLoc();
    auto line = RankedTensorType::get({to}, type.getElementType());
    Value number = graph::IotaOp::create(builder, location, line, claim(name), 0);
    auto scalar = RankedTensorType::get({}, type.getElementType());
    APInt factor(type.getElementTypeBitWidth(), static_cast<uint64_t>(step));
    Value steps = session.makeConstant(location, DenseElementsAttr::get(scalar, factor), claim(name));
    steps.getDefiningOp()->moveBefore(&*builder.getInsertionPoint());
    steps = graph::BroadcastOp::create(builder, location, line, claim(name), steps, ArrayRef<int64_t>());
    number = graph::ElementwiseOp::create(builder, location, line, claim(name), graph::ElementwiseKind::mul,
                                          ValueRange{number, steps});
    std::vector<DimSize> many = sizesOf(type);
    auto at = many.erase(many.begin() + spot.dim);
    many.insert(at, {DimSize(spot.outer), DimSize(to), DimSize(spot.inner)});
    Value all = graph::BroadcastOp::create(builder, location, getTensorType(many, type.getElementType()), claim(name),
                                           number, ArrayRef<int64_t>{spot.dim + 1});
    return graph::ElementwiseOp::create(builder, location, type, claim(name), graph::ElementwiseKind::add,
                                        ValueRange{indices, reshape(builder, location, all, sizesOf(type), name)});
  }

private:
  static std::vector<DimSize> sizesOf(RankedTensorType type) {
    std::vector<DimSize> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      sizes.push_back(getDimSize(type, dim).value_or(DimSize(1)));
    return sizes;
  }
  std::string claim(StringRef name) { return session.claimName(name); }

  Value reshape(OpBuilder &builder, Location location, Value value, const std::vector<DimSize> &sizes, StringRef name) {
    RankedTensorType type = getTensorType(sizes, typeOf(value).getElementType());
    return type == value.getType() ? value : graph::ReshapeOp::create(builder, location, type, claim(name), value);
  }

  ImportSession &session;
  int64_t from, to;
};

} // namespace

/// The node that an op was made for.
static std::string nameOf(Operation *op) {
  auto name = op->getAttrOfType<StringAttr>("name");
  auto location = dyn_cast<NameLoc>(op->getLoc());
  return location ? location.getName().str() : name ? name.str() : op->getName().getStringRef().str();
}

static void reportProblems(ImportSession &session, const std::vector<BatchProblem> &problems) {
  const FixedBatch &asked = *session.getFixedBatch();
  std::set<std::string> said;
  for (const BatchProblem &problem : problems) {
    std::string text = "node '" + nameOf(problem.op) + "': the batch cannot be " + std::to_string(asked.to) +
                       " instead of " + std::to_string(asked.from) +
                       ", which the file has as a number: " + problem.reason;
    if (said.insert(text).second)
      session.report(problem.op->getLoc(), "E-DIM-FIXED", text);
  }
}

void partita::import::rebatch(ImportSession &session, func::FuncOp function) {
  const std::optional<FixedBatch> &asked = session.getFixedBatch();
  if (!asked || session.hasProblems())
    return;
  std::map<unsigned, int64_t> inputs;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    bool isInput = function.getArgAttrOfType<StringAttr>(index, kRoleAttr).getValue() == kRoleInput;
    if (auto found = asked->dims.find(name.str()); isInput && found != asked->dims.end())
      inputs[index] = found->second;
  }
  BatchFlow flow(function, asked->from);
  if (!flow.run(inputs))
    return reportProblems(session, flow.getProblems());
  Writer writer(session, asked->from, asked->to);
  std::vector<BatchProblem> tooLarge;
  auto check = [&](Operation *op, Value value, const BatchSpot &spot) {
    if (!writer.fits(typeOf(value), spot))
      tooLarge.push_back({op, "a tensor would have too many elements"});
  };
  for (const auto &[operand, spot] : flow.getCopies())
    check(operand.first, operand.first->getOperand(operand.second), spot);
  for (Operation &op : function.front())
    for (Value operand : op.getOperands())
      if (std::optional<BatchSpot> spot = flow.find(operand))
        check(&op, operand, *spot);
  if (!tooLarge.empty())
    return reportProblems(session, tooLarge);
  for (const auto &[operand, spot] : flow.getCopies()) {
    OpBuilder builder(operand.first);
    Value value = operand.first->getOperand(operand.second);
    operand.first->setOperand(operand.second, writer.repeat(builder, value, spot, nameOf(operand.first) + "/repeat"));
  }
  for (const auto &[op, spot] : flow.getPicks()) {
    OpBuilder builder(op);
    auto gather = cast<graph::GatherOp>(op);
    std::string name = nameOf(op) + "/pick";
    Value indices = writer.repeat(builder, gather.getIndices(), spot, name);
    gather.getIndicesMutable().assign(writer.shift(builder, indices, spot, flow.find(gather.getInput())->inner, name));
  }
  for (BlockArgument argument : function.getArguments())
    if (std::optional<BatchSpot> spot = flow.find(argument))
      argument.setType(writer.withBatch(typeOf(argument), *spot));
  for (Operation &op : function.front().without_terminator()) {
    for (Value result : op.getResults())
      if (std::optional<BatchSpot> spot = flow.find(result))
        result.setType(writer.withBatch(typeOf(result), *spot));
    if (std::string mistake = findMistake(&op); !mistake.empty())
      reportProblems(session, {{&op, mistake}});
  }
  Operation *end = function.front().getTerminator();
  function.setFunctionType(
      FunctionType::get(function.getContext(), function.front().getArgumentTypes(), end->getOperandTypes()));
}
