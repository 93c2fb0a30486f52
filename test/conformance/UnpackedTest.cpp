// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "UnpackedTest.h"
#include "Execute.h"
#include "partita/runtime/Npy.h"
#include <cstring>

using namespace mlir;
using namespace partita;
using namespace partita::conformance;
using interpreter::Tensor;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The types that .npy can hold.
static std::optional<runtime::ElementType> toRuntime(Type element) {
  using runtime::ElementType;
  if (element.isF64() || element.isF32() || element.isF16())
    return element.isF64() ? ElementType::f64 : element.isF32() ? ElementType::f32 : ElementType::f16;
  if (element.isInteger(1))
    return ElementType::boolean;
  bool isSigned = element.isSignedInteger();
  switch (isa<IntegerType>(element) ? element.getIntOrFloatBitWidth() : 0) {
  case 8:
    return isSigned ? ElementType::si8 : ElementType::ui8;
  case 16:
    return isSigned ? ElementType::si16 : ElementType::ui16;
  case 32:
    return isSigned ? ElementType::si32 : ElementType::ui32;
  case 64:
    return isSigned ? ElementType::si64 : ElementType::ui64;
  default:
    return std::nullopt;
  }
}

static llvm::Expected<DataSet> loadFirst(const OfficialTest &test, MLIRContext &context) {
  llvm::Expected<onnx::Model> model = loadModelFile(test);
  if (!model)
    return model.takeError();
  llvm::Expected<std::vector<DataSet>> sets = loadDataSets(test, *model, context);
  if (!sets)
    return sets.takeError();
  return sets->front();
}

llvm::Error conformance::unpackTest(const OfficialTest &test, llvm::StringRef folder) {
  MLIRContext context;
  llvm::Expected<DataSet> data = loadFirst(test, context);
  if (!data)
    return data.takeError();
  for (const auto &[name, tensor] : data->inputs) {
    std::string path = (folder + "/input-" + name + ".npy").str(), problem;
    std::optional<runtime::ElementType> element = toRuntime(tensor.getElementType());
    if (!element)
      return fail("an input is a " + interpreter::describe(tensor));
    runtime::TensorView view{*element, {tensor.getShape().begin(), tensor.getShape().end()}, tensor.getBytes(), {}};
    if (!runtime::writeNpy(path, view, problem))
      return fail(problem);
    llvm::outs() << "--input " << name << "=" << path << "\n";
  }
  return llvm::Error::success();
}

llvm::Error conformance::compareOutputs(const OfficialTest &test, llvm::StringRef folder) {
  MLIRContext context;
  llvm::Expected<DataSet> data = loadFirst(test, context);
  if (!data)
    return data.takeError();
  for (const auto &[name, expected] : data->outputs) {
    runtime::TensorView view;
    std::string problem;
    if (!runtime::readNpy((folder + "/" + name + ".npy").str(), view, problem))
      return fail(problem);
    if (view.elementType != toRuntime(expected.getElementType()))
      return fail(name + " has another element type than " + interpreter::describe(expected));
    Tensor actual(expected.getElementType(), view.shape);
    std::memcpy(actual.getMutableBytes(), view.data, actual.getNumBytes());
    if (problem = compare(actual, expected); !problem.empty())
      return fail(name + " " + problem);
  }
  return data->outputs.empty() ? fail("there is nothing to compare") : llvm::Error::success();
}
