// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

void lowering::callRuntime(OpBuilder &builder, Location location, StringRef name, ValueRange arguments) {
  auto module = builder.getBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    SmallVector<Type> types(arguments.getTypes());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), types);
    function = LLVM::LLVMFuncOp::create(builder, location, name, type);
  }
  LLVM::CallOp::create(builder, location, function, arguments);
}

Value lowering::loadMember(OpBuilder &builder, Location location, Value context, ContextMember member) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value address = LLVM::GEPOp::create(builder, location, pointer, builder.getI8Type(), context,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(member)});
  return LLVM::LoadOp::create(builder, location, pointer, address);
}

Value lowering::loadElement(OpBuilder &builder, Location location, Value array, int64_t index, Type type) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value address = LLVM::GEPOp::create(builder, location, pointer, builder.getI64Type(), array,
                                      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(builder, location, type, address);
}

Value lowering::makeBytes(OpBuilder &builder, Location location, Value pointer) {
  MLIRContext *context = builder.getContext();
  Type i64 = builder.getI64Type();
  auto array = LLVM::LLVMArrayType::get(i64, 1);
  auto pointerType = LLVM::LLVMPointerType::get(context);
  auto descriptor = LLVM::LLVMStructType::getLiteral(context, {pointerType, pointerType, i64, array, array});
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, location, i64, builder.getI64IntegerAttr(value));
  };
  Value result = LLVM::PoisonOp::create(builder, location, descriptor);
  auto insert = [&](Value value, ArrayRef<int64_t> position) {
    result = LLVM::InsertValueOp::create(builder, location, result, value, position);
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(constant(0), {2});
  insert(constant(std::numeric_limits<int64_t>::max()), {3, 0});
  insert(constant(1), {4, 0});
  auto bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  return UnrealizedConversionCastOp::create(builder, location, TypeRange{bytes}, ValueRange{result}).getResult(0);
}

Value lowering::makeView(OpBuilder &builder, Location location, Value bytes, int64_t offset, MemRefType type,
                         ValueRange dynamicSizes) {
  Value shift = arith::ConstantIndexOp::create(builder, location, offset);
  return memref::ViewOp::create(builder, location, type, bytes, shift, dynamicSizes);
}
