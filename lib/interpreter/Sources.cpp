// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops without operands: constant, iota.
#include "Families.h"
#include "partita/support/Error.h"

using namespace mlir;

namespace partita::interpreter {

Outcome evaluateConstant(graph::ConstantOp op, const Call &call) {
  llvm::Expected<Tensor> value = Tensor::fromElements(op.getValue());
  if (!value)
    return op.emitOpError() << takeError(value.takeError()).str();
  return cutBox(convertElements(*value, call.element), call.result.offset, call.result.extent);
}

Outcome evaluateIota(graph::IotaOp op, const Call &call) {
  const Shape &shape = call.result.extent;
  int64_t dim = op.getDim(), stride = stridesOf(shape)[dim];
  std::vector<uint64_t> indices(countElements(shape));
  for (size_t i = 0; i < indices.size(); ++i)
    indices[i] = call.result.offset[dim] + static_cast<int64_t>(i) / stride % shape[dim];
  return pack<uint64_t>(call.element, shape, indices);
}

} // namespace partita::interpreter
