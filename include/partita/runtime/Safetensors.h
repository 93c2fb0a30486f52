// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .safetensors format of Hugging Face: many tensors in a file, read by memory map. It holds what .npy cannot: bf16
// and 8-bit floats, and weights by name.
//
// Worked example: one tensor "w" of f32[2, 3] is 8 bytes with the length of the header, the header
// {"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}} padded with spaces, then 24 bytes.
// Format: github.com/huggingface/safetensors, "Format". As there, tensors follow each other without holes and fill the
// file, and the header has at most 100 MB. Nothing in a file can make the reader read outside of it or recurse.
#ifndef PARTITA_RUNTIME_SAFETENSORS_H
#define PARTITA_RUNTIME_SAFETENSORS_H

#include "partita/runtime/Npy.h"

namespace partita::runtime {

struct StoredTensor {
  std::string name;
  TensorView view;
};

/// Whether a path names such a file, by its ending.
bool isSafetensors(const std::string &path);

/// The tensors of the bytes of a file, in the order of its header; their data point into the bytes. `fileName` is for
/// messages. Types that have no ElementType are refused.
bool parseSafetensors(const void *bytes, uint64_t size, const std::string &fileName, std::vector<StoredTensor> &tensors,
                      std::string &error);

/// Maps a file and takes the tensor `name` or, of a file with one tensor, that one; the view keeps the map.
bool readSafetensors(const std::string &path, const std::string &name, TensorView &tensor, std::string &error);

/// Writes one tensor.
bool writeSafetensors(const std::string &path, const std::string &name, const TensorView &tensor, std::string &error);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_SAFETENSORS_H
