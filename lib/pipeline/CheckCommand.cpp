// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Flow.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/support/Units.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace mlir;

namespace partita {

CommandSpec checkSpec() {
  CommandSpec spec{"check", "every import problem at once; how each kind of op splits; parameters", {"MODEL"}, {}};
  addModelOptions(spec);
  addCommonOptions(spec);
  return spec;
}

/// "b, s, n; k (sum); d whole: why".
static std::string describeLoops(const LoopNest &nest) {
  std::vector<std::string> parts;
  for (const Loop &loop : nest.loops) {
    if (loop.kind == LoopKind::parallel)
      parts.push_back(loop.label);
    else if (loop.kind == LoopKind::reduction)
      parts.push_back(loop.label + " (reduced)");
  }
  std::string text = parts.empty() ? "nothing" : llvm::join(parts, ", ");
  std::set<std::string> reasons;
  for (const Loop &loop : nest.loops)
    if (loop.kind == LoopKind::whole && reasons.insert(loop.reason).second)
      text += "; not " + loop.label + ": " + loop.reason;
  return text;
}

int runCheck(const Arguments &arguments, Terminal &terminal) {
  Session session(arguments, terminal);
  OwningOpRef<ModuleOp> module = loadModel(session, arguments.positional().front());
  func::FuncOp function = module ? findModelFunction(*module) : func::FuncOp();
  if (!function)
    return 1;
  int64_t parameters = 0;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto role = function.getArgAttrOfType<StringAttr>(index, kRoleAttr);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    if (type && role && role.getValue() == kRoleParameter)
      parameters += getBoundElements(type).value_or(0);
  }
  std::map<std::string, std::pair<int64_t, std::string>> kinds;
  double operations = 0;
  for (Operation &op : function.getBody().front()) {
    auto split = dyn_cast<SplitOpInterface>(op);
    if (!split)
      continue;
    LoopNest nest = split.getLoopNest();
    auto &[count, loops] = kinds[op.getName().stripDialect().str()];
    if (count++ == 0)
      loops = describeLoops(nest);
    SmallVector<int64_t> extents;
    for (const Loop &loop : nest.loops)
      extents.push_back(loop.extent);
    if (auto cost = dyn_cast<CostOpInterface>(op))
      operations += cost.getWork(extents).operations;
  }
  terminal.out << parameters << " parameter elements, " << llvm::format("%.4g", operations) << " operations per run\n";
  for (const auto &[kind, entry] : kinds)
    terminal.out << llvm::right_justify(std::to_string(entry.first), 6) << " x " << llvm::left_justify(kind, 14)
                 << " splits " << entry.second << '\n';
  return 0;
}

} // namespace partita
