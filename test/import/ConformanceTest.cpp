// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ConformanceTest.cpp - The official ONNX operator tests ------------------===//
//
// Every model of Debian's libonnx-testdata is imported; those that the importer takes are run in the interpreter and
// compared with the stored outputs. A model that is refused must be refused with a code. Skipped where the package is
// not installed.
//
//===----------------------------------------------------------------------===//
#include "GraphEvaluation.h"
#include "ImportHelpers.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

constexpr char root[] = "/usr/share/libonnx-testdata/data";

class Conformance : public ImportTest {
protected:
  /// "", "refused: ..." or "wrong: ...".
  std::string run(const std::string &folder);

private:
  std::optional<Tensor> readTensor(const std::string &path);
};

mlir::Type getElement(mlir::MLIRContext &context, int32_t element) {
  auto integer = [&](unsigned bits, bool isSigned) -> mlir::Type {
    return mlir::IntegerType::get(&context, bits, isSigned ? mlir::IntegerType::Signed : mlir::IntegerType::Unsigned);
  };
  switch (element) {
  case onnx::F32:
    return mlir::Float32Type::get(&context);
  case onnx::F64:
    return mlir::Float64Type::get(&context);
  case onnx::F16:
    return mlir::Float16Type::get(&context);
  case onnx::BOOLEAN:
    return mlir::IntegerType::get(&context, 1);
  case onnx::SI64:
  case onnx::UI64:
    return integer(64, element == onnx::SI64);
  case onnx::SI32:
  case onnx::UI32:
    return integer(32, element == onnx::SI32);
  case onnx::SI16:
  case onnx::UI16:
    return integer(16, element == onnx::SI16);
  case onnx::SI8:
  case onnx::UI8:
    return integer(8, element == onnx::SI8);
  default:
    return {};
  }
}

std::optional<Tensor> Conformance::readTensor(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  onnx::Tensor tensor;
  if (!buffer || !tensor.ParseFromArray((*buffer)->getBufferStart(), static_cast<int>((*buffer)->getBufferSize())))
    return std::nullopt;
  mlir::Type element = getElement(context, tensor.data_type());
  llvm::SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  if (!element || !tensor.has_raw_data())
    return std::nullopt;
  auto bytes = std::make_shared<std::string>(tensor.raw_data());
  return Tensor(element, shape, reinterpret_cast<const uint8_t *>(bytes->data()), bytes);
}

std::string Conformance::run(const std::string &folder) {
  diagnostics.clear();
  std::string model = folder + "/model.onnx";
  auto buffer = llvm::MemoryBuffer::getFile(model);
  onnx::Model parsed;
  if (!buffer || !parsed.ParseFromArray((*buffer)->getBufferStart(), static_cast<int>((*buffer)->getBufferSize())))
    return "refused: E-BAD-FILE (no model)";
  if (importFile(model).empty())
    return llvm::StringRef(diagnostics).contains("E-") ? "refused: " + diagnostics
                                                       : "wrong: no diagnostic " + diagnostics;
  std::map<std::string, Tensor> inputs;
  for (int i = 0; i < parsed.graph().input_size(); ++i)
    if (auto tensor = readTensor(folder + "/test_data_set_0/input_" + std::to_string(i) + ".pb"))
      inputs[parsed.graph().input(i).name()] = *tensor;
  std::optional<std::vector<Tensor>> outputs = evaluateModule(*module, inputs);
  if (!outputs)
    return "wrong: not evaluated " + diagnostics;
  for (size_t i = 0; i < outputs->size(); ++i) {
    auto expected = readTensor(folder + "/test_data_set_0/output_" + std::to_string(i) + ".pb");
    if (!expected)
      return "refused: E- (output cannot be read)";
    double limit = expected->getElementType().isF16() ? 1e-2 : 1e-4;
    if (double worst = compare((*outputs)[i], *expected); !(worst < limit))
      return "wrong: differs by " + std::to_string(worst) + " " + interpreter::describe((*outputs)[i]) + " " +
             interpreter::describe(*expected);
  }
  return "";
}

TEST_F(Conformance, OfficialOperatorTests) {
  if (!llvm::sys::fs::exists(root))
    GTEST_SKIP() << "libonnx-testdata is not installed";
  int passed = 0, refused = 0;
  for (const char *part : {"node", "pytorch-converted", "pytorch-operator", "simple"}) {
    std::error_code code;
    std::vector<std::string> folders;
    for (llvm::sys::fs::directory_iterator entry(std::string(root) + "/" + part, code), end; entry != end && !code;
         entry.increment(code))
      folders.push_back(entry->path());
    std::sort(folders.begin(), folders.end());
    for (const std::string &folder : folders) {
      // Stored as bits in integers.
      if (llvm::StringRef(folder).contains("BFLOAT16"))
        continue;
      std::string verdict = run(folder);
      passed += verdict.empty();
      refused += llvm::StringRef(verdict).starts_with("refused");
      EXPECT_FALSE(llvm::StringRef(verdict).starts_with("wrong")) << folder << "\n" << verdict;
    }
  }
  RecordProperty("passed", passed);
  RecordProperty("refused", refused);
  // What is imported today stays imported.
  EXPECT_GE(passed, 300) << refused << " refused";
  llvm::outs() << passed << " passed, " << refused << " refused\n";
}

} // namespace
