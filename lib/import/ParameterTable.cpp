// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ParameterTable.cpp - Arguments of the imported function -----------------===//
#include "ParameterTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

Value ParameterTable::addInput(llvm::StringRef name, RankedTensorType type, Location location) {
  arguments.push_back({name.str(), kRoleInput.str(), SourceAttr(), -1});
  return body.addArgument(type, location);
}

Value ParameterTable::addParameter(llvm::StringRef name, llvm::StringRef role, Type element, SourceAttr source,
                                   Location location) {
  auto [found, isNew] = byName.try_emplace(name.str());
  if (!isNew)
    return found->second;
  arguments.push_back({name.str(), role.str(), source, -1});
  found->second = body.addArgument(RankedTensorType::get(source.getShape().asArrayRef(), element), location);
  return found->second;
}

ParameterTable::Argument *ParameterTable::find(Value value) {
  auto argument = llvm::dyn_cast_or_null<BlockArgument>(value);
  return argument && argument.getOwner() == &body ? &arguments[argument.getArgNumber()] : nullptr;
}

bool ParameterTable::isParameter(Value value) const {
  Argument *argument = const_cast<ParameterTable *>(this)->find(value);
  return argument && argument->source;
}

void ParameterTable::setRole(Value parameter, llvm::StringRef role) {
  if (isParameter(parameter))
    find(parameter)->role = role.str();
}

void ParameterTable::boundInput(Value input, int64_t largest) {
  Argument *argument = find(input);
  if (argument && !argument->source && (argument->largest < 0 || largest < argument->largest))
    argument->largest = largest;
}

std::vector<DictionaryAttr> ParameterTable::finish() {
  Builder builder(body.getParent()->getContext());
  for (size_t index = arguments.size(); index-- > 0;) {
    if (!arguments[index].source || !body.getArgument(index).use_empty())
      continue;
    body.eraseArgument(index);
    arguments.erase(arguments.begin() + static_cast<ptrdiff_t>(index));
  }
  std::vector<DictionaryAttr> attributes;
  for (const Argument &argument : arguments) {
    NamedAttrList list;
    list.set(kNameAttr, builder.getStringAttr(argument.name));
    list.set(kRoleAttr, builder.getStringAttr(argument.role));
    if (argument.source)
      list.set(kSourceAttr, argument.source);
    if (argument.largest >= 0)
      list.set(kMaximumAttr, builder.getI64IntegerAttr(argument.largest));
    attributes.push_back(list.getDictionary(builder.getContext()));
  }
  return attributes;
}
