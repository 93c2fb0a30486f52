// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights: from files to the boxes of the ranks. Files are mapped. What a rank holds is read where it lies
// if it lies there in one piece; otherwise the rank copies it and the pages go back to the system.
//
// Worked example: w[4, 16] of f32 at byte 128 of "m.onnx". Split by rows over two ranks, rank 1 reads rows
// [2, 4) at byte 256 of the map, and memory holds only the pages that a step touches. Split by columns, it
// copies four rows of [8, 16) into its arena. With --weights other.onnx the same bytes come from there, if
// its size and the checksum of its tensor table agree with what the program was compiled with. With --weights
// other.safetensors the tensor named "w" comes from there, if its type and shape agree; so do weights that
// the model did not have and that are drawn otherwise.
#ifndef PARTITA_RUNTIME_WEIGHTS_H
#define PARTITA_RUNTIME_WEIGHTS_H

#include "partita/runtime/Box.h"
#include "partita/runtime/Npy.h"

#include <map>

namespace partita::runtime {

/// FNV-1a over the place (offset, bytes) and the first and last 64 bytes of every tensor that the image
/// takes from file `file`, ordered by place: it notices another model of the same size without reading
/// gigabytes. `data` is the whole file. Never 0. The tensors must lie inside of the file.
uint64_t tensorTableChecksum(const Image &image, int64_t file, const void *data, uint64_t size);

class WeightFiles {
public:
  /// Maps and checks every file of the image: at `given` if that is not empty (a file, a folder with files
  /// of the recorded names, or a .safetensors file with all weights), else in `folder`, else at the recorded
  /// path. Errors: E-BAD-FILE when a file is nowhere, E-WEIGHTS-MISMATCH when it is not the one the program
  /// was compiled with or lacks a tensor.
  bool open(const Image &image, const std::string &given, const std::string &folder, std::string &error);

  /// Where `box` lies in a mapped file, dense and row-major: null if it is not in one piece there or not at
  /// a multiple of 64 bytes, as buffers are. Only to be read, and only until the files are closed.
  const char *find(const Weight &weight, ElementType type, const Box &global, const Box &box) const;

  /// Tells the system that `bytes` from `place` on, which find() gave, are not needed soon.
  void drop(const char *place, uint64_t bytes) const;

  /// Fills `destination`, a dense tensor that holds `box`, and drops the source pages.
  void load(const Weight &weight, ElementType type, const Box &global, const Box &box, void *destination) const;

private:
  std::vector<std::unique_ptr<MappedFile>> files;
  std::map<std::string, uint64_t> offsets; // Of a .safetensors file, which is then the only one: by name.

  /// Where a weight begins, and in which file; file -1: in none.
  struct Place {
    int64_t file = -1;
    uint64_t offset = 0;
  };
  Place findPlace(const Weight &weight) const;
  bool openByName(const Image &image, const std::string &path, std::string &error);
};

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_WEIGHTS_H
