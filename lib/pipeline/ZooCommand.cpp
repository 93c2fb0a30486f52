// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Commands.h"
#include "partita/import/Zoo.h"
#include "partita/support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include <set>

using namespace llvm;

namespace partita {

CommandSpec zooSpec() {
  CommandSpec spec{"zoo", "writes the ONNX graph of a known architecture at any size", {"[NAME]"}, {}};
  spec.options.push_back({"o", "FILE.onnx", "where to write the model"});
  spec.options.push_back({"weights", "none|seed=N", "no weights (shapes only, the default) or seeded ones"});
  spec.options.push_back({"list", "", "list names and sizes"});
  spec.options.push_back({"from", "config.json", "a Hugging Face model configuration instead of NAME"});
  std::set<std::string> sizes;
  for (const import::ZooEntry &entry : import::listZoo())
    for (const auto &[size, value] : entry.sizes)
      sizes.insert(size);
  for (const std::string &size : sizes)
    spec.options.push_back({size, "N", "size '" + size + "'"});
  addCommonOptions(spec);
  return spec;
}

static int listNames(Terminal &terminal) {
  for (const import::ZooEntry &entry : import::listZoo()) {
    terminal.out << entry.name << ": " << entry.description << "\n   ";
    for (const auto &[size, value] : entry.sizes)
      terminal.out << " --" << size << ' ' << value;
    terminal.out << '\n';
  }
  return 0;
}

/// The model that NAME or --from stands for, before sizes of the command line.
static Expected<import::ZooRequest> chooseModel(const Arguments &arguments, Terminal &terminal) {
  bool hasName = !arguments.positional().empty();
  if (hasName == arguments.has("from"))
    return makeError("E-USAGE", "say which model to write: NAME or --from config.json", {"--list lists the names"});
  if (hasName)
    return import::ZooRequest{arguments.positional().front(), {}, std::nullopt};
  Expected<import::ZooConfig> config = import::readZooConfig(arguments.get("from"));
  if (!config)
    return config.takeError();
  terminal.err << "used: " << join(config->used, ", ") << '\n';
  for (const std::string &field : config->notUsed)
    terminal.err << "warning: " << arguments.get("from") << ": field '" << field << "' is not known and not used\n";
  return config->request;
}

int runZoo(const Arguments &arguments, Terminal &terminal) {
  if (arguments.has("list"))
    return listNames(terminal);
  Expected<import::ZooRequest> chosen = chooseModel(arguments, terminal);
  if (!chosen)
    return reportError(chosen.takeError(), terminal);
  import::ZooRequest request = *chosen;
  for (const OptionSpec &option : zooSpec().options)
    if (option.help.rfind("size '", 0) == 0 && arguments.has(option.name))
      request.sizes[option.name] = arguments.get(option.name);
  std::string kept = arguments.get("weights", "none");
  StringRef weights = kept;
  if (weights != "none") {
    uint64_t seed;
    if (!weights.consume_front("seed=") || weights.getAsInteger(10, seed))
      return reportError(makeError("E-USAGE", "--weights takes none or seed=N, got '" + kept + "'"), terminal);
    request.seed = seed;
  }
  if (!arguments.has("o"))
    return reportError(makeError("E-USAGE", "say where to write the model: -o FILE.onnx"), terminal);
  Expected<import::ZooSummary> summary = import::writeZooModel(request, arguments.get("o"));
  if (!summary)
    return reportError(summary.takeError(), terminal);
  terminal.out << arguments.get("o") << ": " << summary->parameters << " parameters\n";
  return 0;
}

} // namespace partita
