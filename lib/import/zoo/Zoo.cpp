// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Zoo.cpp - Writes a model of the zoo -------------------------------------===//
#include "partita/import/Zoo.h"

#include "ModelFile.h"
#include "TensorPayload.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "zoo/Catalog.h"
#include "zoo/SeededWeights.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

using namespace partita;
using namespace partita::import;

namespace {

constexpr uint64_t embeddedByteLimit = uint64_t(32) << 20;
/// Weights begin at cache lines, so that kernels can read them in place.
constexpr uint64_t weightAlignment = 64;
constexpr uint64_t elementsAtOnce = uint64_t(1) << 18;

/// Calls `take` with the weight's bytes, a few at a time and in order.
template <typename Take> void generateWeight(const Weight &weight, uint64_t seed, Take take) {
  NoiseSource noise(seed, weight.name);
  std::vector<float> values;
  uint64_t count = weight.countElements();
  for (uint64_t first = 0; first < count; first += elementsAtOnce) {
    values.resize(std::min(elementsAtOnce, count - first));
    noise.fill(weight.fill, first, values);
    take(llvm::StringRef(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)));
  }
}

void addProperty(google::protobuf::RepeatedPtrField<onnx::Property> &list, const char *key, const std::string &value) {
  onnx::Property &property = *list.Add();
  property.set_key(key);
  property.set_value(value);
}

/// One place in the file beside the model for each weight, in order.
uint64_t placeExternal(onnx::Tensor &tensor, const std::string &location, uint64_t offset, uint64_t bytes) {
  offset = llvm::alignTo(offset, weightAlignment);
  tensor.set_data_location(onnx::Tensor::EXTERNAL);
  addProperty(*tensor.mutable_external_data(), "location", location);
  addProperty(*tensor.mutable_external_data(), "offset", std::to_string(offset));
  addProperty(*tensor.mutable_external_data(), "length", std::to_string(bytes));
  return offset + bytes;
}

llvm::Error writeWeights(const std::vector<Weight> &weights, uint64_t seed, const std::string &path) {
  auto fail = [&](std::error_code code) {
    return makeError("E-BAD-FILE", "cannot write '" + path + "': " + code.message());
  };
  llvm::Expected<llvm::sys::fs::TempFile> file = llvm::sys::fs::TempFile::create(path + ".%%%%%%");
  if (!file)
    return fail(llvm::errorToErrorCode(file.takeError()));
  llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  uint64_t position = 0;
  for (const Weight &weight : weights) {
    uint64_t begin = llvm::alignTo(position, weightAlignment);
    stream.write_zeros(begin - position);
    generateWeight(weight, seed, [&](llvm::StringRef bytes) { stream << bytes; });
    position = begin + weight.countElements() * sizeof(float);
    if (stream.has_error())
      break;
  }
  stream.flush();
  if (std::error_code code = stream.error()) {
    stream.clear_error();
    llvm::consumeError(file->discard());
    return fail(code);
  }
  if (llvm::Error error = file->keep(path))
    return fail(llvm::errorToErrorCode(std::move(error)));
  return llvm::Error::success();
}

/// Adds the weights to the graph: their elements, their places in `location`, or shapes only.
void declareWeights(ModelWriter &writer, const ZooRequest &request, const std::string &location) {
  uint64_t position = 0;
  for (const Weight &weight : writer.getWeights()) {
    onnx::Tensor &tensor = *writer.getModel().mutable_graph()->add_initializer();
    tensor.set_name(weight.name);
    tensor.set_data_type(onnx::F32);
    for (int64_t dim : weight.dims)
      tensor.add_dims(dim);
    if (!request.seed) {
      // Marked as ours and, for other readers, as external data that does not exist.
      addProperty(*tensor.mutable_metadata_props(), weightsKey, "none");
      placeExternal(tensor, "weights-not-written", 0, 0);
    } else if (!location.empty()) {
      position = placeExternal(tensor, location, position, weight.countElements() * sizeof(float));
    } else {
      generateWeight(weight, *request.seed, [&](llvm::StringRef bytes) { tensor.mutable_raw_data()->append(bytes); });
    }
  }
}

/// Names of the running statistics of batch normalisation: state, not parameters.
std::set<std::string> collectRunningStatistics(const onnx::Graph &graph) {
  std::set<std::string> names;
  for (const onnx::Node &node : graph.node())
    if (node.op_type() == "BatchNormalization")
      for (int i = 3; i < node.input_size(); ++i)
        names.insert(node.input(i));
  return names;
}

bool isFloat(int32_t element) {
  switch (element) {
  case onnx::F32:
  case onnx::F64:
  case onnx::F16:
  case onnx::BF16:
  case onnx::F8E4M3FN:
  case onnx::F8E4M3FNUZ:
  case onnx::F8E5M2:
  case onnx::F8E5M2FNUZ:
  case onnx::F4E2M1:
    return true;
  default:
    return false;
  }
}

} // namespace

uint64_t partita::import::countModelParameters(const onnx::Model &model) {
  std::set<std::string> excluded = collectRunningStatistics(model.graph());
  uint64_t count = 0;
  for (const onnx::Tensor &tensor : model.graph().initializer())
    if (isFloat(tensor.data_type()) && tensor.dims_size() > 0 && !excluded.count(tensor.name()))
      count += countElements(tensor.dims()).value_or(0);
  return count;
}

llvm::Expected<ZooSummary> partita::import::writeZooModel(const ZooRequest &request, llvm::StringRef path) {
  llvm::Expected<ModelWriter> writer = buildZooModel(request);
  if (!writer)
    return writer.takeError();
  ZooSummary summary;
  for (const Weight &weight : writer->getWeights())
    summary.weightBytes += weight.countElements() * sizeof(float);
  std::string location;
  if (request.seed && summary.weightBytes > embeddedByteLimit) {
    summary.weightsPath = path.str() + ".data";
    location = llvm::sys::path::filename(summary.weightsPath).str();
    if (llvm::Error error = writeWeights(writer->getWeights(), *request.seed, summary.weightsPath))
      return error;
  }
  declareWeights(*writer, request, location);
  if (!request.seed)
    summary.weightBytes = 0;
  summary.parameters = countModelParameters(writer->getModel());
  std::string bytes;
  if (!writer->getModel().SerializeToString(&bytes))
    return makeError("E-ZOO-SIZE", "the model's graph is more than 2 GB");
  summary.modelBytes = bytes.size();
  if (llvm::Error error = writeFileAtomically(path, bytes))
    return error;
  return summary;
}

llvm::Expected<uint64_t> partita::import::countParameters(llvm::StringRef path) {
  llvm::Expected<ModelFile> file = ModelFile::open(path);
  if (!file)
    return file.takeError();
  return countModelParameters(file->getModel());
}
