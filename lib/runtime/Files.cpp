// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files: read by memory map, written whole or not at all.
#include "partita/runtime/Npy.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace partita::runtime {

MappedFile::~MappedFile() {
  if (bytes && length > 0)
    munmap(const_cast<char *>(bytes), length);
}

bool MappedFile::open(const std::string &path, std::string &error) {
  auto fail = [&](const char *reason) {
    error = "E-BAD-FILE: cannot read '" + path + "': " + reason;
    return false;
  };
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(strerror(errno));
  struct stat status;
  bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  void *address = nullptr;
  if (regular && status.st_size > 0)
    address = mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (!regular)
    return fail("not a regular file");
  if (address == MAP_FAILED)
    return fail(strerror(errno));
  bytes = address ? static_cast<const char *>(address) : "";
  length = uint64_t(status.st_size);
  return true;
}

void MappedFile::drop(uint64_t offset, uint64_t count) const {
  // Whole pages inside of the range only: neighbours may be in use.
  uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t first = (offset + page - 1) / page * page, last = (offset + count) / page * page;
  if (first < last)
    madvise(const_cast<char *>(bytes) + first, last - first, MADV_DONTNEED);
}

bool writeFile(const std::string &path, std::initializer_list<std::pair<const void *, uint64_t>> pieces,
               std::string &error) {
  std::string temporary = path + ".partial." + std::to_string(getpid());
  FILE *file = fopen(temporary.c_str(), "wb");
  bool ok = file != nullptr;
  for (const auto &[data, size] : pieces)
    ok = ok && fwrite(data, 1, size, file) == size;
  int reason = errno;
  if (file && fclose(file) != 0 && ok) {
    ok = false;
    reason = errno;
  }
  if (ok && rename(temporary.c_str(), path.c_str()) != 0) {
    ok = false;
    reason = errno;
  }
  if (!ok) {
    error = "E-BAD-FILE: cannot write '" + path + "': " + strerror(reason);
    if (file)
      unlink(temporary.c_str());
  }
  return ok;
}

std::string quoteJson(const std::string &text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      snprintf(escape, sizeof(escape), "\\u%04x", unsigned(c));
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

} // namespace partita::runtime
