// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "EventTable.h"

using namespace mlir;

namespace partita::partition {

using collective::EventAttr;
using collective::EventKind;

/// Events of one stage for one micro-batch.
static void appendStage(ModuleOp module, StringAttr stage, int64_t microBatch, SmallVectorImpl<EventAttr> &events) {
  MLIRContext *context = module.getContext();
  auto add = [&](EventKind kind, StringAttr target) {
    events.push_back(EventAttr::get(context, kind, FlatSymbolRefAttr::get(target), microBatch, 0, 0));
  };
  for (auto channel : module.getOps<collective::ChannelOp>())
    if (channel.getDestination() == stage.getValue())
      add(EventKind::receive, channel.getSymNameAttr());
  add(EventKind::forward, stage);
  for (auto channel : module.getOps<collective::ChannelOp>())
    if (channel.getSource() == stage.getValue())
      add(EventKind::send, channel.getSymNameAttr());
}

LogicalResult writeEventTable(ModuleOp module, const std::vector<Stage> &stages) {
  MLIRContext *context = module.getContext();
  int64_t microBatches = placement::timeCount(stages.front().mesh);
  std::map<int64_t, std::vector<unsigned>> stagesOfDevice;
  for (auto [index, stage] : llvm::enumerate(stages)) {
    if (placement::timeCount(stage.mesh) != microBatches)
      return stage.op.emitError() << "E-PLAN: this stage has " << placement::timeCount(stage.mesh)
                                  << " micro-batches, the first has " << microBatches;
    for (int64_t device : stage.mesh.devices)
      stagesOfDevice[device].push_back(index);
  }
  // Devices with the same stages share one list.
  std::map<std::vector<unsigned>, std::vector<int64_t>> groups;
  for (auto &[device, indices] : stagesOfDevice)
    groups[indices].push_back(device);
  std::map<int64_t, Attribute> lists;
  for (auto &[indices, devices] : groups) {
    SmallVector<EventAttr> events;
    for (int64_t microBatch = 0; microBatch < microBatches; ++microBatch)
      for (unsigned index : indices)
        appendStage(module, stages[index].op.getSymNameAttr(), microBatch, events);
    lists[devices.front()] = collective::EventListAttr::get(context, devices, events);
  }
  SmallVector<Attribute> ordered, symbols;
  for (auto &[device, list] : lists)
    ordered.push_back(list);
  for (const Stage &stage : stages)
    symbols.push_back(FlatSymbolRefAttr::get(stage.op.getSymNameAttr()));
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  collective::ProgramOp::create(builder, module.getLoc(), builder.getStringAttr("main"),
                                builder.getStringAttr("worker"), builder.getStringAttr("step"),
                                builder.getArrayAttr(symbols), builder.getArrayAttr(ordered));
  return success();
}

} // namespace partita::partition
