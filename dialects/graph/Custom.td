// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that a rule of the user describes. Included by Graph.td.
#ifndef PARTITA_DIALECTS_GRAPH_CUSTOM
#define PARTITA_DIALECTS_GRAPH_CUSTOM

include "partita/dialects/graph/Graph.td"

def Graph_LoopRole : Graph_Enum<"LoopRole", "what it means to cut a loop of a custom op", [
  I32EnumAttrCase<"parallel", 0>, I32EnumAttrCase<"sum", 1>, I32EnumAttrCase<"max", 2>, I32EnumAttrCase<"min", 3>,
  I32EnumAttrCase<"logical_and", 4, "and">, I32EnumAttrCase<"logical_or", 5, "or">, I32EnumAttrCase<"whole", 6>]>;

def Graph_WorkUnit : Graph_Enum<"WorkUnit", "unit that executes the work of a custom op", [
  I32EnumAttrCase<"matrix", 0>, I32EnumAttrCase<"attention", 1>, I32EnumAttrCase<"vector", 2>,
  I32EnumAttrCase<"movement", 3>]>;

class Graph_Attr<string name, string attrMnemonic> : AttrDef<Graph_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Graph_CustomLoopAttr : Graph_Attr<"CustomLoop", "loop"> {
  let summary = "a loop of a custom op";
  let description = [{
    `#partita_graph.loop<"row", parallel>`; `#partita_graph.loop<"lane", whole, "pairs of lanes are rotated">`: a loop
    that is not cut says why.
  }];
  let parameters = (ins StringRefParameter<"label">:$label, EnumParameter<Graph_LoopRole>:$role,
                        OptionalParameter<"::mlir::StringAttr">:$reason);
  let assemblyFormat = "`<` $label `,` $role (`,` $reason^)? `>`";
}

def Graph_WorkTermAttr : Graph_Attr<"WorkTerm", "work"> {
  let summary = "a term of the number of operations of a custom op";
  let description = [{
    The factor times the product of the extents of loops: `#partita_graph.work<2.0 : f64, [0, 1, 2]>`
    is twice the product of the first three.
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor, "::mlir::DenseI64ArrayAttr":$loops);
  let assemblyFormat = "`<` $factor `,` $loops `>`";
}

def Graph_CustomOp : Op<Graph_Dialect, "custom", [Pure, IsolatedFromAbove,
                                                  DeclareOpInterfaceMethods<SplitOpInterface>,
                                                  DeclareOpInterfaceMethods<CostOpInterface>]> {
  let summary = "an op that a rule describes";
  let description = [{
    `target` is the operator's name in the model file. `loops` and `maps` (from loops to dims, operands first, then
    results; 0 is a dim that no loop walks) say how it is split, `linear` in which operands it is jointly linear,
    `unit` and `work` what it costs.

    The body computes the op for any extents of those loops whose symbols are in its types: on a rank they take the
    extents of the part. Without a body the op can be planned, but neither run nor compiled. What loops, maps and
    `linear` claim is tried on the body before a plan is made (pass `check-custom-ops`).
    ```
    partita_graph.custom "mix" "com.example.Mix" (%x, %w) loops [#partita_graph.loop<"row", parallel>]
        maps [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (0)>, affine_map<(d0) -> (d0, 0)>] linear []
        vector work [#partita_graph.work<8.0 : f64, [0]>] {
    ^bb0(%a: tensor<?x4xf32, #partita.shape<[<"loop row", 0, 6>], ()[s0] -> (s0, 4)>>, %b: tensor<4xf32>):
      ...
      partita_graph.yield %r : tensor<?x4xf32, #partita.shape<[<"loop row", 0, 6>], ()[s0] -> (s0, 4)>>
    } : (tensor<6x4xf32>, tensor<4xf32>) -> tensor<6x4xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$target, Variadic<Graph_Tensor>:$inputs,
                       TypedArrayAttrBase<Graph_CustomLoopAttr, "loops">:$loops, AffineMapArrayAttr:$maps,
                       TypedArrayAttrBase<DenseI64ArrayAttr, "sets of operands">:$linear, Graph_WorkUnit:$unit,
                       TypedArrayAttrBase<Graph_WorkTermAttr, "terms">:$work);
  let results = (outs Variadic<Graph_Tensor>:$results);
  let regions = (region AnyRegion:$body);
  let hasVerifier = 1;
  let assemblyFormat = [{
    $name $target `(` $inputs `)` `loops` $loops `maps` $maps `linear` $linear $unit `work` $work $body
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    bool hasBody() { return !getBody().empty(); }
    /// The symbol that stands for a loop's extent in the types of the body.
    static std::string getSymbolName(llvm::StringRef loop) { return ("loop " + loop).str(); }
  }];
}

def Graph_YieldOp : Op<Graph_Dialect, "yield", [Pure, Terminator, ParentOneOf<["CustomOp"]>]> {
  let summary = "the results of a custom op's body";
  let description = [{`partita_graph.yield %r : tensor<4x4xf32>`}];
  let arguments = (ins Variadic<Graph_Tensor>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` type($results))?";
}

#endif
