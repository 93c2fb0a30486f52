// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of element types.
#include "partita/runtime/Image.h"

namespace partita::runtime {

namespace {
struct ElementFacts {
  const char *name;
  int64_t bytes;
};
constexpr ElementFacts facts[] = {{"f64", 8},    {"f32", 4},        {"bf16", 2},       {"f16", 2}, {"f8E4M3FN", 1},
                                  {"f8E5M2", 1}, {"f8E4M3FNUZ", 1}, {"f8E5M2FNUZ", 1}, {"si4", 1}, {"si8", 1},
                                  {"si16", 2},   {"si32", 4},       {"si64", 8},       {"ui4", 1}, {"ui8", 1},
                                  {"ui16", 2},   {"ui32", 4},       {"ui64", 8},       {"bool", 1}};
static_assert(sizeof(facts) / sizeof(facts[0]) == size_t(ElementType::boolean) + 1);
} // namespace

int64_t elementBytes(ElementType type) { return facts[size_t(type)].bytes; }

const char *elementName(ElementType type) { return facts[size_t(type)].name; }

} // namespace partita::runtime
