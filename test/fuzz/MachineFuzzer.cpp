// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as a machine file: an error, or a machine that survives being written and read back.
#include "partita/machine/Machine.h"

using partita::machine::Machine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<Machine> machine = Machine::fromJson(text, "input.json");
  if (!machine) {
    llvm::consumeError(machine.takeError());
    return 0;
  }
  llvm::Expected<Machine> again = Machine::fromJson(machine->toJson().str(), "output.json");
  if (!again || !(*again == *machine))
    __builtin_trap();
  return 0;
}
