// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CheckReport.h"
#include "Flow.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace partita {

bool CheckReport::passed() const { return getCode().empty(); }

std::string CheckReport::getCode() const {
  if (!check.problems.empty())
    return check.problems.front().code;
  for (const CheckedOp &op : ops)
    if (!op.loops)
      return "E-NO-RULE";
  return "";
}

double CheckReport::countOperations() const {
  double operations = 0;
  for (const CheckedOp &op : ops)
    operations += op.operations;
  return operations;
}

static CheckedOp checkOp(Operation &op) {
  CheckedOp checked{getModelName(&op).str(), op.getName().stripDialect().str(), "", std::nullopt, 0};
  if (auto location = dyn_cast<NameLoc>(op.getLoc()))
    checked.node = location.getName().str();
  if (auto custom = dyn_cast<graph::CustomOp>(op))
    checked.kind += " " + custom.getTarget().str();
  auto split = dyn_cast<SplitOpInterface>(op);
  if (!split)
    return checked;
  checked.loops = split.getLoopNest();
  SmallVector<int64_t> extents;
  for (const Loop &loop : checked.loops->loops)
    extents.push_back(loop.extent);
  if (auto cost = dyn_cast<CostOpInterface>(op))
    checked.operations = cost.getWork(extents).operations;
  return checked;
}

CheckReport makeCheckReport(StringRef model, import::ModelCheck check) {
  CheckReport report;
  report.model = model.str();
  func::FuncOp function = findModelFunction(*check.module);
  // A file says what its weights are even where their nodes cannot be imported.
  report.parameters = check.parameters;
  for (unsigned index = 0; function && check.nodes.empty() && index < function.getNumArguments(); ++index) {
    auto role = function.getArgAttrOfType<StringAttr>(index, kRoleAttr);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    if (type && role && role.getValue() == kRoleParameter)
      report.parameters += static_cast<uint64_t>(getBoundElements(type).value_or(0));
  }
  if (function)
    for (Operation &op : function.getBody().front().without_terminator())
      report.ops.push_back(checkOp(op));
  report.check = std::move(check);
  return report;
}

//===--- Text -------------------------------------------------------------===//

static StringRef markOf(LoopKind kind) {
  return kind == LoopKind::reduction ? " (reduced)" : kind == LoopKind::expand ? " (expanded)" : "";
}

/// "b, s, n, k (reduced); not d: why".
static std::string describeLoops(const std::optional<LoopNest> &nest) {
  if (!nest)
    return "does not say how it splits";
  std::vector<std::string> parts;
  for (const Loop &loop : nest->loops)
    if (loop.kind != LoopKind::whole)
      parts.push_back(loop.label + markOf(loop.kind).str());
  for (auto [parallel, reduced] : nest->jointLoops)
    parts.push_back(nest->loops[parallel].label + " with " + nest->loops[reduced].label + " (exchanged)");
  std::string text = "splits " + (parts.empty() ? "nothing" : llvm::join(parts, ", "));
  // Loops of one reason together, in the order of the first of each.
  std::vector<std::pair<std::string, std::string>> reasons;
  for (const Loop &loop : nest->loops) {
    if (loop.kind != LoopKind::whole)
      continue;
    auto known = llvm::find_if(reasons, [&](const auto &entry) { return entry.first == loop.reason; });
    if (known == reasons.end())
      reasons.emplace_back(loop.reason, loop.label);
    else
      known->second += ", " + loop.label;
  }
  for (const auto &[reason, labels] : reasons)
    text += "; not " + labels + ": " + reason;
  return text;
}

static std::string spellOperator(const std::string &domain, const std::string &type) {
  return (domain.empty() || domain == "ai.onnx" ? "" : domain + ".") + type;
}

static void printProblems(const CheckReport &report, raw_ostream &os) {
  for (const import::ImportProblem &problem : report.check.problems) {
    os << "error: " << problem.code << ": " << problem.message << '\n';
    for (const std::string &note : problem.notes)
      os << "note: " << note << '\n';
  }
  for (const CheckedOp &op : report.ops)
    if (!op.loops)
      os << "error: E-NO-RULE: '" << op.name << "' (" << op.kind << ") does not say how it can be split\n";
}

namespace {
struct OperatorCount {
  int64_t nodes = 0, refused = 0, skipped = 0;
};
} // namespace

static void printOperators(const CheckReport &report, raw_ostream &os) {
  std::map<std::string, OperatorCount> counts;
  for (const import::CheckedNode &node : report.check.nodes) {
    OperatorCount &count = counts[spellOperator(node.domain, node.type)];
    ++count.nodes;
    count.refused += node.state == import::CheckedNode::Refused;
    count.skipped += node.state == import::CheckedNode::Skipped;
  }
  if (!counts.empty())
    os << "operators of the file:\n";
  for (const auto &[name, count] : counts) {
    os << llvm::right_justify(std::to_string(count.nodes), 7) << " x " << llvm::left_justify(name, 28);
    if (count.refused == 0 && count.skipped == 0)
      os << " importable";
    if (count.refused > 0)
      os << ' ' << count.refused << " NOT importable";
    if (count.skipped > 0)
      os << ' ' << count.skipped << " not checked: an input comes from a node that is not importable";
    os << '\n';
  }
}

static void printOps(const CheckReport &report, raw_ostream &os) {
  struct Kind {
    int64_t count = 0;
    double operations = 0;
  };
  // Ops of one kind may split in several ways (a slice splits what it does not cut).
  std::map<std::pair<std::string, std::string>, Kind> kinds;
  for (const CheckedOp &op : report.ops) {
    Kind &kind = kinds[{op.kind, describeLoops(op.loops)}];
    ++kind.count;
    kind.operations += op.operations;
  }
  if (!kinds.empty())
    os << "ops they become:\n";
  for (const auto &[key, kind] : kinds)
    os << llvm::right_justify(std::to_string(kind.count), 7) << " x " << llvm::left_justify(key.first, 14) << ' '
       << key.second << "  [" << llvm::format("%.3g", kind.operations) << " operations]\n";
}

void printReport(const CheckReport &report, raw_ostream &os) {
  printProblems(report, os);
  os << report.parameters << " parameter elements, " << llvm::format("%.4g", report.countOperations())
     << " operations per run" << (report.check.problems.empty() ? "\n" : " of what can be imported\n");
  for (const std::string &dim : report.check.assumedDims)
    os << "dimension " << dim << " is not bound; 1 was assumed for this report\n";
  if (report.check.unusedNodes > 0)
    os << report.check.unusedNodes << " nodes that no output needs were left out\n";
  printOperators(report, os);
  printOps(report, os);
  os << "derivatives: not in this version\n";
  size_t problems = report.check.problems.size();
  os << (report.passed() ? "the model can be imported and split\n"
                         : std::to_string(problems) + (problems == 1 ? " problem\n" : " problems\n"));
}

//===--- JSON -------------------------------------------------------------===//

static JsonValue opToJson(const CheckedOp &op) {
  JsonValue entry = JsonValue::makeObject(), splits = JsonValue::makeArray(), reduced = JsonValue::makeArray(),
            expanded = JsonValue::makeArray(), whole = JsonValue::makeArray();
  entry.set("name", op.name).set("op", op.kind).set("node", op.node).set("splittable", op.loops.has_value());
  for (const Loop &loop : op.loops ? ArrayRef(op.loops->loops) : ArrayRef<Loop>()) {
    JsonValue described = JsonValue::makeObject();
    described.set("loop", loop.label).set("extent", loop.extent);
    if (loop.kind == LoopKind::whole)
      whole.append(described.set("reason", loop.reason));
    else
      (loop.kind == LoopKind::reduction ? reduced
       : loop.kind == LoopKind::expand  ? expanded
                                        : splits)
          .append(described);
  }
  JsonValue joint = JsonValue::makeArray();
  if (op.loops)
    for (auto [parallel, reduced] : op.loops->jointLoops)
      joint.append(JsonValue::makeArrayOf(
          std::vector<std::string>{op.loops->loops[parallel].label, op.loops->loops[reduced].label}));
  entry.set("splits", splits)
      .set("splits_reduced", reduced)
      .set("splits_expanded", expanded)
      .set("splits_together", joint)
      .set("whole", whole)
      .set("operations", op.operations);
  return entry;
}

static JsonValue nodeToJson(const import::CheckedNode &node) {
  static constexpr llvm::StringLiteral kStates[] = {"importable", "refused", "not checked"};
  JsonValue entry = JsonValue::makeObject();
  entry.set("name", node.name).set("op_type", node.type).set("domain", node.domain);
  entry.set("status", kStates[node.state]);
  return entry;
}

static JsonValue problemToJson(const import::ImportProblem &problem) {
  JsonValue entry = JsonValue::makeObject();
  entry.set("code", problem.code).set("message", problem.message).set("node", problem.node);
  entry.set("op_type", problem.type).set("domain", problem.domain);
  entry.set("notes", JsonValue::makeArrayOf(problem.notes));
  return entry;
}

JsonValue toJson(const CheckReport &report) {
  JsonValue answer = JsonValue::makeObject(), problems = JsonValue::makeArray(), nodes = JsonValue::makeArray(),
            ops = JsonValue::makeArray();
  for (const import::ImportProblem &problem : report.check.problems)
    problems.append(problemToJson(problem));
  for (const import::CheckedNode &node : report.check.nodes)
    nodes.append(nodeToJson(node));
  for (const CheckedOp &op : report.ops)
    ops.append(opToJson(op));
  answer.set("schema", "partita.check/1").set("status", report.passed() ? "ok" : "error");
  answer.set("code", report.getCode()).set("model", report.model);
  answer.set("parameters", report.parameters).set("operations", report.countOperations());
  answer.set("differentiable", nullptr);
  answer.set("assumed_dims", JsonValue::makeArrayOf(report.check.assumedDims));
  answer.set("unused_nodes", report.check.unusedNodes);
  answer.set("problems", problems).set("nodes", nodes).set("ops", ops);
  return answer;
}

} // namespace partita
