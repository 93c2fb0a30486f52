// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A parameter's data in a memory-mapped file.
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/interpreter/Tensor.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace partita::interpreter {

/// The bytes that the file's tensor takes; nullopt on overflow.
static std::optional<int64_t> countBytes(SourceAttr source, Type element) {
  int64_t bytes = getElementBits(element) / 8;
  for (int64_t extent : source.getShape().asArrayRef())
    if (llvm::MulOverflow(bytes, extent, bytes))
      return std::nullopt;
  return bytes;
}

static llvm::Error checkSource(SourceAttr source, Type element, ArrayRef<int64_t> shape) {
  if (source.getFile().empty())
    return makeError("E-BAD-FILE", "the model was written without weights: no data exists for this value");
  ArrayRef<int64_t> whole = source.getShape().asArrayRef(), start = source.getStart().asArrayRef();
  if (whole.size() != shape.size())
    return makeError("E-BAD-FILE", "the source has rank " + Twine(whole.size()) + ", the value " + Twine(shape.size()));
  for (auto [extent, first, taken] : llvm::zip(whole, start, shape))
    if (taken < 0 || taken > extent - first)
      return makeError("E-BAD-FILE", "the value reads beyond the source's extent " + Twine(extent));
  std::optional<int64_t> bytes = countBytes(source, element);
  if (!bytes || *bytes != source.getBytes())
    return makeError("E-BAD-FILE", "the source of '" + source.getFile() + "' has " + Twine(source.getBytes()) +
                                       " bytes, its shape needs " +
                                       (bytes ? Twine(*bytes).str() : std::string("more than 2^63")));
  return llvm::Error::success();
}

llvm::Expected<Tensor> loadSource(SourceAttr source, Type element, ArrayRef<int64_t> shape, StringRef directory) {
  if (llvm::Error error = checkSource(source, element, shape))
    return std::move(error);
  SmallString<128> path(source.getFile());
  if (llvm::sys::path::is_relative(path)) {
    path = directory;
    llvm::sys::path::append(path, source.getFile());
  }
  llvm::Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  auto mapped = std::make_shared<MappedFile>(std::move(*file));
  if (source.getOffset() > static_cast<int64_t>(mapped->size()) ||
      source.getBytes() > static_cast<int64_t>(mapped->size()) - source.getOffset())
    return makeError("E-BAD-FILE", "'" + path + "' has " + Twine(mapped->size()) + " bytes; a tensor lies at " +
                                       Twine(source.getOffset()) + " with " + Twine(source.getBytes()) + " bytes");
  Tensor whole(element, source.getShape().asArrayRef(), mapped->bytes().data() + source.getOffset(), mapped);
  if (ArrayRef<int64_t>(whole.getShape()) == shape)
    return whole;
  return cutBox(whole, source.getStart().asArrayRef(), shape);
}

} // namespace partita::interpreter
