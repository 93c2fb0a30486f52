// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- File.cpp - Reading, mapping and replacing whole files ----------------------===//
#include "partita/support/File.h"

#include "partita/support/Error.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace partita;

namespace {
llvm::Error makeReadError(llvm::StringRef path, const llvm::Twine &reason) {
  return makeError("E-BAD-FILE", "cannot read '" + path + "': " + reason);
}

llvm::Error makeWriteError(llvm::StringRef path, const llvm::Twine &reason) {
  return makeError("E-WRITE-FILE", "cannot write '" + path + "': " + reason);
}

/// Opens a file for reading and asks what it is; the caller closes the descriptor.
llvm::Expected<int> openForReading(llvm::StringRef path, struct stat &status) {
  if (path.empty() || path.contains('\0'))
    return makeReadError(path, "not a file name");
  int file = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return makeReadError(path, std::strerror(errno));
  const char *reason = ::fstat(file, &status) != 0 ? std::strerror(errno)
                       : S_ISDIR(status.st_mode)   ? "is a directory"
                                                   : nullptr;
  if (!reason)
    return file;
  ::close(file);
  return makeReadError(path, reason);
}

/// Writes all of `content`; returns the reason of a failure, or null.
const char *writeAll(int file, llvm::StringRef content) {
  while (!content.empty()) {
    ssize_t written = ::write(file, content.data(), std::min<size_t>(content.size(), size_t(1) << 30));
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return std::strerror(errno);
    content = content.drop_front(written);
  }
  return nullptr;
}

llvm::Error writeDirectly(llvm::StringRef path, llvm::StringRef content) {
  int file = ::open(path.str().c_str(), O_WRONLY | O_CLOEXEC);
  const char *reason = file < 0 ? std::strerror(errno) : writeAll(file, content);
  if (file >= 0)
    ::close(file);
  return reason ? makeWriteError(path, reason) : llvm::Error::success();
}

/// Creates a file beside `path` under a name that no other file has; returns the descriptor or -1 with errno.
int createBeside(const std::string &path, mode_t permissions, std::string &name) {
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    name = path + "." + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".tmp";
    int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions);
    if (file >= 0 || errno != EEXIST)
      return file;
  }
  return -1;
}
} // namespace

llvm::Expected<std::string> partita::readFileText(llvm::StringRef path, uint64_t mostBytes) {
  struct stat status = {};
  llvm::Expected<int> file = openForReading(path, status);
  if (!file)
    return file.takeError();
  llvm::scope_exit closeFile([&] { ::close(*file); });
  if (S_ISREG(status.st_mode) && uint64_t(status.st_size) > mostBytes)
    return makeReadError(path, "it holds " + llvm::Twine(int64_t(status.st_size)) + " bytes, at most " +
                                   llvm::Twine(mostBytes) + " are read");
  std::string text;
  size_t size = 0;
  // A pipe has no size beforehand, and a file may grow while it is read: the bound is on what arrives.
  while (true) {
    size_t known = S_ISREG(status.st_mode) && size == 0 ? size_t(status.st_size) + 1 : size + (size_t(1) << 16);
    text.resize(std::min<uint64_t>(known, mostBytes + 1));
    ssize_t count = ::read(*file, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return makeReadError(path, std::strerror(errno));
    size += count;
    if (count == 0)
      break;
    if (size > mostBytes)
      return makeReadError(path, "it holds more than " + llvm::Twine(mostBytes) + " bytes");
  }
  text.resize(size);
  return text;
}

llvm::Error partita::writeFileAtomically(llvm::StringRef path, llvm::StringRef content, FileMode mode) {
  if (path.empty() || path.contains('\0'))
    return makeWriteError(path, "not a file name");
  struct stat status = {};
  bool exists = ::stat(path.str().c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode))
    return makeWriteError(path, "is a directory");
  if (exists && !S_ISREG(status.st_mode))
    return writeDirectly(path, content);
  // Renaming onto a link would replace the link instead of the file it names.
  llvm::SmallString<256> target(path);
  if (exists && llvm::sys::fs::real_path(path, target))
    target = path;
  std::string temporary;
  int file = createBeside(target.str().str(), mode == FileMode::Executable ? 0777 : 0666, temporary);
  if (file < 0)
    return makeWriteError(path, std::strerror(errno));
  const char *reason = writeAll(file, content);
  if (::close(file) != 0 && !reason)
    reason = std::strerror(errno);
  if (!reason && ::rename(temporary.c_str(), target.c_str()) != 0)
    reason = std::strerror(errno);
  if (!reason)
    return llvm::Error::success();
  ::unlink(temporary.c_str());
  return makeWriteError(path, reason);
}

llvm::Expected<MappedFile> MappedFile::open(llvm::StringRef path) {
  struct stat status = {};
  llvm::Expected<int> file = openForReading(path, status);
  if (!file)
    return file.takeError();
  llvm::scope_exit closeFile([&] { ::close(*file); });
  if (!S_ISREG(status.st_mode))
    return makeReadError(path, "is not a plain file");
  if (status.st_size == 0)
    return MappedFile(nullptr, 0);
  void *start = ::mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, *file, 0);
  if (start == MAP_FAILED)
    return makeReadError(path, std::strerror(errno));
  return MappedFile(start, status.st_size);
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(start, other.start);
  std::swap(length, other.length);
  return *this;
}

MappedFile::~MappedFile() {
  if (start)
    ::munmap(start, length);
}
