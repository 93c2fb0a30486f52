// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random numbers. Included by Graph.td.
#ifndef PARTITA_DIALECTS_GRAPH_RANDOM
#define PARTITA_DIALECTS_GRAPH_RANDOM

def Graph_RandomBitsOp : Graph_Op<"random_bits"> {
  let summary = "32 random bits for each element, which depend on a seed and on where the element lies";
  let description = [{
    The first word of Philox4x32-10 with the key `seed` (its low and high half) and the counter (place, stream), each in
    two words, low half first. The place of an element counts row by row through the whole tensor at its largest
    extents: however the tensor is split, every element draws the same bits, and again in every run.
    `partita_graph.random_bits "noise" seed 7 stream 0 : tensor<4x8xui32>`.
    Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$seed, I64Attr:$stream);
  let results = (outs Graph_IntegerTensor:$result);
  let assemblyFormat = "$name `seed` $seed `stream` $stream attr-dict `:` type($result)";
}

#endif
