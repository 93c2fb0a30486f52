// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body of an element loop on several neighbouring iterations at once: one lane of a vector for each.
//
// Example: with lanes = 16 along loop 1, `arith.addf %a, %b : f32` becomes an addition of vector<16xf32>, what does not
// depend on loop 1 stays a scalar, and `linalg.index 1` is known as %i, %i + 1, ... until somebody needs it as a
// vector.
#ifndef PARTITA_LIB_LOWERING_LANES_H
#define PARTITA_LIB_LOWERING_LANES_H

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

namespace partita::lowering {

/// A value of the scalar body on all lanes.
struct LaneValue {
  mlir::Value scalar;      ///< Of the first lane; null where only the vector is known.
  mlir::Value vector;      ///< Null where nobody needed it yet.
  bool isSteady = true;    ///< Each lane has the same.
  bool isCounting = false; ///< Each lane has one more than the lane before.

  static LaneValue steady(mlir::Value scalar) { return {scalar, {}, true, false}; }
  static LaneValue counting(mlir::Value scalar) { return {scalar, {}, false, true}; }
  static LaneValue varying(mlir::Value vector) { return {{}, vector, false, false}; }
};

/// Which iterations are computed together.
struct Lanes {
  int64_t count = 1; ///< 1: a scalar loop.
  mlir::Value mask;  ///< Which of them exist; null: all. The first one always exists.
};

/// Memory seen along one loop.
enum class AccessKind { steady, contiguous, strided };

/// How `map` reads `memref` from one iteration of `loop` to the next.
AccessKind classifyAccess(mlir::MemRefType memref, mlir::AffineMap map, unsigned loop);

/// Reads and writes of vectors. Booleans are bytes in memory.
struct LaneMemory {
  mlir::OpBuilder &builder;
  mlir::Location location;
  const Lanes &lanes;

  mlir::Value load(mlir::Value memref, mlir::ValueRange place);
  void store(mlir::Value vector, mlir::Value memref, mlir::ValueRange place);
  /// One load for each lane; `places` are the places of the lanes.
  mlir::Value loadEach(mlir::Value memref, llvm::ArrayRef<llvm::SmallVector<mlir::Value>> places);
};

/// The same on all lanes.
mlir::Value spreadScalar(mlir::OpBuilder &builder, mlir::Location location, mlir::Value scalar, int64_t lanes);

/// As many vectors as each has lanes, turned: lane i of vector j becomes lane j of vector i.
llvm::SmallVector<mlir::Value> turnVectors(mlir::OpBuilder &builder, mlir::Location location,
                                           llvm::ArrayRef<mlir::Value> vectors);

/// Scalars of 16-bit floats are read and written as integers: so LLVM calls no library to convert them.
void carryShortFloats(mlir::Operation *function);

/// Clones a body for one group of lanes.
class LaneWriter {
public:
  /// `indices` are the loops' iterations, of the first lane.
  LaneWriter(mlir::OpBuilder &builder, mlir::Location location, unsigned loop, const Lanes &lanes,
             llvm::ArrayRef<mlir::Value> indices)
      : builder(builder), location(location), loop(loop), lanes(lanes), indices(indices) {}

  /// Other lanes or iterations for what is cloned from now on.
  void moveTo(const Lanes &newLanes, llvm::ArrayRef<mlir::Value> newIndices) {
    lanes = newLanes;
    indices.assign(newIndices.begin(), newIndices.end());
  }

  void set(mlir::Value original, LaneValue value) { values[original] = value; }
  /// What is the same on all lanes and may be computed even when no lane exists. Checks pass when `isEmpty`.
  void hoist(mlir::Block &block, mlir::Value isEmpty);
  /// The op is not cloned.
  void skip(mlir::Operation &op) { hoisted.insert(&op); }
  /// All that was not hoisted but the terminator; failure where an op cannot be done on vectors.
  mlir::LogicalResult clone(mlir::Block &block);
  /// What stands for a value of the body: a vector, or a scalar when there is one lane.
  mlir::Value get(mlir::Value original);
  LaneValue lookup(mlir::Value original) const;

private:
  mlir::LogicalResult cloneOp(mlir::Operation &op);
  mlir::LogicalResult cloneOnVectors(mlir::Operation &op);
  mlir::LogicalResult cloneLoad(mlir::memref::LoadOp op);
  mlir::LogicalResult cloneIf(mlir::scf::IfOp op);
  mlir::LogicalResult cloneFor(mlir::scf::ForOp op);
  mlir::LogicalResult cloneAssert(mlir::cf::AssertOp op);
  mlir::LogicalResult cloneIntrinsic(mlir::LLVM::CallIntrinsicOp op);
  bool cloneCounting(mlir::Operation &op);
  void cloneSteady(mlir::Operation &op);
  bool isSteady(mlir::Operation &op) const;
  mlir::LogicalResult cloneYield(mlir::Block &block, mlir::OpBuilder at);

  mlir::OpBuilder &builder;
  mlir::Location location;
  unsigned loop;
  Lanes lanes;
  llvm::SmallVector<mlir::Value> indices;
  llvm::DenseMap<mlir::Value, LaneValue> values;
  llvm::DenseSet<mlir::Operation *> hoisted;
};

} // namespace partita::lowering

#endif
