// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SeededWeights.cpp - Weights as a function of seed, name and index -------===//
#include "zoo/SeededWeights.h"

using namespace partita::import;

std::array<uint32_t, 4> partita::import::makePhiloxBlock(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t first = uint64_t(0xD2511F53) * counter[0];
    uint64_t second = uint64_t(0xCD9E8D57) * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

NoiseSource::NoiseSource(uint64_t seed, llvm::StringRef weightName)
    : key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)} {
  uint64_t hash = 0xcbf29ce484222325; // FNV-1a: fixed for ever, unlike a library's hash
  for (char letter : weightName)
    hash = (hash ^ static_cast<uint8_t>(letter)) * 0x100000001b3;
  stream = {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32)};
}

/// A sample of mean 0 and deviation 1 from 64 random bits.
static double makeSample(uint32_t low, uint32_t high) {
  uint32_t sum = (low & 0xffff) + (low >> 16) + (high & 0xffff) + (high >> 16);
  // The sum of four uniform numbers below 2^16: mean 4 * 32767.5, deviation 2^16 / sqrt 3.
  return (static_cast<double>(sum) - 131070.0) * (1.0 / 37837.22746);
}

void NoiseSource::fill(const Fill &fill, uint64_t first, llvm::MutableArrayRef<float> values) const {
  for (size_t i = 0; i < values.size(); i += 2) {
    uint64_t block = (first + i) / 2;
    std::array<uint32_t, 4> bits =
        makePhiloxBlock({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), stream[0], stream[1]}, key);
    values[i] = static_cast<float>(fill.mean + fill.deviation * makeSample(bits[0], bits[1]));
    if (i + 1 < values.size())
      values[i + 1] = static_cast<float>(fill.mean + fill.deviation * makeSample(bits[2], bits[3]));
  }
}
