// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Views.cpp - Values as a person reads them -------------------------------===//
#include "Views.h"

#include "partita/dialects/interfaces/Partita.h"
#include "partita/interpreter/Tensor.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

bool partita::import::isUnit(RankedTensorType type, int64_t dim) { return type.getShape()[dim] == 1; }

bool partita::import::isSameExtent(RankedTensorType a, int64_t dimOfA, RankedTensorType b, int64_t dimOfB) {
  std::optional<DimSize> left = getDimSize(a, dimOfA), right = getDimSize(b, dimOfB);
  return left && right && *left == *right;
}

/// The dims of extent other than 1.
static SmallVector<int64_t> wideDims(RankedTensorType type) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!isUnit(type, dim))
      dims.push_back(dim);
  return dims;
}

/// The reshape's operand dims as dims of its result, where it only adds or drops dims of extent 1.
static std::optional<SmallVector<int64_t>> matchUnitReshape(ReshapeOp op) {
  RankedTensorType from = typeOf(op.getInput()), to = typeOf(op.getResult());
  SmallVector<int64_t> before = wideDims(from), after = wideDims(to), dims(from.getRank(), -1);
  if (before.size() != after.size())
    return std::nullopt;
  for (auto [source, target] : llvm::zip(before, after)) {
    if (!isSameExtent(from, source, to, target))
      return std::nullopt;
    dims[source] = target;
  }
  return dims;
}

View partita::import::viewOf(Value value) {
  View view{value, {}};
  RankedTensorType type = typeOf(value);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    view.dims.push_back(isUnit(type, dim) ? -1 : dim);
  while (Operation *op = view.core.getDefiningOp()) {
    SmallVector<int64_t> map;
    if (auto broadcast = dyn_cast<BroadcastOp>(op)) {
      map.assign(broadcast.getDims().begin(), broadcast.getDims().end());
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      std::optional<SmallVector<int64_t>> dims = matchUnitReshape(reshape);
      if (!dims)
        return view;
      map = *dims;
    } else {
      return view;
    }
    view.core = op->getOperand(0);
    RankedTensorType inner = typeOf(view.core);
    for (int64_t &dim : map)
      dim = dim < 0 || isUnit(inner, &dim - map.begin()) ? -1 : view.dims[dim];
    view.dims = map;
  }
  return view;
}

View partita::import::viewThrough(const View &view, Value operand) {
  View inner = viewOf(operand);
  for (int64_t &dim : inner.dims)
    dim = dim < 0 ? -1 : view.dims[dim];
  return inner;
}

/// The element of a parameter that has one, if its file can be read.
static std::optional<double> readParameter(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!function || !typeOf(value).hasStaticShape() || typeOf(value).getNumElements() != 1)
    return std::nullopt;
  auto source = function.getArgAttrOfType<SourceAttr>(argument.getArgNumber(), kSourceAttr);
  if (!source)
    return std::nullopt;
  llvm::Expected<interpreter::Tensor> data =
      interpreter::loadSource(source, typeOf(value).getElementType(), typeOf(value).getShape(), "");
  if (!data) {
    // Weights may be absent when only a plan is wanted; the pattern is then not seen, which loses speed, not numbers.
    llvm::consumeError(data.takeError());
    return std::nullopt;
  }
  return data->toDoubles().front();
}

std::optional<double> partita::import::readNumber(Value value) {
  Value core = viewOf(value).core;
  return core.getDefiningOp<ConstantOp>() ? readConstant(core) : readParameter(core);
}

std::optional<double> partita::import::readConstant(Value value) {
  auto constant = viewOf(value).core.getDefiningOp<ConstantOp>();
  if (!constant)
    return std::nullopt;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense || !dense.isSplat())
    return std::nullopt;
  if (isa<FloatType>(dense.getElementType()))
    return dense.getSplatValue<APFloat>().convertToDouble();
  auto type = dyn_cast<IntegerType>(dense.getElementType());
  if (!type)
    return std::nullopt;
  APInt number = dense.getSplatValue<APInt>();
  return type.isUnsigned() || type.getWidth() == 1 ? static_cast<double>(number.getZExtValue())
                                                   : static_cast<double>(number.getSExtValue());
}

bool partita::import::isAbout(double a, double b) {
  return std::abs(a - b) <= std::ldexp(std::max(std::abs(a), std::abs(b)), -22);
}

bool partita::import::isNumber(Value value, double expected) {
  std::optional<double> number = readNumber(value);
  return number && isAbout(*number, expected);
}

std::optional<OperandRange> partita::import::matchElementwise(Value value, ElementwiseKind kind) {
  auto op = value.getDefiningOp<ElementwiseOp>();
  if (!op || op.getKind() != kind)
    return std::nullopt;
  return op.getInputs();
}

Scaled partita::import::matchScaled(Value value) {
  if (auto product = matchElementwise(value, ElementwiseKind::mul))
    for (unsigned i : {0u, 1u})
      if (std::optional<double> number = readNumber((*product)[i]))
        return {(*product)[1 - i], *number};
  if (auto quotient = matchElementwise(value, ElementwiseKind::div))
    if (std::optional<double> number = readNumber((*quotient)[1]); number && *number != 0.0)
      return {(*quotient)[0], 1.0 / *number};
  return {value, 1.0};
}

std::optional<std::pair<Value, double>> partita::import::matchShifted(Value value) {
  if (auto sum = matchElementwise(value, ElementwiseKind::add))
    for (unsigned i : {0u, 1u})
      if (std::optional<double> number = readNumber((*sum)[i]))
        return std::pair<Value, double>((*sum)[1 - i], *number);
  return std::nullopt;
}

Product partita::import::takeProductApart(Value value) {
  Product product;
  // Depth first, left to right; an explicit stack, since a product may be as long as a model is deep.
  SmallVector<Value> pending{value};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    bool isOwn = next == value || next.hasOneUse();
    if (std::optional<double> number = readNumber(next)) {
      product.number *= *number;
    } else if (auto factors = matchElementwise(next, ElementwiseKind::mul); factors && isOwn) {
      pending.push_back((*factors)[1]);
      pending.push_back((*factors)[0]);
    } else if (Scaled scaled = matchScaled(next); scaled.other != next && isOwn) {
      product.number *= scaled.factor;
      pending.push_back(scaled.other);
    } else {
      product.factors.push_back(next);
    }
  }
  return product;
}

Trail::Trail(Value wide) : outer(typeOf(wide)) {
  View view = viewOf(wide);
  place = view.core;
  dims = view.dims;
}

void Trail::follow(Value operand) {
  View view = viewThrough({place, dims}, operand);
  place = view.core;
  dims = view.dims;
}

double Trail::followScale() {
  Scaled scaled = matchScaled(place);
  if (scaled.other != place)
    follow(scaled.other);
  return scaled.factor;
}

bool Trail::runsAlong(llvm::function_ref<bool(int64_t)> keep) const {
  SmallVector<int64_t> found, wanted;
  for (int64_t dim : dims)
    if (dim >= 0)
      found.push_back(dim);
  for (int64_t dim = 0; dim < outer.getRank(); ++dim)
    if (!isUnit(outer, dim) && keep(dim))
      wanted.push_back(dim);
  return found == wanted;
}

std::optional<RowReduction> partita::import::matchRowReduction(const Trail &trail, ReduceKind kind) {
  auto reduce = trail.at().getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getKind() != kind || reduce.getInput().getType() != trail.getOuterType())
    return std::nullopt;
  if (!trail.runsAlong([&](int64_t dim) { return !llvm::is_contained(reduce.getDims(), dim); }))
    return std::nullopt;
  RowReduction found{reduce.getInput(), SmallVector<int64_t>(reduce.getDims())};
  llvm::sort(found.dims);
  return found;
}

std::optional<Mean> partita::import::matchMean(Trail trail) {
  double factor = 1.0;
  for (Value place; place != trail.at();) {
    place = trail.at();
    factor *= trail.followScale();
  }
  std::optional<RowReduction> sum = matchRowReduction(trail, ReduceKind::sum);
  if (!sum || sum->dims.empty())
    return std::nullopt;
  RankedTensorType type = trail.getOuterType();
  int64_t count = 1;
  for (int64_t dim : sum->dims)
    if (type.isDynamicDim(dim) || llvm::MulOverflow(count, type.getDimSize(dim), count))
      return std::nullopt;
  if (count == 0 || !isAbout(factor * static_cast<double>(count), 1.0))
    return std::nullopt;
  return Mean{sum->input, sum->dims};
}

void partita::import::eraseUnused(Block &body) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (op.use_empty() && isMemoryEffectFree(&op) && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();
}

NameTable::NameTable(func::FuncOp function) {
  function.walk([&](Operation *op) {
    if (auto name = op->getAttrOfType<StringAttr>("name"))
      names.insert(name.str());
  });
}

StringAttr NameTable::derive(Operation *op, StringRef part) {
  std::string wanted = (op->getAttrOfType<StringAttr>("name").getValue() + "/" + part).str(), name = wanted;
  for (int64_t i = 2; !names.insert(name).second; ++i)
    name = wanted + "_" + std::to_string(i);
  return StringAttr::get(op->getContext(), name);
}

Value partita::import::widen(OpBuilder &builder, Operation *at, NameTable &names, StringRef part, Value core,
                             ArrayRef<int64_t> dims, RankedTensorType wide) {
  SmallVector<DimSize> extents;
  SmallVector<int64_t> targets;
  for (auto [dim, target] : llvm::enumerate(dims))
    if (target >= 0) {
      targets.push_back(target);
      extents.push_back(*getDimSize(typeOf(core), static_cast<int64_t>(dim)));
    }
  Type element = typeOf(core).getElementType();
  if (targets.size() != dims.size())
    core = ReshapeOp::create(builder, at->getLoc(), getTensorType(extents, element),
                             names.derive(at, (part + "/reshape").str()), core);
  auto type = cast<RankedTensorType>(wide.clone(element));
  return type == core.getType()
             ? core
             : BroadcastOp::create(builder, at->getLoc(), type, names.derive(at, part), core, targets).getResult();
}

Value partita::import::makeSplat(OpBuilder &builder, Operation *at, NameTable &names, StringRef part,
                                 RankedTensorType type, double number) {
  auto element = cast<FloatType>(type.getElementType());
  APFloat value(number);
  bool losesInfo = false;
  value.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  if (type.hasStaticShape())
    return ConstantOp::create(builder, at->getLoc(), type, names.derive(at, part), DenseElementsAttr::get(type, value));
  auto scalar = RankedTensorType::get({}, element);
  Value one = ConstantOp::create(builder, at->getLoc(), scalar, names.derive(at, (part + "/number").str()),
                                 DenseElementsAttr::get(scalar, value));
  return BroadcastOp::create(builder, at->getLoc(), type, names.derive(at, part), one, ArrayRef<int64_t>());
}
