// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Syntax and verifiers of the plan attributes.
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "partita/dialects/plan/Plan.h"
#include "llvm/ADT/TypeSwitch.h"
#include <set>

using namespace mlir;
using namespace partita;
using namespace partita::plan;

#define GET_ATTRDEF_CLASSES
#include "partita/dialects/plan/PlanAttributes.cpp.inc"

void PlanDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "partita/dialects/plan/PlanAttributes.cpp.inc"
      >();
}

//===-- Axis, mesh ------------------------------------------------------------------------------------------------===//

LogicalResult AxisAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name, int64_t size, AxisKind) {
  if (name.empty())
    return emitError() << "a mesh axis needs a name";
  if (size < 1)
    return emitError() << "axis '" << name << "' has size " << size << ", expected at least 1";
  return success();
}

Attribute AxisAttr::parse(AsmParser &parser, Type) {
  std::string name;
  int64_t size;
  if (parser.parseString(&name) || parser.parseEqual() || parser.parseInteger(size))
    return {};
  AxisKind kind = succeeded(parser.parseOptionalKeyword("time")) ? AxisKind::time : AxisKind::space;
  return parser.getChecked<AxisAttr>(parser.getContext(), name, size, kind);
}

void AxisAttr::print(AsmPrinter &printer) const {
  printer << '"' << getName() << "\"=" << getSize();
  if (getKind() == AxisKind::time)
    printer << " time";
}

AxisAttr MeshAttr::findAxis(StringRef name) const {
  for (AxisAttr axis : getAxes())
    if (axis.getName() == name)
      return axis;
  return {};
}

int64_t MeshAttr::getNumRanks() const {
  int64_t ranks = 1;
  for (AxisAttr axis : getAxes())
    if (axis.getKind() == AxisKind::space)
      ranks *= axis.getSize();
  return ranks;
}

LogicalResult MeshAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<AxisAttr> axes,
                               ArrayRef<int64_t> devices) {
  std::set<StringRef> names;
  int64_t ranks = 1;
  for (AxisAttr axis : axes) {
    if (!names.insert(axis.getName()).second)
      return emitError() << "axis '" << axis.getName() << "' is listed twice";
    if (axis.getKind() == AxisKind::space && llvm::MulOverflow(ranks, axis.getSize(), ranks))
      return emitError() << "the mesh has too many ranks";
  }
  if (ranks != static_cast<int64_t>(devices.size()))
    return emitError() << "the space axes span " << ranks << " ranks but " << devices.size() << " devices are listed";
  std::set<int64_t> seen;
  for (int64_t device : devices)
    if (device < 0 || !seen.insert(device).second)
      return emitError() << "device " << device << " is negative or listed twice";
  return success();
}

/// `[0 to 7, 9]`
static ParseResult parseDevices(AsmParser &parser, SmallVectorImpl<int64_t> &devices) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    int64_t first, last;
    if (parser.parseInteger(first))
      return failure();
    last = first;
    if (succeeded(parser.parseOptionalKeyword("to")) && parser.parseInteger(last))
      return failure();
    if (last < first || last - first > (1 << 20))
      return parser.emitError(parser.getCurrentLocation(), "device range is empty or too long");
    for (int64_t device = first; device <= last; ++device)
      devices.push_back(device);
    return success();
  });
}

static void printDevices(AsmPrinter &printer, ArrayRef<int64_t> devices) {
  printer << '[';
  for (size_t first = 0; first < devices.size();) {
    size_t last = first;
    while (last + 1 < devices.size() && devices[last + 1] == devices[last] + 1)
      ++last;
    printer << (first ? ", " : "") << devices[first];
    if (last > first + 1)
      printer << " to " << devices[last];
    else if (last == first + 1)
      printer << ", " << devices[last];
    first = last + 1;
  }
  printer << ']';
}

Attribute MeshAttr::parse(AsmParser &parser, Type) {
  SmallVector<AxisAttr> axes;
  SmallVector<int64_t> devices;
  auto parseAxis = [&]() -> ParseResult {
    axes.push_back(dyn_cast_or_null<AxisAttr>(AxisAttr::parse(parser, {})));
    return success(static_cast<bool>(axes.back()));
  };
  if (parser.parseLess() || parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis) ||
      parser.parseComma() || parser.parseKeyword("devices") || parser.parseEqual() || parseDevices(parser, devices) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<MeshAttr>(parser.getContext(), axes, devices);
}

void MeshAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getAxes(), printer, [&](AxisAttr axis) { axis.print(printer); });
  printer << "], devices = ";
  printDevices(printer, getDevices());
  printer << '>';
}

//===-- Splits, placements ----------------------------------------------------------------------------------------===//

LogicalResult SplitAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef axis, int64_t unit) {
  if (axis.empty() || unit < 1)
    return emitError() << "a split names an axis and has a unit of at least 1";
  return success();
}

Attribute SplitAttr::parse(AsmParser &parser, Type) {
  std::string axis;
  int64_t unit = 1;
  if (parser.parseString(&axis) || (succeeded(parser.parseOptionalColon()) && parser.parseInteger(unit)))
    return {};
  return parser.getChecked<SplitAttr>(parser.getContext(), axis, unit);
}

void SplitAttr::print(AsmPrinter &printer) const {
  printer << '"' << getAxis() << '"';
  if (getUnit() != 1)
    printer << ':' << getUnit();
}

LogicalResult WindowAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t stride, int64_t low,
                                 int64_t high, int64_t reach) {
  if (stride < 1 || reach < 1)
    return emitError() << "a window has a stride and a reach of at least 1";
  // Positions are computed from these, without overflow.
  for (int64_t number : {stride, low, high, reach})
    if (number > kLargestWindow || number < -kLargestWindow)
      return emitError() << "a window with a number beyond " << kLargestWindow;
  return success();
}

Attribute WindowAttr::parse(AsmParser &parser, Type) {
  int64_t reach, stride, low, high;
  if (parser.parseInteger(reach) || parser.parseKeyword("by") || parser.parseInteger(stride) ||
      parser.parseKeyword("pad") || parser.parseInteger(low) || parser.parseComma() || parser.parseInteger(high))
    return {};
  return parser.getChecked<WindowAttr>(parser.getContext(), stride, low, high, reach);
}

std::string WindowAttr::str() const {
  return std::to_string(getReach()) + " by " + std::to_string(getStride()) + " pad " + std::to_string(getLow()) + ", " +
         std::to_string(getHigh());
}

void WindowAttr::print(AsmPrinter &printer) const { printer << str(); }

/// Rule PLACE-3: a window has splits, which deal out its steps.
LogicalResult DimSplitAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<SplitAttr> splits,
                                   WindowAttr window) {
  if (window && splits.empty())
    return emitError() << "PLACE-3: a window without splits";
  return success();
}

Attribute DimSplitAttr::parse(AsmParser &parser, Type) {
  SmallVector<SplitAttr> splits;
  WindowAttr window;
  auto parseSplit = [&]() -> ParseResult {
    splits.push_back(dyn_cast_or_null<SplitAttr>(SplitAttr::parse(parser, {})));
    return success(static_cast<bool>(splits.back()));
  };
  if (parser.parseLSquare())
    return {};
  if (succeeded(parser.parseOptionalRSquare()))
    return DimSplitAttr::get(parser.getContext(), splits);
  do {
    if (parseSplit())
      return {};
  } while (succeeded(parser.parseOptionalComma()));
  if (succeeded(parser.parseOptionalKeyword("window")) &&
      !(window = dyn_cast_or_null<WindowAttr>(WindowAttr::parse(parser, {}))))
    return {};
  if (parser.parseRSquare())
    return {};
  return parser.getChecked<DimSplitAttr>(parser.getContext(), splits, window);
}

void DimSplitAttr::print(AsmPrinter &printer) const {
  printer << '[';
  llvm::interleaveComma(getSplits(), printer, [&](SplitAttr split) { split.print(printer); });
  if (WindowAttr window = getWindow()) {
    printer << " window ";
    window.print(printer);
  }
  printer << ']';
}

Attribute PartialAttr::parse(AsmParser &parser, Type) {
  std::string axis;
  StringRef keyword;
  auto location = parser.getCurrentLocation();
  if (parser.parseString(&axis) || parser.parseKeyword(&keyword))
    return {};
  std::optional<PartialKind> kind = symbolizePartialKind(keyword);
  if (!kind) {
    parser.emitError(location, "expected sum, max, min, and, or");
    return {};
  }
  return PartialAttr::get(parser.getContext(), axis, *kind);
}

void PartialAttr::print(AsmPrinter &printer) const {
  printer << '"' << getAxis() << "\" " << stringifyPartialKind(getKind());
}

static ParseResult parseDims(AsmParser &parser, SmallVectorImpl<DimSplitAttr> &dims) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
    dims.push_back(dyn_cast_or_null<DimSplitAttr>(DimSplitAttr::parse(parser, {})));
    return success(static_cast<bool>(dims.back()));
  });
}

static void printDims(AsmPrinter &printer, ArrayRef<DimSplitAttr> dims) {
  printer << '[';
  llvm::interleaveComma(dims, printer, [&](DimSplitAttr dim) { dim.print(printer); });
  printer << ']';
}

/// Rule PLACE-1: an axis is used at most once.
static LogicalResult verifyAxesOnce(function_ref<InFlightDiagnostic()> emitError, ArrayRef<DimSplitAttr> dims,
                                    ArrayRef<PartialAttr> partial) {
  std::set<StringRef> axes;
  auto use = [&](StringRef axis) -> LogicalResult {
    if (axes.insert(axis).second)
      return success();
    return emitError() << "PLACE-1: axis '" << axis << "' is used twice";
  };
  for (DimSplitAttr dim : dims)
    for (SplitAttr split : dim.getSplits())
      if (failed(use(split.getAxis())))
        return failure();
  for (PartialAttr entry : partial)
    if (failed(use(entry.getAxis())))
      return failure();
  return success();
}

LogicalResult PlacementAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<DimSplitAttr> dims,
                                    ArrayRef<PartialAttr> partial) {
  for (size_t i = 1; i < partial.size(); ++i)
    if (!(partial[i - 1].getAxis() < partial[i].getAxis()))
      return emitError() << "PLACE-2: partial axes are listed once each, in the order of their names";
  return verifyAxesOnce(emitError, dims, partial);
}

bool PlacementAttr::isReplicated() const {
  return !isPartial() && llvm::all_of(getDims(), [](DimSplitAttr dim) { return dim.getSplits().empty(); });
}

PlacementAttr PlacementAttr::getReplicated(MLIRContext *context, int64_t rank) {
  SmallVector<DimSplitAttr> dims(rank, DimSplitAttr::get(context, {}));
  return PlacementAttr::get(context, dims, {});
}

Attribute PlacementAttr::parse(AsmParser &parser, Type) {
  SmallVector<DimSplitAttr> dims;
  SmallVector<PartialAttr> partial;
  if (parser.parseLess() || parseDims(parser, dims))
    return {};
  if (succeeded(parser.parseOptionalComma()))
    if (parser.parseKeyword("partial") ||
        parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
          partial.push_back(dyn_cast_or_null<PartialAttr>(PartialAttr::parse(parser, {})));
          return success(static_cast<bool>(partial.back()));
        }))
      return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<PlacementAttr>(parser.getContext(), dims, partial);
}

void PlacementAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printDims(printer, getDims());
  if (isPartial()) {
    printer << ", partial [";
    llvm::interleaveComma(getPartial(), printer, [&](PartialAttr entry) { entry.print(printer); });
    printer << ']';
  }
  printer << '>';
}

LogicalResult LoopsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<DimSplitAttr> loops) {
  for (DimSplitAttr loop : loops)
    if (loop.getWindow())
      return emitError() << "PLACE-3: a loop is not read through a window";
  // Two loops may share an axis where the op says so, which only the op's loops can tell.
  for (DimSplitAttr loop : loops)
    if (failed(verifyAxesOnce(emitError, loop, {})))
      return failure();
  return success();
}

Attribute LoopsAttr::parse(AsmParser &parser, Type) {
  SmallVector<DimSplitAttr> loops;
  if (parser.parseLess() || parseDims(parser, loops) || parser.parseGreater())
    return {};
  return parser.getChecked<LoopsAttr>(parser.getContext(), loops);
}

void LoopsAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printDims(printer, getLoops());
  printer << '>';
}

LogicalResult ReshardAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<PlacementAttr> path,
                                  ArrayRef<PlacementAttr> arrival) {
  if (path.empty())
    return emitError() << "a reshard path begins with the producer's placement";
  size_t rank = path.front().getDims().size();
  for (ArrayRef<PlacementAttr> list : {path, arrival})
    for (PlacementAttr placement : list)
      if (placement.getDims().size() != rank)
        return emitError() << "placements of one reshard differ in rank";
  if (!arrival.empty() && (path.back().isPartial() || arrival.front().isPartial()))
    return emitError() << "partial values cannot cross stages: reduce them first";
  return success();
}

LogicalResult PartAttr::verify(function_ref<InFlightDiagnostic()> emitError, RankedTensorType global,
                               PlacementAttr placement) {
  if (static_cast<size_t>(global.getRank()) != placement.getDims().size())
    return emitError() << "a placement of rank " << placement.getDims().size() << " cannot place " << global;
  if (isa_and_nonnull<PartAttr>(global.getEncoding()))
    return emitError() << "the whole value's type must not be local itself";
  return success();
}
