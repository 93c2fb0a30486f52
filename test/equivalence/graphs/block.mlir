// One transformer block with three heads of four, an embedding before it and vocabulary logits behind it.
func.func @main(%ids: tensor<2x5xsi64> {partita.name = "ids", partita.role = "input", partita.maximum = 10 : i64},
                %table: tensor<11x12xf32> {partita.name = "table", partita.role = "parameter"},
                %scale: tensor<12xf32> {partita.name = "scale", partita.role = "parameter"},
                %bias: tensor<12xf32> {partita.name = "bias", partita.role = "parameter"},
                %wq: tensor<12x12xf32> {partita.name = "wq", partita.role = "parameter"},
                %wk: tensor<12x12xf32> {partita.name = "wk", partita.role = "parameter"},
                %wv: tensor<12x12xf32> {partita.name = "wv", partita.role = "parameter"},
                %wo: tensor<12x12xf32> {partita.name = "wo", partita.role = "parameter"},
                %w1: tensor<12x20xf32> {partita.name = "w1", partita.role = "parameter"},
                %w2: tensor<20x12xf32> {partita.name = "w2", partita.role = "parameter"})
    -> (tensor<2x5x11xf32> {partita.name = "logits"}) {
  %x = partita_graph.gather "embed" (%table, %ids) axis 0 : (tensor<11x12xf32>, tensor<2x5xsi64>) -> tensor<2x5x12xf32>
  %n = partita_graph.layer_norm "norm" (%x, %scale, %bias) axis 2 epsilon 1.0e-05 : (tensor<2x5x12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32>
  %q = partita_graph.contraction "q" (%n, %wq) "bsk,kn->bsn" : (tensor<2x5x12xf32>, tensor<12x12xf32>) -> tensor<2x5x12xf32>
  %k = partita_graph.contraction "k" (%n, %wk) "bsk,kn->bsn" : (tensor<2x5x12xf32>, tensor<12x12xf32>) -> tensor<2x5x12xf32>
  %v = partita_graph.contraction "v" (%n, %wv) "bsk,kn->bsn" : (tensor<2x5x12xf32>, tensor<12x12xf32>) -> tensor<2x5x12xf32>
  %q1 = partita_graph.reshape "q_heads" (%q) : (tensor<2x5x12xf32>) -> tensor<2x5x3x4xf32>
  %k1 = partita_graph.reshape "k_heads" (%k) : (tensor<2x5x12xf32>) -> tensor<2x5x3x4xf32>
  %v1 = partita_graph.reshape "v_heads" (%v) : (tensor<2x5x12xf32>) -> tensor<2x5x3x4xf32>
  %q2 = partita_graph.transpose "q_t" (%q1) permutation [0, 2, 1, 3] : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  %k2 = partita_graph.transpose "k_t" (%k1) permutation [0, 2, 1, 3] : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  %v2 = partita_graph.transpose "v_t" (%v1) permutation [0, 2, 1, 3] : (tensor<2x5x3x4xf32>) -> tensor<2x3x5x4xf32>
  %a = partita_graph.attention "attention" (%q2, %k2, %v2) scale 0.5 causal true : (tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>, tensor<2x3x5x4xf32>) -> tensor<2x3x5x4xf32>
  %a1 = partita_graph.transpose "a_t" (%a) permutation [0, 2, 1, 3] : (tensor<2x3x5x4xf32>) -> tensor<2x5x3x4xf32>
  %a2 = partita_graph.reshape "a_heads" (%a1) : (tensor<2x5x3x4xf32>) -> tensor<2x5x12xf32>
  %o = partita_graph.contraction "o" (%a2, %wo) "bsk,kn->bsn" : (tensor<2x5x12xf32>, tensor<12x12xf32>) -> tensor<2x5x12xf32>
  %r = partita_graph.elementwise "residual" add(%x, %o) : (tensor<2x5x12xf32>, tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
  %h = partita_graph.contraction "fc1" (%r, %w1) "bsk,kn->bsn" : (tensor<2x5x12xf32>, tensor<12x20xf32>) -> tensor<2x5x20xf32>
  %g = partita_graph.elementwise "gelu" gelu_tanh(%h) : (tensor<2x5x20xf32>) -> tensor<2x5x20xf32>
  %f = partita_graph.contraction "fc2" (%g, %w2) "bsk,kn->bsn" : (tensor<2x5x20xf32>, tensor<20x12xf32>) -> tensor<2x5x12xf32>
  %s = partita_graph.elementwise "residual2" add(%r, %f) : (tensor<2x5x12xf32>, tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
  %l = partita_graph.contraction "logits" (%s, %table) "bsk,vk->bsv" : (tensor<2x5x12xf32>, tensor<11x12xf32>) -> tensor<2x5x11xf32>
  return %l : tensor<2x5x11xf32>
}
