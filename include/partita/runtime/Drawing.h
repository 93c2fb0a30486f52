// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Drawn numbers: each element of a tensor is a function of a key and of its index alone, so that every rank draws its
// part, in any order, and all parts together are the same tensor however it is split.
//
// Worked example: drawBox(f32, drawingKey(7, "w"), {{0, 4}, {0, 6}}, {{2, 4}, {0, 3}}, 0.02, out) writes elements 12,
// 13, 14, 18, 19, 20 of what the whole tensor "w" of seed 7 would be.
#ifndef PARTITA_RUNTIME_DRAWING_H
#define PARTITA_RUNTIME_DRAWING_H

#include "partita/runtime/Box.h"

#include <string>

namespace partita::runtime {

constexpr uint64_t fnvStart = 14695981039346656037u;

/// FNV-1a, continued from `hash`.
uint64_t hashBytes(uint64_t hash, const void *data, uint64_t count);

/// The key of a tensor.
uint64_t drawingKey(uint64_t seed, const std::string &name);

/// Element `index` (global, row-major): floats uniform in [-scale, scale], integers uniform in [0, scale], booleans 0
/// or
/// 1. Writes elementBytes(type) bytes. The definition of what the functions below write.
void drawElement(ElementType type, uint64_t key, int64_t index, double scale, void *element);

/// Elements [index, index + count), one after another.
void drawElements(ElementType type, uint64_t key, int64_t index, int64_t count, double scale, void *elements);

/// The elements of `box` of a tensor with the box `global`, dense and row-major.
void drawBox(ElementType type, uint64_t key, const Box &global, const Box &box, double scale, void *elements);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_DRAWING_H
