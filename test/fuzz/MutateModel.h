// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of model files that leave them readable, so that what is fuzzed lies behind the reader: other operators,
// attributes, shapes, element types, wires. Bytes changed at random hardly ever get so far.
//
// Example: mutateModelBytes(data, size, maximum, seed) turns Gemm(transB = 1) into Gemm(transB = -1).
#ifndef PARTITA_TEST_FUZZ_MUTATEMODEL_H
#define PARTITA_TEST_FUZZ_MUTATEMODEL_H

#include "OnnxSchema.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstddef>
#include <cstdint>
#include <random>

namespace partita::fuzz {

/// One change, drawn from `random`, of a node, an attribute, a tensor, a type, or of what a node's devices are.
void mutateModel(onnx::Model &model, std::mt19937 &random);

/// What a libFuzzer target has as its custom mutator: one to four changes of a model; where the bytes are none, and
/// now and then, libFuzzer's own changes of bytes. Returns the new size.
size_t mutateModelBytes(uint8_t *data, size_t size, size_t maximum, unsigned seed);

/// A node of `other`, with its weights, goes to the end of `model`, whose first output it becomes.
void crossModels(onnx::Model &model, const onnx::Model &other, std::mt19937 &random);

/// crossModels as a libFuzzer target's custom crossover; returns the size of `out`, 0 where it would not fit.
size_t crossModelBytes(llvm::ArrayRef<uint8_t> model, llvm::ArrayRef<uint8_t> other, llvm::MutableArrayRef<uint8_t> out,
                       unsigned seed);

} // namespace partita::fuzz

#endif // PARTITA_TEST_FUZZ_MUTATEMODEL_H
