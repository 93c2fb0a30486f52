// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- FileTest.cpp - Whole files, written in one step --------------------------===//
#include "partita/support/File.h"
#include "partita/support/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace partita;

namespace {
class FileTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("partita-file", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }
  std::string at(llvm::StringRef name) const { return (folder + "/" + name).str(); }
  size_t countFiles() const {
    std::error_code error;
    size_t count = 0;
    for (llvm::sys::fs::directory_iterator i(folder, error), end; i != end && !error; i.increment(error))
      ++count;
    return count;
  }
  llvm::SmallString<128> folder;
};

std::string read(llvm::StringRef path, uint64_t most = 1 << 20) {
  llvm::Expected<std::string> text = readFileText(path, most);
  return text ? *text : takeError(text.takeError()).str();
}
} // namespace

TEST_F(FileTest, writesReadsAndReplaces) {
  EXPECT_EQ(takeError(writeFileAtomically(at("a"), "one")).str(), "");
  EXPECT_EQ(read(at("a")), "one");
  EXPECT_EQ(takeError(writeFileAtomically(at("a"), "")).str(), "");
  EXPECT_EQ(read(at("a")), "");
  EXPECT_EQ(countFiles(), 1u);
}

TEST_F(FileTest, executablesCanBeExecuted) {
  ASSERT_EQ(takeError(writeFileAtomically(at("run"), "x", FileMode::Executable)).str(), "");
  EXPECT_EQ(::access(at("run").c_str(), X_OK), 0);
}

TEST_F(FileTest, linksAreFollowed) {
  ASSERT_EQ(takeError(writeFileAtomically(at("target"), "old")).str(), "");
  ASSERT_EQ(::symlink(at("target").c_str(), at("link").c_str()), 0);
  ASSERT_EQ(takeError(writeFileAtomically(at("link"), "new")).str(), "");
  EXPECT_EQ(read(at("target")), "new");
}

TEST_F(FileTest, mistakesAreErrors) {
  EXPECT_EQ(read(at("none")), "E-BAD-FILE: cannot read '" + at("none") + "': No such file or directory");
  EXPECT_EQ(read(folder), "E-BAD-FILE: cannot read '" + folder.str().str() + "': is a directory");
  EXPECT_EQ(read(""), "E-BAD-FILE: cannot read '': not a file name");
  EXPECT_EQ(takeError(writeFileAtomically(at("no/such/x"), "a")).code, "E-WRITE-FILE");
  EXPECT_EQ(takeError(writeFileAtomically(folder, "a")).code, "E-WRITE-FILE");
  EXPECT_EQ(countFiles(), 0u);
}

TEST_F(FileTest, sizeIsBounded) {
  ASSERT_EQ(takeError(writeFileAtomically(at("a"), "12345")).str(), "");
  EXPECT_EQ(read(at("a"), 5), "12345");
  EXPECT_EQ(read(at("a"), 4), "E-BAD-FILE: cannot read '" + at("a") + "': it holds 5 bytes, at most 4 are read");
  EXPECT_EQ(read("/dev/zero", 1000), "E-BAD-FILE: cannot read '/dev/zero': it holds more than 1000 bytes");
}

TEST_F(FileTest, mapsFiles) {
  ASSERT_EQ(takeError(writeFileAtomically(at("a"), "bytes")).str(), "");
  ASSERT_EQ(takeError(writeFileAtomically(at("empty"), "")).str(), "");
  llvm::Expected<MappedFile> map = MappedFile::open(at("a"));
  ASSERT_TRUE(static_cast<bool>(map));
  MappedFile moved = std::move(*map);
  EXPECT_EQ(moved.text(), "bytes");
  llvm::Expected<MappedFile> empty = MappedFile::open(at("empty"));
  ASSERT_TRUE(static_cast<bool>(empty));
  EXPECT_EQ(empty->size(), 0u);
  EXPECT_EQ(takeError(MappedFile::open(folder).takeError()).code, "E-BAD-FILE");
  EXPECT_EQ(takeError(MappedFile::open("/dev/zero").takeError()).code, "E-BAD-FILE");
}
