// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes functions that all kernels of a module share: LLVM's types and memory, structured loops, 64-bit integers.
//
// Example: FunctionWriter writer = FunctionWriter::begin(module, "partita_sum", {pointer, i64});
//          writer.loop(zero, count, one, {}, [&](Value i, ValueRange) { ...; return SmallVector<Value>(); });
#ifndef PARTITA_LIB_LOWERING_FUNCTIONWRITER_H
#define PARTITA_LIB_LOWERING_FUNCTIONWRITER_H

#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

namespace partita::lowering {

class FunctionWriter {
public:
  using Values = llvm::SmallVector<mlir::Value>;

  /// Starts an internal function at the end of the module.
  static FunctionWriter begin(mlir::ModuleOp module, llvm::StringRef name, llvm::ArrayRef<mlir::Type> arguments);
  /// Writes into what `builder` writes into.
  FunctionWriter(mlir::OpBuilder builder, mlir::Location location) : builder(builder), location(location) {}

  mlir::Value argument(unsigned index) { return function.getArgument(index); }
  mlir::LLVM::LLVMFuncOp finish();

  mlir::Type i64() { return builder.getI64Type(); }
  mlir::Type pointer() { return mlir::LLVM::LLVMPointerType::get(builder.getContext()); }

  mlir::Value number(int64_t value) { return mlir::arith::ConstantIntOp::create(builder, location, value, 64); }
  template <typename Op> mlir::Value make(mlir::Value a, mlir::Value b) { return Op::create(builder, location, a, b); }
  mlir::Value add(mlir::Value a, mlir::Value b) { return make<mlir::arith::AddIOp>(a, b); }
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, number(b)); }
  mlir::Value sub(mlir::Value a, mlir::Value b) { return make<mlir::arith::SubIOp>(a, b); }
  mlir::Value mul(mlir::Value a, mlir::Value b) { return make<mlir::arith::MulIOp>(a, b); }
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, number(b)); }
  mlir::Value div(mlir::Value a, int64_t b) { return make<mlir::arith::DivUIOp>(a, number(b)); }
  mlir::Value min(mlir::Value a, mlir::Value b) { return make<mlir::arith::MinSIOp>(a, b); }
  mlir::Value max(mlir::Value a, mlir::Value b) { return make<mlir::arith::MaxSIOp>(a, b); }
  mlir::Value both(mlir::Value a, mlir::Value b) { return make<mlir::arith::AndIOp>(a, b); }
  mlir::Value choose(mlir::Value condition, mlir::Value yes, mlir::Value no) {
    return mlir::arith::SelectOp::create(builder, location, condition, yes, no);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpIOp::create(builder, location, predicate, a, b);
  }
  mlir::Value isLess(mlir::Value a, mlir::Value b) { return compare(mlir::arith::CmpIPredicate::slt, a, b); }
  mlir::Value isAtMost(mlir::Value a, mlir::Value b) { return compare(mlir::arith::CmpIPredicate::sle, a, b); }
  mlir::Value isEqual(mlir::Value a, mlir::Value b) { return compare(mlir::arith::CmpIPredicate::eq, a, b); }

  /// `base` moved by bytes.
  mlir::Value move(mlir::Value base, mlir::Value bytes);
  mlir::Value move(mlir::Value base, int64_t bytes);
  mlir::Value load(mlir::Type type, mlir::Value address, unsigned alignment);
  void store(mlir::Value value, mlir::Value address, unsigned alignment);
  /// All lanes equal.
  mlir::Value splat(mlir::Value scalar, int64_t lanes);
  mlir::Value zero(mlir::Type type);
  /// What an element is read as: bf16 as its bits, which no processor has to know.
  mlir::Type readAs(mlir::Type stored) { return stored.isBF16() ? builder.getI16Type() : stored; }
  /// `value`, a scalar or vector of elements as they are read, as elements of `computed`.
  mlir::Value widen(mlir::Value value, mlir::Type stored, mlir::Type computed, Widening widening);

  using LoopBody = llvm::function_ref<Values(mlir::Value, mlir::ValueRange)>;
  Values loop(mlir::Value begin, mlir::Value end, mlir::Value step, mlir::ValueRange carried, LoopBody body);
  /// A loop that carries nothing.
  void loop(mlir::Value begin, mlir::Value end, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  /// A loop whose body says where it goes on.
  void whileLess(mlir::Value begin, mlir::Value end, llvm::function_ref<mlir::Value(mlir::Value)> body);
  void branch(mlir::Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no);

  mlir::OpBuilder builder;
  mlir::Location location;
  mlir::LLVM::LLVMFuncOp function;
};

/// Bytes of an element in memory.
inline int64_t countBytes(mlir::Type element) { return element.getIntOrFloatBitWidth() / 8; }

} // namespace partita::lowering

#endif
