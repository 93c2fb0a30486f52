// RUN: partita-opt %s --partita-complete-plan --partita-partition --partita-verify-placements | FileCheck %s

// A column-parallel product, then a row-parallel one whose partial sum is reduced; seven columns over two ranks are
// four and three, so that dim is `?`. The second stage has one rank.

partita_plan.stage @first on <["x"=2, "micro"=2 time], devices = [0, 1]>
partita_plan.stage @last on <["micro"=2 time], devices = [2]>

// CHECK: #[[HIDDEN:.*]] = #partita_plan.part<tensor<4x7xf32>, <{{\[\[}}"micro"], ["x"]]>>
// CHECK: func.func @first_forward
// CHECK-SAME: partita_collective.event = "forward", partita_collective.stage = @first
// CHECK: partita_graph.contraction "fc1"{{.*}} -> tensor<2x?xf32, #[[HIDDEN]]>
// CHECK: %[[PARTIAL:.*]] = partita_graph.contraction "fc2"
// CHECK: %[[SUM:.*]] = partita_collective.all_reduce "fc2" %[[PARTIAL]] over ["x"]
// CHECK: return %[[SUM]]
// CHECK: func.func @last_forward
// CHECK-SAME: partita_collective.channel = @channel0
// CHECK: partita_collective.channel @channel0 "fc2" from @first : {{.*}} to @last :
// CHECK: partita_collective.program @main role "worker" phase "step" stages [@first, @last]
// CHECK-SAME: devices = [0, 1], [<forward @first, 0>, <send @channel0, 0>, <forward @first, 1>, <send @channel0, 1>]
// CHECK-SAME: devices = [2], [<receive @channel0, 0>, <forward @last, 0>, <receive @channel0, 1>, <forward @last, 1>]
func.func @main(%x: tensor<4x6xf32> {partita.name = "x", partita.role = "input"},
                %w1: tensor<6x7xf32> {partita.name = "w1", partita.role = "parameter"},
                %w2: tensor<7x6xf32> {partita.name = "w2", partita.role = "parameter"}) -> (tensor<4x6xf32> {partita.name = "y"}) {
  %0 = partita_graph.contraction "fc1" (%x, %w1) "mk,kn->mn" {
    partita_plan.loops = #partita_plan.loops<[["micro"], ["x"], []]>} : (tensor<4x6xf32>, tensor<6x7xf32>) -> tensor<4x7xf32>
  %1 = partita_graph.contraction "fc2" (%0, %w2) "mk,kn->mn" : (tensor<4x7xf32>, tensor<7x6xf32>) -> tensor<4x6xf32>
  %2 = partita_graph.elementwise "act" tanh(%1) {partita_plan.stage = @last,
    partita_plan.loops = #partita_plan.loops<[["micro"], []]>} : (tensor<4x6xf32>) -> tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}
