// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- RepeatedSegments.h - Layers, found by their structure ---------------------===//
//
// A model repeats its layers; whoever can treat one of them for all is faster by their number. Layers are
// found by what their ops are and how they are connected, never by their names. Example: the ops
//
//   embed, [norm, fc, gelu, fc, add] x 96, norm, logits
//
// give one segment {first = 1, period = 5, count = 96}: copy i is the ops [1 + 5i, 6 + 5i).
//
// Copies i and i+1 are equal when op by op they have the same key (name of the op, attributes without `name`,
// types of operands and results, regions) and each operand is, in copy i+1, one of
//   shifted   the same result of the op one period later,
//   shared    the very same value, from before the segment (masks, rotary tables, the model's inputs),
//   free      an argument of the function, as in copy i (weights differ from layer to layer),
//   entry     made by copy i, where i is 0 and reads something from before the segment instead.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_REPEATEDSEGMENTS_H
#define PARTITA_SUPPORT_REPEATEDSEGMENTS_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstddef>
#include <vector>

namespace partita {

/// Copy i of `count` copies is the ops [first + i * period, first + (i + 1) * period).
struct RepeatedSegment {
  size_t first = 0;
  size_t period = 0;
  size_t count = 0;

  size_t end() const { return first + period * count; }
  bool operator==(const RepeatedSegment &) const = default;
};

struct SegmentOptions {
  /// Whether the decisions of a plan (attributes `partita_plan.*`) belong to an op's key.
  bool comparePlan = false;
  /// A segment is worth reporting when it saves at least so many ops: period * (count - 1).
  size_t fewestSaved = 3;
};

/// Disjoint segments in order. Of overlapping ones the one that saves most ops is taken, then the shorter period, then
/// the cut that the fewest values cross, then the earlier one; what lies before and after it is searched again.
/// `ops` is in topological order; see orderCanonically.
std::vector<RepeatedSegment> findRepeatedSegments(llvm::ArrayRef<mlir::Operation *> ops, SegmentOptions options = {});

/// The ops of a block without its terminator in an order that depends on the graph alone, not on the order in the file:
/// operands first, in the order in which the terminator's operands reach them; ops that no result needs come last.
std::vector<mlir::Operation *> orderCanonically(mlir::Block &block);

} // namespace partita

#endif // PARTITA_SUPPORT_REPEATEDSEGMENTS_H
