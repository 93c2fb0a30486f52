// Rules GRAPH-5 to GRAPH-9.
// RUN: partita-opt %s --split-input-file --verify-diagnostics

func.func @g5() {
  // expected-error @+1 {{GRAPH-5: constants above 1 KiB are parameters, this one has 1032 bytes}}
  %0 = partita_graph.constant "c" dense<"0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FA000102030405060708090A0B0C0D0E0F101112131415161718191A1B"> : tensor<258xf32> : tensor<258xf32>
  return
}

// -----

func.func @g6_form(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{GRAPH-6: spec 'mk,kn' is not of the form 'ab,bc->ac'}}
  %0 = partita_graph.contraction "c" (%a, %a) "mk,kn" : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @g6_lonely_letter(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) {
  // expected-error @+1 {{GRAPH-6: letter 'm' is summed in one operand only: reduce it first}}
  %0 = partita_graph.contraction "c" (%a, %b) "mk,kn->n" : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @g6_unknown_letter(%a: tensor<2x3xf32>, %b: tensor<3x2xf32>) {
  // expected-error @+1 {{GRAPH-6: letter 'z' of the result is in no operand}}
  %0 = partita_graph.contraction "c" (%a, %b) "mk,kn->mz" : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @g7_arity(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-7: add takes 2 operands, got 1}}
  %0 = partita_graph.elementwise "e" add(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @g7_type(%a: tensor<4xsi32>) {
  // expected-error @+1 {{GRAPH-7: exp is not defined for 'si32'}}
  %0 = partita_graph.elementwise "e" exp(%a) : (tensor<4xsi32>) -> tensor<4xsi32>
  return
}

// -----

func.func @g7_reduce(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-7: and is not defined for 'f32'}}
  %0 = partita_graph.reduce "r" and(%a) dims [0] : (tensor<4xf32>) -> tensor<f32>
  return
}

// -----

func.func @g7_window(%a: tensor<1x1x4xf32>) {
  // expected-error @+1 {{GRAPH-7: windows reduce by sum or max}}
  %0 = partita_graph.window_reduce "r" min(%a) window [2] strides [2] padding [0, 0] dilations [1] : (tensor<1x1x4xf32>) -> tensor<1x1x2xf32>
  return
}

// -----

func.func @g8_slice(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-8: dim 0 reads from 2 to 4, outside extent 4}}
  %0 = partita_graph.slice "s" (%a) starts [2] strides [1] : (tensor<4xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @g8_stride(%a: tensor<4xf32>) {
  // expected-error @+1 {{GRAPH-8: stride 0 in dim 0}}
  %0 = partita_graph.slice "s" (%a) starts [0] strides [0] : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @g8_pad(%a: tensor<4xf32>, %v: tensor<f32>) {
  // expected-error @+1 {{GRAPH-8: padding is not negative (slice instead)}}
  %0 = partita_graph.pad "p" (%a, %v) low [-1] high [0] : (tensor<4xf32>, tensor<f32>) -> tensor<3xf32>
  return
}

// -----

func.func @g8_groups(%x: tensor<1x4x8xf32>, %f: tensor<3x2x3xf32>) {
  // expected-error @+1 {{GRAPH-8: groups divides the output channels}}
  %0 = partita_graph.convolution "c" (%x, %f) strides [1] padding [0, 0] dilations [1] groups 2 : (tensor<1x4x8xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
  return
}

// -----

#any = #partita.shape<[<"n", 1, 8>], ()[s0] -> (s0)>
func.func @g8_symbolic(%x: tensor<?xf32, #any>) {
  // expected-error @+1 {{GRAPH-8: dim 0 is symbolic and cannot be cut by this slice}}
  %0 = partita_graph.slice "s" (%x) starts [1] strides [1] : (tensor<?xf32, #any>) -> tensor<2xf32>
  return
}

// -----

func.func @g9_sum(%x: tensor<4xf8E4M3FN>) {
  // expected-error @+1 {{GRAPH-9: 'f8E4M3FN' is only stored; cast it first}}
  %0 = partita_graph.reduce "s" sum(%x) dims [0] : (tensor<4xf8E4M3FN>) -> tensor<f8E4M3FN>
  return
}

// -----

func.func @g9_add(%x: tensor<4xsi4>) {
  // expected-error @+1 {{GRAPH-7: add is not defined for 'si4'}}
  %0 = partita_graph.elementwise "s" add(%x, %x) : (tensor<4xsi4>, tensor<4xsi4>) -> tensor<4xsi4>
  return
}
