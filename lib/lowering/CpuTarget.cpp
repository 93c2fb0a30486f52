// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/lowering/CpuTarget.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/TargetParser/Triple.h"
#include <memory>

using namespace partita;
using namespace partita::lowering;

/// x86 alone has levels of vectors; other 64-bit processors are taken as having 32 vectors of 128 bits with fused
/// multiply-add, as AArch64 guarantees.
static void describeVectors(const llvm::MCSubtargetInfo &info, CpuTarget &target) {
  if (!info.getTargetTriple().isX86()) {
    target.vectorRegisters = 32;
    target.hasFma = true;
    return;
  }
  auto has = [&](llvm::StringRef features) { return info.checkFeatures(features); };
  target.hasFma = has("+fma");
  target.hasAvx512 = has("+avx512f,+avx512bw,+avx512dq,+avx512vl");
  target.hasBf16Dot = target.hasAvx512 && has("+avx512bf16");
  target.hasVnni = target.hasAvx512 ? has("+avx512vnni") : has("+avxvnni");
  target.hasWordDot = true;
  target.vectorBits = target.hasAvx512 ? 512 : has("+avx2") ? 256 : 128;
  target.vectorRegisters = target.hasAvx512 ? 32 : 16;
}

mlir::FailureOr<CpuTarget> lowering::describeCpu(mlir::Operation *where, llvm::StringRef cpu) {
  llvm::InitializeNativeTarget();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *machine = llvm::TargetRegistry::lookupTarget(triple, error);
  CpuTarget target;
  target.name = cpu.str();
  if (cpu == "native") {
    target.name = llvm::sys::getHostCPUName().str();
    llvm::SubtargetFeatures features;
    for (auto &[name, isOn] : llvm::sys::getHostCPUFeatures())
      features.AddFeature(name, isOn);
    target.features = features.getString();
  }
  if (!machine) {
    where->emitError() << "E-CPU: this LLVM has no code generator for " << triple.str() << ": " << error;
    return mlir::failure();
  }
  std::unique_ptr<llvm::MCSubtargetInfo> known(machine->createMCSubtargetInfo(triple, "", ""));
  if (!known || !known->isCPUStringValid(target.name)) {
    where->emitError() << "E-CPU: '" << cpu << "' is no processor of " << triple.getArchName().str()
                       << "; valid are 'native' and names such as 'x86-64-v3'";
    return mlir::failure();
  }
  known.reset(machine->createMCSubtargetInfo(triple, target.name, target.features));
  describeVectors(*known, target);
  return target;
}
