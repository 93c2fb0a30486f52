// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/interpreter/Tensor.h"
#include "Elements.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>

using namespace mlir;

namespace partita::interpreter {

int64_t countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Tensor::Tensor(Type element, ArrayRef<int64_t> shape) : element(element), shape(shape.begin(), shape.end()) {
  // One byte more, so that an empty tensor has an address too.
  auto storage = std::make_shared<std::vector<uint8_t>>(getNumBytes() + 1);
  data = storage->data();
  owner = std::move(storage);
}

Tensor::Tensor(Type element, ArrayRef<int64_t> shape, const uint8_t *bytes, std::shared_ptr<const void> owner)
    : element(element), shape(shape.begin(), shape.end()), owner(std::move(owner)), data(bytes) {}

int64_t Tensor::getElementBytes() const { return partita::getElementBits(element) / 8; }

Tensor Tensor::fromDoubles(Type element, ArrayRef<int64_t> shape, ArrayRef<double> values) {
  return pack<double>(element, shape, std::vector<double>(values.begin(), values.end()));
}

llvm::Expected<Tensor> Tensor::fromElements(ElementsAttr value) {
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return makeError("E-BAD-FILE", "a constant's value is neither dense nor a splat");
  auto type = cast<ShapedType>(dense.getType());
  Type element = type.getElementType();
  std::vector<double> numbers;
  std::vector<uint64_t> integers;
  if (isa<FloatType>(element)) {
    for (APFloat number : dense.getValues<APFloat>()) {
      // Every supported float is exact as a double.
      bool losesInfo;
      number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
      numbers.push_back(number.convertToDouble());
    }
    return pack<double>(element, type.getShape(), numbers);
  }
  for (const APInt &number : dense.getValues<APInt>())
    integers.push_back(element.isSignedInteger() ? static_cast<uint64_t>(number.getSExtValue())
                                                 : number.getZExtValue());
  return pack<uint64_t>(element, type.getShape(), integers);
}

Tensor Tensor::withShape(ArrayRef<int64_t> newShape) const { return Tensor(element, newShape, data, owner); }

std::vector<double> Tensor::toDoubles() const { return unpack<double>(*this); }

DenseElementsAttr Tensor::toElements(RankedTensorType type) const {
  if (auto floatType = dyn_cast<FloatType>(element)) {
    std::vector<APFloat> numbers;
    for (double number : unpack<double>(*this)) {
      APFloat value(number);
      bool losesInfo;
      value.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
      numbers.push_back(value);
    }
    return DenseElementsAttr::get(type, numbers);
  }
  unsigned bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  std::vector<APInt> integers;
  for (uint64_t number : unpack<uint64_t>(*this))
    integers.push_back(APInt(64, number).trunc(bits));
  return DenseElementsAttr::get(type, integers);
}

bool Tensor::isIdenticalTo(const Tensor &other) const {
  return element == other.element && shape == other.shape && std::memcmp(data, other.data, getNumBytes()) == 0;
}

std::string describe(const Tensor &tensor) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "tensor<";
  for (int64_t extent : tensor.getShape())
    stream << extent << 'x';
  stream << tensor.getElementType() << '>';
  return text;
}

void copyBox(const Tensor &source, ArrayRef<int64_t> start, ArrayRef<int64_t> extent, Tensor &target,
             ArrayRef<int64_t> targetStart) {
  int64_t rank = source.getRank(), size = source.getElementBytes();
  if (countElements(extent) == 0)
    return;
  if (rank == 0) {
    std::memcpy(target.getMutableBytes(), source.getBytes(), size);
    return;
  }
  Shape index(rank, 0);
  int64_t rowBytes = extent.back() * size;
  while (true) {
    int64_t from = 0, to = 0;
    for (int64_t dim = 0; dim < rank; ++dim) {
      from = from * source.getShape()[dim] + start[dim] + index[dim];
      to = to * target.getShape()[dim] + targetStart[dim] + index[dim];
    }
    std::memcpy(target.getMutableBytes() + to * size, source.getBytes() + from * size, rowBytes);
    int64_t dim = rank - 2;
    while (dim >= 0 && ++index[dim] == extent[dim])
      index[dim--] = 0;
    if (dim < 0)
      return;
  }
}

Tensor cutBox(const Tensor &source, ArrayRef<int64_t> start, ArrayRef<int64_t> extent) {
  Tensor box(source.getElementType(), extent);
  copyBox(source, start, extent, box, Shape(extent.size(), 0));
  return box;
}

} // namespace partita::interpreter
