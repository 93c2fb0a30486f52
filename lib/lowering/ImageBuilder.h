// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a module with bufferized kernels to the image's tables.
//
// Example: FailureOr<runtime::Image> image = buildImage(module, nullptr);
#ifndef PARTITA_LIB_LOWERING_IMAGEBUILDER_H
#define PARTITA_LIB_LOWERING_IMAGEBUILDER_H

#include "Kernel.h"
#include "partita/lowering/Lowering.h"

namespace partita::lowering {

mlir::FailureOr<runtime::Image> buildImage(mlir::ModuleOp module, std::map<std::string, ArenaUse> *use);

/// Sizes and checksums of the weight files, read from the files. E-BAD-FILE where one is missing.
mlir::LogicalResult checkWeightFiles(mlir::ModuleOp module, runtime::Image &image);

runtime::ElementType toElementType(mlir::Type element);
runtime::Extent toExtent(mlir::RankedTensorType global, int64_t dim, const std::vector<SymbolAttr> &symbols);
/// How values of a local type lie on the stage's ranks. A diagnostic at `op` where the type does not fit the mesh.
mlir::FailureOr<runtime::Layout> toLayout(mlir::Operation *op, mlir::Type local, plan::MeshAttr mesh,
                                          const std::vector<SymbolAttr> &symbols);

/// Axes of the mesh along which an init call computes the same on all ranks, by index.
std::vector<int64_t> findSameAlong(mlir::func::CallOp call, mlir::func::FuncOp kernel, plan::MeshAttr mesh);

/// What a call needs from the kernel of its segment.
struct KernelTable {
  struct Entry {
    int64_t number = 0;
    int64_t scratch = 0, workerScratch = 0;
    mlir::func::FuncOp kernel;
  };
  std::map<std::string, Entry> bySegment;

  explicit KernelTable(mlir::ModuleOp module);
};

/// The buffers of one event function: every value has one, and calls have scratch. Filled in by planStageMemory.
struct StageMemory {
  llvm::DenseMap<mlir::Value, int64_t> bufferOf; ///< Number in runtime::Stage::buffers.
  std::vector<uint64_t> scratchOffsets;          ///< Per call.
  /// Of weights that only calls which prepare weights read: the number of the first of these calls.
  llvm::DenseMap<mlir::Value, int64_t> loadedBefore;
  ArenaUse use;
};

/// Appends the function's buffers to `stage` with their offsets. `slots`: micro-batches in flight at once.
mlir::FailureOr<StageMemory> planStageMemory(mlir::func::FuncOp function, const KernelTable &kernels, int64_t slots,
                                             const std::vector<SymbolAttr> &symbols, runtime::Stage &stage);

} // namespace partita::lowering

#endif
