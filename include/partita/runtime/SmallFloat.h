// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversion between f32 and the floating point types of 16 and 8 bits, rounding to nearest even.
//
// Worked example: 1.0f as bf16 is 0x3F80, as f16 0x3C00, as f8E4M3FN 0x38. f8E4M3FN has no infinity:
// values beyond 448 become NaN. Formats: IEEE 754-2019 (f16), the OCP 8-bit Floating Point Specification
// (E4M3FN, E5M2); the FNUZ variants have no negative zero, one NaN (0x80) and a bias greater by one.
#ifndef PARTITA_RUNTIME_SMALLFLOAT_H
#define PARTITA_RUNTIME_SMALLFLOAT_H

#include "partita/runtime/Image.h"

namespace partita::runtime {

/// Whether the type is bf16, f16 or one of the 8-bit floats.
bool isSmallFloat(ElementType type);

/// The value with these bits (in the low 8 or 16) of a small float type.
float decodeSmallFloat(ElementType type, uint16_t bits);

/// The bits of the nearest value of a small float type.
uint16_t encodeSmallFloat(ElementType type, float value);

} // namespace partita::runtime

#endif // PARTITA_RUNTIME_SMALLFLOAT_H
