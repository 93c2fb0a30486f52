// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/* The C interface of a library that `partita compile --emit library` wrote: load the program once, run it
 * as often as wanted. Not thread-safe per program; several programs may live side by side.
 *
 * Worked example:
 *   char error[256];
 *   partita_program *program = partita_create(NULL, 0, error, sizeof error);
 *   int64_t shape[2] = {1, 8};
 *   partita_tensor ids = {"ids", PARTITA_SI64, 2, shape, values};
 *   if (program && partita_run(program, &ids, 1, error, sizeof error) == 0) {
 *     partita_tensor logits;
 *     partita_output(program, 0, &logits);
 *   }
 *   partita_destroy(program);
 */
#ifndef PARTITA_RUNTIME_PARTITA_H
#define PARTITA_RUNTIME_PARTITA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Element types; 4-bit integers are stored one to a byte, booleans as a byte 0 or 1. */
enum {
  PARTITA_F64 = 0,
  PARTITA_F32 = 1,
  PARTITA_BF16 = 2,
  PARTITA_F16 = 3,
  PARTITA_F8_E4M3FN = 4,
  PARTITA_F8_E5M2 = 5,
  PARTITA_F8_E4M3FNUZ = 6,
  PARTITA_F8_E5M2FNUZ = 7,
  PARTITA_SI4 = 8,
  PARTITA_SI8 = 9,
  PARTITA_SI16 = 10,
  PARTITA_SI32 = 11,
  PARTITA_SI64 = 12,
  PARTITA_UI4 = 13,
  PARTITA_UI8 = 14,
  PARTITA_UI16 = 15,
  PARTITA_UI32 = 16,
  PARTITA_UI64 = 17,
  PARTITA_BOOL = 18
};

/* A dense row-major tensor, not owned. */
typedef struct partita_tensor {
  const char *name;
  int32_t type;
  int64_t rank;
  const int64_t *shape;
  const void *data;
} partita_tensor;

typedef struct partita_program partita_program;

/* Loads the program: weights from `weights` (a file or folder; NULL: the recorded path), `threads` per
 * rank (0: cores / ranks). NULL after a failure, with the message in `error`. */
partita_program *partita_create(const char *weights, int64_t threads, char *error, size_t errorSize);
void partita_destroy(partita_program *program);

int64_t partita_input_count(const partita_program *program);
int64_t partita_output_count(const partita_program *program);

/* The input `index`: name, type and its shape with symbolic dimensions at their upper bounds; no data.
 * The pointers live as long as the program. 0, or -1 when there is no such input. */
int partita_input(partita_program *program, int64_t index, partita_tensor *tensor);

/* Runs one step on the inputs, matched by name; every input of the model must be there. 0 when done. */
int partita_run(partita_program *program, const partita_tensor *inputs, int64_t count, char *error, size_t errorSize);

/* The output `index` of the last run; valid until the next run. 0, or -1 when there is no such output. */
int partita_output(partita_program *program, int64_t index, partita_tensor *tensor);

#ifdef __cplusplus
}
#endif

#endif /* PARTITA_RUNTIME_PARTITA_H */
