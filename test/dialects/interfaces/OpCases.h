// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One program of a single op for every op of the graph dialect, at many shapes: what the laws of splitting are tried
// on.
//
// Example: for (const OpCase &entry : listOpCases()) parse(entry.text()) ...
#ifndef PARTITA_TEST_DIALECTS_INTERFACES_OPCASES_H
#define PARTITA_TEST_DIALECTS_INTERFACES_OPCASES_H

#include <map>
#include <string>
#include <vector>

namespace partita {

/// `body` names the operands %a0, %a1, ...
struct OpCase {
  std::string body;
  std::vector<std::string> operands;
  std::string result;
  /// The largest value of integer operands.
  int maximum = 1;
  /// Extents of symbols; those not named take their largest value.
  std::map<std::string, long> symbols = {};

  /// `func.func @main(operands) -> result { OP; return }`.
  std::string text() const;
};

std::vector<OpCase> listOpCases();

} // namespace partita

#endif
