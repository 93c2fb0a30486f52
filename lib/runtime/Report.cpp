// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reports of an executable.
#include "Report.h"
#include "partita/runtime/Safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sys/stat.h>

namespace partita::runtime {

namespace {

std::string format(const char *pattern, double value) {
  char text[64];
  snprintf(text, sizeof(text), pattern, value);
  return text;
}

std::string milliseconds(double seconds) { return format("%.3f ms", seconds * 1e3); }

// A field of /proc/self/status in bytes; 0 where the system does not tell.
uint64_t statusBytes(const char *field) {
  FILE *file = fopen("/proc/self/status", "r");
  if (!file)
    return 0;
  uint64_t bytes = 0;
  for (char line[256]; fgets(line, sizeof(line), file);)
    if (strncmp(line, field, strlen(field)) == 0)
      bytes = strtoull(line + strlen(field), nullptr, 10) * 1024;
  fclose(file);
  return bytes;
}

uint64_t largestArena(const Program &program) {
  uint64_t largest = 0;
  for (size_t rank = 0; rank < program.image().devices.size(); ++rank)
    largest = std::max(largest, program.arenaBytes(int64_t(rank)));
  return largest;
}

std::string fileNameOf(const std::string &name, std::set<std::string> &taken) {
  std::string base = name;
  for (char &c : base)
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
      c = '_';
  std::string unique = base;
  for (int i = 2; !taken.insert(unique).second; ++i)
    unique = base + "_" + std::to_string(i);
  return unique;
}

} // namespace

std::string benchReport(const Program &program, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  size_t count = seconds.size();
  double median = count % 2 ? seconds[count / 2] : (seconds[count / 2 - 1] + seconds[count / 2]) / 2;
  const Image &image = program.image();
  std::string text = "bench      " + std::to_string(count) + " steps, " + std::to_string(image.devices.size()) +
                     " ranks, " + std::to_string(program.threadsPerRank()) + " threads each\n";
  text += "latency    median " + milliseconds(median) + ", min " + milliseconds(seconds.front()) + ", max " +
          milliseconds(seconds.back()) + "\n";
  if (image.predicted.stepSeconds > 0)
    text += "predicted  " + milliseconds(image.predicted.stepSeconds) + ", measured is " +
            format("%.2f", median / image.predicted.stepSeconds) + " times that\n";
  text += "arena      " + std::to_string(largestArena(program)) + " bytes on the largest rank, predicted " +
          std::to_string(image.predicted.arenaBytes) + "\n";
  return text;
}

std::string memoryReport(const Program &program) {
  std::string text;
  uint64_t total = 0, scratch = 0;
  for (size_t rank = 0; rank < program.image().devices.size(); ++rank) {
    uint64_t bytes = program.arenaBytes(int64_t(rank));
    total += bytes;
    scratch += program.workerScratchBytes(int64_t(rank));
    text += "memory     rank " + std::to_string(rank) + " arena " + std::to_string(bytes) + " bytes";
    if (uint64_t shared = program.sharedBytes(int64_t(rank)))
      text += ", of which " + std::to_string(shared) + " lie at other ranks";
    text += "\n";
  }
  text += "memory     arenas " + std::to_string(total) + " bytes in all\n";
  text += "memory     scratch of threads " + std::to_string(scratch) + " bytes in all, " +
          std::to_string(program.threadsPerRank()) + " threads a rank\n";
  uint64_t resident = statusBytes("VmRSS:"), files = statusBytes("RssFile:");
  text += "memory     resident " + std::to_string(resident) + " bytes, without mapped files " +
          std::to_string(resident - std::min(resident, files)) + "\n";
  return text;
}

bool storeOutputs(const std::string &folder, const Image &image, const std::vector<TensorView> &outputs,
                  std::string &error) {
  if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    error = "E-BAD-FILE: cannot make the folder '" + folder + "': " + strerror(errno);
    return false;
  }
  std::set<std::string> taken = {"outputs"};
  std::string index;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string &name = image.outputs[i].name;
    bool fitsNpy = !npyHeader(outputs[i].elementType, {}).empty();
    std::string file = fileNameOf(name, taken) + (fitsNpy ? ".npy" : ".safetensors");
    std::string path = folder + "/" + file;
    if (!(fitsNpy ? writeNpy(path, outputs[i], error) : writeSafetensors(path, name, outputs[i], error)))
      return false;
    index += (index.empty() ? "{\n  " : ",\n  ") + quoteJson(name) + ": " + quoteJson(file);
  }
  index = index.empty() ? "{}\n" : index + "\n}\n";
  return writeFile(folder + "/outputs.json", {{index.data(), index.size()}}, error);
}

bool writeTrace(const std::string &path, const Program &program, std::string &error) {
  std::string text = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n";
  for (size_t rank = 0; rank < program.image().devices.size(); ++rank) {
    std::string where = ",\"pid\":0,\"tid\":" + std::to_string(rank);
    text += rank ? ",\n" : "";
    text += "{\"name\":\"thread_name\",\"ph\":\"M\"" + where + ",\"args\":{\"name\":\"rank " + std::to_string(rank) +
            "\"}}";
    for (const Span &span : program.spans(int64_t(rank)))
      text += ",\n{\"name\":" + quoteJson(span.name) + ",\"ph\":\"X\"" + where +
              ",\"ts\":" + format("%.3f", span.begin * 1e6) +
              ",\"dur\":" + format("%.3f", (span.end - span.begin) * 1e6) + "}";
  }
  text += "\n]}\n";
  return writeFile(path, {{text.data(), text.size()}}, error);
}

} // namespace partita::runtime
