// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Communication by definition: put the whole value together from the parts of a group, cut out the part wanted.
#include "Lockstep.h"
#include "partita/dialects/collective/Collective.h"
#include <cstring>

using namespace mlir;

namespace partita::interpreter {

namespace {

/// A box of a whole value that is being filled from parts.
class Mosaic {
public:
  Mosaic(Type element, const Box &wanted)
      : wanted(wanted), value(element, wanted.extent),
        covered(IntegerType::get(element.getContext(), 8, IntegerType::Unsigned), wanted.extent) {}

  /// Lays a part down; false when it differed from what another one had put in the same place.
  bool lay(const Box &box, const Tensor &part) {
    std::optional<Box> common = intersect(box, wanted);
    if (!common)
      return true;
    Shape fromPart, target;
    for (size_t dim = 0; dim < common->offset.size(); ++dim) {
      fromPart.push_back(common->offset[dim] - box.offset[dim]);
      target.push_back(common->offset[dim] - wanted.offset[dim]);
    }
    Tensor fresh = cutBox(part, fromPart, common->extent), old = cutBox(value, target, common->extent);
    Tensor flags = cutBox(covered, target, common->extent);
    int64_t size = fresh.getElementBytes();
    bool agrees = true;
    for (int64_t i = 0; i < fresh.getNumElements(); ++i)
      if (flags.getBytes()[i] && std::memcmp(fresh.getBytes() + i * size, old.getBytes() + i * size, size) != 0)
        agrees = false;
    std::memset(flags.getMutableBytes(), 1, flags.getNumBytes());
    copyBox(fresh, Shape(target.size(), 0), common->extent, value, target);
    copyBox(flags, Shape(target.size(), 0), common->extent, covered, target);
    return agrees;
  }

  bool isComplete() const { return std::memchr(covered.getBytes(), 0, covered.getNumBytes()) == nullptr; }
  const Tensor &getValue() const { return value; }

private:
  Box wanted;
  Tensor value, covered;
};

/// The kind of the partial axes over which the pieces differ; nullopt when these are of several kinds.
std::optional<plan::PartialKind> findKind(ArrayRef<plan::PartialAttr> partial, ArrayRef<Piece> pieces) {
  std::optional<plan::PartialKind> kind;
  for (plan::PartialAttr entry : partial) {
    bool differs = llvm::any_of(pieces, [&](const Piece &piece) {
      return piece.scope->findCoordinate(entry.getAxis()) != pieces.front().scope->findCoordinate(entry.getAxis());
    });
    if (!differs)
      continue;
    if (kind && *kind != entry.getKind())
      return std::nullopt;
    kind = entry.getKind();
  }
  return kind.value_or(plan::PartialKind::sum);
}

} // namespace

FailureOr<Tensor> assemble(Operation *op, ArrayRef<Piece> pieces, RankedTensorType type, const Box &wanted,
                           bool checkReplicas) {
  plan::PartAttr part = plan::getPart(type);
  ArrayRef<plan::PartialAttr> partial = part ? part.getPlacement().getPartial() : ArrayRef<plan::PartialAttr>();
  std::optional<plan::PartialKind> kind = pieces.empty() ? std::nullopt : findKind(partial, pieces);
  if (!kind)
    return op->emitOpError("E-SPMD-TYPE: nothing, or partial values of several kinds, cannot be combined");
  // One mosaic for each coordinate on the partial axes, in the order of ranks.
  std::map<std::vector<int64_t>, Mosaic> terms;
  for (const Piece &piece : pieces) {
    std::optional<Box> box = piece.scope->findBox(type);
    if (!box || ArrayRef<int64_t>(box->extent) != piece.value->getShape() ||
        piece.value->getElementType() != pieces.front().value->getElementType())
      return op->emitOpError() << "E-SPMD-TYPE: a part of type " << type << " is " << describe(*piece.value);
    std::vector<int64_t> coordinate;
    for (plan::PartialAttr entry : partial)
      coordinate.push_back(piece.scope->findCoordinate(entry.getAxis()).value_or(0));
    auto [found, isNew] = terms.try_emplace(coordinate, piece.value->getElementType(), wanted);
    if (!found->second.lay(*box, *piece.value) && checkReplicas)
      return op->emitOpError() << "E-REPLICA-MISMATCH: ranks hold different values of the same element of " << type;
  }
  SmallVector<Tensor> values;
  for (auto &[coordinate, mosaic] : terms) {
    if (!mosaic.isComplete())
      return op->emitOpError() << "E-SPMD-TYPE: no rank of the group holds some of the wanted elements of " << type;
    values.push_back(mosaic.getValue());
  }
  return combine(values, *kind);
}

/// Ranks that agree on all axes but the listed ones.
static SmallVector<Piece> findGroup(const Scope &own, const RankTensors &inputs, ArrayRef<Scope> scopes,
                                    ArrayAttr axes) {
  SmallVector<Piece> group;
  for (auto [scope, input] : llvm::zip(scopes, inputs)) {
    bool agrees = llvm::all_of(own.getMesh().getAxes(), [&](plan::AxisAttr axis) {
      return llvm::is_contained(axes, StringAttr::get(axis.getContext(), axis.getName())) ||
             scope.findCoordinate(axis.getName()) == own.findCoordinate(axis.getName());
    });
    if (agrees)
      group.push_back({&scope, &input});
  }
  return group;
}

/// Partial axes of the result on which this rank is not the one that keeps the value.
static std::optional<plan::PartialKind> findIdentityKind(Operation *op, const Scope &scope, ArrayAttr axes) {
  if (!isa<collective::PartializeOp>(op))
    return std::nullopt;
  plan::PartAttr part = plan::getPart(op->getResult(0).getType());
  for (plan::PartialAttr entry : part.getPlacement().getPartial())
    if (llvm::is_contained(axes, StringAttr::get(op->getContext(), entry.getAxis())) &&
        scope.findCoordinate(entry.getAxis()).value_or(0) != 0)
      return entry.getKind();
  return std::nullopt;
}

/// What a counted step does not send is zero: rows at or behind the count.
static LogicalResult checkRowsBehind(Operation *op, const Scope &scope, const Tensor &input, const Tensor &counts) {
  std::optional<Box> box = scope.findBox(cast<RankedTensorType>(op->getOperand(0).getType()));
  size_t row = counts.getRank();
  if (!box || row >= box->extent.size() || input.getShape().take_front(row) != counts.getShape())
    return op->emitOpError("E-SPMD-TYPE: the counts do not fit what is moved");
  int64_t rows = box->extent[row], rowBytes = input.getElementBytes();
  for (size_t dim = row + 1; dim < box->extent.size(); ++dim)
    rowBytes *= box->extent[dim];
  std::vector<double> numbers = counts.toDoubles();
  for (int64_t place = 0; place < counts.getNumElements(); ++place)
    for (int64_t index = 0; index < rows; ++index) {
      const auto *bytes = reinterpret_cast<const char *>(input.getBytes()) + (place * rows + index) * rowBytes;
      bool isThere = static_cast<double>(box->offset[row] + index) < numbers[place];
      if (!isThere && !std::all_of(bytes, bytes + rowBytes, [](char byte) { return byte == 0; }))
        return op->emitOpError("E-SPMD-TYPE: a row that is not sent is not zero");
    }
  return success();
}

FailureOr<RankTensors> runStep(Operation *op, const RankTensors &inputs, const RankTensors *counts,
                               ArrayRef<Scope> scopes, bool checkReplicas) {
  auto axes = op->getAttrOfType<ArrayAttr>("axes");
  auto from = cast<RankedTensorType>(op->getOperand(0).getType()),
       to = cast<RankedTensorType>(op->getResult(0).getType());
  if (!axes || !plan::getPart(from) || !plan::getPart(to) || !scopes.front().getMesh())
    return op->emitOpError("E-SPMD-TYPE: communicates outside of a stage");
  if (counts)
    for (auto [scope, input, numbers] : llvm::zip(scopes, inputs, *counts))
      if (failed(checkRowsBehind(op, scope, input, numbers)))
        return failure();
  RankTensors results;
  for (auto [scope, input] : llvm::zip(scopes, inputs)) {
    std::optional<Box> box = scope.findBox(to);
    if (!box)
      return op->emitOpError() << "E-SPMD-TYPE: " << to << " names an axis that the mesh lacks";
    if (std::optional<plan::PartialKind> kind = findIdentityKind(op, scope, axes)) {
      results.push_back(makeIdentity(input.getElementType(), box->extent, *kind));
      continue;
    }
    FailureOr<Tensor> result = assemble(op, findGroup(scope, inputs, scopes, axes), from, *box, checkReplicas);
    if (failed(result))
      return failure();
    results.push_back(*result);
  }
  return results;
}

} // namespace partita::interpreter
