// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM dialect and tables -> the bytes of an object file.
#include "ObjectWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "partita/lowering/CpuTarget.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// Null where LLVM has no code generator at all.
static std::unique_ptr<llvm::TargetMachine> createTarget(const CpuTarget &cpu, const EmitOptions &options) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::CodeGenOptLevel level = options.optimizationLevel == 0   ? llvm::CodeGenOptLevel::None
                                : options.optimizationLevel == 1 ? llvm::CodeGenOptLevel::Less
                                                                 : llvm::CodeGenOptLevel::Default;
  llvm::TargetOptions targetOptions;
  targetOptions.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu.name, cpu.features, targetOptions, llvm::Reloc::PIC_, llvm::CodeModel::Small, level));
}

static llvm::GlobalVariable *addConstant(llvm::Module &module, llvm::Constant *value, StringRef name) {
  return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, llvm::GlobalValue::ExternalLinkage,
                                  value, name);
}

/// The three symbols of partita/runtime/Context.h, and linkage: only they can be seen from outside.
static void addTables(llvm::Module &module, const runtime::Image &image) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::get(context, 0);
  std::vector<llvm::Constant *> functions;
  for (llvm::Function &function : module) {
    function.setDoesNotThrow();
    // What is internal already is shared by kernels; all others with a body are kernels, in the order of their numbers.
    if (function.isDeclaration() || function.hasLocalLinkage())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    functions.push_back(&function);
  }
  auto *tableType = llvm::ArrayType::get(pointer, functions.size());
  addConstant(module, llvm::ConstantArray::get(tableType, functions), "partita_functions");
  std::string blob = runtime::serializeImage(image);
  auto *bytes = llvm::ConstantDataArray::getString(context, blob, /*AddNull=*/false);
  addConstant(module, bytes, "partita_image")->setAlignment(llvm::Align(64));
  addConstant(module, llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), blob.size()), "partita_image_size");
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target, unsigned level) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = level >= 2;
  // Extents are often small and static: unrolling them away makes code ten times as long for nothing.
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&target, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  const llvm::OptimizationLevel levels[] = {llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
                                            llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::ModulePassManager passes = level == 0 ? builder.buildO0DefaultPipeline(levels[0])
                                              : builder.buildPerModuleDefaultPipeline(levels[std::min(level, 3u)]);
  passes.run(module, modules);
}

FailureOr<MachineCode> lowering::writeObject(ModuleOp module, const runtime::Image &image, const EmitOptions &options) {
  FailureOr<CpuTarget> cpu = describeCpu(module, options.cpu);
  if (failed(cpu))
    return failure();
  std::unique_ptr<llvm::TargetMachine> target = createTarget(*cpu, options);
  if (!target)
    return module.emitError("E-INTERNAL: a processor is known, but no code generator for it");
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "partita");
  if (!code)
    return module.emitError("E-INTERNAL: the LLVM dialect could not be translated");
  code->setDataLayout(target->createDataLayout());
  code->setTargetTriple(target->getTargetTriple());
  runtime::Image described = image;
  described.notes.emplace_back("cpu", target->getTargetCPU().str());
  addTables(*code, described);
  for (llvm::Function &function : *code) {
    function.addFnAttr("target-cpu", target->getTargetCPU());
    function.addFnAttr("target-features", target->getTargetFeatureString());
    // Some processors prefer narrower vectors than they have; the kernels are written for the widest.
    if (cpu->hasAvx512)
      function.addFnAttr("prefer-vector-width", std::to_string(cpu->vectorBits));
  }
  optimize(*code, *target, options.optimizationLevel);
  MachineCode result;
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (target->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return module.emitError("E-INTERNAL: this target writes no object files");
  passes.run(*code);
  result.object = std::string(bytes);
  if (!options.saveTemporaries.empty()) {
    llvm::raw_string_ostream text(result.assembly);
    code->print(text, nullptr);
  }
  return result;
}
