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

/// Each loop a pin names exists in the op and can be split; else the reason is said.
static LogicalResult checkPin(const Pin &pin, const OpInfo &op) {
  for (const auto &[label, axes] : pin.loops) {
    const Loop *loop =
        llvm::find_if(op.nest.loops, [&, &label = label](const Loop &loop) { return loop.label == label; });
    if (loop == op.nest.loops.end()) {
      InFlightDiagnostic diagnostic = op.op->emitError();
      diagnostic << "E-INFEASIBLE-PIN: '" << pin.text << "': '" << op.name << "' has no loop '" << label << "'; it has";
      for (const Loop &other : op.nest.loops)
        diagnostic << " '" << other.label << "'";
      return diagnostic;
    }
    if (loop->kind == LoopKind::whole && !axes.empty())
      return op.op->emitError() << "E-INFEASIBLE-PIN: '" << pin.text << "': loop '" << label << "' of '" << op.name
                                << "' cannot be split: " << loop->reason;
  }
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
    bool matched = false;
    for (OpInfo &op : problem.ops) {
      names.push_back(op.name);
      if (!glob->match(op.name))
        continue;
      matched = true;
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
    problem.pins.push_back(std::move(*pin));
  }
  return success();
}

} // namespace partita::planner
