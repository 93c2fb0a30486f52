// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The binary interface between generated code and the runtime: what a generated function is given and
// the five entry points it may call. Fixed: the compiler emits loads at these offsets.
//
// Worked example, the generated function of `y = all-reduce(x * w)` with collective 0 of its call:
//   void mlp(partita_context *context, void *const *buffers) {
//     partita_parallel_for(context, 0, rows, 16, rowsOfProduct, captured);   // into context->scratch
//     partita_collective_start(context, 0, context->scratch, buffers[2]);
//     partita_collective_wait(context, 0);
//   }
#ifndef PARTITA_RUNTIME_CONTEXT_H
#define PARTITA_RUNTIME_CONTEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Everything a generated function knows about its rank and event. All pointers stay valid during the
/// call; the function never writes to the context itself.
typedef struct partita_context {
  const int64_t *coordinates; /* offset 0: per axis of the stage; along time axes, of the micro-batch */
  const int64_t *axisSizes;   /* offset 8: per axis of the stage */
  const int64_t *symbols;     /* offset 16: actual extents of the symbolic dimensions */
  char *arena;                /* offset 24: the stage's part of the rank's arena, 64-byte aligned */
  char *scratch;              /* offset 32: arena + the call's scratch offset */
  int64_t microBatch;         /* offset 40 */
  int64_t slot;               /* offset 48 */
  int64_t version;            /* offset 56: of the weights */
  void *runtime;              /* offset 64: the runtime's own */
  char *workerScratch;        /* offset 72: Image::workerScratchBytes of the thread that runs, 64-byte aligned */
} partita_context;

/// A generated function; `buffers` holds one address per argument of its call.
typedef void (*partita_function)(partita_context *context, void *const *buffers);

/// A generated loop body: handles the iterations [begin, end). Its context is the caller's but for workerScratch,
/// which no two bodies that run at once share.
typedef void (*partita_loop_body)(partita_context *context, int64_t begin, int64_t end, void *data);

/// Starts collective `id` (relative to the call's firstCollective) from `source` to `destination`, two
/// local tensors in the layouts `from` and `to` that the image gives it. Until the wait, the source must
/// not be written and the destination not be touched. They must not overlap. A rank whose box is empty
/// takes part all the same.
void partita_collective_start(partita_context *context, int64_t id, const void *source, void *destination);

/// As partita_collective_start, for a collective that moves rows of which only the first are there: `counts` is dense
/// over the first `dims` dimensions of the source and says how many of the rows (the next dimension) are. Only these
/// are sent; the others are zero in the destination. The counts must not be written until the wait.
void partita_collective_start_counted(partita_context *context, int64_t id, const void *source, void *destination,
                                      const int64_t *counts, int64_t dims);

/// Completes the collective. Returns also when another rank has failed: the destination is then
/// undefined and the step's result is dropped.
void partita_collective_wait(partita_context *context, int64_t id);

/// Calls `body` once for each of the subranges of [begin, end) that start at begin + k * grain, in any
/// order and on any of the rank's threads; returns when all are done. The subranges do not depend on the
/// number of threads, so neither do the results. Called from a body it runs them one after another, on that body's
/// thread and with its worker scratch.
void partita_parallel_for(partita_context *context, int64_t begin, int64_t end, int64_t grain, partita_loop_body body,
                          void *data);

/// Reports that the rank cannot go on (an index out of range ...): `message` becomes the error of the
/// whole run, every other rank is woken. Returns; the function should then return too.
void partita_fail(partita_context *context, const char *message);

/* Emitted by the compiler beside its functions. */
extern const unsigned char partita_image[];
extern const uint64_t partita_image_size;
extern const partita_function partita_functions[];

#ifdef __cplusplus
}
#endif

#endif /* PARTITA_RUNTIME_CONTEXT_H */
