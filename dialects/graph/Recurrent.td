// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recurrent cells over a sequence. Included by Graph.td.
#ifndef PARTITA_DIALECTS_GRAPH_RECURRENT
#define PARTITA_DIALECTS_GRAPH_RECURRENT

def Graph_CellKind : Graph_Enum<"CellKind", "recurrent cell", [
  I32EnumAttrCase<"rnn", 0>, I32EnumAttrCase<"gru", 1>, I32EnumAttrCase<"lstm", 2>]>;

def Graph_Direction : Graph_Enum<"Direction", "order in which a sequence is read", [
  I32EnumAttrCase<"forward", 0>, I32EnumAttrCase<"reverse", 1>, I32EnumAttrCase<"both", 2>]>;

// Functions of a, b (alpha, beta): affine a*x+b, leaky_relu a*x for x<0, thresholded_relu x for x>a else 0, scaled_tanh
// a*tanh(b*x), hard_sigmoid min(max(a*x+b, 0), 1), elu a*(exp(x)-1) for x<0, softsign x/(1+|x|), softplus log(1+exp(x)).
def Graph_CellFunction : Graph_Enum<"CellFunction", "function of a gate", [
  I32EnumAttrCase<"sigmoid", 0>, I32EnumAttrCase<"tanh", 1>, I32EnumAttrCase<"relu", 2>, I32EnumAttrCase<"affine", 3>,
  I32EnumAttrCase<"leaky_relu", 4>, I32EnumAttrCase<"thresholded_relu", 5>, I32EnumAttrCase<"scaled_tanh", 6>,
  I32EnumAttrCase<"hard_sigmoid", 7>, I32EnumAttrCase<"elu", 8>, I32EnumAttrCase<"softsign", 9>,
  I32EnumAttrCase<"softplus", 10>]>;

def Graph_RecurrentOp : Graph_Op<"recurrent", [AttrSizedOperandSegments,
                                               DeclareOpInterfaceMethods<DecomposableOpInterface>]> {
  let summary = "the states of an RNN, GRU or LSTM after each step of a sequence";
  let description = [{
    gates [T, D, N, G, H]: what input and bias give to each of the G gates of the H units, for N sequences of T steps in
    D directions; weights [D, G, H, H]: gate g of unit h gets sum over k of weights[d, g, h, k] * (state of k before);
    initial [S, D, N, H]; result [S, T, D, N, H]. With s the state before, c the cell before, f, g, h the `functions`:

      rnn   G 1, S 1          s' = f(g0)
      gru   G 3 (z r h), S 1  z = f(g0), r = f(g1), s' = (1 - z) * g(g2) + z * s. The recurrent part of g2 is
                              weights * (r * s), or with `reset_after` r * (weights * s + bias), bias [D, H]
      lstm  G 4 (i o f c), S 2 (s c)  i = f(g0 + p0 * c), f = f(g2 + p2 * c), c' = f * c + i * g(g3),
                              o = f(g1 + p1 * c'), s' = o * h(c'), with peepholes p [D, 3, H]; with `coupled` f = 1 - i

    Arguments of functions are cut to [-clip, clip] where clip is not 0. Directions of D: one, or forward and reverse
    for `both`; a reverse one begins at the last step. From step lengths[n] on, sequence n keeps its state. Sources:
    Hochreiter and Schmidhuber 1997; Gers and Schmidhuber 2000 (peepholes); Cho et al., arXiv 1406.1078; the forms are
    those of ONNX's RNN, GRU and LSTM. Split by units, a cell is written out step by step, and the states are gathered
    at each; more than 64 steps are not.
  }];
  let arguments = (ins StrAttr:$name, Graph_CellKind:$kind, Graph_FloatTensor:$gates, Graph_FloatTensor:$weights,
                       Graph_FloatTensor:$initial, Optional<Graph_FloatTensor>:$bias,
                       Optional<Graph_FloatTensor>:$peepholes, Optional<Graph_IntegerTensor>:$lengths,
                       Graph_Direction:$direction, StrArrayAttr:$functions,
                       DenseF64ArrayAttr:$alpha, DenseF64ArrayAttr:$beta, F64Attr:$clip, BoolAttr:$reset_after,
                       BoolAttr:$coupled);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name $kind $direction `(` $gates `,` $weights `,` $initial (`bias` $bias^)? (`peepholes` $peepholes^)?
    (`lengths` $lengths^)? `)` `functions` $functions `alpha` $alpha `beta` $beta `clip` $clip `reset_after`
    $reset_after `coupled` $coupled attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    /// Gates, states and functions of the kind of cell.
    int64_t getNumGates();
    int64_t getNumStates();
    int64_t getNumFunctions();
    CellFunction getFunction(unsigned index);
    /// Whether its steps can be spelled one by one: a known number of them, that is not too large.
    bool canBeWrittenOut();
  }];
}

#endif
