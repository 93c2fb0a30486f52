// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A composite and its spelling in small ops are the same function.
#include "../../interpreter/TestPrograms.h"
#include "../interfaces/OpCases.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace partita;
using namespace partita::interpreter;

class DecompositionTest : public Programs {};

TEST_F(DecompositionTest, EqualsTheComposite) {
  std::set<std::string> composites;
  for (const OpCase &entry : listOpCases()) {
    SCOPED_TRACE(entry.text());
    auto module = parse(entry.text());
    ASSERT_TRUE(module);
    func::FuncOp function = findGraphFunction(*module);
    auto composite = dyn_cast<DecomposableOpInterface>(function.getBody().front().front());
    // A decomposition states counts as constants, so the normalised dims are static.
    if (!composite)
      continue;
    SymbolValues symbols;
    for (auto [name, value] : entry.symbols)
      symbols[name] = value;
    NamedTensors arguments = makeRandomInputs(function, {}, symbols, 11);
    auto whole = runControl(function, arguments, /*withOps=*/false);
    ASSERT_TRUE(succeeded(whole)) << diagnostics;
    composites.insert(composite->getName().getStringRef().str());
    OpBuilder builder(composite);
    SmallVector<Value> values = composite.decompose(builder);
    if (values.front() == composite->getResult(0)) // It cannot be spelled for these sizes, and says so.
      continue;
    ASSERT_EQ(values.size(), composite->getNumResults());
    composite->replaceAllUsesWith(values);
    composite->erase();
    ASSERT_TRUE(succeeded(verify(*module))) << diagnostics;
    auto small = runControl(function, arguments, /*withOps=*/false);
    auto result = interpretGraph(function, arguments, {});
    ASSERT_TRUE(succeeded(small) && succeeded(result)) << diagnostics;
    ControlValue control = whole->results.begin()->second;
    // The small ops round more often than the composite; their own control says how much that matters.
    control.error = std::max(control.error, small->results.begin()->second.error);
    EXPECT_TRUE(compare(result->begin()->second, control).passed);
    // In double precision nothing hides behind rounding.
    EXPECT_LE(findLargestError(small->results.begin()->second.reference, control.reference), 1e-12);
  }
  EXPECT_EQ(composites.size(), 10u);
}

TEST_F(DecompositionTest, NamesOfSmallOpsAreUniqueAndBeginWithTheCompositesNameWhichTheLastKeeps) {
  for (const OpCase &entry : listOpCases()) {
    auto module = parse(entry.text());
    ASSERT_TRUE(module);
    func::FuncOp function = findGraphFunction(*module);
    auto composite = dyn_cast<DecomposableOpInterface>(function.getBody().front().front());
    if (!composite)
      continue;
    OpBuilder builder(composite);
    SmallVector<Value> values = composite.decompose(builder);
    if (values.front() == composite->getResult(0))
      continue;
    EXPECT_EQ(getModelName(values.front().getDefiningOp()), "op");
    composite->replaceAllUsesWith(values);
    composite->erase();
    std::set<std::string> names{"op"};
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (&op == values.front().getDefiningOp())
        continue;
      std::string name = getModelName(&op).str();
      EXPECT_EQ(name.rfind("op/", 0), 0u) << name;
      EXPECT_TRUE(names.insert(name).second) << name << " is there twice in\n" << entry.text();
    }
  }
}
