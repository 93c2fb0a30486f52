// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/interpreter/Verify.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace partita::interpreter {

double findLargestError(const Tensor &value, const Tensor &reference) {
  if (value.getShape() != reference.getShape())
    return std::numeric_limits<double>::infinity();
  std::vector<double> a = value.toDoubles(), b = reference.toDoubles();
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))
      continue;
    double error = std::fabs(a[i] - b[i]);
    largest = std::max(largest, std::isnan(error) ? std::numeric_limits<double>::infinity() : error);
  }
  return largest;
}

/// One unit in the last place of the largest finite element of the reference. A sum of few terms, or of small powers of
/// two, can be exact in all of the control's orders and still not in an order that first adds up parts.
static double findFloor(const ControlValue &control) {
  auto type = dyn_cast<FloatType>(control.element);
  if (!type)
    return 0;
  double largest = 0;
  for (double number : control.reference.toDoubles())
    if (std::isfinite(number))
      largest = std::max(largest, std::fabs(number));
  return std::ldexp(largest, 1 - static_cast<int>(llvm::APFloat::semanticsPrecision(type.getFloatSemantics())));
}

Comparison compare(const Tensor &value, const ControlValue &control) {
  Comparison comparison;
  comparison.error = findLargestError(value, control.reference);
  comparison.tolerance = control.error > 0 ? 4 * control.error : findFloor(control);
  comparison.passed = comparison.error <= comparison.tolerance;
  return comparison;
}

namespace {
/// Remembers the first result of each op in `values` (the reference run) or compares it with them (the others).
class Recorder {
public:
  explicit Recorder(std::map<std::string, ControlValue> &values) : values(values) {}

  void remember(const Observation &observation) {
    if (observation.op->getNumResults() == 0)
      return;
    auto type = dyn_cast<RankedTensorType>(observation.op->getResult(0).getType());
    if (type)
      values[getModelName(observation.op).str()] = {observation.results.front().front(), 0, type.getElementType()};
  }

  void measure(const Observation &observation) {
    auto found = values.find(getModelName(observation.op).str());
    if (found != values.end())
      update(found->second, observation.results.front().front());
  }

  static void update(ControlValue &control, const Tensor &value) {
    control.error = std::max(control.error, findLargestError(value, control.reference));
  }

private:
  std::map<std::string, ControlValue> &values;
};
} // namespace

FailureOr<Control> runControl(func::FuncOp graph, const NamedTensors &arguments, bool withOps, unsigned seeds) {
  Control control;
  Recorder recorder(control.ops);
  RunOptions options;
  options.arithmetic.doublePrecision = true;
  if (withOps)
    options.observer = [&](const Observation &observation) { recorder.remember(observation); };
  FailureOr<NamedTensors> reference = interpretGraph(graph, arguments, options);
  if (failed(reference))
    return failure();
  for (unsigned index = 0; index < graph.getNumResults(); ++index) {
    std::string name = getResultName(graph, index);
    control.results[name] = {(*reference)[name], 0,
                             cast<RankedTensorType>(graph.getResultTypes()[index]).getElementType()};
  }
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    options.arithmetic = {false, seed};
    if (withOps)
      options.observer = [&](const Observation &observation) { recorder.measure(observation); };
    FailureOr<NamedTensors> permuted = interpretGraph(graph, arguments, options);
    if (failed(permuted))
      return failure();
    for (auto &[name, value] : control.results)
      Recorder::update(value, (*permuted)[name]);
  }
  return control;
}

} // namespace partita::interpreter
