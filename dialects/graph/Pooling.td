// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows besides those that reduce. Included by Graph.td.
#ifndef PARTITA_DIALECTS_GRAPH_POOLING
#define PARTITA_DIALECTS_GRAPH_POOLING

def Graph_WindowArgmaxOp : Graph_Op<"window_argmax"> {
  let summary = "where the largest element of each window of [N, C, spatial...] lies";
  let description = [{
    The place in the channel, its spatial dims counted row by row; the first of equal elements in the order of the
    window, a NaN before any number. Padding is never the largest; a window of padding alone gives 0.
    `partita_graph.window_argmax "places" (%x) window [2] strides [2] padding [0, 0] dilations [1] :
    (tensor<1x1x4xf32>) -> tensor<1x1x2xsi64>`: [3, 1, 0, 2] gives [0, 3].
  }];
  let arguments = (ins StrAttr:$name, Graph_NumberTensor:$input, DenseI64ArrayAttr:$window,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilations);
  let results = (outs Graph_IntegerTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `)` `window` $window `strides` $strides `padding` $padding `dilations` $dilations attr-dict
    `:` functional-type(operands, results)
  }];
}

#endif
