// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Any bytes as an ONNX file: a diagnostic, or a model that verifies before and after the passes of the import; some are
// planned, partitioned and lowered too.
#include "Command.h"
#include "MutateModel.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "partita/import/Import.h"
#include "partita/import/Passes.h"
#include <set>

using namespace partita;
using namespace partita::fuzz;

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maximum, unsigned seed) {
  return mutateModelBytes(data, size, maximum, seed);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other, size_t otherSize,
                                            uint8_t *out, size_t maximum, unsigned seed) {
  return crossModelBytes({data, size}, {other, otherSize}, {out, maximum}, seed);
}

/// Every symbolic dim gets an extent, or bounds; which, depends on the model alone.
static std::vector<import::DimBinding> bindDims(const uint8_t *data, size_t size, bool isRange) {
  std::vector<import::DimBinding> bindings;
  onnx::Model model;
  if (!model.ParseFromArray(data, static_cast<int>(size)))
    return bindings;
  std::set<std::string> names;
  for (const onnx::ValueInfo &input : model.graph().input())
    for (const onnx::Shape::Dim &dim : input.type().tensor_type().shape().dim())
      if (dim.dim_value() <= 0 && !dim.dim_param().empty() && names.insert(dim.dim_param()).second)
        bindings.push_back({dim.dim_param(), isRange ? 1 : 2, isRange ? 3 : 2});
  return bindings;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder("model");
  static SharedContext shared;
  folder.write("input.onnx", data, size);
  mlir::MLIRContext &context = shared.renew();
  import::ImportOptions options;
  options.dims = bindDims(data, size, size % 2 == 1);
  mlir::OwningOpRef<mlir::ModuleOp> module = import::importOnnx(context, folder.path("input.onnx"), options);
  if (!module) {
    shared.expectDiagnostic();
  } else {
    mlir::PassManager passes(&context);
    import::addImportPasses(passes);
    if (failed(mlir::verify(*module)) || failed(passes.run(*module)))
      __builtin_trap();
  }
  if (!isChosen(data, size))
    return 0;
  std::vector<std::string> arguments = compileArguments(folder, "input.onnx");
  for (const import::DimBinding &dim : options.dims) {
    arguments.push_back("--dim");
    arguments.push_back(dim.target + "=" + std::to_string(dim.minimum) + ".." + std::to_string(dim.maximum));
    if (dim.minimum == dim.maximum)
      arguments.back() = dim.target + "=" + std::to_string(dim.minimum);
  }
  runCommand(arguments, /*needsCode=*/true);
  return 0;
}
