// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// custom: the ops of its body in its place. The body is written for any extents of its loops; here the types of its
// values get those that the op's local operands and results have: numbers where all ranks agree, index values
// elsewhere.
#include "OpLowerings.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace {

class BodyLowering {
public:
  BodyLowering(TensorBuilder &tensors, graph::CustomOp op) : tensors(tensors), op(op) {}

  /// The results; none after a diagnostic.
  SmallVector<Value> lower(ValueRange operands) {
    Block &body = op.getBody().front();
    Operation *yield = body.getTerminator();
    for (auto [inner, outer] : llvm::zip(body.getArgumentTypes(), op.getOperandTypes()))
      bind(cast<RankedTensorType>(inner), cast<RankedTensorType>(outer));
    for (auto [inner, outer] : llvm::zip(yield->getOperandTypes(), op.getResultTypes()))
      bind(cast<RankedTensorType>(inner), cast<RankedTensorType>(outer));
    Block local;
    IRMapping toLocal;
    for (auto [argument, operand] : llvm::zip(body.getArguments(), operands)) {
      toLocal.map(argument, local.addArgument(localize(argument.getType()), argument.getLoc()));
      // What the operand's type says of extents may be less, or more.
      lowered.map(toLocal.lookup(argument), castTo(operand, toLocal.lookup(argument).getType()));
    }
    SmallVector<Value> results = lowerOps(body, local, toLocal);
    local.dropAllReferences();
    local.clear();
    return results;
  }

private:
  SmallVector<Value> lowerOps(Block &body, Block &local, IRMapping &toLocal) {
    OpBuilder clones(op.getContext());
    clones.setInsertionPointToEnd(&local);
    for (Operation &part : body) {
      SmallVector<Value> operands, plain;
      for (Value operand : part.getOperands()) {
        operands.push_back(toLocal.lookup(operand));
        plain.push_back(lowered.lookup(operands.back()));
      }
      if (isa<graph::YieldOp>(part))
        return plain;
      SmallVector<Type> types;
      for (Type type : part.getResultTypes())
        types.push_back(localize(type));
      Operation *clone = cloneWithTypes(clones, &part, operands, types);
      tensors.setLocation(op.getLoc());
      Value result = lowerOp(tensors, clone, plain);
      if (!result)
        return {};
      toLocal.map(part.getResult(0), clone->getResult(0));
      lowered.map(clone->getResult(0), castTo(result, clone->getResult(0).getType()));
    }
    return {};
  }

  Value castTo(Value value, Type local) {
    RankedTensorType type = getPlainType(local);
    return value.getType() == type ? value : Value(tensor::CastOp::create(tensors.builder, op.getLoc(), type, value));
  }

  /// Solves the extents of `inner` for its symbols, given those of the local value.
  void bind(RankedTensorType inner, RankedTensorType outer) {
    for (int64_t dim = 0; dim < inner.getRank(); ++dim) {
      DimSize size = getDimSize(inner, dim).value_or(DimSize());
      if (size.coefficients.size() != 1)
        continue;
      auto [symbol, factor] = *size.coefficients.begin();
      std::string name = symbol.getName().str();
      if (extents.contains(name) || tensors.findSymbol(name))
        continue;
      OpFoldResult extent = tensors.sizeOf(outer, dim);
      if (std::optional<int64_t> number = getConstantIntValue(extent)) {
        extents[name] = (*number - size.constant) / factor;
        continue;
      }
      Value value =
          arith::SubIOp::create(tensors.builder, op.getLoc(), cast<Value>(extent), tensors.index(size.constant));
      if (factor != 1)
        value = arith::DivUIOp::create(tensors.builder, op.getLoc(), value, tensors.index(factor));
      tensors.bindSymbol(name, value);
    }
  }

  /// The type of a value of the body on this rank: a whole value of these extents.
  RankedTensorType localize(Type type) {
    auto generic = cast<RankedTensorType>(type);
    SmallVector<DimSize> dims;
    for (int64_t dim = 0; dim < generic.getRank(); ++dim) {
      DimSize size = getDimSize(generic, dim).value_or(DimSize());
      DimSize known(size.constant);
      for (auto [symbol, factor] : size.coefficients) {
        auto found = extents.find(symbol.getName().str());
        known = known + (found != extents.end() ? DimSize(found->second) : DimSize::symbol(symbol)) * factor;
      }
      dims.push_back(known);
    }
    RankedTensorType whole = getTensorType(dims, generic.getElementType());
    auto part = plan::PartAttr::get(type.getContext(), whole,
                                    plan::PlacementAttr::getReplicated(type.getContext(), whole.getRank()));
    return RankedTensorType::get(whole.getShape(), whole.getElementType(), part);
  }

  TensorBuilder &tensors;
  graph::CustomOp op;
  llvm::StringMap<int64_t> extents;
  IRMapping lowered;
};

} // namespace

SmallVector<Value> lowering::lowerCustom(TensorBuilder &tensors, graph::CustomOp op, ValueRange operands) {
  if (!op.hasBody()) {
    op.emitOpError() << "E-CUSTOM-BODY: nothing says what '" << op.getTarget() << "' computes";
    return {};
  }
  tensors.clearSymbols();
  return BodyLowering(tensors, op).lower(operands);
}
