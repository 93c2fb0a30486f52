// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CommandLine.h"
#include "partita/support/Error.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace partita {

static const OptionSpec *findOption(const CommandSpec &spec, StringRef name) {
  for (const OptionSpec &option : spec.options)
    if (option.name == name)
      return &option;
  return nullptr;
}

static std::string spell(const OptionSpec &option) { return (option.name.size() == 1 ? "-" : "--") + option.name; }

static Error unknownOption(const CommandSpec &spec, StringRef name) {
  std::vector<std::string> names, notes;
  for (const OptionSpec &option : spec.options)
    names.push_back(option.name);
  for (const std::string &near : findNearestNames(name, names, 1))
    notes.push_back("did you mean " + spell(*findOption(spec, near)) + "?");
  notes.push_back("'partita " + spec.name + " --help' lists the options");
  return makeError("E-USAGE", "'" + spec.name + "' has no option '" + name + "'", notes);
}

Expected<Arguments> Arguments::parse(const CommandSpec &spec, ArrayRef<std::string> arguments) {
  Arguments result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    // A lone dash is a value (standard output).
    if (!argument.starts_with("-") || argument == "-") {
      result.positionalValues.push_back(argument.str());
      continue;
    }
    StringRef name = argument.ltrim('-'), value;
    bool inlineValue = name.contains('=');
    if (inlineValue)
      std::tie(name, value) = name.split('=');
    const OptionSpec *option = findOption(spec, name);
    if (!option)
      return unknownOption(spec, name);
    if (option->value.empty()) {
      if (inlineValue)
        return makeError("E-USAGE", spell(*option) + " takes no value");
      result.values[option->name].push_back("");
      continue;
    }
    if (!inlineValue) {
      if (++i == arguments.size())
        return makeError("E-USAGE", spell(*option) + " needs a value: " + option->value);
      value = arguments[i];
    }
    std::vector<std::string> &list = result.values[option->name];
    if (!list.empty() && !option->repeatable)
      return makeError("E-USAGE", spell(*option) + " is given twice");
    list.push_back(value.str());
  }
  bool help = result.has("help");
  size_t most = spec.positional.size(), given = result.positionalValues.size();
  auto optional = count_if(spec.positional, [](StringRef name) { return name.starts_with("["); });
  if (!help && (given > most || given + static_cast<size_t>(optional) < most))
    return makeError("E-USAGE",
                     "'" + spec.name + "' takes " + Twine(most) + " argument(s) (" + join(spec.positional, " ") +
                         "), got " + Twine(given),
                     {"'partita " + spec.name + " --help' says more"});
  return result;
}

std::string Arguments::get(StringRef option, StringRef fallback) const {
  auto found = values.find(option.str());
  return found == values.end() ? fallback.str() : found->second.back();
}

std::vector<std::string> Arguments::getAll(StringRef option) const {
  auto found = values.find(option.str());
  return found == values.end() ? std::vector<std::string>() : found->second;
}

Expected<int64_t> Arguments::getInteger(StringRef option, int64_t fallback, int64_t least, int64_t most) const {
  if (!has(option))
    return fallback;
  int64_t value;
  if (StringRef(get(option)).getAsInteger(10, value) || value < least || value > most)
    return makeError("E-USAGE", "--" + option + " takes a whole number from " + Twine(least) + " to " + Twine(most) +
                                    ", got '" + get(option) + "'");
  return value;
}

void printHelp(const CommandSpec &spec, raw_ostream &os) {
  os << "usage: partita " << spec.name;
  for (const std::string &name : spec.positional)
    os << ' ' << name;
  os << " [options]\n" << spec.summary << "\n\noptions:\n";
  for (const OptionSpec &option : spec.options) {
    std::string left = spell(option) + (option.value.empty() ? "" : " " + option.value);
    os << "  " << left_justify(left, 28) << ' ' << option.help << '\n';
  }
}

} // namespace partita
