// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- BuiltinTypes.h - Device types that need no file ---------------------------------------===//
//
// Private to lib/machine.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_MACHINE_BUILTINTYPES_H
#define PARTITA_LIB_MACHINE_BUILTINTYPES_H

#include "partita/machine/Machine.h"

namespace partita::machine {

/// A GPU type with the node it is usually sold in.
struct BuiltinGpu {
  DeviceType type;
  int64_t devicesPerNode;
  LinkLevel inner;   // inside a node; without groups
  LinkLevel network; // between nodes; without groups
};

/// In the order in which they are listed.
const std::vector<BuiltinGpu> &builtinGpus();

/// The fixed CPU device of `cpu:N`.
const DeviceType &builtinCpu();
/// The links of `cpu:N`: memory shared by the ranks of one host, and a network between hosts.
LinkLevel sharedMemoryLinks();
LinkLevel hostNetworkLinks();

/// The CPU of this host as `parts` equal devices.
DeviceType hostCpu(int64_t parts);

/// Whether `peak_flops` may name this element type; the list for messages.
bool isPeakName(llvm::StringRef name);
std::string listPeakNames();

} // namespace partita::machine

#endif // PARTITA_LIB_MACHINE_BUILTINTYPES_H
