// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Kernel.h"
#include "Symbols.h"
#include "partita/dialects/interfaces/SymbolicShape.h"
#include "partita/lowering/Passes.h"
#include "partita/placement/Attributes.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

namespace partita::lowering {
#define GEN_PASS_DEF_LOWERRUNTIMECALLSPASS
#include "partita/lib/lowering/Passes.h.inc"
} // namespace partita::lowering

namespace {

/// The interval of one dim on this rank, as code on 64-bit integers.
class IntervalWriter {
public:
  IntervalWriter(OpBuilder &builder, Location location, Value context, const std::vector<SymbolAttr> &symbols)
      : builder(builder), location(location), context(context), symbols(symbols) {}

  Value begin, length;

  /// nullopt text: done; else what is wrong.
  LogicalResult write(Operation *op, RankedTensorType local, int64_t dim) {
    plan::PartAttr part = plan::getPart(local);
    plan::StageOp stage = collective::getStage(op);
    if (!stage)
      return failure();
    placement::Mesh mesh = placement::toMesh(stage.getMesh());
    std::optional<placement::Placement> placement = placement::toPlacement(part.getPlacement(), mesh);
    std::optional<DimSize> size = getDimSize(part.getGlobal(), dim);
    if (!placement || !size)
      return op->emitError() << "E-SPMD-TYPE: " << local << " names an axis or symbol that is not known here";
    const placement::DimSplit &splits = placement->dims[dim];
    if (!local.isDynamicDim(dim) && !splits.window) {
      writeEven(local.getDimSize(dim), splits);
      return success();
    }
    Value whole = writeSize(*size);
    length = splits.window ? countSteps(*splits.window, whole) : whole;
    begin = number(0);
    for (const placement::Split &split : splits)
      cut(split);
    if (splits.window)
      readBySteps(*splits.window, whole);
    return success();
  }

private:
  Value number(int64_t value) { return arith::ConstantIntOp::create(builder, location, value, 64); }
  template <typename Op> Value compute(Value a, Value b) { return Op::create(builder, location, a, b); }
  Value loadAxis(ContextMember member, int64_t axis) {
    return loadElement(builder, location, loadMember(builder, location, context, member), axis, builder.getI64Type());
  }

  /// Equal parts need no extent of the whole: part number times extent of a part.
  void writeEven(int64_t extent, const placement::DimSplit &splits) {
    length = number(extent);
    Value part = number(0);
    for (const placement::Split &split : splits)
      part = compute<arith::AddIOp>(compute<arith::MulIOp>(part, loadAxis(ContextMember::axisSizes, split.axis)),
                                    loadAxis(ContextMember::coordinates, split.axis));
    begin = compute<arith::MulIOp>(part, length);
  }

  Value writeSize(const DimSize &size) {
    Value total = number(size.constant);
    for (auto [symbol, coefficient] : size.coefficients) {
      int64_t index = llvm::find(symbols, symbol) - symbols.begin();
      Value value = loadAxis(ContextMember::symbols, index);
      total = compute<arith::AddIOp>(total, compute<arith::MulIOp>(value, number(coefficient)));
    }
    return total;
  }

  /// Both as in placement/Placement.h. The number of steps: no more than 0 where the dim is too short for one.
  Value countSteps(const placement::Window &window, Value whole) {
    Value room = compute<arith::AddIOp>(whole, number(window.low + window.high - window.reach + window.stride));
    return compute<arith::DivSIOp>(compute<arith::MaxSIOp>(room, number(0)), number(window.stride));
  }

  /// From the steps of this rank to what they read.
  void readBySteps(const placement::Window &window, Value whole) {
    auto clip = [&](Value index) { return compute<arith::MinSIOp>(compute<arith::MaxSIOp>(index, number(0)), whole); };
    Value stride = number(window.stride), last = compute<arith::AddIOp>(begin, length);
    Value isEmpty = arith::CmpIOp::create(builder, location, arith::CmpIPredicate::eq, length, number(0));
    begin = clip(compute<arith::SubIOp>(compute<arith::MulIOp>(begin, stride), number(window.low)));
    Value end =
        compute<arith::AddIOp>(compute<arith::MulIOp>(last, stride), number(window.reach - window.low - window.stride));
    Value read = compute<arith::SubIOp>(clip(end), begin);
    length = arith::SelectOp::create(builder, location, isEmpty, number(0), read);
  }

  /// The split rule of placement/Placement.h: balanced in whole units, the first parts one unit larger.
  void cut(const placement::Split &split) {
    Value parts = loadAxis(ContextMember::axisSizes, split.axis), unit = number(split.unit);
    Value part = loadAxis(ContextMember::coordinates, split.axis);
    Value units = compute<arith::DivUIOp>(compute<arith::AddIOp>(length, number(split.unit - 1)), unit);
    Value share = compute<arith::DivUIOp>(units, parts), larger = compute<arith::RemUIOp>(units, parts);
    auto boundary = [&](Value index) {
      Value before =
          compute<arith::AddIOp>(compute<arith::MulIOp>(index, share), compute<arith::MinUIOp>(index, larger));
      return compute<arith::MinUIOp>(compute<arith::MulIOp>(before, unit), length);
    };
    Value first = boundary(part), last = boundary(compute<arith::AddIOp>(part, number(1)));
    begin = compute<arith::AddIOp>(begin, first);
    length = compute<arith::SubIOp>(last, first);
  }

  OpBuilder &builder;
  Location location;
  Value context;
  const std::vector<SymbolAttr> &symbols;
};

struct LowerRuntimeCallsPass : lowering::impl::LowerRuntimeCallsPassBase<LowerRuntimeCallsPass> {
  void runOnOperation() override {
    module = getOperation();
    symbols = collectSymbols(module);
    for (func::FuncOp kernel : module.getOps<func::FuncOp>())
      if (isKernel(kernel) && failed(lowerKernel(kernel)))
        return signalPassFailure();
  }

  LogicalResult lowerKernel(func::FuncOp kernel) {
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) {
      if (isa<collective::ExtentOp, collective::OffsetOp, collective::StartOp, collective::WaitOp, cf::AssertOp>(op))
        ops.push_back(op);
    });
    // Waits hold the tokens of starts, so they go first.
    std::stable_partition(ops.begin(), ops.end(), [](Operation *op) { return isa<collective::WaitOp>(op); });
    for (Operation *op : ops) {
      OpBuilder builder(op);
      Value context = lowering::getContext(kernel);
      if (auto extent = dyn_cast<collective::ExtentOp>(op)) {
        if (failed(lowerIndex(builder, op, context, extent.getType(), extent.getDim(), false)))
          return failure();
      } else if (auto offset = dyn_cast<collective::OffsetOp>(op)) {
        if (failed(lowerIndex(builder, op, context, offset.getType(), offset.getDim(), true)))
          return failure();
      } else if (auto start = dyn_cast<collective::StartOp>(op)) {
        lowerStart(builder, start, context);
      } else if (auto wait = dyn_cast<collective::WaitOp>(op)) {
        callRuntime(builder, op->getLoc(), "partita_collective_wait",
                    {context, identifier(builder, op->getLoc(), wait.getId())});
      } else if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
        lowerAssertion(builder, assertion, context);
      }
      op->erase();
    }
    return success();
  }

  void lowerStart(OpBuilder &builder, collective::StartOp start, Value context) {
    SmallVector<Value> arguments{context, identifier(builder, start.getLoc(), start.getId()),
                                 pointerTo(builder, start.getSource()), pointerTo(builder, start.getDestination())};
    if (Value counts = start.getCounts()) {
      arguments.push_back(pointerTo(builder, counts));
      arguments.push_back(identifier(builder, start.getLoc(), cast<ShapedType>(counts.getType()).getRank()));
    }
    callRuntime(builder, start.getLoc(),
                start.getCounts() ? "partita_collective_start_counted" : "partita_collective_start", arguments);
  }

  LogicalResult lowerIndex(OpBuilder &builder, Operation *op, Value context, Type type, int64_t dim, bool isOffset) {
    IntervalWriter interval(builder, op->getLoc(), context, symbols);
    if (failed(interval.write(op, cast<RankedTensorType>(type), dim)))
      return failure();
    Value value = isOffset ? interval.begin : interval.length;
    op->getResult(0).replaceAllUsesWith(
        arith::IndexCastOp::create(builder, op->getLoc(), builder.getIndexType(), value));
    return success();
  }

  Value identifier(OpBuilder &builder, Location location, int64_t id) {
    return LLVM::ConstantOp::create(builder, location, builder.getI64Type(), builder.getI64IntegerAttr(id));
  }

  Value pointerTo(OpBuilder &builder, Value buffer) {
    Location location = buffer.getLoc();
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(builder, location, buffer);
    Value number = arith::IndexCastOp::create(builder, location, builder.getI64Type(), address);
    return LLVM::IntToPtrOp::create(builder, location, LLVM::LLVMPointerType::get(&getContext()), number);
  }

  /// The run stops with the message; the code goes on with harmless values until its next wait.
  void lowerAssertion(OpBuilder &builder, cf::AssertOp op, Value context) {
    Location location = op.getLoc();
    Value yes = arith::ConstantIntOp::create(builder, location, 1, 1);
    Value wrong = arith::XOrIOp::create(builder, location, op.getArg(), yes);
    auto branch = scf::IfOp::create(builder, location, wrong, /*withElseRegion=*/false);
    builder.setInsertionPointToStart(&branch.getThenRegion().front());
    Value message = LLVM::AddressOfOp::create(builder, location, getMessage(op.getMsg()));
    callRuntime(builder, location, "partita_fail", {context, message});
  }

  LLVM::GlobalOp getMessage(StringRef text) {
    LLVM::GlobalOp &global = messages[text.str()];
    if (global)
      return global;
    OpBuilder builder(module.getBodyRegion());
    std::string name = "partita_message_" + std::to_string(messages.size());
    std::string bytes = text.str() + '\0';
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
    return global = LLVM::GlobalOp::create(builder, module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                           name, builder.getStringAttr(bytes));
  }

  ModuleOp module;
  std::vector<SymbolAttr> symbols;
  std::map<std::string, LLVM::GlobalOp> messages;
};

} // namespace
