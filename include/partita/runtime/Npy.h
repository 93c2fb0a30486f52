// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .npy format of numpy: reading by memory map, writing to a temporary name that is renamed.
//
// Worked example: a 2 x 3 array of f32 is the bytes "\x93NUMPY", version 1.0, the header length, the text
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } padded to a multiple of 64, then 24 bytes.
// Format: numpy.lib.format, versions 1.0, 2.0 and 3.0. Big-endian, Fortran order, objects and structured
// types are refused. Nothing in a file can make the reader read outside of it or take memory.
#ifndef PARTITA_RUNTIME_NPY_H
#define PARTITA_RUNTIME_NPY_H

#include "partita/runtime/Image.h"

#include <memory>

namespace partita::runtime {

/// A read-only file in memory; unmapped when the object goes.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  /// False with "E-BAD-FILE: ..." when the path cannot be opened or is no regular file.
  bool open(const std::string &path, std::string &error);

  const char *data() const { return bytes; }
  uint64_t size() const { return length; }

  /// Tells the system that these bytes are not needed soon; they stay readable.
  void drop(uint64_t offset, uint64_t count) const;

private:
  const char *bytes = nullptr;
  uint64_t length = 0;
};

/// A dense row-major tensor somewhere in memory; `owner` keeps it there, if anything has to.
struct TensorView {
  ElementType elementType = ElementType::f32;
  std::vector<int64_t> shape;
  const void *data = nullptr;
  std::shared_ptr<const void> owner;
};

/// Zeros, beginning where vectors of any width may begin.
std::shared_ptr<char> allocateAligned(size_t bytes);

/// Number of elements of a shape that is known to be valid.
int64_t elementCount(const std::vector<int64_t> &shape);

/// "f32[2,3]".
std::string describeTensor(ElementType type, const std::vector<int64_t> &shape);

/// Reads an array from the bytes of a file; `tensor.data` points into them. `name` is for messages.
bool parseNpy(const void *bytes, uint64_t size, const std::string &name, TensorView &tensor, std::string &error);

/// Maps a file and reads it; the view keeps the map.
bool readNpy(const std::string &path, TensorView &tensor, std::string &error);

/// The bytes before the data. Empty for types that .npy cannot hold: bf16 and the 8-bit floats.
std::string npyHeader(ElementType type, const std::vector<int64_t> &shape);

/// Writes the tensor as .npy. 4-bit integers are written as 8-bit ones.
bool writeNpy(const std::string &path, const TensorView &tensor, std::string &error);

/// Writes a file under a temporary name and renames it.
bool writeFile(const std::string &path, std::initializer_list<std::pair<const void *, uint64_t>> pieces,
               std::string &error);

/// The text as a JSON string with its quotes.
std::string quoteJson(const std::string &text);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_NPY_H
