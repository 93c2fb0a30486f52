// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ErrorTest.cpp - Errors carry their code --------------------------------===//
#include "partita/support/Error.h"

#include <gtest/gtest.h>

using namespace partita;

TEST(Error, carriesCodeMessageAndNotes) {
  llvm::Expected<int> value = makeError("E-BAD-FILE", "expected 3, got 4", {"the file ends here"});
  ASSERT_FALSE(static_cast<bool>(value));
  PartitaError error = takeError(value.takeError());
  EXPECT_EQ(error.code, "E-BAD-FILE");
  EXPECT_EQ(error.str(), "E-BAD-FILE: expected 3, got 4");
  EXPECT_EQ(error.strWithNotes(), "E-BAD-FILE: expected 3, got 4\nnote: the file ends here");
}

TEST(Error, notesAreAdded) {
  PartitaError error = takeError(addNote(makeError("E-X", "fact"), "cause"));
  EXPECT_EQ(error, (PartitaError{"E-X", "fact", {"cause"}}));
  EXPECT_FALSE(static_cast<bool>(addNote(llvm::Error::success(), "cause")));
}

TEST(Error, otherErrorsGetTheFallbackCode) {
  PartitaError error = takeError(llvm::createStringError("disk on fire"), "E-BAD-FILE");
  EXPECT_EQ(error, (PartitaError{"E-BAD-FILE", "disk on fire", {}}));
  EXPECT_EQ(takeError(llvm::Error::success()), PartitaError());
}

TEST(Error, joinedErrorsBecomeNotes) {
  llvm::Error joined = llvm::joinErrors(makeError("E-A", "first"), makeError("E-B", "second", {"why"}));
  EXPECT_EQ(takeError(std::move(joined)), (PartitaError{"E-A", "first", {"E-B: second", "why"}}));
}

TEST(Error, nearestNames) {
  std::vector<std::string> names = {"h100", "h200", "a100-80gb", "v100"};
  EXPECT_EQ(findNearestNames("h10", names, 1), std::vector<std::string>{"h100"});
  EXPECT_EQ(findNearestNames("A100-80G", names), std::vector<std::string>{"a100-80gb"});
  EXPECT_EQ(findNearestNames("H100", names), (std::vector<std::string>{"h100", "h200", "v100"}));
  EXPECT_TRUE(findNearestNames("potato", names).empty());
}
