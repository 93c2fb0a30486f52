// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeIndexing.cpp - Ops by position for a node ---------------------------===//
#include "NodeContext.h"
#include "partita/interpreter/Tensor.h"

using namespace mlir;
using namespace partita;
using namespace partita::graph;
using namespace partita::import;

std::optional<std::vector<double>> NodeContext::numbers(int index) {
  std::optional<std::vector<double>> found = hasInput(index) ? session.getNumbers(node.input(index)) : std::nullopt;
  if (!found)
    failNeedsValue(index, "a short list of numbers");
  return found;
}

Type NodeContext::indexType() { return IntegerType::get(session.getContext(), 64, IntegerType::Signed); }

Type NodeContext::elementOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()).getElementType(); }

Value NodeContext::spread(Value value, const Sizes &sizes, llvm::ArrayRef<int64_t> dims, llvm::StringRef part) {
  RankedTensorType type = value ? makeType(sizes, elementOf(value)) : RankedTensorType();
  if (!type || type == value.getType())
    return type ? value : Value();
  return finish(BroadcastOp::create(session.getBuilder(), location, type, partName(part), value, dims));
}

Value NodeContext::cut(Value value, int64_t dim, int64_t start, const DimSize &size, int64_t stride,
                       llvm::StringRef part) {
  if (!value)
    return Value();
  Sizes sizes = sizesOf(value);
  SmallVector<int64_t> starts(sizes.size(), 0), strides(sizes.size(), 1);
  starts[dim] = start;
  strides[dim] = stride;
  sizes[dim] = size;
  return slice(value, starts, strides, sizes, part);
}

Value NodeContext::padOrCut(Value value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high, Value fill) {
  if (!value)
    return Value();
  Sizes sizes = sizesOf(value);
  SmallVector<int64_t> before(sizes.size(), 0), after(sizes.size(), 0);
  bool isPadded = false;
  for (size_t dim = 0; dim < sizes.size() && value; ++dim) {
    before[dim] = std::max<int64_t>(0, low[dim]);
    after[dim] = std::max<int64_t>(0, high[dim]);
    isPadded |= before[dim] + after[dim] > 0;
    int64_t start = std::max<int64_t>(0, -low[dim]), end = std::max<int64_t>(0, -high[dim]);
    if (start + end > 0)
      value = cut(value, static_cast<int64_t>(dim), start, sizes[dim] + DimSize(-start - end));
    std::optional<DimSize> size = addChecked(sizes[dim], DimSize(low[dim] + high[dim]));
    if (!size) {
      failShape("padding that is too large");
      return Value();
    }
    sizes[dim] = *size;
  }
  RankedTensorType type = value && isPadded ? makeType(sizes, elementOf(value)) : RankedTensorType();
  if (!type)
    return isPadded ? Value() : value;
  if (!fill)
    fill = constant(0, elementOf(value));
  return finish(PadOp::create(session.getBuilder(), location, type, partName("pad"), value, fill, before, after));
}

/// Whether indices of this type can be used; reported where not.
static bool areIndices(NodeContext &node, Value indices) {
  auto type = llvm::dyn_cast<IntegerType>(node.elementOf(indices));
  if (type && type.getWidth() > 1)
    return true;
  node.failShape("its indices are not integers");
  return false;
}

Value NodeContext::gatherAlong(Value value, Value indices, int64_t axis, llvm::ArrayRef<int64_t> dims,
                               llvm::StringRef part) {
  if (!value || !indices || !areIndices(*this, indices))
    return Value();
  Sizes sizes = sizesOf(value), of = sizesOf(indices);
  if (sizes[axis].isStatic())
    session.getParameters().boundInput(indices, sizes[axis].constant - 1);
  sizes[axis] = of[llvm::find(dims, axis) - dims.begin()];
  RankedTensorType type = makeType(sizes, elementOf(value));
  return type ? finish(GatherAlongOp::create(session.getBuilder(), location, type, partName(part), value, indices, axis,
                                             dims))
              : Value();
}

Value NodeContext::scatterAlong(ScatterKind kind, Value indices, Value updates, Value input, int64_t axis,
                                llvm::ArrayRef<int64_t> dims, const DimSize &extent, llvm::StringRef part) {
  if (!updates || !indices || !areIndices(*this, indices))
    return Value();
  Sizes sizes = sizesOf(updates);
  sizes[axis] = extent;
  if (extent.isStatic())
    session.getParameters().boundInput(indices, extent.constant - 1);
  RankedTensorType type = makeType(sizes, elementOf(updates));
  return type ? finish(ScatterAlongOp::create(session.getBuilder(), location, type, partName(part), kind, indices,
                                              updates, input, axis, dims))
              : Value();
}

Value NodeContext::topK(Value value, int64_t dim, const DimSize &count, bool largest, llvm::StringRef part) {
  if (!value)
    return Value();
  Sizes sizes = sizesOf(value);
  sizes[dim] = count;
  RankedTensorType type = makeType(sizes, indexType());
  return type ? finish(TopKOp::create(session.getBuilder(), location, type, partName(part), value, dim, largest))
              : Value();
}

Value NodeContext::cumulative(ReduceKind kind, Value value, int64_t dim, bool exclusive, bool reverse,
                              llvm::StringRef part) {
  if (!value)
    return Value();
  return finish(CumulativeOp::create(session.getBuilder(), location, value.getType(), partName(part), kind, value, dim,
                                     exclusive, reverse));
}

Value NodeContext::list(llvm::ArrayRef<int64_t> numbers, Type element, llvm::StringRef part) {
  auto type = RankedTensorType::get({static_cast<int64_t>(numbers.size())}, element);
  std::vector<double> values(numbers.begin(), numbers.end());
  interpreter::Tensor tensor = interpreter::Tensor::fromDoubles(element, type.getShape(), values);
  Value made = session.makeConstant(location, tensor.toElements(type), name + "/" + part.str());
  created.insert(made.getDefiningOp());
  return made;
}
