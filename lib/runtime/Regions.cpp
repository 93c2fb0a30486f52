// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and reductions of regions: one walker yields the contiguous rows that all tensors have in common.
#include "partita/runtime/Box.h"
#include "partita/runtime/SmallFloat.h"

#include <algorithm>
#include <cstring>

namespace partita::runtime {

namespace {

// Iterates over the rows of a region: maximal runs of elements that are contiguous in every one of the
// given boxes. offsets[i] is the row's first element in box i.
class RowWalker {
public:
  RowWalker(const Box &region, const std::vector<const Box *> &boxes) : index(region.size(), 0) {
    size_t rank = region.size();
    strides.assign(boxes.size(), std::vector<int64_t>(rank, 1));
    offsets.assign(boxes.size(), 0);
    for (size_t b = 0; b < boxes.size(); ++b)
      for (size_t d = rank; d-- > 0;) {
        strides[b][d] = d + 1 == rank ? 1 : strides[b][d + 1] * (*boxes[b])[d + 1].length();
        offsets[b] += strides[b][d] * (region[d].begin - (*boxes[b])[d].begin);
      }
    for (const Interval &interval : region)
      lengths.push_back(interval.length());
    // Trailing dimensions that the region covers whole, in every box, melt into the row.
    outer = rank;
    bool whole = true;
    while (outer > 0 && whole) {
      --outer;
      rowLength *= lengths[outer];
      for (const Box *box : boxes)
        whole = whole && (*box)[outer].length() == lengths[outer];
    }
  }

  std::vector<int64_t> offsets;
  int64_t rowLength = 1;

  bool advance() {
    for (size_t d = outer; d-- > 0;) {
      if (++index[d] < lengths[d]) {
        for (size_t b = 0; b < offsets.size(); ++b)
          offsets[b] += strides[b][d];
        return true;
      }
      for (size_t b = 0; b < offsets.size(); ++b)
        offsets[b] -= strides[b][d] * (lengths[d] - 1);
      index[d] = 0;
    }
    return false;
  }

private:
  std::vector<std::vector<int64_t>> strides;
  std::vector<int64_t> lengths, index;
  size_t outer = 0;
};

template <typename T> T combine(ReductionKind kind, T a, T b) {
  switch (kind) {
  case ReductionKind::sum:
    if constexpr (std::is_integral_v<T>)
      return T(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b)); // Wraps.
    else
      return a + b;
  case ReductionKind::max:
    return a != a || a > b ? a : b;
  case ReductionKind::min:
    return a != a || a < b ? a : b;
  default:
    if constexpr (std::is_integral_v<T>)
      return kind == ReductionKind::logicalAnd ? T(a & b) : T(a | b);
    else
      return a;
  }
}

constexpr int64_t chunk = 256;

template <typename Stored, typename Wide, typename Load, typename Store>
void reduceRows(ReductionKind kind, const Box &region, const std::vector<ConstRegion> &sources, void *destination,
                const Box &destinationBox, Load load, Store store) {
  std::vector<const Box *> boxes;
  for (const ConstRegion &source : sources)
    boxes.push_back(&source.box);
  boxes.push_back(&destinationBox);
  RowWalker rows(region, boxes);
  Wide accumulator[chunk];
  do {
    for (int64_t first = 0; first < rows.rowLength; first += chunk) {
      int64_t count = std::min(chunk, rows.rowLength - first);
      for (size_t s = 0; s < sources.size(); ++s) {
        const Stored *from = static_cast<const Stored *>(sources[s].data) + rows.offsets[s] + first;
        if (s == 0)
          for (int64_t i = 0; i < count; ++i)
            accumulator[i] = load(from[i]);
        else
          for (int64_t i = 0; i < count; ++i)
            accumulator[i] = combine<Wide>(kind, accumulator[i], load(from[i]));
      }
      Stored *to = static_cast<Stored *>(destination) + rows.offsets.back() + first;
      for (int64_t i = 0; i < count; ++i)
        to[i] = store(accumulator[i]);
    }
  } while (rows.advance());
}

template <typename T>
void reduceSame(ReductionKind kind, const Box &region, const std::vector<ConstRegion> &sources, void *destination,
                const Box &destinationBox) {
  auto same = [](T value) { return value; };
  reduceRows<T, T>(kind, region, sources, destination, destinationBox, same, same);
}

template <typename Bits>
void reduceSmallFloats(ElementType type, ReductionKind kind, const Box &region, const std::vector<ConstRegion> &sources,
                       void *destination, const Box &destinationBox) {
  reduceRows<Bits, float>(
      kind, region, sources, destination, destinationBox, [type](Bits bits) { return decodeSmallFloat(type, bits); },
      [type](float value) { return Bits(encodeSmallFloat(type, value)); });
}

} // namespace

static void zeroRegion(int64_t bytesPerElement, const Box &region, void *destination, const Box &destinationBox) {
  if (boxElements(region) == 0)
    return;
  RowWalker walker(region, {&destinationBox});
  do
    std::memset(static_cast<char *>(destination) + walker.offsets[0] * bytesPerElement, 0,
                size_t(walker.rowLength * bytesPerElement));
  while (walker.advance());
}

int64_t copyCountedRegion(int64_t bytesPerElement, const Box &region, const ConstRegion &source,
                          const RowCounts &counts, void *destination, const Box &destinationBox) {
  size_t row = size_t(counts.dims);
  int64_t copied = 0;
  if (boxElements(region) == 0)
    return copied;
  // One place of the counts after the other.
  Box place = region;
  for (size_t d = 0; d < row; ++d)
    place[d].end = place[d].begin + 1;
  for (bool more = true; more;) {
    int64_t index = 0;
    for (size_t d = 0; d < row; ++d)
      index = index * source.box[d].length() + place[d].begin - source.box[d].begin;
    Box there = place, rest = place;
    there[row].end = rest[row].begin = std::clamp(counts.values[index], region[row].begin, region[row].end);
    if (boxElements(there) > 0)
      copyRegion(bytesPerElement, there, source, destination, destinationBox);
    zeroRegion(bytesPerElement, rest, destination, destinationBox);
    copied += boxElements(there);
    more = false;
    for (size_t d = row; d-- > 0 && !more;) {
      more = place[d].end < region[d].end;
      place[d] = more ? Interval{place[d].end, place[d].end + 1} : Interval{region[d].begin, region[d].begin + 1};
    }
  }
  return copied;
}

void copyRegion(int64_t bytesPerElement, const Box &region, const ConstRegion &source, void *destination,
                const Box &destinationBox) {
  if (boxElements(region) == 0)
    return;
  RowWalker rows(region, {&source.box, &destinationBox});
  auto *from = static_cast<const char *>(source.data);
  auto *to = static_cast<char *>(destination);
  do
    std::memcpy(to + rows.offsets[1] * bytesPerElement, from + rows.offsets[0] * bytesPerElement,
                size_t(rows.rowLength * bytesPerElement));
  while (rows.advance());
}

bool isReducible(ElementType type, ReductionKind kind) {
  bool bitwise = kind == ReductionKind::logicalAnd || kind == ReductionKind::logicalOr;
  bool integer = type >= ElementType::si4;
  if (type == ElementType::boolean)
    return kind != ReductionKind::sum;
  // A sum of 4-bit integers would have to wrap at 4 bits; nothing produces one.
  if (type == ElementType::si4 || type == ElementType::ui4)
    return kind == ReductionKind::max || kind == ReductionKind::min;
  return integer || !bitwise;
}

void reduceRegion(ElementType type, ReductionKind kind, const Box &region, const std::vector<ConstRegion> &sources,
                  void *destination, const Box &destinationBox) {
  if (boxElements(region) == 0)
    return;
  switch (type) {
  case ElementType::f64:
    return reduceSame<double>(kind, region, sources, destination, destinationBox);
  case ElementType::f32:
    return reduceSame<float>(kind, region, sources, destination, destinationBox);
  case ElementType::bf16:
  case ElementType::f16:
    return reduceSmallFloats<uint16_t>(type, kind, region, sources, destination, destinationBox);
  case ElementType::f8E4M3FN:
  case ElementType::f8E5M2:
  case ElementType::f8E4M3FNUZ:
  case ElementType::f8E5M2FNUZ:
    return reduceSmallFloats<uint8_t>(type, kind, region, sources, destination, destinationBox);
  case ElementType::si4:
  case ElementType::si8:
    return reduceSame<int8_t>(kind, region, sources, destination, destinationBox);
  case ElementType::si16:
    return reduceSame<int16_t>(kind, region, sources, destination, destinationBox);
  case ElementType::si32:
    return reduceSame<int32_t>(kind, region, sources, destination, destinationBox);
  case ElementType::si64:
    return reduceSame<int64_t>(kind, region, sources, destination, destinationBox);
  case ElementType::ui4:
  case ElementType::ui8:
  case ElementType::boolean:
    return reduceSame<uint8_t>(kind, region, sources, destination, destinationBox);
  case ElementType::ui16:
    return reduceSame<uint16_t>(kind, region, sources, destination, destinationBox);
  case ElementType::ui32:
    return reduceSame<uint32_t>(kind, region, sources, destination, destinationBox);
  case ElementType::ui64:
    return reduceSame<uint64_t>(kind, region, sources, destination, destinationBox);
  }
}

} // namespace partita::runtime
