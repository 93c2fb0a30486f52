// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values that are the same on several ranks of a process and that no step changes: copied weights and what init calls
// prepare from weights. One rank holds each, the others read it there. Which one follows from the image alone, so the
// ranks agree without a word, and they take turns, so that init is dealt out among them.
//
// Worked example: axes x=2, y=2; filters that init calls prepare are the same along x. Ranks (x, y) 0 0 and 1 0 share
// theirs, 0 1 and 1 1 others; the first half of the bytes is made by the first of each pair, the rest by the second.
#ifndef PARTITA_LIB_RUNTIME_SHARING_H
#define PARTITA_LIB_RUNTIME_SHARING_H

#include "partita/runtime/Image.h"

namespace partita::runtime {

/// Of those members that differ from `member` along `axes` only, the one whose turn it is.
int64_t findHolder(const Stage &stage, const std::vector<int64_t> &axes, int64_t member, int64_t turn);

/// What a member of a stage holds itself.
struct Holdings {
  std::vector<int64_t> holder;   ///< Per buffer of the stage: the member in whose arena it lies.
  std::vector<bool> makesCall;   ///< Per init call.
  std::vector<bool> isRead;      ///< Per buffer: by a step, or by an init call that this member makes.
  std::vector<bool> readInSteps; ///< Per buffer: by other events than init.
  std::vector<bool> lasts;       ///< Per buffer: made or loaded at init and read in steps.
};

/// Per buffer of a stage, whether calls of this kind are given it.
std::vector<bool> givenTo(const Stage &stage, EventKind kind);

/// `inFile`: per buffer, whether it is read in a file.
Holdings findHoldings(const Image &image, int64_t stage, int64_t member, const std::vector<bool> &inFile);

} // namespace partita::runtime

#endif // PARTITA_LIB_RUNTIME_SHARING_H
