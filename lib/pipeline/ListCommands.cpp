// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Commands that list what is built in.
#include "Commands.h"
#include "partita/machine/Machine.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace partita {

CommandSpec machinesSpec() {
  CommandSpec spec{"machines", "lists the built-in machines", {}, {}};
  addCommonOptions(spec);
  return spec;
}

int runMachines(const Arguments &, Terminal &terminal) {
  for (const machine::BuiltinMachine &entry : machine::listBuiltinMachines())
    terminal.out << left_justify(entry.form, 34) << ' ' << entry.summary << '\n';
  terminal.out << "this host: " << machine::Machine::host().describe() << '\n';
  return 0;
}

CommandSpec presetsSpec() {
  CommandSpec spec{"presets", "lists the presets: restrictions of the search", {}, {}};
  addCommonOptions(spec);
  return spec;
}

int runPresets(const Arguments &, Terminal &terminal) {
  terminal.out << "single                                     one device\n"
                  "data                                       the batch is cut over all devices\n"
                  "tensor                                     heads, hidden and vocabulary are cut over all devices\n"
                  "megatron:tensor=T,pipeline=P,data=D        T-way tensor, P stages, D replicas of the batch\n"
                  "mesh:AXIS=N[,AXIS=N]                       this mesh, whose axes may cut anything\n";
  return 0;
}

} // namespace partita
