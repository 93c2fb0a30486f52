// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lists of names that differ in one number, written shortly.
#include "Names.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>

using namespace llvm;

namespace partita::report {

NumberedName splitName(StringRef name) {
  size_t begin = name.find_if([](char c) { return isDigit(c); });
  if (begin == StringRef::npos)
    return {name.str(), "", std::nullopt};
  size_t end = name.find_if_not([](char c) { return isDigit(c); }, begin);
  StringRef digits = name.slice(begin, end);
  uint64_t number;
  // A leading zero would be lost, and a bracket could not be told from ours.
  if ((digits.size() > 1 && digits.front() == '0') || digits.size() > 9 || digits.getAsInteger(10, number) ||
      name.contains('[') || name.contains(']'))
    return {name.str(), "", std::nullopt};
  return {name.take_front(begin).str(), end == StringRef::npos ? "" : name.drop_front(end).str(), number};
}

std::string compressNames(const std::vector<std::string> &names) {
  if (names.size() == 1)
    return names.front();
  std::vector<uint64_t> numbers;
  NumberedName first = splitName(names.front());
  for (const std::string &name : names)
    numbers.push_back(splitName(name).number.value_or(0));
  std::sort(numbers.begin(), numbers.end());
  std::string list;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1)
      ++last;
    list += (list.empty() ? "" : ",") + std::to_string(numbers[i]);
    if (last > i)
      list += "-" + std::to_string(numbers[last]);
    i = last + 1;
  }
  return first.prefix + "[" + list + "]" + first.suffix;
}

/// Bytes of all names of one pattern; 100,000 layers stay far below.
static constexpr uint64_t kLargestExpansion = uint64_t(1) << 26;

std::vector<std::string> expandNames(StringRef pattern) {
  size_t open = pattern.find('['), close = pattern.find(']', open);
  if (open == StringRef::npos || close == StringRef::npos)
    return {pattern.str()};
  std::vector<std::string> names;
  SmallVector<StringRef> ranges;
  pattern.slice(open + 1, close).split(ranges, ',');
  for (StringRef range : ranges) {
    auto [low, high] = range.split('-');
    uint64_t first, last;
    if (low.getAsInteger(10, first) || (!high.empty() && high.getAsInteger(10, last)))
      return {pattern.str()};
    if (high.empty())
      last = first;
    // A short text must not stand for more names than memory holds.
    uint64_t most = kLargestExpansion / (pattern.size() + 20);
    if (last < first || last - first >= most - std::min<uint64_t>(names.size(), most))
      return {pattern.str()};
    for (uint64_t count = 0; count <= last - first; ++count)
      names.push_back((pattern.take_front(open) + Twine(first + count) + pattern.drop_front(close + 1)).str());
  }
  return names;
}

} // namespace partita::report
