// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- HostMachine.cpp - The figures of this host, read but not measured ------------------------===//
//
// Reading gives the same figures in every run on a host, so plans made for it are reproducible; measuring is
// the work of calibration.
//
//===----------------------------------------------------------------------===//
#include "BuiltinTypes.h"

#include "partita/support/Error.h"
#include "partita/support/File.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

#include <algorithm>
#include <sched.h>
#include <unistd.h>

using namespace partita;
using namespace partita::machine;

namespace {
/// Cores this process may run on.
int64_t countCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) > 0)
    return CPU_COUNT(&allowed);
  return std::max<int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
}

/// Memory of the host, or the limit of the container if that is less.
Bytes readMemory() {
  int64_t total =
      multiplySaturated(std::max<int64_t>(1, ::sysconf(_SC_PHYS_PAGES)), std::max<int64_t>(1, ::sysconf(_SC_PAGESIZE)));
  for (const char *path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    llvm::Expected<std::string> text = readFileText(path, 1024);
    int64_t limit = 0;
    if (!text)
      llvm::consumeError(text.takeError());
    else if (!llvm::StringRef(*text).trim().getAsInteger(10, limit) && limit > 0)
      total = std::min(total, limit);
  }
  return {total};
}

/// f32 FLOP/s of one core at 3.2 GHz with two fused multiply-adds a cycle, or one of 512 bits.
double estimateCoreFlops() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avx512f") || features.lookup("avx2"))
    return 2 * 2 * 8 * 3.2e9;
  return features.lookup("avx") ? 2 * 8 * 3.2e9 : 2 * 4 * 3.2e9;
}
} // namespace

DeviceType machine::hostCpu(int64_t parts) {
  int64_t cores = countCores();
  double flops = estimateCoreFlops() * double(cores) / double(parts);
  DeviceType type = builtinCpu();
  type.name = "host-cpu";
  type.peakFlops = {{"f32", flops}, {"f64", flops / 2}};
  type.vectorFlops = flops / 2;
  // A tenth is left to the system and to the pages of mapped files.
  type.memory = {std::max<int64_t>(1, readMemory().value / parts / 10 * 9)};
  // Two cores saturate the memory of most hosts; large ones have more channels.
  type.memoryBandwidth = std::min(20e9 * double(cores), std::max(40e9, 5e9 * double(cores))) / double(parts);
  type.cores = std::max<int64_t>(1, cores / parts);
  return type;
}
