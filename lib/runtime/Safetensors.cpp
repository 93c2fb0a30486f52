// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The header is JSON of one shape; this reads exactly that.
#include "partita/runtime/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace partita::runtime {

namespace {

struct TypeName {
  const char *text;
  ElementType type;
};
constexpr TypeName typeNames[] = {
    {"F64", ElementType::f64},   {"F32", ElementType::f32},          {"F16", ElementType::f16},
    {"BF16", ElementType::bf16}, {"F8_E4M3", ElementType::f8E4M3FN}, {"F8_E5M2", ElementType::f8E5M2},
    {"I8", ElementType::si8},    {"I16", ElementType::si16},         {"I32", ElementType::si32},
    {"I64", ElementType::si64},  {"U8", ElementType::ui8},           {"U16", ElementType::ui16},
    {"U32", ElementType::ui32},  {"U64", ElementType::ui64},         {"BOOL", ElementType::boolean}};

constexpr uint64_t largestHeader = 100000000;
constexpr size_t largestRank = 64;
constexpr int64_t largestNumber = int64_t(1) << 48;

// One entry of the header.
struct Entry {
  std::string name, type;
  std::vector<int64_t> shape, offsets;
};

class HeaderReader {
public:
  HeaderReader(const char *begin, const char *end) : cursor(begin), end(end) {}

  // {"name": {...}, ..., "__metadata__": {"key": "value"}}
  bool read(std::vector<Entry> &entries) {
    bool ok = object([&](std::string key) {
      if (key == "__metadata__")
        return object([&](const std::string &) {
          std::string value;
          return string(value);
        });
      entries.push_back({std::move(key), "", {}, {}});
      return entry(entries.back());
    });
    return ok && peek() == '\0' && cursor == end;
  }

private:
  const char *cursor, *end;

  char peek() {
    while (cursor < end && (*cursor == ' ' || *cursor == '\n' || *cursor == '\t' || *cursor == '\r'))
      ++cursor;
    return cursor < end ? *cursor : '\0';
  }
  bool accept(char c) {
    bool found = peek() == c && cursor < end;
    cursor += found;
    return found;
  }

  // Calls `member` with each key, with the cursor at its value.
  template <typename Member> bool object(Member member) {
    if (!accept('{'))
      return false;
    if (accept('}'))
      return true;
    do {
      std::string key;
      if (!string(key) || !accept(':') || !member(std::move(key)))
        return false;
    } while (accept(','));
    return accept('}');
  }

  bool entry(Entry &result) {
    bool hasType = false, hasShape = false, hasOffsets = false;
    bool ok = object([&](const std::string &key) {
      if (key == "dtype")
        return !hasType && (hasType = string(result.type));
      if (key == "shape")
        return !hasShape && (hasShape = numbers(result.shape, largestRank));
      return key == "data_offsets" && !hasOffsets && (hasOffsets = numbers(result.offsets, 2));
    });
    return ok && hasType && hasShape && hasOffsets && result.offsets.size() == 2;
  }

  bool numbers(std::vector<int64_t> &list, size_t most) {
    if (!accept('['))
      return false;
    if (accept(']'))
      return true;
    do {
      int64_t value = 0;
      if (list.size() == most || !number(value))
        return false;
      list.push_back(value);
    } while (accept(','));
    return accept(']');
  }

  bool number(int64_t &value) {
    if (peek() < '0' || peek() > '9')
      return false;
    for (value = 0; cursor < end && *cursor >= '0' && *cursor <= '9'; ++cursor) {
      value = value * 10 + (*cursor - '0');
      if (value > largestNumber)
        return false;
    }
    return true;
  }

  bool string(std::string &text) {
    if (!accept('"'))
      return false;
    while (cursor < end && *cursor != '"') {
      if (static_cast<unsigned char>(*cursor) < 0x20)
        return false;
      if (*cursor != '\\')
        text += *cursor++;
      else if (!escape(text))
        return false;
    }
    return accept('"');
  }

  bool escape(std::string &text) {
    static constexpr char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (++cursor == end)
      return false;
    char letter = *cursor++;
    if (letter == 'u')
      return codePoint(text);
    const char *found = letter ? strchr(letters, letter) : nullptr;
    if (found)
      text += meanings[found - letters];
    return found;
  }

  bool hexadecimal(uint32_t &value) {
    value = 0;
    for (int i = 0; i < 4; ++i, ++cursor) {
      static constexpr char digits[] = "0123456789abcdef";
      char digit = cursor < end && *cursor ? char(*cursor | 0x20) : ' ';
      const char *found = cursor < end && *cursor ? strchr(digits, digit) : nullptr;
      if (!found || (*cursor < '0'))
        return false;
      value = value * 16 + uint32_t(found - digits);
    }
    return true;
  }

  // \uXXXX, of which two make one code point beyond 16 bits, as UTF-8.
  bool codePoint(std::string &text) {
    uint32_t value = 0, low = 0;
    if (!hexadecimal(value))
      return false;
    if (value >= 0xd800 && value < 0xe000) {
      if (value >= 0xdc00 || end - cursor < 6 || *cursor++ != '\\' || *cursor++ != 'u' || !hexadecimal(low) ||
          low < 0xdc00 || low >= 0xe000)
        return false;
      value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
    int more = value < 0x80 ? 0 : value < 0x800 ? 1 : value < 0x10000 ? 2 : 3;
    static constexpr unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};
    text += char(heads[more] | value >> 6 * more);
    while (more-- > 0)
      text += char(0x80 | (value >> 6 * more & 0x3f));
    return true;
  }
};

// What is wrong with an entry, given the bytes behind the header; empty: nothing.
std::string findMistake(const Entry &entry, uint64_t available, ElementType &type) {
  auto known = std::find_if(std::begin(typeNames), std::end(typeNames),
                            [&](const TypeName &candidate) { return entry.type == candidate.text; });
  if (known == std::end(typeNames))
    return "has elements of type '" + entry.type + "', which is not supported";
  type = known->type;
  __int128 needed = elementBytes(type);
  for (int64_t extent : entry.shape) {
    needed *= extent;
    if (needed > largestNumber)
      return "has a shape too large";
  }
  if (entry.offsets[0] > entry.offsets[1] || uint64_t(entry.offsets[1]) > available)
    return "lies outside of the file";
  if (needed != entry.offsets[1] - entry.offsets[0])
    return "has " + std::to_string(entry.offsets[1] - entry.offsets[0]) + " bytes, its shape " +
           describeTensor(type, entry.shape) + " needs " + std::to_string(int64_t(needed));
  return "";
}

// Tensors must fill the data from its first to its last byte.
bool fillWithoutHoles(std::vector<Entry> entries, uint64_t available) {
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.offsets < b.offsets; });
  uint64_t position = 0;
  for (const Entry &entry : entries) {
    if (uint64_t(entry.offsets[0]) != position)
      return false;
    position = uint64_t(entry.offsets[1]);
  }
  return position == available;
}

} // namespace

bool isSafetensors(const std::string &path) {
  static const std::string ending = ".safetensors";
  return path.size() >= ending.size() && path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
}

bool parseSafetensors(const void *data, uint64_t size, const std::string &fileName, std::vector<StoredTensor> &tensors,
                      std::string &error) {
  auto fail = [&](const std::string &reason) {
    error = "E-BAD-FILE: '" + fileName + "' " + reason;
    return false;
  };
  auto *bytes = static_cast<const unsigned char *>(data);
  uint64_t length = 0;
  for (int i = 7; size >= 8 && i >= 0; --i)
    length = length << 8 | bytes[i];
  if (size < 8 || length > largestHeader || length > size - 8)
    return fail("is not a .safetensors file, or ends in its header");
  auto *text = reinterpret_cast<const char *>(bytes) + 8;
  std::vector<Entry> entries;
  if (!HeaderReader(text, text + length).read(entries))
    return fail("has a header that is no .safetensors header");
  uint64_t available = size - 8 - length;
  std::set<std::string> names;
  tensors.clear();
  for (const Entry &entry : entries) {
    StoredTensor tensor{entry.name, {}};
    std::string mistake = findMistake(entry, available, tensor.view.elementType);
    if (!mistake.empty() || !names.insert(entry.name).second)
      return fail("is damaged: tensor '" + entry.name + "' " + (mistake.empty() ? "is there twice" : mistake));
    tensor.view.shape = entry.shape;
    tensor.view.data = bytes + 8 + length + entry.offsets[0];
    tensors.push_back(std::move(tensor));
  }
  return fillWithoutHoles(std::move(entries), available) || fail("has bytes that belong to no tensor or to two");
}

bool readSafetensors(const std::string &path, const std::string &name, TensorView &tensor, std::string &error) {
  auto file = std::make_shared<MappedFile>();
  std::vector<StoredTensor> tensors;
  if (!file->open(path, error) || !parseSafetensors(file->data(), file->size(), path, tensors, error))
    return false;
  auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor &each) { return each.name == name; });
  if (found == tensors.end() && tensors.size() == 1)
    found = tensors.begin();
  if (found == tensors.end()) {
    error = "E-BAD-FILE: '" + path + "' has " + std::to_string(tensors.size()) + " tensors, none of them named '" +
            name + "'";
    return false;
  }
  tensor = found->view;
  tensor.owner = file;
  return true;
}

bool writeSafetensors(const std::string &path, const std::string &name, const TensorView &tensor, std::string &error) {
  const char *type = "U8"; // The bits of a type that the format does not know.
  for (const TypeName &known : typeNames)
    if (known.type == tensor.elementType)
      type = known.text;
  std::string shape;
  for (int64_t extent : tensor.shape)
    shape += (shape.empty() ? "" : ",") + std::to_string(extent);
  uint64_t bytes = uint64_t(elementCount(tensor.shape) * elementBytes(tensor.elementType));
  std::string header = "{" + quoteJson(name) + ":{\"dtype\":\"" + type + "\",\"shape\":[" + shape +
                       "],\"data_offsets\":[0," + std::to_string(bytes) + "]}}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string length;
  for (int shift = 0; shift < 64; shift += 8)
    length += char(uint64_t(header.size()) >> shift & 0xff);
  return writeFile(path, {{length.data(), 8}, {header.data(), header.size()}, {tensor.data, bytes}}, error);
}

} // namespace partita::runtime
