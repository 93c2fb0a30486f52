// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that work along one dim by position: gathering and scattering by indices, ordering, running totals. Included by
// Graph.td.
#ifndef PARTITA_DIALECTS_GRAPH_INDEXING
#define PARTITA_DIALECTS_GRAPH_INDEXING

def Graph_ScatterKind : Graph_Enum<"ScatterKind", "what a scattered element does to the one in its place", [
  I32EnumAttrCase<"update", 0>, I32EnumAttrCase<"add", 1>, I32EnumAttrCase<"mul", 2>, I32EnumAttrCase<"max", 3>,
  I32EnumAttrCase<"min", 4>]>;

def Graph_GatherAlongOp : Graph_Op<"gather_along"> {
  let summary = "result[.., m, ..] = input[.., indices[m, ..], ..] along `axis`";
  let description = [{
    Dim j of the indices is dim `dims[j]` of the result; `dims` are increasing and contain the axis. Over the other
    dims of the result the indices repeat. All dims but the axis are those of the input. With all dims listed this is
    numpy's take_along_axis. Negative indices count from the end; one outside of the input is an error when the
    program runs (`E-INDEX-RANGE`), and nothing is read.

    `partita_graph.gather_along "g" (%x, %i) axis 2 dims [0, 2] : (tensor<4x3x9xf32>, tensor<4x5xsi64>) ->
    tensor<4x3x5xf32>`: each of 4 images picks 5 of its 9 places, the same ones in its 3 channels.
  }];
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, Graph_IntegerTensor:$indices, I64Attr:$axis,
                       DenseI64ArrayAttr:$dims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $indices `)` `axis` $axis `dims` $dims attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_ScatterAlongOp : Graph_Op<"scatter_along"> {
  let summary = "the input, with updates[.., m, ..] put or combined into place indices[m, ..] along `axis`";
  let description = [{
    The mirror image of gather_along: dim j of the indices is dim `dims[j]` of the updates, whose other dims but the
    axis are those of the result. Without an input, places that no update hits have the value that changes nothing:
    0 (update, add), 1 (mul), the smallest (max) or largest (min) number; then the updates of add, max and min may lie
    on different ranks. Updates of one place apply in their order: the last one stays under `update`. 16-bit floats
    are combined in f32. Indices outside are an error when the program runs, and nothing is written.

    `partita_graph.scatter_along "s" add(%i, %u) axis 0 dims [0] : (tensor<5xsi64>, tensor<5x3xf32>) ->
    tensor<9x3xf32>`: the gradient of a table of 9 rows.
  }];
  let arguments = (ins StrAttr:$name, Graph_ScatterKind:$kind, Graph_IntegerTensor:$indices, Graph_Tensor:$updates,
                       Optional<Graph_Tensor>:$input, I64Attr:$axis, DenseI64ArrayAttr:$dims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $name $kind `(` $indices `,` $updates (`,` $input^)? `)` `axis` $axis `dims` $dims attr-dict `:`
    functional-type(operands, results)
  }];
}

def Graph_TopKOp : Graph_Composite<"top_k"> {
  let summary = "places of the largest (or smallest) elements along `dim`, best first";
  let description = [{
    As many as the result's extent along `dim`; with the operand's extent it sorts. Of equal elements the one at the
    lower place comes first. NaN counts as larger than all numbers. The elements themselves are
    `gather_along(input, result)`. Along `dim` it is split in blocks: the best of each, then the best of those.
  }];
  let arguments = (ins StrAttr:$name, Graph_NumberTensor:$input, I64Attr:$dim, BoolAttr:$largest);
  let results = (outs Graph_IntegerTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `)` `dim` $dim `largest` $largest attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_CumulativeOp : Graph_Composite<"cumulative"> {
  let summary = "running totals along `dim`: result[i] reduces input[0..i]";
  let description = [{
    `exclusive`: input[0..i-1] (the first is what reducing nothing gives). `reverse`: from the end. 16-bit floats are
    accumulated in f32. Along `dim` it is split in blocks: totals in each, after those of the blocks before it.
  }];
  let arguments = (ins StrAttr:$name, Graph_ReduceKind:$kind, Graph_Tensor:$input, I64Attr:$dim, BoolAttr:$exclusive,
                       BoolAttr:$reverse);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $name $kind `(` $input `)` `dim` $dim `exclusive` $exclusive `reverse` $reverse attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif
