// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonWriter.cpp - The stable text form of a JSON value --------------------===//
#include "partita/support/JsonValue.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"

#include <charconv>
#include <cmath>

using namespace partita;

namespace {
constexpr size_t lineColumns = 100;

void writeString(llvm::StringRef text, std::string &out) {
  static const char digits[] = "0123456789abcdef";
  std::string repaired;
  if (!llvm::json::isUTF8(text)) {
    repaired = llvm::json::fixUTF8(text);
    text = repaired;
  }
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += "\\u00";
      out += digits[(c >> 4) & 15];
      out += digits[c & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void writeDouble(double value, std::string &out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[40];
  std::to_chars_result end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  std::string text(buffer, end.ptr);
  // A double stays a double when it is read back.
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  out += text;
}

void writeScalar(const JsonValue &value, std::string &out) {
  if (std::optional<bool> boolean = value.getBoolean())
    out += *boolean ? "true" : "false";
  else if (value.kind() == JsonKind::Double)
    writeDouble(value.getDouble().value_or(0), out);
  else if (std::optional<int64_t> integer = value.getInteger())
    out += std::to_string(*integer);
  else if (std::optional<uint64_t> integer = value.getUnsigned())
    out += std::to_string(*integer);
  else if (const std::string *text = value.getString())
    writeString(*text, out);
  else
    out += "null";
}

// These two go as deep as the value: at most JsonLimits::depth levels for one that was read.
// NOLINTBEGIN(misc-no-recursion)

/// Writes a value on one line, giving up (returning false) once `out` is longer than `mostBytes`.
bool writeOneLine(const JsonValue &value, std::string &out, size_t mostBytes) {
  bool isFirst = true;
  if (value.kind() == JsonKind::Array) {
    out += '[';
    for (const JsonValue &element : value.elements()) {
      if (!isFirst)
        out += ", ";
      isFirst = false;
      if (!writeOneLine(element, out, mostBytes))
        return false;
    }
    out += ']';
  } else if (value.kind() == JsonKind::Object) {
    out += '{';
    for (const JsonMember &member : value.members()) {
      if (!isFirst)
        out += ", ";
      isFirst = false;
      writeString(member.name, out);
      out += ": ";
      if (!writeOneLine(member.value, out, mostBytes))
        return false;
    }
    out += '}';
  } else {
    writeScalar(value, out);
  }
  return out.size() <= mostBytes;
}

void writeLines(const JsonValue &value, size_t column, size_t indent, bool isRoot, std::string &out) {
  bool isArray = value.kind() == JsonKind::Array;
  bool isEmpty = value.elements().empty() && value.members().empty();
  std::string line;
  size_t room = column < lineColumns ? lineColumns - column : 0;
  if (isEmpty || (!isRoot && writeOneLine(value, line, room))) {
    if (isEmpty)
      writeOneLine(value, line = "", std::string::npos);
    out += line;
    return;
  }
  std::string margin(indent + 2, ' ');
  bool isFirst = true;
  out += isArray ? "[" : "{";
  for (const JsonValue &element : value.elements()) {
    out += isFirst ? "\n" : ",\n";
    isFirst = false;
    out += margin;
    // One column is kept for the comma.
    writeLines(element, margin.size() + 1, indent + 2, false, out);
  }
  for (const JsonMember &member : value.members()) {
    out += isFirst ? "\n" : ",\n";
    isFirst = false;
    size_t lineStart = out.size();
    out += margin;
    writeString(member.name, out);
    out += ": ";
    writeLines(member.value, out.size() - lineStart + 1, indent + 2, false, out);
  }
  out += "\n" + std::string(indent, ' ') + (isArray ? "]" : "}");
}
// NOLINTEND(misc-no-recursion)
} // namespace

std::string JsonValue::str() const {
  std::string out;
  writeLines(*this, 0, 0, true, out);
  out += '\n';
  return out;
}

std::string JsonValue::compactStr() const {
  std::string out;
  writeOneLine(*this, out, std::string::npos);
  return out;
}
