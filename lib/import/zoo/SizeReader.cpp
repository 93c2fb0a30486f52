// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SizeReader.cpp - Sizes from the command line, checked -------------------===//
#include "zoo/SizeReader.h"

#include "partita/support/Error.h"
#include "partita/support/JsonValue.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace partita;
using namespace partita::import;

std::optional<std::string> SizeReader::take(const std::string &name, const std::string &defaultValue) {
  defaults[name] = defaultValue;
  auto found = left.find(name);
  if (found == left.end())
    return std::nullopt;
  std::string value = found->second;
  left.erase(found);
  return value;
}

static bool parseSize(llvm::StringRef text, int64_t &size) {
  int64_t value;
  if (!llvm::to_integer(text, value, 10) || value < 1 || value > INT32_MAX)
    return false;
  size = value;
  return true;
}

void SizeReader::read(const std::string &name, int64_t &size) {
  std::optional<std::string> text = take(name, std::to_string(size));
  bool isDefault = text && size == 0 && *text == "0"; // stands for a size that follows from others
  if (text && !isDefault)
    require(parseSize(*text, size), "--" + name + " is '" + *text + "', not a number from 1 to 2147483647");
}

void SizeReader::readCount(const std::string &name, int64_t &size) {
  read(name, size);
  require(size <= mostCounted, "--" + name + " is " + llvm::Twine(size) + ", more than " + llvm::Twine(mostCounted));
}

void SizeReader::read(const std::string &name, ZooDim &dim) {
  std::optional<std::string> text = take(name, dim.isSymbolic() ? dim.name : std::to_string(dim.size));
  if (!text)
    return;
  bool isName = !text->empty() && !llvm::isDigit(text->front()) &&
                llvm::all_of(*text, [](char letter) { return llvm::isAlnum(letter) || letter == '_'; });
  if (isName)
    dim = ZooDim{0, *text};
  else
    require(parseSize(*text, dim.size), "--" + name + " is '" + *text + "', neither a number nor a name");
}

void SizeReader::read(const std::string &name, double &number) {
  std::optional<std::string> text = take(name, JsonValue(number).compactStr());
  double value;
  if (!text)
    return;
  bool isNumber = llvm::to_float(*text, value) && value >= 0.0 && value <= 1.0;
  require(isNumber, "--" + name + " is '" + *text + "', not a number from 0 to 1");
  if (isNumber)
    number = value;
}

void SizeReader::read(const std::string &name, bool &flag) {
  std::string choice = flag ? "yes" : "no";
  read(name, choice, {"yes", "no"});
  flag = choice == "yes";
}

void SizeReader::read(const std::string &name, std::string &choice, const std::vector<std::string> &choices) {
  std::optional<std::string> text = take(name, choice);
  if (!text)
    return;
  require(llvm::is_contained(choices, *text), "--" + name + " is '" + *text + "'; known: " + llvm::join(choices, ", "));
  choice = *text;
}

void SizeReader::require(bool holds, const llvm::Twine &message) {
  if (!holds && !mistake)
    mistake = message.str();
}

llvm::Error SizeReader::finish() {
  if (!mistake && !left.empty()) {
    std::vector<std::string> known;
    for (const auto &[name, value] : defaults)
      known.push_back("--" + name);
    mistake = "'" + model + "' has no size --" + left.begin()->first + "; it has " + llvm::join(known, " ");
  }
  if (mistake)
    return makeError("E-ZOO-SIZE", *mistake);
  return llvm::Error::success();
}
