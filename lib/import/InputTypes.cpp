// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- InputTypes.cpp - Types of a model's inputs ------------------------------===//
#include "InputTypes.h"

#include "CheckLog.h"
#include "SizeMath.h"
#include "WireScan.h"
#include "partita/support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

static constexpr int64_t largestExtent = int64_t(1) << 40;

llvm::Expected<DimBinding> partita::import::parseDimBinding(llvm::StringRef text) {
  auto [target, range] = text.rsplit('=');
  DimBinding binding{target.trim().str(), 0, 0};
  auto [low, high] = range.trim().split("..");
  bool isRange = range.contains("..");
  bool isValid = !binding.target.empty() && llvm::to_integer(low, binding.minimum, 10) &&
                 (isRange ? llvm::to_integer(high, binding.maximum, 10) : true);
  if (!isRange)
    binding.maximum = binding.minimum;
  // A dim may be empty, but no range begins so.
  if (!isValid || binding.minimum < (isRange ? 1 : 0) || binding.maximum < binding.minimum ||
      binding.maximum > largestExtent)
    return makeError("E-DIM-SYNTAX",
                     "'" + text +
                         "' is not NAME=N, NAME=LOW..HIGH or INPUT[axis]=... with extents from 1 to 2^40 (or =0)");
  return binding;
}

namespace {

/// The dims that bindings can name, and what they are bound to.
class DimTable {
public:
  DimTable(ImportSession &session, const ImportOptions &options) : session(session), options(options) {}

  /// Learns the names of an input's dims: symbolic ones by name, all by place.
  void addInput(const onnx::ValueInfo &input);
  /// Matches bindings to dims; reports those that name none, contradict the file or each other.
  void bind();
  /// nullopt: not bound; reported once for each name.
  std::optional<DimSize> getSize(const onnx::ValueInfo &input, int axis);

private:
  static std::string place(const onnx::ValueInfo &input, int axis) {
    return input.name() + "[" + std::to_string(axis) + "]";
  }
  /// The name under which a dim is bound: its own, or its place.
  static std::string key(const onnx::ValueInfo &input, int axis) {
    const onnx::Shape::Dim &dim = input.type().tensor_type().shape().dim(axis);
    return dim.dim_param().empty() ? place(input, axis) : dim.dim_param();
  }

  ImportSession &session;
  const ImportOptions &options;
  /// Takes a binding of what is a number in the file: of a dim by its place, or of the batch that every input begins
  /// with. False where it is none; reported where it cannot be.
  bool bindFixed(const DimBinding &binding);
  void changeBatch(const std::string &place, int64_t from, const DimBinding &binding);

  std::map<std::string, std::string> keyOfPlace;
  std::map<std::string, int64_t> fixed; // places with a number in the file
  std::set<std::string> keys, unbound;
  std::map<std::string, DimBinding> bound;
};

void DimTable::addInput(const onnx::ValueInfo &input) {
  const onnx::Shape &shape = input.type().tensor_type().shape();
  for (int axis = 0; axis < shape.dim_size(); ++axis) {
    // Old exporters write 0 or -1 for an extent that is not known.
    if (shape.dim(axis).dim_value() > 0) {
      fixed[place(input, axis)] = shape.dim(axis).dim_value();
      continue;
    }
    keyOfPlace[place(input, axis)] = key(input, axis);
    keys.insert(key(input, axis));
  }
}

void DimTable::changeBatch(const std::string &place, int64_t from, const DimBinding &binding) {
  std::optional<FixedBatch> &batch = session.getFixedBatch();
  if (binding.minimum == from && binding.maximum == from)
    return;
  size_t bracket = place.rfind('[');
  FixedBatch asked{{{place.substr(0, bracket), std::stoll(place.substr(bracket + 1))}}, from, binding.minimum};
  Location location = session.getLocation("");
  if (binding.minimum != binding.maximum || binding.minimum == 0)
    session.report(location, "E-DIM-NAME",
                   "'" + place + "' is " + llvm::Twine(from) +
                       " in the file: it can become another number, but not a range");
  else if (batch && (batch->from != asked.from || batch->to != asked.to))
    session.report(location, "E-DIM-NAME",
                   "'" + place + "' is " + llvm::Twine(from) +
                       " in the file; only dims of one batch can be changed, all " + llvm::Twine(batch->from) + " to " +
                       llvm::Twine(batch->to));
  else if (batch && batch->dims.insert(*asked.dims.begin()).first->second != asked.dims.begin()->second)
    session.report(location, "E-DIM-NAME", "input '" + asked.dims.begin()->first + "' has only one dim of the batch");
  else if (!batch)
    batch = asked;
}

bool DimTable::bindFixed(const DimBinding &binding) {
  if (auto number = fixed.find(binding.target); number != fixed.end()) {
    changeBatch(number->first, number->second, binding);
    return true;
  }
  std::map<std::string, int64_t> leading;
  std::set<int64_t> extents;
  for (const auto &[place, extent] : fixed)
    if (llvm::StringRef(place).ends_with("[0]")) {
      leading[place] = extent;
      extents.insert(extent);
    }
  if (binding.target != "batch" || leading.empty())
    return false;
  if (extents.size() > 1) {
    std::vector<std::string> places;
    for (const auto &[place, extent] : leading)
      places.push_back(place + " = " + std::to_string(extent));
    session.report(session.getLocation(""), "E-DIM-NAME",
                   "the inputs begin with different numbers (" + llvm::join(places, ", ") +
                       "): say which are the batch with --dim INPUT[0]=" + llvm::Twine(binding.minimum));
    return true;
  }
  for (const auto &[place, extent] : leading)
    changeBatch(place, extent, binding);
  return true;
}

void DimTable::bind() {
  Location location = session.getLocation("");
  for (const DimBinding &binding : options.dims) {
    auto found = keyOfPlace.find(binding.target);
    std::string target = found != keyOfPlace.end() ? found->second : binding.target;
    if (!keys.count(target) && bindFixed(binding))
      continue;
    if (!keys.count(target)) {
      std::string known = keys.empty() ? "none" : llvm::join(keys, ", ");
      session.report(location, "E-DIM-NAME",
                     "no input has a dimension '" + binding.target + "'; symbolic dimensions: " + known);
      continue;
    }
    auto [entry, isNew] = bound.emplace(target, binding);
    if (!isNew && (entry->second.minimum != binding.minimum || entry->second.maximum != binding.maximum))
      session.report(location, "E-DIM-NAME", "dimension '" + target + "' is bound twice, to different extents");
  }
}

std::optional<DimSize> DimTable::getSize(const onnx::ValueInfo &input, int axis) {
  const onnx::Shape::Dim &dim = input.type().tensor_type().shape().dim(axis);
  if (dim.dim_value() > 0)
    return DimSize(dim.dim_value());
  std::string name = key(input, axis);
  auto found = bound.find(name);
  if (found == bound.end()) {
    if (unbound.insert(name).second)
      session.report(session.getLocation(input.name()), "E-DIM-UNBOUND",
                     "dimension " + llvm::Twine(axis) + " of input '" + input.name() + "' has no extent; add --dim " +
                         name + "=N or --dim " + name + "=LOW..HIGH");
    if (!session.getLog())
      return std::nullopt;
    std::vector<std::string> &assumed = session.getLog()->assumedDims;
    if (!llvm::is_contained(assumed, name))
      assumed.push_back(name);
    session.getDeclaredTypes().bind(name, DimSize(1));
    return DimSize(1);
  }
  const DimBinding &binding = found->second;
  DimSize size(binding.minimum);
  if (binding.minimum != binding.maximum)
    size = DimSize::symbol(SymbolAttr::get(session.getContext(), name, binding.minimum, binding.maximum));
  session.getDeclaredTypes().bind(name, size);
  return size;
}

} // namespace

/// Whether the input is a tensor that the dialect has a type for; reported.
static bool checkInput(ImportSession &session, const onnx::ValueInfo &input) {
  auto fail = [&](llvm::StringRef code, const llvm::Twine &message) {
    session.report(session.getLocation(""), code, "input '" + llvm::json::fixUTF8(input.name()) + "' " + message);
    return false;
  };
  bool areTexts = llvm::json::isUTF8(input.name());
  for (const onnx::Shape::Dim &dim : input.type().tensor_type().shape().dim())
    areTexts &= llvm::json::isUTF8(dim.dim_param());
  if (!areTexts || input.name().empty())
    return fail("E-BAD-FILE", "has no name, or one that is not UTF-8");
  if (session.find(input.name()))
    return fail("E-BAD-FILE", "is listed twice");
  if (!input.type().has_tensor_type())
    return fail("E-IMPORT-OP", "is not a tensor");
  if (!session.getElementType(input.type().tensor_type().elem_type()))
    return fail("E-IMPORT-OP", "has element type " + llvm::Twine(input.type().tensor_type().elem_type()) +
                                   " of ONNX, which is not supported");
  if (!input.type().tensor_type().has_shape())
    return fail("E-IMPORT-SHAPE", "has no shape in the file: not even its number of dimensions is known");
  return true;
}

/// The input as an argument; poisoned where it has no usable type, which is reported.
static ImportedValue defineInput(ImportSession &session, const onnx::ValueInfo &input, DimTable &dims) {
  ImportedValue value;
  value.isPoisoned = true;
  if (!checkInput(session, input))
    return value;
  const onnx::Type::TensorOf &declared = input.type().tensor_type();
  std::vector<DimSize> sizes;
  for (int axis = 0; axis < declared.shape().dim_size(); ++axis)
    if (std::optional<DimSize> size = dims.getSize(input, axis))
      sizes.push_back(*size);
  if (static_cast<int>(sizes.size()) != declared.shape().dim_size())
    return value;
  RankedTensorType type = getTensorType(sizes, session.getElementType(declared.elem_type()));
  std::optional<int64_t> elements = llvm::all_of(sizes, isInRange) ? getBoundElements(type) : std::nullopt;
  if (!elements || *elements > largestSize) {
    session.report(session.getLocation(input.name()), "E-IMPORT-SHAPE",
                   "input '" + input.name() + "' of shape " + toText(sizes) + " has too many elements");
    return value;
  }
  value.isPoisoned = false;
  value.value = session.getParameters().addInput(input.name(), type, session.getLocation(input.name()));
  return value;
}

/// Whether the file allows the value for its input.
static bool fits(ImportSession &session, const onnx::ValueInfo &input, const interpreter::Tensor &value) {
  const onnx::Type::TensorOf &declared = input.type().tensor_type();
  if (!input.type().has_tensor_type() || session.getElementType(declared.elem_type()) != value.getElementType())
    return false;
  if (!declared.has_shape())
    return true;
  if (declared.shape().dim_size() != value.getRank())
    return false;
  for (int axis = 0; axis < declared.shape().dim_size(); ++axis)
    if (int64_t extent = declared.shape().dim(axis).dim_value(); extent > 0 && extent != value.getShape()[axis])
      return false;
  return true;
}

/// Defines the inputs that the user fixed as constants; adds their names to `given`.
static void defineFixedInputs(ImportSession &session, const onnx::Graph &graph, const ImportOptions &options,
                              std::set<std::string> &given) {
  for (const InputValue &fixed : options.values) {
    auto fail = [&](const llvm::Twine &message) {
      session.report(session.getLocation(""), "E-INPUT-VALUE", "'" + fixed.name + "' " + message);
    };
    auto input =
        llvm::find_if(graph.input(), [&](const onnx::ValueInfo &candidate) { return candidate.name() == fixed.name; });
    bool isFound = input != graph.input().end();
    if (!isFound || !given.insert(fixed.name).second) {
      fail(isFound ? "has a value already" : "is not an input of the model");
    } else if (!fits(session, *input, fixed.value)) {
      fail("cannot be a " + interpreter::describe(fixed.value) + ": the model says otherwise");
    } else if (fixed.value.getNumBytes() > static_cast<int64_t>(inlineByteLimit)) {
      fail("is too large for a constant: " + llvm::Twine(fixed.value.getNumBytes()) + " bytes, at most " +
           llvm::Twine(inlineByteLimit));
    } else {
      ImportedValue value;
      auto type = RankedTensorType::get(fixed.value.getShape(), fixed.value.getElementType());
      value.value = session.makeConstant(session.getLocation(fixed.name), fixed.value.toElements(type), fixed.name);
      session.define(fixed.name, value);
    }
  }
}

void partita::import::defineInputs(ImportSession &session, const onnx::Graph &graph, const ImportOptions &options) {
  std::set<std::string> given;
  for (const onnx::Tensor &tensor : graph.initializer())
    given.insert(tensor.name());
  defineFixedInputs(session, graph, options, given);
  DimTable dims(session, options);
  for (const onnx::ValueInfo &input : graph.input())
    if (!given.count(input.name()))
      dims.addInput(input);
  dims.bind();
  for (const onnx::ValueInfo &input : graph.input()) {
    if (given.count(input.name()))
      continue;
    ImportedValue value = defineInput(session, input, dims);
    if (!session.find(input.name()))
      session.define(input.name(), value);
  }
}
