// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Pins.cpp - Decisions the user fixes -----------------------------------------===//
#include "Problem.h"

#include "partita/support/Error.h"

#include "llvm/Support/GlobPattern.h"

using namespace mlir;

namespace partita::planner {

/// Splits at the last colon: globs of model names may hold colons, loops and axes do not.
static FailureOr<Pin> parsePin(PlanningProblem &problem, const std::string &text) {
  auto fail = [&]() -> FailureOr<Pin> {
    return problem.function.emitError() << "E-PIN: '" << text
                                        << "' is not of the form GLOB:loop=axis,... (or loop=none, loop=axis+axis)";
  };
  auto [glob, rest] = StringRef(text).rsplit(':');
  if (glob.empty() || rest.empty())
    return fail();
  Pin pin{text, glob.str(), {}};
  SmallVector<StringRef> entries;
  rest.split(entries, ',');
  for (StringRef entry : entries) {
    auto [loop, axes] = entry.split('=');
    if (loop.empty() || axes.empty())
      return fail();
    std::vector<std::string> names;
    SmallVector<StringRef> parts;
    if (axes != "none")
      axes.split(parts, '+');
    for (StringRef part : parts)
      names.push_back(part.str());
    pin.loops.push_back({loop.str(), names});
  }
  return pin;
}

static const Loop *findLoop(const OpInfo &op, StringRef label) {
  auto found = llvm::find_if(op.nest.loops, [&](const Loop &loop) { return loop.label == label; });
  return found == op.nest.loops.end() ? nullptr : found;
}

/// Whether an op has all loops that a pin names: a glob may match ops of several kinds.
static bool hasLoops(const Pin &pin, const OpInfo &op) {
  return llvm::all_of(pin.loops, [&](const auto &entry) { return findLoop(op, entry.first); });
}

static LogicalResult reportMissingLoop(const Pin &pin, const OpInfo &op) {
  auto missing = llvm::find_if(pin.loops, [&](const auto &entry) { return !findLoop(op, entry.first); });
  InFlightDiagnostic diagnostic = op.op->emitError();
  diagnostic << "E-INFEASIBLE-PIN: '" << pin.text << "': '" << op.name << "' has no loop '" << missing->first
             << "'; it has";
  for (const Loop &other : op.nest.loops)
    diagnostic << " '" << other.label << "'";
  return diagnostic;
}

/// Each loop a pin names can be split; else the reason is said.
static LogicalResult checkPin(const Pin &pin, const OpInfo &op) {
  for (const auto &[label, axes] : pin.loops)
    if (const Loop *loop = findLoop(op, label); loop->kind == LoopKind::whole && !axes.empty())
      return op.op->emitError() << "E-INFEASIBLE-PIN: '" << pin.text << "': loop '" << label << "' of '" << op.name
                                << "' cannot be split: " << loop->reason;
  return success();
}

LogicalResult readPins(PlanningProblem &problem) {
  for (const std::string &text : problem.options.pins) {
    FailureOr<Pin> pin = parsePin(problem, text);
    if (failed(pin))
      return failure();
    llvm::Expected<llvm::GlobPattern> glob = llvm::GlobPattern::create(pin->glob);
    if (!glob)
      return problem.function.emitError()
             << "E-PIN: '" << pin->glob << "' is no glob: " << llvm::toString(glob.takeError());
    std::vector<std::string> names;
    const OpInfo *matched = nullptr;
    bool applied = false;
    for (OpInfo &op : problem.ops) {
      names.push_back(op.name);
      if (!glob->match(op.name))
        continue;
      matched = matched ? matched : &op;
      if (!hasLoops(*pin, op))
        continue;
      applied = true;
      if (failed(checkPin(*pin, op)))
        return failure();
      op.pins.push_back(problem.pins.size());
    }
    if (!matched) {
      InFlightDiagnostic diagnostic = problem.function.emitError();
      diagnostic << "E-INFEASIBLE-PIN: '" << text << "': no op has a name like '" << pin->glob << "'";
      for (const std::string &name : findNearestNames(pin->glob, names))
        diagnostic.attachNote() << "there is '" << name << "'";
      return diagnostic;
    }
    if (!applied)
      return reportMissingLoop(*pin, *matched);
    problem.pins.push_back(std::move(*pin));
  }
  return success();
}

} // namespace partita::planner
