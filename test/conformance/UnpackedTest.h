// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An official test as files that the real command line takes and gives.
//
// Example: unpackTest(test_abs, "t") writes t/input-x.npy and prints "--input x=t/input-x.npy";
//          compareOutputs(test_abs, "t/out") reads t/out/y.npy.
#ifndef PARTITA_TEST_CONFORMANCE_UNPACKEDTEST_H
#define PARTITA_TEST_CONFORMANCE_UNPACKEDTEST_H

#include "OfficialTest.h"

namespace partita::conformance {

/// Writes the inputs of the first data set into `folder`, which exists; prints the executable's flags.
llvm::Error unpackTest(const OfficialTest &test, llvm::StringRef folder);

/// An error where an output in `folder` is not near enough to the stored one.
llvm::Error compareOutputs(const OfficialTest &test, llvm::StringRef folder);

} // namespace partita::conformance

#endif
