// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Symbols.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "partita/dialects/plan/Plan.h"

using namespace mlir;
using namespace partita;

std::vector<SymbolAttr> lowering::collectSymbols(ModuleOp module) {
  std::map<std::string, SymbolAttr> byName;
  auto add = [&](Type type) {
    plan::PartAttr part = plan::getPart(type);
    auto shape = part ? dyn_cast_or_null<ShapeAttr>(part.getGlobal().getEncoding()) : ShapeAttr();
    if (shape)
      for (SymbolAttr symbol : shape.getSymbols())
        byName.emplace(symbol.getName().str(), symbol);
  };
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    llvm::for_each(function.getArgumentTypes(), add);
    llvm::for_each(function.getResultTypes(), add);
  }
  std::vector<SymbolAttr> symbols;
  for (auto &[name, symbol] : byName)
    symbols.push_back(symbol);
  return symbols;
}
