// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What code generation has to know about the processor that the program is for. Sizes of buffers never depend on it, so
// that a plan's exact memory is the same on every processor; only the code does.
//
// Example: FailureOr<CpuTarget> cpu = describeCpu(module, "x86-64-v3");   // vectorBits 256, vectorRegisters 16, hasFma
#ifndef PARTITA_LOWERING_CPUTARGET_H
#define PARTITA_LOWERING_CPUTARGET_H

#include "mlir/IR/Operation.h"
#include <cstdint>
#include <string>

namespace partita::lowering {

/// How products are cut, where it was measured (0: not). No more than what scratch memory is planned for, which is the
/// same for all processors.
struct BlockSizes {
  int64_t rows = 0;    ///< Of A, packed at once.
  int64_t depth = 0;   ///< Of the sums between.
  int64_t columns = 0; ///< Of B, packed at once.
};

struct CpuTarget {
  std::string name;               ///< As LLVM calls it, never "native".
  std::string features;           ///< LLVM's feature string beside the name; empty unless it is the host.
  unsigned vectorBits = 128;      ///< Of the widest vector register.
  unsigned vectorRegisters = 16;  ///< Of that width.
  bool hasFma = false;            ///< Fused multiply-add of f32 and f64 vectors.
  bool hasAvx512 = false;         ///< AVX-512 F, BW, DQ and VL: masked loads and stores of all element types.
  bool hasBf16Dot = false;        ///< vdpbf16ps on 512-bit vectors.
  bool hasVnni = false;           ///< vpdpbusd and vpdpwssd on the widest vectors.
  bool hasWordDot = false;        ///< vpmaddwd, on vectors of any width.
  int64_t level1Bytes = 32 << 10; ///< Data cache of one core. LLVM knows no sizes: values that common cores have.
  int64_t level2Bytes = 1 << 20;  ///< Of one core.
  int64_t level3Bytes = 16 << 20; ///< Shared.

  BlockSizes blocks;

  /// Elements of a vector register.
  int64_t countLanes(unsigned elementBits) const { return vectorBits / elementBits; }
};

/// The processor of a --cpu option: "native" or a name that LLVM knows. Diagnostics, at `where`: E-CPU.
mlir::FailureOr<CpuTarget> describeCpu(mlir::Operation *where, llvm::StringRef cpu);

} // namespace partita::lowering

#endif
