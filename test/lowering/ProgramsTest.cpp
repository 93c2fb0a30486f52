// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hand-written programs of several ranks and stages: machine code against the interpreter's process grid.
#include "JitProgram.h"
#include "partita/lowering/Lowering.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace partita;
using namespace partita::lowering::test;
using interpreter::NamedTensors;
using interpreter::Tensor;

namespace {

/// x * w1, relu, * w2 with the hidden dim over the axis "x" of `ranks` ranks in units of `unit`.
std::string makeMlp(int64_t ranks, int64_t hidden, int64_t unit, int64_t rows = 4) {
  bool even = hidden % (ranks * unit) == 0;
  std::string local = even ? std::to_string(hidden / ranks) : "?";
  std::string whole = std::to_string(hidden), m = std::to_string(rows);
  std::string split = unit == 1 ? "\"x\"" : "\"x\":" + std::to_string(unit);
  auto part = [](const std::string &local, const std::string &global, const std::string &placement) {
    return "tensor<" + local + ", #partita_plan.part<tensor<" + global + ">, <" + placement + ">>>";
  };
  std::string x = part(m + "x8xf32", m + "x8xf32", "[[], []]");
  std::string w1 = part("8x" + local + "xf32", "8x" + whole + "xf32", "[[], [" + split + "]]");
  std::string w2 = part(local + "x5xf32", whole + "x5xf32", "[[" + split + "], []]");
  std::string h = part(m + "x" + local + "xf32", m + "x" + whole + "xf32", "[[], [" + split + "]]");
  std::string p = part(m + "x5xf32", m + "x5xf32", "[[], []], partial [\"x\" sum]");
  std::string y = part(m + "x5xf32", m + "x5xf32", "[[], []]");
  std::string devices;
  for (int64_t rank = 0; rank < ranks; ++rank)
    devices += (rank ? ", " : "") + std::to_string(rank);
  return "partita_plan.stage @s on <[\"x\"=" + std::to_string(ranks) + "], devices = [" + devices + "]>\n" +
         "func.func private @segment_0(%x: " + x + ", %w1: " + w1 + ", %w2: " + w2 + ") -> " + y +
         " attributes {partita_collective.stage = @s} {\n" +
         "%0 = partita_graph.contraction \"fc1\" (%x, %w1) \"mk,kn->mn\" : (" + x + ", " + w1 + ") -> " + h + "\n" +
         "%1 = partita_graph.elementwise \"act\" relu(%0) : (" + h + ") -> " + h + "\n" +
         "%2 = partita_graph.contraction \"fc2\" (%1, %w2) \"mk,kn->mn\" : (" + h + ", " + w2 + ") -> " + p + "\n" +
         "%3 = partita_collective.all_reduce \"fc2\" %2 over [\"x\"] : " + p + " to " + y + "\nreturn %3 : " + y +
         " }\n" + "func.func @s_forward(%x: " + x + " {partita.name = \"x\", partita.role = \"input\"}, %w1: " + w1 +
         " {partita.name = \"w1\", partita.role = \"input\"}, %w2: " + w2 +
         " {partita.name = \"w2\", partita.role = \"input\"}) -> (" + y +
         " {partita.name = \"y\"}) attributes {partita_collective.stage = @s, partita_collective.event = \"forward\"} "
         "{\n" +
         "%0 = func.call @segment_0(%x, %w1, %w2) : (" + x + ", " + w1 + ", " + w2 + ") -> " + y +
         "\nreturn %0 : " + y + " }\n" +
         "partita_collective.program @main role \"worker\" phase \"step\" stages [@s] events "
         "[#partita_collective.events<devices = [" +
         devices + "], [<forward @s, 0>]>]\n";
}

NamedTensors makeMlpInputs(MLIRContext &context, int64_t hidden, int64_t rows = 4) {
  Type f32 = Float32Type::get(&context);
  auto draw = [&](ArrayRef<int64_t> shape, double step) {
    std::vector<double> values;
    for (int64_t i = 0; i < interpreter::countElements(shape); ++i)
      values.push_back(std::sin(step * static_cast<double>(i + 1)));
    return Tensor::fromDoubles(f32, shape, values);
  };
  return {{"x", draw({rows, 8}, 0.7)}, {"w1", draw({8, hidden}, 1.3)}, {"w2", draw({hidden, 5}, 0.9)}};
}

void expectInterpreted(const std::string &text, MLIRContext &context, const NamedTensors &inputs) {
  OwningOpRef<ModuleOp> program = parse(context, text);
  ASSERT_TRUE(program);
  FailureOr<NamedTensors> expected = interpreter::interpretProgram(*program, inputs, {});
  ASSERT_TRUE(succeeded(expected));
  std::optional<NamedTensors> actual = runProgram(*program, inputs);
  ASSERT_TRUE(actual);
  for (auto &[name, tensor] : *expected)
    expectClose((*actual)[name], tensor, 1e-5, name);
}

TEST(Programs, MlpOnOneRank) {
  auto context = makeContext();
  expectInterpreted(makeMlp(1, 12, 1), *context, makeMlpInputs(*context, 12));
}

TEST(Programs, MlpOnTwoRanks) {
  auto context = makeContext();
  expectInterpreted(makeMlp(2, 12, 1), *context, makeMlpInputs(*context, 12));
}

TEST(Programs, MlpUneven) {
  auto context = makeContext();
  expectInterpreted(makeMlp(5, 48, 4), *context, makeMlpInputs(*context, 48));
}

TEST(Programs, MlpWithEmptyParts) {
  auto context = makeContext();
  expectInterpreted(makeMlp(4, 3, 1), *context, makeMlpInputs(*context, 3));
}

std::string emitMlp(MLIRContext &context, int64_t ranks, int64_t hidden, runtime::Image &image) {
  OwningOpRef<ModuleOp> program = parse(context, makeMlp(ranks, hidden, 1));
  EXPECT_TRUE(succeeded(lowering::lowerToLLVM(*program, image)));
  lowering::EmitOptions options;
  FailureOr<std::string> object = lowering::emitObject(*program, image, options);
  EXPECT_TRUE(succeeded(object));
  return succeeded(object) ? *object : "";
}

/// Contents by section name.
std::map<std::string, std::string> readSections(const std::string &object) {
  std::map<std::string, std::string> sections;
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "object"));
  EXPECT_TRUE(static_cast<bool>(file));
  for (const llvm::object::SectionRef &section : (*file)->sections()) {
    std::string name = llvm::cantFail(section.getName()).str();
    if (section.isBSS())
      sections[name] = std::string(section.getSize(), '\0');
    else
      sections[name] = llvm::cantFail(section.getContents()).str();
  }
  return sections;
}

TEST(Programs, CodeIsTheSameForAnyNumberOfRanks) {
  auto context = makeContext();
  runtime::Image two, many;
  std::map<std::string, std::string> first = readSections(emitMlp(*context, 2, 16, two));
  std::map<std::string, std::string> second = readSections(emitMlp(*context, 64, 512, many));
  EXPECT_FALSE(first[".text"].empty());
  EXPECT_EQ(first[".text"], second[".text"]);
  EXPECT_EQ(two.devices.size(), 2u);
  EXPECT_EQ(many.devices.size(), 64u);
}

TEST(Programs, NoMutableGlobals) {
  auto context = makeContext();
  runtime::Image image;
  for (auto &[name, content] : readSections(emitMlp(*context, 5, 48, image)))
    if (StringRef(name).starts_with(".data") && !StringRef(name).starts_with(".data.rel.ro"))
      EXPECT_TRUE(content.empty()) << name;
    else if (StringRef(name).starts_with(".bss"))
      EXPECT_TRUE(content.empty()) << name;
}

TEST(Programs, ArenaIsNearTheLiveBytes) {
  auto context = makeContext();
  OwningOpRef<ModuleOp> program = parse(*context, makeMlp(5, 4800, 4, 64));
  std::map<std::string, lowering::ArenaUse> use;
  FailureOr<runtime::Image> image = lowering::assignBuffers(*program, &use);
  ASSERT_TRUE(succeeded(image));
  ASSERT_TRUE(use.count("s"));
  EXPECT_LE(static_cast<double>(use["s"].arena), 1.10 * static_cast<double>(use["s"].peakLive));
  EXPECT_EQ(image->predicted.arenaBytes, use["s"].arena);
  // The largest part is 960 of 4800 columns: with w1, w2, the hidden values, the partial and the whole result.
  EXPECT_GE(use["s"].arena, uint64_t(8 + 64 + 5) * 960 * 4);
}

/// Two stages of one rank each; the batch of six rows in three micro-batches.
const char *const kPipeline = R"(
partita_plan.stage @a on <["micro"=3 time], devices = [0]>
partita_plan.stage @b on <["micro"=3 time], devices = [1]>
#g = #partita_plan.part<tensor<6x4xf32>, <[["micro"], []]>>
partita_collective.channel @c "h" from @a : tensor<2x4xf32, #g> to @b : tensor<2x4xf32, #g>
func.func private @segment_0(%x: tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g> attributes {partita_collective.stage = @a} {
  %0 = partita_graph.elementwise "double" add(%x, %x) : (tensor<2x4xf32, #g>, tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  return %0 : tensor<2x4xf32, #g>
}
func.func @a_forward(%x: tensor<2x4xf32, #g> {partita.name = "x", partita.role = "input"})
    -> (tensor<2x4xf32, #g> {partita_collective.channel = @c})
    attributes {partita_collective.stage = @a, partita_collective.event = "forward"} {
  %0 = func.call @segment_0(%x) : (tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  return %0 : tensor<2x4xf32, #g>
}
func.func @b_forward(%h: tensor<2x4xf32, #g> {partita_collective.channel = @c})
    -> (tensor<2x4xf32, #g> {partita.name = "y"})
    attributes {partita_collective.stage = @b, partita_collective.event = "forward"} {
  %0 = func.call @segment_0(%h) : (tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  %1 = func.call @segment_0(%0) : (tensor<2x4xf32, #g>) -> tensor<2x4xf32, #g>
  return %1 : tensor<2x4xf32, #g>
}
partita_collective.program @main role "worker" phase "step" stages [@a, @b] events [
  #partita_collective.events<devices = [0], [<forward @a, 0>, <send @c, 0>, <forward @a, 1 slot 1>,
    <send @c, 1 slot 1>, <forward @a, 2>, <send @c, 2>]>,
  #partita_collective.events<devices = [1], [<receive @c, 0>, <receive @c, 1 slot 1>, <forward @b, 0>, <receive @c, 2>,
    <forward @b, 1 slot 1>, <forward @b, 2>]>]
)";

TEST(Programs, PipelineWithMicroBatches) {
  auto context = makeContext();
  Type f32 = Float32Type::get(context.get());
  std::vector<double> values(24);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<double>(i);
  expectInterpreted(kPipeline, *context, {{"x", Tensor::fromDoubles(f32, {6, 4}, values)}});
}

} // namespace
