// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonValue.cpp - A JSON value ---------------------------------------------===//
#include "partita/support/JsonValue.h"

#include <cmath>

using namespace partita;

namespace {
/// The array or object of `data` (an empty one if it was something else), shared with no other value.
template <typename Container, typename Data> Container &changeShared(Data &data) {
  auto *held = std::get_if<std::shared_ptr<Container>>(&data);
  if (!held)
    held = &data.template emplace<std::shared_ptr<Container>>(std::make_shared<Container>());
  else if (held->use_count() > 1)
    *held = std::make_shared<Container>(**held);
  return **held;
}
} // namespace

llvm::StringRef partita::describeJsonKind(JsonKind kind) {
  switch (kind) {
  case JsonKind::Null:
    return "null";
  case JsonKind::Boolean:
    return "a boolean";
  case JsonKind::Integer:
    return "an integer";
  case JsonKind::Double:
    return "a number";
  case JsonKind::String:
    return "a string";
  case JsonKind::Array:
    return "an array";
  case JsonKind::Object:
    return "an object";
  }
  return "a value";
}

JsonValue::JsonValue() = default;
JsonValue::JsonValue(bool value) : data(value) {}
JsonValue::JsonValue(double value) : data(value) {}
JsonValue::JsonValue(std::string value) : data(std::move(value)) {}
JsonValue::JsonValue(bool fitsSigned, uint64_t bits) {
  if (fitsSigned)
    data = static_cast<int64_t>(bits);
  else
    data = bits;
}
JsonValue::JsonValue(const JsonValue &) = default;
JsonValue::JsonValue(JsonValue &&) noexcept = default;
JsonValue &JsonValue::operator=(const JsonValue &) = default;
JsonValue &JsonValue::operator=(JsonValue &&) noexcept = default;
JsonValue::~JsonValue() = default;

JsonValue JsonValue::makeArray() { return makeArray(std::vector<JsonValue>()); }

JsonValue JsonValue::makeArray(std::vector<JsonValue> elements) {
  JsonValue value;
  value.data = std::make_shared<Elements>(std::move(elements));
  return value;
}

JsonValue JsonValue::makeObject() {
  JsonValue value;
  value.data = std::make_shared<Members>();
  return value;
}

JsonValue JsonValue::makeObjectOf(std::vector<JsonMember> members) {
  JsonValue value;
  value.data = std::make_shared<Members>(std::move(members));
  return value;
}

JsonValue &JsonValue::append(JsonValue element) {
  changeShared<Elements>(data).push_back(std::move(element));
  return *this;
}

JsonValue &JsonValue::set(llvm::StringRef name, JsonValue value) {
  Members &members = changeShared<Members>(data);
  for (JsonMember &member : members) {
    if (member.name == name) {
      member.value = std::move(value);
      return *this;
    }
  }
  members.push_back({name.str(), std::move(value)});
  return *this;
}

JsonKind JsonValue::kind() const {
  switch (data.index()) {
  case 0:
    return JsonKind::Null;
  case 1:
    return JsonKind::Boolean;
  case 2:
  case 3:
    return JsonKind::Integer;
  case 4:
    return JsonKind::Double;
  case 5:
    return JsonKind::String;
  case 6:
    return JsonKind::Array;
  default:
    return JsonKind::Object;
  }
}

std::optional<bool> JsonValue::getBoolean() const {
  if (const bool *value = std::get_if<bool>(&data))
    return *value;
  return std::nullopt;
}

std::optional<int64_t> JsonValue::getInteger() const {
  if (const int64_t *value = std::get_if<int64_t>(&data))
    return *value;
  // Beyond 2^53 a double without a fraction is not a statement about an integer any more.
  const double *real = std::get_if<double>(&data);
  if (real && std::abs(*real) <= 9007199254740992.0 && std::trunc(*real) == *real)
    return static_cast<int64_t>(*real);
  return std::nullopt;
}

std::optional<uint64_t> JsonValue::getUnsigned() const {
  if (const uint64_t *value = std::get_if<uint64_t>(&data))
    return *value;
  std::optional<int64_t> value = getInteger();
  if (value && *value >= 0)
    return static_cast<uint64_t>(*value);
  return std::nullopt;
}

std::optional<double> JsonValue::getDouble() const {
  if (const double *value = std::get_if<double>(&data))
    return *value;
  if (const int64_t *value = std::get_if<int64_t>(&data))
    return static_cast<double>(*value);
  if (const uint64_t *value = std::get_if<uint64_t>(&data))
    return static_cast<double>(*value);
  return std::nullopt;
}

const std::string *JsonValue::getString() const { return std::get_if<std::string>(&data); }

llvm::ArrayRef<JsonValue> JsonValue::elements() const {
  if (const auto *elements = std::get_if<std::shared_ptr<Elements>>(&data))
    return **elements;
  return {};
}

llvm::ArrayRef<JsonMember> JsonValue::members() const {
  if (const auto *members = std::get_if<std::shared_ptr<Members>>(&data))
    return **members;
  return {};
}

const JsonValue *JsonValue::find(llvm::StringRef name) const {
  for (const JsonMember &member : members())
    if (member.name == name)
      return &member.value;
  return nullptr;
}

// As deep as the value: at most JsonLimits::depth levels for one that was read.
// NOLINTNEXTLINE(misc-no-recursion)
bool JsonValue::operator==(const JsonValue &other) const {
  if (data.index() != other.data.index())
    return false;
  if (kind() != JsonKind::Array && kind() != JsonKind::Object)
    return data == other.data;
  llvm::ArrayRef<JsonMember> ours = members(), theirs = other.members();
  if (elements().size() != other.elements().size() || ours.size() != theirs.size())
    return false;
  for (size_t i = 0; i < elements().size(); ++i)
    if (elements()[i] != other.elements()[i])
      return false;
  for (size_t i = 0; i < ours.size(); ++i)
    if (ours[i].name != theirs[i].name || ours[i].value != theirs[i].value)
      return false;
  return true;
}
