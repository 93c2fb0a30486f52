// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "HoistChoice.h"
#include "Kernel.h"
#include "partita/dialects/interfaces/Partita.h"
#include "partita/dialects/plan/Plan.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// What is kept beside a weight that others still read: no more than this.
static constexpr int64_t kMostBesideSource = 64 << 10;

static bool isWeight(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto stage = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (!stage || stage.getArgAttr(argument.getArgNumber(), collective::kChannelAttr))
    return false;
  auto role = stage.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kRoleAttr);
  return role && role.getValue() != kRoleInput;
}

std::optional<Type> lowering::getHeldType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Type element = type.getElementType();
  if (auto integer = dyn_cast<IntegerType>(element)) {
    if (!llvm::is_contained({8U, 16U, 32U, 64U}, integer.getWidth()))
      return std::nullopt;
    element = IntegerType::get(value.getContext(), integer.getWidth(), IntegerType::Signed);
  }
  auto global = RankedTensorType::get(type.getShape(), element);
  auto whole = plan::PlacementAttr::getReplicated(value.getContext(), type.getRank());
  return RankedTensorType::get(type.getShape(), element, plan::PartAttr::get(value.getContext(), global, whole));
}

HoistChoice::HoistChoice(ModuleOp module) {
  std::set<std::string> changing;
  for (func::FuncOp stage : module.getOps<func::FuncOp>())
    if (auto event = stage->getAttrOfType<StringAttr>(collective::kEventAttr))
      for (func::CallOp call : stage.getOps<func::CallOp>()) {
        candidates[call.getCallee().str()].calls.push_back(call);
        // Only what nothing writes after the first step can be prepared before it.
        if (event.getValue() != "forward")
          changing.insert(call.getCallee().str());
      }
  for (func::FuncOp kernel : module.getOps<func::FuncOp>()) {
    auto segment = kernel->getAttrOfType<FlatSymbolRefAttr>(kKernelAttr);
    auto found = segment ? candidates.find(segment.getValue().str()) : candidates.end();
    if (found == candidates.end() || changing.contains(found->first))
      continue;
    HoistCandidate &candidate = found->second;
    candidate.kernel = kernel;
    candidate.segment = module.lookupSymbol<func::FuncOp>(segment);
    std::set<int64_t> weights;
    for (unsigned index = 0; index < candidate.calls.front().getNumOperands(); ++index)
      if (llvm::all_of(candidate.calls, [&](func::CallOp call) { return isWeight(call.getOperand(index)); }))
        weights.insert(index);
    candidate.dependence = std::make_unique<WeightDependence>(kernel, weights);
  }
  std::erase_if(candidates, [](const auto &entry) { return !entry.second.dependence; });
}

/// Whether code that is left after hoisting reads this weight.
bool HoistChoice::isReadLater(Value weight) {
  return llvm::any_of(weight.getUses(), [&](OpOperand &use) {
    auto call = dyn_cast<func::CallOp>(use.getOwner());
    auto found = call ? candidates.find(call.getCallee().str()) : candidates.end();
    return found == candidates.end() || found->second.dependence->isRead(use.getOperandNumber());
  });
}

void HoistChoice::choose() {
  llvm::DenseSet<Value> refused;
  for (bool changed = true; changed;) {
    changed = false;
    for (auto &[name, candidate] : candidates)
      candidate.held = candidate.dependence->findHeld(refused);
    for (auto &[name, candidate] : candidates)
      for (const HeldValue &held : candidate.held)
        if (!getHeldType(held.value) || !pays(candidate, held))
          changed |= refused.insert(held.value).second;
  }
}

bool HoistChoice::pays(const HoistCandidate &candidate, const HeldValue &held) {
  int64_t bytes = *getStaticBytes(held.value.getType());
  if (bytes <= kMostBesideSource)
    return true;
  for (int64_t source : held.sources)
    if (llvm::none_of(candidate.calls, [&](func::CallOp call) { return isReadLater(call.getOperand(source)); }))
      bytes -= candidate.dependence->bytesOf(source);
  return bytes <= 0;
}
