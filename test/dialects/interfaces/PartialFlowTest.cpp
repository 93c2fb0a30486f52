// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Partial values flow through an op exactly where it says so.
#include "EverySplit.h"

using namespace mlir;
using namespace partita;
using namespace partita::interpreter;

namespace {

/// Partial operands where the nest says that partial values flow through.
class PartialFlowTest : public EverySplitTest {
protected:
  /// Parts that combine to `whole`: random ones and the rest.
  SmallVector<Tensor> makePartial(const Tensor &whole, plan::PartialKind kind, int64_t ranks, unsigned salt) {
    std::vector<double> rest = whole.toDoubles();
    SmallVector<Tensor> parts;
    for (int64_t rank = 0; rank + 1 < ranks; ++rank) {
      std::vector<double> values =
          varied(f64(), Shape(whole.getShape()), salt + static_cast<unsigned>(rank)).toDoubles();
      for (size_t i = 0; i < rest.size(); ++i) {
        // Multiples of 1/8 add up without rounding.
        values[i] = std::round(values[i] * 8) / 8;
        if (kind == plan::PartialKind::sum)
          rest[i] -= values[i];
        else
          values[i] = rest[i] - 1 - std::fabs(values[i]);
      }
      parts.push_back(Tensor::fromDoubles(whole.getElementType(), whole.getShape(), values));
    }
    parts.push_back(Tensor::fromDoubles(whole.getElementType(), whole.getShape(), rest));
    return parts;
  }

  void checkFlow(Subject &subject, ArrayRef<unsigned> partialOperands, plan::PartialKind kind) {
    plan::MeshAttr mesh = makeMesh({3});
    std::vector<Scope> ranks = listRanks(subject, mesh);
    auto entry = plan::PartialAttr::get(&context, "a", kind);
    SmallVector<Type> operandTypes;
    SmallVector<SmallVector<Tensor>> operandParts;
    for (auto [index, operand] : llvm::enumerate(subject.operands)) {
      auto global = cast<RankedTensorType>(subject.op->getOperand(index).getType());
      SmallVector<plan::DimSplitAttr> dims(global.getRank(), plan::DimSplitAttr::get(&context, {}));
      bool isPartial = llvm::is_contained(partialOperands, index);
      operandTypes.push_back(
          localType(global, dims, isPartial ? ArrayRef(entry) : ArrayRef<plan::PartialAttr>(), ranks));
      operandParts.push_back(isPartial ? makePartial(operand, kind, 3, 10 * static_cast<unsigned>(index))
                                       : SmallVector<Tensor>(3, operand));
    }
    auto global = cast<RankedTensorType>(subject.op->getResult(0).getType());
    SmallVector<plan::DimSplitAttr> dims(global.getRank(), plan::DimSplitAttr::get(&context, {}));
    checkLocal(subject, operandTypes, localType(global, dims, entry, ranks), operandParts, ranks);
  }

  /// Inputs of small multiples of 1/8, so that sums of parts are exact and only the law is tested.
  void coarsen(Subject &subject, ArrayRef<unsigned> operands) {
    for (unsigned index : operands) {
      std::vector<double> values = subject.operands[index].toDoubles();
      for (double &value : values)
        value = std::round(value * 8) / 8;
      subject.operands[index] =
          Tensor::fromDoubles(subject.operands[index].getElementType(), subject.operands[index].getShape(), values);
    }
    subject.control = runOpControl(subject);
    // Parts are up to three times as large as the whole, and so is what reassociation does to them.
    subject.control.error = 3 * subject.control.error + 1e-6;
  }
};

TEST_F(PartialFlowTest, SumsFlowThroughLinearOperands) {
  int flows = 0;
  for (const OpCase &entry : listOpCases()) {
    if (entry.text().find("f32") == std::string::npos)
      continue;
    SCOPED_TRACE(entry.text());
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    for (const auto &set : subject->nest.linearOperands) {
      if (!isa<FloatType>(subject->operands[set.front()].getElementType()))
        continue;
      coarsen(*subject, set);
      checkFlow(*subject, set, plan::PartialKind::sum);
      ++flows;
    }
  }
  EXPECT_GT(flows, 30);
}

TEST_F(PartialFlowTest, AnyKindFlowsThroughMovement) {
  int flows = 0;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    auto subject = prepare(entry);
    ASSERT_TRUE(subject);
    if (!subject->nest.movesElements)
      continue;
    SmallVector<unsigned> all;
    for (unsigned index = 0; index < subject->operands.size(); ++index)
      all.push_back(index);
    coarsen(*subject, all);
    checkFlow(*subject, all, plan::PartialKind::max);
    ++flows;
  }
  EXPECT_GT(flows, 10);
}

} // namespace
