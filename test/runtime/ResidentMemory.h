// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much memory the process has in use.
#ifndef PARTITA_TEST_RUNTIME_RESIDENTMEMORY_H
#define PARTITA_TEST_RUNTIME_RESIDENTMEMORY_H

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <unistd.h>

namespace partita::runtime::test {

/// Bytes of the process that lie in memory.
inline uint64_t residentBytes() {
  long pages = 0, resident = 0;
  if (FILE *file = fopen("/proc/self/statm", "r")) {
    EXPECT_EQ(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
  }
  return uint64_t(resident) * uint64_t(sysconf(_SC_PAGESIZE));
}

/// Under the thread sanitizer nothing is expected: what it notes of each touched word stays resident and counts.
inline void expectResidentAtMost(uint64_t bytes) {
#if !__has_feature(thread_sanitizer)
  EXPECT_LE(residentBytes(), bytes);
#endif
}

} // namespace partita::runtime::test

#endif
