// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The plan dialect: decisions as IR. Attributes attach to any op; two ops state meshes and the plan's record.
#ifndef PARTITA_DIALECTS_PLAN
#define PARTITA_DIALECTS_PLAN

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "partita_plan";
  let cppNamespace = "::partita::plan";
  let summary = "decisions: meshes, placements, loop assignments, reshards, stages, schedule";
  let description = [{
    Discardable attributes an op of a planned graph carries:
    `partita_plan.stage` (symbol of its stage), `partita_plan.loops` (mesh axes of each of its loops),
    `partita_plan.reshards` (per operand: unit, or the path from the producer's placement to the one it reads),
    `partita_plan.origin` ("pin", "preset", "propagation" or "solver"), `partita_plan.alternatives`.
    An argument carries `partita_plan.storage` (placements in which its data is kept).
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::partita::PartitaDialect"];
  let extraClassDeclaration = [{ void registerAttributes(); }];
}

//===-- Enums -----------------------------------------------------------------------------------------------------===//

def Plan_AxisKind : I32EnumAttr<"AxisKind", "what an axis of a mesh ranges over", [
  I32EnumAttrCase<"space", 0>, I32EnumAttrCase<"time", 1>]> {
  let cppNamespace = "::partita::plan";
}

def Plan_PartialKind : I32EnumAttr<"PartialKind", "how partial values combine", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>, I32EnumAttrCase<"min", 2>,
  I32EnumAttrCase<"logicalAnd", 3, "and">, I32EnumAttrCase<"logicalOr", 4, "or">]> {
  let cppNamespace = "::partita::plan";
}

//===-- Attributes ------------------------------------------------------------------------------------------------===//

class Plan_Attr<string name, string attrMnemonic> : AttrDef<Plan_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Plan_AxisAttr : Plan_Attr<"Axis", "axis"> {
  let summary = "a mesh axis";
  let description = [{
    `"tensor"=4`: four devices along the axis. A `time` axis counts micro-batches: every device visits all of them.
  }];
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$size, "::partita::plan::AxisKind":$kind);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Plan_MeshAttr : Plan_Attr<"Mesh", "mesh"> {
  let summary = "a logical mesh over physical devices";
  let description = [{
    `#partita_plan.mesh<["data"=2, "tensor"=4, "micro"=3 time], devices = [0 to 7]>`. Devices are listed row-major over
    the space axes.
  }];
  let parameters = (ins ArrayRefParameter<"::partita::plan::AxisAttr">:$axes, ArrayRefParameter<"int64_t">:$devices);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The axis of this name, or null.
    AxisAttr findAxis(::llvm::StringRef name) const;
    /// Product of the space axes: the number of ranks.
    int64_t getNumRanks() const;
  }];
}

def Plan_SplitAttr : Plan_Attr<"Split", "split"> {
  let summary = "one mesh axis cutting a dim, balanced in units of `unit` elements";
  let parameters = (ins StringRefParameter<"axis">:$axis, "int64_t":$unit);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Plan_WindowAttr : Plan_Attr<"Window", "window"> {
  let summary = "a dim read through a window";
  let description = [{
    `window 3 by 2 pad 1, 0`: step s reads the 3 elements from s * 2 - 1 on, as far as they exist, and the last may reach
    0 elements beyond the end.
  }];
  let parameters = (ins "int64_t":$stride, "int64_t":$low, "int64_t":$high, "int64_t":$reach);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// No number of a window is larger.
    static constexpr int64_t kLargestWindow = int64_t(1) << 40;
    /// "3 by 2 pad 1, 0".
    std::string str() const;
  }];
}

def Plan_DimSplitAttr : Plan_Attr<"DimSplit", "dim"> {
  let summary = "the splits of one dim or loop, outermost first (nested)";
  let description = [{
    `["x", "y":64]`; or, of a dim that is read with halos, `["x" window 3 by 1 pad 1, 1]`: the splits deal out the steps
    of the window, and a part is what its steps read.
  }];
  let parameters = (ins OptionalArrayRefParameter<"::partita::plan::SplitAttr">:$splits,
                        OptionalParameter<"::partita::plan::WindowAttr">:$window);
  let builders = [AttrBuilder<(ins "::llvm::ArrayRef<::partita::plan::SplitAttr>":$splits), [{
    return $_get($_ctxt, splits, ::partita::plan::WindowAttr());
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Plan_PartialAttr : Plan_Attr<"Partial", "partial"> {
  let summary = "an axis over which a value is partial";
  let parameters = (ins StringRefParameter<"axis">:$axis, "::partita::plan::PartialKind":$kind);
  let hasCustomAssemblyFormat = 1;
}

def Plan_PlacementAttr : Plan_Attr<"Placement", "placement"> {
  let summary = "how a value lies on a mesh";
  let description = [{
    Per dim the axes that split it, outermost first, each with its unit when that is not 1; then the axes over which
    the value is partial. Over all other axes it is replicated.
    `#partita_plan.placement<[["data"], [], ["tensor":64]], partial ["pipe" sum]>`.
  }];
  let parameters = (ins ArrayRefParameter<"::partita::plan::DimSplitAttr">:$dims,
                        OptionalArrayRefParameter<"::partita::plan::PartialAttr">:$partial);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isPartial() const { return !getPartial().empty(); }
    bool isReplicated() const;
    static PlacementAttr getReplicated(::mlir::MLIRContext *context, int64_t rank);
  }];
}

def Plan_LoopsAttr : Plan_Attr<"Loops", "loops"> {
  let summary = "mesh axes of each loop of an op";
  let description = [{`#partita_plan.loops<[["data"], [], ["tensor"]]>`; units count loop elements.}];
  let parameters = (ins ArrayRefParameter<"::partita::plan::DimSplitAttr">:$loops);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Plan_ReshardAttr : Plan_Attr<"Reshard", "reshard"> {
  let summary = "how one operand comes from its producer's placement to the one its op reads";
  let description = [{
    `path` lists placements; each step from one to the next is one collective (or a local slice). When producer and
    consumer are in different stages, `path` ends in what is sent and `arrival` begins with what is received.
  }];
  let parameters = (ins ArrayRefParameter<"::partita::plan::PlacementAttr">:$path,
                        OptionalArrayRefParameter<"::partita::plan::PlacementAttr">:$arrival);
  let assemblyFormat = "`<` $path (`arrival` $arrival^)? `>`";
  let genVerifyDecl = 1;
}

def Plan_PartAttr : Plan_Attr<"Part", "part"> {
  let summary = "encoding of a local tensor type: which whole value it is a part of, and how that lies on the mesh";
  let description = [{
    `tensor<?x64xf32, #partita_plan.part<tensor<7x64xf32>, <[["x"], []]>>>` is one rank's rows of a 7x64 tensor. A dim
    whose extent differs between ranks, or that is symbolic, is `?`.
  }];
  let parameters = (ins "::mlir::RankedTensorType":$global, "::partita::plan::PlacementAttr":$placement);
  let assemblyFormat = "`<` $global `,` $placement `>`";
  let genVerifyDecl = 1;
}

//===-- Ops -------------------------------------------------------------------------------------------------------===//

class Plan_Op<string opMnemonic, list<Trait> traits = []> : Op<Plan_Dialect, opMnemonic, traits>;

def Plan_StageOp : Plan_Op<"stage", [Symbol]> {
  let summary = "a stage: a set of ops that runs on one mesh";
  let description = [{
    ```mlir
    partita_plan.stage @stage0 on <["tensor"=2, "micro"=3 time], devices = [0, 1]>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Plan_MeshAttr:$mesh);
  let assemblyFormat = "$sym_name `on` $mesh attr-dict";
}

def Plan_RecordOp : Plan_Op<"record"> {
  let summary = "what the plan was made for and what it predicts";
  let description = [{
    `schema` ("partita.plan/1"), `preset`, `schedule` (generator name), hashes of graph, machine and cost data,
    predicted figures, search statistics. Holds no clock time.
  }];
  let arguments = (ins DictionaryAttr:$entries);
  let assemblyFormat = "$entries attr-dict";
  let hasVerifier = 1;
}

#endif
