// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Is a per-device program the same as its graph? The tolerance comes from a control: the whole graph run with permuted
// orders of summation, against the same graph in double precision. What reassociation alone does to a value bounds what
// a correct program may do to it.
//
// Example: FailureOr<VerifyReport> report = verifyProgram(graphModule, programModule, inputs, options);
//          if (!report->passed) ... report->divergence->op is the first op whose value is wrong
#ifndef PARTITA_INTERPRETER_VERIFY_H
#define PARTITA_INTERPRETER_VERIFY_H

#include "partita/interpreter/Run.h"

namespace partita::interpreter {

/// What reassociation does to one value.
struct ControlValue {
  /// In double precision (integers and bools as they are).
  Tensor reference;
  /// The largest error of an element over the seeds, in the value's own unit.
  double error = 0;
  /// The element type of the value in normal precision.
  mlir::Type element;
};

/// Values of one graph and one set of inputs.
struct Control {
  std::map<std::string, ControlValue> results;
  /// Results of ops by the op's model name; filled on request.
  std::map<std::string, ControlValue> ops;
};

/// How much a value may differ, and how much it does.
struct Comparison {
  bool passed = false;
  double error = 0;
  double tolerance = 0;
};

/// The largest |value - reference| over the elements. Equal infinities and NaN against NaN count 0; any other
/// difference of class, or another shape, counts infinity.
double findLargestError(const Tensor &value, const Tensor &reference);

/// Passes when the error is at most 4 times the control's. Where the control's error is 0, one unit in the last place
/// of the largest reference element is allowed to floats and nothing to integers.
Comparison compare(const Tensor &value, const ControlValue &control);

/// Runs the graph once in double precision and once for each of `seeds` permuted orders.
llvm::FailureOr<Control> runControl(mlir::func::FuncOp graph, const NamedTensors &arguments, bool withOps,
                                    unsigned seeds = 4);

struct VerifyOptions {
  /// Where relative files of parameters are looked for.
  std::string directory;
  /// For the inputs that are not given.
  uint64_t seed = 0;
  SymbolValues symbols;
  /// Compare only results and ops whose names contain this text; empty: all.
  std::string only;
};

/// One compared result.
struct OutputCheck {
  std::string name;
  Comparison comparison;
};

/// The first op in program order whose value is not what the graph computes.
struct Divergence {
  /// The op's model name (of the whole graph), its kind, and where it comes from.
  std::string op, kind, location;
  Comparison comparison;
};

struct VerifyReport {
  bool passed = false;
  std::vector<OutputCheck> outputs;
  std::optional<Divergence> divergence;
  double estimatedSeconds = 0;
};

/// Runs the partitioned program against its graph. Inputs that are missing are drawn from the seed. Only what makes a
/// run impossible is a failure (with diagnostics); a difference is a report that has not passed.
llvm::FailureOr<VerifyReport> verifyProgram(mlir::ModuleOp graphModule, mlir::ModuleOp programModule,
                                            const NamedTensors &inputs, const VerifyOptions &options);

/// Seconds that verifyProgram will take, by the arithmetic of the graph's ops at the bounds of symbolic dims.
double estimateSeconds(mlir::func::FuncOp graph, unsigned seeds = 4);

} // namespace partita::interpreter

#endif
