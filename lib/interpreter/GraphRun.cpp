// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a graph on whole values.
#include "Elements.h"
#include "Lockstep.h"
#include "partita/support/Error.h"

using namespace mlir;

namespace partita::interpreter {

func::FuncOp findGraphFunction(ModuleOp module) {
  func::FuncOp found;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isPrivate() || function.isExternal())
      continue;
    if (found) {
      function.emitOpError("E-BAD-INPUT: a graph is one function, this is a second one");
      return {};
    }
    found = function;
  }
  if (!found)
    module.emitOpError("E-BAD-INPUT: there is no function to run");
  return found;
}

std::string getArgumentName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
  return name ? name.str() : "argument " + std::to_string(index);
}

std::string getResultName(func::FuncOp function, unsigned index) {
  auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr);
  return name ? name.str() : "result " + std::to_string(index);
}

FailureOr<NamedTensors> collectArguments(func::FuncOp function, const NamedTensors &inputs, StringRef directory) {
  NamedTensors arguments;
  SymbolValues symbols;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    std::string name = getArgumentName(function, index);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    auto found = inputs.find(name);
    auto source = function.getArgAttrOfType<SourceAttr>(index, kSourceAttr);
    if (!type || (found == inputs.end() && !source))
      return function.emitOpError() << "E-BAD-INPUT: no value was given for '" << name << "'";
    if (found == inputs.end()) {
      llvm::Expected<Tensor> loaded = loadSource(source, type.getElementType(), type.getShape(), directory);
      if (!loaded)
        return function.emitOpError() << takeError(loaded.takeError()).str() << " ('" << name << "')";
      arguments[name] = *loaded;
      continue;
    }
    if (found->second.getElementType() != type.getElementType())
      return function.emitOpError() << "E-BAD-INPUT: '" << name << "' is " << describe(found->second)
                                    << ", expected elements of type " << type.getElementType();
    if (std::string problem = bindSymbols(type, found->second.getShape(), symbols); !problem.empty())
      return function.emitOpError() << "E-BAD-INPUT: '" << name << "': " << problem;
    arguments[name] = found->second;
  }
  return arguments;
}

FailureOr<NamedTensors> interpretGraph(func::FuncOp function, const NamedTensors &arguments,
                                       const RunOptions &options) {
  SymbolValues symbols;
  SmallVector<RankTensors> values;
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    std::string name = getArgumentName(function, index);
    auto found = arguments.find(name);
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
    if (found == arguments.end() || !type)
      return function.emitOpError() << "E-BAD-INPUT: no value was given for '" << name << "'";
    if (std::string problem = bindSymbols(type, found->second.getShape(), symbols); !problem.empty())
      return function.emitOpError() << "E-BAD-INPUT: '" << name << "': " << problem;
    values.push_back({convertElements(found->second, getKeptElement(type.getElementType(), options.arithmetic))});
  }
  FailureOr<SmallVector<RankTensors>> results = runLockstep(function, values, Scope(symbols), options);
  if (failed(results))
    return failure();
  NamedTensors named;
  for (auto [index, result] : llvm::enumerate(*results))
    named[getResultName(function, index)] = result.front();
  return named;
}

} // namespace partita::interpreter
