// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The interpreter's values: dense row-major tensors in memory that copies share.
//
// Example: Tensor x = Tensor::fromDoubles(f32, {2, 2}, {1, 2, 3, 4});   // f32: an mlir::Type
//          std::vector<double> numbers = x.toDoubles();                 // {1, 2, 3, 4}
// A tensor is never changed after it was filled. Elements lie as in a model file: little-endian, bool as one byte,
// index as 8 bytes.
#ifndef PARTITA_INTERPRETER_TENSOR_H
#define PARTITA_INTERPRETER_TENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "partita/dialects/interfaces/Partita.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace partita::interpreter {

using Shape = llvm::SmallVector<int64_t, 4>;

/// Product of the extents.
int64_t countElements(llvm::ArrayRef<int64_t> shape);

/// A dense tensor. A default-constructed one is absent: `isPresent()` is false and nothing else may be asked.
class Tensor {
public:
  Tensor() = default;

  /// Zero-filled. `element` is a float, an integer of 1 to 64 bits, or index.
  Tensor(mlir::Type element, llvm::ArrayRef<int64_t> shape);

  /// A view of bytes that `owner` keeps alive: countElements(shape) elements, any alignment.
  Tensor(mlir::Type element, llvm::ArrayRef<int64_t> shape, const uint8_t *bytes, std::shared_ptr<const void> owner);

  /// Rounds each number to `element` (floats to nearest even; integers truncate towards zero and saturate).
  static Tensor fromDoubles(mlir::Type element, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values);

  /// A constant's value. `E-BAD-FILE` for attributes whose data is not dense.
  static llvm::Expected<Tensor> fromElements(mlir::ElementsAttr value);

  bool isPresent() const { return data != nullptr; }
  mlir::Type getElementType() const { return element; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return shape.size(); }
  int64_t getNumElements() const { return countElements(shape); }
  int64_t getElementBytes() const;
  int64_t getNumBytes() const { return getNumElements() * getElementBytes(); }
  const uint8_t *getBytes() const { return data; }

  /// For filling a tensor that was just made by the first constructor and is not shared yet.
  uint8_t *getMutableBytes() { return const_cast<uint8_t *>(data); }

  /// The same elements under another shape of as many elements.
  Tensor withShape(llvm::ArrayRef<int64_t> newShape) const;

  /// Elements as numbers; 64-bit integers beyond 2^53 lose bits.
  std::vector<double> toDoubles() const;

  /// As the value of a constant of this type (same shape and element type).
  mlir::DenseElementsAttr toElements(mlir::RankedTensorType type) const;

  /// Same element type, shape and bytes.
  bool isIdenticalTo(const Tensor &other) const;

private:
  mlir::Type element;
  Shape shape;
  std::shared_ptr<const void> owner;
  const uint8_t *data = nullptr;
};

/// "tensor<2x3xf32>".
std::string describe(const Tensor &tensor);

/// Copies the box [start, start + extent) of `source` into `target` at `targetStart`. Both boxes must lie inside and
/// the element types agree.
void copyBox(const Tensor &source, llvm::ArrayRef<int64_t> start, llvm::ArrayRef<int64_t> extent, Tensor &target,
             llvm::ArrayRef<int64_t> targetStart);

/// The box [start, start + extent) as a tensor of its own.
Tensor cutBox(const Tensor &source, llvm::ArrayRef<int64_t> start, llvm::ArrayRef<int64_t> extent);

/// The box `shape` of a parameter's data, beginning at the source's `start`. Relative files are looked for in
/// `directory`. `E-BAD-FILE`: the file is missing, too short, or names no data (an empty file name).
llvm::Expected<Tensor> loadSource(SourceAttr source, mlir::Type element, llvm::ArrayRef<int64_t> shape,
                                  llvm::StringRef directory);

} // namespace partita::interpreter

#endif
