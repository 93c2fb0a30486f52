// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The main program: command line, inputs, steps, reports.
#include "partita/runtime/Main.h"

#include "CommandLine.h"
#include "Report.h"
#include "partita/runtime/Drawing.h"
#include "partita/runtime/Safetensors.h"
#include "partita/runtime/SmallFloat.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace partita::runtime {

namespace {

int report(const std::string &error, int status) {
  fflush(stdout);
  fprintf(stderr, "error: %s\n", error.c_str());
  return status;
}

char *allocate(TensorView &tensor) {
  std::shared_ptr<char> memory = allocateAligned(size_t(elementCount(tensor.shape) * elementBytes(tensor.elementType)));
  tensor.data = memory.get();
  tensor.owner = memory;
  return memory.get();
}

// .npy has no bf16 and no 8-bit floats: inputs that are not given as .safetensors are given as f32 and rounded here.
void roundToSmall(ElementType type, TensorView &tensor) {
  TensorView rounded{type, tensor.shape, nullptr, nullptr};
  char *memory = allocate(rounded);
  for (int64_t i = 0, count = elementCount(tensor.shape), bytes = elementBytes(type); i < count; ++i) {
    float value;
    std::memcpy(&value, static_cast<const char *>(tensor.data) + i * 4, 4);
    uint16_t bits = encodeSmallFloat(type, value);
    std::memcpy(memory + i * bytes, &bits, size_t(bytes));
  }
  tensor = rounded;
}

bool readInputs(const Image &image, const CommandLine &options, std::vector<TensorView> &inputs, std::string &error) {
  inputs.assign(image.inputs.size(), {});
  for (const auto &[name, path] : options.inputs) {
    size_t index = 0;
    while (index < image.inputs.size() && image.inputs[index].name != name)
      ++index;
    if (index == image.inputs.size()) {
      error = "E-INPUT: the model has no input '" + name + "'; it has";
      for (const Input &input : image.inputs)
        error += " '" + input.name + "'";
      return false;
    }
    if (!(isSafetensors(path) ? readSafetensors(path, name, inputs[index], error)
                              : readNpy(path, inputs[index], error)))
      return false;
    ElementType type = image.inputs[index].elementType;
    if (isSmallFloat(type) && inputs[index].elementType == ElementType::f32)
      roundToSmall(type, inputs[index]);
    bool narrow = type == ElementType::si4 || type == ElementType::ui4;
    if (narrow && elementBytes(inputs[index].elementType) == 1)
      inputs[index].elementType = type; // Stored one to a byte in both.
  }
  return true;
}

bool drawMissingInputs(const Image &image, const CommandLine &options, const std::vector<int64_t> &symbols,
                       std::vector<TensorView> &inputs, std::string &error) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Input &input = image.inputs[i];
    if (inputs[i].data)
      continue;
    TensorView drawn{input.elementType, shapeOf(input.shape, symbols), nullptr, nullptr};
    if (!options.randomInputs && options.bench == 0) {
      error = "E-INPUT: no value for input '" + input.name + "' " + describeTensor(drawn.elementType, drawn.shape) +
              "; add --input " + input.name + "=FILE.npy or --random-inputs";
      return false;
    }
    char *memory = allocate(drawn);
    bool isFloat = input.elementType <= ElementType::f8E5M2FNUZ;
    double scale = isFloat || input.maximum < 0 ? 1.0 : double(input.maximum);
    drawElements(drawn.elementType, drawingKey(options.seed, input.name), 0, elementCount(drawn.shape), scale, memory);
    inputs[i] = drawn;
  }
  return true;
}

std::string executableFolder() {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
  std::string text(path, size_t(std::max<ssize_t>(length, 0)));
  return text.substr(0, text.find_last_of('/') == std::string::npos ? 0 : text.find_last_of('/'));
}

bool measure(Program &program, const CommandLine &options, const std::vector<TensorView> &inputs,
             const std::vector<int64_t> &symbols, std::vector<TensorView> &outputs, std::string &error) {
  std::vector<double> seconds;
  // The first step touches memory for the first time and makes the routes; it is not counted.
  for (int64_t i = -1; i < options.bench; ++i) {
    auto begin = std::chrono::steady_clock::now();
    if (!program.run(inputs, symbols, outputs, error))
      return false;
    if (i >= 0)
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  printf("%s", benchReport(program, seconds).c_str());
  return true;
}

int runProgram(Image image, const partita_function *functions, const CommandLine &options) {
  std::string error;
  std::vector<TensorView> inputs, outputs;
  std::vector<int64_t> symbols;
  if (!readInputs(image, options, inputs, error) || !bindSymbols(image, inputs, symbols, error) ||
      !drawMissingInputs(image, options, symbols, inputs, error))
    return report(error, 1);
  ProgramOptions programOptions{options.weights, executableFolder(), options.threads, !options.profile.empty()};
  std::unique_ptr<Program> program = Program::create(std::move(image), functions, programOptions, error);
  if (!program)
    return report(error, 1);
  bool ok = options.bench > 0 ? measure(*program, options, inputs, symbols, outputs, error)
                              : program->run(inputs, symbols, outputs, error);
  if (!ok)
    return report(error, 1);
  if (options.memory)
    printf("%s", memoryReport(*program).c_str());
  if (!options.profile.empty() && !writeTrace(options.profile, *program, error))
    return report(error, 1);
  if (!options.output.empty() && !storeOutputs(options.output, program->image(), outputs, error))
    return report(error, 1);
  if (options.output.empty() && options.bench == 0)
    for (size_t i = 0; i < outputs.size(); ++i)
      printf("output     %s %s\n", program->image().outputs[i].name.c_str(),
             describeTensor(outputs[i].elementType, outputs[i].shape).c_str());
  return 0;
}

} // namespace

int runMain(int argc, const char *const *argv, const void *bytes, size_t size, const partita_function *functions) {
  CommandLine options;
  std::string error;
  if (!parseCommandLine(argc, argv, options, error))
    return report(error, error.rfind("E-USAGE", 0) == 0 ? 2 : 1);
  Image image;
  if (!deserializeImage(bytes, size, image, error))
    return report(error, 1);
  if (options.help)
    printf("%s", helpText(argc > 0 ? argv[0] : "program", image).c_str());
  else if (options.version)
    printf("%s, model %s\n", image.producer.c_str(), image.model.c_str());
  if (options.help || options.version)
    return 0;
  return runProgram(std::move(image), functions, options);
}

} // namespace partita::runtime
