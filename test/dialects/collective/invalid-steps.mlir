// A communication op is one relation between two placements; anything else is refused.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

#a = #partita_plan.part<tensor<4xf32>, <[["x"]]>>
#b = #partita_plan.part<tensor<8xf32>, <[[]]>>
func.func @step1(%x: tensor<2xf32, #a>) {
  // expected-error @+1 {{STEP-1: operand is a part of 'tensor<4xf32>', result of 'tensor<8xf32>'}}
  %0 = partita_collective.all_gather "g" %x over ["x"] : tensor<2xf32, #a> to tensor<8xf32, #b>
  return
}

// -----

func.func @step1_plain(%x: tensor<2xf32>) {
  // expected-error @+1 {{STEP-1: operand and result carry parts}}
  %0 = partita_collective.all_gather "g" %x over ["x"] : tensor<2xf32> to tensor<2xf32>
  return
}

// -----

#a = #partita_plan.part<tensor<4xf32>, <[["x"]]>>
#b = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @step2(%x: tensor<2xf32, #a>) {
  // expected-error @+1 {{STEP-2: the axes that change between}}
  %0 = partita_collective.all_gather "g" %x over ["y"] : tensor<2xf32, #a> to tensor<4xf32, #b>
  return
}

// -----

#a = #partita_plan.part<tensor<4xf32>, <[["x"]]>>
#b = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @all_reduce(%x: tensor<2xf32, #a>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: partial axes become replicated}}
  %0 = partita_collective.all_reduce "r" %x over ["x"] : tensor<2xf32, #a> to tensor<4xf32, #b>
  return
}

// -----

#p = #partita_plan.part<tensor<4xf32>, <[[]], partial ["x" sum]>>
#b = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @reduce_scatter(%x: tensor<4xf32, #p>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: partial axes become the innermost splits}}
  %0 = partita_collective.reduce_scatter "r" %x over ["x"] : tensor<4xf32, #p> to tensor<4xf32, #b>
  return
}

// -----

#p = #partita_plan.part<tensor<4xf32>, <[[]], partial ["x" sum]>>
#b = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @all_gather(%x: tensor<4xf32, #p>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: innermost splits become replicated}}
  %0 = partita_collective.all_gather "r" %x over ["x"] : tensor<4xf32, #p> to tensor<4xf32, #b>
  return
}

// -----

#a = #partita_plan.part<tensor<4x4xf32>, <[["x"], []]>>
#b = #partita_plan.part<tensor<4x4xf32>, <[["x", "y"], []]>>
func.func @all_to_all(%x: tensor<2x4xf32, #a>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: innermost splits of one dim}}
  %0 = partita_collective.all_to_all "r" %x over ["y"] : tensor<2x4xf32, #a> to tensor<1x4xf32, #b>
  return
}

// -----

#p = #partita_plan.part<tensor<4xf32>, <[[]], partial ["x" sum]>>
#a = #partita_plan.part<tensor<4xf32>, <[["x"]]>>
func.func @exchange(%x: tensor<4xf32, #p>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: an exchange moves values that are not partial}}
  %0 = partita_collective.exchange "r" %x over ["x"] : tensor<4xf32, #p> to tensor<2xf32, #a>
  return
}

// -----

#a = #partita_plan.part<tensor<4xf32>, <[["x"]]>>
#b = #partita_plan.part<tensor<4xf32>, <[[]]>>
func.func @slice(%x: tensor<2xf32, #a>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: replicated axes become innermost splits}}
  %0 = partita_collective.slice "r" %x over ["x"] : tensor<2xf32, #a> to tensor<4xf32, #b>
  return
}

// -----

#p = #partita_plan.part<tensor<4xf32>, <[[]], partial ["x" sum]>>
#q = #partita_plan.part<tensor<4xf32>, <[[]], partial ["x" max]>>
func.func @partialize(%x: tensor<4xf32, #p>) {
  // expected-error @+1 {{STEP-3: E-SPMD-TYPE: the placements of operand and result do not fit: replicated axes become partial}}
  %0 = partita_collective.partialize "r" %x over ["x"] : tensor<4xf32, #p> to tensor<4xf32, #q>
  return
}

// -----

// Counts lie as what they count; only a step that moves rows has them.

#a = #partita_plan.part<tensor<4x6xf32>, <[["x"], []]>>
#b = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#n = #partita_plan.part<tensor<4xsi64>, <[[]]>>
func.func @step4_placement(%x: tensor<2x6xf32, #a>, %n: tensor<4xsi64, #n>) {
  // expected-error @+1 {{STEP-4: counts are placed #partita_plan.placement<[[]]>, the input}}
  %0 = partita_collective.all_gather "g" %x counts %n : tensor<4xsi64, #n> over ["x"] : tensor<2x6xf32, #a> to tensor<4x6xf32, #b>
  return
}

// -----

#a = #partita_plan.part<tensor<4x6xf32>, <[["x"], []]>>
#b = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#n = #partita_plan.part<tensor<4xsi32>, <[["x"]]>>
func.func @step4_type(%x: tensor<2x6xf32, #a>, %n: tensor<2xsi32, #n>) {
  // expected-error @+1 {{STEP-4: counts are a part of an si64 value of fewer dims than the input}}
  %0 = partita_collective.all_gather "g" %x counts %n : tensor<2xsi32, #n> over ["x"] : tensor<2x6xf32, #a> to tensor<4x6xf32, #b>
  return
}

// -----

#a = #partita_plan.part<tensor<4x6xf32>, <[[], []], partial ["x" sum]>>
#b = #partita_plan.part<tensor<4x6xf32>, <[[], []]>>
#n = #partita_plan.part<tensor<4xsi64>, <[[]]>>
func.func @step4_kind(%x: tensor<4x6xf32, #a>, %n: tensor<4xsi64, #n>) {
  // expected-error @+1 {{STEP-4: only a step that moves rows has counts}}
  %0 = partita_collective.all_reduce "g" %x counts %n : tensor<4xsi64, #n> over ["x"] : tensor<4x6xf32, #a> to tensor<4x6xf32, #b>
  return
}
