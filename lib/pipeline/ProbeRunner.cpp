// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ProbeRunner.h"
#include "partita/pipeline/Driver.h"
#include "partita/support/Error.h"
#include "partita/support/File.h"
#include "partita/support/Json.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace partita;
using cost::Probe;
using cost::ProbeKind;

namespace {
std::string typeOf(llvm::ArrayRef<int64_t> shape, const std::string &element) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

std::string argument(int number, const std::string &type) {
  std::string index = std::to_string(number);
  return (number ? ", %a" : "%a") + index + ": " + type + " {partita.name = \"a" + index +
         "\", partita.role = \"input\"}";
}

std::string function(const std::string &arguments, const std::string &body, const std::string &type) {
  return "module attributes {partita.phase = \"import\"} {\n  func.func @main(" + arguments + ") -> (" + type +
         " {partita.name = \"y\"}) {\n" + body + "    return %y : " + type + "\n  }\n}\n";
}

std::string contraction(const std::string &spec, const std::string &a, const std::string &b, const std::string &y) {
  return "    %y = partita_graph.contraction \"probe\"(%a0, %a1) \"" + spec + "\" : (" + a + ", " + b + ") -> " + y +
         "\n";
}

std::string elementwise(const std::string &result, const char *kind, const std::string &operand,
                        const std::string &type) {
  return "    " + result + " = partita_graph.elementwise \"probe_" + result.substr(1) + "\" " + kind + "(" + operand +
         ", %a1) : (" + type + ", " + type + ") -> " + type + "\n";
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
} // namespace

std::string partita::writeProbeModel(const Probe &probe, int64_t devices) {
  int64_t size = probe.size;
  const std::string &element = probe.elementType;
  if (probe.kind == ProbeKind::Product) {
    std::string type = typeOf({devices, size, size}, element);
    return function(argument(0, type) + argument(1, type), contraction("rxy,ryz->rxz", type, type, type), type);
  }
  if (probe.kind == ProbeKind::Exchange) {
    std::string a = typeOf({1, devices}, element), b = typeOf({devices, size}, element), y = typeOf({1, size}, element);
    return function(argument(0, a) + argument(1, b), contraction("xr,rz->xz", a, b, y), y);
  }
  std::string type = typeOf({devices, size}, element), body, previous = "%a0";
  int64_t length = probe.kind == ProbeKind::Chain ? cost::chainLength : 1;
  for (int64_t i = 1; i <= length; ++i) {
    std::string result = i == length ? "%y" : "%v" + std::to_string(i);
    body += elementwise(result, i % 2 ? "add" : "mul", previous, type);
    previous = result;
  }
  return function(argument(0, type) + argument(1, type), body, type);
}

llvm::Expected<Seconds> partita::readProbeTrace(llvm::StringRef trace, bool isExchange) {
  llvm::Expected<JsonDocument> document = JsonDocument::parse(trace, "the probe's trace");
  if (!document)
    return document.takeError();
  JsonReader root = document->root();
  root.allowUnknownFields();
  // Steps begin and end with the forward events of a rank; kernels and waits lie inside.
  struct Span {
    double begin, length;
    std::string name;
  };
  std::map<int64_t, std::vector<Span>> ranks;
  for (const JsonReader &event : root.field("traceEvents").elements()) {
    event.allowUnknownFields();
    if (event.field("ph").asString() == "X")
      ranks[event.field("tid").asInteger()].push_back(
          {event.field("ts").asDouble(), event.field("dur").asDouble(), event.field("name").asString()});
  }
  std::map<size_t, double> steps;
  for (const auto &[rank, spans] : ranks) {
    size_t step = 0;
    for (const Span &whole : spans) {
      if (!llvm::StringRef(whole.name).starts_with("forward "))
        continue;
      double inside = 0;
      for (const Span &span : spans)
        if (&span != &whole && span.begin >= whole.begin && span.begin < whole.begin + whole.length &&
            llvm::StringRef(span.name).ends_with(" wait") == isExchange)
          inside += span.length * 1e-6;
      auto [entry, isNew] = steps.try_emplace(step++, inside);
      if (!isNew)
        entry->second = isExchange ? std::min(entry->second, inside) : std::max(entry->second, inside);
    }
  }
  if (llvm::Error error = document->finish())
    return std::move(error);
  steps.erase(0); // Touches memory for the first time.
  if (steps.empty())
    return makeError("E-BAD-FILE", "the probe's trace has no steps");
  std::vector<double> times;
  for (const auto &[step, seconds] : steps)
    times.push_back(seconds);
  return Seconds{median(std::move(times))};
}

llvm::Expected<std::string> ProbeRunner::compile(const Probe &probe) {
  std::string model = options.folder + "/probe.mlir", machine = options.folder + "/machine.json",
              program = options.folder + "/probe";
  if (llvm::Error error = writeFileAtomically(model, writeProbeModel(probe, options.devices)))
    return std::move(error);
  machine::MachineDescription description{"probe", {options.device}, {}, {}};
  description.devices.assign(size_t(options.devices), machine::DeviceTypeId{0});
  if (options.devices > 1)
    description.levels.push_back(
        {"memory", 8e9, {}, {}, machine::Topology::Switch, std::vector<int32_t>(size_t(options.devices), 0)});
  if (probe.blocks)
    description.types[0].blocks[options.processor] = *probe.blocks;
  llvm::Expected<machine::Machine> built = machine::Machine::create(std::move(description));
  if (!built)
    return built.takeError();
  if (llvm::Error error = writeFileAtomically(machine, built->toJson().str()))
    return std::move(error);
  std::vector<std::string> arguments{"compile", model, "-o", program, "--machine", machine, "--cpu", options.cpu};
  if (options.devices > 1)
    arguments.insert(arguments.end(),
                     {"--preset", "mesh:rank=" + std::to_string(options.devices), "--pin",
                      std::string("probe*:") +
                          (probe.kind == ProbeKind::Exchange || probe.kind == ProbeKind::Product ? "r" : "d0") +
                          "=rank"});
  std::string out, err;
  llvm::raw_string_ostream outStream(out), errStream(err);
  if (runDriver(arguments, outStream, errStream, options.driver) != 0)
    return makeError("E-CALIBRATE", "a probe cannot be compiled: " + llvm::StringRef(err).trim().str());
  return program;
}

llvm::Expected<std::string> ProbeRunner::execute(llvm::StringRef program, int64_t steps) {
  std::string trace = options.folder + "/trace.json", err = options.folder + "/errors", count = std::to_string(steps);
  llvm::StringRef arguments[] = {program, "--bench", count, "--profile", trace};
  std::optional<llvm::StringRef> redirects[] = {"", "", llvm::StringRef(err)};
  std::string message;
  if (llvm::sys::ExecuteAndWait(program, arguments, std::nullopt, redirects, 0, 0, &message) == 0)
    return readFileText(trace);
  if (llvm::Expected<std::string> text = readFileText(err, 1 << 16))
    message += *text;
  else
    llvm::consumeError(text.takeError());
  return makeError("E-CALIBRATE", "a probe failed: " + llvm::StringRef(message).trim().str());
}

llvm::Expected<Seconds> ProbeRunner::measure(const Probe &probe) {
  llvm::Expected<std::string> program = compile(probe);
  if (!program)
    return program.takeError();
  // One step tells how many fit. It may be a slow one, so that fewer are run than could be.
  llvm::Expected<Seconds> first = Seconds{};
  for (int64_t steps : {int64_t(1), int64_t(0)}) {
    if (steps == 0)
      steps = int64_t(std::clamp(options.seconds / std::max(first->value, 1e-7), 1.0, 1000.0));
    llvm::Expected<std::string> trace = execute(*program, steps);
    if (!trace)
      return trace.takeError();
    first = readProbeTrace(*trace, probe.kind == ProbeKind::Exchange);
    if (!first)
      return first.takeError();
  }
  return first;
}
