// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- KnownFolding.cpp - Arithmetic on shapes ---------------------------------===//
//
// Exporters write shapes as small programs (Shape, Gather, Concat, Mul ...). Those are computed here, with symbolic
// extents; a node that is not understood falls back to its ordinary conversion.
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::import;

using Operands = std::vector<const Known *>;
using Fold = std::optional<Known> (*)(NodeContext &node, const Operands &in);

/// Elements of b beside those of a (scalars and lists of one repeat); nullopt for other broadcasts.
static std::optional<std::vector<std::pair<DimSize, DimSize>>> pairUp(const Known &a, const Known &b) {
  size_t count = std::max(a.elements.size(), b.elements.size());
  if ((a.elements.size() != count && a.elements.size() != 1) ||
      (b.elements.size() != count && b.elements.size() != 1) || a.shape.size() > 1 || b.shape.size() > 1 ||
      a.elements.empty() || b.elements.empty())
    return std::nullopt;
  std::vector<std::pair<DimSize, DimSize>> pairs;
  for (size_t i = 0; i < count; ++i)
    pairs.emplace_back(a.elements[a.elements.size() == 1 ? 0 : i], b.elements[b.elements.size() == 1 ? 0 : i]);
  return pairs;
}

static std::vector<int64_t> widerShape(const Known &a, const Known &b) {
  return a.shape.size() > b.shape.size() || (a.shape.size() == b.shape.size() && a.elements.size() > b.elements.size())
             ? a.shape
             : b.shape;
}

using Pairwise = std::optional<DimSize> (*)(const DimSize &a, const DimSize &b);

template <Pairwise function, bool isComparison = false>
static std::optional<Known> foldPairwise(NodeContext &, const Operands &in) {
  auto pairs = in.size() == 2 ? pairUp(*in[0], *in[1]) : std::nullopt;
  if (!pairs)
    return std::nullopt;
  Type element = isComparison ? IntegerType::get(in[0]->element.getContext(), 1) : in[0]->element;
  Known result{widerShape(*in[0], *in[1]), {}, element};
  for (const auto &[a, b] : *pairs) {
    std::optional<DimSize> value = function(a, b);
    if (!value)
      return std::nullopt;
    result.elements.push_back(*value);
  }
  return result;
}

static std::optional<DimSize> subtract(const DimSize &a, const DimSize &b) {
  return isInRange(b) ? addChecked(a, b * -1) : std::nullopt;
}

/// Truncating, where both are numbers; exact for symbolic extents.
static std::optional<DimSize> divide(const DimSize &a, const DimSize &b) {
  if (a.isStatic() && b.isStatic() && b.constant != 0 && isInRange(a) && isInRange(b))
    return DimSize(a.constant / b.constant);
  return divideExactly(a, b);
}

namespace {
struct Range {
  int64_t least = 0, greatest = 0;
};
} // namespace

/// What the size can be, if both ends can be computed with.
static std::optional<Range> findRange(const DimSize &size) {
  std::optional<int64_t> least = size.minimum(), greatest = size.maximum();
  return isInRange(size) && least && greatest ? std::optional(Range{*least, *greatest}) : std::nullopt;
}

/// Integers truncate; whole numbers of a float type must stay whole.
static std::optional<Known> foldDivision(NodeContext &node, const Operands &in) {
  bool isFloat = isa<FloatType>(in[0]->element);
  return isFloat ? foldPairwise<divideExactly>(node, in) : foldPairwise<divide>(node, in);
}

static std::optional<DimSize> selectLess(const DimSize &a, const DimSize &b) {
  std::optional<Range> first = findRange(a), second = findRange(b);
  if (!first || !second)
    return std::nullopt;
  return first->greatest <= second->least   ? std::optional<DimSize>(a)
         : second->greatest <= first->least ? std::optional<DimSize>(b)
                                            : std::nullopt;
}

static std::optional<DimSize> selectMore(const DimSize &a, const DimSize &b) {
  std::optional<Range> first = findRange(a), second = findRange(b);
  if (!first || !second)
    return std::nullopt;
  return first->least >= second->greatest   ? std::optional<DimSize>(a)
         : second->least >= first->greatest ? std::optional<DimSize>(b)
                                            : std::nullopt;
}

static std::optional<DimSize> isEqual(const DimSize &a, const DimSize &b) {
  if (a == b)
    return DimSize(1);
  std::optional<Range> first = findRange(a), second = findRange(b);
  bool isApart = first && second && (first->greatest < second->least || second->greatest < first->least);
  return isApart || (a.isStatic() && b.isStatic()) ? std::optional<DimSize>(DimSize(0)) : std::nullopt;
}

static std::optional<DimSize> isLess(const DimSize &a, const DimSize &b) {
  std::optional<Range> first = findRange(a), second = findRange(b);
  if (!first || !second)
    return std::nullopt;
  if (first->greatest < second->least)
    return DimSize(1);
  return first->least >= second->greatest ? std::optional<DimSize>(DimSize(0)) : std::nullopt;
}

static std::optional<DimSize> isGreater(const DimSize &a, const DimSize &b) { return isLess(b, a); }

static std::optional<DimSize> negate(std::optional<DimSize> flag) {
  return flag ? std::optional(DimSize(1 - flag->constant)) : std::nullopt;
}

static std::optional<DimSize> isAtLeast(const DimSize &a, const DimSize &b) { return negate(isLess(a, b)); }
static std::optional<DimSize> isAtMost(const DimSize &a, const DimSize &b) { return negate(isGreater(a, b)); }

/// A multiple leaves nothing; other remainders of symbolic extents are not linear.
static std::optional<DimSize> remainder(const DimSize &a, const DimSize &b) {
  bool isMultiple = !a.isStatic() && b.isStatic() && b.constant != 0 && divideExactly(a, b);
  return isMultiple ? std::optional(DimSize(0)) : std::nullopt;
}

static std::optional<Known> foldWhere(NodeContext &, const Operands &in) {
  if (in.size() != 3 || !in[0]->isStatic())
    return std::nullopt;
  auto pairs = pairUp(*in[1], *in[2]);
  if (!pairs || in[0]->elements.size() != pairs->size())
    return std::nullopt;
  Known result{in[0]->shape, {}, in[1]->element};
  for (size_t i = 0; i < pairs->size(); ++i)
    result.elements.push_back(in[0]->elements[i] == DimSize(0) ? (*pairs)[i].second : (*pairs)[i].first);
  return result;
}

static std::optional<Known> foldNeg(NodeContext &, const Operands &in) {
  Known result = *in[0];
  for (DimSize &size : result.elements) {
    if (!isInRange(size))
      return std::nullopt;
    size = size * -1;
  }
  return result;
}

/// Whole numbers up to here are exact in f32.
static constexpr double largestExactFloat = 1 << 24;

static bool isExactFloat(const DimSize &size) {
  std::optional<Range> range = findRange(size);
  return range && static_cast<double>(range->greatest) <= largestExactFloat &&
         static_cast<double>(range->least) >= -largestExactFloat;
}

/// Between integer types wide enough for any extent; symbolic extents also become whole numbers of a float type (other
/// casts are ops).
static std::optional<Known> foldCast(NodeContext &node, const Operands &in) {
  Type element = node.getSession().getElementType(static_cast<int32_t>(node.getInteger("to", 0)));
  if (element && (element.isF32() || element.isF64()) && !in[0]->isStatic() &&
      llvm::all_of(in[0]->elements, isExactFloat)) {
    Known whole = *in[0];
    whole.element = element;
    return whole;
  }
  if (!element || (!element.isSignedInteger(64) && !element.isSignedInteger(32)))
    return std::nullopt;
  for (const DimSize &size : in[0]->elements) {
    std::optional<Range> range = findRange(size);
    if (!range ||
        (element.isSignedInteger(32) && (!llvm::isInt<32>(range->least) || !llvm::isInt<32>(range->greatest))))
      return std::nullopt;
  }
  Known result = *in[0];
  result.element = element;
  return result;
}

static std::optional<Known> foldIdentity(NodeContext &, const Operands &in) { return *in[0]; }

static std::optional<Known> foldGather(NodeContext &node, const Operands &in) {
  if (in.size() != 2 || in[0]->shape.size() != 1 || !in[1]->isStatic() || node.getInteger("axis", 0) > 0)
    return std::nullopt;
  auto count = static_cast<int64_t>(in[0]->elements.size());
  Known result{in[1]->shape, {}, in[0]->element};
  for (const DimSize &index : in[1]->elements) {
    int64_t place = index.constant < 0 ? index.constant + count : index.constant;
    if (place < 0 || place >= count)
      return std::nullopt;
    result.elements.push_back(in[0]->elements[place]);
  }
  return result;
}

static std::optional<Known> foldConcat(NodeContext &node, const Operands &in) {
  node.ignore({"axis"});
  Sizes all;
  for (const Known *part : in) {
    if (part->shape.size() != 1 || part->element != in[0]->element)
      return std::nullopt;
    all.insert(all.end(), part->elements.begin(), part->elements.end());
  }
  return all.size() <= mostKnownElements ? std::optional<Known>(Known::vector(all, in[0]->element)) : std::nullopt;
}

/// The single number of an input, or of an attribute in sets before 10; nullopt where there is none.
static std::optional<int64_t> readBound(NodeContext &node, const Operands &in, size_t input,
                                        llvm::StringRef attribute) {
  if (input < in.size() && in[input]->elements.size() == 1 && in[input]->isStatic())
    return in[input]->elements[0].constant;
  SmallVector<int64_t> list = node.getIntegers(attribute);
  return list.size() == 1 ? std::optional<int64_t>(list[0]) : std::nullopt;
}

static std::optional<Known> foldSlice(NodeContext &node, const Operands &in) {
  node.ignore({"axes"});
  std::optional<int64_t> start = readBound(node, in, 1, "starts"), end = readBound(node, in, 2, "ends");
  std::optional<int64_t> step = in.size() > 4 ? readBound(node, in, 4, "steps") : 1;
  if (in[0]->shape.size() != 1 || !start || !end || !step || *step < 1 || *step > int64_t(mostKnownElements))
    return std::nullopt;
  auto count = static_cast<int64_t>(in[0]->elements.size());
  auto clamp = [&](int64_t bound) { return std::clamp<int64_t>(bound < 0 ? bound + count : bound, 0, count); };
  Sizes part;
  for (int64_t i = clamp(*start); i < clamp(*end); i += *step)
    part.push_back(in[0]->elements[i]);
  return Known::vector(part, in[0]->element);
}

/// Squeeze to a scalar, Unsqueeze to a list, Reshape between the two.
static std::optional<Known> foldRank(NodeContext &node, const Operands &in) {
  node.ignore({"axes", "allowzero"});
  Known result = *in[0];
  llvm::StringRef type = node.getNode().op_type();
  if (type == "Reshape") {
    if (in.size() != 2 || in[1]->elements.size() > 1 || (in[1]->elements.empty() && result.elements.size() != 1))
      return std::nullopt;
    bool isAll = !in[1]->elements.empty() &&
                 (in[1]->elements[0] == DimSize(-1) || in[1]->elements[0] == DimSize(int64_t(result.elements.size())));
    if (!isAll && !in[1]->elements.empty())
      return std::nullopt;
    result.shape = isAll ? std::vector<int64_t>{int64_t(result.elements.size())} : std::vector<int64_t>{};
    return result;
  }
  if (type == "Squeeze" ? result.shape != std::vector<int64_t>{1} : !result.shape.empty())
    return std::nullopt;
  // Several axes at once would give a rank above 1.
  size_t axes = in.size() > 1 ? in[1]->elements.size() : node.getIntegers("axes").size();
  if (type == "Unsqueeze" && axes != 1)
    return std::nullopt;
  result.shape = type == "Squeeze" ? std::vector<int64_t>{} : std::vector<int64_t>{1};
  return result;
}

/// A whole list becomes one number. Its only axis may be named.
template <Pairwise function> static std::optional<Known> foldList(NodeContext &node, const Operands &in) {
  bool keeps = node.getInteger("keepdims", 1) != 0, keepsAll = node.getInteger("noop_with_empty_axes", 0) != 0;
  if (in[0]->shape.size() != 1 || in[0]->elements.empty() || keepsAll)
    return std::nullopt;
  node.ignore({"axes"});
  std::optional<DimSize> total = in[0]->elements[0];
  for (size_t i = 1; i < in[0]->elements.size() && total; ++i)
    total = function(*total, in[0]->elements[i]);
  if (!total)
    return std::nullopt;
  return keeps ? Known::vector({*total}, in[0]->element) : Known::scalar(*total, in[0]->element);
}

/// A short list of one integer, as the Expand idiom of exporters begins.
static std::optional<Known> foldConstantOfShape(NodeContext &node, const Operands &in) {
  if (in[0]->elements.size() > 1 || !in[0]->isStatic())
    return std::nullopt;
  int64_t count = in[0]->elements.empty() ? 1 : in[0]->elements[0].constant;
  const onnx::Attribute *attribute = node.getAttribute("value");
  if (!attribute || !attribute->has_t() || attribute->t().data_type() != onnx::SI64 || count < 0 ||
      count > int64_t(mostKnownElements))
    return std::nullopt;
  ImportedValue single;
  single.tensor = &attribute->t();
  std::string hidden = "\xff" + node.getNode().output(0);
  node.getSession().define(hidden, single);
  const Known *value = node.getSession().getKnown(hidden);
  if (!value || value->elements.size() != 1)
    return std::nullopt;
  Known result{{}, Sizes(count, value->elements[0]), value->element};
  if (!in[0]->elements.empty())
    result.shape = {count};
  return result;
}

static std::optional<Known> foldRange(NodeContext &, const Operands &in) {
  if (in.size() != 3)
    return std::nullopt;
  for (const Known *limit : in)
    if (limit->elements.size() != 1 || !limit->isStatic() || !isInRange(limit->elements[0]))
      return std::nullopt;
  int64_t start = in[0]->elements[0].constant, end = in[1]->elements[0].constant, step = in[2]->elements[0].constant;
  Sizes list;
  for (int64_t i = start; step != 0 && (step > 0 ? i < end : i > end); i += step) {
    if (list.size() >= mostKnownElements)
      return std::nullopt;
    list.emplace_back(i);
  }
  return step == 0 ? std::nullopt : std::optional<Known>(Known::vector(list, in[0]->element));
}

static const std::map<std::string, Fold> &getFolds() {
  static const std::map<std::string, Fold> folds = {
      {"Add", foldPairwise<addChecked>},
      {"Sub", foldPairwise<subtract>},
      {"Mul", foldPairwise<multiplyChecked>},
      {"Div", foldDivision},
      {"Min", foldPairwise<selectLess>},
      {"Max", foldPairwise<selectMore>},
      {"Equal", foldPairwise<isEqual, true>},
      {"Less", foldPairwise<isLess, true>},
      {"Greater", foldPairwise<isGreater, true>},
      {"GreaterOrEqual", foldPairwise<isAtLeast, true>},
      {"LessOrEqual", foldPairwise<isAtMost, true>},
      {"Mod", foldPairwise<remainder>},
      {"Where", foldWhere},
      {"Neg", foldNeg},
      {"Cast", foldCast},
      {"Identity", foldIdentity},
      {"Floor", foldIdentity},
      {"Ceil", foldIdentity},
      {"Round", foldIdentity},
      {"Gather", foldGather},
      {"Concat", foldConcat},
      {"Slice", foldSlice},
      {"Squeeze", foldRank},
      {"Unsqueeze", foldRank},
      {"Reshape", foldRank},
      {"ReduceProd", foldList<multiplyChecked>},
      {"ReduceSum", foldList<addChecked>},
      {"ReduceMax", foldList<selectMore>},
      {"ReduceMin", foldList<selectLess>},
      {"ConstantOfShape", foldConstantOfShape},
      {"Range", foldRange},
  };
  return folds;
}

/// Numbers beside symbolic extents that were cast to a float, as exporters multiply them; null where one is no integer.
static std::shared_ptr<const Known> readWhole(NodeContext &node, int index, Type element) {
  std::optional<std::vector<double>> numbers = node.getSession().getNumbers(node.getInputName(index));
  if (!numbers || numbers->size() > mostKnownElements)
    return nullptr;
  auto known = std::make_shared<Known>(Known::vector({}, element));
  for (double number : *numbers) {
    if (number != std::floor(number) || std::fabs(number) > largestExactFloat)
      return nullptr;
    known->elements.emplace_back(static_cast<int64_t>(number));
  }
  known->shape.clear();
  if (known->elements.size() != 1)
    known->shape.push_back(static_cast<int64_t>(known->elements.size()));
  return known;
}

static bool foldArithmetic(NodeContext &node) {
  auto fold = getFolds().find(node.getNode().op_type());
  if (fold == getFolds().end() || node.countInputs() == 0 || node.countResults() != 1)
    return false;
  Type wide;
  for (int i = 0; i < node.countInputs(); ++i)
    if (const Known *known = node.known(i); known && isa<FloatType>(known->element))
      wide = known->element;
  Operands operands;
  std::vector<std::shared_ptr<const Known>> read;
  for (int i = 0; i < node.countInputs(); ++i) {
    const Known *known = node.known(i);
    if (!known && wide) {
      read.push_back(readWhole(node, i, wide));
      known = read.back().get();
    }
    if (!known)
      return false;
    operands.push_back(known);
  }
  std::optional<Known> result = fold->second(node, operands);
  if (!result || result->elements.size() > mostKnownElements)
    return false;
  for (const DimSize &size : result->elements)
    if (isa<FloatType>(result->element) && !isExactFloat(size))
      return false;
  node.setKnown(0, std::move(*result));
  return true;
}

bool partita::import::foldKnown(NodeContext &node) { return foldArithmetic(node) || foldKnownMovement(node); }
