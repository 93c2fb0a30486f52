// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .safetensors format: what is written is read, and nothing in a file can make the reader leave it.
#include "partita/runtime/Safetensors.h"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <unistd.h>

using namespace partita::runtime;

namespace {

std::string fileOf(std::string header, size_t dataBytes) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8)
    bytes += char(uint64_t(header.size()) >> shift & 0xff);
  bytes += header;
  for (size_t i = 0; i < dataBytes; ++i)
    bytes += char(i);
  return bytes;
}

std::string mistakeIn(const std::string &bytes) {
  std::vector<StoredTensor> tensors;
  std::string error;
  if (parseSafetensors(bytes.data(), bytes.size(), "f", tensors, error))
    return "";
  EXPECT_EQ(error.rfind("E-BAD-FILE: 'f' ", 0), 0u) << error;
  return error.substr(16);
}

TEST(Safetensors, CarryBf16) {
  std::string path = testing::TempDir() + "partita-" + std::to_string(getpid()) + ".safetensors", error;
  const uint16_t bits[2] = {0x3f80, 0x4000};
  ASSERT_TRUE(writeSafetensors(path, "a\"b", {ElementType::bf16, {1, 2}, bits, nullptr}, error)) << error;
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  ASSERT_EQ(bytes.size(), 8 + length + 4);
  std::string expected = "{\"a\\\"b\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[0,4]}}";
  expected.resize(size_t(length), ' ');
  EXPECT_EQ(bytes.substr(8, size_t(length)), expected);
  EXPECT_EQ(std::memcmp(bytes.data() + 8 + length, bits, 4), 0);
  unlink(path.c_str());
}

TEST(Safetensors, ReadsEveryTypeByName) {
  std::string path = testing::TempDir() + "partita-" + std::to_string(getpid()) + ".safetensors", error;
  for (int type = 0; type <= int(ElementType::boolean); ++type) {
    auto element = static_cast<ElementType>(type);
    std::string name = std::string("\xc3\xa9\t") + elementName(element), bits(size_t(6 * elementBytes(element)), 'x');
    TensorView tensor;
    ASSERT_TRUE(writeSafetensors(path, name, {element, {2, 3}, bits.data(), nullptr}, error)) << error;
    ASSERT_TRUE(readSafetensors(path, name, tensor, error)) << error;
    // Types that the format lacks are bytes.
    bool isKnown = element != ElementType::f8E4M3FNUZ && element != ElementType::f8E5M2FNUZ &&
                   element != ElementType::si4 && element != ElementType::ui4;
    EXPECT_EQ(tensor.elementType, isKnown ? element : ElementType::ui8);
    EXPECT_EQ(tensor.shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(std::memcmp(tensor.data, bits.data(), bits.size()), 0);
  }
  unlink(path.c_str());
}

TEST(Safetensors, ReadsSeveralTensorsInAnyOrder) {
  std::string bytes = fileOf(R"( {"__metadata__" : {"format":"pt", "a":"b"},
    "b": {"data_offsets":[4,12], "shape":[1,2],"dtype":"F32"},
    "\u00e9\ud83d\ude00\"": {"dtype":"I32","shape":[],"data_offsets":[0,4]},
    "none": {"dtype":"F64","shape":[3,0],"data_offsets":[12,12]}}   )",
                             12);
  std::vector<StoredTensor> tensors;
  std::string error;
  ASSERT_TRUE(parseSafetensors(bytes.data(), bytes.size(), "f", tensors, error)) << error;
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name, "b");
  EXPECT_EQ(tensors[1].name, "\xc3\xa9\xf0\x9f\x98\x80\"");
  EXPECT_EQ(tensors[1].view.shape, std::vector<int64_t>());
  EXPECT_EQ(static_cast<const char *>(tensors[0].view.data) - static_cast<const char *>(tensors[1].view.data), 4);
  EXPECT_EQ(tensors[2].view.shape, (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(mistakeIn(fileOf("{}", 0)), "");
}

TEST(Safetensors, RefusesWhatIsWrong) {
  auto tensor = [](const std::string &type, const std::string &shape, const std::string &offsets) {
    return "{\"w\":{\"dtype\":\"" + type + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}}";
  };
  EXPECT_EQ(mistakeIn(fileOf(tensor("F32", "2", "0,8"), 8)), "");
  EXPECT_NE(mistakeIn("").find("is not a .safetensors file"), std::string::npos);
  EXPECT_NE(mistakeIn(std::string(8, '\xff')).find("is not a .safetensors file"), std::string::npos);
  EXPECT_NE(mistakeIn(fileOf(tensor("F32", "2", "0,8"), 7)).find("lies outside of the file"), std::string::npos);
  EXPECT_NE(mistakeIn(fileOf(tensor("F32", "2", "8,0"), 8)).find("lies outside of the file"), std::string::npos);
  EXPECT_NE(mistakeIn(fileOf(tensor("F32", "3", "0,8"), 8)).find("its shape f32[3] needs 12"), std::string::npos);
  EXPECT_NE(mistakeIn(fileOf(tensor("F4", "2", "0,8"), 8)).find("elements of type 'F4'"), std::string::npos);
  EXPECT_NE(mistakeIn(fileOf(tensor("F32", "2", "0,8"), 9)).find("belong to no tensor"), std::string::npos);
  EXPECT_NE(mistakeIn(fileOf(tensor("F32", "281474976710656,281474976710656", "0,8"), 8)).find("too large"),
            std::string::npos);
  for (const char *header : {"", "[]", "{", "{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"dtype\":\"F32\"}}", "{} x",
                             "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":[[[[[[[["})
    EXPECT_NE(mistakeIn(fileOf(header, 0)).find("no .safetensors header"), std::string::npos) << header;
  for (const char *name : {"\\", "\\x", "\\u12", "\\ud800", "\\ud800\\u0041", "\\udc00", "\n"})
    EXPECT_NE(mistakeIn(fileOf("{\"" + std::string(name) + "\":{}}", 0)).find("no .safetensors header"),
              std::string::npos)
        << name;
  std::string twice = tensor("F32", "2", "0,8");
  twice = twice.substr(0, twice.size() - 1) + "," + tensor("F32", "2", "8,16").substr(1);
  EXPECT_NE(mistakeIn(fileOf(twice, 16)).find("'w' is there twice"), std::string::npos);
}

TEST(Safetensors, SurvivesDamage) {
  std::mt19937 random(1);
  std::string whole = fileOf(R"({"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})", 8);
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(mistakeIn(std::string(whole, 0, length)), "") << length;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = whole;
    for (int changes = 1 + int(random() % 3); changes > 0; --changes)
      damaged[random() % damaged.size()] = char(random());
    mistakeIn(damaged);
  }
}

} // namespace
