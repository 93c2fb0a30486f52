// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/* A program of somebody else that runs a compiled model twice and must see equal numbers. */
#include "partita/runtime/Partita.h"
#include <stdio.h>
#include <string.h>

int main(void) {
  char error[512];
  static float values[8 * 32], first[8 * 16];
  int64_t shape[2] = {8, 32};
  partita_program *program = partita_create(NULL, 0, error, sizeof error);
  partita_tensor input, output;
  if (!program || partita_input_count(program) != 1 || partita_output_count(program) != 1 ||
      partita_input(program, 0, &input) != 0)
    return 1;
  printf("input %s, rank %d\n", input.name, (int)input.rank);
  for (int i = 0; i < 8 * 32; ++i)
    values[i] = (float)(i % 7) / 7.0f;
  partita_tensor given = {input.name, PARTITA_F32, 2, shape, values};
  for (int run = 0; run < 2; ++run) {
    if (partita_run(program, &given, 1, error, sizeof error) != 0 || partita_output(program, 0, &output) != 0) {
      printf("%s\n", error);
      return 1;
    }
    if (run == 0)
      memcpy(first, output.data, sizeof first);
  }
  printf("output %s is %s\n", output.name, memcmp(first, output.data, sizeof first) ? "different" : "the same again");
  /* A missing input is an error, not a crash. */
  printf("without input: %d\n", partita_run(program, NULL, 0, error, sizeof error));
  partita_destroy(program);
  return 0;
}
