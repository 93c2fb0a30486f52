// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SeededWeights.h - Weights as a function of seed, name and index ---------===//
//
// Every element is mean + deviation * noise(seed, weight name, element index), so that any part of any weight can
// be made without the rest, in any order, equal on every machine. Example:
//
//   NoiseSource noise(/*seed=*/1, "lm_head.weight");
//   noise.fill(Fill::spread(4096), /*first=*/0, values);     // values: MutableArrayRef<float>
//
// The bits come from Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011); a sample
// is the sum of four 16 bit numbers, shifted and scaled to mean 0 and deviation 1 (Irwin-Hall). Unlike a logarithm
// and a cosine it needs integers and one product only, hence the same bits everywhere.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_SEEDEDWEIGHTS_H
#define PARTITA_LIB_IMPORT_ZOO_SEEDEDWEIGHTS_H

#include "zoo/ModelWriter.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <array>

namespace partita::import {

/// One block of Philox4x32-10: 128 bits from a 128 bit counter and a 64 bit key.
std::array<uint32_t, 4> makePhiloxBlock(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class NoiseSource {
public:
  NoiseSource(uint64_t seed, llvm::StringRef weightName);

  /// Elements first, first + 1, ... of the weight; `first` is even.
  void fill(const Fill &fill, uint64_t first, llvm::MutableArrayRef<float> values) const;

private:
  std::array<uint32_t, 2> key;
  std::array<uint32_t, 2> stream; // from the name
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_SEEDEDWEIGHTS_H
