// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ModelWriter.h - Builds an ONNX model node by node -----------------------===//
//
// A thin layer over the schema's classes: nodes return the name of their result, weights are recorded with how
// to fill them and filled (or not) when the file is written. Example:
//
//   ModelWriter writer("mlp");
//   std::string x = writer.addInput("x", onnx::F32, {ZooDim::sized(8), ZooDim::sized(32)});
//   std::string w = writer.addWeight("layers.0.weight", {64, 32}, Fill::spread(32));
//   writer.addOutput(writer.addNode("Gemm", "layers.0", {x, w}, {{"transB", 1}}), onnx::F32, {...});
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_MODELWRITER_H
#define PARTITA_LIB_IMPORT_ZOO_MODELWRITER_H

#include "OnnxSchema.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace partita::import {

/// A dimension of an input or output: a number, or a name that `--dim` binds.
struct ZooDim {
  int64_t size = 0;
  std::string name; // empty: a number

  static ZooDim sized(int64_t size) { return {size, ""}; }
  bool isSymbolic() const { return !name.empty(); }
};

/// How a weight is filled: mean + deviation * noise, the noise approximately standard normal.
struct Fill {
  double mean = 0, deviation = 0;

  /// A matrix or filter with `inputs` terms in each sum: results keep the scale of the operands.
  static Fill spread(int64_t inputs, double gain = 1.0);
  static Fill embedding() { return {0.0, 0.02}; }
  /// Neither all zero nor all one: a forgotten bias or gain must change the result.
  static Fill bias() { return {0.0, 0.02}; }
  static Fill gain() { return {1.0, 0.05}; }
};

struct Weight {
  std::string name;
  std::vector<int64_t> dims;
  Fill fill;

  uint64_t countElements() const;
};

struct NodeAttribute {
  std::string name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;

  NodeAttribute(std::string name, int value) : name(std::move(name)), value(int64_t(value)) {}
  NodeAttribute(std::string name, int64_t value) : name(std::move(name)), value(value) {}
  NodeAttribute(std::string name, float value) : name(std::move(name)), value(value) {}
  NodeAttribute(std::string name, const char *value) : name(std::move(name)), value(std::string(value)) {}
  NodeAttribute(std::string name, std::vector<int64_t> value) : name(std::move(name)), value(std::move(value)) {}
};

class ModelWriter {
public:
  explicit ModelWriter(const std::string &name);

  std::string addInput(const std::string &name, onnx::Element element, const std::vector<ZooDim> &dims);
  void addOutput(const std::string &name, onnx::Element element, const std::vector<ZooDim> &dims);
  /// Declares an f32 weight; returns its name.
  std::string addWeight(const std::string &name, std::vector<int64_t> dims, Fill fill);
  /// A short list of integers, as an initializer shared by all its users.
  std::string addIntegers(const std::vector<int64_t> &values) { return addIntegers(values, ""); }
  /// The same under a name of its own, for a list too long to be named by its values.
  std::string addIntegers(const std::vector<int64_t> &values, std::string name);
  std::string addInteger(int64_t value);
  /// A node with one result, named as the node. Types of other domains than ONNX's are written DOMAIN.TYPE.
  std::string addNode(const std::string &type, const std::string &name, const std::vector<std::string> &inputs,
                      const std::vector<NodeAttribute> &attributes = {});
  /// A node with `results` results, named NAME:0, NAME:1 ...
  std::vector<std::string> addNodes(const std::string &type, const std::string &name,
                                    const std::vector<std::string> &inputs, int results,
                                    const std::vector<NodeAttribute> &attributes = {});
  /// A Constant node with an f32 vector.
  std::string addFloats(const std::string &name, const std::vector<float> &values);

  onnx::Model &getModel() { return model; }
  const std::vector<Weight> &getWeights() const { return weights; }

private:
  onnx::Graph &graph() { return *model.mutable_graph(); }
  std::string useDomain(const std::string &domain);
  onnx::Node *startNode(const std::string &type, const std::string &name, const std::vector<std::string> &inputs,
                        const std::vector<NodeAttribute> &attributes);
  std::string addIntegerTensor(const std::string &name, const std::vector<int64_t> &values, bool isScalar);

  onnx::Model model;
  std::vector<Weight> weights;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_MODELWRITER_H
