// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Commands.h"
#include "partita/import/Zoo.h"
#include "partita/support/Error.h"
#include <set>

using namespace llvm;

namespace partita {

CommandSpec zooSpec() {
  CommandSpec spec{"zoo", "writes the ONNX graph of a known architecture at any size", {"NAME"}, {}};
  spec.options.push_back({"o", "FILE.onnx", "where to write the model"});
  spec.options.push_back({"weights", "none|seed=N", "no weights (shapes only, the default) or seeded ones"});
  spec.options.push_back({"list", "", "list names and sizes (NAME may be anything)"});
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

int runZoo(const Arguments &arguments, Terminal &terminal) {
  if (arguments.has("list"))
    return listNames(terminal);
  import::ZooRequest request;
  request.name = arguments.positional().front();
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
