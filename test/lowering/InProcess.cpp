// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "InProcess.h"
#include "partita/runtime/Context.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include <cstring>

using namespace mlir;
using namespace partita;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace partita::lowering::test {

InProcessProgram::InProcessProgram() = default;
InProcessProgram::InProcessProgram(InProcessProgram &&) = default;
InProcessProgram::~InProcessProgram() = default;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static Type toType(runtime::ElementType type, MLIRContext &context) {
  Builder builder(&context);
  StringRef name = runtime::elementName(type);
  if (name == "bool")
    return builder.getI1Type();
  unsigned bits = 0;
  if (!name.drop_front(2).getAsInteger(10, bits) && (name[0] == 's' || name[0] == 'u'))
    return builder.getIntegerType(bits, name[0] == 's');
  static const std::map<std::string, Type (*)(MLIRContext *)> kFloats = {
      {"f64", [](MLIRContext *c) -> Type { return Float64Type::get(c); }},
      {"f32", [](MLIRContext *c) -> Type { return Float32Type::get(c); }},
      {"bf16", [](MLIRContext *c) -> Type { return BFloat16Type::get(c); }},
      {"f16", [](MLIRContext *c) -> Type { return Float16Type::get(c); }},
      {"f8E4M3FN", [](MLIRContext *c) -> Type { return Float8E4M3FNType::get(c); }},
      {"f8E5M2", [](MLIRContext *c) -> Type { return Float8E5M2Type::get(c); }},
      {"f8E4M3FNUZ", [](MLIRContext *c) -> Type { return Float8E4M3FNUZType::get(c); }},
      {"f8E5M2FNUZ", [](MLIRContext *c) -> Type { return Float8E5M2FNUZType::get(c); }}};
  return kFloats.at(name.str())(&context);
}

llvm::Expected<InProcessProgram> InProcessProgram::load(const runtime::Image &image, const std::string &object) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  InProcessProgram program;
  program.image = image;
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  program.linker = std::move(*jit);
  llvm::orc::LLJIT &linker = *program.linker;
  llvm::orc::SymbolMap entries;
  auto add = [&](StringRef name, auto *function) {
    entries[linker.mangleAndIntern(name)] = llvm::orc::ExecutorSymbolDef(
        llvm::orc::ExecutorAddr::fromPtr(function), llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable);
  };
  add("partita_collective_start", &partita_collective_start);
  add("partita_collective_start_counted", &partita_collective_start_counted);
  add("partita_collective_wait", &partita_collective_wait);
  add("partita_parallel_for", &partita_parallel_for);
  add("partita_fail", &partita_fail);
  if (llvm::Error error = linker.getMainJITDylib().define(llvm::orc::absoluteSymbols(entries)))
    return error;
  if (llvm::Error error = linker.addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, "program.o")))
    return error;
  auto functions = linker.lookup("partita_functions");
  if (!functions)
    return functions.takeError();
  program.functions = functions->toPtr<const partita_function *>();
  return program;
}

llvm::Expected<NamedTensors> InProcessProgram::run(const NamedTensors &inputs, MLIRContext &context, int64_t threads) {
  std::string error;
  runtime::ProgramOptions programOptions;
  programOptions.threads = threads;
  std::unique_ptr<runtime::Program> program = runtime::Program::create(image, functions, programOptions, error);
  std::vector<runtime::TensorView> views, outputs;
  for (const runtime::Input &input : image.inputs) {
    auto found = inputs.find(input.name);
    if (found == inputs.end())
      return fail("no input " + input.name);
    const Tensor &tensor = found->second;
    views.push_back({input.elementType, {tensor.getShape().begin(), tensor.getShape().end()}, tensor.getBytes(), {}});
  }
  std::vector<int64_t> symbols;
  if (!program || !runtime::bindSymbols(image, views, symbols, error) || !program->run(views, symbols, outputs, error))
    return fail(error);
  NamedTensors named;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor tensor(toType(outputs[i].elementType, context), outputs[i].shape);
    std::memcpy(tensor.getMutableBytes(), outputs[i].data, tensor.getNumBytes());
    named[image.outputs[i].name] = tensor;
  }
  return named;
}

llvm::Expected<InProcessProgram> compileInProcess(ModuleOp module, const EmitOptions &options) {
  runtime::Image image;
  if (failed(lowerToLLVM(module, image, options.cpu)))
    return fail("lowering failed");
  FailureOr<std::string> object = emitObject(module, image, options);
  if (failed(object))
    return fail("code generation failed");
  // As emit() does; there is no file to keep a checksum for.
  for (runtime::WeightFile &file : image.files)
    if (std::error_code code = llvm::sys::fs::file_size(file.path, file.size))
      return fail(file.path + ": " + code.message());
  return InProcessProgram::load(image, *object);
}

} // namespace partita::lowering::test
