// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ImageBuilder.h"
#include "ObjectWriter.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

static LogicalResult save(ModuleOp module, StringRef path, StringRef content) {
  if (llvm::Error error = writeFileAtomically(path, content))
    return module.emitError(takeError(std::move(error)).str());
  return success();
}

FailureOr<std::string> lowering::emitObject(ModuleOp module, const runtime::Image &image, const EmitOptions &options) {
  FailureOr<MachineCode> code = writeObject(module, image, options);
  if (failed(code))
    return failure();
  return code->object;
}

LogicalResult lowering::emit(ModuleOp module, const runtime::Image &image, const EmitOptions &options) {
  runtime::Image checked = image;
  if (failed(checkWeightFiles(module, checked)))
    return failure();
  FailureOr<MachineCode> code = writeObject(module, checked, options);
  if (failed(code))
    return failure();
  if (!options.saveTemporaries.empty()) {
    if (failed(save(module, options.saveTemporaries + "/program.ll", code->assembly)) ||
        failed(save(module, options.saveTemporaries + "/program.o", code->object)))
      return failure();
  }
  llvm::SmallString<128> objectPath;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile("partita", "o", objectPath))
    return module.emitError() << "E-BAD-FILE: no temporary file can be made: " << error.message();
  auto remove = llvm::make_scope_exit([&] { llvm::sys::fs::remove(objectPath); });
  if (failed(save(module, objectPath, code->object)))
    return failure();
  // Linked under another name and renamed, so that a failure leaves no half-written program.
  EmitOptions temporary = options;
  temporary.output = options.output + ".partial";
  auto removePartial = llvm::make_scope_exit([&] { llvm::sys::fs::remove(temporary.output); });
  if (failed(link(module, objectPath, temporary)))
    return failure();
  if (std::error_code error = llvm::sys::fs::rename(temporary.output, options.output))
    return module.emitError() << "E-BAD-FILE: cannot write '" << options.output << "': " << error.message();
  removePartial.release();
  return success();
}
