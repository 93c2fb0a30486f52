// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers of experts. Included by Graph.td.
#ifndef PARTITA_DIALECTS_GRAPH_EXPERTS
#define PARTITA_DIALECTS_GRAPH_EXPERTS

def Graph_ExpertFunction : Graph_Enum<"ExpertFunction", "activation of an expert", [
  I32EnumAttrCase<"identity", 0>, I32EnumAttrCase<"relu", 1>, I32EnumAttrCase<"gelu", 2>,
  I32EnumAttrCase<"gelu_tanh", 3>, I32EnumAttrCase<"silu", 4>]>;

def Graph_ExpertsOp : Graph_Op<"experts", [AttrSizedOperandSegments,
                                           DeclareOpInterfaceMethods<DecomposableOpInterface>]> {
  let summary = "each token goes through the experts that were chosen for it";
  let description = [{
    tokens [S, T, H], places [S, T, K]: which of the E experts are chosen for a token, shares (optional) [S, T, K]: by
    how much each counts. gate and up [S|1, E, F, H], their biases [S|1, E, F], down [S|1, E, O, F], result [S, T, O].
    With e = places[s, t, k]:

      result[s, t] = sum over k of shares[s, t, k] * down[e] * (f(gate[e] * x + gate_bias[e]) * (up[e] * x + up_bias[e]))

    where x = tokens[s, t]; without `up` that factor is 1. A place outside of [0, E) is no expert and adds nothing.
    Only what was chosen is computed. Experts that lie on other ranks: a part adds what its own experts give. Where one
    axis cuts tokens and experts alike, the op is split by count-then-exchange dispatch: each part sorts its tokens by
    expert, counts them, and the tokens go to the ranks of their experts and back. 16-bit floats are accumulated in f32.
    Source: Shazeer et al., arXiv 1701.06538; the form is that of com.microsoft's MoE.
  }];
  let arguments = (ins StrAttr:$name, Graph_ExpertFunction:$function, Graph_FloatTensor:$tokens,
                       Graph_IntegerTensor:$places, Optional<Graph_FloatTensor>:$shares, Graph_FloatTensor:$gate,
                       Optional<Graph_FloatTensor>:$gate_bias, Optional<Graph_FloatTensor>:$up,
                       Optional<Graph_FloatTensor>:$up_bias, Graph_FloatTensor:$down);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name $function `(` $tokens `at` $places (`shares` $shares^)? `gate` $gate (`gate_bias` $gate_bias^)? (`up` $up^)?
    (`up_bias` $up_bias^)? `down` $down `)` attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_CountedOp : Graph_Op<"counted", [DeclareOpInterfaceMethods<CountedOpInterface>]> {
  let summary = "the rows that are there, and zeros behind them";
  let description = [{
    The dims of counts are the first dims of the input; rows are its next dim: result[c, r, ...] is input[c, r, ...] for
    r < counts[c], else 0. `share` is the share of rows that are expected to be there. A move of the result to other
    ranks sends only the rows that are there.

    `partita_graph.counted "rows" (%x, %n) share 2.500000e-01 : (tensor<2x8x16x64xf32>, tensor<2x8xsi64>) ->
    tensor<2x8x16x64xf32>`: of 16 rows for each of 2 x 8 places, 4 on average.
  }];
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, Graph_IntegerTensor:$counts, F64Attr:$share);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $counts `)` `share` $share attr-dict `:` functional-type(operands, results)
  }];
}

#endif
