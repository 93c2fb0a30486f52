// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The executable as its user sees it: options, inputs, outputs, weights, reports; and the C interface.
#include "partita/runtime/Main.h"
#include "ImageBuilder.h"
#include "partita/runtime/Drawing.h"
#include "partita/runtime/Library.h"
#include "partita/runtime/Safetensors.h"
#include "partita/runtime/Weights.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace partita::runtime;
using namespace partita::runtime::test;

namespace {

const partita_function functions[] = {scaleColumns};

class MainTest : public testing::Test {
protected:
  std::string folder = testing::TempDir() + "partita-main-" + std::to_string(getpid());
  std::string out, err;
  Image image = scaleImage();

  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  int call(const std::vector<std::string> &arguments) {
    std::vector<const char *> argv = {"scale"};
    for (const std::string &argument : arguments)
      argv.push_back(argument.c_str());
    std::string bytes = serializeImage(image);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int status = runMain(int(argv.size()), argv.data(), bytes.data(), bytes.size(), functions);
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    if (status != 0) {
      EXPECT_EQ(err.rfind("error: E-", 0), 0u) << err;
    } else {
      EXPECT_EQ(err, "");
    }
    return status;
  }
  void writeInput(const std::string &path, const std::vector<int64_t> &shape) {
    std::vector<float> values(size_t(elementCount(shape)));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(i);
    std::string error;
    ASSERT_TRUE(writeNpy(path, {ElementType::f32, shape, values.data(), nullptr}, error)) << error;
  }
  std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }
  // The weight w comes from columns 2..5 of row-major f32[7] at byte 16 of a file.
  void useFile(const std::string &path) {
    std::string bytes(16, 'h');
    const float values[7] = {-1, -1, 2, 3, 4, 5, -1};
    bytes.append(reinterpret_cast<const char *>(values), sizeof(values));
    std::ofstream(path, std::ios::binary) << bytes;
    Weight &weight = image.weights[0];
    weight.source = WeightSource::file;
    weight.file = 0;
    weight.offset = 16;
    weight.bytes = 28;
    weight.fileShape = {7};
    weight.start = {2};
    image.files = {{path, bytes.size(), 0}};
    image.files[0].checksum = tensorTableChecksum(image, 0, bytes.data(), bytes.size());
  }
};

TEST_F(MainTest, RunsAnInputAndStoresItsOutputs) {
  writeInput(folder + "/a.npy", {3, 4});
  ASSERT_EQ(call({"--input", "x=" + folder + "/a.npy", "--output", folder + "/out"}), 0) << err;
  EXPECT_EQ(read(folder + "/out/outputs.json"), "{\n  \"y=x*w\": \"y_x_w.npy\"\n}\n");
  TensorView y;
  std::string error;
  ASSERT_TRUE(readNpy(folder + "/out/y_x_w.npy", y, error)) << error;
  EXPECT_EQ(y.shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(floatsOf(y), (std::vector<float>{0, 10, 200, 3000, 4, 50, 600, 7000, 8, 90, 1000, 11000}));
}

TEST_F(MainTest, SplitsInputsAtTheLastEqualsSign) {
  image.inputs[0].name = "x=1";
  writeInput(folder + "/a.npy", {2, 4});
  EXPECT_EQ(call({"--input=x=1=" + folder + "/a.npy"}), 0) << err;
  EXPECT_EQ(out, "output     y=x*w f32[2,4]\n");
}

TEST_F(MainTest, TellsWrongUsageFromWrongInput) {
  for (std::vector<std::string> arguments : {std::vector<std::string>{"--nonsense"},
                                             {"file"},
                                             {"--bench"},
                                             {"--bench", "x"},
                                             {"--bench", "0"},
                                             {"--bench=99999999999999999999"},
                                             {"--help=1"},
                                             {"--input", "x"},
                                             {"--input", "=f"},
                                             {"--input", "x="},
                                             {"--transport", "pigeon"},
                                             {"--steps", "3"}})
    EXPECT_EQ(call(arguments), 2) << arguments[0];
  EXPECT_EQ(call({"--transport", "nccl", "--bench", "1"}), 1);
  EXPECT_EQ(err.rfind("error: E-TRANSPORT", 0), 0u);
  EXPECT_EQ(call({}), 1);
  EXPECT_NE(err.find("E-INPUT: no value for input 'x' f32[6,4]"), std::string::npos) << err;
  EXPECT_EQ(call({"--input", "q=" + folder}), 1);
  EXPECT_NE(err.find("no input 'q'; it has 'x'"), std::string::npos) << err;
  EXPECT_EQ(call({"--input", "x=" + folder + "/none.npy"}), 1);
  EXPECT_NE(err.find("E-BAD-FILE"), std::string::npos) << err;
  writeInput(folder + "/big.npy", {7, 4});
  EXPECT_EQ(call({"--input", "x=" + folder + "/big.npy"}), 1);
  EXPECT_NE(err.find("'N' in 1..6"), std::string::npos) << err;
  EXPECT_EQ(call({"--random-inputs", "--output", "/proc/none/there"}), 1);
}

TEST_F(MainTest, BenchNeedsNothingElse) {
  ASSERT_EQ(call({"--bench", "5", "--memory", "--profile", folder + "/trace.json"}), 0) << err;
  for (const char *expected : {"bench      5 steps, 2 ranks", "latency    median ", "predicted  1.000 ms",
                               "arena      576 bytes on the largest rank, predicted 576\n", "rank 1 arena 576 bytes",
                               "arenas 1152 bytes", "without mapped files "})
    EXPECT_NE(out.find(expected), std::string::npos) << expected << "\n" << out;
  std::string trace = read(folder + "/trace.json");
  EXPECT_NE(trace.find("\"name\":\"scale\",\"ph\":\"X\",\"pid\":0,\"tid\":1"), std::string::npos) << trace;
}

TEST_F(MainTest, RandomInputsFollowTheSeedAlone) {
  auto outputWith = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--random-inputs", "--output", folder + "/out"});
    EXPECT_EQ(call(arguments), 0) << err;
    return read(folder + "/out/y_x_w.npy");
  };
  std::string first = outputWith({});
  EXPECT_EQ(first, outputWith({"--seed", "0", "--threads", "3"}));
  EXPECT_NE(first, outputWith({"--seed", "1"}));
}

TEST_F(MainTest, HelpSaysWhatIsCompiledIn) {
  ASSERT_EQ(call({"--help"}), 0);
  for (const char *expected :
       {"--input NAME=x.npy", "model      scale", "input      x f32[N,4]", "output     y=x*w f32[N,4]",
        "dimension  N in 1..6", "tensor=2, micro=2 (time)", "cpu        any", "transports local"})
    EXPECT_NE(out.find(expected), std::string::npos) << expected << "\n" << out;
  ASSERT_EQ(call({"--version"}), 0);
  EXPECT_EQ(out, "test, model scale\n");
}

TEST_F(MainTest, LoadsABoxOfATensorInAFile) {
  useFile(folder + "/w.bin");
  writeInput(folder + "/a.npy", {1, 4});
  ASSERT_EQ(call({"--input", "x=" + folder + "/a.npy", "--output", folder + "/out"}), 0) << err;
  TensorView y;
  std::string error;
  ASSERT_TRUE(readNpy(folder + "/out/y_x_w.npy", y, error)) << error;
  EXPECT_EQ(floatsOf(y), (std::vector<float>{0, 3, 8, 15}));
}

TEST_F(MainTest, ChecksItsWeights) {
  useFile(folder + "/w.bin");
  std::string bytes = read(folder + "/w.bin");
  std::filesystem::create_directories(folder + "/moved");
  std::filesystem::rename(folder + "/w.bin", folder + "/moved/w.bin");
  EXPECT_EQ(call({"--bench", "1"}), 1);
  EXPECT_NE(err.find("E-BAD-FILE"), std::string::npos) << err;
  EXPECT_EQ(call({"--bench", "1", "--weights", folder + "/moved/w.bin"}), 0) << err;
  EXPECT_EQ(call({"--bench", "1", "--weights", folder + "/moved"}), 0) << err;
  std::string longer = bytes + "x", other = bytes;
  other[20] ^= 1;
  for (const std::string &wrong : {longer, other}) {
    std::ofstream(folder + "/wrong.bin", std::ios::binary) << wrong;
    EXPECT_EQ(call({"--bench", "1", "--weights", folder + "/wrong.bin"}), 1);
    EXPECT_NE(err.find("E-WEIGHTS-MISMATCH"), std::string::npos) << err;
  }
}

TEST_F(MainTest, TakesWeightsAndInputsByName) {
  std::string error, path = folder + "/w.safetensors", input = folder + "/x.safetensors";
  const float values[7] = {-1, -1, 5, 6, 7, 8, -1}, x[4] = {1, 2, 3, 4};
  ASSERT_TRUE(writeSafetensors(input, "any", {ElementType::f32, {1, 4}, x, nullptr}, error)) << error;
  auto run = [&] { return call({"--input", "x=" + input, "--weights", path, "--output", folder + "/out"}); };
  auto expectScaled = [&](const std::vector<float> &expected) {
    TensorView y;
    ASSERT_TRUE(readNpy(folder + "/out/y_x_w.npy", y, error)) << error;
    EXPECT_EQ(floatsOf(y), expected);
  };
  // The weight is the middle of a tensor of the model's file, which is not needed any more.
  useFile(folder + "/w.bin");
  std::filesystem::remove(folder + "/w.bin");
  ASSERT_TRUE(writeSafetensors(path, "w", {ElementType::f32, {7}, values, nullptr}, error)) << error;
  ASSERT_EQ(run(), 0) << err;
  expectScaled({5, 12, 21, 32});
  // Another shape, another type, another name.
  const TensorView wrong[] = {{ElementType::f32, {6}, values, nullptr}, {ElementType::si32, {7}, values, nullptr}};
  for (const TensorView &tensor : wrong) {
    ASSERT_TRUE(writeSafetensors(path, "w", tensor, error)) << error;
    EXPECT_EQ(run(), 1);
    EXPECT_NE(err.find("E-WEIGHTS-MISMATCH"), std::string::npos) << err;
    EXPECT_NE(err.find("as 'w', the program needs f32[7]"), std::string::npos) << err;
  }
  ASSERT_TRUE(writeSafetensors(path, "v", {ElementType::f32, {7}, values, nullptr}, error)) << error;
  EXPECT_EQ(run(), 1);
  EXPECT_NE(err.find("has no tensor 'w'"), std::string::npos) << err;
  // A model without weights gets them after all.
  image = scaleImage();
  image.weights[0].source = WeightSource::generated;
  image.weights[0].data.clear();
  ASSERT_TRUE(writeSafetensors(path, "w", {ElementType::f32, {4}, values + 2, nullptr}, error)) << error;
  ASSERT_EQ(run(), 0) << err;
  expectScaled({5, 12, 21, 32});
}

TEST_F(MainTest, GeneratedWeightsDoNotDependOnTheSplit) {
  image.weights[0].source = WeightSource::generated;
  image.weights[0].seed = 3;
  image.weights[0].scale = 0.5;
  image.weights[0].data.clear();
  writeInput(folder + "/a.npy", {1, 4});
  ASSERT_EQ(call({"--input", "x=" + folder + "/a.npy", "--output", folder + "/out"}), 0) << err;
  TensorView y;
  std::string error;
  ASSERT_TRUE(readNpy(folder + "/out/y_x_w.npy", y, error)) << error;
  for (int64_t i = 0; i < 4; ++i) {
    float weight;
    drawElement(ElementType::f32, drawingKey(3, "w"), i, 0.5, &weight);
    EXPECT_EQ(floatsOf(y)[size_t(i)], float(i) * weight);
    EXPECT_LE(std::abs(weight), 0.5f);
  }
}

TEST_F(MainTest, DrawnIntegersAreValidIndices) {
  int64_t value;
  std::vector<int> seen(5, 0);
  for (int64_t i = 0; i < 200; ++i) {
    drawElement(ElementType::si64, drawingKey(0, "ids"), i, 4, &value);
    ASSERT_TRUE(value >= 0 && value <= 4);
    ++seen[size_t(value)];
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 0), 0);
}

TEST_F(MainTest, ServesTheCInterface) {
  std::string bytes = serializeImage(image);
  char error[200] = "";
  partita_program *program =
      createLibraryProgram(bytes.data(), bytes.size(), functions, nullptr, 1, error, sizeof(error));
  ASSERT_TRUE(program) << error;
  partita_tensor described, y;
  ASSERT_EQ(partita_input_count(program), 1);
  ASSERT_EQ(partita_input(program, 0, &described), 0);
  EXPECT_EQ(described.shape[0], 6);
  EXPECT_EQ(partita_input(program, 1, &described), -1);
  EXPECT_EQ(partita_output(program, 0, &y), -1);
  const float values[4] = {1, 2, 3, 4};
  const int64_t shape[2] = {1, 4};
  partita_tensor x = {"x", PARTITA_F32, 2, shape, values};
  ASSERT_EQ(partita_run(program, &x, 1, error, sizeof(error)), 0) << error;
  ASSERT_EQ(partita_output(program, 0, &y), 0);
  EXPECT_STREQ(y.name, "y=x*w");
  EXPECT_EQ(static_cast<const float *>(y.data)[3], 4000.0f);
  EXPECT_EQ(partita_run(program, nullptr, 0, error, sizeof(error)), 1);
  EXPECT_STREQ(error, "E-INPUT: no value for input 'x'");
  x.name = "other";
  EXPECT_EQ(partita_run(program, &x, 1, error, sizeof(error)), 1);
  partita_destroy(program);
  EXPECT_FALSE(createLibraryProgram(bytes.data(), 10, functions, nullptr, 1, error, 5));
  EXPECT_STREQ(error, "E-BA");
}

} // namespace
