// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Hashing.h - Combining hashes -----------------------------*- C++ -*-===//
//
// std::hash values folded into one, for tables keyed by value. Example: combineHash(seed, split.axis).
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_LIB_PLACEMENT_HASHING_H
#define PARTITA_LIB_PLACEMENT_HASHING_H

#include <cstddef>
#include <cstdint>

namespace partita::placement {

/// Multiplicative mixing: small integers, which is all that placements hold, must spread over all bits.
inline void combineHash(std::size_t &seed, std::uint64_t value) {
  std::uint64_t mixed = (seed ^ value) * 0x9e3779b97f4a7c15u;
  seed = mixed ^ (mixed >> 29);
}

} // namespace partita::placement

#endif // PARTITA_LIB_PLACEMENT_HASHING_H
