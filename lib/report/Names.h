// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names taken apart at their first number: "h.11.attn" is {"h.", ".attn", 11}.
#ifndef PARTITA_LIB_REPORT_NAMES_H
#define PARTITA_LIB_REPORT_NAMES_H

#include "partita/report/PlanFile.h"
#include <optional>

namespace partita::report {

struct NumberedName {
  std::string prefix, suffix;
  std::optional<uint64_t> number;
};

NumberedName splitName(llvm::StringRef name);

} // namespace partita::report

#endif
