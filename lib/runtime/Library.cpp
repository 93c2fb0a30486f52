// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface over a Program.
#include "partita/runtime/Library.h"

#include "partita/runtime/Program.h"

#include <cstdio>

using namespace partita::runtime;

struct partita_program {
  std::unique_ptr<Program> program;
  std::vector<std::vector<int64_t>> inputShapes;
  std::vector<TensorView> outputs;
};

static void setError(char *error, size_t size, const std::string &message) {
  if (error && size > 0)
    snprintf(error, size, "%s", message.c_str());
}

partita_program *partita::runtime::createLibraryProgram(const void *bytes, size_t size,
                                                        const partita_function *functions, const char *weights,
                                                        int64_t threads, char *error, size_t errorSize) {
  Image image;
  std::string message;
  auto created = std::make_unique<partita_program>();
  if (deserializeImage(bytes, size, image, message)) {
    std::vector<int64_t> bounds;
    for (const Symbol &symbol : image.symbols)
      bounds.push_back(symbol.maximum);
    for (const Input &input : image.inputs)
      created->inputShapes.push_back(shapeOf(input.shape, bounds));
    ProgramOptions options{weights ? weights : "", "", threads, false};
    created->program = Program::create(std::move(image), functions, options, message);
  }
  if (created->program)
    return created.release();
  setError(error, errorSize, message);
  return nullptr;
}

static bool convertInputs(const Image &image, const partita_tensor *inputs, int64_t count,
                          std::vector<TensorView> &views, std::string &message) {
  views.assign(image.inputs.size(), {});
  for (int64_t i = 0; i < count; ++i) {
    size_t index = 0;
    while (index < image.inputs.size() && image.inputs[index].name != inputs[i].name)
      ++index;
    bool valid = index < image.inputs.size() && inputs[i].data && inputs[i].type >= 0 &&
                 inputs[i].type <= int32_t(ElementType::boolean) && inputs[i].rank >= 0 && inputs[i].rank <= 64;
    if (!valid) {
      message = "E-INPUT: input '" + std::string(inputs[i].name) +
                "' is not one of the model's, or has no valid type, rank or data";
      return false;
    }
    views[index].elementType = ElementType(inputs[i].type);
    views[index].shape.assign(inputs[i].shape, inputs[i].shape + inputs[i].rank);
    views[index].data = inputs[i].data;
  }
  for (size_t i = 0; i < views.size(); ++i)
    if (!views[i].data) {
      message = "E-INPUT: no value for input '" + image.inputs[i].name + "'";
      return false;
    }
  return true;
}

extern "C" {

void partita_destroy(partita_program *program) { delete program; }

int64_t partita_input_count(const partita_program *program) { return int64_t(program->inputShapes.size()); }

int64_t partita_output_count(const partita_program *program) {
  return int64_t(program->program->image().outputs.size());
}

int partita_input(partita_program *program, int64_t index, partita_tensor *tensor) {
  if (index < 0 || index >= partita_input_count(program))
    return -1;
  const Input &input = program->program->image().inputs[size_t(index)];
  const std::vector<int64_t> &shape = program->inputShapes[size_t(index)];
  *tensor = {input.name.c_str(), int32_t(input.elementType), int64_t(shape.size()), shape.data(), nullptr};
  return 0;
}

int partita_run(partita_program *program, const partita_tensor *inputs, int64_t count, char *error, size_t errorSize) {
  std::vector<TensorView> views;
  std::vector<int64_t> symbols;
  std::string message;
  const Image &image = program->program->image();
  program->outputs.clear();
  if (convertInputs(image, inputs, count, views, message) && bindSymbols(image, views, symbols, message) &&
      program->program->run(views, symbols, program->outputs, message))
    return 0;
  program->outputs.clear();
  setError(error, errorSize, message);
  return 1;
}

int partita_output(partita_program *program, int64_t index, partita_tensor *tensor) {
  if (index < 0 || size_t(index) >= program->outputs.size())
    return -1;
  const TensorView &view = program->outputs[size_t(index)];
  *tensor = {program->program->image().outputs[size_t(index)].name.c_str(), int32_t(view.elementType),
             int64_t(view.shape.size()), view.shape.data(), view.data};
  return 0;
}

} // extern "C"
