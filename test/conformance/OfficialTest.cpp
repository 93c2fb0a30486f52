// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OfficialTest.h"
#include "partita/support/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace partita;
using namespace partita::conformance;
using interpreter::Tensor;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

std::vector<OfficialTest> conformance::findOfficialTests(llvm::StringRef root) {
  std::map<std::string, OfficialTest> tests;
  for (const char *part : {"node", "simple", "pytorch-converted", "pytorch-operator"}) {
    std::error_code code;
    for (llvm::sys::fs::directory_iterator entry(root + "/" + part, code), end; entry != end && !code;
         entry.increment(code)) {
      std::string name = llvm::sys::path::filename(entry->path()).str();
      tests[name] = {name, entry->path()};
    }
  }
  std::vector<OfficialTest> sorted;
  for (auto &[name, test] : tests)
    sorted.push_back(test);
  return sorted;
}

llvm::Expected<onnx::Model> conformance::loadModelFile(const OfficialTest &test) {
  llvm::Expected<std::string> bytes = readFileText(test.getModelPath());
  if (!bytes)
    return bytes.takeError();
  onnx::Model model;
  if (!model.ParseFromString(*bytes))
    return fail("the model cannot be parsed");
  return model;
}

static void collectOperators(const google::protobuf::RepeatedPtrField<onnx::Node> &nodes,
                             std::set<std::string> &operators) {
  for (const onnx::Node &node : nodes) {
    bool isStandard = node.domain().empty() || node.domain() == "ai.onnx";
    operators.insert((isStandard ? "" : node.domain() + ".") + node.op_type());
    for (const onnx::Attribute &attribute : node.attribute())
      if (attribute.has_g())
        collectOperators(attribute.g().node(), operators);
  }
}

std::set<std::string> conformance::listOperators(const onnx::Model &model) {
  std::set<std::string> operators;
  collectOperators(model.graph().node(), operators);
  return operators;
}

/// The element type of this number in the format; null for text and complex numbers.
static Type getElement(MLIRContext &context, int32_t element) {
  auto integer = [&](unsigned bits, bool isSigned) -> Type {
    return IntegerType::get(&context, bits, isSigned ? IntegerType::Signed : IntegerType::Unsigned);
  };
  switch (element) {
  case onnx::F32:
    return Float32Type::get(&context);
  case onnx::F64:
    return Float64Type::get(&context);
  case onnx::F16:
    return Float16Type::get(&context);
  case onnx::BF16:
    return BFloat16Type::get(&context);
  case onnx::F8E4M3FN:
    return Float8E4M3FNType::get(&context);
  case onnx::F8E4M3FNUZ:
    return Float8E4M3FNUZType::get(&context);
  case onnx::F8E5M2:
    return Float8E5M2Type::get(&context);
  case onnx::F8E5M2FNUZ:
    return Float8E5M2FNUZType::get(&context);
  case onnx::BOOLEAN:
    return IntegerType::get(&context, 1);
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

/// The elements as dense little-endian bytes.
static std::string readBytes(const onnx::Tensor &tensor, int64_t elementBytes) {
  if (tensor.has_raw_data())
    return tensor.raw_data();
  std::string bytes;
  auto append = [&](const auto &list) {
    for (auto value : list)
      bytes.append(reinterpret_cast<const char *>(&value), std::min<size_t>(elementBytes, sizeof(value)));
  };
  append(tensor.float_data());
  append(tensor.double_data());
  append(tensor.int32_data());
  append(tensor.int64_data());
  append(tensor.uint64_data());
  return bytes;
}

/// A value that the model says is a `declared`. The tests of bf16 store its bits as 16-bit integers.
static llvm::Expected<Tensor> readValue(const std::string &path, const onnx::ValueInfo &declared,
                                        MLIRContext &context) {
  llvm::Expected<std::string> file = readFileText(path);
  if (!file)
    return file.takeError();
  onnx::Tensor tensor;
  if (!declared.type().has_tensor_type() || !tensor.ParseFromString(*file))
    return fail(declared.name() + " is not a tensor");
  Type stored = getElement(context, tensor.data_type());
  Type element = getElement(context, declared.type().tensor_type().elem_type());
  if (!stored || !element || stored.getIntOrFloatBitWidth() != element.getIntOrFloatBitWidth())
    return fail(declared.name() + " is not a tensor of numbers");
  llvm::SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  Tensor value(element, shape);
  std::string bytes = readBytes(tensor, value.getElementBytes());
  if (static_cast<int64_t>(bytes.size()) != value.getNumBytes())
    return fail(declared.name() + " has " + llvm::Twine(bytes.size()) + " bytes, expected " +
                llvm::Twine(value.getNumBytes()));
  std::copy(bytes.begin(), bytes.end(), value.getMutableBytes());
  return value;
}

static llvm::Error readValues(const std::string &prefix,
                              const google::protobuf::RepeatedPtrField<onnx::ValueInfo> &declared, MLIRContext &context,
                              interpreter::NamedTensors &values) {
  for (int i = 0; i < declared.size(); ++i) {
    std::string path = prefix + std::to_string(i) + ".pb";
    // Inputs that initializers give need no file.
    if (!llvm::sys::fs::exists(path))
      continue;
    llvm::Expected<Tensor> value = readValue(path, declared[i], context);
    if (!value)
      return value.takeError();
    values[declared[i].name()] = *value;
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<DataSet>> conformance::loadDataSets(const OfficialTest &test, const onnx::Model &model,
                                                               MLIRContext &context) {
  std::vector<DataSet> sets;
  for (int index = 0;; ++index) {
    std::string folder = test.folder + "/test_data_set_" + std::to_string(index);
    if (!llvm::sys::fs::exists(folder))
      break;
    DataSet set;
    if (llvm::Error error = readValues(folder + "/input_", model.graph().input(), context, set.inputs))
      return error;
    if (llvm::Error error = readValues(folder + "/output_", model.graph().output(), context, set.outputs))
      return error;
    sets.push_back(set);
  }
  if (sets.empty())
    return fail("no data");
  return sets;
}
