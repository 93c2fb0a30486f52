// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonRobustnessTest.cpp - Nothing a file holds makes the reader crash ----===//
#include "partita/support/Error.h"
#include "partita/support/Json.h"

#include <gtest/gtest.h>
#include <random>

using namespace partita;

namespace {
const char *const sample = R"({"name": "n\u00e9\n", "count": 12, "list": [1, 2.5, -3e4, true, false, null],
 "deep": {"a": {"b": [[], {}, [{"c": "\ud83d\ude00"}]]}}})";

/// Asks everything of every place, as a reader would that expects something else.
void interrogate(const JsonReader &reader, unsigned depth = 0) {
  reader.asBoolean();
  reader.asInteger(-5, 5);
  reader.asUnsigned();
  reader.asDouble(0, 1);
  reader.asString(3);
  reader.asChoice({"a", "b"});
  reader.asIntegers();
  reader.asStrings();
  reader.field("nowhere").field("deeper").asInteger();
  reader.optionalField("count").asIntegerOr(3);
  reader.checkSchema("partita.x", 1);
  if (depth > 70)
    return;
  for (const JsonReader &element : reader.elements())
    interrogate(element, depth + 1);
  for (const auto &[name, member] : reader.members())
    interrogate(member, depth + 1);
}

/// Reads a text to the end; the only promise is a diagnostic or a value.
void readAnything(llvm::StringRef text) {
  llvm::Expected<JsonDocument> document = JsonDocument::parse(text, "f", {1 << 20, 1 << 16, 64});
  if (!document) {
    PartitaError error = takeError(document.takeError());
    EXPECT_EQ(error.code, "E-BAD-FILE");
    EXPECT_LT(error.message.size(), 2000u);
    return;
  }
  interrogate(document->root());
  EXPECT_EQ(takeError(document->finish()).code, "E-BAD-FILE");
  // What was read can be written and read again.
  llvm::Expected<JsonDocument> again = JsonDocument::parse(document->value().str(), "g");
  if (!again)
    FAIL() << takeError(again.takeError()).str();
  EXPECT_EQ(again->value(), document->value());
}
} // namespace

TEST(JsonRobustness, truncatedAtEveryByte) {
  llvm::StringRef text(sample);
  for (size_t length = 0; length <= text.size(); ++length)
    readAnything(text.take_front(length));
}

TEST(JsonRobustness, everyByteReplaced) {
  for (size_t position = 0; position < llvm::StringRef(sample).size(); ++position) {
    for (char byte : llvm::StringRef("\0\1\"\\{}[],:9-e\x80\xc3\xff", 16)) {
      std::string text = sample;
      text[position] = byte;
      readAnything(text);
    }
  }
}

TEST(JsonRobustness, randomBytesAndRandomTokens) {
  std::mt19937 random(7);
  const char *const tokens[] = {"{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-2.5e3", "true", "null", " "};
  for (int round = 0; round < 20000; ++round) {
    std::string bytes, text;
    for (unsigned i = random() % 40; i > 0; --i) {
      bytes += static_cast<char>(random());
      text += tokens[random() % std::size(tokens)];
    }
    readAnything(bytes);
    readAnything(text);
  }
}

TEST(JsonRobustness, extremes) {
  readAnything(std::string(1 << 20, '['));
  readAnything(std::string(1 << 20, '{'));
  readAnything(std::string(1 << 20, '9'));
  readAnything("-" + std::string(400, '9') + ".5e-99999999999999999999");
  readAnything("\"" + std::string(1 << 19, 'x') + "\"");
  readAnything("\"" + std::string(1 << 19, 'x'));
  readAnything("[" + std::string(1 << 18, '0'));
  std::string wide = "[0";
  for (int i = 0; i < (1 << 17); ++i)
    wide += ",0";
  readAnything(wide + "]");
}
