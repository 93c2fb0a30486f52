// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- File.h - Reading, mapping and replacing whole files ---------------------===//
//
// Files are read with a bound on their size, mapped without a copy, and written under a temporary name that
// is renamed at the end, so that no reader and no interruption ever sees half a file. Example:
//
//   if (llvm::Error error = writeFileAtomically("plan.json", value.str())) return error;
//   llvm::Expected<std::string> text = readFileText("plan.json");
//   llvm::Expected<MappedFile> weights = MappedFile::open("weights.bin");   // weights->bytes()
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_FILE_H
#define PARTITA_SUPPORT_FILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace partita {

/// The whole content of a file, a pipe too. `E-BAD-FILE` if it cannot be read, is a directory, or holds more
/// than `mostBytes` bytes (nothing beyond that is read).
llvm::Expected<std::string> readFileText(llvm::StringRef path, uint64_t mostBytes = uint64_t(1) << 30);

enum class FileMode { Plain, Executable };

/// Replaces a file, or creates it, in one step: readers see the old bytes or the new ones. The temporary
/// name is beside the file. A path that names something else than a plain file (a pipe, /dev/stdout) is
/// written directly. `E-WRITE-FILE` if it cannot be written; the old file is then as it was.
llvm::Error writeFileAtomically(llvm::StringRef path, llvm::StringRef content, FileMode mode = FileMode::Plain);

/// A plain file mapped into memory, read-only. Move-only; unmapped at the end of its life. A file that is
/// truncated by somebody else while mapped makes reading its lost pages fatal: do not map files in use.
class MappedFile {
public:
  /// `E-BAD-FILE` if the file does not exist, cannot be read or is not a plain file. An empty file is fine.
  static llvm::Expected<MappedFile> open(llvm::StringRef path);

  MappedFile(MappedFile &&other) noexcept : start(other.start), length(other.length) {
    other.start = nullptr;
    other.length = 0;
  }
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  llvm::ArrayRef<uint8_t> bytes() const { return {static_cast<const uint8_t *>(start), length}; }
  llvm::StringRef text() const { return {static_cast<const char *>(start), length}; }
  size_t size() const { return length; }

private:
  MappedFile(void *start, size_t length) : start(start), length(length) {}
  void *start;
  size_t length;
};

} // namespace partita

#endif // PARTITA_SUPPORT_FILE_H
