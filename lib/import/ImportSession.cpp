// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ImportSession.cpp - The state of one import -----------------------------===//
#include "ImportSession.h"

#include "CheckLog.h"
#include "PackedIntegers.h"
#include "SizeMath.h"
#include "WireScan.h"
#include "partita/dialects/graph/Graph.h"
#include "partita/interpreter/Tensor.h"
#include "partita/support/Error.h"

#include "llvm/Support/FileSystem.h"

using namespace mlir;
using namespace partita;
using namespace partita::import;

bool Known::isStatic() const {
  return llvm::all_of(elements, [](const DimSize &size) { return size.isStatic(); });
}

Known Known::vector(std::vector<DimSize> elements, Type element) {
  int64_t count = static_cast<int64_t>(elements.size());
  return {{count}, std::move(elements), element};
}

Known Known::scalar(DimSize value, Type element) { return {{}, {std::move(value)}, element}; }

ImportSession::ImportSession(const ModelFile &file, Block &body)
    : file(file), builder(OpBuilder::atBlockEnd(&body)), parameters(body), declaredTypes(file.getModel().graph()) {
  openScope(/*isFunction=*/true, file.getOpset());
}

llvm::Expected<const ModelFile *> ImportSession::openBody(const std::string &path) {
  std::unique_ptr<ModelFile> &known = bodyFiles[path];
  if (!known) {
    llvm::Expected<ModelFile> opened = ModelFile::open(path);
    if (!opened)
      return opened.takeError();
    known = std::make_unique<ModelFile>(std::move(*opened));
  }
  return known.get();
}

const OpRule *ImportSession::findRule(const onnx::Node &node) const {
  if (!options || inBody)
    return nullptr;
  std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
  for (const OpRule &rule : options->rules)
    if (rule.domain == domain && rule.op == node.op_type())
      return &rule;
  return nullptr;
}

Location ImportSession::getLocation(llvm::StringRef name) {
  Location path = FileLineColLoc::get(getContext(), file.getPath(), 0, 0);
  return name.empty() ? path : NameLoc::get(builder.getStringAttr(name), path);
}

void ImportSession::report(Location location, PartitaError error) {
  ++problems;
  if (log) {
    ImportProblem problem{error.code, error.message, "", "", "", std::move(error.notes)};
    if (const CheckedNode *node = log->getCurrent())
      std::tie(problem.node, problem.type, problem.domain) = std::tie(node->name, node->type, node->domain);
    return log->addProblem(std::move(problem));
  }
  InFlightDiagnostic diagnostic = emitError(location) << error.str();
  for (const std::string &note : error.notes)
    diagnostic.attachNote() << note;
}

void ImportSession::report(Location location, llvm::StringRef code, const llvm::Twine &message) {
  report(location, PartitaError{code.str(), message.str(), {}});
}

void ImportSession::report(Location location, llvm::Error error, llvm::StringRef prefix) {
  PartitaError parts = takeError(std::move(error));
  parts.message = (prefix + parts.message).str();
  report(location, std::move(parts));
}

ImportedValue ImportSession::makeUnknown(const std::string &tensor) {
  ImportedValue unknown;
  unknown.isPoisoned = true;
  auto declared = log ? declaredTypes.find(tensor) : std::nullopt;
  if (!declared || !llvm::all_of(declared->first, isInRange))
    return unknown;
  Type element = getElementType(declared->second);
  if (!element)
    return unknown;
  unknown.isPoisoned = false;
  unknown.value = parameters.addInput(tensor, getTensorType(declared->first, element), getLocation(tensor));
  return unknown;
}

ImportSession::Scope *ImportSession::findScope(const std::string &tensor) {
  for (size_t depth = scopes.size(); depth-- > 0;) {
    if (scopes[depth].values.count(tensor))
      return &scopes[depth];
    if (scopes[depth].isFunction)
      break;
  }
  return nullptr;
}

ImportedValue *ImportSession::find(llvm::StringRef tensor) {
  Scope *scope = findScope(tensor.str());
  return scope ? &scope->values[tensor.str()] : nullptr;
}

ImportedValue *ImportSession::findHere(llvm::StringRef tensor) {
  auto found = scopes.back().values.find(tensor.str());
  return found == scopes.back().values.end() ? nullptr : &found->second;
}

const std::vector<const onnx::Node *> &ImportSession::getConsumers(const std::string &tensor) {
  Scope *scope = findScope(tensor);
  return (scope ? *scope : scopes.back()).consumers[tensor];
}

bool ImportSession::countNestedNode() {
  constexpr uint64_t mostNodes = uint64_t(1) << 17;
  if (++nestedNodes == mostNodes)
    report(getLocation(""), "E-IMPORT-OP",
           "functions and loops, written out, are more than " + llvm::Twine(mostNodes) + " nodes");
  return nestedNodes < mostNodes;
}

std::string ImportSession::nameArgument(const onnx::Tensor &tensor, llvm::StringRef wanted) {
  auto [known, isNew] = argumentNames.try_emplace(&tensor);
  if (!isNew)
    return known->second;
  std::string name = wanted.str();
  ImportedValue *outermost = scopes.front().values.count(name) ? &scopes.front().values[name] : nullptr;
  bool isHidden = outermost && outermost->tensor != &tensor;
  for (int copy = 2; isHidden || !namedArguments.emplace(name, &tensor).second; ++copy) {
    name = (wanted + "_" + llvm::Twine(copy)).str();
    isHidden = scopes.front().values.count(name) != 0;
  }
  return known->second = name;
}

std::string ImportSession::claimName(llvm::StringRef wanted) {
  std::string name = wanted.str();
  if (names.insert(name).second)
    return name;
  int &copy = nextCopies.try_emplace(name, 2).first->second;
  do
    name = (wanted + "_" + llvm::Twine(copy++)).str();
  while (!names.insert(name).second);
  return name;
}

void ImportSession::releaseName(llvm::StringRef name) {
  names.erase(name.str());
  auto [wanted, number] = name.rsplit('_');
  int copy = 0;
  if (auto next = nextCopies.find(wanted.str()); next != nextCopies.end() && !number.getAsInteger(10, copy))
    next->second = std::clamp(copy, 2, next->second);
}

Type ImportSession::getElementType(int32_t element) {
  auto integer = [&](unsigned bits, bool isSigned) -> Type {
    return IntegerType::get(getContext(), bits, isSigned ? IntegerType::Signed : IntegerType::Unsigned);
  };
  switch (element) {
  case onnx::F64:
    return builder.getF64Type();
  case onnx::F32:
    return builder.getF32Type();
  case onnx::F16:
    return builder.getF16Type();
  case onnx::BF16:
    return builder.getBF16Type();
  case onnx::F8E4M3FN:
    return Float8E4M3FNType::get(getContext());
  case onnx::F8E4M3FNUZ:
    return Float8E4M3FNUZType::get(getContext());
  case onnx::F8E5M2:
    return Float8E5M2Type::get(getContext());
  case onnx::F8E5M2FNUZ:
    return Float8E5M2FNUZType::get(getContext());
  case onnx::SI4:
  case onnx::UI4:
    return integer(4, element == onnx::SI4);
  case onnx::BOOLEAN:
    return builder.getI1Type();
  case onnx::SI8:
  case onnx::UI8:
    return integer(8, element == onnx::SI8);
  case onnx::SI16:
  case onnx::UI16:
    return integer(16, element == onnx::SI16);
  case onnx::SI32:
  case onnx::UI32:
    return integer(32, element == onnx::SI32);
  case onnx::SI64:
  case onnx::UI64:
    return integer(64, element == onnx::SI64);
  default:
    return Type();
  }
}

Value ImportSession::makeConstant(Location location, ElementsAttr value, llvm::StringRef wantedName) {
  auto type = RankedTensorType::get(value.getShapedType().getShape(), value.getElementType());
  return graph::ConstantOp::create(builder, location, type, claimName(wantedName), value);
}

Value ImportSession::makeKnown(const Known &known, llvm::StringRef name, Location location) {
  if (!known.isStatic()) {
    report(location, "E-IMPORT-SHAPE",
           "'" + name + "' depends on a symbolic dimension and is used as data: " + toText(known.elements));
    return Value();
  }
  auto type = RankedTensorType::get(known.shape, known.element);
  if (isa<FloatType>(known.element)) {
    std::vector<double> numbers;
    for (const DimSize &size : known.elements)
      numbers.push_back(static_cast<double>(size.constant));
    return makeConstant(location,
                        interpreter::Tensor::fromDoubles(known.element, known.shape, numbers).toElements(type), name);
  }
  SmallVector<APInt> elements;
  for (const DimSize &size : known.elements)
    elements.emplace_back(known.element.getIntOrFloatBitWidth(), static_cast<uint64_t>(size.constant),
                          /*isSigned=*/false, /*implicitTrunc=*/true);
  return makeConstant(location, DenseIntElementsAttr::get(type, elements), name);
}

/// Two 4-bit integers to a byte, the first in the low half, become a byte each.
static std::string unpackBytes(const std::string &packed, RankedTensorType type) {
  bool isSigned = type.getElementType().isSignedInteger();
  std::string bytes;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    unsigned nibble = static_cast<uint8_t>(packed[static_cast<size_t>(i / 2)]) >> (i % 2 * 4) & 15;
    bytes.push_back(static_cast<char>(isSigned && nibble > 7 ? nibble | 0xf0 : nibble));
  }
  return bytes;
}

Value ImportSession::makeInline(const Payload &payload, RankedTensorType type, llvm::StringRef name,
                                Location location) {
  bool isPacked = type.getElementType().isInteger() && type.getElementTypeBitWidth() == 4;
  auto bytes = std::make_shared<std::string>(isPacked ? unpackBytes(payload.inlineBytes, type) : payload.inlineBytes);
  interpreter::Tensor tensor(type.getElementType(), type.getShape(), reinterpret_cast<const uint8_t *>(bytes->data()),
                             bytes);
  DenseElementsAttr value = tensor.toElements(type);
  if (payload.bytes > inlineByteLimit && !value.isSplat()) {
    report(location, "E-IMPORT-OP",
           "tensor '" + name + "' stores " + llvm::Twine(payload.bytes) +
               " bytes as numbers of variable width; write it as raw_data, so that it can be mapped");
    return Value();
  }
  return makeConstant(location, value, name);
}

Value ImportSession::makeParameter(const onnx::Tensor &tensor, const Payload &payload, RankedTensorType type,
                                   llvm::StringRef name, llvm::StringRef role, Location location) {
  llvm::SmallString<128> path(payload.path);
  // The module may be used from another folder. Where this one has no path any more, the name stays as it was given.
  if (!path.empty() && llvm::sys::fs::make_absolute(path))
    path = payload.path;
  Builder &attributes = builder;
  auto source = SourceAttr::get(getContext(), path.str(), static_cast<int64_t>(payload.offset),
                                static_cast<int64_t>(payload.bytes), attributes.getDenseI64ArrayAttr(type.getShape()),
                                attributes.getDenseI64ArrayAttr(SmallVector<int64_t>(type.getRank(), 0)));
  return parameters.addParameter(nameArgument(tensor, name), role, type.getElementType(), source, location);
}

Value ImportSession::makeTensor(const ImportedValue &value, llvm::StringRef name, Location location) {
  const onnx::Tensor &tensor = *value.tensor;
  Type element = getElementType(tensor.data_type());
  llvm::Expected<Payload> payload = locatePayload(getFile(), tensor);
  if (!payload || !element) {
    if (!payload)
      report(location, payload.takeError());
    else
      report(location, "E-IMPORT-OP",
             "tensor '" + name + "' has element type " + llvm::Twine(tensor.data_type()) +
                 " of ONNX, which is not supported");
    return Value();
  }
  auto type = RankedTensorType::get(SmallVector<int64_t>(tensor.dims().begin(), tensor.dims().end()), element);
  bool isWeight = value.isInitializer && isa<FloatType>(element) && type.getRank() > 0;
  bool hasPlace = payload->place == Payload::Missing || !payload->path.empty();
  if (payload->place == Payload::Inline && (!isWeight || !hasPlace))
    return makeInline(*payload, type, name, location);
  if (isa<IntegerType>(element) && element.getIntOrFloatBitWidth() == 4) {
    Type byte = IntegerType::get(getContext(), 8, IntegerType::Unsigned);
    auto packed = RankedTensorType::get({static_cast<int64_t>(payload->bytes)}, byte);
    return unpackNibbles(*this, makeParameter(tensor, *payload, packed, name, kRoleConstant, location), type, name);
  }
  if (payload->bytes == 0)
    return makeConstant(location, DenseElementsAttr::get(type, ArrayRef<Attribute>()), name);
  return makeParameter(tensor, *payload, type, name, isWeight ? kRoleParameter : kRoleConstant, location);
}

Value ImportSession::materialize(ImportedValue &value, llvm::StringRef name, Location location) {
  if (value.isPoisoned || value.value || (!value.tensor && !value.known))
    return value.isPoisoned ? Value() : value.value;
  value.value = value.tensor ? makeTensor(value, name, location) : makeKnown(*value.known, name, location);
  value.isPoisoned = !value.value; // reported once
  return value.value;
}

Value ImportSession::getValue(llvm::StringRef tensor, Location location) {
  ImportedValue *found = find(tensor);
  return found ? materialize(*found, tensor, location) : Value();
}

/// Element `index` of little-endian integers.
static int64_t readInteger(const std::string &bytes, uint64_t index, IntegerType type) {
  unsigned width = type.getWidth() == 1 ? 1 : type.getWidth() / 8;
  uint64_t word = 0;
  memcpy(&word, bytes.data() + index * width, width);
  unsigned unused = 64 - 8 * width;
  return type.isSigned() ? static_cast<int64_t>(word << unused) >> unused : static_cast<int64_t>(word);
}

/// The elements of a small integer constant of the module; null for anything else.
static std::shared_ptr<const Known> readConstant(Value value) {
  auto constant = value.getDefiningOp<graph::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  auto type = elements ? dyn_cast<IntegerType>(elements.getElementType()) : IntegerType();
  if (!type || elements.getNumElements() > static_cast<int64_t>(mostKnownElements))
    return nullptr;
  auto known = std::make_shared<Known>();
  known->shape = elements.getType().getShape().vec();
  known->element = type;
  for (const APInt &number : elements.getValues<APInt>()) {
    bool isNegative = type.isSigned() && number.isNegative();
    known->elements.emplace_back(isNegative ? number.getSExtValue() : static_cast<int64_t>(number.getZExtValue()));
  }
  return known;
}

std::vector<std::string> ImportSession::findSourceInputs(const std::string &tensor) {
  const onnx::Graph &graph = file.getModel().graph();
  std::map<std::string, const onnx::Node *> producers;
  for (const onnx::Node &node : graph.node())
    for (const std::string &output : node.output())
      producers[output] = &node;
  std::set<std::string> reached = {tensor};
  std::vector<std::string> pending = {tensor};
  while (!pending.empty()) {
    auto producer = producers.find(pending.back());
    pending.pop_back();
    if (producer == producers.end())
      continue;
    for (const std::string &input : producer->second->input())
      if (reached.insert(input).second)
        pending.push_back(input);
  }
  std::vector<std::string> inputs;
  std::map<std::string, ImportedValue> &values = scopes.front().values;
  for (const onnx::ValueInfo &input : graph.input()) {
    if (!reached.count(input.name()) || !values.count(input.name()) || values[input.name()].tensor)
      continue;
    auto type = values[input.name()].value ? dyn_cast<RankedTensorType>(values[input.name()].value.getType())
                                           : RankedTensorType();
    if (!type || !type.hasStaticShape() || getBoundBytes(type) > static_cast<int64_t>(inlineByteLimit))
      return {};
    if (isa<BlockArgument>(values[input.name()].value))
      inputs.push_back(input.name());
  }
  return inputs;
}

const Known *ImportSession::getKnown(llvm::StringRef name) {
  ImportedValue *found = find(name);
  if (!found || found->isPoisoned)
    return nullptr;
  if (found->known || !found->tensor) {
    if (!found->known && found->value)
      found->known = readConstant(found->value);
    return found->known.get();
  }
  auto type = dyn_cast_or_null<IntegerType>(getElementType(found->tensor->data_type()));
  std::optional<uint64_t> count = countElements(found->tensor->dims());
  if (!type || type.getWidth() == 4 || !count || *count > mostKnownElements)
    return nullptr;
  llvm::Expected<Payload> payload = locatePayload(getFile(), *found->tensor);
  llvm::Expected<std::string> bytes = payload ? readPayload(*payload, inlineByteLimit) : payload.takeError();
  if (!bytes) {
    // Materialising it reports the reason.
    llvm::consumeError(bytes.takeError());
    return nullptr;
  }
  Known known{{found->tensor->dims().begin(), found->tensor->dims().end()}, {}, type};
  for (uint64_t i = 0; i < *count; ++i)
    known.elements.emplace_back(readInteger(*bytes, i, type));
  found->known = std::make_shared<Known>(std::move(known));
  return found->known.get();
}

/// The elements of a float tensor of the file; nullopt where they are not there or not floats.
static std::optional<interpreter::Tensor> readFloats(const ModelFile &file, const onnx::Tensor &tensor, Type element) {
  std::optional<uint64_t> count = countElements(tensor.dims());
  if (!count || *count > mostKnownElements || !element || !isa<FloatType>(element))
    return std::nullopt;
  llvm::Expected<Payload> payload = locatePayload(file, tensor);
  llvm::Expected<std::string> bytes = payload ? readPayload(*payload, inlineByteLimit) : payload.takeError();
  if (!bytes) {
    llvm::consumeError(bytes.takeError());
    return std::nullopt;
  }
  auto owner = std::make_shared<std::string>(std::move(*bytes));
  return interpreter::Tensor(element, {static_cast<int64_t>(*count)}, reinterpret_cast<const uint8_t *>(owner->data()),
                             owner);
}

std::optional<std::vector<double>> ImportSession::getNumbers(llvm::StringRef name) {
  if (const Known *known = getKnown(name)) {
    std::vector<double> numbers;
    for (const DimSize &size : known->elements)
      numbers.push_back(static_cast<double>(size.constant));
    return known->isStatic() ? std::optional(numbers) : std::nullopt;
  }
  ImportedValue *found = find(name);
  if (!found || found->isPoisoned)
    return std::nullopt;
  if (found->tensor) {
    std::optional<interpreter::Tensor> tensor =
        readFloats(getFile(), *found->tensor, getElementType(found->tensor->data_type()));
    return tensor ? std::optional(tensor->toDoubles()) : std::nullopt;
  }
  auto constant = found->value ? found->value.getDefiningOp<graph::ConstantOp>() : graph::ConstantOp();
  if (!constant || constant.getType().getNumElements() > int64_t(mostKnownElements))
    return std::nullopt;
  llvm::Expected<interpreter::Tensor> tensor = interpreter::Tensor::fromElements(constant.getValue());
  if (tensor)
    return tensor->toDoubles();
  llvm::consumeError(tensor.takeError());
  return std::nullopt;
}

std::optional<double> ImportSession::getScalar(llvm::StringRef name) {
  ImportedValue *found = find(name);
  if (!found || found->isPoisoned)
    return std::nullopt;
  if (found->value) {
    DenseElementsAttr value;
    auto constant = found->value.getDefiningOp<graph::ConstantOp>();
    if (constant)
      value = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!value || !value.isSplat() || !isa<FloatType>(value.getElementType()))
      return std::nullopt;
    return value.getSplatValue<APFloat>().convertToDouble();
  }
  if (!found->tensor || countElements(found->tensor->dims()) != 1u)
    return std::nullopt;
  std::optional<interpreter::Tensor> tensor =
      readFloats(getFile(), *found->tensor, getElementType(found->tensor->data_type()));
  return tensor ? std::optional(tensor->toDoubles().front()) : std::nullopt;
}
