// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- SizeReader.h - Sizes from the command line, checked ---------------------===//
//
// Takes named values out of a map, checks them, and reports the first mistake at the end; what nobody took is a
// mistake too. Example:
//
//   SizeReader reader("gpt", {{"layers", "2"}, {"batch", "batch"}});
//   reader.read("layers", sizes.layers); reader.read("batch", sizes.batch);   // 2; the symbolic dim "batch"
//   if (llvm::Error error = reader.finish()) return error;                    // E-ZOO-SIZE
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_IMPORT_ZOO_SIZEREADER_H
#define PARTITA_LIB_IMPORT_ZOO_SIZEREADER_H

#include "zoo/ModelWriter.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace partita::import {

class SizeReader {
public:
  /// `values`: the given sizes, names without dashes.
  SizeReader(std::string model, std::map<std::string, std::string> values)
      : model(std::move(model)), left(std::move(values)) {}

  /// Each read leaves `size` as it is where the name was not given. A size is 1 to 2^31 - 1, so that products of two
  /// sizes never overflow.
  void read(const std::string &name, int64_t &size);
  /// As read, of what is written once for each: at most `mostCounted`.
  void readCount(const std::string &name, int64_t &size);
  static constexpr int64_t mostCounted = 4096;
  /// A number, or an identifier that names a symbolic dim.
  void read(const std::string &name, ZooDim &dim);
  /// A number from 0 to 1, such as an epsilon.
  void read(const std::string &name, double &number);
  /// yes or no.
  void read(const std::string &name, bool &flag);
  void read(const std::string &name, std::string &choice, const std::vector<std::string> &choices);
  /// States what must hold between sizes.
  void require(bool holds, const llvm::Twine &message);
  /// Success, or E-ZOO-SIZE with the first mistake; sizes that were never read are mistakes.
  llvm::Error finish();
  /// What was asked for: names with the values they had before being read, for the list of the zoo.
  const std::map<std::string, std::string> &getDefaults() const { return defaults; }

private:
  std::optional<std::string> take(const std::string &name, const std::string &defaultValue);

  std::string model;
  std::map<std::string, std::string> left, defaults;
  std::optional<std::string> mistake;
};

} // namespace partita::import

#endif // PARTITA_LIB_IMPORT_ZOO_SIZEREADER_H
