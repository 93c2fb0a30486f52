// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "partita/interpreter/Scope.h"
#include "partita/dialects/interfaces/SymbolicShape.h"

using namespace mlir;

namespace partita::interpreter {

Interval cutInterval(Interval whole, int64_t parts, int64_t unit, int64_t part) {
  int64_t units = (whole.extent + unit - 1) / unit;
  int64_t each = units / parts, longer = units % parts;
  int64_t first = part * each + std::min(part, longer), last = first + each + (part < longer ? 1 : 0);
  int64_t begin = std::min(first * unit, whole.extent), end = std::min(last * unit, whole.extent);
  return {whole.offset + begin, end - begin};
}

int64_t countPositions(plan::WindowAttr window, int64_t extent) {
  // Position p ends at p * stride - low + reach, which is at most `high` beyond the end.
  int64_t last = extent + window.getHigh() + window.getLow() - window.getReach();
  return last < 0 ? 0 : last / window.getStride() + 1;
}

Interval readPositions(plan::WindowAttr window, Interval positions, int64_t extent) {
  int64_t first = positions.offset * window.getStride() - window.getLow();
  int64_t last = (positions.offset + positions.extent - 1) * window.getStride() - window.getLow() + window.getReach();
  int64_t begin = std::min(std::max(first, int64_t(0)), extent), end = std::min(last, extent);
  return {begin, positions.extent == 0 ? 0 : std::max(end - begin, int64_t(0))};
}

std::optional<Box> intersect(const Box &a, const Box &b) {
  Box common;
  for (size_t dim = 0; dim < a.offset.size(); ++dim) {
    int64_t begin = std::max(a.offset[dim], b.offset[dim]);
    int64_t end = std::min(a.offset[dim] + a.extent[dim], b.offset[dim] + b.extent[dim]);
    if (end <= begin)
      return std::nullopt;
    common.offset.push_back(begin);
    common.extent.push_back(end - begin);
  }
  return common;
}

Coordinates coordinatesOf(plan::MeshAttr mesh, int64_t rank, int64_t microBatch) {
  ArrayRef<plan::AxisAttr> axes = mesh.getAxes();
  Coordinates coordinates(axes.size(), 0);
  for (size_t i = axes.size(); i-- > 0;) {
    int64_t &rest = axes[i].getKind() == plan::AxisKind::time ? microBatch : rank;
    coordinates[i] = rest % axes[i].getSize();
    rest /= axes[i].getSize();
  }
  return coordinates;
}

int64_t countMicroBatches(plan::MeshAttr mesh) {
  int64_t count = 1;
  for (plan::AxisAttr axis : mesh.getAxes())
    if (axis.getKind() == plan::AxisKind::time)
      count *= axis.getSize();
  return count;
}

static std::optional<int64_t> evaluateSize(const DimSize &size, const SymbolValues &symbols) {
  int64_t total = size.constant;
  for (auto [symbol, coefficient] : size.coefficients) {
    auto found = symbols.find(symbol.getName().str());
    if (found == symbols.end())
      return std::nullopt;
    total += coefficient * found->second;
  }
  return total < 0 ? std::nullopt : std::optional<int64_t>(total);
}

std::optional<Shape> Scope::findGlobalShape(RankedTensorType type) const {
  if (plan::PartAttr part = plan::getPart(type))
    type = part.getGlobal();
  Shape shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    std::optional<DimSize> size = getDimSize(type, dim);
    std::optional<int64_t> extent = size ? evaluateSize(*size, symbols) : std::nullopt;
    if (!extent)
      return std::nullopt;
    shape.push_back(*extent);
  }
  return shape;
}

std::optional<int64_t> Scope::findCoordinate(StringRef axis) const {
  if (!mesh)
    return std::nullopt;
  for (auto [index, candidate] : llvm::enumerate(mesh.getAxes()))
    if (candidate.getName() == axis && index < coordinates.size())
      return coordinates[index];
  return std::nullopt;
}

std::optional<Box> Scope::findBox(RankedTensorType type) const {
  std::optional<Shape> shape = findGlobalShape(type);
  if (!shape)
    return std::nullopt;
  Box box{Shape(shape->size(), 0), *shape};
  plan::PartAttr part = plan::getPart(type);
  if (!part)
    return box;
  for (auto [dim, splits] : llvm::enumerate(part.getPlacement().getDims())) {
    plan::WindowAttr window = splits.getWindow();
    Interval interval{0, window ? countPositions(window, (*shape)[dim]) : (*shape)[dim]};
    for (plan::SplitAttr split : splits.getSplits()) {
      std::optional<int64_t> coordinate = findCoordinate(split.getAxis());
      if (!coordinate)
        return std::nullopt;
      interval = cutInterval(interval, mesh.findAxis(split.getAxis()).getSize(), split.getUnit(), *coordinate);
    }
    if (window)
      interval = readPositions(window, interval, (*shape)[dim]);
    box.offset[dim] = interval.offset;
    box.extent[dim] = interval.extent;
  }
  return box;
}

/// Learns the symbol of one dim, when exactly one is unknown.
static std::string bindDim(const DimSize &size, int64_t extent, SymbolValues &symbols) {
  int64_t known = size.constant;
  SymbolAttr unknown;
  int64_t factor = 0;
  for (auto [symbol, coefficient] : size.coefficients) {
    auto found = symbols.find(symbol.getName().str());
    if (found != symbols.end()) {
      known += coefficient * found->second;
    } else if (unknown) {
      return "";
    } else {
      unknown = symbol;
      factor = coefficient;
    }
  }
  if (!unknown)
    return known == extent ? "" : "expected extent " + std::to_string(known) + ", got " + std::to_string(extent);
  int64_t value = (extent - known) / factor;
  if (value * factor != extent - known || value < unknown.getMinimum() || value > unknown.getMaximum())
    return "extent " + std::to_string(extent) + " gives '" + unknown.getName().str() + "' no value in " +
           std::to_string(unknown.getMinimum()) + ".." + std::to_string(unknown.getMaximum());
  symbols[unknown.getName().str()] = value;
  return "";
}

std::string bindSymbols(RankedTensorType type, ArrayRef<int64_t> shape, SymbolValues &symbols) {
  if (type.getRank() != static_cast<int64_t>(shape.size()))
    return "expected rank " + std::to_string(type.getRank()) + ", got " + std::to_string(shape.size());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    std::optional<DimSize> size = getDimSize(type, dim);
    if (!size)
      return "dim " + std::to_string(dim) + " is unbounded";
    if (std::string problem = bindDim(*size, shape[dim], symbols); !problem.empty())
      return "dim " + std::to_string(dim) + ": " + problem;
  }
  return "";
}

} // namespace partita::interpreter
