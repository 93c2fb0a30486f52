// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The collective dialect: per-device programs. Stages, channels, events, and the communication between ranks.
//
// Shape of a module after `partition`:
//   partita_plan.stage @s on #mesh            a mesh
//   func.func @s_forward(...)                 one function per stage and event kind, on local values
//   partita_collective.channel @c ...         a value that crosses stages
//   partita_collective.program @main ...      the event table
// Every tensor carries its part (encoding #partita_plan.part): which whole value it is a part of and how that lies on
// the mesh. A communication op is checked against the parts of its operand and result.
#ifndef PARTITA_DIALECTS_COLLECTIVE
#define PARTITA_DIALECTS_COLLECTIVE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Collective_Dialect : Dialect {
  let name = "partita_collective";
  let cppNamespace = "::partita::collective";
  let summary = "per-device programs and the communication between their ranks";
  let description = [{
    Discardable attributes: `partita_collective.stage` (symbol; on functions: whose mesh their values lie on),
    `partita_collective.event` ("forward", ...; on the function of an event kind), `partita_collective.channel`
    (symbol; on an argument that is received or a result that is sent).
  }];
  let dependentDialects = ["::partita::plan::PlanDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

//===-- Events ----------------------------------------------------------------------------------------------------===//

def Collective_EventKind : I32EnumAttr<"EventKind", "what a device does in one event", [
  I32EnumAttrCase<"init", 0>, I32EnumAttrCase<"forward", 1>, I32EnumAttrCase<"send", 2>,
  I32EnumAttrCase<"receive", 3>, I32EnumAttrCase<"backward_input", 4>, I32EnumAttrCase<"backward_weight", 5>,
  I32EnumAttrCase<"update", 6>]> {
  let cppNamespace = "::partita::collective";
}

def Collective_EventAttr : AttrDef<Collective_Dialect, "Event"> {
  let mnemonic = "event";
  let summary = "one row of the event table";
  let description = [{
    `#partita_collective.event<forward @stage0, 2>`: the kind, its target (a stage; for send and receive a channel), the
    micro-batch, then slot and weight version where they are not 0.
  }];
  let parameters = (ins "::partita::collective::EventKind":$kind, "::mlir::FlatSymbolRefAttr":$target,
                        "int64_t":$microBatch, DefaultValuedParameter<"int64_t", "0">:$slot,
                        DefaultValuedParameter<"int64_t", "0">:$version);
  let assemblyFormat = "`<` $kind $target `,` $microBatch (`slot` $slot^)? (`version` $version^)? `>`";
}

def Collective_EventListAttr : AttrDef<Collective_Dialect, "EventList"> {
  let mnemonic = "events";
  let summary = "the events that each of the listed devices walks, in order";
  let parameters = (ins ArrayRefParameter<"int64_t">:$devices,
                        OptionalArrayRefParameter<"::partita::collective::EventAttr">:$events);
  let assemblyFormat = "`<` `devices` `=` `[` $devices `]` `,` `[` (`]`) : ($events^ `]`)? `>`";
}

//===-- Program ---------------------------------------------------------------------------------------------------===//

class Collective_Op<string opMnemonic, list<Trait> traits = []> : Op<Collective_Dialect, opMnemonic, traits> {
  let hasVerifier = 1;
}

def Collective_ProgramOp : Collective_Op<"program", [Symbol]> {
  let summary = "a program of the set: its role, phase, stages and event table";
  let description = [{
    ```mlir
    partita_collective.program @main role "worker" phase "step" stages [@stage0]
        events [#partita_collective.events<devices = [0, 1], [<forward @stage0, 0>]>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$role, StrAttr:$phase,
                       TypedArrayAttrBase<FlatSymbolRefAttr, "stages">:$stages,
                       TypedArrayAttrBase<AnyAttr, "event lists">:$events);
  let assemblyFormat = "$sym_name `role` $role `phase` $phase `stages` $stages `events` $events attr-dict";
}

def Collective_ChannelOp : Collective_Op<"channel", [Symbol]> {
  let summary = "a value that one stage sends to another";
  let description = [{
    The two local types are parts of one whole value, on the meshes of the two stages; who sends what to whom is the
    table of rectangle intersections of their boxes.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$name, FlatSymbolRefAttr:$source, TypeAttr:$sourceType,
                       FlatSymbolRefAttr:$destination, TypeAttr:$destinationType);
  let assemblyFormat = [{
    $sym_name $name `from` $source `:` $sourceType `to` $destination `:` $destinationType attr-dict
  }];
}

//===-- Communication, value form ---------------------------------------------------------------------------------===//

// A step that moves rows may have counts: the first dims of the input say how many of the rows, its next dim, are there.
// Only these are sent; the others are zero on both sides.

class Collective_Step<string opMnemonic> : Collective_Op<opMnemonic, [Pure]> {
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, Optional<AnyRankedTensor>:$counts, StrArrayAttr:$axes);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $name $input (`counts` $counts^ `:` type($counts))? `over` $axes attr-dict `:` type($input) `to` type($result)
  }];
}

def Collective_AllReduceOp : Collective_Step<"all_reduce"> {
  let summary = "partial over `axes` becomes replicated over them";
}
def Collective_ReduceScatterOp : Collective_Step<"reduce_scatter"> {
  let summary = "partial over `axes` becomes the innermost split of one dim";
}
def Collective_AllGatherOp : Collective_Step<"all_gather"> {
  let summary = "the innermost split of one dim becomes replicated";
}
def Collective_AllToAllOp : Collective_Step<"all_to_all"> {
  let summary = "the innermost split of one dim becomes the innermost split of another";
}
def Collective_ExchangeOp : Collective_Step<"exchange"> {
  let summary = "any placement that is not partial becomes any other over the same mesh, by rectangle intersections";
}
def Collective_SliceOp : Collective_Step<"slice"> {
  let summary = "replicated over `axes` becomes the innermost split of dims: local, nothing is sent";
}
def Collective_PartializeOp : Collective_Step<"partialize"> {
  let summary = "replicated over `axes` becomes partial: coordinate 0 keeps the value, others hold the identity";
}

//===-- Extents of local values -----------------------------------------------------------------------------------===//

class Collective_IndexOfPart<string opMnemonic> : Collective_Op<opMnemonic, [Pure]> {
  let arguments = (ins TypeAttr:$type, I64Attr:$dim);
  let results = (outs Index:$result);
  let assemblyFormat = "$dim `of` $type attr-dict";
}

def Collective_ExtentOp : Collective_IndexOfPart<"extent"> {
  let summary = "this rank's extent of dim `dim` of values of local type `type`";
}
def Collective_OffsetOp : Collective_IndexOfPart<"offset"> {
  let summary = "index in the whole value at which this rank's part begins along dim `dim`";
}

//===-- Communication, destination style --------------------------------------------------------------------------===//

def Collective_TokenType : TypeDef<Collective_Dialect, "Token"> {
  let mnemonic = "token";
  let summary = "a started communication";
}

def Collective_StartOp : Collective_Op<"start"> {
  let summary = "starts a communication from `source` into `destination`";
  let description = [{
    Neither buffer may be touched until the matching wait. `id` numbers the program's communications; what it does
    (kind, groups, boxes) is the table row `id`, described by the two part types.
  }];
  let arguments = (ins I64Attr:$id, StrAttr:$kind, StrAttr:$name, StrArrayAttr:$axes, TypeAttr:$sourceType,
                       TypeAttr:$destinationType, AnyShaped:$source, AnyShaped:$destination,
                       Optional<AnyShaped>:$counts);
  let results = (outs Collective_TokenType:$token);
  let assemblyFormat = [{
    $id $kind $name `(` $source `:` type($source) `)` `into` `(` $destination `:` type($destination) `)`
    (`counts` `(` $counts^ `:` type($counts) `)`)? `over` $axes `part` $sourceType `to` $destinationType attr-dict
  }];
}

def Collective_WaitOp : Collective_Op<"wait"> {
  let summary = "waits for a started communication; the result is the destination, now written";
  let description = [{Source and destination are operands too, so that neither is reused while in flight.}];
  let arguments = (ins I64Attr:$id, Collective_TokenType:$token, AnyShaped:$source, AnyShaped:$destination,
                       Optional<AnyShaped>:$counts);
  let results = (outs Variadic<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    $id $token `(` $source `:` type($source) `)` `into` `(` $destination `:` type($destination) `)`
    (`counts` `(` $counts^ `:` type($counts) `)`)? attr-dict
    (`to` type($result)^)?
  }];
}

#endif
