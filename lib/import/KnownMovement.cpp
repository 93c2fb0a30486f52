// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- KnownMovement.cpp - Shapes that are moved about -------------------------===//
//
// Operators that only move elements are computed on lists of symbolic extents by their ordinary conversion: each extent
// is replaced by a number that stands for it, the conversion folds to a constant, and the numbers in it are replaced
// back. Example: Transpose of [[batch, 1], [2, seq]] moves the codes [[c, c+1], [c+2, c+3]].
//
//===----------------------------------------------------------------------===//
#include "OpTable.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

/// Larger than any number that such an operator could bring in by itself.
static constexpr int64_t firstCode = int64_t(1) << 60;

/// The inputs whose elements are moved; nullopt for other operators. Concat moves all.
static std::optional<std::vector<int>> findMovedInputs(const onnx::Node &text) {
  static const std::map<std::string, std::vector<int>> moved = {
      {"Compress", {0}},     {"Expand", {0}},    {"Flatten", {0}}, {"Gather", {0}},     {"GatherElements", {0}},
      {"GatherND", {0}},     {"Pad", {0, 2}},    {"Reshape", {0}}, {"Scatter", {0, 2}}, {"ScatterElements", {0, 2}},
      {"ScatterND", {0, 2}}, {"Slice", {0}},     {"Split", {0}},   {"Squeeze", {0}},    {"Tile", {0}},
      {"Transpose", {0}},    {"Unsqueeze", {0}}, {"Where", {1, 2}}};
  if (text.op_type() == "Concat") {
    std::vector<int> all;
    for (int i = 0; i < text.input_size(); ++i)
      all.push_back(i);
    return all;
  }
  // What computes with the elements it moves is left alone.
  for (const onnx::Attribute &attribute : text.attribute())
    if (attribute.name() == "reduction" && attribute.s() != "none")
      return std::nullopt;
  auto found = moved.find(text.op_type());
  return found == moved.end() ? std::nullopt : std::optional(found->second);
}

namespace {
/// Replaces tensors by their codes while a conversion runs.
class Coding {
public:
  Coding(NodeContext &node) : node(node), session(node.getSession()) {}
  ~Coding() {
    for (auto &[name, value] : saved)
      session.define(name, value);
  }

  /// False where the elements of an input are not known, or are no 64-bit integers.
  bool encode(int input) {
    const Known *known = node.known(input);
    std::string name = node.getInputName(input);
    if (!known || !known->element.isSignedInteger(64))
      return false;
    isSymbolic |= !known->isStatic();
    if (saved.count(name))
      return true;
    auto type = RankedTensorType::get(known->shape, known->element);
    SmallVector<APInt> codes;
    for (const DimSize &size : known->elements) {
      codes.emplace_back(64, static_cast<uint64_t>(firstCode) + meanings.size());
      meanings.push_back(size);
    }
    ImportedValue coded;
    coded.value =
        session.makeConstant(node.getLocation(), DenseIntElementsAttr::get(type, codes), node.partName("shape"));
    saved[name] = *session.find(name);
    session.define(name, coded);
    return true;
  }

  Known decode(Known known) const {
    for (DimSize &size : known.elements) {
      auto code = static_cast<uint64_t>(size.constant - firstCode);
      if (size.isStatic() && size.constant >= firstCode && code < meanings.size())
        size = meanings[code];
    }
    return known;
  }

  bool isSymbolic = false;

private:
  NodeContext &node;
  ImportSession &session;
  std::map<std::string, ImportedValue> saved;
  std::vector<DimSize> meanings;
};
} // namespace

bool partita::import::foldKnownMovement(NodeContext &node) {
  const onnx::Node &text = node.getNode();
  std::optional<std::vector<int>> moved = findMovedInputs(text);
  auto conversion = getOpTable().find(text.op_type());
  if (!moved || conversion == getOpTable().end())
    return false;
  Coding coding(node);
  for (int input : *moved)
    if (node.hasInput(input) && !coding.encode(input))
      return false;
  if (!coding.isSymbolic)
    return false;
  conversion->second(node);
  for (int i = 0; i < node.countResults() && !node.hasFailed(); ++i)
    if (const Known *known = node.hasResult(i) ? node.getSession().getKnown(text.output(i)) : nullptr)
      node.setKnown(i, coding.decode(*known));
  return true;
}
