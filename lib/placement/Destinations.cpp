// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/placement/Destinations.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;

namespace partita::placement {

std::optional<OpPlacements> placeOp(Operation *op, const LoopNest &nest, const LoopAssignment &assignment,
                                    const Mesh &mesh, const std::vector<std::map<int, PartialKind>> &partialOperands,
                                    std::string *error) {
  auto style = dyn_cast<DestinationStyleOpInterface>(op);
  if (!style)
    return placeOp(nest, assignment, mesh, partialOperands, error);
  std::vector<std::pair<unsigned, unsigned>> tied;
  for (OpOperand &destination : style.getDpsInitsMutable())
    if (isa<RankedTensorType>(destination.get().getType()))
      tied.push_back({destination.getOperandNumber(), style.getTiedOpResult(&destination).getResultNumber()});
  std::vector<std::map<int, PartialKind>> partial = partialOperands;
  for (auto [operand, result] : tied)
    if (operand < partial.size())
      partial[operand].clear();
  std::optional<OpPlacements> placements = placeOp(nest, assignment, mesh, partial, error);
  if (placements)
    for (auto [operand, result] : tied)
      if (operand < placements->operands.size() && result < placements->results.size())
        placements->operands[operand] = placements->results[result];
  return placements;
}

} // namespace partita::placement
