// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Claims.cpp - Custom ops against their own bodies ------------------------===//
//
// Every loop that may be cut is cut in 2 and in 3 parts, alone and with each other one, for few iterations and for very
// few, so that parts are uneven and empty. The interpreter runs the body on each part; put together, the parts must
// equal the whole within what another order of summation does to it.
//
#include "partita/dialects/graph/Graph.h"
#include "partita/import/Rules.h"
#include "partita/interpreter/Verify.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;
using namespace partita::interpreter;

namespace {

/// SplitMix64 (Steele, Lea, Flood 2014).
class Generator {
public:
  double draw() {
    uint64_t bits = state += 0x9E3779B97F4A7C15ull;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
    return static_cast<double>((bits ^ (bits >> 31)) >> 11) * 0x1p-53;
  }

private:
  uint64_t state = 7;
};

/// A loop that is cut, and into how many parts.
struct Cut {
  unsigned loop;
  int64_t parts;
};

/// The op with small extents: its operands, and what it computes.
struct Instance {
  std::vector<int64_t> extents; // of loops
  SymbolValues symbols;         // of the model
  SmallVector<Tensor> operands;
  SmallVector<ControlValue> whole;
};

class Claims {
public:
  explicit Claims(graph::CustomOp op)
      : op(op), nest(op.getLoopNest()), body(op.getBody().front()), capture(op.getContext(), [this](Diagnostic &said) {
          if (complaint.empty())
            complaint = said.str();
          return success();
        }) {}

  /// What is wrong, or nothing.
  std::string check() {
    for (auto [number, loop] : llvm::enumerate(nest.loops))
      if (loop.kind != LoopKind::whole && !isFree(number) && loop.extent != 1)
        return "loop '" + loop.label + "' may be cut, but its body is written for " + std::to_string(loop.extent) +
               " of its iterations only";
    for (int64_t small : {5, 2}) {
      Instance instance;
      if (std::string problem = makeInstance(small, instance); !problem.empty())
        return problem;
      if (std::string problem = checkLoops(instance); !problem.empty())
        return problem;
      if (std::string problem = checkLinearity(instance); !problem.empty())
        return problem;
    }
    return "";
  }

private:
  //===-- Instances --===//

  /// Whether the body is written for any extent of the loop.
  bool isFree(unsigned loop) {
    std::string name = graph::CustomOp::getSymbolName(nest.loops[loop].label);
    auto mentions = [&](Value value) {
      auto type = cast<RankedTensorType>(value.getType());
      for (int64_t dim = 0; dim < type.getRank(); ++dim)
        for (auto [symbol, factor] : getDimSize(type, dim).value_or(DimSize()).coefficients)
          if (symbol.getName() == name)
            return true;
      return false;
    };
    return llvm::any_of(body.getArguments(), mentions) || llvm::any_of(body.getTerminator()->getOperands(), mentions);
  }

  SymbolValues symbolsFor(const Instance &instance, ArrayRef<int64_t> extents) const {
    SymbolValues symbols = instance.symbols;
    for (auto [loop, extent] : llvm::zip(nest.loops, extents))
      symbols[graph::CustomOp::getSymbolName(loop.label)] = extent;
    return symbols;
  }

  /// The extents of a value when loops have these.
  Shape shapeOf(const Instance &instance, Type type, const ValueIndexing &indexing, ArrayRef<int64_t> extents) const {
    Shape whole = Scope(instance.symbols).findGlobalShape(cast<RankedTensorType>(type)).value_or(Shape());
    for (auto [dim, expression] : llvm::enumerate(indexing)) {
      if (expression.empty())
        continue;
      whole[dim] = expression.front().coefficient * extents[expression.front().loop];
    }
    return whole;
  }

  std::string makeInstance(int64_t small, Instance &instance) {
    SmallVector<Type> types(op.getOperandTypes());
    llvm::append_range(types, op.getResultTypes());
    for (Type type : types)
      for (int64_t dim = 0; dim < cast<RankedTensorType>(type).getRank(); ++dim)
        for (auto [symbol, factor] : getDimSize(cast<RankedTensorType>(type), dim).value_or(DimSize()).coefficients)
          instance.symbols[symbol.getName().str()] =
              std::max(symbol.getMinimum(), std::min(symbol.getMaximum(), small));
    for (auto [number, loop] : llvm::enumerate(nest.loops)) {
      int64_t wanted = small + static_cast<int64_t>(number % 2);
      instance.extents.push_back(isFree(number) ? std::min(loop.extent, wanted) : loop.extent);
    }
    for (auto [operand, indexing] : llvm::zip(op.getOperands(), nest.operands)) {
      auto type = cast<RankedTensorType>(operand.getType());
      instance.operands.push_back(draw(type.getElementType(), shapeOf(instance, type, indexing, instance.extents)));
    }
    return control(instance, instance.operands, instance.whole);
  }

  /// Numbers in [-1, 1) with three binary places, so that sums of few are exact; integers 0 and 1.
  Tensor draw(Type element, ArrayRef<int64_t> shape) {
    std::vector<double> numbers(countElements(shape));
    for (double &number : numbers)
      number = isa<FloatType>(element) ? std::floor(generator.draw() * 16 - 8) / 8 : std::floor(generator.draw() * 2);
    return Tensor::fromDoubles(element, shape, numbers);
  }

  //===-- Runs --===//

  FailureOr<SmallVector<Tensor>> run(const Instance &instance, ArrayRef<Tensor> operands, ArrayRef<int64_t> extents,
                                     const Arithmetic &arithmetic = {}) {
    SmallVector<Tensor> kept;
    for (const Tensor &operand : operands) {
      Type element = getKeptElement(operand.getElementType(), arithmetic);
      kept.push_back(element == operand.getElementType()
                         ? operand
                         : Tensor::fromDoubles(element, operand.getShape(), operand.toDoubles()));
    }
    return evaluateBlock(body, kept, Context{arithmetic, Scope(symbolsFor(instance, extents))});
  }

  /// The whole op in double precision, and what other orders of summation do to it.
  std::string control(const Instance &instance, ArrayRef<Tensor> operands, SmallVector<ControlValue> &values) {
    FailureOr<SmallVector<Tensor>> reference = run(instance, operands, instance.extents, {true, std::nullopt});
    if (failed(reference))
      return "its body cannot be run on random operands: " + complaint;
    for (auto [index, result] : llvm::enumerate(*reference))
      values.push_back({result, 0, cast<RankedTensorType>(op.getResult(index).getType()).getElementType()});
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      FailureOr<SmallVector<Tensor>> other = run(instance, operands, instance.extents, {false, seed});
      if (failed(other))
        return "its body cannot be run on random operands: " + complaint;
      for (auto [value, result] : llvm::zip(values, *other))
        value.error = std::max(value.error, findLargestError(result, value.reference));
    }
    for (ControlValue &value : values) {
      // Parts may be summed in orders that four seeds did not come upon.
      auto element = dyn_cast<FloatType>(value.element);
      if (element)
        value.error = 2 * value.error + std::ldexp(1.0, 1 - static_cast<int>(element.getFPMantissaWidth()));
    }
    return "";
  }

  /// "; result 0 differs first at [1, 3]: 0.5 instead of 0.25", or nothing where they are equal.
  static std::string findDifference(ArrayRef<Tensor> found, ArrayRef<ControlValue> whole) {
    for (auto [index, value] : llvm::enumerate(whole)) {
      Comparison comparison = compare(found[index], value);
      if (comparison.passed)
        continue;
      std::vector<double> is = found[index].toDoubles(), wanted = value.reference.toDoubles();
      int64_t place = 0;
      auto agree = [&](double a, double b) {
        return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= comparison.tolerance;
      };
      while (place + 1 < static_cast<int64_t>(is.size()) && agree(is[place], wanted[place]))
        ++place;
      std::string text = "; result " + std::to_string(index) + " differs first at [";
      Shape indices;
      for (int64_t dim = value.reference.getRank() - 1, rest = place; dim >= 0; --dim) {
        int64_t extent = std::max(value.reference.getShape()[dim], int64_t(1));
        indices.insert(indices.begin(), rest % extent);
        rest /= extent;
      }
      for (auto [dim, position] : llvm::enumerate(indices))
        text += (dim ? ", " : "") + std::to_string(position);
      auto spell = [](double number) {
        std::string digits;
        llvm::raw_string_ostream(digits) << number;
        return digits;
      };
      return text + "]: " + spell(is[place]) + " instead of " + spell(wanted[place]);
    }
    return "";
  }

  //===-- Loops --===//

  std::string checkLoops(const Instance &instance) {
    std::vector<unsigned> loops;
    for (auto [number, loop] : llvm::enumerate(nest.loops))
      if (loop.kind != LoopKind::whole && isFree(number))
        loops.push_back(number);
    for (unsigned loop : loops)
      for (int64_t parts : {2, 3})
        if (std::string problem = checkCuts(instance, {{loop, parts}}); !problem.empty())
          return problem;
    for (size_t first = 0; first < loops.size(); ++first)
      for (size_t second = first + 1; second < loops.size(); ++second)
        if (mayMeet(nest.loops[loops[first]], nest.loops[loops[second]]))
          if (std::string problem = checkCuts(instance, {{loops[first], 2}, {loops[second], 2}}); !problem.empty())
            return problem;
    return "";
  }

  /// A value is partial in one way at a time.
  static bool mayMeet(const Loop &a, const Loop &b) {
    return a.kind != LoopKind::reduction || b.kind != LoopKind::reduction || a.reduction == b.reduction;
  }

  std::string describe(const Instance &instance, ArrayRef<Cut> cuts) const {
    std::vector<std::string> parts;
    for (const Cut &cut : cuts) {
      std::string dims;
      for (auto [operand, indexing] : llvm::enumerate(nest.operands))
        for (auto [dim, expression] : llvm::enumerate(indexing))
          if (!expression.empty() && expression.front().loop == cut.loop)
            dims += (dims.empty() ? "dim " : ", dim ") + std::to_string(dim) + " of operand " + std::to_string(operand);
      parts.push_back("loop '" + nest.loops[cut.loop].label + "' (" + (dims.empty() ? "no operand" : dims) + "), " +
                      std::to_string(instance.extents[cut.loop]) + " iterations in " + std::to_string(cut.parts) +
                      " parts");
    }
    return llvm::join(parts, " and ");
  }

  std::string checkCuts(const Instance &instance, ArrayRef<Cut> cuts) {
    complaint.clear();
    // One value for each place of the parts of reductions, filled by the parts of parallel loops.
    std::map<std::vector<int64_t>, SmallVector<Tensor>> terms;
    std::vector<int64_t> part(cuts.size(), 0);
    do {
      if (!runPart(instance, cuts, part, terms))
        return describe(instance, cuts) + ": a part cannot be computed: " + complaint;
    } while (nextPart(cuts, part));
    SmallVector<Tensor> found;
    for (size_t result = 0; result < instance.whole.size(); ++result) {
      SmallVector<Tensor> values;
      for (auto &[place, tensors] : terms)
        values.push_back(tensors[result]);
      found.push_back(values.size() == 1 ? values.front() : combine(values, kindOf(cuts)));
    }
    std::string difference = findDifference(found, instance.whole);
    return difference.empty() ? "" : describe(instance, cuts) + ": together the parts are not the whole" + difference;
  }

  static bool nextPart(ArrayRef<Cut> cuts, std::vector<int64_t> &part) {
    for (size_t cut = cuts.size(); cut-- > 0;) {
      if (++part[cut] < cuts[cut].parts)
        return true;
      part[cut] = 0;
    }
    return false;
  }

  /// Of the reductions among the cuts; loops of two kinds are never cut together.
  plan::PartialKind kindOf(ArrayRef<Cut> cuts) const {
    for (const Cut &cut : cuts)
      if (nest.loops[cut.loop].kind == LoopKind::reduction)
        return static_cast<plan::PartialKind>(nest.loops[cut.loop].reduction);
    return plan::PartialKind::sum;
  }

  bool runPart(const Instance &instance, ArrayRef<Cut> cuts, ArrayRef<int64_t> part,
               std::map<std::vector<int64_t>, SmallVector<Tensor>> &terms) {
    std::vector<int64_t> extents = instance.extents, offsets(extents.size(), 0), place;
    for (auto [cut, number] : llvm::zip(cuts, part)) {
      Interval interval = cutInterval({0, extents[cut.loop]}, cut.parts, 1, number);
      extents[cut.loop] = interval.extent;
      offsets[cut.loop] = interval.offset;
      if (nest.loops[cut.loop].kind == LoopKind::reduction)
        place.push_back(number);
    }
    auto startOf = [&](const ValueIndexing &indexing) {
      Shape start;
      for (const DimExpression &dim : indexing)
        start.push_back(dim.empty() ? 0 : dim.front().coefficient * offsets[dim.front().loop]);
      return start;
    };
    SmallVector<Tensor> operands;
    for (auto [index, operand] : llvm::enumerate(instance.operands))
      operands.push_back(cutBox(operand, startOf(nest.operands[index]),
                                shapeOf(instance, op.getOperand(index).getType(), nest.operands[index], extents)));
    FailureOr<SmallVector<Tensor>> results = run(instance, operands, extents);
    if (failed(results))
      return false;
    auto [entry, isNew] = terms.try_emplace(place);
    for (auto [index, result] : llvm::enumerate(*results)) {
      Type type = op.getResult(index).getType();
      Shape shape = shapeOf(instance, type, nest.results[index], extents);
      if (result.getShape() != ArrayRef<int64_t>(shape)) {
        complaint = "result " + std::to_string(index) + " is " + interpreter::describe(result);
        return false;
      }
      if (isNew)
        entry->second.emplace_back(result.getElementType(), instance.whole[index].reference.getShape());
      copyBox(result, Shape(shape.size(), 0), shape, entry->second[index], startOf(nest.results[index]));
    }
    return true;
  }

  //===-- Linearity --===//

  std::string checkLinearity(const Instance &instance) {
    for (const auto &set : nest.linearOperands) {
      std::vector<std::string> names;
      for (unsigned operand : set) {
        if (!isa<FloatType>(instance.operands[operand].getElementType()))
          return "operand " + std::to_string(operand) + " is not of a floating-point type, and no sums flow through it";
        names.push_back(std::to_string(operand));
      }
      std::string what = "the op is not linear in operand " + llvm::join(names, " with ");
      complaint.clear();
      SmallVector<Tensor> first(instance.operands), sum(instance.operands);
      for (unsigned operand : set) {
        first[operand] = draw(first[operand].getElementType(), first[operand].getShape());
        sum[operand] = combine({first[operand], instance.operands[operand]}, plan::PartialKind::sum);
      }
      SmallVector<ControlValue> whole;
      if (!control(instance, sum, whole).empty())
        return what + ": " + complaint;
      FailureOr<SmallVector<Tensor>> a = run(instance, first, instance.extents),
                                     b = run(instance, instance.operands, instance.extents);
      if (failed(a) || failed(b))
        return what + ": " + complaint;
      SmallVector<Tensor> found;
      for (auto [left, right] : llvm::zip(*a, *b))
        found.push_back(combine({left, right}, plan::PartialKind::sum));
      if (std::string difference = findDifference(found, whole); !difference.empty())
        return what + ": of a sum it is not the sum" + difference;
    }
    return "";
  }

  graph::CustomOp op;
  LoopNest nest;
  Block &body;
  Generator generator;
  std::string complaint;
  ScopedDiagnosticHandler capture;
};

} // namespace

std::optional<std::string> ClaimChecker::findBrokenClaim(Operation *op) {
  auto custom = dyn_cast<graph::CustomOp>(op);
  if (!custom || !custom.hasBody())
    return std::nullopt;
  // Ops that differ by their operands' names only make the same claims.
  Operation *unnamed = op->clone();
  unnamed->setAttr("name", StringAttr::get(op->getContext(), ""));
  std::string text;
  llvm::raw_string_ostream os(text);
  unnamed->print(os, OpPrintingFlags().printGenericOpForm().useLocalScope());
  unnamed->erase();
  if (kept.count(text))
    return std::nullopt;
  std::string problem = Claims(custom).check();
  if (!problem.empty())
    return "E-RULE-CLAIM: the rule of '" + custom.getTarget().str() + "' does not hold: " + problem;
  kept.insert(text);
  return std::nullopt;
}
