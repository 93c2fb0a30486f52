// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The questions Partita asks of any op: how can it be split, what does it cost, what is it made of.
#ifndef PARTITA_DIALECTS_INTERFACES
#define PARTITA_DIALECTS_INTERFACES

include "mlir/IR/OpBase.td"

def SplitOpInterface : OpInterface<"SplitOpInterface"> {
  let description = [{
    How an op can be split over mesh axes. Planner, partitioner and verifier use nothing else of an op, so that any
    dialect whose ops answer this can be planned and partitioned (attach it to other dialects by external models).
  }];
  let cppNamespace = "::partita";
  let methods = [
    InterfaceMethod<[{
        Loops, indexing of operands and results, and linearity. Called on the whole op (global types).
      }],
      "::partita::LoopNest", "getLoopNest">,
    InterfaceMethod<[{
        Builds the op of one rank: same mathematics restricted to the local boxes. `operands` are the local operands,
        `resultTypes` the local result types (a dim that differs between ranks is `?`). `sizeOf(result, dim)` and
        `offsetOf(result, dim)` give the index values of a local result dim, for ops that spell sizes as operands.
        The default clones the op with the new operands and result types.
      }],
      "::mlir::Operation *", "createLocal",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands, "::mlir::TypeRange":$resultTypes,
           "::partita::LocalIndexProvider":$sizeOf, "::partita::LocalIndexProvider":$offsetOf),
      [{}], [{
        return ::partita::cloneWithTypes(builder, $_op.getOperation(), operands, resultTypes);
      }]>
  ];
}

def CostOpInterface : OpInterface<"CostOpInterface"> {
  let description = [{
    Arithmetic work of an op. Bytes follow from operand and result types and are not asked here.
  }];
  let cppNamespace = "::partita";
  let methods = [
    InterfaceMethod<[{
        Floating-point (or integer) operations when loop i of the loop nest has extent `extents[i]`, and the kind of
        unit that executes them. A fused multiply-add counts two.
      }],
      "::partita::Work", "getWork", (ins "::llvm::ArrayRef<int64_t>":$extents)>
  ];
}

def CountedOpInterface : OpInterface<"CountedOpInterface"> {
  let description = [{
    The op's result has rows of which only the first ones are there, as many as a count says that is known when the
    program runs. Rows at or behind the count are zero, and need not be sent when the result is moved to other ranks.
  }];
  let cppNamespace = "::partita";
  let methods = [
    InterfaceMethod<[{
        The counts, si64: their dims are the first dims of the result; rows are its next dim.
      }],
      "::mlir::Value", "getRowCounts">,
    InterfaceMethod<[{
        Which share of the rows is expected to be there, in (0, 1].
      }],
      "double", "getExpectedShare">
  ];
}

def DecomposableOpInterface : OpInterface<"DecomposableOpInterface"> {
  let description = [{
    Composites (softmax, norms, attention) keep their meaning for planner and kernels; this spells them as small ops.
    The same spelling is the expansion by which a composite is split along its loops of kind `expand`: there each of
    them must be a parallel loop or a reduction of every small op whose values it walks. A small op with the attribute
    `partita.crosses` reads its operands from other parts than those that make them: they are gathered or exchanged.
  }];
  let cppNamespace = "::partita";
  let methods = [
    InterfaceMethod<[{
        Builds equivalent small ops and returns the values that replace the results. Names of the new ops are
        `NAME/part`; the op that makes the first result has the composite's own.
      }],
      "::llvm::SmallVector<::mlir::Value>", "decompose", (ins "::mlir::OpBuilder &":$builder)>
  ];
}

#endif
