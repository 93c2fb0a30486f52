// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order of the lowering, and the two entry points that run it.
#include "ImageBuilder.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"
#include "partita/lowering/CpuTarget.h"
#include "partita/lowering/Lowering.h"
#include "partita/lowering/Passes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

void lowering::buildBufferPipeline(OpPassManager &passes, StringRef cpu, const BlockSizes &blocks) {
  passes.addPass(createStartCommunicationPass());
  passes.addPass(createLowerGraphPass());
  passes.addPass(createNarrowProductsPass());
  passes.addPass(createChooseLayoutsPass());
  passes.addPass(createPackWeightsPass({cpu.str()}));
  passes.addPass(createHoistWeightsPass());
  passes.addNestedPass<func::FuncOp>(createFuseKernelsPass());
  passes.addNestedPass<func::FuncOp>(createFormRegionsPass());
  passes.addPass(createBufferizeKernelsPass());
  BlockContractionsPassOptions contractions;
  contractions.cpu = cpu.str();
  contractions.blockRows = blocks.rows;
  contractions.blockDepth = blocks.depth;
  contractions.blockColumns = blocks.columns;
  passes.addPass(createBlockContractionsPass(contractions));
  passes.addNestedPass<func::FuncOp>(createAssignScratchPass());
}

void lowering::buildLLVMPipeline(OpPassManager &passes, StringRef cpu) {
  passes.addNestedPass<func::FuncOp>(createLowerToLoopsPass({cpu.str()}));
  passes.addNestedPass<func::FuncOp>(createApproximateMathPass({cpu.str()}));
  passes.addPass(createLowerRuntimeCallsPass());
  passes.addPass(createKeepKernelsPass());
  passes.addPass(createOutlineParallelPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  passes.addPass(arith::createArithExpandOpsPass(expand));
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createConvertMathToLibmPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

FailureOr<runtime::Image> lowering::assignBuffers(ModuleOp module, std::map<std::string, ArenaUse> *use) {
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager passes(module.getContext());
  buildBufferPipeline(passes, "native");
  if (failed(passes.run(*copy)))
    return failure();
  return buildImage(*copy, use);
}

LogicalResult lowering::lowerToLLVM(ModuleOp module, runtime::Image &image, StringRef cpu, const BlockSizes &blocks) {
  if (failed(describeCpu(module, cpu)))
    return failure();
  PassManager buffers(module.getContext());
  buildBufferPipeline(buffers, cpu, blocks);
  if (failed(buffers.run(module)))
    return failure();
  FailureOr<runtime::Image> built = buildImage(module, nullptr);
  if (failed(built))
    return failure();
  image = std::move(*built);
  PassManager passes(module.getContext());
  buildLLVMPipeline(passes, cpu);
  return passes.run(module);
}
