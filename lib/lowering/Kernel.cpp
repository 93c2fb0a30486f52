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

Value lowering::makeBuffer(OpBuilder &builder, Location location, func::FuncOp kernel, int64_t index, MemRefType type,
                           ValueRange dynamicSizes) {
  Value pointer =
      loadElement(builder, location, kernel.getArgument(1), index, LLVM::LLVMPointerType::get(builder.getContext()));
  return makeView(builder, location, makeBytes(builder, location, pointer), 0, type, dynamicSizes);
}

std::optional<int64_t> lowering::getBufferNumber(Value buffer) {
  auto view = buffer.getDefiningOp<memref::ViewOp>();
  auto cast = view ? view.getSource().getDefiningOp<UnrealizedConversionCastOp>() : UnrealizedConversionCastOp();
  Value descriptor = cast ? cast.getOperand(0) : Value();
  LLVM::LoadOp load;
  while (auto insert = descriptor ? descriptor.getDefiningOp<LLVM::InsertValueOp>() : LLVM::InsertValueOp()) {
    load = insert.getValue().getDefiningOp<LLVM::LoadOp>();
    descriptor = insert.getContainer();
  }
  auto element = load ? load.getAddr().getDefiningOp<LLVM::GEPOp>() : LLVM::GEPOp();
  auto kernel = element ? element->getParentOfType<func::FuncOp>() : func::FuncOp();
  if (!kernel || element.getBase() != kernel.getArgument(1))
    return std::nullopt;
  return element.getRawConstantIndices().front();
}

void lowering::renumberBuffers(func::FuncOp kernel, llvm::function_ref<int64_t(int64_t)> numberOf) {
  for (Operation *user : kernel.getArgument(1).getUsers())
    if (auto element = dyn_cast<LLVM::GEPOp>(user))
      element.setRawConstantIndices({static_cast<int32_t>(numberOf(element.getRawConstantIndices().front()))});
}
