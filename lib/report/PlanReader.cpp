// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JSON back to the attributes of a planned module. Everything is read and checked before the module is touched.
#include "partita/dialects/interfaces/Interfaces.h"
#include "partita/dialects/plan/Plan.h"
#include "partita/report/PlanFile.h"
#include "partita/support/Error.h"
#include "partita/support/RepeatedSegments.h"
#include <map>

using namespace mlir;

namespace partita::report {

namespace {

class PlanReader {
public:
  PlanReader(const JsonDocument &document, ModuleOp module)
      : document(document), module(module), context(module.getContext()), builder(context) {}

  LogicalResult run() {
    JsonReader root = document.root();
    root.checkSchema("partita.plan", 1);
    // Figures and statistics are for people; the plan is what follows.
    root.allowUnknownFields();
    readStages(root.field("stages"));
    readArguments(root.field("arguments"));
    readDecisions(root.field("decisions"));
    readResults(root.field("results"));
    JsonReader record = root.optionalField("record");
    if (record.exists() && record.get()) {
      record.allowUnknownFields();
      if (record.isObject() && record.optionalField("schema").exists())
        record.checkSchema("partita.plan", 1);
      recordEntries = dyn_cast<DictionaryAttr>(toAttribute(*record.get()));
    }
    if (llvm::Error error = document.finish())
      return module.emitError() << takeError(std::move(error)).strWithNotes();
    return apply();
  }

private:
  //===-- Values --------------------------------------------------------------------------------------------------===//

  Attribute toAttribute(const JsonValue &value) {
    if (const std::string *text = value.getString())
      return builder.getStringAttr(*text);
    if (std::optional<bool> flag = value.getBoolean())
      return builder.getBoolAttr(*flag);
    if (value.kind() == JsonKind::Integer)
      return builder.getI64IntegerAttr(value.getInteger().value_or(0));
    if (std::optional<double> number = value.getDouble())
      return builder.getF64FloatAttr(*number);
    if (value.kind() == JsonKind::Array) {
      SmallVector<Attribute> elements;
      for (const JsonValue &element : value.elements())
        elements.push_back(toAttribute(element));
      return builder.getArrayAttr(elements);
    }
    SmallVector<NamedAttribute> entries;
    for (const JsonMember &member : value.members())
      entries.push_back(builder.getNamedAttr(member.name.empty() ? "_" : member.name, toAttribute(member.value)));
    return builder.getDictionaryAttr(entries);
  }

  /// A loop has no window.
  void refuseWindows(JsonReader reader, MutableArrayRef<plan::DimSplitAttr> loops) {
    if (llvm::any_of(loops, [](plan::DimSplitAttr loop) { return static_cast<bool>(loop.getWindow()); }))
      reader.fail("a loop is not read through a window");
    for (plan::DimSplitAttr &loop : loops)
      loop = plan::DimSplitAttr::get(context, loop.getSplits());
  }

  /// "window 3 by 1 pad 1, 1", as the attribute is printed.
  plan::WindowAttr readWindow(JsonReader entry, StringRef text) {
    SmallVector<StringRef> words;
    text.split(words, ' ', -1, false);
    int64_t reach, stride, low, high;
    bool understood = words.size() == 7 && words[2] == "by" && words[4] == "pad" && words[5].consume_back(",") &&
                      !words[1].getAsInteger(10, reach) && !words[3].getAsInteger(10, stride) &&
                      !words[5].getAsInteger(10, low) && !words[6].getAsInteger(10, high);
    ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
    if (understood)
      if (auto window = plan::WindowAttr::getChecked([&] { return mlir::emitError(module.getLoc()); }, context, stride,
                                                     low, high, reach))
        return window;
    entry.fail("expected window REACH by STRIDE pad LOW, HIGH");
    return {};
  }

  SmallVector<plan::DimSplitAttr> readDims(JsonReader reader) {
    SmallVector<plan::DimSplitAttr> dims;
    for (JsonReader dim : reader.elements()) {
      SmallVector<plan::SplitAttr> splits;
      plan::WindowAttr window;
      for (JsonReader entry : dim.elements()) {
        std::string text = entry.asString();
        if (StringRef(text).starts_with("window ")) {
          window = readWindow(entry, text);
          continue;
        }
        auto [axis, unitText] = StringRef(text).rsplit(':');
        int64_t unit = 1;
        if (!unitText.empty() && (unitText.getAsInteger(10, unit) || unit < 1))
          entry.fail("expected AXIS or AXIS:UNIT with a positive unit");
        if (axis.empty())
          entry.fail("expected AXIS or AXIS:UNIT");
        else
          splits.push_back(plan::SplitAttr::get(context, axis, std::max<int64_t>(unit, 1)));
      }
      if (window && splits.empty())
        dim.fail("a window needs axes that split its steps");
      dims.push_back(plan::DimSplitAttr::get(context, splits, splits.empty() ? plan::WindowAttr() : window));
    }
    return dims;
  }

  plan::PlacementAttr readPlacement(JsonReader reader) {
    SmallVector<plan::DimSplitAttr> dims = readDims(reader.field("dims"));
    std::map<std::string, plan::PartialKind> partial;
    if (JsonReader given = reader.optionalField("partial"); given.exists())
      for (auto &[axis, kind] : given.members()) {
        std::optional<plan::PartialKind> known = plan::symbolizePartialKind(kind.asString());
        if (!known)
          kind.failExpected("sum, max, min, and, or");
        partial[axis] = known.value_or(plan::PartialKind::sum);
      }
    SmallVector<plan::PartialAttr> entries;
    for (auto &[axis, kind] : partial)
      entries.push_back(plan::PartialAttr::get(context, axis, kind));
    auto fail = [&] {
      reader.fail("an axis is used twice in one placement");
      return mlir::emitError(module.getLoc());
    };
    ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
    auto placement =
        plan::PlacementAttr::getChecked(llvm::function_ref<InFlightDiagnostic()>(fail), context,
                                        ArrayRef<plan::DimSplitAttr>(dims), ArrayRef<plan::PartialAttr>(entries));
    return placement ? placement : plan::PlacementAttr::getReplicated(context, dims.size());
  }

  SmallVector<plan::PlacementAttr> readPlacements(JsonReader reader, size_t least) {
    SmallVector<plan::PlacementAttr> placements;
    for (JsonReader entry : reader.elements(least))
      placements.push_back(readPlacement(entry));
    return placements;
  }

  ArrayAttr readReshards(JsonReader reader) {
    SmallVector<Attribute> reshards;
    for (JsonReader entry : reader.elements()) {
      if (entry.isNull()) {
        reshards.push_back(builder.getUnitAttr());
        continue;
      }
      SmallVector<plan::PlacementAttr> path = readPlacements(entry.field("path"), 1), arrival;
      if (JsonReader given = entry.optionalField("arrival"); given.exists())
        arrival = readPlacements(given, 1);
      auto fail = [&] {
        entry.fail("placements of one reshard differ in rank, or a partial value crosses stages");
        return mlir::emitError(module.getLoc());
      };
      ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
      auto reshard =
          plan::ReshardAttr::getChecked(llvm::function_ref<InFlightDiagnostic()>(fail), context,
                                        ArrayRef<plan::PlacementAttr>(path), ArrayRef<plan::PlacementAttr>(arrival));
      reshards.push_back(reshard ? Attribute(reshard) : builder.getUnitAttr());
    }
    return builder.getArrayAttr(reshards);
  }

  //===-- Parts of the plan ---------------------------------------------------------------------------------------===//

  void readStages(JsonReader reader) {
    for (JsonReader entry : reader.elements(1)) {
      SmallVector<plan::AxisAttr> axes;
      for (JsonReader axis : entry.field("axes").elements()) {
        std::string name = axis.field("name").asString();
        int64_t size = axis.field("size").asInteger(1, 1 << 24);
        std::string kind = axis.optionalField("kind").asStringOr("space");
        if (kind != "space" && kind != "time")
          axis.fail("the kind of an axis is space or time");
        if (name.empty())
          axis.fail("an axis needs a name");
        else
          axes.push_back(
              plan::AxisAttr::get(context, name, size, kind == "time" ? plan::AxisKind::time : plan::AxisKind::space));
      }
      std::vector<int64_t> devices = entry.field("devices").asIntegers(0, 1 << 24);
      std::string problem;
      ScopedDiagnosticHandler collect(context, [&](Diagnostic &diagnostic) {
        problem = diagnostic.str();
        return success();
      });
      auto report = [&] { return mlir::emitError(module.getLoc()); };
      auto mesh = plan::MeshAttr::getChecked(llvm::function_ref<InFlightDiagnostic()>(report), context,
                                             ArrayRef<plan::AxisAttr>(axes), ArrayRef<int64_t>(devices));
      if (!mesh)
        entry.fail(problem);
      else
        stages.push_back({entry.field("name").asString(), mesh});
    }
  }

  void readArguments(JsonReader reader) {
    for (JsonReader entry : reader.elements()) {
      SmallVector<Attribute> kept;
      for (plan::PlacementAttr placement : readPlacements(entry.field("kept_as"), 1))
        kept.push_back(placement);
      for (const std::string &name : expandNames(entry.field("members").asString()))
        storage[name] = builder.getArrayAttr(kept);
    }
  }

  void readDecisions(JsonReader reader) {
    for (JsonReader entry : reader.elements()) {
      SmallVector<NamedAttribute> attributes;
      auto add = [&](StringRef name, Attribute value) { attributes.push_back(builder.getNamedAttr(name, value)); };
      add(plan::kStageAttr, FlatSymbolRefAttr::get(context, entry.field("stage").asString()));
      SmallVector<plan::DimSplitAttr> loops = readDims(entry.field("loops"));
      refuseWindows(entry, loops);
      add(plan::kLoopsAttr, plan::LoopsAttr::get(context, loops));
      // A person may leave reshards out: they are completed.
      if (JsonReader reshards = entry.optionalField("reshards"); reshards.exists())
        add(plan::kReshardsAttr, readReshards(reshards));
      if (JsonReader origin = entry.optionalField("origin"); origin.exists())
        add(plan::kOriginAttr, builder.getStringAttr(origin.asString()));
      if (JsonReader alternatives = entry.optionalField("alternatives"); alternatives.exists())
        add(plan::kAlternativesAttr, toAttribute(*alternatives.get()));
      for (const std::string &name : expandNames(entry.field("members").asString()))
        decisions[name] = builder.getDictionaryAttr(attributes);
    }
  }

  void readResults(JsonReader reader) { results = readReshards(reader); }

  //===-- Onto the module -----------------------------------------------------------------------------------------===//

  LogicalResult stale(Operation *op, const Twine &what) {
    return op->emitError() << "E-PLAN-STALE: " << what << "; this plan was made for another graph";
  }

  LogicalResult apply() {
    func::FuncOp function;
    for (auto candidate : module.getOps<func::FuncOp>())
      if (!candidate.isExternal() && !function)
        function = candidate;
    if (!function)
      return module.emitError("E-PLAN: there is no function to plan");
    std::map<std::string, Operation *> ops;
    for (Operation &op : function.getBody().front())
      if (!op.hasTrait<OpTrait::IsTerminator>())
        ops[getModelName(&op).str()] = &op;
    for (auto &[name, attributes] : decisions)
      if (!ops.count(name))
        return stale(module, "the plan decides about '" + name + "', which the model does not have");
    for (auto &[name, op] : ops)
      if (!decisions.count(name))
        return stale(op, "the plan says nothing about '" + name + "'");
    for (auto &[name, op] : ops) {
      auto split = dyn_cast<SplitOpInterface>(op);
      auto loops = cast<plan::LoopsAttr>(decisions[name].get(plan::kLoopsAttr));
      if (split && split.getLoopNest().loops.size() != loops.getLoops().size())
        return stale(op, "the plan assigns " + Twine(loops.getLoops().size()) + " loops of '" + name + "', which has " +
                             Twine(split.getLoopNest().loops.size()));
    }
    return write(function, ops);
  }

  LogicalResult write(func::FuncOp function, const std::map<std::string, Operation *> &ops) {
    // A reshard begins at a copy that an earlier op made, so the plan holds for the order it was made in.
    Block &body = function.getBody().front();
    for (Operation *op : orderCanonically(body))
      op->moveBefore(body.getTerminator());
    OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
    if (recordEntries && recordEntries.getAs<StringAttr>("schema"))
      plan::RecordOp::create(top, module.getLoc(), recordEntries);
    for (auto &[name, mesh] : stages)
      plan::StageOp::create(top, module.getLoc(), name, mesh);
    for (auto &[name, op] : ops)
      for (NamedAttribute attribute : decisions[name])
        op->setAttr(attribute.getName(), attribute.getValue());
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      if (auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr))
        if (auto found = storage.find(name.str()); found != storage.end())
          function.setArgAttr(index, plan::kStorageAttr, found->second);
    if (results && !results.empty())
      function.getBody().front().getTerminator()->setAttr(plan::kReshardsAttr, results);
    return success();
  }

  const JsonDocument &document;
  ModuleOp module;
  MLIRContext *context;
  Builder builder;
  std::vector<std::pair<std::string, plan::MeshAttr>> stages;
  std::map<std::string, ArrayAttr> storage;
  std::map<std::string, DictionaryAttr> decisions;
  ArrayAttr results;
  DictionaryAttr recordEntries;
};

} // namespace

LogicalResult applyPlan(const JsonDocument &document, ModuleOp module) { return PlanReader(document, module).run(); }

} // namespace partita::report
