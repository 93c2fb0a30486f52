// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the given inputs say about the symbolic dimensions, and whether they fit the model.
#include "partita/runtime/Box.h"
#include "partita/runtime/Program.h"

#include <cstring>

namespace partita::runtime {

std::vector<int64_t> shapeOf(const std::vector<Extent> &shape, const std::vector<int64_t> &symbols) {
  std::vector<int64_t> extents;
  for (const Extent &extent : shape)
    extents.push_back(evaluateExtent(extent, symbols.data()));
  return extents;
}

namespace {

constexpr int64_t unknown = -1;

// The one symbol of an extent that is not known yet, or -1 when there is none or more than one.
int64_t onlyUnknown(const Extent &extent, const std::vector<int64_t> &symbols) {
  int64_t found = -1;
  for (size_t i = 0; i < extent.coefficients.size(); ++i)
    if (extent.coefficients[i] != 0 && symbols[i] == unknown) {
      if (found >= 0)
        return -1;
      found = int64_t(i);
    }
  return found;
}

bool solve(const Image &image, const Input &input, size_t dimension, int64_t actual, std::vector<int64_t> &symbols,
           bool &progress, std::string &error) {
  const Extent &extent = input.shape[dimension];
  int64_t index = onlyUnknown(extent, symbols);
  if (index < 0)
    return true;
  const Symbol &symbol = image.symbols[size_t(index)];
  int64_t rest = extent.constant;
  for (size_t i = 0; i < extent.coefficients.size(); ++i)
    if (int64_t(i) != index && extent.coefficients[i] != 0)
      rest += extent.coefficients[i] * symbols[i];
  int64_t factor = extent.coefficients[size_t(index)], value = (actual - rest) / factor;
  if (value * factor != actual - rest || value < symbol.minimum || value > symbol.maximum) {
    error = "E-INPUT: input '" + input.name + "' has extent " + std::to_string(actual) + " in dimension " +
            std::to_string(dimension) + ", which must come from '" + symbol.name + "' in " +
            std::to_string(symbol.minimum) + ".." + std::to_string(symbol.maximum);
    return false;
  }
  symbols[size_t(index)] = value;
  return progress = true;
}

template <typename T> bool hasValuesIn(const TensorView &tensor, int64_t low, int64_t high, int64_t &culprit) {
  auto *values = static_cast<const char *>(tensor.data);
  for (int64_t i = 0, count = elementCount(tensor.shape); i < count; ++i) {
    T value;
    std::memcpy(&value, values + i * int64_t(sizeof(T)), sizeof(T));
    culprit = int64_t(value);
    if (culprit < low || culprit > high)
      return false;
  }
  return true;
}

bool checkValues(const Input &input, const TensorView &tensor, std::string &error) {
  int64_t culprit = 0, high = input.maximum, low = -1 - high; // Indices may count from the end.
  bool ok = true;
  if (tensor.elementType == ElementType::boolean)
    ok = hasValuesIn<uint8_t>(tensor, low = 0, high = 1, culprit);
  else if (input.maximum < 0)
    return true;
  else if (tensor.elementType == ElementType::si64 || tensor.elementType == ElementType::ui64)
    ok = hasValuesIn<int64_t>(tensor, low, high, culprit);
  else if (tensor.elementType == ElementType::si32)
    ok = hasValuesIn<int32_t>(tensor, low, high, culprit);
  else if (tensor.elementType == ElementType::ui32)
    ok = hasValuesIn<uint32_t>(tensor, low, high, culprit);
  if (!ok)
    error = "E-INPUT: input '" + input.name + "' holds the value " + std::to_string(culprit) + ", valid are " +
            std::to_string(low) + ".." + std::to_string(high);
  return ok;
}

} // namespace

bool bindSymbols(const Image &image, const std::vector<TensorView> &inputs, std::vector<int64_t> &symbols,
                 std::string &error) {
  symbols.assign(image.symbols.size(), unknown);
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].data)
        continue;
      const Input &input = image.inputs[i];
      if (inputs[i].elementType != input.elementType || inputs[i].shape.size() != input.shape.size()) {
        error = "E-INPUT: input '" + input.name + "' is " + describeTensor(inputs[i].elementType, inputs[i].shape) +
                ", the model takes " + elementName(input.elementType) + " of rank " +
                std::to_string(input.shape.size());
        return false;
      }
      for (size_t d = 0; d < input.shape.size(); ++d)
        if (!solve(image, input, d, inputs[i].shape[d], symbols, progress, error))
          return false;
    }
  }
  for (size_t s = 0; s < symbols.size(); ++s)
    if (symbols[s] == unknown)
      symbols[s] = image.symbols[s].maximum;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].data)
      continue;
    std::vector<int64_t> expected = shapeOf(image.inputs[i].shape, symbols);
    if (inputs[i].shape != expected) {
      error = "E-INPUT: input '" + image.inputs[i].name + "' is " +
              describeTensor(inputs[i].elementType, inputs[i].shape) + ", the model takes " +
              describeTensor(image.inputs[i].elementType, expected);
      return false;
    }
    if (!checkValues(image.inputs[i], inputs[i], error))
      return false;
  }
  return true;
}

} // namespace partita::runtime
