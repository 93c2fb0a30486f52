// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the image records of the files that hold weights, so that a program notices another model's file.
#include "ImageBuilder.h"
#include "partita/runtime/Weights.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace partita;

LogicalResult lowering::checkWeightFiles(ModuleOp module, runtime::Image &image) {
  for (auto [index, file] : llvm::enumerate(image.files)) {
    // Mapped, never read whole: weights may be larger than memory.
    auto buffer = llvm::MemoryBuffer::getFile(file.path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!buffer)
      return module.emitError() << "E-BAD-FILE: '" << file.path
                                << "', which holds weights, cannot be read: " << buffer.getError().message();
    uint64_t size = (*buffer)->getBufferSize();
    if (size < file.size)
      return module.emitError() << "E-BAD-FILE: '" << file.path << "' has " << size
                                << " bytes, its tensors end at byte " << file.size;
    file.size = size;
    llvm::SmallString<128> absolute(file.path);
    if (!llvm::sys::fs::make_absolute(absolute))
      file.path = absolute.str().str();
    file.checksum = runtime::tensorTableChecksum(image, index, (*buffer)->getBufferStart(), size);
  }
  return success();
}
