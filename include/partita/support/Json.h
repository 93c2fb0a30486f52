// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Json.h - The one checked reader of JSON files ---------------------------===//
//
// Every JSON file that a user can hand to Partita is read through here, and no reading code can abort: the
// text is bounded in size, depth and number of values, must be UTF-8 and must not repeat a key; accessors
// that meet the wrong thing record a mistake and return a harmless default, so that reading code needs no
// checks in between and all mistakes of a file are reported at once by `finish`. Example:
//
//   llvm::Expected<JsonDocument> document = JsonDocument::readFile("cluster.json");
//   if (!document) return document.takeError();
//   JsonReader root = document->root();
//   root.checkSchema("partita.machine", 1);
//   std::string name = root.field("name").asString();
//   int64_t count = root.optionalField("count").asIntegerOr(1, 1, 4096);
//   for (JsonReader link : root.field("links").elements()) ...
//   if (llvm::Error error = document->finish()) return error;
//   // E-BAD-FILE: cluster.json: at /count: expected an integer from 1 to 4096, got "eight"
//   // note: cluster.json: at the top level: unknown field "conut"; did you mean "count"?
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_SUPPORT_JSON_H
#define PARTITA_SUPPORT_JSON_H

#include "partita/support/JsonValue.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <limits>
#include <memory>

namespace partita {

/// What a text may cost before it is refused. The defaults hold a plan of a very large model.
struct JsonLimits {
  uint64_t textBytes = uint64_t(256) << 20;
  uint64_t values = uint64_t(16) << 20;
  unsigned depth = 64;
};

struct JsonState;

/// A place in a document: the value there (or its absence) and its path. Cheap to copy; must not outlive
/// the document. Every mistake is recorded in the document with code `E-BAD-FILE`, the file, the path as a
/// JSON pointer (RFC 6901), what was expected and what was found.
class JsonReader {
public:
  /// Whether a value is there. An absent required field has already been recorded as a mistake: reading from
  /// it gives defaults and records nothing more.
  bool exists() const { return value != nullptr; }
  bool isNull() const { return value && value->kind() == JsonKind::Null; }
  bool isString() const { return value && value->kind() == JsonKind::String; }
  bool isNumber() const;
  bool isArray() const { return value && value->kind() == JsonKind::Array; }
  bool isObject() const { return value && value->kind() == JsonKind::Object; }
  /// The raw value, null if absent.
  const JsonValue *get() const { return value; }
  /// JSON pointer of this place; empty for the root.
  const std::string &pointer() const { return path; }

  /// The member `name` of an object; absence is a mistake.
  JsonReader field(llvm::StringRef name) const;
  /// The member `name` of an object, which may be absent. `null` is not absent.
  JsonReader optionalField(llvm::StringRef name) const;
  /// The elements of an array; empty (and a mistake) if it is not one or has a length outside the range.
  std::vector<JsonReader> elements(size_t least = 0, size_t most = std::numeric_limits<size_t>::max()) const;
  /// All members of an object, for objects used as a dictionary: none of them is unknown.
  std::vector<std::pair<std::string, JsonReader>> members() const;

  /// The value, or a mistake and a default: false, `least` (or 0 if inside the range), "".
  bool asBoolean() const;
  int64_t asInteger(int64_t least = std::numeric_limits<int64_t>::min(),
                    int64_t most = std::numeric_limits<int64_t>::max()) const;
  uint64_t asUnsigned() const;
  /// A finite number in [least, most].
  double asDouble(double least = std::numeric_limits<double>::lowest(),
                  double most = std::numeric_limits<double>::max()) const;
  /// A string of at most `mostBytes` bytes.
  std::string asString(size_t mostBytes = 1 << 20) const;
  /// One of `choices`; returns its position. A mistake lists the choices and returns 0.
  size_t asChoice(llvm::ArrayRef<llvm::StringRef> choices) const;
  /// Arrays of one kind, without a reader for each element.
  std::vector<int64_t> asIntegers(int64_t least = std::numeric_limits<int64_t>::min(),
                                  int64_t most = std::numeric_limits<int64_t>::max()) const;
  std::vector<std::string> asStrings() const;

  /// The same, or `fallback` if the value is absent.
  bool asBooleanOr(bool fallback) const { return exists() ? asBoolean() : fallback; }
  int64_t asIntegerOr(int64_t fallback, int64_t least = std::numeric_limits<int64_t>::min(),
                      int64_t most = std::numeric_limits<int64_t>::max()) const {
    return exists() ? asInteger(least, most) : fallback;
  }
  double asDoubleOr(double fallback, double least = std::numeric_limits<double>::lowest(),
                    double most = std::numeric_limits<double>::max()) const {
    return exists() ? asDouble(least, most) : fallback;
  }
  std::string asStringOr(llvm::StringRef fallback) const { return exists() ? asString() : fallback.str(); }

  /// Checks that the member "schema" is "NAME/MAJOR"; another major is refused by name.
  void checkSchema(llvm::StringRef name, unsigned major) const;
  /// Members nobody asked for are a mistake, unless the reader of this object says otherwise here.
  void allowUnknownFields() const;
  /// Records a mistake at this place: what was expected; what was found is added.
  void failExpected(const llvm::Twine &expected) const;
  /// Records a mistake at this place in free words.
  void fail(const llvm::Twine &message) const;

private:
  friend class JsonDocument;
  JsonReader(JsonState *state, const JsonValue *value, std::string path)
      : state(state), value(value), path(std::move(path)) {}
  std::optional<int64_t> checkedInteger(const JsonValue &from, int64_t least, int64_t most) const;

  JsonState *state;
  const JsonValue *value;
  std::string path;
};

/// A parsed text with the record of what was read from it.
class JsonDocument {
public:
  /// Parses a text; `fileName` is what messages call it. Fails with `E-BAD-FILE`, line and column.
  static llvm::Expected<JsonDocument> parse(llvm::StringRef text, llvm::StringRef fileName, JsonLimits limits = {});
  /// Reads and parses a file.
  static llvm::Expected<JsonDocument> readFile(llvm::StringRef path, JsonLimits limits = {});

  JsonDocument(JsonDocument &&);
  JsonDocument &operator=(JsonDocument &&);
  ~JsonDocument();

  JsonReader root() const;
  const JsonValue &value() const;
  llvm::StringRef fileName() const;
  /// Whether a mistake has been recorded so far; for loops that want to stop early.
  bool failed() const;
  /// Every recorded mistake as one error (the first as its message, the others, up to 9, as notes), and
  /// fields that nobody asked for. Call it once, after everything has been read.
  llvm::Error finish() const;

private:
  explicit JsonDocument(std::unique_ptr<JsonState> state);
  std::unique_ptr<JsonState> state;
};

} // namespace partita

#endif // PARTITA_SUPPORT_JSON_H
