// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From stored elements to the type that an op computes in, and back with one rounding. bf16, f16 and f32 compute in
// float, f64 in double, signed integers in int64_t, unsigned ones, bool and index in uint64_t.
//
// Example: withArithmetic(element, [&]<typename T>() {
//            std::vector<T> values = unpack<T>(tensor); ...; return pack<T>(element, shape, values); });
#ifndef PARTITA_LIB_INTERPRETER_ELEMENTS_H
#define PARTITA_LIB_INTERPRETER_ELEMENTS_H

#include "partita/interpreter/Tensor.h"

namespace partita::interpreter {

/// Calls `function.template operator()<T>()` with the type that `element` computes in.
template <typename Function> auto withArithmetic(mlir::Type element, Function function) {
  if (element.isF64())
    return function.template operator()<double>();
  if (llvm::isa<mlir::FloatType>(element))
    return function.template operator()<float>();
  if (element.isSignedInteger())
    return function.template operator()<int64_t>();
  return function.template operator()<uint64_t>();
}

/// Elements as T, by value: a float as double or float, an integer (bool, index) sign- or zero-extended.
template <typename T> std::vector<T> unpack(const Tensor &tensor);

/// Elements of `element` from computed ones: floats are rounded to nearest even, integers wrap, bool is "not zero".
template <typename T> Tensor pack(mlir::Type element, llvm::ArrayRef<int64_t> shape, const std::vector<T> &values);

extern template std::vector<double> unpack<double>(const Tensor &);
extern template std::vector<float> unpack<float>(const Tensor &);
extern template std::vector<int64_t> unpack<int64_t>(const Tensor &);
extern template std::vector<uint64_t> unpack<uint64_t>(const Tensor &);
extern template Tensor pack<double>(mlir::Type, llvm::ArrayRef<int64_t>, const std::vector<double> &);
extern template Tensor pack<float>(mlir::Type, llvm::ArrayRef<int64_t>, const std::vector<float> &);
extern template Tensor pack<int64_t>(mlir::Type, llvm::ArrayRef<int64_t>, const std::vector<int64_t> &);
extern template Tensor pack<uint64_t>(mlir::Type, llvm::ArrayRef<int64_t>, const std::vector<uint64_t> &);

/// Conversion of elements by the rules of the cast op: float to integer truncates and saturates (NaN becomes 0),
/// integers wrap, to bool tests against zero.
Tensor convertElements(const Tensor &tensor, mlir::Type element);

} // namespace partita::interpreter

#endif
