// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/pipeline/Driver.h"
#include "Commands.h"
#include "partita/support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"

using namespace llvm;

namespace partita {

namespace {
struct Command {
  CommandSpec (*spec)();
  CommandFunction run;
};
} // namespace

static const Command kCommands[] = {
    {compileSpec, runCompile}, {planSpec, runPlan},         {verifySpec, runVerify},   {checkSpec, runCheck},
    {zooSpec, runZoo},         {machinesSpec, runMachines}, {presetsSpec, runPresets}, {calibrateSpec, runCalibrate}};

/// Part of the command-line contract, but not of this version.
static const char *const kLaterCommands[] = {"simulate", "fit", "explain", "diff", "doctor", "checkpoint"};

int reportError(Error error, Terminal &terminal) {
  PartitaError taken = takeError(std::move(error));
  terminal.err << "error: " << taken.strWithNotes() << '\n';
  return taken.code == "E-USAGE" ? 2 : 1;
}

void addCommonOptions(CommandSpec &spec) {
  spec.options.push_back({"color", "auto|always|never", "colour of diagnostics; plain unless always"});
  spec.options.push_back({"save-temps", "DIR", "keep the program of every phase as DIR/PHASE.mlir"});
  spec.options.push_back({"mlir-print-ir-after-all", "", "print the program after every pass to standard error"});
  spec.options.push_back({"help", "", "this text"});
}

static void printOverview(raw_ostream &os) {
  os << "usage: partita COMMAND [arguments]\nCompiles a model file into a parallel program.\n\ncommands:\n";
  for (const Command &command : kCommands)
    os << "  " << left_justify(command.spec().name, 12) << command.spec().summary << '\n';
  os << "\nNot in this version: ";
  interleaveComma(kLaterCommands, os);
  os << ".\n'partita COMMAND --help' lists a command's options.\n";
}

int runDriver(const std::vector<std::string> &arguments, raw_ostream &out, raw_ostream &err,
              const std::string &program) {
  Terminal terminal{out, err, program};
  if (arguments.empty()) {
    printOverview(err);
    return 2;
  }
  const std::string &name = arguments.front();
  if (name == "--help" || name == "help") {
    printOverview(out);
    return 0;
  }
  if (name == "--version") {
    out << "partita " PARTITA_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
    return 0;
  }
  std::vector<std::string> names;
  for (const Command &command : kCommands) {
    CommandSpec spec = command.spec();
    names.push_back(spec.name);
    if (spec.name != name)
      continue;
    Expected<Arguments> parsed = Arguments::parse(spec, ArrayRef<std::string>(arguments).drop_front());
    if (!parsed)
      return reportError(parsed.takeError(), terminal);
    if (parsed->has("help")) {
      printHelp(spec, out);
      return 0;
    }
    return command.run(*parsed, terminal);
  }
  if (is_contained(kLaterCommands, name))
    return reportError(makeError("E-NOT-BUILT", "'partita " + name + "' is not in this version"), terminal);
  std::vector<std::string> notes;
  for (const std::string &near : findNearestNames(name, names, 1))
    notes.push_back("did you mean '" + near + "'?");
  return reportError(makeError("E-USAGE", "there is no command '" + name + "'", notes), terminal);
}

} // namespace partita
