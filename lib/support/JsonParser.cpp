// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonParser.cpp - Text to value, within limits -----------------------------===//
//
// nlohmann/json reads the text through its event interface, which reports instead of throwing; its own value
// type, whose accessors abort where exceptions are off, is never made.
//
//===----------------------------------------------------------------------===//
#include "JsonState.h"

#include "partita/support/Error.h"

#include "llvm/Support/JSON.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace partita;

namespace {
/// At most about `most` bytes of `text`, without cutting a character in two.
std::string shorten(llvm::StringRef text, size_t most) {
  if (text.size() <= most)
    return text.str();
  while (most > 0 && (text[most] & 0xc0) == 0x80)
    --most;
  return (text.take_front(most) + "...").str();
}

/// Builds the value bottom-up: one open container for each level, at most `limits.depth` of them.
class JsonBuilder : public nlohmann::json_sax<nlohmann::json> {
public:
  JsonBuilder(const JsonLimits &limits, JsonValue &root) : limits(limits), root(root) {}

  bool null() override { return add(JsonValue()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override { return add(value); }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return refuse("unexpected binary value"); }
  bool start_object(std::size_t) override { return open(JsonKind::Object); }
  bool start_array(std::size_t) override { return open(JsonKind::Array); }
  bool end_array() override { return close(JsonValue::makeArray(std::move(stack.back().elements))); }
  bool key(string_t &name) override {
    stack.back().names.push_back(std::move(name));
    return true;
  }
  bool end_object() override;
  bool parse_error(std::size_t position, const std::string &, const nlohmann::json::exception &error) override {
    mistakePosition = position > 0 ? position - 1 : 0; // it counts the byte that does not fit
    std::string text = error.what();
    // "[json.exception...] parse error at line 1, column 2: syntax error ...": the place is said our way.
    size_t place = text.find("column ");
    size_t colon = text.find(": ", place == std::string::npos ? 0 : place);
    return refuse(shorten(colon == std::string::npos ? text : text.substr(colon + 2), 200));
  }

  std::string mistake;
  std::optional<size_t> mistakePosition;

private:
  struct Level {
    JsonKind kind;
    std::vector<std::string> names; // of an object's members, one more than elements while a value is read
    std::vector<JsonValue> elements;
  };

  bool refuse(std::string message) {
    mistake = std::move(message);
    return false;
  }
  bool add(JsonValue value) {
    if (++valueCount > limits.values)
      return refuse("more than " + std::to_string(limits.values) + " values");
    if (stack.empty())
      root = std::move(value);
    else
      stack.back().elements.push_back(std::move(value));
    return true;
  }
  bool open(JsonKind kind) {
    if (stack.size() >= limits.depth)
      return refuse("nested deeper than " + std::to_string(limits.depth) + " levels");
    stack.push_back({kind, {}, {}});
    return true;
  }
  bool close(JsonValue value) {
    stack.pop_back();
    return add(std::move(value));
  }

  const JsonLimits &limits;
  JsonValue &root;
  std::vector<Level> stack;
  uint64_t valueCount = 0;
};

bool JsonBuilder::end_object() {
  Level &level = stack.back();
  std::vector<std::string> sorted = level.names;
  std::sort(sorted.begin(), sorted.end());
  auto repeated = std::adjacent_find(sorted.begin(), sorted.end());
  if (repeated != sorted.end())
    return refuse("the object that ends here has the field " + quoteForMessage(*repeated) + " twice");
  std::vector<JsonMember> members;
  members.reserve(level.names.size());
  for (size_t i = 0; i < level.names.size() && i < level.elements.size(); ++i)
    members.push_back({std::move(level.names[i]), std::move(level.elements[i])});
  return close(JsonValue::makeObjectOf(std::move(members)));
}

/// Line and column, counted in bytes from 1, of the byte at `offset`.
std::string describePlace(llvm::StringRef text, size_t offset) {
  llvm::StringRef before = text.take_front(offset);
  size_t lineEnd = before.rfind('\n');
  size_t column = lineEnd == llvm::StringRef::npos ? before.size() + 1 : before.size() - lineEnd;
  return "line " + std::to_string(before.count('\n') + 1) + ", column " + std::to_string(column);
}
} // namespace

std::string partita::quoteForMessage(llvm::StringRef text) { return JsonValue(shorten(text, 60)).compactStr(); }

llvm::Error partita::parseJsonText(llvm::StringRef text, llvm::StringRef fileName, const JsonLimits &limits,
                                   JsonValue &root) {
  if (text.size() > limits.textBytes)
    return makeError("E-BAD-FILE", fileName + ": " + llvm::Twine(text.size()) + " bytes of JSON, at most " +
                                       llvm::Twine(limits.textBytes) + " are read");
  size_t badByte = 0;
  if (!llvm::json::isUTF8(text, &badByte))
    return makeError("E-BAD-FILE", fileName + ": " + describePlace(text, badByte) +
                                       ": expected UTF-8 text, got a byte that is not part of a character");
  // The parser takes a zero byte for the end of the text and would not look at what follows.
  if (size_t zero = text.find('\0'); zero != llvm::StringRef::npos)
    return makeError("E-BAD-FILE", fileName + ": " + describePlace(text, zero) + ": got a zero byte");
  JsonBuilder builder(limits, root);
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder) && builder.mistake.empty())
    return llvm::Error::success();
  std::string place = builder.mistakePosition ? describePlace(text, *builder.mistakePosition) + ": " : "";
  return makeError("E-BAD-FILE",
                   fileName + ": " + place + (builder.mistake.empty() ? "not a JSON text" : builder.mistake));
}
