// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ProbeRunner.h"
#include "Session.h"
#include "partita/lowering/CpuTarget.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace partita {

CommandSpec calibrateSpec() {
  CommandSpec spec{"calibrate", "measures this host with programs of its own and writes it as a machine file", {}, {}};
  spec.options.push_back({"o", "FILE.json", "where to write the machine"});
  spec.options.push_back({"devices", "N", "devices (ranks) that share this host; default 1"});
  spec.options.push_back({"cpu", "NAME", "processor to compile for: native (default), x86-64-v3, ..."});
  spec.options.push_back({"budget", "SECONDS", "about how long programs may run in all; default 30"});
  addCommonOptions(spec);
  return spec;
}

/// How many programs are run at most: what each may take of the budget.
static constexpr int64_t kProbes = 19;

static llvm::Expected<cost::Calibration> measureHost(Session &session, StringRef folder) {
  const Arguments &arguments = session.getArguments();
  llvm::Expected<int64_t> devices = arguments.getInteger("devices", 1, 1, 1024);
  if (!devices)
    return devices.takeError();
  llvm::Expected<int64_t> budget = arguments.getInteger("budget", 30, 1, 3600);
  if (!budget)
    return budget.takeError();
  std::string cpu = arguments.get("cpu", "native");
  OwningOpRef<ModuleOp> place(ModuleOp::create(UnknownLoc::get(&session.getContext())));
  FailureOr<lowering::CpuTarget> processor = lowering::describeCpu(*place, cpu);
  if (failed(processor))
    return makeError("E-CPU", "'" + cpu + "' is not known");
  llvm::Expected<machine::Machine> host = machine::Machine::parse("cpu:native:" + std::to_string(*devices));
  if (!host)
    return host.takeError();
  machine::DeviceType device = host->typeOf(machine::DeviceId{0});
  ProbeRunner runner({folder.str(), session.getTerminal().program, cpu, processor->name, device, *devices,
                      double(*budget) / double(kProbes)});
  return cost::calibrate(runner, {device, *devices, processor->name});
}

int runCalibrate(const Arguments &arguments, Terminal &terminal) {
  if (!arguments.has("o"))
    return reportError(makeError("E-USAGE", "say where to write the machine: -o FILE.json"), terminal);
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("partita-calibrate", folder))
    return reportError(makeError("E-WRITE-FILE", "no temporary folder can be made: " + error.message()), terminal);
  auto remove = llvm::make_scope_exit([&] { llvm::sys::fs::remove_directories(folder); });
  Session session(arguments, terminal);
  llvm::Expected<cost::Calibration> calibration = measureHost(session, folder);
  if (!calibration)
    return reportError(calibration.takeError(), terminal);
  for (const std::string &line : calibration->lines)
    terminal.out << line << '\n';
  if (llvm::Error error = writeFileAtomically(arguments.get("o"), calibration->machine.toJson().str() + "\n"))
    return reportError(std::move(error), terminal);
  terminal.out << arguments.get("o") << ": " << calibration->machine.describe() << '\n';
  return 0;
}

} // namespace partita
