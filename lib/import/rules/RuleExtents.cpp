// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RuleExtents.cpp - Extents of a rule's loops at one node -----------------===//
#include "RuleExtents.h"

#include "partita/dialects/graph/Graph.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace partita;
using namespace partita::import;

static std::string spell(const DimRule &dim) { return dim.empty() ? "no loop" : llvm::join(dim, " * "); }

//===-- Extents ---------------------------------------------------------------------------------------------------===//

std::optional<double> RuleExtents::readAttribute(const std::string &name) {
  const onnx::Attribute *attribute = node.getAttribute(llvm::StringRef(name).drop_front());
  if (attribute && attribute->type() == onnx::Attribute::INT)
    return static_cast<double>(attribute->i());
  if (attribute && attribute->type() == onnx::Attribute::FLOAT)
    return static_cast<double>(attribute->f());
  node.fail("E-RULE-SHAPE", "its rule reads the number '" + name + "', which is no attribute of it");
  return std::nullopt;
}

std::optional<DimSize> RuleExtents::evaluate(const Formula &formula, const LoopRule &loop) {
  DimSize sum;
  for (const auto &[names, number] : formula) {
    double factor = number;
    std::optional<DimSize> term = DimSize(1);
    for (const std::string &name : names) {
      if (name.front() == '@') {
        std::optional<double> value = readAttribute(name);
        if (!value)
          return std::nullopt;
        factor *= *value;
      } else if (extents.count(name) && term) {
        term = multiply(*term, extents[name]);
      } else {
        term = std::nullopt;
      }
    }
    bool isWhole = std::abs(factor) < 0x1p40 && factor == std::floor(factor);
    if (!term || !isWhole) {
      node.fail("E-RULE-SHAPE", "the extent of loop '" + loop.label + "' is no whole number of iterations");
      return std::nullopt;
    }
    sum = sum + *term * static_cast<int64_t>(factor);
  }
  return sum;
}

bool RuleExtents::resolveDim(const DimSize &size, const DimRule &dim, bool &hasLearned) {
  std::string unknown;
  DimSize known(1);
  for (const std::string &loop : dim) {
    if (!extents.count(loop) && !unknown.empty())
      return true; // perhaps another dim tells
    if (!extents.count(loop)) {
      unknown = loop;
      continue;
    }
    std::optional<DimSize> product = multiply(known, extents[loop]);
    if (!product)
      return false;
    known = *product;
  }
  if (unknown.empty())
    return known == size;
  if (!known.isStatic() || known.constant < 1)
    return false;
  DimSize rest;
  rest.constant = size.constant / known.constant;
  for (auto [symbol, factor] : size.coefficients)
    rest = rest + DimSize::symbol(symbol, factor / known.constant);
  extents[unknown] = rest;
  hasLearned = true;
  return rest * known.constant == size;
}

bool RuleExtents::resolve(ArrayRef<RankedTensorType> types, ArrayRef<std::vector<DimRule>> dims) {
  for (const LoopRule &loop : rule.loops)
    if (loop.extent) {
      std::optional<DimSize> extent = evaluate(*loop.extent, loop);
      if (!extent)
        return false;
      extents[loop.label] = *extent;
    }
  if (!rule.types.empty())
    for (size_t result = 0; result < rule.types.size(); ++result)
      for (auto [dim, loops] : llvm::enumerate(rule.outputs[result]))
        extents[loops.front()] = getDimSize(rule.types[result], dim).value_or(DimSize());
  for (bool hasLearned = true; hasLearned;) {
    hasLearned = false;
    for (size_t operand = 0; operand < types.size(); ++operand)
      for (auto [number, dim] : llvm::enumerate(dims[operand])) {
        DimSize size = getDimSize(types[operand], number).value_or(DimSize());
        if (dim.empty() || resolveDim(size, dim, hasLearned))
          continue;
        node.fail("E-RULE-SHAPE", "dim " + llvm::Twine(number) + " of operand " + llvm::Twine(operand) + " has " +
                                      toText({size}) + " elements, which is not " + spell(dim));
        return false;
      }
  }
  for (const auto &[label, extent] : extents)
    if (!extent.minimum() || *extent.minimum() < 0 || !extent.maximum() || !isInRange(extent)) {
      node.fail("E-RULE-SHAPE", "loop '" + label + "' has " + toText({extent}) + " iterations");
      return false;
    }
  return true;
}

bool RuleExtents::isGeneric(const std::string &loop) const {
  auto extent = extents.find(loop);
  return extent != extents.end() && (rule.findLoop(loop)->kind != "whole" || !extent->second.isStatic());
}

std::string RuleExtents::listGeneric() const {
  std::vector<std::string> labels;
  for (const LoopRule &loop : rule.loops)
    if (isGeneric(loop.label))
      labels.push_back(loop.label);
  return labels.empty() ? "no loop" : (labels.size() > 1 ? "loops " : "loop ") + llvm::join(labels, ", ");
}

//===-- Types -----------------------------------------------------------------------------------------------------===//

std::optional<DimSize> RuleExtents::sizeOf(const DimRule &dim, bool generic) const {
  std::optional<DimSize> size = DimSize(1);
  for (const std::string &loop : dim) {
    auto found = extents.find(loop);
    if (found == extents.end())
      return std::nullopt;
    DimSize extent = found->second;
    if (generic && isGeneric(loop))
      extent = DimSize::symbol(SymbolAttr::get(node.getSession().getContext(), graph::CustomOp::getSymbolName(loop), 0,
                                               found->second.maximum().value_or(0)));
    size = multiply(*size, extent);
    if (!size)
      return std::nullopt;
  }
  return size;
}

RankedTensorType RuleExtents::makeGeneric(RankedTensorType type, const std::vector<DimRule> &dims) {
  Sizes sizes;
  for (auto [number, dim] : llvm::enumerate(dims)) {
    DimSize own = getDimSize(type, number).value_or(DimSize());
    sizes.push_back(dim.empty() ? own : sizeOf(dim, /*generic=*/true).value_or(own));
  }
  return getTensorType(sizes, type.getElementType());
}

RankedTensorType RuleExtents::makeActual(RankedTensorType generic, const std::vector<DimRule> &dims, int result) {
  if (static_cast<size_t>(generic.getRank()) != dims.size()) {
    node.fail("E-RULE-SHAPE", "result " + llvm::Twine(result) + " has " + llvm::Twine(generic.getRank()) +
                                  " dims, the rule says " + llvm::Twine(dims.size()));
    return {};
  }
  Sizes sizes;
  for (auto [number, dim] : llvm::enumerate(dims)) {
    DimSize own = getDimSize(generic, number).value_or(DimSize()), actual(own.constant);
    bool isTied = !dim.empty();
    for (auto [symbol, factor] : own.coefficients) {
      llvm::StringRef label = symbol.getName();
      bool isLoop = label.consume_front(graph::CustomOp::getSymbolName("")) && extents.count(label.str());
      actual = actual + (isLoop ? extents[label.str()] : DimSize::symbol(symbol)) * factor;
      isTied |= isLoop;
    }
    std::optional<DimSize> expected = sizeOf(dim, /*generic=*/true);
    if (!extents.count(dim.empty() ? "" : dim.front()) && dim.size() == 1) {
      extents[dim.front()] = own; // a loop of results alone, which no input tells
      expected = own;
    }
    if (isTied && (dim.empty() || !expected || !(*expected == own))) {
      node.fail("E-RULE-SHAPE", "dim " + llvm::Twine(number) + " of result " + llvm::Twine(result) + " has " +
                                    toText({own}) + " elements, the rule says " + spell(dim));
      return {};
    }
    sizes.push_back(actual);
  }
  return node.makeType(sizes, generic.getElementType());
}

RankedTensorType RuleExtents::makeStated(const std::vector<DimRule> &dims, Type element, int result) {
  Sizes sizes;
  for (auto [number, dim] : llvm::enumerate(dims)) {
    std::optional<DimSize> size = dim.empty() ? std::nullopt : sizeOf(dim, /*generic=*/false);
    if (!size) {
      node.fail("E-RULE-SHAPE", "nothing says how many elements dim " + llvm::Twine(number) + " of result " +
                                    llvm::Twine(result) + " has");
      return {};
    }
    sizes.push_back(*size);
  }
  return node.makeType(sizes, element);
}

//===-- Attributes ------------------------------------------------------------------------------------------------===//

bool RuleExtents::isNamed(const DimRule &dim, size_t place) const {
  if (place == 0)
    return true;
  const DimSize &extent = extents.find(dim[place])->second;
  return !extent.isStatic() || extent.constant != 1;
}

std::vector<std::string> RuleExtents::listUsed(ArrayRef<std::vector<DimRule>> dims) const {
  std::vector<std::string> used;
  for (const LoopRule &loop : rule.loops) {
    bool isUsed = false;
    for (const std::vector<DimRule> &value : dims)
      for (const DimRule &dim : value)
        for (size_t place = 0; place < dim.size(); ++place)
          isUsed |= dim[place] == loop.label && isNamed(dim, place);
    if (isUsed)
      used.push_back(loop.label);
  }
  return used;
}

ArrayAttr RuleExtents::makeLoops(ArrayRef<std::vector<DimRule>> dims) const {
  MLIRContext *context = node.getSession().getContext();
  SmallVector<Attribute> loops;
  for (const std::string &label : listUsed(dims)) {
    const LoopRule &loop = *rule.findLoop(label);
    loops.push_back(
        graph::CustomLoopAttr::get(context, label, *graph::symbolizeLoopRole(loop.kind),
                                   loop.reason.empty() ? StringAttr() : StringAttr::get(context, loop.reason)));
  }
  return ArrayAttr::get(context, loops);
}

ArrayAttr RuleExtents::makeMaps(ArrayRef<std::vector<DimRule>> dims) const {
  MLIRContext *context = node.getSession().getContext();
  std::vector<std::string> used = listUsed(dims);
  SmallVector<Attribute> maps;
  for (const std::vector<DimRule> &value : dims) {
    SmallVector<AffineExpr> expressions;
    for (const DimRule &dim : value) {
      AffineExpr sum = getAffineConstantExpr(0, context);
      int64_t factor = 1;
      for (size_t place = dim.size(); place-- > 0;) {
        if (!isNamed(dim, place))
          continue;
        auto loop = static_cast<unsigned>(llvm::find(used, dim[place]) - used.begin());
        sum = getAffineDimExpr(loop, context) * factor + sum;
        factor *= extents.find(dim[place])->second.maximum().value_or(1);
      }
      expressions.push_back(sum);
    }
    maps.push_back(AffineMapAttr::get(AffineMap::get(used.size(), 0, expressions, context)));
  }
  return ArrayAttr::get(context, maps);
}

std::optional<ArrayAttr> RuleExtents::makeWork(ArrayRef<std::vector<DimRule>> dims) {
  std::vector<std::string> used = listUsed(dims);
  Builder builder(node.getSession().getContext());
  SmallVector<Attribute> terms;
  for (const auto &[names, number] : rule.operations) {
    double factor = number;
    SmallVector<int64_t> loops;
    for (const std::string &name : names) {
      auto found = llvm::find(used, name);
      if (name.front() == '@') {
        std::optional<double> value = readAttribute(name);
        if (!value)
          return std::nullopt;
        factor *= *value;
      } else if (found != used.end()) {
        loops.push_back(found - used.begin());
      } else if (auto extent = extents.find(name); extent != extents.end()) {
        factor *= static_cast<double>(extent->second.maximum().value_or(1));
      }
    }
    terms.push_back(graph::WorkTermAttr::get(builder.getContext(), builder.getF64FloatAttr(factor),
                                             builder.getDenseI64ArrayAttr(loops)));
  }
  return builder.getArrayAttr(terms);
}
