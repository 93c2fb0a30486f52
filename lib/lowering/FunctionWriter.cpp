// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FunctionWriter.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

FunctionWriter FunctionWriter::begin(ModuleOp module, StringRef name, ArrayRef<Type> arguments) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()), arguments);
  FunctionWriter writer(builder, module.getLoc());
  writer.function = LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, type, LLVM::Linkage::Internal);
  writer.function.setNoInline(true);
  writer.builder.setInsertionPointToStart(writer.function.addEntryBlock(builder));
  return writer;
}

LLVM::LLVMFuncOp FunctionWriter::finish() {
  LLVM::ReturnOp::create(builder, location, ValueRange());
  return function;
}

Value FunctionWriter::move(Value base, Value bytes) {
  return LLVM::GEPOp::create(builder, location, pointer(), builder.getI8Type(), base, ArrayRef<LLVM::GEPArg>{bytes});
}

Value FunctionWriter::move(Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  return LLVM::GEPOp::create(builder, location, pointer(), builder.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

Value FunctionWriter::load(Type type, Value address, unsigned alignment) {
  return LLVM::LoadOp::create(builder, location, type, address, alignment);
}

void FunctionWriter::store(Value value, Value address, unsigned alignment) {
  LLVM::StoreOp::create(builder, location, value, address, alignment);
}

Value FunctionWriter::splat(Value scalar, int64_t lanes) {
  auto type = VectorType::get({lanes}, scalar.getType());
  Value none = LLVM::PoisonOp::create(builder, location, type), first = number(0);
  Value one = LLVM::InsertElementOp::create(builder, location, none, scalar, first);
  return LLVM::ShuffleVectorOp::create(builder, location, one, none, SmallVector<int32_t>(lanes, 0));
}

Value FunctionWriter::zero(Type type) { return LLVM::ZeroOp::create(builder, location, type); }

Value FunctionWriter::widen(Value value, Type stored, Type computed, Widening widening) {
  auto like = [&](Type element) {
    auto vector = dyn_cast<VectorType>(value.getType());
    return vector ? Type(vector.clone(element)) : element;
  };
  Type type = like(computed);
  if (stored.isBF16() && widening == Widening::extendFloat) {
    // The upper half of an f32.
    Type i32 = like(builder.getI32Type()), f32 = like(builder.getF32Type());
    Value bits = LLVM::ZExtOp::create(builder, location, i32, value),
          sixteen = arith::ConstantIntOp::create(builder, location, 16, 32);
    if (auto vector = dyn_cast<VectorType>(i32))
      sixteen = splat(sixteen, vector.getNumElements());
    value = LLVM::BitcastOp::create(builder, location, f32, make<LLVM::ShlOp>(bits, sixteen));
    if (type == f32)
      return value;
  }
  switch (widening) {
  case Widening::none:
    return value;
  case Widening::extendFloat:
    return LLVM::FPExtOp::create(builder, location, type, value);
  case Widening::extendSigned:
    return LLVM::SExtOp::create(builder, location, type, value);
  case Widening::extendUnsigned:
    return LLVM::ZExtOp::create(builder, location, type, value);
  }
  return value;
}

FunctionWriter::Values FunctionWriter::loop(Value begin, Value end, Value step, ValueRange carried, LoopBody body) {
  auto loop = scf::ForOp::create(builder, location, begin, end, step, carried,
                                 [&](OpBuilder &inner, Location at, Value index, ValueRange values) {
                                   OpBuilder outer = builder;
                                   builder = inner;
                                   Values results = body(index, values);
                                   scf::YieldOp::create(builder, at, results);
                                   builder = outer;
                                 });
  return Values(loop.getResults());
}

void FunctionWriter::loop(Value begin, Value end, int64_t step, llvm::function_ref<void(Value)> body) {
  loop(begin, end, number(step), {}, [&](Value index, ValueRange) {
    body(index);
    return Values();
  });
}

void FunctionWriter::whileLess(Value begin, Value end, llvm::function_ref<Value(Value)> body) {
  auto write = [&](OpBuilder &inner, llvm::function_ref<void()> part) {
    OpBuilder outer = builder;
    builder = inner;
    part();
    builder = outer;
  };
  scf::WhileOp::create(
      builder, location, TypeRange{i64()}, ValueRange{begin},
      [&](OpBuilder &inner, Location at, ValueRange values) {
        write(inner, [&] { scf::ConditionOp::create(builder, at, isLess(values[0], end), values); });
      },
      [&](OpBuilder &inner, Location at, ValueRange values) {
        write(inner, [&] {
          Value next = body(values[0]);
          scf::YieldOp::create(builder, at, next);
        });
      });
}

void FunctionWriter::branch(Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no) {
  auto write = [&](llvm::function_ref<void()> body) {
    return [this, body](OpBuilder &inner, Location at) {
      OpBuilder outer = builder;
      builder = inner;
      body();
      scf::YieldOp::create(builder, at);
      builder = outer;
    };
  };
  auto first = write(yes), second = write(no);
  scf::IfOp::create(builder, location, condition, first, second);
}
