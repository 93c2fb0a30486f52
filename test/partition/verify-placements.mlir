// RUN: partita-opt %s --partita-verify-placements -verify-diagnostics -split-input-file

#whole = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#rows = #partita_plan.part<tensor<4x6xf32>, <[["x"], []]>>
#sum = #partita_plan.part<tensor<4x6xf32>, <[[], []], partial ["x" sum]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>

// The operand holds rows, the op says that it splits nothing.
func.func @claims_nothing(%a: tensor<2x6xf32, #rows>) -> tensor<2x6xf32, #rows> attributes {partita_collective.stage = @s} {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-6: operand 0 is placed}}
  %0 = partita_graph.elementwise "e" exp(%a) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<2x6xf32, #rows>) -> tensor<2x6xf32, #rows>
  return %0 : tensor<2x6xf32, #rows>
}

// exp of a partial sum is not a partial exp.
func.func @not_linear(%a: tensor<4x6xf32, #sum>) -> tensor<4x6xf32, #sum> attributes {partita_collective.stage = @s} {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-2: the op is not linear in the operands that are partial}}
  %0 = partita_graph.elementwise "e" exp(%a) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x6xf32, #sum>) -> tensor<4x6xf32, #sum>
  return %0 : tensor<4x6xf32, #sum>
}

// A replicated bias added to a partial sum would be counted once per rank.
func.func @bias_counted_twice(%a: tensor<4x6xf32, #sum>, %b: tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #sum> attributes {partita_collective.stage = @s} {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-2: the op is not linear in the operands that are partial}}
  %0 = partita_graph.elementwise "e" add(%a, %b) {partita_plan.loops = #partita_plan.loops<[[], []]>} : (tensor<4x6xf32, #sum>, tensor<4x6xf32, #whole>) -> tensor<4x6xf32, #sum>
  return %0 : tensor<4x6xf32, #sum>
}

// Rows of four over two ranks are two, not three.
// expected-error @+1 {{E-SPMD-TYPE: SPMD-4}}
func.func @wrong_extent(%a: tensor<3x6xf32, #rows>) attributes {partita_collective.stage = @s} {
  return
}

// -----

// Vocabulary logits left split over ranks are no whole logits (the bug "off by log(ranks)").
#logits = #partita_plan.part<tensor<4x6xf32>, <[[], ["x"]]>>
#row = #partita_plan.part<tensor<4xf32>, <[[]]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @lost_sum(%a: tensor<4x3xf32, #logits>) -> tensor<4xf32, #row> attributes {partita_collective.stage = @s} {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-6: result 0 is placed}}
  %0 = partita_graph.reduce "sum" sum(%a) dims [1] {partita_plan.loops = #partita_plan.loops<[[], ["x"]]>} : (tensor<4x3xf32, #logits>) -> tensor<4xf32, #row>
  return %0 : tensor<4xf32, #row>
}

// -----

// A halo of one row too few at the upper side.
#halo = #partita_plan.part<tensor<1x1x8xf32>, <[[], [], ["x" window 2 by 1 pad 0, 1]]>>
#filter = #partita_plan.part<tensor<1x1x3xf32>, <[[], [], []]>>
#out = #partita_plan.part<tensor<1x1x8xf32>, <[[], [], ["x"]]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @halo_off_by_one(%a: tensor<1x1x?xf32, #halo>, %f: tensor<1x1x3xf32, #filter>) -> tensor<1x1x4xf32, #out> attributes {partita_collective.stage = @s} {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-6: operand 0 is placed}}
  %0 = partita_graph.convolution "c" (%a, %f) strides [1] padding [1, 1] dilations [1] groups 1 {partita_plan.loops = #partita_plan.loops<[[], [], [], ["x"], [], []]>} : (tensor<1x1x?xf32, #halo>, tensor<1x1x3xf32, #filter>) -> tensor<1x1x4xf32, #out>
  return %0 : tensor<1x1x4xf32, #out>
}

// -----

// Nothing starts from parts that overlap.
#halo = #partita_plan.part<tensor<8xf32>, <[["x" window 3 by 1 pad 1, 1]]>>
#rows = #partita_plan.part<tensor<8xf32>, <[["x"]]>>
partita_plan.stage @s on <["x"=2], devices = [0, 1]>
func.func @from_a_halo(%a: tensor<5xf32, #halo>) -> tensor<4xf32, #rows> attributes {partita_collective.stage = @s} {
  // expected-error @+1 {{E-SPMD-TYPE: SPMD-5: no single step leads from}}
  %0 = partita_collective.exchange "v" %a over ["x"] : tensor<5xf32, #halo> to tensor<4xf32, #rows>
  return %0 : tensor<4xf32, #rows>
}
