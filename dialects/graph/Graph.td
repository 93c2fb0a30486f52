// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The graph dialect: the model as whole-tensor mathematics, no devices.
//
// Sizes are never operands: a result's extents follow from its type (and, for `?` dims, from the encoding: the
// symbols of a whole tensor, or the part that a local tensor is). In a per-device program an op computes the
// restriction of the whole op to the boxes its types name; ops that depend on positions (iota, gather, causal
// attention) read the box's offset from there.
#ifndef PARTITA_DIALECTS_GRAPH
#define PARTITA_DIALECTS_GRAPH

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "partita/dialects/interfaces/Interfaces.td"

def Graph_Dialect : Dialect {
  let name = "partita_graph";
  let cppNamespace = "::partita::graph";
  let summary = "the model as whole-tensor mathematics";
  let description = [{
    Element types: f64, f32, bf16, f16, signed and unsigned integers of 8 to 64 bits (signedness in the type), bool as
    i1. Four formats of 8-bit floats and 4-bit integers (a byte each in memory) are only stored: moved, selected and cast.
    Contractions, reductions, softmax and norms of 16-bit floats accumulate in f32; a value is rounded at an op's
    result. Every op has a unique `name`, the model's own where there is one.
  }];
  let dependentDialects = ["::partita::PartitaDialect"];
  let useDefaultAttributePrinterParser = 1;
}

//===-- Types -----------------------------------------------------------------------------------------------------===//

def Graph_Float : AnyTypeOf<[F64, F32, BF16, F16]>;
def Graph_Integer : AnyTypeOf<[SI64, SI32, SI16, SI8, UI64, UI32, UI16, UI8]>;
// Kept, moved and selected; everything else casts them first.
def Graph_StoredElement : AnyTypeOf<[F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, SI<4>, UI<4>]>;
def Graph_Element : AnyTypeOf<[Graph_Float, Graph_Integer, I1, Graph_StoredElement]>;
def Graph_Tensor : RankedTensorOf<[Graph_Element]>;
def Graph_FloatTensor : RankedTensorOf<[Graph_Float]>;
def Graph_NumberTensor : RankedTensorOf<[Graph_Float, Graph_Integer]>;
def Graph_IntegerTensor : RankedTensorOf<[Graph_Integer]>;

//===-- Enums -----------------------------------------------------------------------------------------------------===//

class Graph_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::partita::graph";
}

def Graph_ElementwiseKind : Graph_Enum<"ElementwiseKind", "elementwise function", [
  // one operand
  I32EnumAttrCase<"neg", 0>, I32EnumAttrCase<"abs", 1>, I32EnumAttrCase<"exp", 2>, I32EnumAttrCase<"log", 3>,
  I32EnumAttrCase<"sqrt", 4>, I32EnumAttrCase<"rsqrt", 5>, I32EnumAttrCase<"reciprocal", 6>,
  I32EnumAttrCase<"tanh", 7>, I32EnumAttrCase<"erf", 8>, I32EnumAttrCase<"sigmoid", 9>, I32EnumAttrCase<"relu", 10>,
  I32EnumAttrCase<"gelu", 11>, I32EnumAttrCase<"gelu_tanh", 12>, I32EnumAttrCase<"silu", 13>,
  I32EnumAttrCase<"sin", 14>, I32EnumAttrCase<"cos", 15>, I32EnumAttrCase<"floor", 16>, I32EnumAttrCase<"ceil", 17>,
  I32EnumAttrCase<"round", 18>, I32EnumAttrCase<"sign", 19>, I32EnumAttrCase<"logical_not", 20, "not">,
  I32EnumAttrCase<"tan", 21>, I32EnumAttrCase<"asin", 22>, I32EnumAttrCase<"acos", 23>, I32EnumAttrCase<"atan", 24>,
  I32EnumAttrCase<"sinh", 25>, I32EnumAttrCase<"cosh", 26>, I32EnumAttrCase<"asinh", 27>,
  I32EnumAttrCase<"acosh", 28>, I32EnumAttrCase<"atanh", 29>, I32EnumAttrCase<"expm1", 30>,
  I32EnumAttrCase<"log1p", 31>,
  // two operands
  I32EnumAttrCase<"add", 32>, I32EnumAttrCase<"sub", 33>, I32EnumAttrCase<"mul", 34>, I32EnumAttrCase<"div", 35>,
  I32EnumAttrCase<"max", 36>, I32EnumAttrCase<"min", 37>, I32EnumAttrCase<"pow", 38>,
  I32EnumAttrCase<"remainder", 39>, I32EnumAttrCase<"logical_and", 40, "and">,
  I32EnumAttrCase<"logical_or", 41, "or">, I32EnumAttrCase<"logical_xor", 42, "xor">,
  I32EnumAttrCase<"shift_left", 43>, I32EnumAttrCase<"shift_right", 44>,
  // two operands, bool result
  I32EnumAttrCase<"eq", 48>, I32EnumAttrCase<"ne", 49>, I32EnumAttrCase<"lt", 50>, I32EnumAttrCase<"le", 51>,
  I32EnumAttrCase<"gt", 52>, I32EnumAttrCase<"ge", 53>,
  // three operands: select(condition, a, b), clamp(x, low, high)
  I32EnumAttrCase<"select", 64>, I32EnumAttrCase<"clamp", 65>]>;

def Graph_ReduceKind : Graph_Enum<"ReduceKind", "reduction function", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>, I32EnumAttrCase<"min", 2>, I32EnumAttrCase<"prod", 3>,
  I32EnumAttrCase<"logical_and", 4, "and">, I32EnumAttrCase<"logical_or", 5, "or">]>;

//===-- Base ------------------------------------------------------------------------------------------------------===//

// Every op is pure, named, splittable (or says why not) and priced. Getters are `op.getX()`; the syntax is
// `partita_graph.OP "name" (operands) attributes : (operand types) -> result type`.
class Graph_Op<string opMnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, opMnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<SplitOpInterface>,
                                                 DeclareOpInterfaceMethods<CostOpInterface>], traits)> {
  let hasVerifier = 1;
}

class Graph_Composite<string opMnemonic> : Graph_Op<opMnemonic, [DeclareOpInterfaceMethods<DecomposableOpInterface>]>;

//===-- Sources ---------------------------------------------------------------------------------------------------===//

def Graph_ConstantOp : Graph_Op<"constant", [ConstantLike]> {
  let summary = "a small constant (at most 1 KiB of distinct data; larger ones are parameters)";
  let description = [{`partita_graph.constant "two" dense<2.0> : tensor<f32> : tensor<f32>`}];
  let arguments = (ins StrAttr:$name, ElementsAttr:$value);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name $value attr-dict `:` type($result)";
  let hasFolder = 1;
}

def Graph_IotaOp : Graph_Op<"iota"> {
  let summary = "each element is its index along `dim`";
  let description = [{`partita_graph.iota "positions" dim 0 : tensor<16xsi64>`: 0, 1, ..., 15.}];
  let arguments = (ins StrAttr:$name, I64Attr:$dim);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$name `dim` $dim attr-dict `:` type($result)";
}

//===-- Matrix work -----------------------------------------------------------------------------------------------===//

def Graph_ContractionOp : Graph_Op<"contraction"> {
  let summary = "einsum of two tensors";
  let description = [{
    One letter per dim: `partita_graph.contraction "fc" (%x, %w) "bsk,kn->bsn" : (...) -> ...`. A letter in both
    operands and the result is a batch loop, in both operands only a reduction (sum), in one operand and the result a
    free loop. A letter in one operand only, or twice in one term, is refused (reduce or slice first). Element types are
    the same, or the result is f32 and an operand a narrower float.
  }];
  let arguments = (ins StrAttr:$name, Graph_NumberTensor:$lhs, Graph_NumberTensor:$rhs, StrAttr:$spec);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = "$name `(` $lhs `,` $rhs `)` $spec attr-dict `:` functional-type(operands, results)";
}

def Graph_ConvolutionOp : Graph_Op<"convolution"> {
  let summary = "grouped convolution over any number of spatial dims";
  let description = [{
    input [N, G*CI, spatial...], filter [G*CO, CI, kernel...], result [N, G*CO, spatial...]. `padding` is low, high
    per spatial dim. result[n, g*CO+co, o] = sum over ci, k of input[n, g*CI+ci, o*stride + k*dilation - low] *
    filter[g*CO+co, ci, k]; reads outside the input are zero. In a per-device program a part may hold some of the G
    groups: their number is then that of the input's channels over CI.
  }];
  let arguments = (ins StrAttr:$name, Graph_NumberTensor:$input, Graph_NumberTensor:$filter,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilations,
                       I64Attr:$groups);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $filter `)` `strides` $strides `padding` $padding `dilations` $dilations `groups` $groups
    attr-dict `:` functional-type(operands, results)
  }];
}

//===-- Elementwise -----------------------------------------------------------------------------------------------===//

def Graph_ElementwiseOp : Graph_Op<"elementwise"> {
  let summary = "an elementwise function; operands and result have one shape (broadcasts are explicit)";
  let description = [{
    `partita_graph.elementwise "sum" add(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>`.
    `remainder` has the sign of the divisor. Comparisons give bool. `round` is half to even. `not`, `and`, `or`, `xor`
    work on bool, and bit by bit on integers. Shifts by the width or more leave 0 (a right shift of a negative number
    -1); the amount counts as unsigned.
  }];
  let arguments = (ins StrAttr:$name, Graph_ElementwiseKind:$kind, Variadic<Graph_Tensor>:$inputs);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name $kind `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)";
  let hasFolder = 1;
}

def Graph_CastOp : Graph_Op<"cast"> {
  let summary = "conversion of the element type: float to integer truncates, to bool tests against zero";
  let description = [{
    Floats round to nearest even. What is beyond the largest 8-bit float becomes infinite, or NaN in the formats without
    infinities (clamp first to saturate). Float to integer saturates, integer to integer wraps.
  }];
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name `(` $input `)` attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

//===-- Movement --------------------------------------------------------------------------------------------------===//

def Graph_BroadcastOp : Graph_Op<"broadcast"> {
  let summary = "adds dims: operand dim i becomes result dim `dims[i]`, the other result dims repeat";
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, DenseI64ArrayAttr:$dims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name `(` $input `)` `dims` $dims attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_ReshapeOp : Graph_Op<"reshape"> {
  let summary = "the same elements in row-major order under another shape";
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name `(` $input `)` attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_TransposeOp : Graph_Op<"transpose"> {
  let summary = "result dim i is operand dim `permutation[i]`";
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name `(` $input `)` `permutation` $permutation attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Graph_SliceOp : Graph_Op<"slice"> {
  let summary = "result[i] = input[starts + i * strides]; a dim kept whole has start 0 and stride 1";
  let description = [{Strides may be negative (reversal). Extents come from the result type.}];
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$strides);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $name `(` $input `)` `starts` $starts `strides` $strides attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def Graph_ConcatOp : Graph_Op<"concat"> {
  let summary = "operands one after the other along `dim`";
  let arguments = (ins StrAttr:$name, Variadic<Graph_Tensor>:$inputs, I64Attr:$dim);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name `(` $inputs `)` `dim` $dim attr-dict `:` functional-type(operands, results)";
}

def Graph_PadOp : Graph_Op<"pad"> {
  let summary = "adds `low` and `high` elements of `value` (a scalar tensor) at the ends of each dim";
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, Graph_Tensor:$value, DenseI64ArrayAttr:$low,
                       DenseI64ArrayAttr:$high);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $value `)` `low` $low `high` $high attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_GatherOp : Graph_Op<"gather"> {
  let summary = "rows of `input` along `axis`, picked by `indices` (negative indices count from the end)";
  let description = [{
    result dims: input dims before axis, dims of indices, input dims after axis. The loop over `axis` is a reduction
    (sum): a part contributes the rows it holds and zero elsewhere, so that embeddings split by vocabulary.
  }];
  let arguments = (ins StrAttr:$name, Graph_Tensor:$input, Graph_IntegerTensor:$indices, I64Attr:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name `(` $input `,` $indices `)` `axis` $axis attr-dict `:` functional-type(operands, results)";
}

include "partita/dialects/graph/Indexing.td"

//===-- Reductions ------------------------------------------------------------------------------------------------===//

def Graph_ReduceOp : Graph_Op<"reduce"> {
  let summary = "reduces away the listed dims";
  let arguments = (ins StrAttr:$name, Graph_ReduceKind:$kind, Graph_Tensor:$input, DenseI64ArrayAttr:$dims);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$name $kind `(` $input `)` `dims` $dims attr-dict `:` functional-type(operands, results)";
}

def Graph_WindowReduceOp : Graph_Op<"window_reduce"> {
  let summary = "pooling: reduces windows over the trailing spatial dims of [N, C, spatial...]";
  let description = [{Kinds sum and max. Padding (low, high per spatial dim) is the identity of the kind.}];
  let arguments = (ins StrAttr:$name, Graph_ReduceKind:$kind, Graph_NumberTensor:$input, DenseI64ArrayAttr:$window,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilations);
  let results = (outs Graph_NumberTensor:$result);
  let assemblyFormat = [{
    $name $kind `(` $input `)` `window` $window `strides` $strides `padding` $padding `dilations` $dilations attr-dict
    `:` functional-type(operands, results)
  }];
}

//===-- Composites ------------------------------------------------------------------------------------------------===//

def Graph_SoftmaxOp : Graph_Composite<"softmax"> {
  let summary = "exp(x - max) / sum(exp(x - max)) along `dim`";
  let arguments = (ins StrAttr:$name, Graph_FloatTensor:$input, I64Attr:$dim);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$name `(` $input `)` `dim` $dim attr-dict `:` functional-type(operands, results)";
}

def Graph_LayerNormOp : Graph_Composite<"layer_norm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias over the dims from `axis` on";
  let description = [{scale and bias (optional) have the shape of the normalised dims.}];
  let arguments = (ins StrAttr:$name, Graph_FloatTensor:$input, Graph_FloatTensor:$scale,
                       Optional<Graph_FloatTensor>:$bias, I64Attr:$axis, F64Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $scale (`,` $bias^)? `)` `axis` $axis `epsilon` $epsilon attr-dict `:`
    functional-type(operands, results)
  }];
}

def Graph_RmsNormOp : Graph_Composite<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) * scale over the dims from `axis` on";
  let arguments = (ins StrAttr:$name, Graph_FloatTensor:$input, Graph_FloatTensor:$scale, I64Attr:$axis,
                       F64Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $scale `)` `axis` $axis `epsilon` $epsilon attr-dict `:` functional-type(operands, results)
  }];
}

def Graph_BatchNormOp : Graph_Composite<"batch_norm"> {
  let summary = "inference: (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel (dim 1)";
  let arguments = (ins StrAttr:$name, Graph_FloatTensor:$input, Graph_FloatTensor:$scale, Graph_FloatTensor:$bias,
                       Graph_FloatTensor:$mean, Graph_FloatTensor:$variance, F64Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $scale `,` $bias `,` $mean `,` $variance `)` `epsilon` $epsilon attr-dict `:`
    functional-type(operands, results)
  }];
}

def Graph_AttentionOp : Graph_Composite<"attention"> {
  let summary = "softmax(scale * q k^T + mask) v, with grouped heads";
  let description = [{
    query [B, G*R, SQ, D], key [B, G, SK, D], value [B, G, SK, DV], result [B, G*R, SQ, DV]: query head g*R + r reads
    key head g. mask (optional): float, added, shape [B|1, G*R|1, SQ, SK]. guarded: probabilities that are not a number
    count as 0, so that a query that sees no key gives 0. causal: key j is visible to query i when
    j <= i + SK - SQ.
  }];
  let arguments = (ins StrAttr:$name, Graph_FloatTensor:$query, Graph_FloatTensor:$key, Graph_FloatTensor:$value,
                       Optional<Graph_FloatTensor>:$mask, F64Attr:$scale, BoolAttr:$causal,
                       UnitAttr:$guarded);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name `(` $query `,` $key `,` $value (`,` $mask^)? `)` `scale` $scale `causal` $causal
    (`guarded` $guarded^)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def Graph_RotaryOp : Graph_Composite<"rotary"> {
  let summary = "rotary position embedding";
  let description = [{
    input [B, H, S, D], cosine and sine [S, D/2], or [B, S, D/2] where batch elements have positions of their own. Pairs
    (x1, x2) become (x1*cos - x2*sin, x1*sin + x2*cos), where x1, x2 are the two halves of D, or its even and odd
    elements when `interleaved`.
    Source: Su et al., RoFormer, arXiv 2104.09864.
  }];
  let arguments = (ins StrAttr:$name, Graph_FloatTensor:$input, Graph_FloatTensor:$cosine, Graph_FloatTensor:$sine,
                       BoolAttr:$interleaved);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $name `(` $input `,` $cosine `,` $sine `)` `interleaved` $interleaved attr-dict `:`
    functional-type(operands, results)
  }];
}

// Further families, in files of their own.
include "partita/dialects/graph/Pooling.td"
include "partita/dialects/graph/Recurrent.td"
include "partita/dialects/graph/Experts.td"
include "partita/dialects/graph/Random.td"
include "partita/dialects/graph/Custom.td"

#endif
