// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An MLIR tool of somebody else: a dialect of one op, which says how it splits. Partita's passes do the rest.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/pipeline/Plugin.h"

/// toy.squares: result[m] = sum over k of operand[m, k] squared.
struct SquaresOp
    : mlir::Op<SquaresOp, mlir::OpTrait::OneOperand, mlir::OpTrait::OneResult, partita::SplitOpInterface::Trait> {
  using Op::Op;
  static llvm::StringRef getOperationName() { return "toy.squares"; }
  static llvm::ArrayRef<llvm::StringRef> getAttributeNames() { return {}; }

  partita::LoopNest getLoopNest() {
    auto type = mlir::cast<mlir::RankedTensorType>((*this)->getOperand(0).getType());
    partita::LoopNest nest;
    nest.loops = {partita::Loop::parallel(type.getDimSize(0), "m"),
                  partita::Loop::reduce(type.getDimSize(1), "k", partita::ReductionKind::sum)};
    nest.operands = {partita::indexByLoops({0, 1})};
    nest.results = {partita::indexByLoops({0})};
    return nest;
  }
};

struct ToyDialect : mlir::Dialect {
  explicit ToyDialect(mlir::MLIRContext *context)
      : Dialect(getDialectNamespace(), context, mlir::TypeID::get<ToyDialect>()) {
    addOperations<SquaresOp>();
  }
  static llvm::StringRef getDialectNamespace() { return "toy"; }
};

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<ToyDialect, mlir::func::FuncDialect>();
  partita::registerPluginDialects(registry);
  partita::registerPluginPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Toy tool\n", registry));
}
