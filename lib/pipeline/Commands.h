// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The commands of the driver. Each has a spec and a function; the table in Driver.cpp lists them.
#ifndef PARTITA_LIB_PIPELINE_COMMANDS_H
#define PARTITA_LIB_PIPELINE_COMMANDS_H

#include "CommandLine.h"

namespace partita {

/// Where a command writes, and where the driver lies.
struct Terminal {
  llvm::raw_ostream &out;
  llvm::raw_ostream &err;
  std::string program;
};

using CommandFunction = int (*)(const Arguments &, Terminal &);

CommandSpec compileSpec();
int runCompile(const Arguments &arguments, Terminal &terminal);
CommandSpec planSpec();
int runPlan(const Arguments &arguments, Terminal &terminal);
CommandSpec verifySpec();
int runVerify(const Arguments &arguments, Terminal &terminal);
CommandSpec checkSpec();
int runCheck(const Arguments &arguments, Terminal &terminal);
CommandSpec zooSpec();
int runZoo(const Arguments &arguments, Terminal &terminal);
CommandSpec machinesSpec();
int runMachines(const Arguments &arguments, Terminal &terminal);
CommandSpec calibrateSpec();
int runCalibrate(const Arguments &arguments, Terminal &terminal);
CommandSpec presetsSpec();
int runPresets(const Arguments &arguments, Terminal &terminal);

/// Prints an error with its notes to the terminal; returns 2 for E-USAGE, else 1.
int reportError(llvm::Error error, Terminal &terminal);

/// Options that every command takes.
void addCommonOptions(CommandSpec &spec);
/// Options that bind a model's dims and its batch.
void addModelOptions(CommandSpec &spec);
/// Options that choose machine, preset, pins and limits.
void addPlanOptions(CommandSpec &spec);

} // namespace partita

#endif
