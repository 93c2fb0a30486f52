// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How an op can be split, answered as a loop nest: loops (parallel, reduction, expand or whole) and, for every
// dim of every operand and result, a mixed-radix linear expression of loops. Data, tensor, sequence and expert
// parallelism are then one thing: mesh axes assigned to loops.
//
// Example: C[m,n] = sum_k A[m,k] B[k,n] has loops m, n (parallel) and k (reduction, sum);
//   operand 0: [m] [k], operand 1: [k] [n], result: [m] [n].
// Example: a convolution of kernel 3, padding 1 has a parallel loop p over output positions; the dim of its image is p
//   read through the window {stride 1, low 1, high 1, reach 3}.
// Example: reshape [s, h*64+d] -> [s, h, d] has loops s, h, d; operand dim 1 is the expression h*64 + d, so that
//   splitting h splits that dim in units of 64 and splitting d is not representable while h is whole.
// Example: softmax along j of x[i,j] has loops i (parallel) and j (expand). Split along j it becomes its expansion, the
//   small ops of DecomposableOpInterface: a maximum and a sum over j, each combined over the ranks before it is read.
//   Results that an expand loop does not walk (attention, split along its keys) are whole on every rank.
#ifndef PARTITA_DIALECTS_INTERFACES_LOOPNEST_H
#define PARTITA_DIALECTS_INTERFACES_LOOPNEST_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>
#include <string>

namespace partita {

/// What splitting a loop over a mesh axis means.
enum class LoopKind {
  parallel,  ///< parts are independent
  reduction, ///< parts combine by the loop's reduction kind: results become partial
  expand,    ///< parts combine by more than one kind: the op is split as the small ops it is made of (see below)
  whole      ///< cannot be split; `reason` says why
};

/// How partial values combine. These five are the only kinds that may cross ranks.
enum class ReductionKind { sum, max, min, logicalAnd, logicalOr };

/// One loop of an op. `extent` is in elements; for a symbolic loop it is the largest extent.
struct Loop {
  LoopKind kind = LoopKind::parallel;
  ReductionKind reduction = ReductionKind::sum;
  int64_t extent = 1;
  bool symbolic = false;
  std::string label;
  std::string reason;

  static Loop parallel(int64_t extent, std::string label, bool symbolic = false) {
    return {LoopKind::parallel, ReductionKind::sum, extent, symbolic, std::move(label), ""};
  }
  static Loop reduce(int64_t extent, std::string label, ReductionKind kind, bool symbolic = false) {
    return {LoopKind::reduction, kind, extent, symbolic, std::move(label), ""};
  }
  static Loop expand(int64_t extent, std::string label, bool symbolic = false) {
    return {LoopKind::expand, ReductionKind::sum, extent, symbolic, std::move(label), ""};
  }
  static Loop whole(int64_t extent, std::string label, std::string reason, bool symbolic = false) {
    return {LoopKind::whole, ReductionKind::sum, extent, symbolic, std::move(label), std::move(reason)};
  }
};

/// One term `coefficient * loop` of a dim.
struct DimTerm {
  unsigned loop;
  int64_t coefficient;
  bool operator==(const DimTerm &other) const = default;
};

/// How an operand dim is read by a loop over output positions: position p reads the elements
/// [p * stride - low, p * stride - low + reach); outside of the dim there is nothing (the op's own padding). `high` is
/// how far the last position may reach beyond the end, so that the dim has (extent + low + high - reach) / stride + 1
/// positions; low and high may be negative (a slice skips elements). `extent` is that of the dim, or its bound if it is
/// symbolic.
struct WindowTerm {
  int64_t stride = 1;
  int64_t low = 0;
  int64_t high = 0;
  int64_t reach = 1;
  int64_t extent = 0;
  bool symbolic = false;
  bool operator==(const WindowTerm &other) const = default;
};

/// A tensor dim as a mixed-radix sum of loops, outermost (largest coefficient) first. Empty: the dim is tied to no
/// loop and every part needs it whole. With a window (of operands only) the one term is the loop over output positions,
/// with coefficient 1: a part of it needs what its positions read, a halo from its neighbours included.
struct DimExpression : llvm::SmallVector<DimTerm, 2> {
  using SmallVector::SmallVector;
  std::optional<WindowTerm> window;
};

/// The dim that `loop` reads through a window.
DimExpression readThroughWindow(unsigned loop, const WindowTerm &window);

/// The dims of one operand or result. Values that are not ranked tensors have no dims.
using ValueIndexing = llvm::SmallVector<DimExpression, 4>;

/// The whole answer. `operands` and `results` run parallel to the op's own lists.
struct LoopNest {
  llvm::SmallVector<Loop, 4> loops;
  llvm::SmallVector<ValueIndexing, 3> operands;
  llvm::SmallVector<ValueIndexing, 1> results;
  /// Sets of operands in which the op is jointly linear: partial(sum) may flow through exactly when the partial
  /// operands are one of these sets. add: {{0,1}}; mul and contraction: {{0},{1}}.
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>, 2> linearOperands;
  /// Pairs of a parallel loop and a reduction that may be cut over one axis: the parts of what the one walks then meet
  /// the parts of what the other walks by exchange, so the op is split by its expansion, as along an expand loop.
  /// Example: tokens and experts on the same ranks.
  llvm::SmallVector<std::pair<unsigned, unsigned>, 2> jointLoops;
  /// The op only moves elements (reshape, transpose, ...): partial values of any kind flow through, when all
  /// tensor operands are partial alike.
  bool movesElements = false;
};

/// Indexing of a value whose dim i is loop `loops[i]`; a negative entry is a dim tied to no loop.
ValueIndexing indexByLoops(llvm::ArrayRef<int> loops);

/// One parallel loop per dim of `type`; operands and results are all indexed by these loops, dim by dim.
LoopNest elementwiseLoopNest(mlir::RankedTensorType type, unsigned numOperands, unsigned numResults);

/// Structural check: loop numbers in range, coefficients positive and decreasing, every dim's expression covers
/// exactly the dim's extent, windows have as many positions as their loop. Returns an empty string or what is wrong
/// (rule SPLIT-1..6).
std::string checkLoopNest(const LoopNest &nest, mlir::TypeRange operandTypes, mlir::TypeRange resultTypes);

} // namespace partita

#endif
