// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The official ONNX backend tests: folders with a model.onnx and data sets of inputs and outputs.
//
// Example: for (const OfficialTest &test : findOfficialTests("/usr/share/libonnx-testdata/data"))
//            if (llvm::Expected<TestData> data = loadTestData(test, context)) ...   // {"x": tensor<3x4xf32>}, ...
#ifndef PARTITA_TEST_CONFORMANCE_OFFICIALTEST_H
#define PARTITA_TEST_CONFORMANCE_OFFICIALTEST_H

#include "OnnxSchema.h"
#include "partita/interpreter/Run.h"

#include <set>

namespace partita::conformance {

struct OfficialTest {
  std::string name;   // "test_abs"
  std::string folder; // ".../node/test_abs"

  std::string getModelPath() const { return folder + "/model.onnx"; }
};

/// All tests below `root`, in the order of their names.
std::vector<OfficialTest> findOfficialTests(llvm::StringRef root);

/// Whole tensors by name; `outputs` as the model lists them.
struct DataSet {
  interpreter::NamedTensors inputs, outputs;
};

/// The parsed model.
llvm::Expected<onnx::Model> loadModelFile(const OfficialTest &test);

/// Operators of the model's graph and of graphs inside it, with their domain where that is not the default one.
std::set<std::string> listOperators(const onnx::Model &model);

/// Every test_data_set_N. An error where a value is no tensor, or its type has no numbers of fixed width.
llvm::Expected<std::vector<DataSet>> loadDataSets(const OfficialTest &test, const onnx::Model &model,
                                                  mlir::MLIRContext &context);

} // namespace partita::conformance

#endif
