// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands for the object that the compiler emits: one function, the table of functions, the image.
#include "partita/runtime/Context.h"

__asm__(".section .rodata\n"
        ".globl partita_image\n"
        "partita_image: .incbin \"" PARTITA_TEST_IMAGE "\"\n"
        "partita_image_end:\n"
        ".balign 8\n"
        ".globl partita_image_size\n"
        "partita_image_size: .quad partita_image_end - partita_image\n"
        ".text\n");

static void scaleColumns(partita_context *context, void *const *buffers) {
  int64_t n = context->symbols[0], rows = context->coordinates[1] == 0 ? (n + 1) / 2 : n / 2;
  auto *x = static_cast<const float *>(buffers[0]), *w = static_cast<const float *>(buffers[1]);
  auto *y = static_cast<float *>(buffers[2]);
  for (int64_t i = 0; i < rows * 2; ++i)
    y[i] = x[i] * w[i % 2];
}

extern "C" {
extern const partita_function partita_functions[] = {scaleColumns};
}
