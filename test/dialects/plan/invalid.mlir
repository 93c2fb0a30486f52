// RUN: partita-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{the space axes span 4 ranks but 3 devices are listed}}
partita_plan.stage @s on <["x"=2, "y"=2], devices = [0, 1, 2]>

// -----

// expected-error @+1 {{axis 'x' is listed twice}}
partita_plan.stage @s on <["x"=2, "x"=2], devices = [0 to 3]>

// -----

// expected-error @+1 {{device 1 is negative or listed twice}}
partita_plan.stage @s on <["x"=2], devices = [1, 1]>

// -----

// expected-error @+1 {{axis 'x' has size 0, expected at least 1}}
partita_plan.stage @s on <["x"=0], devices = []>

// -----

// expected-error @+1 {{device range is empty or too long}}
partita_plan.stage @s on <["x"=2], devices = [3 to 1]>

// -----

// expected-error @+1 {{the mesh has too many ranks}}
partita_plan.stage @s on <["x"=4294967296, "y"=4294967296], devices = [0]>

// -----

// expected-error @+1 {{PLACE-1: axis 'x' is used twice}}
func.func private @place1() attributes {p = #partita_plan.placement<[["x"], ["x"]]>}

// -----

// expected-error @+1 {{PLACE-1: axis 'x' is used twice}}
func.func private @place1_partial() attributes {p = #partita_plan.placement<[["x"]], partial ["x" sum]>}

// -----

// expected-error @+1 {{PLACE-1: axis 'x' is used twice}}
func.func private @place1_loops() attributes {p = #partita_plan.loops<[["x", "x"], []]>}

// -----

// expected-error @+1 {{PLACE-2: partial axes are listed once each, in the order of their names}}
func.func private @place2() attributes {p = #partita_plan.placement<[], partial ["y" sum, "x" sum]>}

// -----

// expected-error @+1 {{expected sum, max, min, and, or}}
func.func private @kind() attributes {p = #partita_plan.placement<[], partial ["x" product]>}

// -----

// expected-error @+1 {{a split names an axis and has a unit of at least 1}}
func.func private @unit() attributes {p = #partita_plan.placement<[["x":0]]>}

// -----

// expected-error @+1 {{placements of one reshard differ in rank}}
func.func private @reshard() attributes {p = #partita_plan.reshard<<[["x"]]>, <[[], []]>>}

// -----

// expected-error @+1 {{a placement of rank 1 cannot place 'tensor<4x4xf32>'}}
func.func private @part() attributes {p = #partita_plan.part<tensor<4x4xf32>, <[["x"]]>>}

// -----

#inner = #partita_plan.part<tensor<4xf32>, <[["x"]]>>
// expected-error @+1 {{the whole value's type must not be local itself}}
func.func private @nested() attributes {p = #partita_plan.part<tensor<4xf32, #inner>, <[["y"]]>>}

// -----

// expected-error @+1 {{needs an entry 'schema'}}
partita_plan.record {preset = "tensor"}

// -----

// expected-error @+1 {{E-PLAN-SCHEMA: schema is 'partita.plan/2', expected 'partita.plan/1'}}
partita_plan.record {schema = "partita.plan/2"}

// -----

// expected-error @+1 {{PLACE-3: a loop is not read through a window}}
func.func private @place3_loop() attributes {p = #partita_plan.loops<[["x" window 3 by 1 pad 1, 1]]>}

// -----

// expected-error @+1 {{a window has a stride and a reach of at least 1}}
func.func private @no_stride() attributes {p = #partita_plan.placement<[["x" window 3 by 0 pad 1, 1]]>}

// -----

// expected-error @+1 {{a window with a number beyond}}
func.func private @huge_window() attributes {p = #partita_plan.placement<[["x" window 3 by 1 pad 9000000000000000000, 1]]>}
