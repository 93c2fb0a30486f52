// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A planned module as JSON.
#include "Names.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/plan/Plan.h"
#include <map>

using namespace mlir;

namespace partita::report {

static JsonValue toJson(ArrayRef<plan::DimSplitAttr> dims) {
  JsonValue array = JsonValue::makeArray();
  for (plan::DimSplitAttr dim : dims) {
    JsonValue splits = JsonValue::makeArray();
    for (plan::SplitAttr split : dim.getSplits())
      splits.append(split.getUnit() == 1 ? split.getAxis().str()
                                         : split.getAxis().str() + ":" + std::to_string(split.getUnit()));
    if (plan::WindowAttr window = dim.getWindow())
      splits.append("window " + window.str());
    array.append(splits);
  }
  return array;
}

static JsonValue toJson(plan::PlacementAttr placement) {
  JsonValue object = JsonValue::makeObject();
  object.set("dims", toJson(placement.getDims()));
  if (placement.isPartial()) {
    JsonValue partial = JsonValue::makeObject();
    for (plan::PartialAttr entry : placement.getPartial())
      partial.set(entry.getAxis(), plan::stringifyPartialKind(entry.getKind()));
    object.set("partial", partial);
  }
  return object;
}

static JsonValue toJson(ArrayRef<plan::PlacementAttr> placements) {
  JsonValue array = JsonValue::makeArray();
  for (plan::PlacementAttr placement : placements)
    array.append(toJson(placement));
  return array;
}

/// Attributes of records and alternatives: strings, numbers, bools, lists and dictionaries.
static JsonValue toJson(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.getValue();
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    JsonValue array = JsonValue::makeArray();
    for (Attribute element : list)
      array.append(toJson(element));
    return array;
  }
  if (auto dictionary = dyn_cast<DictionaryAttr>(attribute)) {
    JsonValue object = JsonValue::makeObject();
    for (NamedAttribute entry : dictionary)
      object.set(entry.getName().getValue(), toJson(entry.getValue()));
    return object;
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  attribute.print(os);
  return text;
}

static JsonValue reshardsToJson(Operation *op) {
  JsonValue array = JsonValue::makeArray();
  auto reshards = op->getAttrOfType<ArrayAttr>(plan::kReshardsAttr);
  if (!reshards)
    return array;
  for (Attribute entry : reshards) {
    auto reshard = dyn_cast<plan::ReshardAttr>(entry);
    if (!reshard) {
      array.append(nullptr);
      continue;
    }
    JsonValue object = JsonValue::makeObject();
    object.set("path", toJson(reshard.getPath()));
    if (!reshard.getArrival().empty())
      object.set("arrival", toJson(reshard.getArrival()));
    array.append(object);
  }
  return array;
}

static JsonValue decisionToJson(Operation *op) {
  JsonValue object = JsonValue::makeObject();
  if (auto stage = op->getAttrOfType<FlatSymbolRefAttr>(plan::kStageAttr))
    object.set("stage", stage.getValue());
  if (auto loops = op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr))
    object.set("loops", toJson(loops.getLoops()));
  object.set("reshards", reshardsToJson(op));
  if (auto origin = op->getAttrOfType<StringAttr>(plan::kOriginAttr))
    object.set("origin", origin.getValue());
  if (Attribute alternatives = op->getAttr(plan::kAlternativesAttr))
    object.set("alternatives", toJson(alternatives));
  return object;
}

std::vector<DecisionClass> classifyDecisions(func::FuncOp function) {
  std::vector<DecisionClass> classes;
  std::map<std::string, size_t> byKey;
  for (Operation &op : function.getBody().front()) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      continue;
    NumberedName name = splitName(getModelName(&op));
    std::string key = op.getName().getStringRef().str() + "|" + name.prefix + (name.number ? "#" : "") + name.suffix +
                      "|" + decisionToJson(&op).compactStr();
    auto [entry, inserted] = byKey.emplace(key, classes.size());
    if (inserted)
      classes.emplace_back();
    classes[entry->second].ops.push_back(&op);
  }
  for (DecisionClass &entry : classes) {
    std::vector<std::string> names;
    for (Operation *op : entry.ops)
      names.push_back(getModelName(op).str());
    entry.members = compressNames(names);
  }
  return classes;
}

static JsonValue stagesToJson(ModuleOp module) {
  JsonValue stages = JsonValue::makeArray();
  for (auto stage : module.getOps<plan::StageOp>()) {
    JsonValue axes = JsonValue::makeArray();
    for (plan::AxisAttr axis : stage.getMesh().getAxes()) {
      JsonValue entry = JsonValue::makeObject();
      entry.set("name", axis.getName());
      entry.set("size", axis.getSize());
      if (axis.getKind() == plan::AxisKind::time)
        entry.set("kind", "time");
      axes.append(entry);
    }
    JsonValue object = JsonValue::makeObject();
    object.set("name", stage.getSymName());
    object.set("axes", axes);
    object.set("devices", JsonValue::makeArrayOf(stage.getMesh().getDevices()));
    stages.append(object);
  }
  return stages;
}

static JsonValue argumentsToJson(func::FuncOp function) {
  std::map<std::string, std::pair<std::vector<std::string>, JsonValue>> classes;
  std::vector<std::string> order;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    auto storage = function.getArgAttrOfType<ArrayAttr>(index, plan::kStorageAttr);
    if (!name || !storage)
      continue;
    JsonValue kept = JsonValue::makeArray();
    for (Attribute placement : storage)
      kept.append(toJson(cast<plan::PlacementAttr>(placement)));
    NumberedName split = splitName(name.getValue());
    std::string key = split.prefix + (split.number ? "#" : "") + split.suffix + "|" + kept.compactStr();
    auto [entry, inserted] = classes.try_emplace(key, std::vector<std::string>(), kept);
    if (inserted)
      order.push_back(key);
    entry->second.first.push_back(name.str());
  }
  JsonValue array = JsonValue::makeArray();
  for (const std::string &key : order) {
    JsonValue object = JsonValue::makeObject();
    object.set("members", compressNames(classes[key].first));
    object.set("kept_as", classes[key].second);
    array.append(object);
  }
  return array;
}

JsonValue writePlan(ModuleOp module) {
  JsonValue plan = JsonValue::makeObject();
  plan.set("schema", plan::kSchema);
  for (auto record : module.getOps<plan::RecordOp>())
    plan.set("record", toJson(record.getEntries()));
  plan.set("stages", stagesToJson(module));
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    plan.set("arguments", argumentsToJson(function));
    JsonValue decisions = JsonValue::makeArray();
    for (const DecisionClass &entry : classifyDecisions(function)) {
      JsonValue object = JsonValue::makeObject();
      object.set("members", entry.members);
      JsonValue decision = decisionToJson(entry.ops.front());
      for (const JsonMember &member : decision.members())
        object.set(member.name, member.value);
      decisions.append(object);
    }
    plan.set("decisions", decisions);
    plan.set("results", reshardsToJson(function.getBody().front().getTerminator()));
    break;
  }
  return plan;
}

} // namespace partita::report
