// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonValue.h - A JSON value and its stable text form ---------------------===//
//
// The value that files are written from and that the checked reader (Json.h) reads. No accessor can abort:
// a question asked of the wrong kind has an empty answer. Members keep the order in which they were set, so
// the same value is always the same bytes. Example:
//
//   JsonValue value = JsonValue::makeObject();
//   value.set("name", "h100").set("memory_bytes", 80'000'000'000).set("peaks", JsonValue::makeArray({1.5, 2.0}));
//   value.str();   // {
//                  //   "name": "h100",
//                  //   "memory_bytes": 80000000000,
//                  //   "peaks": [1.5, 2.0]
//                  // }
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_JSONVALUE_H
#define PARTITA_SUPPORT_JSONVALUE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace partita {

struct JsonMember;

/// What a JSON text can say. An integer is kept exactly (from -2^63 to 2^64-1); other numbers are doubles.
enum class JsonKind { Null, Boolean, Integer, Double, String, Array, Object };

/// "an integer", "a string" ...: how a kind is named in messages.
llvm::StringRef describeJsonKind(JsonKind kind);

class JsonValue {
public:
  JsonValue();
  JsonValue(std::nullptr_t) : JsonValue() {}
  JsonValue(bool value);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonValue(T value) : JsonValue(std::in_range<int64_t>(value), static_cast<uint64_t>(value)) {}
  JsonValue(double value);
  JsonValue(std::string value);
  JsonValue(llvm::StringRef value) : JsonValue(value.str()) {}
  JsonValue(const char *value) : JsonValue(std::string(value)) {}
  JsonValue(const JsonValue &);
  JsonValue(JsonValue &&) noexcept;
  JsonValue &operator=(const JsonValue &);
  JsonValue &operator=(JsonValue &&) noexcept;
  ~JsonValue();

  static JsonValue makeArray();
  static JsonValue makeArray(std::vector<JsonValue> elements);
  /// An array of one value for each element of `range`.
  template <typename Range> static JsonValue makeArrayOf(const Range &range);
  static JsonValue makeObject();
  /// An object of these members, whose names the caller knows to differ.
  static JsonValue makeObjectOf(std::vector<JsonMember> members);
  /// Adds an element at the end; a value that was not an array becomes an empty one first.
  JsonValue &append(JsonValue element);
  /// Sets a member, in place if it exists and else at the end; a value that was not an object becomes an
  /// empty one first. Takes time linear in the number of members: build objects of thousands with makeObjectOf.
  JsonValue &set(llvm::StringRef name, JsonValue value);

  JsonKind kind() const;
  std::optional<bool> getBoolean() const;
  /// The exact integer, also of a double without a fraction whose magnitude is at most 2^53 ("80e9").
  std::optional<int64_t> getInteger() const;
  std::optional<uint64_t> getUnsigned() const;
  /// Any number, rounded to the nearest double.
  std::optional<double> getDouble() const;
  /// Null unless this is a string.
  const std::string *getString() const;
  /// Empty unless this is an array or an object, respectively.
  llvm::ArrayRef<JsonValue> elements() const;
  llvm::ArrayRef<JsonMember> members() const;
  /// The member of an object, or null. Takes time linear in the number of members.
  const JsonValue *find(llvm::StringRef name) const;

  /// Multi-line text, two spaces a level, a newline at the end; an array or object that fits a line of 100
  /// columns stays on one line, except the outermost. Doubles are the shortest text that reads back to the
  /// same bits and always show a point or an exponent; those that JSON cannot say (infinity, not a number)
  /// are written as null; bytes that are no UTF-8 become U+FFFD.
  std::string str() const;
  /// The same on one line and without the newline at the end, for a file of one value a line.
  std::string compactStr() const;

  bool operator==(const JsonValue &other) const;

private:
  using Elements = std::vector<JsonValue>;
  using Members = std::vector<JsonMember>;
  // Copies of an array or object share it until one of them is changed.
  using Data = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, std::shared_ptr<Elements>,
                            std::shared_ptr<Members>>;
  // An integer that fits int64 is always held as int64, so that equal numbers compare equal.
  JsonValue(bool fitsSigned, uint64_t bits);

  Data data;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

template <typename Range> JsonValue JsonValue::makeArrayOf(const Range &range) {
  JsonValue array = makeArray();
  for (const auto &element : range)
    array.append(JsonValue(element));
  return array;
}

} // namespace partita

#endif // PARTITA_SUPPORT_JSONVALUE_H
