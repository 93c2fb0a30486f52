// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/report/PlanText.h"
#include "Names.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/plan/Plan.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;

namespace partita::report {

static std::string spell(ArrayRef<plan::SplitAttr> splits) {
  std::vector<std::string> parts;
  for (plan::SplitAttr split : splits)
    parts.push_back(split.getAxis().str() + (split.getUnit() == 1 ? "" : " by " + std::to_string(split.getUnit())));
  return llvm::join(parts, ", ");
}

static std::string spellLoops(Operation *op) {
  auto split = dyn_cast<SplitOpInterface>(op);
  auto loops = op->getAttrOfType<plan::LoopsAttr>(plan::kLoopsAttr);
  if (!split || !loops)
    return "";
  LoopNest nest = split.getLoopNest();
  std::vector<std::string> parts;
  for (auto [index, dim] : llvm::enumerate(loops.getLoops()))
    if (!dim.getSplits().empty() && index < nest.loops.size())
      parts.push_back(nest.loops[index].label + " over " + spell(dim.getSplits()) +
                      (nest.loops[index].kind == LoopKind::expand ? " (expanded)" : ""));
  return parts.empty() ? "-" : llvm::join(parts, "; ");
}

static std::string spell(plan::PlacementAttr placement) {
  std::vector<std::string> dims;
  for (plan::DimSplitAttr dim : placement.getDims())
    dims.push_back(dim.getSplits().empty() ? "_" : spell(dim.getSplits()) + (dim.getWindow() ? " with halo" : ""));
  std::string text = "[" + llvm::join(dims, " | ") + "]";
  for (plan::PartialAttr entry : placement.getPartial())
    text += " " + plan::stringifyPartialKind(entry.getKind()).str() + "(" + entry.getAxis().str() + ")";
  return text;
}

/// Operands that are communicated on their way to the op.
static std::string spellReshards(Operation *op) {
  std::vector<std::string> parts;
  auto reshards = op->getAttrOfType<ArrayAttr>(plan::kReshardsAttr);
  for (auto [index, entry] : llvm::enumerate(reshards ? reshards.getValue() : ArrayRef<Attribute>())) {
    auto reshard = dyn_cast<plan::ReshardAttr>(entry);
    if (!reshard || (reshard.getPath().size() == 1 && reshard.getArrival().empty()))
      continue;
    std::string text = "operand " + std::to_string(index) + ": " + spell(reshard.getPath().front()) + " -> " +
                       spell(reshard.getArrival().empty() ? reshard.getPath().back() : reshard.getArrival().back());
    if (!reshard.getArrival().empty())
      text += " (other stage)";
    parts.push_back(text);
  }
  return llvm::join(parts, "; ");
}

static void printDevices(ArrayRef<int64_t> devices, raw_ostream &os) {
  if (devices.size() > 1 && devices.back() - devices.front() + 1 == static_cast<int64_t>(devices.size()))
    os << devices.front() << '-' << devices.back();
  else
    llvm::interleaveComma(devices, os);
}

static void printStages(ModuleOp module, raw_ostream &os) {
  for (auto stage : module.getOps<plan::StageOp>()) {
    os << "stage " << stage.getSymName() << ": ";
    std::vector<std::string> axes;
    for (plan::AxisAttr axis : stage.getMesh().getAxes())
      axes.push_back(axis.getName().str() + "=" + std::to_string(axis.getSize()) +
                     (axis.getKind() == plan::AxisKind::time ? " micro-batches" : ""));
    os << (axes.empty() ? "one device" : llvm::join(axes, ", ")) << " on devices ";
    printDevices(stage.getMesh().getDevices(), os);
    os << '\n';
  }
}

static void printDecisions(func::FuncOp function, raw_ostream &os) {
  std::vector<DecisionClass> classes = classifyDecisions(function);
  size_t width = 8;
  for (const DecisionClass &entry : classes)
    width = std::min<size_t>(std::max(width, entry.members.size()), 48);
  os << '\n'
     << llvm::left_justify("ops", width) << "  " << llvm::left_justify("kind", 14) << "  "
     << llvm::left_justify("split", 26) << "  communicated before it\n";
  for (const DecisionClass &entry : classes) {
    Operation *op = entry.ops.front();
    os << llvm::left_justify(entry.members, width) << "  " << llvm::left_justify(op->getName().stripDialect(), 14)
       << "  " << llvm::left_justify(spellLoops(op), 26) << "  " << spellReshards(op) << '\n';
  }
}

static void printStorage(func::FuncOp function, raw_ostream &os) {
  os << "\nparameters and inputs are kept as\n";
  std::vector<std::pair<std::string, std::vector<std::string>>> classes;
  std::map<std::string, size_t> byKey;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    auto storage = function.getArgAttrOfType<ArrayAttr>(index, plan::kStorageAttr);
    if (!name || !storage)
      continue;
    std::vector<std::string> kept;
    for (Attribute placement : storage)
      kept.push_back(spell(cast<plan::PlacementAttr>(placement)));
    std::string text = llvm::join(kept, " and ");
    NumberedName split = splitName(name.getValue());
    std::string key = split.prefix + (split.number ? "#" : "") + split.suffix + "|" + text;
    auto [entry, inserted] = byKey.emplace(key, classes.size());
    if (inserted)
      classes.push_back({text, {}});
    classes[entry->second].second.push_back(name.str());
  }
  for (auto &[text, names] : classes)
    os << "  " << llvm::left_justify(compressNames(names), 44) << "  " << text << '\n';
}

void printPlan(ModuleOp module, raw_ostream &os) {
  printStages(module, os);
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    printDecisions(function, os);
    printStorage(function, os);
    break;
  }
}

} // namespace partita::report
