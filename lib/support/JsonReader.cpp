// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonReader.cpp - Typed access that records mistakes -----------------------===//
#include "JsonState.h"

#include "partita/support/Error.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace partita;

namespace {
std::string describeFound(const JsonValue &value) {
  switch (value.kind()) {
  case JsonKind::Array:
    return "an array of " + std::to_string(value.elements().size());
  case JsonKind::Object:
    return "an object";
  case JsonKind::String:
    return quoteForMessage(*value.getString());
  default:
    return value.compactStr();
  }
}

std::string describeRange(int64_t least, int64_t most) {
  bool hasLeast = least != std::numeric_limits<int64_t>::min();
  bool hasMost = most != std::numeric_limits<int64_t>::max();
  if (hasLeast && hasMost)
    return "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  if (hasLeast)
    return "an integer of at least " + std::to_string(least);
  if (hasMost)
    return "an integer of at most " + std::to_string(most);
  return "an integer";
}

std::string describeRange(double least, double most) {
  bool hasLeast = least != std::numeric_limits<double>::lowest();
  bool hasMost = most != std::numeric_limits<double>::max();
  std::string low = JsonValue(least).compactStr(), high = JsonValue(most).compactStr();
  if (hasLeast && hasMost)
    return "a number from " + low + " to " + high;
  if (hasLeast)
    return "a number of at least " + low;
  if (hasMost)
    return "a number of at most " + high;
  return "a number";
}

/// One step of a JSON pointer (RFC 6901).
std::string stepInto(const std::string &path, llvm::StringRef name) {
  std::string step = path + "/";
  for (char c : name)
    step += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return step;
}
} // namespace

bool JsonReader::isNumber() const {
  return value && (value->kind() == JsonKind::Integer || value->kind() == JsonKind::Double);
}

void JsonReader::fail(const llvm::Twine &message) const { state->addMistake(path, message); }

void JsonReader::failExpected(const llvm::Twine &expected) const {
  // The absence of a required field was recorded when it was asked for.
  if (value)
    fail("expected " + expected + ", got " + describeFound(*value));
}

JsonReader JsonReader::optionalField(llvm::StringRef name) const {
  JsonReader absent(state, nullptr, stepInto(path, name));
  if (!value)
    return absent;
  if (!isObject()) {
    failExpected("an object");
    return absent;
  }
  state->visit(value, path).asked.insert(name.str());
  absent.value = value->find(name);
  return absent;
}

JsonReader JsonReader::field(llvm::StringRef name) const {
  JsonReader found = optionalField(name);
  if (!found.exists() && isObject()) {
    fail("the field " + quoteForMessage(name) + " is missing");
    state->visit(value, path).missesField = true;
  }
  return found;
}

std::vector<JsonReader> JsonReader::elements(size_t least, size_t most) const {
  std::vector<JsonReader> readers;
  if (!value)
    return readers;
  size_t count = value->elements().size();
  if (!isArray()) {
    failExpected("an array");
  } else if (count < least || count > most) {
    std::string range = least == most ? "of " + std::to_string(least)
                        : most == std::numeric_limits<size_t>::max()
                            ? "of at least " + std::to_string(least)
                            : "of " + std::to_string(least) + " to " + std::to_string(most);
    failExpected("an array " + range);
  } else {
    for (size_t i = 0; i < count; ++i)
      readers.push_back(JsonReader(state, &value->elements()[i], path + "/" + std::to_string(i)));
  }
  return readers;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::members() const {
  std::vector<std::pair<std::string, JsonReader>> readers;
  if (!value)
    return readers;
  if (!isObject()) {
    failExpected("an object");
    return readers;
  }
  allowUnknownFields();
  for (const JsonMember &member : value->members())
    readers.emplace_back(member.name, JsonReader(state, &member.value, stepInto(path, member.name)));
  return readers;
}

bool JsonReader::asBoolean() const {
  std::optional<bool> found = value ? value->getBoolean() : std::nullopt;
  if (!found)
    failExpected("true or false");
  return found.value_or(false);
}

std::optional<int64_t> JsonReader::checkedInteger(const JsonValue &from, int64_t least, int64_t most) const {
  std::optional<int64_t> found = from.getInteger();
  if (found && *found >= least && *found <= most)
    return found;
  fail("expected " + describeRange(least, most) + ", got " + describeFound(from));
  return std::nullopt;
}

int64_t JsonReader::asInteger(int64_t least, int64_t most) const {
  std::optional<int64_t> found = value ? checkedInteger(*value, least, most) : std::nullopt;
  return found.value_or(least <= 0 && most >= 0 ? 0 : least);
}

uint64_t JsonReader::asUnsigned() const {
  std::optional<uint64_t> found = value ? value->getUnsigned() : std::nullopt;
  if (!found)
    failExpected("an integer of at least 0");
  return found.value_or(0);
}

double JsonReader::asDouble(double least, double most) const {
  std::optional<double> found = value ? value->getDouble() : std::nullopt;
  if (found && std::isfinite(*found) && *found >= least && *found <= most)
    return *found;
  failExpected(describeRange(least, most));
  return least <= 0 && most >= 0 ? 0 : least;
}

std::string JsonReader::asString(size_t mostBytes) const {
  const std::string *found = value ? value->getString() : nullptr;
  if (found && found->size() <= mostBytes)
    return *found;
  failExpected(found ? "a string of at most " + std::to_string(mostBytes) + " bytes" : std::string("a string"));
  return "";
}

size_t JsonReader::asChoice(llvm::ArrayRef<llvm::StringRef> choices) const {
  const std::string *found = value ? value->getString() : nullptr;
  for (size_t i = 0; found && i < choices.size(); ++i)
    if (*found == choices[i])
      return i;
  std::string list;
  for (llvm::StringRef choice : choices)
    list += (list.empty() ? "" : ", ") + quoteForMessage(choice);
  failExpected("one of " + list);
  return 0;
}

std::vector<int64_t> JsonReader::asIntegers(int64_t least, int64_t most) const {
  std::vector<int64_t> integers;
  if (value && !isArray())
    failExpected("an array of integers");
  if (!isArray())
    return integers;
  integers.reserve(value->elements().size());
  for (const JsonValue &element : value->elements()) {
    std::optional<int64_t> integer = checkedInteger(element, least, most);
    if (!integer)
      break;
    integers.push_back(*integer);
  }
  return integers;
}

std::vector<std::string> JsonReader::asStrings() const {
  std::vector<std::string> strings;
  for (const JsonReader &element : elements())
    strings.push_back(element.asString());
  return strings;
}

void JsonReader::checkSchema(llvm::StringRef name, unsigned major) const {
  JsonReader schema = field("schema");
  if (!schema.exists())
    return;
  std::string wanted = (name + "/" + llvm::Twine(major)).str();
  const std::string *found = schema.get()->getString();
  if (found && *found == wanted)
    return;
  llvm::StringRef rest = found ? llvm::StringRef(*found) : llvm::StringRef();
  unsigned other = 0;
  if (rest.consume_front(name) && rest.consume_front("/") && !rest.getAsInteger(10, other))
    schema.fail("this version reads " + quoteForMessage(wanted) + ", the file is " + quoteForMessage(*found));
  else
    schema.failExpected(quoteForMessage(wanted));
}

void JsonReader::allowUnknownFields() const {
  if (isObject())
    state->visit(value, path).allowsUnknown = true;
}
