// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dispatch: checks the operands against their types and calls the op's own function.
#include "partita/interpreter/Evaluate.h"
#include "Families.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;

namespace partita::interpreter {

Type getKeptElement(Type element, const Arithmetic &arithmetic) {
  return arithmetic.doublePrecision && isa<FloatType>(element) ? Float64Type::get(element.getContext()) : element;
}

std::vector<int64_t> summationOrder(int64_t count, const Arithmetic &arithmetic) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (!arithmetic.reductionSeed)
    return order;
  uint64_t state = *arithmetic.reductionSeed * 0x9E3779B97F4A7C15ull + 1;
  // Fisher-Yates with the SplitMix64 generator (Steele, Lea, Flood 2014).
  for (int64_t i = count - 1; i > 0; --i) {
    uint64_t bits = state += 0x9E3779B97F4A7C15ull;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
    std::swap(order[i], order[(bits ^ (bits >> 31)) % static_cast<uint64_t>(i + 1)]);
  }
  return order;
}

LogicalResult failShape(Operation *op, const Twine &what) { return op->emitOpError() << "E-BAD-INPUT: " << what.str(); }

Shape stridesOf(ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (int64_t dim = static_cast<int64_t>(shape.size()) - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * shape[dim + 1];
  return strides;
}

FailureOr<Shape> findFirstReads(Operation *op, const Call &call, size_t begin, ArrayRef<WindowedDim> dims) {
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  std::optional<Box> part = call.context.scope.findBox(type);
  std::optional<Shape> whole = call.context.scope.findGlobalShape(type);
  if (!part || !whole)
    return op->emitOpError() << "E-DIM-UNBOUND: the extents of " << type << " are not known here";
  Shape reads;
  for (size_t dim = begin; dim < begin + dims.size(); ++dim) {
    const auto &[stride, low, reach] = dims[dim - begin];
    int64_t first = call.result.offset[dim] * stride - low, steps = call.result.extent[dim];
    int64_t own = part->offset[dim], ownEnd = own + part->extent[dim];
    reads.push_back(first - own);
    int64_t from = std::max(first, int64_t(0)), to = std::min(first + (steps - 1) * stride + reach, (*whole)[dim]);
    if (steps > 0 && from < to && (from < own || to > ownEnd))
      return failShape(op, "dim " + Twine(dim) + " reads from " + Twine(from) + " to " + Twine(to) +
                               ", outside of its part of the operand");
  }
  return reads;
}

bool nextIndex(MutableArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t dim = static_cast<int64_t>(shape.size()) - 1;
  while (dim >= 0 && ++index[dim] == shape[dim])
    index[dim--] = 0;
  return dim >= 0;
}

/// Every operand is present and has the extents and the element type of its type.
static LogicalResult checkOperands(Operation *op, ArrayRef<Tensor> operands, const Context &context) {
  if (operands.size() != op->getNumOperands())
    return failShape(op, "got " + Twine(operands.size()) + " operands");
  for (auto [index, operand] : llvm::enumerate(operands)) {
    auto type = dyn_cast<RankedTensorType>(op->getOperand(index).getType());
    if (!type || !operand.isPresent())
      return failShape(op, "operand " + Twine(index) + " has no value");
    std::optional<Box> box = context.scope.findBox(type);
    if (!box)
      return op->emitOpError() << "E-DIM-UNBOUND: the extents of " << type << " are not known here";
    if (ArrayRef<int64_t>(box->extent) != operand.getShape() ||
        operand.getElementType() != getKeptElement(type.getElementType(), context.arithmetic))
      return failShape(op, "operand " + Twine(index) + " is " + describe(operand) + ", which does not fit its type");
  }
  return success();
}

static Outcome dispatch(Operation *op, const Call &call) {
  return llvm::TypeSwitch<Operation *, Outcome>(op)
      .Case([&](graph::ConstantOp typed) { return evaluateConstant(typed, call); })
      .Case([&](graph::IotaOp typed) { return evaluateIota(typed, call); })
      .Case([&](graph::RandomBitsOp typed) { return evaluateRandomBits(typed, call); })
      .Case([&](graph::ContractionOp typed) { return evaluateContraction(typed, call); })
      .Case([&](graph::ConvolutionOp typed) { return evaluateConvolution(typed, call); })
      .Case([&](graph::ElementwiseOp typed) { return evaluateElementwise(typed, call); })
      .Case([&](graph::CastOp typed) { return evaluateCast(typed, call); })
      .Case([&](graph::BroadcastOp typed) { return evaluateBroadcast(typed, call); })
      .Case([&](graph::ReshapeOp typed) { return evaluateReshape(typed, call); })
      .Case([&](graph::TransposeOp typed) { return evaluateTranspose(typed, call); })
      .Case([&](graph::SliceOp typed) { return evaluateSlice(typed, call); })
      .Case([&](graph::ConcatOp typed) { return evaluateConcat(typed, call); })
      .Case([&](graph::PadOp typed) { return evaluatePad(typed, call); })
      .Case([&](graph::GatherOp typed) { return evaluateGather(typed, call); })
      .Case([&](graph::GatherAlongOp typed) { return evaluateGatherAlong(typed, call); })
      .Case([&](graph::ScatterAlongOp typed) { return evaluateScatterAlong(typed, call); })
      .Case([&](graph::TopKOp typed) { return evaluateTopK(typed, call); })
      .Case([&](graph::CumulativeOp typed) { return evaluateCumulative(typed, call); })
      .Case([&](graph::ReduceOp typed) { return evaluateReduce(typed, call); })
      .Case([&](graph::WindowReduceOp typed) { return evaluateWindowReduce(typed, call); })
      .Case([&](graph::WindowArgmaxOp typed) { return evaluateWindowArgmax(typed, call); })
      .Case([&](graph::RecurrentOp typed) { return evaluateRecurrent(typed, call); })
      .Case([&](graph::ExpertsOp typed) { return evaluateExperts(typed, call); })
      .Case([&](graph::CountedOp typed) { return evaluateCounted(typed, call); })
      .Case([&](graph::SoftmaxOp typed) { return evaluateSoftmax(typed, call); })
      .Case([&](graph::LayerNormOp typed) { return evaluateLayerNorm(typed, call); })
      .Case([&](graph::RmsNormOp typed) { return evaluateRmsNorm(typed, call); })
      .Case([&](graph::BatchNormOp typed) { return evaluateBatchNorm(typed, call); })
      .Case([&](graph::AttentionOp typed) { return evaluateAttention(typed, call); })
      .Case([&](graph::RotaryOp typed) { return evaluateRotary(typed, call); })
      .Default([](Operation *other) -> Outcome {
        return other->emitOpError("E-NO-EVALUATION: the interpreter has no meaning for this op");
      });
}

FailureOr<SmallVector<Tensor>> evaluate(Operation *op, ArrayRef<Tensor> operands, const Context &context) {
  if (failed(checkOperands(op, operands, context)))
    return failure();
  SmallVector<Box> boxes;
  for (Type type : op->getResultTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    std::optional<Box> box = tensor ? context.scope.findBox(tensor) : std::nullopt;
    if (!box)
      return op->emitOpError() << "E-DIM-UNBOUND: the extents of " << type << " are not known here";
    boxes.push_back(*box);
  }
  if (auto custom = dyn_cast<graph::CustomOp>(op))
    return evaluateCustom(custom, operands, boxes, context);
  if (boxes.size() != 1)
    return op->emitOpError("E-NO-EVALUATION: the interpreter has no meaning for this op");
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Outcome result =
      dispatch(op, {operands, context, boxes.front(), getKeptElement(type.getElementType(), context.arithmetic)});
  if (failed(result))
    return failure();
  return SmallVector<Tensor>{*result};
}

} // namespace partita::interpreter
