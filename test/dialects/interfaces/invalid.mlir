// Attributes that every phase shares.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{a symbol needs a name}}
func.func private @f() attributes {s = #partita.symbol<"", 1, 8>}

// -----

// expected-error @+1 {{symbol 'n' has bounds 8..1; expected 0 <= minimum <= maximum}}
func.func private @f() attributes {s = #partita.symbol<"n", 8, 1>}

// -----

// expected-error @+1 {{symbol 'n' is listed twice}}
func.func private @f() attributes {s = #partita.shape<[<"n", 1, 8>, <"n", 1, 8>], ()[s0, s1] -> (s0 + s1)>}

// -----

// expected-error @+1 {{symbolic extents are linear in the symbols}}
func.func private @f() attributes {s = #partita.shape<[<"n", 1, 8>], ()[s0] -> (s0 floordiv 2)>}

// -----

// expected-error @+1 {{a symbolic shape has no dims and one map symbol per listed symbol}}
func.func private @f() attributes {s = #partita.shape<[<"n", 1, 8>], ()[s0, s1] -> (s0)>}

// -----

// expected-error @+1 {{a source has a negative offset or size}}
func.func private @f() attributes {s = #partita.source<"w.bin", offset = -1, bytes = 4, shape = [1], start = [0]>}

// -----

// expected-error @+1 {{a source lists 2 extents but 1 start indices}}
func.func private @f() attributes {s = #partita.source<"w.bin", offset = 0, bytes = 4, shape = [1, 1], start = [0]>}

// -----

// expected-error @+1 {{a source's box begins outside its tensor}}
func.func private @f() attributes {s = #partita.source<"w.bin", offset = 0, bytes = 4, shape = [1], start = [2]>}
