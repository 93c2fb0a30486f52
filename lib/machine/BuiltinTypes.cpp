// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- BuiltinTypes.cpp - Figures of the built-in device types ---------------------------------===//
//
// GPU rates are those of the vendor's data sheets without sparsity. Memory is the nominal size in decimal
// gigabytes: the 5 to 7 % that the device has beyond it are left to the driver, the communication library
// and fragmentation. Bandwidths are per device and direction. Latency and setup are fitted to published
// all-reduce times of small messages (A100: 40, 60, 82 us on 2, 4, 8 devices = 33 us + 3.5 us a ring step).
//
//===----------------------------------------------------------------------===//
#include "BuiltinTypes.h"

#include "llvm/ADT/StringExtras.h"

#include <iterator>

using namespace partita;
using namespace partita::machine;

namespace {
const char *const peakNames[] = {"f64", "f32", "tf32", "bf16", "f16", "f8", "f4", "i8"};

LinkLevel makeLinks(const char *name, double bandwidth, double latencyMicroseconds, double setupMicroseconds,
                    Topology topology = Topology::Switch) {
  return {name,     bandwidth, Seconds::microseconds(latencyMicroseconds), Seconds::microseconds(setupMicroseconds),
          topology, {}};
}

DeviceType makeGpu(const char *name, std::map<std::string, double> peaks, double vectorFlops, int64_t memory,
                   double bandwidth, int64_t cores) {
  DeviceType type{name,     Target::Cuda, std::move(peaks),         vectorFlops,
                  {memory}, bandwidth,    Seconds::microseconds(4), cores};
  return type;
}

constexpr double tera = 1e12, giga = 1e9;
constexpr int64_t gigabyte = 1'000'000'000;

std::vector<BuiltinGpu> makeGpus() {
  std::map<std::string, double> ampere = {{"f64", 19.5 * tera}, {"f32", 19.5 * tera}, {"tf32", 156 * tera},
                                          {"bf16", 312 * tera}, {"f16", 312 * tera},  {"i8", 624 * tera}};
  std::map<std::string, double> hopper = {{"f64", 67 * tera},   {"f32", 67 * tera},  {"tf32", 494.7 * tera},
                                          {"bf16", 989 * tera}, {"f16", 989 * tera}, {"f8", 1979 * tera},
                                          {"i8", 1979 * tera}};
  std::map<std::string, double> blackwell = {{"f64", 37 * tera},    {"f32", 75 * tera},   {"tf32", 1125 * tera},
                                             {"bf16", 2250 * tera}, {"f16", 2250 * tera}, {"f8", 4500 * tera},
                                             {"f4", 9000 * tera},   {"i8", 4500 * tera}};
  std::map<std::string, double> graceBlackwell = {{"f64", 40 * tera},    {"f32", 80 * tera},   {"tf32", 1250 * tera},
                                                  {"bf16", 2500 * tera}, {"f16", 2500 * tera}, {"f8", 5000 * tera},
                                                  {"f4", 10000 * tera},  {"i8", 5000 * tera}};
  std::map<std::string, double> volta = {{"f64", 7.8 * tera}, {"f32", 15.7 * tera}, {"f16", 125 * tera}};
  LinkLevel ampereLinks = makeLinks("nvlink", 300 * giga, 3.5, 33),
            hopperLinks = makeLinks("nvlink", 450 * giga, 1.3, 10),
            blackwellLinks = makeLinks("nvlink", 900 * giga, 1.3, 10);
  return {
      {makeGpu("v100", volta, 15.7 * tera, 32 * gigabyte, 900 * giga, 80), 8,
       makeLinks("nvlink", 150 * giga, 4, 33, Topology::Ring), makeLinks("network", 6.25 * giga, 10, 40)},
      {makeGpu("a100-40gb", ampere, 19.5 * tera, 40 * gigabyte, 1555 * giga, 108), 8, ampereLinks,
       makeLinks("network", 25 * giga, 8, 40)},
      {makeGpu("a100-80gb", ampere, 19.5 * tera, 80 * gigabyte, 2039 * giga, 108), 8, ampereLinks,
       makeLinks("network", 25 * giga, 8, 40)},
      {makeGpu("h100", hopper, 67 * tera, 80 * gigabyte, 3350 * giga, 132), 8, hopperLinks,
       makeLinks("network", 50 * giga, 6, 30)},
      {makeGpu("h200", hopper, 67 * tera, 141 * gigabyte, 4800 * giga, 132), 8, hopperLinks,
       makeLinks("network", 50 * giga, 6, 30)},
      {makeGpu("b200", blackwell, 75 * tera, 180 * gigabyte, 8000 * giga, 148), 8, blackwellLinks,
       makeLinks("network", 50 * giga, 6, 30)},
      // A rack of 72 devices is one NVLink domain: that is the node of this name.
      {makeGpu("gb200", graceBlackwell, 80 * tera, 186 * gigabyte, 8000 * giga, 148), 72, blackwellLinks,
       makeLinks("network", 50 * giga, 6, 30)},
  };
}
} // namespace

const std::vector<BuiltinGpu> &machine::builtinGpus() {
  static const std::vector<BuiltinGpu> gpus = makeGpus();
  return gpus;
}

const DeviceType &machine::builtinCpu() {
  // One core of a present-day server: fixed, so that plans and tests do not depend on who runs them.
  static const DeviceType cpu{"cpu",
                              Target::Cpu,
                              {{"f64", 50 * giga}, {"f32", 100 * giga}},
                              50 * giga,
                              {int64_t(16) << 30},
                              20 * giga,
                              Seconds::microseconds(1),
                              1};
  return cpu;
}

LinkLevel machine::sharedMemoryLinks() { return makeLinks("memory", 8 * giga, 1, 2); }
LinkLevel machine::hostNetworkLinks() { return makeLinks("network", 1.25 * giga, 30, 10); }

const DeviceType *machine::findBuiltinDeviceType(llvm::StringRef name) {
  if (name == builtinCpu().name)
    return &builtinCpu();
  for (const BuiltinGpu &gpu : builtinGpus())
    if (gpu.type.name == name)
      return &gpu.type;
  return nullptr;
}

bool machine::isPeakName(llvm::StringRef name) { return llvm::is_contained(peakNames, name); }
std::string machine::listPeakNames() { return llvm::join(std::begin(peakNames), std::end(peakNames), ", "); }
