// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Options of an emitted executable.
#include "CommandLine.h"

#include "partita/runtime/Npy.h"

#include <algorithm>
#include <cstdlib>

namespace partita::runtime {

namespace {

struct OptionText {
  const char *name, *value, *text;
};
constexpr OptionText optionTexts[] = {
    {"--input", "NAME=x.npy", "value of an input (or .safetensors); its shape sets the symbolic dimensions"},
    {"--output", "DIR", "store the outputs as .npy (bf16, f8: .safetensors); outputs.json maps names to files"},
    {"--random-inputs", nullptr, "seeded random values for inputs that are not given"},
    {"--seed", "N", "of the random inputs (default 0)"},
    {"--bench", "N", "run N steps, print latency and memory beside what was predicted"},
    {"--weights", "FILE", "file with the weights, or a folder of such files; a .safetensors file gives them by name"},
    {"--transport", "local", "how ranks communicate; local: as threads of this process"},
    {"--threads", "N", "threads per rank (default: cores / ranks)"},
    {"--profile", "F", "write a trace for Perfetto"},
    {"--memory", nullptr, "print arena and resident memory"},
    {"--reproducible", nullptr, "equal bits at any thread count and timing (always so for this program)"},
    {"--version", nullptr, "print the compiler that made this program"},
    {"--help", nullptr, "print this"}};
constexpr const char *trainingOptions[] = {"--data", "--steps", "--metrics", "--save", "--resume"};

bool parseNumber(const std::string &text, uint64_t limit, uint64_t &value) {
  value = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || value > (limit - uint64_t(c - '0')) / 10)
      return false;
    value = value * 10 + uint64_t(c - '0');
  }
  return !text.empty();
}

const OptionText *findOption(const std::string &name) {
  auto found = std::find_if(std::begin(optionTexts), std::end(optionTexts),
                            [&](const OptionText &option) { return name == option.name; });
  return found == std::end(optionTexts) ? nullptr : found;
}

std::string explainUnknown(const std::string &name) {
  for (const char *training : trainingOptions)
    if (name == training)
      return "E-USAGE: " + name + " is for programs compiled with --train; this one does inference";
  return "E-USAGE: unknown option '" + name + "'; --help lists the options";
}

bool setNumber(CommandLine &options, const std::string &name, const std::string &value, std::string &error) {
  uint64_t limit = name == "--seed" ? UINT64_MAX : 1000000000, number = 0;
  if (!parseNumber(value, limit, number) || (name != "--seed" && number == 0)) {
    error = "E-USAGE: " + name + " takes a number" + (name == "--seed" ? "" : " from 1 on") + ", not '" + value + "'";
    return false;
  }
  if (name == "--seed")
    options.seed = number;
  else
    (name == "--bench" ? options.bench : options.threads) = int64_t(number);
  return true;
}

bool setTransport(const std::string &value, std::string &error) {
  if (value == "local")
    return true;
  if (value == "mpi" || value == "nccl")
    error = "E-TRANSPORT: transport '" + value + "' is not built into this program; local is";
  else
    error = "E-USAGE: unknown transport '" + value + "'; known are local, mpi, nccl";
  return false;
}

bool setOption(CommandLine &options, const std::string &name, const std::string &value, std::string &error) {
  if (name == "--input") {
    size_t split = value.rfind('=');
    if (split == std::string::npos || split == 0 || split + 1 == value.size()) {
      error = "E-USAGE: --input takes NAME=FILE.npy, not '" + value + "'";
      return false;
    }
    options.inputs.push_back({value.substr(0, split), value.substr(split + 1)});
  } else if (name == "--output") {
    options.output = value;
  } else if (name == "--weights") {
    options.weights = value;
  } else if (name == "--profile") {
    options.profile = value;
  } else if (name == "--transport") {
    return setTransport(value, error);
  } else {
    return setNumber(options, name, value, error);
  }
  return true;
}

void setFlag(CommandLine &options, const std::string &name) {
  options.help |= name == "--help";
  options.version |= name == "--version";
  options.randomInputs |= name == "--random-inputs";
  options.memory |= name == "--memory";
}

std::string describeExtent(const Extent &extent, const Image &image) {
  std::string text;
  for (size_t i = 0; i < extent.coefficients.size(); ++i) {
    int64_t factor = extent.coefficients[i];
    if (factor != 0)
      text += (text.empty() ? "" : "+") + (factor == 1 ? "" : std::to_string(factor) + "*") + image.symbols[i].name;
  }
  if (text.empty() || extent.constant != 0)
    text += (text.empty() ? "" : "+") + std::to_string(extent.constant);
  return text;
}

std::string describeShape(ElementType type, const std::vector<Extent> &shape, const Image &image) {
  std::string text = std::string(elementName(type)) + "[";
  for (size_t d = 0; d < shape.size(); ++d)
    text += (d ? "," : "") + describeExtent(shape[d], image);
  return text + "]";
}

} // namespace

bool parseCommandLine(int argc, const char *const *argv, CommandLine &options, std::string &error) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    if (name == "-h")
      name = "--help";
    size_t assign = name.rfind("--", 0) == 0 ? name.find('=') : std::string::npos;
    bool hasValue = assign != std::string::npos;
    if (hasValue) {
      value = name.substr(assign + 1);
      name.resize(assign);
    }
    const OptionText *option = findOption(name);
    if (!option) {
      error = explainUnknown(name);
      return false;
    }
    if (!option->value && hasValue) {
      error = "E-USAGE: " + name + " takes no value";
      return false;
    }
    if (!option->value) {
      setFlag(options, name);
      continue;
    }
    if (!hasValue && i + 1 == argc) {
      error = "E-USAGE: " + name + " needs a value: " + option->value;
      return false;
    }
    if (!setOption(options, name, hasValue ? value : argv[++i], error))
      return false;
  }
  return true;
}

std::string helpText(const std::string &executable, const Image &image) {
  std::string text = "Usage: " + executable + " [options]\n\nOptions:\n";
  for (const OptionText &option : optionTexts) {
    std::string left = std::string("  ") + option.name + (option.value ? std::string(" ") + option.value : "");
    left.resize(std::max<size_t>(left.size() + 2, 24), ' ');
    text += left + option.text + "\n";
  }
  text += "\nCompiled in:\n  model      " + image.model + "\n  producer   " + image.producer + "\n  ranks      " +
          std::to_string(image.devices.size()) + "\n";
  for (const Stage &stage : image.stages) {
    text += "  stage      " + stage.name + " on " + std::to_string(stage.devices.size()) + " ranks";
    for (const Axis &axis : stage.axes)
      text += ", " + axis.name + "=" + std::to_string(axis.size) + (axis.kind == AxisKind::time ? " (time)" : "");
    text += "\n";
  }
  for (const Symbol &symbol : image.symbols)
    text += "  dimension  " + symbol.name + " in " + std::to_string(symbol.minimum) + ".." +
            std::to_string(symbol.maximum) + "\n";
  for (const Input &input : image.inputs)
    text += "  input      " + input.name + " " + describeShape(input.elementType, input.shape, image) + "\n";
  for (const Output &output : image.outputs) {
    const Layout &layout = image.stages[size_t(output.stage)].buffers[size_t(output.buffer)].layout;
    std::vector<Extent> shape;
    for (const Dimension &dimension : layout.dimensions)
      shape.push_back(dimension.extent);
    text += "  output     " + output.name + " " + describeShape(layout.elementType, shape, image) + "\n";
  }
  for (const WeightFile &file : image.files)
    text += "  weights    " + file.path + " (" + std::to_string(file.size) + " bytes)\n";
  text += "  transports local\n";
  for (const auto &[key, value] : image.notes) {
    std::string left = "  " + key;
    left.resize(std::max<size_t>(left.size() + 1, 13), ' ');
    text += left + value + "\n";
  }
  return text;
}

} // namespace partita::runtime
