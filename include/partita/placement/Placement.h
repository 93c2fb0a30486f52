// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Placement.h - Where the parts of a tensor are ------------*- C++ -*-===//
//
// The placement of a tensor on a mesh says, for every device and micro-batch (for all coordinates of the mesh),
// which box of the tensor is there, and whether what is there is the value or one summand of it.
//
// DEFINITION. A placement gives every axis of the mesh one of three roles:
//   split       the axis cuts one dim of the tensor; each of its coordinates holds one part;
//   partial     every coordinate holds a full-sized contribution; the value is their sum (or max, min, and, or);
//   replicated  every coordinate holds the same; this is the role of every axis that is not named.
//
// One dim may be cut by several axes. The cuts are NESTED, outermost first: the dim starts as the interval [0, n);
// each Split (axis, unit) cuts the interval the previous one left into size(axis) parts. The cut is BALANCED IN
// UNITS: an interval of m elements has U = ceil(m / unit) units, of which the last may be short; with p parts, the
// first U mod p parts get floor(U / p) + 1 units and the others floor(U / p). Parts may be empty; an empty part
// still takes part in every collective. Padding never exists as data.
//
// TABLE. Mesh x = 2, y = 2; a dim of 7 elements; intervals held at coordinates (x, y):
//
//   splits                 (0,0)   (0,1)   (1,0)   (1,1)
//   none                   [0,7)   [0,7)   [0,7)   [0,7)     replicated
//   x                      [0,4)   [0,4)   [4,7)   [4,7)     7 = 4 + 3
//   x, y                   [0,2)   [2,4)   [4,6)   [6,7)     y cuts 4 as 2 + 2 and 3 as 2 + 1
//   y, x                   [0,2)   [4,6)   [2,4)   [6,7)     the same parts, owned by others
//   x unit 3               [0,6)   [0,6)   [6,7)   [6,7)     3 units: 2 + 1, the last unit is short
//   x unit 3, y unit 3     [0,3)   [3,6)   [6,7)   empty     whole units stay together
//
// So 12 heads of 64 on 5 devices, hidden = 768 with unit 64, are 3, 3, 2, 2, 2 heads: 192, 192, 128, 128, 128.
// Two key-value heads on 8 = 2 x 4 devices are split over the axis of 2 and replicated over the axis of 4.
// A micro-batch is a split of the batch dim over an axis of kind `time`: nothing else is special about it.
//
// HALOS. What an op reads through a window (convolution, pooling, slices, padding) is cut as its output is: the cuts
// deal out the window's steps, a part is the image of its steps, clipped to the dim. With 7 rows, a kernel of 3 padded
// by 1 at stride 1 over x: steps [0,4) and [4,7) read rows [0,5) and [3,7). Such parts overlap, so they are only ever
// asked for: a slice of the whole, a step that gives them out, or an exchange makes them, and no step starts from them.
//
// LAWS (each is a property test in test/placement).
//   L1 Partition. For fixed coordinates of all other axes the parts of one split are disjoint intervals in
//      coordinate order, and their union is the interval that was cut.
//   L2 Nested balance. Parts of one cut differ by at most one unit (the last one besides by its short unit), and the
//      part at coordinate 0 is a largest one; hence the largest local extent is at coordinates 0 (closed form).
//   L3 Growth. Growing the extent shrinks no part at coordinate 0: bounds hold for every extent below the bound,
//      which is what makes one program right for a symbolic dim.
//   L4 gather(slice(v)) = v, slice(gather(v)) = v; an all-to-all and its mirror cancel.
//   L5 allReduce(v) = gather(reduceScatter(v)); allReduce(partialize(v)) = v.
//   L6 Canonical form. Two placements of one static shape hold the same interval at all coordinates, and the same
//      partial axes, exactly if canonicalize() makes them equal. Axes of size 1 disappear; a unit is the smallest
//      with the same boundaries; a CONCENTRATING split (all of it is at coordinate 0, because one unit covers
//      everything) commutes with every other split of its dim, so these come last, in axis order. Any other
//      difference of order is a difference of owners.
//   L7 One kind. All partial axes of a value have the same kind: sum of max is not max of sum.
//
// Example:
//   Placement p{{{{0, 64}}, {}}, {{1, PartialKind::sum}}};   // rank 2: rows over axis 0 by 64, a sum over axis 1
//
//===----------------------------------------------------------------------===//

#ifndef PARTITA_PLACEMENT_PLACEMENT_H
#define PARTITA_PLACEMENT_PLACEMENT_H

#include "partita/placement/Mesh.h"

#include <map>

namespace partita::placement {

/// One cut of a dim: over this axis of the mesh, in whole units of `unit` elements (>= 1).
struct Split {
  int axis = 0;
  int64_t unit = 1;

  auto operator<=>(const Split &) const = default;
};

/// A dim read through a window: step s of another dim (an op's output positions) reads the elements
/// [s * stride - low, s * stride - low + reach), of which those outside of the dim do not exist. `high` is how far the
/// last window may reach beyond the end; a negative low or high leaves elements unread. stride and reach are >= 1.
/// Example: a kernel of 3 with dilation 2 and padding 1, 1 at stride 2 is {2, 1, 1, 5}.
struct Window {
  int64_t stride = 1;
  int64_t low = 0;
  int64_t high = 0;
  int64_t reach = 1;

  auto operator<=>(const Window &) const = default;
};

/// All cuts of one dim, outermost first. Empty: the dim is whole everywhere. With a window the cuts deal out its steps,
/// and a part of the dim is what the part's steps read: parts overlap (halos) or leave gaps.
struct DimSplit : std::vector<Split> {
  using std::vector<Split>::vector;
  std::optional<Window> window;

  auto operator<=>(const DimSplit &) const = default;
};

/// How the contributions of a partial value are combined.
enum class PartialKind { sum, max, min, logicalAnd, logicalOr };

/// Role of every mesh axis for one value; an axis is named at most once. `dims` has one entry per dim of the value.
struct Placement {
  std::vector<DimSplit> dims;
  std::map<int, PartialKind> partial;

  auto operator<=>(const Placement &) const = default;
};

/// Half-open range of indices of one dim. An empty interval has begin == end.
struct Interval {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t length() const { return end - begin; }
  auto operator<=>(const Interval &) const = default;
};

/// One interval per dim. A box with an empty interval holds no elements.
using Box = std::vector<Interval>;

/// Extent of one dim: exact, or, for a symbolic dim, the largest value it may take at run time.
struct Extent {
  int64_t bound = 0;
  bool symbolic = false;

  Extent() = default;
  Extent(int64_t bound, bool symbolic = false) : bound(bound), symbolic(symbolic) {}
  auto operator<=>(const Extent &) const = default;
};

using Shape = std::vector<Extent>;

//===--- Local extents ----------------------------------------------------===//

/// Number of steps of a window over a dim: (extent + low + high - reach) / stride + 1, or 0.
int64_t countSteps(const Window &window, int64_t extent);

/// What the steps read of a dim; empty if there are no steps or all that they read lies outside.
Interval readBySteps(const Window &window, const Interval &steps, int64_t extent);

/// Part `part` of `parts` of an interval of `length` elements, relative to its begin (the rule of the essay).
Interval partOf(int64_t length, int64_t unit, int64_t parts, int64_t part);

/// What of [0, extent) is at the coordinates. `extent` is the actual extent, not a bound.
Interval localInterval(int64_t extent, const DimSplit &splits, const Mesh &mesh, const Coordinates &coordinates);

/// localInterval of every dim; extents.size() == placement.dims.size().
Box localBox(const std::vector<int64_t> &extents, const Placement &placement, const Mesh &mesh,
             const Coordinates &coordinates);

/// Number of elements in the box (1 for rank 0).
int64_t elementCount(const Box &box);

/// The common part of two boxes of equal rank; empty intervals have begin == end.
Box intersect(const Box &left, const Box &right);

/// Largest local extent over all coordinates and, for a symbolic dim, all extents up to the bound (L2, L3). Of a
/// symbolic dim read through a window an upper bound of it: that of a part that touches no end.
int64_t boundOfLocalExtent(const Extent &extent, const DimSplit &splits, const Mesh &mesh);

/// Largest number of local elements: the product of the dims' bounds.
int64_t boundOfLocalElements(const Shape &shape, const Placement &placement, const Mesh &mesh);

/// The different local extents over all coordinates for this actual extent, ascending. Few: a cut makes at most
/// three lengths of one, and a window few more of each at the ends.
std::vector<int64_t> localExtents(int64_t extent, const DimSplit &splits, const Mesh &mesh);

/// True if all coordinates hold equally many elements: the local dim is static. A symbolic dim is even only if unsplit
/// counts as even, that is never when it is cut.
bool isEven(const Extent &extent, const DimSplit &splits, const Mesh &mesh);

//===--- Placements as values ---------------------------------------------===//

/// Everything replicated.
Placement replicated(std::size_t rank);

/// What is wrong with the placement on this mesh, or nothing. Rules: P1 one entry per dim; P2 axes exist; P3 an axis is
/// named once; P4 units >= 1; P5 one partial kind (L7); P6 a window has cuts, a stride and a reach >= 1.
std::optional<std::string> findError(const Placement &placement, std::size_t rank, const Mesh &mesh);

/// The unique smallest equivalent (L6). For a symbolic dim equivalence is meant for every extent up to the bound, so
/// units stay (clamped to the bound); equal results are equivalent, but not every equivalent pair becomes equal.
/// Precondition: findError finds nothing.
Placement canonicalize(const Placement &placement, const Shape &shape, const Mesh &mesh);
DimSplit canonicalize(const DimSplit &splits, const Extent &extent, const Mesh &mesh);

/// The same placement, with its partial axes replicated.
Placement withoutPartial(Placement placement);

/// "[data tensor@64, _] sum(expert)": dims in order, cuts outermost first, "@unit" where it is not 1; with a window
/// "x (3 by 1 pad 1, 1)": reach, stride, low and high.
std::string toString(const Placement &placement, const Mesh &mesh);
std::string toString(PartialKind kind);
std::optional<PartialKind> parsePartialKind(const std::string &text);

std::size_t hashOf(const Placement &placement);

} // namespace partita::placement

#endif // PARTITA_PLACEMENT_PLACEMENT_H
