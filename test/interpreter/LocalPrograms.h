// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Per-device programs written by hand, and the graph that they compute.
//
// Example: kTwoStages runs kGraph on stage @a (2 ranks, tensor split) and @b (2 ranks, row split) in 3 micro-batches.
#ifndef PARTITA_TEST_INTERPRETER_LOCALPROGRAMS_H
#define PARTITA_TEST_INTERPRETER_LOCALPROGRAMS_H

namespace partita::interpreter {

inline constexpr const char *kGraph = R"mlir(
func.func @main(%x: tensor<6x4xf32> {partita.name = "x"}, %w1: tensor<4x6xf32> {partita.name = "w1"},
                %w2: tensor<6x4xf32> {partita.name = "w2"}) -> (tensor<6x4xf32> {partita.name = "z"}) {
  %0 = partita_graph.contraction "fc1" (%x, %w1) "mk,kn->mn" : (tensor<6x4xf32>, tensor<4x6xf32>) -> tensor<6x6xf32>
  %1 = partita_graph.elementwise "act" relu(%0) : (tensor<6x6xf32>) -> tensor<6x6xf32>
  %2 = partita_graph.contraction "fc2" (%1, %w2) "mk,kn->mn" : (tensor<6x6xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
  %3 = partita_graph.elementwise "out" tanh(%2) : (tensor<6x4xf32>) -> tensor<6x4xf32>
  return %3 : tensor<6x4xf32>
}
)mlir";

inline constexpr const char *kTwoStages = R"mlir(
#x = #partita_plan.part<tensor<6x4xf32>, <[["micro"], []]>>
#w1 = #partita_plan.part<tensor<4x6xf32>, <[[], ["t"]]>>
#h = #partita_plan.part<tensor<6x6xf32>, <[["micro"], ["t"]]>>
#w2 = #partita_plan.part<tensor<6x4xf32>, <[["t"], []]>>
#p = #partita_plan.part<tensor<6x4xf32>, <[["micro"], []], partial ["t" sum]>>
#z = #partita_plan.part<tensor<6x4xf32>, <[["micro", "d"], []]>>
partita_plan.stage @a on <["t"=2, "micro"=3 time], devices = [0, 1]>
partita_plan.stage @b on <["micro"=3 time, "d"=2], devices = [2, 3]>
func.func @a_forward(%x: tensor<2x4xf32, #x> {partita.name = "x"}, %w1: tensor<4x3xf32, #w1> {partita.name = "w1"},
                     %w2: tensor<3x4xf32, #w2> {partita.name = "w2"})
    -> (tensor<2x4xf32, #x> {partita.name = "y", partita_collective.channel = @c})
    attributes {partita_collective.stage = @a, partita_collective.event = "forward"} {
  %0 = partita_graph.contraction "fc1" (%x, %w1) "mk,kn->mn" : (tensor<2x4xf32, #x>, tensor<4x3xf32, #w1>) -> tensor<2x3xf32, #h>
  %1 = func.call @activate(%0) : (tensor<2x3xf32, #h>) -> tensor<2x3xf32, #h>
  %2 = partita_graph.contraction "fc2" (%1, %w2) "mk,kn->mn" : (tensor<2x3xf32, #h>, tensor<3x4xf32, #w2>) -> tensor<2x4xf32, #p>
  %3 = partita_collective.all_reduce "fc2" %2 over ["t"] : tensor<2x4xf32, #p> to tensor<2x4xf32, #x>
  return %3 : tensor<2x4xf32, #x>
}
func.func private @activate(%0: tensor<2x3xf32, #h>) -> tensor<2x3xf32, #h> attributes {partita_collective.stage = @a} {
  %1 = partita_graph.elementwise "act" relu(%0) : (tensor<2x3xf32, #h>) -> tensor<2x3xf32, #h>
  return %1 : tensor<2x3xf32, #h>
}
func.func @b_forward(%y: tensor<1x4xf32, #z> {partita.name = "y", partita_collective.channel = @c})
    -> (tensor<1x4xf32, #z> {partita.name = "z"})
    attributes {partita_collective.stage = @b, partita_collective.event = "forward"} {
  %0 = partita_graph.elementwise "out" tanh(%y) : (tensor<1x4xf32, #z>) -> tensor<1x4xf32, #z>
  return %0 : tensor<1x4xf32, #z>
}
partita_collective.channel @c "y" from @a : tensor<2x4xf32, #x> to @b : tensor<1x4xf32, #z>
partita_collective.program @main role "worker" phase "step" stages [@a, @b] events [
  #partita_collective.events<devices = [0, 1], [<forward @a, 0>, <send @c, 0>, <forward @a, 1>, <send @c, 1>, <forward @a, 2>, <send @c, 2>]>,
  #partita_collective.events<devices = [2, 3], [<receive @c, 0>, <forward @b, 0>, <receive @c, 1>, <forward @b, 1>, <receive @c, 2>, <forward @b, 2>]>]
)mlir";

} // namespace partita::interpreter

#endif
