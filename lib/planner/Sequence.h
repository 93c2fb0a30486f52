// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Sequence.h - The order in which decisions are made --------------------------===//
//
// The search walks over steps: the ops of the first stage, what is sent to later stages, the ops of the second, and so
// on. A value that leaves the function is settled (made whole in sum) right after its last reader. Example: of a
// function f(x) { a = op1(x); b = op2(a); return b } cut after op1 the steps are
//   compute op1, transfer a -> a', compute op2, settle b.
// A value lives between the step that makes it and the last one that reads it: what is alive after a step is all that
// later decisions can see of earlier ones.
//
// A step whose only result has one reader is an inner step: it is taken inside of its reader, so that its value is
// never alive between two decisions. The others are roots. Example: of softmax(q k) v with q = a w1, k = a w2, v = a w3
// everything is inside of the last product; what is remembered in between is how `a` is placed.
//
//===----------------------------------------------------------------------===//
#ifndef PARTITA_LIB_PLANNER_SEQUENCE_H
#define PARTITA_LIB_PLANNER_SEQUENCE_H

#include "Problem.h"

namespace partita::planner {

/// A value as one stage sees it.
struct StagedValue {
  int value = 0;
  int stage = 0;
  /// Where it was sent from, if it was.
  int source = -1;
};

enum class StepKind { compute, transfer, settle };

struct Step {
  StepKind kind = StepKind::compute;
  int op = -1;
  int stage = 0;
  /// Numbers of staged values. A transfer reads one and makes one, settling reads one.
  std::vector<int> operands, results;
};

/// Copy i of `count` equal copies is the steps [first + i * period, first + (i + 1) * period), `roots` of them roots.
/// The last is one, and no inner step of a copy is taken inside of another copy.
struct Fold {
  size_t first = 0;
  size_t period = 0;
  size_t count = 0;
  size_t roots = 0;
};

struct Sequence {
  std::vector<StagedValue> values;
  std::vector<Step> steps;
  /// The step that makes a value (that first reads an argument), and the last that reads it.
  std::vector<int> madeAt, lastReadAt, readCount;
  /// Steps that are taken one after the other; all others are inner.
  std::vector<int> roots;
  /// For each step and operand the inner step that makes it, or -1.
  std::vector<std::vector<int>> makers;
  /// Numbers of the values alive after each root, ascending: those whose copies a state lists.
  std::vector<std::vector<int>> liveAfter;
  std::vector<Fold> folds;
  /// For each op the op of another layer whose options it shares, or itself.
  std::vector<int> representatives;
  /// Whether arguments that are read more than once are listed too.
  bool tracksArguments = false;
};

/// `stageOf[op]`, not descending. `tracksArguments`: memory matters, so that kept copies of an argument do.
Sequence buildSequence(const PlanningProblem &problem, const std::vector<int> &stageOf, bool tracksArguments);

/// The step and the inner steps below it, makers first.
std::vector<int> listTree(const Sequence &sequence, int step);

} // namespace partita::planner

#endif // PARTITA_LIB_PLANNER_SEQUENCE_H
