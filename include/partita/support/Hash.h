// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Hash.h - Hashes that mean the same everywhere ------------------------------===//
//
// Plans record what they were made for by hash, so a hash must not depend on the run, the machine or the
// order of pointers. Hash the canonical text of a value. Example:
//
//   std::string hash = hashText(machine.toJson().str());   // "9a3e5f0c71d2b846"
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_HASH_H
#define PARTITA_SUPPORT_HASH_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace partita {

/// 64 bits of the bytes (XXH3, seed 0): equal on all platforms and versions.
uint64_t hashBytes(llvm::StringRef bytes);
/// 16 lower-case hexadecimal digits: the form hashes have in files.
std::string formatHash(uint64_t hash);
/// `formatHash(hashBytes(text))`.
std::string hashText(llvm::StringRef text);

} // namespace partita

#endif // PARTITA_SUPPORT_HASH_H
