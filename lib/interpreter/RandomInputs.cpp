// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/interpreter/Run.h"
#include "llvm/ADT/Hashing.h"
#include <cmath>

using namespace mlir;

namespace partita::interpreter {

namespace {
/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere, whatever the standard library.
class Generator {
public:
  Generator(uint64_t seed, StringRef name) : state(seed) {
    // FNV-1a of the name, so that every value has numbers of its own.
    uint64_t hash = 0xCBF29CE484222325ull;
    for (unsigned char letter : name)
      hash = (hash ^ letter) * 0x100000001B3ull;
    state ^= hash;
  }

  uint64_t draw() {
    uint64_t bits = state += 0x9E3779B97F4A7C15ull;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
    return bits ^ (bits >> 31);
  }
  /// In [0, 1).
  double drawFraction() { return std::ldexp(static_cast<double>(draw() >> 11), -53); }

private:
  uint64_t state;
};
} // namespace

/// Floats of an input lie in [-1, 1). A matrix of weights is scaled so that a product of it keeps the variance; a
/// vector of them is in [0.5, 1.5), because it may be a variance or a scale.
static double drawFloat(Generator &generator, bool isParameter, ArrayRef<int64_t> shape) {
  if (!isParameter)
    return 2 * generator.drawFraction() - 1;
  if (shape.size() < 2)
    return 0.5 + generator.drawFraction();
  // A uniform number in [-a, a) has variance a^2 / 3; a product adds up `fanIn` of them.
  double fanIn = 1;
  for (int64_t extent : shape.drop_front(shape.size() == 2 ? 0 : 1))
    fanIn = shape.size() == 2 ? std::max(fanIn, static_cast<double>(extent)) : fanIn * static_cast<double>(extent);
  return (2 * generator.drawFraction() - 1) * std::sqrt(3 / fanIn);
}

NamedTensors makeRandomInputs(func::FuncOp function, const NamedTensors &inputs, SymbolValues symbols, uint64_t seed) {
  NamedTensors all = inputs;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    std::string name = getArgumentName(function, index);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    auto source = function.getArgAttrOfType<SourceAttr>(index, kSourceAttr);
    if (!type || all.count(name) || (source && !source.getFile().empty()))
      continue;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      for (auto [symbol, coefficient] : getDimSize(type, dim).value_or(DimSize()).coefficients)
        symbols.emplace(symbol.getName().str(), symbol.getMaximum());
    std::optional<Shape> shape = Scope(symbols).findGlobalShape(type);
    if (!shape)
      continue;
    auto role = function.getArgAttrOfType<StringAttr>(index, kRoleAttr);
    auto maximum = function.getArgAttrOfType<IntegerAttr>(index, kMaximumAttr);
    bool isParameter = role && role.getValue() != kRoleInput, isFloat = isa<FloatType>(type.getElementType());
    uint64_t choices = maximum ? static_cast<uint64_t>(maximum.getInt()) + 1 : 2;
    Generator generator(seed, name);
    std::vector<double> numbers(countElements(*shape));
    for (double &number : numbers)
      number = isFloat ? drawFloat(generator, isParameter, *shape)
                       : static_cast<double>(generator.draw() % (choices ? choices : 1));
    all[name] = Tensor::fromDoubles(type.getElementType(), *shape, numbers);
  }
  return all;
}

} // namespace partita::interpreter
