// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// .npy files: what numpy writes is read, what it does not write is refused, and nothing crashes.
#include "ImageBuilder.h"

#include <cstring>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace partita::runtime;

namespace {

std::string fileOf(const std::string &header, const std::string &data, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += char(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    bytes += char(header.size() >> (8 * i) & 0xff);
  return bytes + header + data;
}

bool parses(const std::string &bytes, TensorView &tensor, std::string &error) {
  std::vector<char> exact(bytes.begin(), bytes.end()); // No terminator behind it.
  bool ok = parseNpy(exact.data(), exact.size(), "t.npy", tensor, error);
  if (!ok) {
    EXPECT_EQ(error.rfind("E-BAD-FILE: 't.npy' ", 0), 0u) << error;
  }
  return ok;
}

const char *plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";

TEST(Npy, RoundTripsEveryType) {
  std::string path = testing::TempDir() + "partita-" + std::to_string(getpid()) + ".npy", error;
  for (int type = 0; type <= int(ElementType::boolean); ++type) {
    ElementType elementType = ElementType(type);
    for (const std::vector<int64_t> &shape : {std::vector<int64_t>{}, {5}, {0}, {2, 3}, {1, 2, 3, 1}}) {
      std::vector<char> data(size_t(elementCount(shape) * elementBytes(elementType)), 1);
      TensorView tensor{elementType, shape, data.data(), nullptr}, back;
      if (npyHeader(elementType, shape).empty()) {
        EXPECT_FALSE(writeNpy(path, tensor, error));
        EXPECT_TRUE(elementType == ElementType::bf16 ||
                    (elementType >= ElementType::f8E4M3FN && elementType <= ElementType::f8E5M2FNUZ));
        continue;
      }
      EXPECT_EQ((npyHeader(elementType, shape).size()) % 64, 0u);
      ASSERT_TRUE(writeNpy(path, tensor, error)) << error;
      ASSERT_TRUE(readNpy(path, back, error)) << error;
      EXPECT_EQ(back.shape, shape);
      EXPECT_EQ(elementBytes(back.elementType), elementBytes(elementType));
      EXPECT_TRUE(std::equal(data.begin(), data.end(), static_cast<const char *>(back.data)));
    }
  }
  unlink(path.c_str());
  EXPECT_FALSE(readNpy(path, *std::make_unique<TensorView>(), error));
  EXPECT_NE(error.find("No such file"), std::string::npos);
  EXPECT_FALSE(readNpy("/", *std::make_unique<TensorView>(), error));
  EXPECT_NE(error.find("not a regular file"), std::string::npos);
}

TEST(Npy, ReadsEveryVersionAndSpelling) {
  TensorView tensor;
  std::string error, data(24, 'x');
  for (int version : {1, 2, 3})
    EXPECT_TRUE(parses(fileOf(plain, data, version), tensor, error)) << error;
  for (const char *header : {"{'descr':'<f4','fortran_order':False,'shape':(2,3)}", // Nothing optional.
                             "{\"shape\": (2L, 3L,), \"descr\": \"<f4\", \"fortran_order\": False, }   \n",
                             "{'fortran_order': True, 'descr': '<f8', 'shape': (3,), }"})
    EXPECT_TRUE(parses(fileOf(header, data), tensor, error)) << error;
  EXPECT_EQ(tensor.shape, std::vector<int64_t>{3});
  EXPECT_EQ(tensor.elementType, ElementType::f64);
}

TEST(Npy, RefusesWhatItDoesNotRead) {
  TensorView tensor;
  std::string error, data(24, 'x');
  const std::pair<const char *, const char *> cases[] = {
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "Fortran"},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "type '>f4'"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", "type '|O'"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", "no .npy header"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", "needs 32"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", "needs 16"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }", "no .npy header"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, ), }", "no .npy header"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }", "too large"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (281474976710656, 281474976710656, 0), }", "too large"},
      {"{'descr': '<f4', 'fortran_order': False}", "no .npy header"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", "no .npy header"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", "no .npy header"},
      {"{'descr': '<f4", "no .npy header"},
      {"{", "no .npy header"},
      {"", "no .npy header"}};
  for (const auto &[header, expected] : cases) {
    EXPECT_FALSE(parses(fileOf(header, data), tensor, error)) << header;
    EXPECT_NE(error.find(expected), std::string::npos) << error;
  }
  EXPECT_FALSE(parses(fileOf(plain, data, 4), tensor, error));
  std::string deep = "{'shape': (";
  for (int i = 0; i < 100000; ++i)
    deep += "1, ";
  EXPECT_FALSE(parses(fileOf(deep + "), 'descr': '<f4', 'fortran_order': False}", data, 2), tensor, error));
}

TEST(Npy, RefusesEveryTruncation) {
  TensorView tensor;
  std::string error;
  for (int version : {1, 2}) {
    std::string bytes = fileOf(plain, std::string(24, 'x'), version);
    ASSERT_TRUE(parses(bytes, tensor, error));
    for (size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(parses(bytes.substr(0, size), tensor, error)) << size;
  }
}

TEST(Npy, SurvivesDamage) {
  TensorView tensor;
  std::string error, bytes = fileOf(plain, std::string(24, 'x'));
  std::mt19937 random(7);
  for (int i = 0; i < 50000; ++i) {
    std::string damaged = bytes;
    for (int flips = 1 + int(random() % 4); flips > 0; --flips)
      damaged[random() % damaged.size()] = char(random());
    parses(damaged, tensor, error);
  }
  for (int i = 0; i < 2000; ++i) {
    std::string noise = i % 2 ? "\x93NUMPY" : "";
    for (size_t length = random() % 200; length > 0; --length)
      noise += char(random());
    parses(noise, tensor, error);
  }
}

} // namespace
