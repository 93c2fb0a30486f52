// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- JsonTest.cpp - The checked reader and the stable writer -----------------===//
#include "partita/support/Json.h"
#include "partita/support/Error.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace partita;

namespace {
JsonDocument parse(llvm::StringRef text) {
  llvm::Expected<JsonDocument> document = JsonDocument::parse(text, "f.json");
  if (!document) {
    ADD_FAILURE() << takeError(document.takeError()).str();
    return llvm::cantFail(JsonDocument::parse("null", "f.json"));
  }
  return std::move(*document);
}

/// The message of a text that must not parse.
std::string refuse(llvm::StringRef text, JsonLimits limits = {}) {
  llvm::Expected<JsonDocument> document = JsonDocument::parse(text, "f.json", limits);
  return document ? "accepted" : takeError(document.takeError()).str();
}

std::string finish(const JsonDocument &document) { return takeError(document.finish()).strWithNotes(); }
} // namespace

TEST(JsonParse, readsEveryKind) {
  JsonDocument document = parse("\xef\xbb\xbf{\"a\": [1, -2, 3.5, true, null, \"x\\u00e9\"], \"b\": {}}");
  JsonReader root = document.root();
  std::vector<JsonReader> a = root.field("a").elements(6, 6);
  ASSERT_EQ(a.size(), 6u);
  EXPECT_EQ(a[0].asInteger(), 1);
  EXPECT_EQ(a[1].asInteger(-2, -2), -2);
  EXPECT_EQ(a[2].asDouble(), 3.5);
  EXPECT_TRUE(a[3].asBoolean());
  EXPECT_TRUE(a[4].isNull());
  EXPECT_EQ(a[5].asString(), "x\xc3\xa9");
  EXPECT_TRUE(root.field("b").members().empty());
  EXPECT_EQ(finish(document), "");
}

TEST(JsonParse, refusesWithLineAndColumn) {
  EXPECT_EQ(refuse("{\n  \"a\": tru\n}").find("E-BAD-FILE: f.json: line 2, column "), 0u);
  EXPECT_NE(refuse("").find("unexpected end of input"), std::string::npos);
  EXPECT_NE(refuse("[1] 2").find("E-BAD-FILE"), std::string::npos);
  EXPECT_NE(refuse(llvm::StringRef("[1]\0x", 5)).find("line 1, column 4: got a zero byte"), std::string::npos);
  EXPECT_NE(refuse("[1e999]").find("E-BAD-FILE"), std::string::npos);
  EXPECT_NE(refuse("[NaN]").find("E-BAD-FILE"), std::string::npos);
}

TEST(JsonParse, refusesBytesThatAreNotText) {
  EXPECT_EQ(refuse("[\"\xff\"]"),
            "E-BAD-FILE: f.json: line 1, column 3: expected UTF-8 text, got a byte that is not part of a character");
  EXPECT_NE(refuse("[\"\xed\xa0\x80\"]"), "accepted"); // half of a surrogate pair
  EXPECT_NE(refuse("[\"\\ud800\"]"), "accepted");
}

TEST(JsonParse, refusesRepeatedKeys) {
  EXPECT_EQ(refuse("{\"a\": {\"k\": 1, \"b\": 2, \"k\": 3}}"),
            "E-BAD-FILE: f.json: the object that ends here has the field \"k\" twice");
}

TEST(JsonParse, keepsLimits) {
  EXPECT_EQ(refuse(std::string(64, '[') + std::string(64, ']')), "accepted");
  EXPECT_NE(refuse(std::string(65, '[') + std::string(65, ']')).find("nested deeper than 64"), std::string::npos);
  EXPECT_NE(refuse(std::string(5'000'000, '[')).find("nested deeper than 64"), std::string::npos);
  EXPECT_NE(refuse("[1, 2, 3]", {100, 3, 64}).find("more than 3 values"), std::string::npos);
  EXPECT_NE(refuse("[1, 2, 3]", {8, 30, 64}).find("9 bytes of JSON, at most 8"), std::string::npos);
}

TEST(JsonReader, reportsTypePathExpectedAndGot) {
  JsonDocument document = parse(R"({"d": [{"a/b": "eight"}], "e": 3.5, "f": 7, "g": [1]})");
  JsonReader root = document.root();
  EXPECT_EQ(root.field("d").elements()[0].field("a/b").asInteger(1, 4096), 1);
  EXPECT_EQ(root.field("e").asInteger(), 0);
  EXPECT_EQ(root.field("f").asDouble(8), 8);
  EXPECT_EQ(root.field("g").asString(), "");
  EXPECT_EQ(finish(document), "E-BAD-FILE: f.json: at /d/0/a~1b: expected an integer from 1 to 4096, got \"eight\"\n"
                              "note: f.json: at /e: expected an integer, got 3.5\n"
                              "note: f.json: at /f: expected a number of at least 8.0, got 7\n"
                              "note: f.json: at /g: expected a string, got an array of 1");
}

TEST(JsonReader, absentFieldsAreReportedOnce) {
  JsonDocument document = parse("{}");
  JsonReader absent = document.root().field("x");
  EXPECT_EQ(absent.field("y").elements().size(), 0u);
  EXPECT_EQ(absent.asIntegers().size(), 0u);
  EXPECT_EQ(absent.asInteger(), 0);
  EXPECT_EQ(absent.asString(), "");
  EXPECT_EQ(absent.asChoice({"p", "q"}), 0u);
  EXPECT_EQ(finish(document), "E-BAD-FILE: f.json: at the top level: the field \"x\" is missing");
}

TEST(JsonReader, unknownFieldsAreRefusedWithASuggestion) {
  JsonDocument document = parse(R"({"inner": {"cuont": 1, "zzz": 2}})");
  EXPECT_EQ(document.root().field("inner").optionalField("count").asIntegerOr(5), 5);
  EXPECT_EQ(finish(document), "E-BAD-FILE: f.json: at /inner: unknown field \"cuont\"; did you mean \"count\"?\n"
                              "note: f.json: at /inner: unknown field \"zzz\"");
  JsonDocument lenient = parse(R"({"a": 1})");
  lenient.root().allowUnknownFields();
  EXPECT_EQ(finish(lenient), "");
}

TEST(JsonReader, integersAreExactAndRanged) {
  JsonDocument document = parse("[9223372036854775807, 18446744073709551615, 8e9, 8.5e0, 1e300, -1]");
  std::vector<JsonReader> numbers = document.root().elements();
  EXPECT_EQ(numbers[0].asInteger(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(numbers[1].asUnsigned(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(numbers[2].asInteger(), 8'000'000'000);
  EXPECT_FALSE(document.failed());
  numbers[1].asInteger();
  numbers[3].asInteger();
  numbers[4].asInteger();
  numbers[5].asUnsigned();
  EXPECT_EQ(finish(document), "E-BAD-FILE: f.json: at /1: expected an integer, got 18446744073709551615\n"
                              "note: f.json: at /3: expected an integer, got 8.5\n"
                              "note: f.json: at /4: expected an integer, got 1e+300\n"
                              "note: f.json: at /5: expected an integer of at least 0, got -1");
}

TEST(JsonReader, choicesAndSchema) {
  JsonDocument document = parse(R"({"schema": "partita.plan/2", "kind": "rign"})");
  document.root().checkSchema("partita.plan", 1);
  document.root().field("kind").asChoice({"ring", "switch"});
  EXPECT_EQ(finish(document),
            "E-BAD-FILE: f.json: at /schema: this version reads \"partita.plan/1\", the file is \"partita.plan/2\"\n"
            "note: f.json: at /kind: expected one of \"ring\", \"switch\", got \"rign\"");
}

TEST(JsonReader, manyMistakesAreCounted) {
  JsonDocument document = parse("[1,2,3,4,5,6,7,8,9,10,11,12]");
  for (const JsonReader &element : document.root().elements())
    element.asString();
  PartitaError error = takeError(document.finish());
  EXPECT_EQ(error.notes.size(), 10u);
  EXPECT_EQ(error.notes.back(), "2 more mistakes");
}

TEST(JsonWriter, isStableAndReadable) {
  JsonValue value = JsonValue::makeObject();
  value.set("z", 1).set("a", JsonValue::makeArrayOf(std::vector<int>{1, 2}));
  value.set("long", JsonValue::makeArrayOf(std::vector<std::string>(8, std::string(15, 'x'))));
  value.set("z", JsonValue::makeObject());
  std::string x = "\"xxxxxxxxxxxxxxx\"";
  std::string expected = "{\n  \"z\": {},\n  \"a\": [1, 2],\n  \"long\": [\n";
  for (int i = 0; i < 8; ++i)
    expected += "    " + x + (i == 7 ? "\n" : ",\n");
  EXPECT_EQ(value.str(), expected + "  ]\n}\n");
  EXPECT_EQ(JsonValue::makeArray({1, true, nullptr}).compactStr(), "[1, true, null]");
}

TEST(JsonWriter, linesKeepToTheirWidth) {
  for (int size = 1; size < 120; ++size) {
    JsonValue value = JsonValue::makeObject();
    value.set("key", JsonValue::makeArray({std::string(size, 'x'), 1}));
    value.set("after", 1);
    llvm::StringRef line = llvm::StringRef(value.str()).split('\n').second.split('\n').first;
    // One element that is longer than a line cannot be broken.
    EXPECT_LE(line.size(), 100u) << size;
    EXPECT_EQ(llvm::StringRef(value.str()).count('\n') == 4, size <= 83) << size;
  }
}

TEST(JsonWriter, roundTripsNumbersAndText) {
  JsonValue value = JsonValue::makeArray();
  for (double number : {0.1, 1.0, -0.0, 1e22, 1e-320, 1.7976931348623157e308, 1.0 / 3, 123456789.125})
    value.append(number);
  value.append(std::numeric_limits<uint64_t>::max()).append(std::numeric_limits<int64_t>::min());
  value.append("quote\" slash\\ tab\t nul" + std::string(1, '\0') + " \x1f \xe2\x82\xac \x7f");
  JsonDocument back = parse(value.str());
  EXPECT_EQ(back.value(), value);
  EXPECT_EQ(back.value().str(), value.str());
  EXPECT_TRUE(std::signbit(*back.value().elements()[2].getDouble()));
}

TEST(JsonWriter, neverWritesWhatCannotBeRead) {
  JsonValue value = JsonValue::makeArray({std::nan(""), HUGE_VAL, std::string("\xff\xc3")});
  EXPECT_EQ(parse(value.str()).value().elements()[1].kind(), JsonKind::Null);
  EXPECT_EQ(parse(value.str()).value().elements()[2].kind(), JsonKind::String);
}

TEST(JsonValue, questionsToTheWrongKindAreEmpty) {
  JsonValue value("text");
  EXPECT_FALSE(value.getBoolean() || value.getInteger() || value.getDouble() || value.getUnsigned());
  EXPECT_TRUE(value.elements().empty() && value.members().empty() && !value.find("x"));
  EXPECT_EQ(JsonValue(uint64_t(5)), JsonValue(5));
  EXPECT_EQ(value.append(1).kind(), JsonKind::Array);
  EXPECT_EQ(value.set("a", 1).kind(), JsonKind::Object);
}
