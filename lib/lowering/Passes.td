// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of the lowering phase, in the order in which they run.
#ifndef PARTITA_LOWERING_PASSES
#define PARTITA_LOWERING_PASSES

include "mlir/Pass/PassBase.td"

def StartCommunicationPass : Pass<"partita-start-communication", "::mlir::ModuleOp"> {
  let summary = "communication ops become start/wait with a destination";
  let description = [{
    Each communication op that sends something becomes a `start` right behind its operand and a `wait` before the first
    reader of its result, so that what lies between them overlaps. Ids count the communications of a segment; a call
    adds the number of its first row. Stage functions that are not lists of calls are outlined first.

    ```mlir
    // before
    %1 = partita_collective.all_reduce "fc" %0 over ["x"] : tensor<4xf32, #partial> to tensor<4xf32, #whole>
    // after
    %d = tensor.empty() : tensor<4xf32, #whole>
    %t = partita_collective.start 0 "all_reduce" "fc" (%0 : ...) into (%d : ...) over ["x"] part ... to ...
    %1 = partita_collective.wait 0 %t (%0 : ...) into (%d : ...) to tensor<4xf32, #whole>
    ```
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def LowerGraphPass : Pass<"partita-lower-graph", "::mlir::ModuleOp"> {
  let summary = "segments become kernels of linalg ops on plain tensors";
  let description = [{
    For each segment function a kernel `SEGMENT_kernel(context, buffers)` is written: arguments and results are addresses
    in `buffers`, encodings and signedness are gone, extents that differ between ranks are `partita_collective.extent`
    values. Upstream's linalg and tensor ops are kept on plain tensors, so that a model of such ops runs too. The segment
    stays as a declaration, so that the lists of calls stay valid.

    ```mlir
    // before
    func.func private @segment_0(%x: tensor<4xf32, #part>) -> tensor<4xf32, #part> { ... exp(%x) ... }
    // after
    func.func private @segment_0(tensor<4xf32, #part>) -> tensor<4xf32, #part>
    func.func @segment_0_kernel(%context: !llvm.ptr, %buffers: !llvm.ptr) { ... linalg.generic ... }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def NarrowProductsPass : Pass<"partita-narrow-products", "::mlir::ModuleOp"> {
  let summary = "operands of 32-bit products that fit into 8 or 16 bits are kept in as many";
  let description = [{
    A quantized model multiplies 8-bit integers, less their zero points, in 32 bits. What the operands are computed by
    says how large they can be: conversions from narrow integers, differences of such, zeros around them, and moves. The
    product then reads narrow operands and widens them itself, for which processors have dot instructions; the 32-bit
    sums are the same.

    Before that, the zero point of an operand is taken out of its product with a weight, sum (x - z) w = sum x w - z sum w,
    if ui8 by si8 is left then; si8 becomes ui8 by a zero point of its own. The sums of the weight are prepared once.

    ```mlir
    // before
    %a = linalg.generic (%x, %zero)                    // extui(x) - extui(zero), tensor<64x32xi32>
    %y = linalg.generic (%a, %b) {muli, addi}
    // after
    %a = linalg.generic (%x, %zero)                    // trunci(extui(x) - extui(zero)), tensor<64x32xi16>
    %y = linalg.generic (%a, %b) {extsi, extsi, muli, addi}
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def ChooseLayoutsPass : Pass<"partita-choose-layouts", "::mlir::ModuleOp"> {
  let summary = "convolutions keep channels last, and so does what lies between them";
  let description = [{
    Convolutions are written with the channels last, between transposes that are marked. A value keeps the order of dims
    in which it is computed: what is elementwise, pools, pads, cuts, joins or reshapes works on it as it lies, and the
    marked transposes of the next convolution cancel. What needs the model's order (communication, results of the stage)
    gets a transposed copy. Values between segments of a stage, made by convolutions and read by convolutions, lie in
    their buffers with the channels last, too.

    ```mlir
    // before
    %1 = linalg.generic {partita_collective.layout = true} (%conv)    // [n, h, w, c] to [n, c, h, w]
    %2 = linalg.generic "relu" (%1)
    %3 = linalg.generic {partita_collective.layout = false} (%2)      // [n, c, h, w] to [n, h, w, c]
    // after
    %2 = linalg.generic "relu" (%conv)
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"];
}

def PackWeightsPass : Pass<"partita-pack-weights", "::mlir::ModuleOp"> {
  let summary = "weights of products lie in panels of 32 columns, where that is prepared before the first step";
  let description = [{
    A product reads its second operand, a weight with a multiple of 32 columns (64 at least), in panels: for each 32
    columns all k, one row of 32 after the other. The result has the panels as a dim of its own, which is collapsed. The
    panels depend on the weight alone, so that `partita-hoist-weights` keeps them instead of the weight; where it would
    not, as for a weight that something else reads too, the product stays as it was.

    Where the processor has a dot instruction for the operands, and the last k is a multiple of its group, the elements
    along k that it takes at once lie behind each other for each column: [n / 32, k / group, 32, group].

    ```mlir
    // before
    %y = linalg.generic (%x, %w)                       // [m, k] * [k, n] -> [m, n]
    // after
    %p = linalg.generic (%w)                           // [n / 32, k, 32]
    %z = linalg.generic (%x, %p)                       // [m, n / 32, 32]
    %y = tensor.collapse_shape %z [[0], [1, 2]]
    ```
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"native\"", "the processor, as for --cpu">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def HoistWeightsPass : Pass<"partita-hoist-weights", "::mlir::ModuleOp"> {
  let summary = "what kernels compute from weights alone is computed once, before the first step";
  let description = [{
    An argument of a segment is a weight if every call passes one. What the kernel computes from weights alone, and other
    code of it reads, becomes the result of a kernel of its own and an argument of this one; stage functions get a call of
    it that carries `partita_collective.init`. Broadcasts and other values that are larger than their sources stay where
    they are, and so does a large value of a weight that is read elsewhere as it is.

    ```mlir
    // before
    %0 = call @segment_0(%x, %weight)                  // its kernel multiplies x by the transposed weight
    // after
    %0 = call @segment_0_init0(%weight) {partita_collective.init}
    %1 = call @segment_0(%x, %0)
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect"];
}

def FuseKernelsPass : Pass<"partita-fuse-kernels", "::mlir::func::FuncOp"> {
  let summary = "elementwise producers move into their readers";
  let description = [{
    Upstream's fusion of linalg ops under one rule: work is never repeated (a producer with several readers, or one that
    is read again and again by a contraction, moves only when it is cheap), so broadcasts are never stored.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def FormRegionsPass : Pass<"partita-form-regions", "::mlir::func::FuncOp"> {
  let summary = "ops that share outer loops become one parallel loop over tiles";
  let description = [{
    A product (contraction, convolution) is cut into blocks of rows and columns, with what follows it elementwise. Two
    products with something like a softmax between them are cut along rows: scores exist only as strips. Other ops are
    grouped from the last one backwards, by rows of a tile. A member is cut by every axis of its region, so that nothing
    is computed twice; what is read outside becomes a result of the loop; what is small stays as it is. Tiles follow from
    extents, not from the number of threads.

    ```mlir
    // before: softmax over rows
    %max = linalg.generic ... ; %e = linalg.generic ... ; %sum = linalg.generic ... ; %y = linalg.generic ...
    // after
    %y = scf.forall (%i) = (0) to (4096) step (8) shared_outs(%o = %empty) -> (tensor<4096x1024xf32>) { ... }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def BufferizeKernelsPass : Pass<"partita-bufferize-kernels", "::mlir::ModuleOp"> {
  let summary = "kernels on tensors become kernels on buffers";
  let description = [{
    Results are computed in the caller's buffers where possible, and what becomes the inside of a padded tensor is computed
    there; then upstream's one-shot bufferization runs on each kernel. Buffers of a communication are neither copied nor reused while it is in flight.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::linalg::LinalgDialect"];
}

def BlockContractionsPass : Pass<"partita-block-contractions", "::mlir::ModuleOp"> {
  let summary = "matrix products and convolutions become calls of blocked, vectorised functions";
  let description = [{
    Multiply-add ops are known by their structure. Loops get roles by where they occur and by their strides: columns are
    contiguous in the result and absent in A, rows are absent in B, k is reduced, the rest is outer. A tile of the result
    stays in vector registers while k runs. Where strides are known, tiles read both operands where they lie, through the
    windows of a convolution, too; else blocks of A and, unless it lies so already, of B are packed into scratch. Packing,
    blocked loops and tiles are functions that all kernels share. What has no such roles is left for loops.

    ```mlir
    // before
    linalg.fill ins(%zero : f32) outs(%c : memref<64x96xf32>)
    linalg.generic {...} ins(%a, %b : memref<64x32xf32>, memref<32x96xf32>) outs(%c : memref<64x96xf32>) {multiply, add}
    // after
    scf.execute_region { ... llvm.call @partita_tile_f32_13x2_at_1_0_32_1(...) ... }
    ```
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"native\"", "The processor, as in --cpu">,
                 Option<"blockRows", "block-rows", "int64_t", "0", "Rows of A that are packed at once, if measured">,
                 Option<"blockDepth", "block-depth", "int64_t", "0", "k of one block, if measured">,
                 Option<"blockColumns", "block-columns", "int64_t", "0",
                        "Columns of B that are packed at once, if measured">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AssignScratchPass : Pass<"partita-assign-scratch", "::mlir::func::FuncOp"> {
  let summary = "internal buffers get offsets in the call's scratch memory";
  let description = [{
    Every allocation becomes a view of the scratch pointer at a fixed offset, by live ranges, at the bounds of its
    extents. The kernel's attribute `partita_collective.scratch` says how many bytes a call needs. What is allocated in a
    parallel loop lives during one iteration and lies in the scratch memory of the thread that runs it
    (`partita_collective.worker_scratch`).

    ```mlir
    %0 = memref.alloc() : memref<4x8xf32>              // before
    %0 = memref.view %scratch[%c128][] : memref<?xi8> to memref<4x8xf32>   // after
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::LLVM::LLVMDialect"];
}

def LowerToLoopsPass : Pass<"partita-lower-to-loops", "::mlir::func::FuncOp"> {
  let summary = "linalg ops on buffers become loops on vectors";
  let description = [{
    Dims that lie behind each other in all operands become one. Then the vectors run along the loop in which the result
    (or, for a reduction, the operand) is contiguous; reductions keep their accumulators in registers. What cannot be
    done on vectors becomes loops on scalars, in the order of the op's iterators.

    ```mlir
    // before
    linalg.generic {...} ins(%x : memref<64xf32>) outs(%y : memref<64xf32>) { ... math.absf %in : f32 ... }
    // after
    scf.for %i = %c0 to %c64 step %c16 {
      %0 = vector.load %x[%i] : memref<64xf32>, vector<16xf32>
      %1 = math.absf %0 : vector<16xf32>
      vector.store %1, %y[%i] : memref<64xf32>, vector<16xf32>
    }
    ```
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"native\"", "the processor, as for --cpu">];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
                           "::mlir::affine::AffineDialect"];
}

def ApproximateMathPass : Pass<"partita-approximate-math", "::mlir::func::FuncOp"> {
  let summary = "functions of f32 become arithmetic";
  let description = [{
    On scalars and vectors alike: exp, log, tanh, erf and erfc as polynomials in f32; sin, cos, tan, pow, expm1, log1p,
    sinh and cosh in f64. docs/numerics.md has the errors. Other functions, and all of f64, stay the C library's.

    ```mlir
    // before
    %y = math.exp %x : vector<16xf32>
    // after: x = n log(2) + r, a polynomial of r, times 2^n
    ```
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"native\"", "the processor, as for --cpu">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def LowerRuntimeCallsPass : Pass<"partita-lower-runtime-calls", "::mlir::ModuleOp"> {
  let summary = "extents, offsets, communication and checks become loads from the context and calls of the runtime";
  let description = [{
    Extents and offsets are computed from the rank's coordinates, the sizes of the axes and the symbols' values, all of
    them data of the context: the code is the same for every rank and, for equal local shapes, for every number of ranks.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect"];
}

def KeepKernelsPass : Pass<"partita-keep-kernels", "::mlir::ModuleOp"> {
  let summary = "removes everything that is data and not code";
  let description = [{
    Stage functions, channels, programs and segments are in the image by now; kernels, constants and what they call stay.
    Functions that kernels share are `llvm.func internal`: a kernel is what has a body and is not internal.
  }];
}

def OutlineParallelPass : Pass<"partita-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "parallel loops become functions that the runtime's threads call";
  let description = [{
    The body of an outermost `scf.forall` becomes a function of a range of its iterations (all its loops as one, the last
    one fastest) and of the values that it uses. Constants and views of buffers are made again in it, so that extents
    known here are known there. Loops in a parallel loop, and those of one iteration, stay where they are as `scf.for`.

    ```mlir
    // before
    scf.forall (%i) = (0) to (%n) step (8) { ... }
    // after
    llvm.call @partita_parallel_for(%context, 0, %count, 1, @kernel_body_0, %captured)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect"];
}

#endif
