// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- NodeContext.h - One node being imported ---------------------------------===//
//
// What a conversion of a node may use: its inputs, its attributes with their types checked, helpers that build ops of
// the graph dialect, and its results. A helper that fails has reported the problem and returns null; every helper takes
// null and returns null, so that a conversion is a chain of calls. Example, the whole of Relu:
//
//   void importRelu(NodeContext &node) {
//     node.setResult(0, node.elementwise(graph::ElementwiseKind::relu, {node.input(0)}));
//   }
//
// Ops are named NODE/part; the op that makes a result gets the node's own name when the node is finished.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_NODECONTEXT_H
#define PARTITA_LIB_IMPORT_NODECONTEXT_H

#include "ImportSession.h"
#include "SizeMath.h"
#include "partita/dialects/graph/Graph.h"

#include <set>

namespace partita::import {

using Sizes = std::vector<DimSize>;

class NodeContext {
public:
  /// `name` is unique among nodes.
  NodeContext(ImportSession &session, const onnx::Node &node, std::string name);

  ImportSession &getSession() { return session; }
  const onnx::Node &getNode() const { return node; }
  int64_t getOpset() const { return session.getOpset(); }
  const std::string &getName() const { return name; }
  mlir::Location getLocation() const { return location; }

  //===-- Problems --===//
  void fail(llvm::StringRef code, const llvm::Twine &message);
  void failOp(const llvm::Twine &message) { fail("E-IMPORT-OP", message); }
  void failShape(const llvm::Twine &message) { fail("E-IMPORT-SHAPE", message); }
  /// Input `index` must be known while importing (`what`: "a list of integers") and is not: says what to fix.
  void failNeedsValue(int index, const llvm::Twine &what);
  bool hasFailed() const { return failed; }
  /// Leaves the node out: what it depends on has been reported.
  void skip() { failed = true; }

  //===-- Inputs --===//
  int countInputs() const { return node.input_size(); }
  bool hasInput(int index) const { return index < node.input_size() && !node.input(index).empty(); }
  std::string getInputName(int index) const { return hasInput(index) ? node.input(index) : ""; }
  /// The value of an input that must be there.
  mlir::Value input(int index);
  /// The known elements of an input, or nullptr.
  const Known *known(int index);
  /// The extents that an integer input lists; reported where they depend on data.
  std::optional<Sizes> sizes(int index);
  /// As sizes, but numbers.
  std::optional<llvm::SmallVector<int64_t>> integers(int index);
  /// A float input with one element that the file gives.
  std::optional<double> scalar(int index);
  /// The numbers that an input lists; reported where they are not known.
  std::optional<std::vector<double>> numbers(int index);

  //===-- Attributes (a mistyped one is reported; the default is returned) --===//
  bool hasAttribute(llvm::StringRef name);
  int64_t getInteger(llvm::StringRef name, int64_t defaultValue);
  double getFloat(llvm::StringRef name, double defaultValue);
  std::string getText(llvm::StringRef name, llvm::StringRef defaultValue);
  llvm::SmallVector<int64_t> getIntegers(llvm::StringRef name, llvm::ArrayRef<int64_t> defaultValue = {});
  /// A list of numbers; empty where it is missing.
  std::vector<double> getFloats(llvm::StringRef name);
  std::vector<std::string> getTexts(llvm::StringRef name);
  /// A body; reported where it is missing.
  const onnx::Graph *getGraph(llvm::StringRef name);
  const onnx::Attribute *getAttribute(llvm::StringRef name);
  /// Attributes without influence on the result of inference.
  void ignore(std::initializer_list<llvm::StringRef> names);
  /// Reports attributes that no conversion has asked for: their meaning would be lost.
  void checkAttributesUsed();

  /// `axis` counted from the end where negative, in [0, rank); reported where outside.
  std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank);

  //===-- Building --===//
  mlir::RankedTensorType makeType(const Sizes &sizes, mlir::Type element);
  Sizes sizesOf(mlir::Value value);
  /// Registers a new op: folds it where all operands are constants and the result is small.
  mlir::Value finish(mlir::Operation *op);
  std::string partName(llvm::StringRef part);
  mlir::Value constant(double value, mlir::Type element);
  mlir::Value elementwise(graph::ElementwiseKind kind, llvm::ArrayRef<mlir::Value> operands, llvm::StringRef part = "");
  /// The function on operands of one shape and a number.
  mlir::Value withNumber(graph::ElementwiseKind kind, mlir::Value value, double number, llvm::StringRef part = "");
  mlir::Value cast(mlir::Value value, mlir::Type element, llvm::StringRef part = "");
  /// As cast; numbers beyond the largest 8-bit float become that one instead of an infinity or NaN.
  mlir::Value castSaturating(mlir::Value value, mlir::Type element);
  mlir::Value reshape(mlir::Value value, const Sizes &sizes, llvm::StringRef part = "reshape");
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation, llvm::StringRef part = "transpose");
  mlir::Value slice(mlir::Value value, llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> strides,
                    const Sizes &sizes, llvm::StringRef part = "slice");
  /// Zeros (or false) before and behind each dim.
  mlir::Value pad(mlir::Value value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high,
                  llvm::StringRef part = "pad");
  mlir::Value broadcast(mlir::Value value, const Sizes &sizes, llvm::StringRef part = "broadcast");
  mlir::Value reduce(graph::ReduceKind kind, mlir::Value value, llvm::ArrayRef<int64_t> dims, bool keepDims,
                     llvm::StringRef part = "reduce");
  mlir::Value gather(mlir::Value table, mlir::Value indices, int64_t axis, llvm::StringRef part = "gather");
  mlir::Value iota(const DimSize &count, mlir::Type element, llvm::StringRef part = "iota");
  /// Operands of one rank, one after the other along `dim`.
  mlir::Value concat(llvm::ArrayRef<mlir::Value> values, int64_t dim, llvm::StringRef part = "concat");
  mlir::Value contract(mlir::Value lhs, mlir::Value rhs, const std::string &spec, llvm::StringRef part = "matmul");
  /// Dim i of the value becomes dim `dims[i]` of a tensor of `sizes`, whose other dims repeat.
  mlir::Value spread(mlir::Value value, const Sizes &sizes, llvm::ArrayRef<int64_t> dims,
                     llvm::StringRef part = "broadcast");
  /// `sizes[dim]` elements from `start` on.
  mlir::Value cut(mlir::Value value, int64_t dim, int64_t start, const DimSize &size, int64_t stride = 1,
                  llvm::StringRef part = "slice");
  /// `low` and `high` elements of `fill` (a scalar; null: zero) at the ends of each dim; negative counts cut.
  mlir::Value padOrCut(mlir::Value value, llvm::ArrayRef<int64_t> low, llvm::ArrayRef<int64_t> high,
                       mlir::Value fill = {});
  mlir::Value gatherAlong(mlir::Value value, mlir::Value indices, int64_t axis, llvm::ArrayRef<int64_t> dims,
                          llvm::StringRef part = "gather");
  /// `input` may be null; `extent` is the result's along the axis.
  mlir::Value scatterAlong(graph::ScatterKind kind, mlir::Value indices, mlir::Value updates, mlir::Value input,
                           int64_t axis, llvm::ArrayRef<int64_t> dims, const DimSize &extent,
                           llvm::StringRef part = "scatter");
  /// Places of the `count` largest or smallest elements along `dim`.
  mlir::Value topK(mlir::Value value, int64_t dim, const DimSize &count, bool largest, llvm::StringRef part = "order");
  mlir::Value cumulative(graph::ReduceKind kind, mlir::Value value, int64_t dim, bool exclusive, bool reverse,
                         llvm::StringRef part = "cumulative");
  /// A list of integers as a value; at most 128 of them.
  mlir::Value list(llvm::ArrayRef<int64_t> numbers, mlir::Type element, llvm::StringRef part = "list");
  /// The signed 64-bit integer type, in which indices are computed.
  mlir::Type indexType();
  mlir::Type elementOf(mlir::Value value);
  /// The shape that operands of these shapes have together (ONNX's multidirectional broadcasting).
  std::optional<Sizes> broadcastSizes(llvm::ArrayRef<Sizes> shapes);

  //===-- Results --===//
  int countResults() const { return node.output_size(); }
  bool hasResult(int index) const { return index < node.output_size() && !node.output(index).empty(); }
  void setResult(int index, mlir::Value value);
  void setKnown(int index, Known known);
  /// What another body computed, as it is.
  void setImported(int index, const ImportedValue &value);
  /// Names the ops that make the results, and poisons the results that a failed conversion left out.
  void finishResults();

private:
  ImportSession &session;
  const onnx::Node &node;
  std::string name;
  mlir::Location location;
  bool failed = false;
  std::set<std::string> usedAttributes;
  std::vector<mlir::Value> results;
  std::set<mlir::Operation *> created;
};

/// What the op's verifier says against it; empty where it is right.
std::string findMistake(mlir::Operation *op);

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_NODECONTEXT_H
