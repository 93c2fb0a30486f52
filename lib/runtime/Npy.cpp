// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .npy header is a Python dictionary; this reads exactly the subset that numpy writes.
#include "partita/runtime/Npy.h"

#include <cstring>

namespace partita::runtime {

namespace {

struct Descriptor {
  const char *text;
  ElementType type;
};
// For writing, the first entry of a type counts.
constexpr Descriptor descriptors[] = {
    {"<f8", ElementType::f64},  {"<f4", ElementType::f32},     {"<f2", ElementType::f16},
    {"|i1", ElementType::si8},  {"<i2", ElementType::si16},    {"<i4", ElementType::si32},
    {"<i8", ElementType::si64}, {"|u1", ElementType::ui8},     {"<u2", ElementType::ui16},
    {"<u4", ElementType::ui32}, {"<u8", ElementType::ui64},    {"|b1", ElementType::boolean},
    {"|i1", ElementType::si4},  {"|u1", ElementType::ui4},     {"<i1", ElementType::si8},
    {"<u1", ElementType::ui8},  {"<b1", ElementType::boolean}, {"=f4", ElementType::f32},
    {"=f8", ElementType::f64}};

constexpr size_t largestRank = 64;
constexpr int64_t largestElements = int64_t(1) << 48;

class HeaderParser {
public:
  HeaderParser(const char *begin, const char *end) : cursor(begin), end(end) {}

  // {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } in any order of keys.
  bool parse() {
    if (!accept('{'))
      return false;
    while (!accept('}')) {
      std::string key;
      if (!string(key) || !accept(':'))
        return false;
      bool ok = key == "descr"           ? !hasType && (hasType = string(descriptor))
                : key == "fortran_order" ? !hasOrder && (hasOrder = boolean(fortran))
                : key == "shape"         ? !hasShape && (hasShape = tuple())
                                         : false;
      if (!ok || (!accept(',') && peek() != '}'))
        return false;
    }
    return hasType && hasOrder && hasShape && peek() == '\0';
  }

  std::string descriptor;
  bool fortran = false;
  std::vector<int64_t> shape;

private:
  const char *cursor, *end;
  bool hasType = false, hasOrder = false, hasShape = false;

  char peek() {
    while (cursor < end && (*cursor == ' ' || *cursor == '\n' || *cursor == '\t'))
      ++cursor;
    return cursor < end ? *cursor : '\0';
  }
  bool accept(char c) {
    bool found = peek() == c && cursor < end;
    cursor += found;
    return found;
  }
  bool string(std::string &text) {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      return false;
    const char *first = ++cursor;
    while (cursor < end && *cursor != quote)
      ++cursor;
    if (cursor == end)
      return false;
    text.assign(first, cursor++);
    return true;
  }
  bool word(const char *text) {
    size_t length = strlen(text);
    bool found = size_t(end - cursor) >= length && memcmp(cursor, text, length) == 0;
    cursor += found ? length : 0;
    return found;
  }
  bool boolean(bool &value) {
    peek();
    value = word("True");
    return value || word("False");
  }
  bool number(int64_t &value) {
    if (peek() < '0' || peek() > '9')
      return false;
    for (value = 0; cursor < end && *cursor >= '0' && *cursor <= '9'; ++cursor) {
      value = value * 10 + (*cursor - '0');
      if (value > largestElements)
        return false;
    }
    if (cursor < end && *cursor == 'L')
      ++cursor; // Written by Python 2.
    return true;
  }
  bool tuple() {
    if (!accept('('))
      return false;
    while (!accept(')')) {
      int64_t extent;
      if (!number(extent) || shape.size() == largestRank)
        return false;
      shape.push_back(extent);
      if (!accept(',') && peek() != ')')
        return false;
    }
    return true;
  }
};

} // namespace

std::shared_ptr<char> allocateAligned(size_t bytes) {
  constexpr size_t alignment = 64;
  auto memory = std::make_shared<std::vector<char>>(bytes + alignment);
  size_t excess = reinterpret_cast<uintptr_t>(memory->data()) % alignment;
  return {memory, memory->data() + (excess ? alignment - excess : 0)};
}

int64_t elementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

std::string describeTensor(ElementType type, const std::vector<int64_t> &shape) {
  std::string text = std::string(elementName(type)) + "[";
  for (size_t d = 0; d < shape.size(); ++d)
    text += (d ? "," : "") + std::to_string(shape[d]);
  return text + "]";
}

bool parseNpy(const void *data, uint64_t size, const std::string &name, TensorView &tensor, std::string &error) {
  auto fail = [&](const std::string &reason) {
    error = "E-BAD-FILE: '" + name + "' " + reason;
    return false;
  };
  auto *bytes = static_cast<const unsigned char *>(data);
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
    return fail("is not a .npy file");
  if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
    return fail("has .npy version " + std::to_string(bytes[6]) + "." + std::to_string(bytes[7]) +
                ", known are 1.0, 2.0 and 3.0");
  uint64_t start = bytes[6] == 1 ? 10 : 12;
  if (size < start)
    return fail("ends in its header");
  uint64_t length = bytes[8] | uint64_t(bytes[9]) << 8;
  if (bytes[6] > 1)
    length |= uint64_t(bytes[10]) << 16 | uint64_t(bytes[11]) << 24;
  if (length > size - start)
    return fail("ends in its header");
  auto *text = reinterpret_cast<const char *>(bytes) + start;
  HeaderParser header(text, text + length);
  if (!header.parse())
    return fail("has a header that is no .npy header");
  const Descriptor *match = nullptr;
  for (const Descriptor &candidate : descriptors)
    if (!match && header.descriptor == candidate.text)
      match = &candidate;
  if (!match)
    return fail("has elements of type '" + header.descriptor + "', which is not supported");
  if (header.fortran && header.shape.size() > 1)
    return fail("is stored in Fortran order; save it with numpy.ascontiguousarray");
  __int128 needed = elementBytes(match->type);
  for (int64_t extent : header.shape) {
    needed *= extent;
    if (needed > largestElements)
      return fail("has a shape too large");
  }
  uint64_t available = size - start - length;
  if (needed != __int128(available))
    return fail("holds " + std::to_string(available) + " bytes of data, its shape " +
                describeTensor(match->type, header.shape) + " needs " + std::to_string(int64_t(needed)));
  tensor.elementType = match->type;
  tensor.shape = header.shape;
  tensor.data = bytes + start + length;
  return true;
}

bool readNpy(const std::string &path, TensorView &tensor, std::string &error) {
  auto file = std::make_shared<MappedFile>();
  if (!file->open(path, error) || !parseNpy(file->data(), file->size(), path, tensor, error))
    return false;
  tensor.owner = file;
  return true;
}

std::string npyHeader(ElementType type, const std::vector<int64_t> &shape) {
  const Descriptor *match = nullptr;
  for (const Descriptor &candidate : descriptors)
    if (!match && candidate.type == type)
      match = &candidate;
  if (!match)
    return "";
  std::string text = std::string("{'descr': '") + match->text + "', 'fortran_order': False, 'shape': (";
  for (int64_t extent : shape)
    text += std::to_string(extent) + ", ";
  text += "), }";
  // With the 10 bytes before it the header ends, with a newline, at a multiple of 64.
  text.resize((10 + text.size() + 1 + 63) / 64 * 64 - 11, ' ');
  text += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + char(text.size() & 0xff) + char(text.size() >> 8) + text;
}

bool writeNpy(const std::string &path, const TensorView &tensor, std::string &error) {
  std::string header = npyHeader(tensor.elementType, tensor.shape);
  if (header.empty()) {
    error = std::string("E-BAD-FILE: .npy cannot hold elements of type ") + elementName(tensor.elementType);
    return false;
  }
  uint64_t bytes = uint64_t(elementCount(tensor.shape) * elementBytes(tensor.elementType));
  return writeFile(path, {{header.data(), header.size()}, {tensor.data, bytes}}, error);
}

} // namespace partita::runtime
