// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Hash.cpp - Hashes that mean the same everywhere -----------------------------===//
#include "partita/support/Hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

uint64_t partita::hashBytes(llvm::StringRef bytes) { return llvm::xxh3_64bits(bytes); }

std::string partita::formatHash(uint64_t hash) {
  std::string digits = llvm::utohexstr(hash, /*LowerCase=*/true);
  return std::string(16 - digits.size(), '0') + digits;
}

std::string partita::hashText(llvm::StringRef text) { return formatHash(hashBytes(text)); }
