// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Boxes: which part of a global tensor a rank holds, and the loops that move parts between dense local
// tensors. Everything that moves data (collectives, channels, inputs, outputs, weights) is built on these.
//
// Worked example: a dimension of 12 * 64 with one split over an axis of size 5, unit 64. The rank at
// coordinate 3 holds the interval [576, 704): two of the twelve units after 3 + 3 + 2.
#ifndef PARTITA_RUNTIME_BOX_H
#define PARTITA_RUNTIME_BOX_H

#include "partita/runtime/Image.h"

namespace partita::runtime {

/// The elements [begin, end) of one dimension; empty when begin == end.
struct Interval {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t length() const { return end - begin; }
  bool operator==(const Interval &) const = default;
};

/// One interval per dimension of the global tensor. A scalar has none and one element.
using Box = std::vector<Interval>;

/// The part `index` of `parts` of the interval, by the split rule of Image.h.
Interval splitInterval(Interval interval, int64_t unit, int64_t parts, int64_t index);

/// The number of steps of a window over so many elements, and the elements that some of them read.
int64_t windowSteps(const Window &window, int64_t extent);
Interval windowInterval(const Window &window, Interval steps, int64_t extent);

/// The value of an extent for the given values of the symbols (one per symbol of the image).
int64_t evaluateExtent(const Extent &extent, const int64_t *symbols);

/// The box at the given coordinates (one per axis of the stage, time axes included).
Box localBox(const Layout &layout, const std::vector<Axis> &axes, const int64_t *coordinates, const int64_t *symbols);

/// The whole tensor as a box.
Box globalBox(const Layout &layout, const int64_t *symbols);

/// Number of elements.
int64_t boxElements(const Box &box);

/// The common part of two boxes of equal rank. Returns false when it is empty.
bool intersectBoxes(const Box &a, const Box &b, Box &common);

/// A dense row-major tensor that holds exactly `box`.
struct ConstRegion {
  const void *data = nullptr;
  Box box;
};

/// Copies the elements of `region` between two dense tensors whose boxes contain it.
void copyRegion(int64_t bytesPerElement, const Box &region, const ConstRegion &source, void *destination,
                const Box &destinationBox);

/// How many rows of a dense tensor are there: `values` is dense over its first `dims` dimensions, rows are the next
/// one. Without values all rows are there.
struct RowCounts {
  const int64_t *values = nullptr;
  int64_t dims = 0;
};

/// As copyRegion, of the rows that are there; the others become zero. Returns how many elements were copied. Row
/// numbers are those of the global tensor.
int64_t copyCountedRegion(int64_t bytesPerElement, const Box &region, const ConstRegion &source,
                          const RowCounts &counts, void *destination, const Box &destinationBox);

/// Writes into `region` of the destination the reduction of all sources, combined in their order. Sums
/// of 16- and 8-bit floats are accumulated in f32 and rounded once; maxima and minima propagate NaN.
void reduceRegion(ElementType type, ReductionKind kind, const Box &region, const std::vector<ConstRegion> &sources,
                  void *destination, const Box &destinationBox);

/// Whether reduceRegion() can combine this type with this kind: sums, maxima and minima of numbers,
/// `and`, `or` of booleans (and the bits of integers); booleans have no sum.
bool isReducible(ElementType type, ReductionKind kind);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_BOX_H
