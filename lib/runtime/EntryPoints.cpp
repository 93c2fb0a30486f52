// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The five functions that generated code calls.
#include "Rank.h"

using partita::runtime::Rank;

static Rank &rankOf(partita_context *context) { return *static_cast<Rank *>(context->runtime); }

extern "C" {

void partita_collective_start(partita_context *context, int64_t id, const void *source, void *destination) {
  rankOf(context).startCollective(id, source, destination, {});
}

void partita_collective_start_counted(partita_context *context, int64_t id, const void *source, void *destination,
                                      const int64_t *counts, int64_t dims) {
  rankOf(context).startCollective(id, source, destination, {counts, dims});
}

void partita_collective_wait(partita_context *context, int64_t id) { rankOf(context).waitForCollective(id); }

void partita_parallel_for(partita_context *context, int64_t begin, int64_t end, int64_t grain, partita_loop_body body,
                          void *data) {
  rankOf(context).runLoop(context, begin, end, grain, body, data);
}

void partita_fail(partita_context *context, const char *message) { rankOf(context).fail(message); }

} // extern "C"
