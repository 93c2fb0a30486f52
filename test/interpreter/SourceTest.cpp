// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestPrograms.h"
#include "partita/support/Error.h"
#include <fstream>

using namespace partita;
using namespace partita::interpreter;
using Numbers = std::vector<double>;

class SourceTest : public Programs {
protected:
  void SetUp() override {
    directory = ::testing::TempDir();
    // Six numbers behind an odd header, so that they are not aligned.
    float values[] = {0, 1, 2, 3, 4, 5};
    std::ofstream file(directory + "/partita_source_test.bin", std::ios::binary);
    file.write("odd", 3);
    file.write(reinterpret_cast<const char *>(values), sizeof(values));
  }
  void TearDown() override { std::remove((directory + "/partita_source_test.bin").c_str()); }

  SourceAttr source(const std::string &name, int64_t offset, int64_t bytes, std::vector<int64_t> shape,
                    std::vector<int64_t> start) {
    return SourceAttr::get(&context, name, offset, bytes, mlir::DenseI64ArrayAttr::get(&context, shape),
                           mlir::DenseI64ArrayAttr::get(&context, start));
  }

  std::string load(SourceAttr source, Shape shape, Numbers &values) {
    auto tensor = loadSource(source, f32(), shape, directory);
    if (!tensor)
      return takeError(tensor.takeError()).str();
    values = tensor->toDoubles();
    return "";
  }

  std::string directory;
  const std::string file = "partita_source_test.bin";
};

TEST_F(SourceTest, WholeAndBox) {
  Numbers values;
  EXPECT_EQ(load(source(file, 3, 24, {2, 3}, {0, 0}), {2, 3}, values), "");
  EXPECT_EQ(values, (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(load(source(file, 3, 24, {2, 3}, {0, 1}), {2, 2}, values), "");
  EXPECT_EQ(values, (Numbers{1, 2, 4, 5}));
  EXPECT_EQ(load(source(directory + "/" + file, 3, 24, {6}, {5}), {1}, values), "");
  EXPECT_EQ(values, Numbers{5});
}

TEST_F(SourceTest, MistakesAreErrorsWithACode) {
  Numbers values;
  for (const std::string &problem :
       {load(source(file, 4, 24, {2, 3}, {0, 0}), {2, 3}, values),
        load(source(file, 3, 20, {2, 3}, {0, 0}), {2, 3}, values),
        load(source(file, 3, 24, {2, 3}, {1, 0}), {2, 3}, values),
        load(source(file, 3, 24, {2, 3}, {0, 0}), {6}, values),
        load(source("absent.bin", 3, 24, {2, 3}, {0, 0}), {2, 3}, values),
        load(source("", 0, 24, {2, 3}, {0, 0}), {2, 3}, values),
        load(source(file, 3, 24, {int64_t(1) << 40, int64_t(1) << 40}, {0, 0}), {2, 3}, values)})
    EXPECT_EQ(problem.rfind("E-BAD-FILE: ", 0), 0u) << problem;
}
