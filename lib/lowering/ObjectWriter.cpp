// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM dialect and tables -> the bytes of an object file.
#include "ObjectWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// Names and features of the processor; "native" is the host's.
static std::pair<std::string, std::string> describeProcessor(StringRef cpu) {
  if (cpu != "native")
    return {cpu.str(), ""};
  llvm::SubtargetFeatures features;
  for (auto &[name, isOn] : llvm::sys::getHostCPUFeatures())
    features.AddFeature(name, isOn);
  return {llvm::sys::getHostCPUName().str(), features.getString()};
}

static std::unique_ptr<llvm::TargetMachine> createTarget(ModuleOp module, const EmitOptions &options) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) {
    module.emitError() << "E-CPU: this LLVM has no code generator for " << triple.str() << ": " << error;
    return nullptr;
  }
  auto [cpu, features] = describeProcessor(options.cpu);
  std::unique_ptr<llvm::MCSubtargetInfo> known(target->createMCSubtargetInfo(triple, "", ""));
  if (!known || !known->isCPUStringValid(cpu)) {
    module.emitError() << "E-CPU: '" << options.cpu << "' is no processor of " << triple.getArchName().str()
                       << "; valid are 'native' and names such as 'x86-64-v3'";
    return nullptr;
  }
  llvm::CodeGenOptLevel level = options.optimizationLevel == 0   ? llvm::CodeGenOptLevel::None
                                : options.optimizationLevel == 1 ? llvm::CodeGenOptLevel::Less
                                                                 : llvm::CodeGenOptLevel::Default;
  llvm::TargetOptions targetOptions;
  targetOptions.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, targetOptions, llvm::Reloc::PIC_, llvm::CodeModel::Small, level));
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
    if (function.isDeclaration())
      continue;
    function.setLinkage(llvm::GlobalValue::InternalLinkage);
    // Only kernels have bodies, in the order of their numbers.
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
  std::unique_ptr<llvm::TargetMachine> target = createTarget(module, options);
  if (!target)
    return failure();
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
