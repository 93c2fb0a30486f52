// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeBuild.cpp - Ops of the graph dialect for a node ---------------------===//
#include "NodeContext.h"
#include "WireScan.h"
#include "partita/interpreter/Evaluate.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

static RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

Sizes NodeContext::sizesOf(Value value) {
  Sizes sizes;
  for (int64_t dim = 0; dim < typeOf(value).getRank(); ++dim)
    sizes.push_back(getDimSize(typeOf(value), dim).value_or(DimSize(1)));
  return sizes;
}

RankedTensorType NodeContext::makeType(const Sizes &sizes, Type element) {
  bool fits = true;
  for (const DimSize &size : sizes)
    fits &= isInRange(size) && size.minimum().value_or(-1) >= 0;
  RankedTensorType type = fits ? getTensorType(sizes, element) : RankedTensorType();
  std::optional<int64_t> elements = type ? getBoundElements(type) : std::nullopt;
  if (elements && *elements <= largestSize)
    return type;
  failShape("a tensor of shape " + toText(sizes) + " has a negative extent or too many elements");
  return RankedTensorType();
}

std::string NodeContext::partName(llvm::StringRef part) {
  return session.claimName(part.empty() ? name : name + "/" + part.str());
}

/// The value of `op` where all its operands are constants and the result is small; null otherwise.
static ElementsAttr evaluateSmall(Operation *op) {
  auto type = typeOf(op->getResult(0));
  if (op->getNumOperands() == 0 || !type.hasStaticShape() || getBoundBytes(type) > int64_t(inlineByteLimit))
    return {};
  SmallVector<interpreter::Tensor> operands;
  for (Value operand : op->getOperands()) {
    auto constant = operand.getDefiningOp<ConstantOp>();
    if (!constant || getBoundBytes(typeOf(operand)) > int64_t(inlineByteLimit))
      return {};
    llvm::Expected<interpreter::Tensor> tensor = interpreter::Tensor::fromElements(constant.getValue());
    if (!tensor) {
      llvm::consumeError(tensor.takeError());
      return {};
    }
    operands.push_back(*tensor);
  }
  FailureOr<SmallVector<interpreter::Tensor>> results = interpreter::evaluate(op, operands, {});
  if (failed(results))
    return {};
  return (*results)[0].toElements(type);
}

std::string partita::import::findMistake(Operation *op) {
  std::string text;
  ScopedDiagnosticHandler handler(op->getContext(), [&](Diagnostic &diagnostic) {
    text = diagnostic.str();
    return success();
  });
  return failed(op->getName().verifyInvariants(op)) ? text : "";
}

Value NodeContext::finish(Operation *op) {
  // Conversions check what ONNX lets vary; the op knows what it is defined for (element types above all). A wrong op
  // must also not be evaluated.
  if (std::string mistake = findMistake(op); !mistake.empty()) {
    session.releaseName(op->getAttrOfType<StringAttr>("name").getValue());
    op->erase();
    failOp("not an operation of the graph dialect: " + mistake);
    return Value();
  }
  if (ElementsAttr value = evaluateSmall(op)) {
    std::string folded = op->getAttrOfType<StringAttr>("name").getValue().str();
    session.releaseName(folded);
    op->erase();
    Value result = session.makeConstant(location, value, folded);
    created.insert(result.getDefiningOp());
    return result;
  }
  created.insert(op);
  return op->getResult(0);
}

Value NodeContext::constant(double value, Type element) {
  auto type = RankedTensorType::get({}, element);
  interpreter::Tensor tensor = interpreter::Tensor::fromDoubles(element, {}, {value});
  Value made = session.makeConstant(location, tensor.toElements(type), name + "/constant");
  created.insert(made.getDefiningOp());
  return made;
}

static bool isComparison(ElementwiseKind kind) { return kind >= ElementwiseKind::eq && kind <= ElementwiseKind::ge; }

Value NodeContext::elementwise(ElementwiseKind kind, llvm::ArrayRef<Value> operands, llvm::StringRef part) {
  std::vector<Sizes> shapes;
  for (Value operand : operands) {
    if (!operand)
      return Value();
    shapes.push_back(sizesOf(operand));
  }
  std::optional<Sizes> common = broadcastSizes(shapes);
  if (!common)
    return Value();
  SmallVector<Value> alike;
  for (Value operand : operands)
    alike.push_back(broadcast(operand, *common));
  Type element = isComparison(kind) ? Type(session.getBuilder().getI1Type()) : typeOf(operands.back()).getElementType();
  RankedTensorType type = makeType(*common, element);
  if (!type || llvm::is_contained(alike, Value()))
    return Value();
  for (size_t i = kind == ElementwiseKind::select ? 1 : 0; i < alike.size(); ++i) {
    if (typeOf(alike[i]).getElementType() == typeOf(alike.back()).getElementType())
      continue;
    failShape("its inputs have different element types");
    return Value();
  }
  return finish(ElementwiseOp::create(session.getBuilder(), location, type,
                                      partName(part.empty() ? stringifyElementwiseKind(kind) : part), kind, alike));
}

Value NodeContext::withNumber(ElementwiseKind kind, Value value, double number, llvm::StringRef part) {
  if (!value)
    return Value();
  return elementwise(kind, {value, constant(number, typeOf(value).getElementType())}, part);
}

Value NodeContext::cast(Value value, Type element, llvm::StringRef part) {
  if (!value || typeOf(value).getElementType() == element)
    return value;
  RankedTensorType type = makeType(sizesOf(value), element);
  return type ? finish(
                    CastOp::create(session.getBuilder(), location, type, partName(part.empty() ? "cast" : part), value))
              : Value();
}

Value NodeContext::castSaturating(Value value, Type element) {
  auto to = dyn_cast<FloatType>(element);
  if (!value || !to || to.getWidth() != 8 || typeOf(value).getElementType() == element)
    return cast(value, element);
  double largest = llvm::APFloat::getLargest(to.getFloatSemantics()).convertToDouble();
  Type from = typeOf(value).getElementType();
  // Narrow types do not hold the bounds.
  bool isWide = isa<FloatType>(from) && from.getIntOrFloatBitWidth() > 8;
  Value number = isWide ? value : cast(value, session.getBuilder().getF32Type(), "widen");
  number = withNumber(ElementwiseKind::max, number, -largest, "saturate");
  return cast(withNumber(ElementwiseKind::min, number, largest, "saturate"), element);
}

Value NodeContext::reshape(Value value, const Sizes &sizes, llvm::StringRef part) {
  if (!value || sizesOf(value) == sizes)
    return value;
  RankedTensorType type = makeType(sizes, typeOf(value).getElementType());
  if (!type)
    return Value();
  std::optional<DimSize> ratio = divideProducts(sizesOf(value), sizes);
  bool isEmpty = llvm::is_contained(sizes, DimSize(0)) && llvm::is_contained(sizesOf(value), DimSize(0));
  if (!isEmpty && (!ratio || !(*ratio == DimSize(1)))) {
    failShape("shape " + toText(sizesOf(value)) + " cannot become " + toText(sizes));
    return Value();
  }
  if (auto inner = value.getDefiningOp<ReshapeOp>(); inner && inner.getInput().getType() == type)
    return inner.getInput();
  return finish(ReshapeOp::create(session.getBuilder(), location, type, partName(part), value));
}

Value NodeContext::transpose(Value value, llvm::ArrayRef<int64_t> permutation, llvm::StringRef part) {
  if (!value)
    return Value();
  Sizes from = sizesOf(value), to;
  for (int64_t dim : permutation)
    to.push_back(from[dim]);
  bool isIdentity = llvm::is_sorted(permutation);
  RankedTensorType type = makeType(to, typeOf(value).getElementType());
  if (!type || isIdentity)
    return type ? value : Value();
  // A transpose that undoes the one before: both vanish.
  if (auto inner = value.getDefiningOp<TransposeOp>()) {
    bool undoes = true;
    for (auto [dim, from] : llvm::enumerate(permutation))
      undoes &= inner.getPermutation()[from] == static_cast<int64_t>(dim);
    if (undoes)
      return inner.getInput();
  }
  return finish(TransposeOp::create(session.getBuilder(), location, type, partName(part), value, permutation));
}

Value NodeContext::slice(Value value, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> strides,
                         const Sizes &sizes, llvm::StringRef part) {
  if (!value)
    return Value();
  RankedTensorType type = makeType(sizes, typeOf(value).getElementType());
  bool isWhole = sizes == sizesOf(value) && llvm::all_of(starts, [](int64_t start) { return start == 0; }) &&
                 llvm::all_of(strides, [](int64_t stride) { return stride == 1; });
  if (!type || isWhole)
    return type ? value : Value();
  return finish(SliceOp::create(session.getBuilder(), location, type, partName(part), value, starts, strides));
}

Value NodeContext::pad(Value value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, llvm::StringRef part) {
  if (!value)
    return Value();
  Sizes sizes = sizesOf(value);
  for (size_t dim = 0; dim < sizes.size(); ++dim)
    sizes[dim] = sizes[dim] + DimSize(low[dim] + high[dim]);
  RankedTensorType type = makeType(sizes, typeOf(value).getElementType());
  if (!type || type == value.getType())
    return type ? value : Value();
  Value zero = constant(0.0, type.getElementType());
  return finish(PadOp::create(session.getBuilder(), location, type, partName(part), value, zero, low, high));
}

std::optional<Sizes> NodeContext::broadcastSizes(llvm::ArrayRef<Sizes> shapes) {
  size_t rank = 0;
  for (const Sizes &shape : shapes)
    rank = std::max(rank, shape.size());
  Sizes common(rank, DimSize(1));
  for (const Sizes &shape : shapes)
    for (size_t i = 0; i < shape.size(); ++i) {
      DimSize &target = common[rank - shape.size() + i];
      if (shape[i] == target || shape[i] == DimSize(1))
        continue;
      if (!(target == DimSize(1))) {
        failShape("shapes " + toText(shapes.front()) + " and " + toText(shape) + " do not fit together");
        return std::nullopt;
      }
      target = shape[i];
    }
  return common;
}

Value NodeContext::broadcast(Value value, const Sizes &sizes, llvm::StringRef part) {
  if (!value || sizesOf(value) == sizes)
    return value;
  Sizes from = sizesOf(value), kept;
  SmallVector<int64_t> dims;
  size_t offset = sizes.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i) {
    if (!(from[i] == sizes[offset + i]))
      continue; // an extent of 1 that repeats
    kept.push_back(from[i]);
    dims.push_back(static_cast<int64_t>(offset + i));
  }
  value = reshape(value, kept);
  RankedTensorType type = value ? makeType(sizes, typeOf(value).getElementType()) : RankedTensorType();
  if (!type || type == value.getType())
    return type ? value : Value();
  return finish(BroadcastOp::create(session.getBuilder(), location, type, partName(part), value, dims));
}

Value NodeContext::reduce(ReduceKind kind, Value value, llvm::ArrayRef<int64_t> dims, bool keepDims,
                          llvm::StringRef part) {
  if (!value)
    return Value();
  Sizes from = sizesOf(value), reduced, kept;
  for (size_t dim = 0; dim < from.size(); ++dim) {
    bool isReduced = llvm::is_contained(dims, static_cast<int64_t>(dim));
    kept.push_back(isReduced ? DimSize(1) : from[dim]);
    if (!isReduced)
      reduced.push_back(from[dim]);
  }
  RankedTensorType type = makeType(reduced, typeOf(value).getElementType());
  if (!type)
    return Value();
  Value result =
      dims.empty() ? value
                   : finish(ReduceOp::create(session.getBuilder(), location, type, partName(part), kind, value, dims));
  return keepDims ? reshape(result, kept) : result;
}

Value NodeContext::gather(Value table, Value indices, int64_t axis, llvm::StringRef part) {
  if (!table || !indices)
    return Value();
  Sizes from = sizesOf(table), of = sizesOf(indices);
  if (!llvm::isa<IntegerType>(typeOf(indices).getElementType()) || typeOf(indices).getElementType().isInteger(1)) {
    failShape("its indices are not integers");
    return Value();
  }
  Sizes to(from.begin(), from.begin() + axis);
  to.insert(to.end(), of.begin(), of.end());
  to.insert(to.end(), from.begin() + axis + 1, from.end());
  RankedTensorType type = makeType(to, typeOf(table).getElementType());
  if (!type)
    return Value();
  if (from[axis].isStatic())
    session.getParameters().boundInput(indices, from[axis].constant - 1);
  return finish(GatherOp::create(session.getBuilder(), location, type, partName(part), table, indices, axis));
}

Value NodeContext::iota(const DimSize &count, Type element, llvm::StringRef part) {
  RankedTensorType type = makeType({count}, element);
  return type ? finish(IotaOp::create(session.getBuilder(), location, type, partName(part), 0)) : Value();
}

Value NodeContext::concat(llvm::ArrayRef<Value> values, int64_t dim, llvm::StringRef part) {
  if (values.empty() || llvm::is_contained(values, Value()))
    return Value();
  Sizes total = sizesOf(values[0]);
  Type element = typeOf(values[0]).getElementType();
  for (Value value : values.drop_front()) {
    Sizes sizes = sizesOf(value);
    bool isRanked = sizes.size() == total.size();
    std::optional<DimSize> sum = isRanked ? addChecked(total[dim], sizes[dim]) : std::nullopt;
    if (isRanked)
      sizes[dim] = total[dim];
    if (sizes != total || !sum || typeOf(value).getElementType() != element) {
      failShape("an input of shape " + toText(sizesOf(value)) + " does not continue " + toText(total));
      return Value();
    }
    total[dim] = *sum;
  }
  RankedTensorType type = makeType(total, element);
  if (!type || values.size() == 1)
    return type ? values[0] : Value();
  return finish(ConcatOp::create(session.getBuilder(), location, type, partName(part), values, dim));
}

Value NodeContext::contract(Value lhs, Value rhs, const std::string &spec, llvm::StringRef part) {
  if (!lhs || !rhs)
    return Value();
  if (typeOf(lhs).getElementType() != typeOf(rhs).getElementType()) {
    failShape("its inputs have different element types");
    return Value();
  }
  size_t comma = spec.find(','), arrow = spec.find("->");
  std::string left = spec.substr(0, comma), right = spec.substr(comma + 1, arrow - comma - 1);
  Sizes leftSizes = sizesOf(lhs), rightSizes = sizesOf(rhs), to;
  for (size_t i = 0; i < left.size(); ++i)
    if (size_t other = right.find(left[i]); other != std::string::npos && !(leftSizes[i] == rightSizes[other])) {
      failShape("shapes " + toText(leftSizes) + " and " + toText(rightSizes) + " do not fit together");
      return Value();
    }
  for (char letter : spec.substr(arrow + 2)) {
    size_t at = left.find(letter);
    to.push_back(at != std::string::npos ? leftSizes[at] : rightSizes[right.find(letter)]);
  }
  RankedTensorType type = makeType(to, typeOf(lhs).getElementType());
  if (!type)
    return Value();
  return finish(ContractionOp::create(session.getBuilder(), location, type, partName(part), lhs, rhs, spec));
}
