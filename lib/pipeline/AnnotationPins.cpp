// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Annotations to pins: first the mesh whose axes every sharding follows, then the loops that these axes cut.
#include "Annotations.h"
#include "mlir/IR/BuiltinTypes.h"
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/interfaces/Partita.h"
#include "partita/support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include <map>
#include <set>

using namespace mlir;

namespace partita {

namespace {

/// Extents of axes x and y; y is 1 for a mesh of one axis. Device d has coordinates d / y and d % y.
struct Grid {
  int64_t x = 1, y = 1;
};

/// "none", "x", "y", "x+y" or "y+x".
using DimAxes = std::vector<std::string>;

class PinWriter {
public:
  PinWriter(func::FuncOp function, const import::ModelAnnotations &annotations)
      : function(function), annotations(annotations) {
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      if (auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr))
        values[name.str()] = function.getArgument(index);
    for (Operation &op : function.getBody().front()) {
      opOfName[getModelName(&op).str()] = &op;
      if (auto location = dyn_cast<NameLoc>(op.getLoc()))
        opsOfNode[location.getName().str()].push_back(&op);
    }
    for (const import::NodeSharding &node : annotations.nodes)
      for (auto [index, output] : llvm::enumerate(node.outputs))
        if (Operation *op = findResult(node, index))
          values[output] = op->getResult(0);
  }

  llvm::Expected<AnnotationPins> run() {
    AnnotationPins answer;
    std::optional<Grid> grid = findGrid();
    if (!grid)
      return makeError("E-ANNOTATION", "no mesh of two axes over " + llvm::Twine(annotations.devices) +
                                           " devices has the shards that configuration '" + annotations.configuration +
                                           "' states");
    for (const import::NodeSharding &node : annotations.nodes)
      for (const import::TensorSharding &sharding : node.tensors)
        if (llvm::Error error = addSharding(node, sharding, *grid, answer))
          return error;
    for (const auto &[op, loops] : cuts) {
      if (llvm::Error error = checkAxes(op, loops))
        return error;
      std::vector<std::string> entries;
      for (const auto &[loop, axes] : loops)
        entries.push_back(loop + "=" + axes);
      answer.pins.push_back(escape(getModelName(op)) + ":" + llvm::join(entries, ","));
    }
    llvm::sort(answer.pins);
    answer.preset = "mesh:x=" + std::to_string(grid->x) + (grid->y > 1 ? ",y=" + std::to_string(grid->y) : "");
    return answer;
  }

private:
  /// The op that makes a result of a node.
  Operation *findResult(const import::NodeSharding &node, size_t index) {
    std::string name = node.outputs.size() > 1 ? node.node + "/" + std::to_string(index) : node.node;
    auto found = opOfName.find(name);
    return found == opOfName.end() ? nullptr : found->second;
  }

  static std::string escape(StringRef name) {
    std::string glob;
    for (char letter : name) {
      if (StringRef("*?[]{}\\").contains(letter))
        glob += '\\';
      glob += letter;
    }
    return glob;
  }

  /// An axis cuts one loop of an op.
  static llvm::Error checkAxes(Operation *op, const std::map<std::string, std::string> &loops) {
    std::map<std::string, std::string> loopOfAxis;
    for (const auto &[loop, text] : loops) {
      SmallVector<StringRef> axes;
      StringRef(text).split(axes, '+');
      for (StringRef axis : axes)
        if (auto [known, isNew] = loopOfAxis.emplace(axis.str(), loop); !isNew && axis != "none")
          return makeError("E-ANNOTATION", "'" + getModelName(op) + "' would be split along '" + known->second +
                                               "' and '" + loop + "' over the same devices");
    }
    return llvm::Error::success();
  }

  /// The axes by which each dim is cut, if the sharding is one of this grid.
  std::optional<std::vector<DimAxes>> findAxes(const import::TensorSharding &sharding, const Grid &grid) const {
    std::map<int64_t, int64_t> shardOf;
    for (auto [index, shard] : llvm::enumerate(sharding.shards))
      for (int64_t device : shard)
        shardOf[device] = static_cast<int64_t>(index);
    std::vector<DimAxes> axes;
    int64_t inner = 1;
    for (const import::TensorSharding::Dim &dim : sharding.dims)
      inner *= dim.shards;
    for (const import::TensorSharding::Dim &dim : sharding.dims) {
      inner /= dim.shards;
      std::optional<DimAxes> found = findAxesOfDim(shardOf, inner, dim.shards, grid);
      if (!found)
        return std::nullopt;
      axes.push_back(*found);
    }
    return static_cast<int64_t>(shardOf.size()) == annotations.devices ? std::optional(axes) : std::nullopt;
  }

  std::optional<DimAxes> findAxesOfDim(const std::map<int64_t, int64_t> &shardOf, int64_t inner, int64_t shards,
                                       const Grid &grid) const {
    const std::pair<DimAxes, int64_t> choices[] = {
        {{}, 1}, {{"x"}, grid.x}, {{"y"}, grid.y}, {{"x", "y"}, grid.x * grid.y}, {{"y", "x"}, grid.x * grid.y}};
    for (const auto &[axes, parts] : choices) {
      bool fits = parts == shards && (axes.empty() || parts > 1);
      for (const auto &[device, shard] : shardOf) {
        int64_t place = 0;
        for (const std::string &axis : axes)
          place = axis == "x" ? place * grid.x + device / grid.y : place * grid.y + device % grid.y;
        fits &= shard / inner % shards == place;
      }
      if (fits)
        return axes;
    }
    return std::nullopt;
  }

  std::optional<Grid> findGrid() const {
    for (int64_t y = 1; y <= annotations.devices; ++y) {
      Grid grid{annotations.devices / y, y};
      if (annotations.devices % y != 0 || (y > 1 && grid.x == 1))
        continue;
      bool fits = llvm::all_of(annotations.nodes, [&](const import::NodeSharding &node) {
        return llvm::all_of(
            node.tensors, [&](const import::TensorSharding &sharding) { return findAxes(sharding, grid).has_value(); });
      });
      if (fits)
        return grid;
    }
    return std::nullopt;
  }

  llvm::Error addSharding(const import::NodeSharding &node, const import::TensorSharding &sharding, const Grid &grid,
                          AnnotationPins &answer) {
    auto found = values.find(sharding.tensor);
    Value value = found == values.end() ? Value() : found->second;
    std::vector<DimAxes> axes = *findAxes(sharding, grid);
    bool isUsed = false;
    for (Operation *op : opsOfNode[node.node]) {
      auto split = value ? dyn_cast<SplitOpInterface>(op) : SplitOpInterface();
      if (!split)
        continue;
      LoopNest nest = split.getLoopNest();
      for (auto [operand, indexing] : llvm::zip(op->getOperands(), nest.operands))
        if (operand == value)
          if (llvm::Error error = addDims(op, nest, indexing, sharding, axes, isUsed))
            return error;
      for (auto [result, indexing] : llvm::zip(op->getResults(), nest.results))
        if (result == value)
          if (llvm::Error error = addDims(op, nest, indexing, sharding, axes, isUsed))
            return error;
    }
    if (!isUsed)
      answer.notes.push_back("the sharding of '" + sharding.tensor + "' at node '" + node.node +
                             "' was not used: the node became ops that do not have this tensor");
    return llvm::Error::success();
  }

  /// Loops of the annotated dims are cut as these, those of the tensor's other dims not at all.
  llvm::Error addDims(Operation *op, const LoopNest &nest, const ValueIndexing &indexing,
                      const import::TensorSharding &sharding, const std::vector<DimAxes> &axes, bool &isUsed) {
    isUsed = true;
    std::map<int64_t, DimAxes> ofDim;
    for (auto [dim, list] : llvm::zip(sharding.dims, axes))
      ofDim[dim.axis < 0 ? dim.axis + static_cast<int64_t>(indexing.size()) : dim.axis] = list;
    for (const auto &[axis, list] : ofDim)
      if (axis < 0 || axis >= static_cast<int64_t>(indexing.size()) || (indexing[axis].empty() && !list.empty()))
        return makeError("E-ANNOTATION", "'" + sharding.tensor + "' cannot be split along axis " + llvm::Twine(axis) +
                                             " at '" + getModelName(op) + "'");
    for (auto [dim, expression] : llvm::enumerate(indexing)) {
      // A dim that several loops walk is cut by the outermost that is more than one step long.
      std::string text = ofDim[dim].empty() ? "none" : llvm::join(ofDim[dim], "+");
      for (const DimTerm &term : expression) {
        const Loop &loop = nest.loops[term.loop];
        if ((loop.extent == 1 && !loop.symbolic) || (loop.kind == LoopKind::whole && text == "none"))
          continue;
        auto [cut, isNew] = cuts[op].emplace(loop.label, text);
        if (!isNew && cut->second != text)
          return makeError("E-ANNOTATION", "'" + getModelName(op) + "' would be split along '" + loop.label +
                                               "' both by " + cut->second + " and by " + text);
        text = "none";
      }
    }
    return llvm::Error::success();
  }

  func::FuncOp function;
  const import::ModelAnnotations &annotations;
  std::map<std::string, Value> values;
  std::map<std::string, Operation *> opOfName;
  std::map<std::string, std::vector<Operation *>> opsOfNode;
  llvm::DenseMap<Operation *, std::map<std::string, std::string>> cuts;
};

} // namespace

llvm::Expected<AnnotationPins> makePins(func::FuncOp function, const import::ModelAnnotations &annotations) {
  bool isAnnotated = llvm::any_of(annotations.nodes, [](const auto &node) { return !node.tensors.empty(); });
  if (!isAnnotated)
    return AnnotationPins();
  return PinWriter(function, annotations).run();
}

} // namespace partita
