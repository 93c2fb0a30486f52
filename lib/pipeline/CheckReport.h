// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `partita check` answers: problems, operators of the file, and how the ops they became can be split.
//
// Example: of an MLP with an unknown activation
//   problems  E-IMPORT-OP at node "layers.1/act"
//   nodes     2 x MatMul imported, 1 x com.example.Swish2 refused
//   ops       2 x contraction: splits b, n, k (reduced); 4096 operations each
#ifndef PARTITA_LIB_PIPELINE_CHECKREPORT_H
#define PARTITA_LIB_PIPELINE_CHECKREPORT_H

#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/import/Check.h"
#include "partita/support/JsonValue.h"

namespace partita {

/// One op of the module.
struct CheckedOp {
  std::string name, kind;
  /// The node of the file that it came from; empty for an .mlir model.
  std::string node;
  /// Nothing for an op that does not say how it splits.
  std::optional<LoopNest> loops;
  double operations = 0;
};

struct CheckReport {
  std::string model;
  import::ModelCheck check;
  std::vector<CheckedOp> ops;
  uint64_t parameters = 0;

  bool passed() const;
  /// Of the first problem; empty where there is none.
  std::string getCode() const;
  double countOperations() const;
};

/// Of an .mlir model, `check` has a module and nothing else.
CheckReport makeCheckReport(llvm::StringRef model, import::ModelCheck check);

void printReport(const CheckReport &report, llvm::raw_ostream &os);
JsonValue toJson(const CheckReport &report);

} // namespace partita

#endif
