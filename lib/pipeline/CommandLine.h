// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arguments of one command, checked against what the command takes.
//
// Example: with options {{"o", "FILE", "..."}, {"pin", "RULE", "...", true}}, `plan m.onnx --pin a --pin=b -o p.json`
//   gives positional {"m.onnx"}, get("o") == "p.json", getAll("pin") == {"a", "b"}.
#ifndef PARTITA_LIB_PIPELINE_COMMANDLINE_H
#define PARTITA_LIB_PIPELINE_COMMANDLINE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace partita {

/// One option. `value` names its value in the help; empty for a flag.
struct OptionSpec {
  std::string name;
  std::string value;
  std::string help;
  bool repeatable = false;
};

/// What a command takes: positional arguments by name ("[NAME]" may be left out), then options.
struct CommandSpec {
  std::string name;
  std::string summary;
  std::vector<std::string> positional;
  std::vector<OptionSpec> options;
};

class Arguments {
public:
  /// Errors carry code E-USAGE and name the nearest option.
  static llvm::Expected<Arguments> parse(const CommandSpec &spec, llvm::ArrayRef<std::string> arguments);

  const std::vector<std::string> &positional() const { return positionalValues; }
  bool has(llvm::StringRef option) const { return values.count(option.str()) != 0; }
  /// The option's (last) value, or `fallback`.
  std::string get(llvm::StringRef option, llvm::StringRef fallback = "") const;
  std::vector<std::string> getAll(llvm::StringRef option) const;
  /// A whole number in [least, most], or `fallback` when the option is absent; E-USAGE otherwise.
  llvm::Expected<int64_t> getInteger(llvm::StringRef option, int64_t fallback, int64_t least, int64_t most) const;

private:
  std::vector<std::string> positionalValues;
  std::map<std::string, std::vector<std::string>> values;
};

/// One option per line, aligned.
void printHelp(const CommandSpec &spec, llvm::raw_ostream &os);

} // namespace partita

#endif
