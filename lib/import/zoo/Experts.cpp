// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- Experts.cpp - A layer of experts ----------------------------------------===//
//
// Letters of the products: b batch, s token, k choice, e expert, c place of an expert, h hidden, f ffn.
//===----------------------------------------------------------------------===//
#include "zoo/Architectures.h"
#include "zoo/Blocks.h"

using namespace partita::import;
namespace onnx = partita::onnx;

using Integers = std::vector<int64_t>;

namespace {

class ExpertBuilder {
public:
  ExpertBuilder(ModelWriter &writer, const std::string &name, const LlamaSizes &sizes, double gain)
      : writer(writer), name(name), sizes(sizes), experts(sizes.experts), gain(gain) {}
  std::string build(const std::string &x);

private:
  void addRouter(const std::string &x);
  std::string addEinsum(const std::string &part, const std::string &a, const std::string &b, const char *equation) {
    return writer.addNode("Einsum", name + "/" + part, {a, b}, {{"equation", equation}});
  }
  std::string addExpertWeight(const char *part, int64_t rows, int64_t columns, double scale) {
    return writer.addWeight(name + ".experts." + part, {experts.experts, rows, columns}, Fill::spread(columns, scale));
  }
  std::string addGated(const std::string &x, const char *equation);
  std::string addDense(const std::string &x);
  /// Place of each choice in its expert as one of `capacity` (none where the expert is full), [b, s, k, c]. First
  /// choices of all tokens come before second ones.
  std::string addPlaces();
  std::string addCapacity(const std::string &x);
  std::string addExchange(const std::string &x);

  ModelWriter &writer;
  std::string name;
  const LlamaSizes &sizes;
  const ExpertSizes &experts;
  double gain;
  std::string weights, chosen; // [b, s, k], [b, s, k, e]
};

void ExpertBuilder::addRouter(const std::string &x) {
  std::string gate = name + ".gate";
  std::string logits = addLinear(writer, gate, x, {sizes.hidden, experts.experts, 1.0, /*hasBias=*/false});
  std::string shares = writer.addNode("Softmax", gate + "/softmax", {logits}, {{"axis", -1}});
  std::vector<std::string> top =
      writer.addNodes("TopK", gate + "/topk", {shares, writer.addIntegers({experts.topK})}, 2, {{"axis", -1}});
  std::string sum = writer.addNode("ReduceSum", gate + "/sum", {top[0], writer.addIntegers({-1})});
  weights = writer.addNode("Div", gate + "/normalize", {top[0], sum});
  chosen = writer.addNode("OneHot", gate + "/one_hot",
                          {top[1], writer.addInteger(experts.experts), writer.addFloats(name + ".off_on", {0, 1})},
                          {{"axis", -1}});
}

/// silu(x w1) * (x w3) for each expert.
std::string ExpertBuilder::addGated(const std::string &x, const char *equation) {
  std::string open = addEinsum("w1", x, addExpertWeight("w1", sizes.ffn, sizes.hidden, 1.0), equation);
  std::string up = addEinsum("w3", x, addExpertWeight("w3", sizes.ffn, sizes.hidden, 1.0), equation);
  open = addActivation(writer, name + ".act_fn", open, sizes.mlp == "geglu" ? "gelu-tanh" : "silu");
  return writer.addNode("Mul", name + "/mul", {open, up});
}

std::string ExpertBuilder::addDense(const std::string &x) {
  std::string shares = addEinsum("shares", weights, chosen, "bsk,bske->bse");
  std::string wide = addGated(x, "bsh,efh->ebsf");
  std::string down = addExpertWeight("w2", sizes.hidden, sizes.ffn, gain);
  return addEinsum("combine", shares, addEinsum("w2", wide, down, "ebsf,ehf->ebsh"), "bse,ebsh->bsh");
}

std::string ExpertBuilder::addPlaces() {
  int64_t seq = sizes.seq.size, count = experts.topK * seq;
  std::string turned = writer.addNode("Transpose", name + "/by_choice", {chosen}, {{"perm", Integers{0, 2, 1, 3}}});
  std::string flat =
      writer.addNode("Reshape", name + "/flatten", {turned, writer.addIntegers({0, count, experts.experts})});
  std::string before = writer.addNode("CumSum", name + "/before", {flat, writer.addInteger(1)}, {{"exclusive", 1}});
  std::string own = writer.addNode("Mul", name + "/own", {before, flat});
  std::string place = writer.addNode("ReduceSum", name + "/place", {own, writer.addIntegers({-1})}, {{"keepdims", 0}});
  place = writer.addNode("Cast", name + "/place_index", {place}, {{"to", static_cast<int>(onnx::SI64)}});
  place = writer.addNode("OneHot", name + "/place_one_hot",
                         {place, writer.addInteger(experts.capacity), name + ".off_on"}, {{"axis", -1}});
  place = writer.addNode("Reshape", name + "/unflatten",
                         {place, writer.addIntegers({0, experts.topK, seq, experts.capacity})});
  return writer.addNode("Transpose", name + "/by_token", {place}, {{"perm", Integers{0, 2, 1, 3}}});
}

std::string ExpertBuilder::addCapacity(const std::string &x) {
  std::string places = addPlaces();
  std::string wide = writer.addNode("Unsqueeze", name + "/unsqueeze", {weights, writer.addIntegers({-1})});
  std::string weighted = writer.addNode("Mul", name + "/weighted", {chosen, wide});
  std::string dispatch = addEinsum("dispatch_mask", chosen, places, "bske,bskc->bsec");
  std::string combine = addEinsum("combine_mask", weighted, places, "bske,bskc->bsec");
  std::string sent = addEinsum("dispatch", dispatch, x, "bsec,bsh->ebch");
  std::string middle = addGated(sent, "ebch,efh->ebcf");
  std::string down = addExpertWeight("w2", sizes.hidden, sizes.ffn, gain);
  return addEinsum("combine", combine, addEinsum("w2", middle, down, "ebcf,ehf->ebch"), "bsec,ebch->bsh");
}

std::string ExpertBuilder::addExchange(const std::string &x) {
  std::string logits = addLinear(writer, name + ".gate", x, {sizes.hidden, experts.experts, 1.0, /*hasBias=*/false});
  logits = writer.addNode("Reshape", name + "/gate/rows", {logits, writer.addIntegers({-1, experts.experts})});
  std::string open = addExpertWeight("w1", sizes.ffn, sizes.hidden, 1.0);
  std::string down = addExpertWeight("w2", sizes.hidden, sizes.ffn, gain);
  std::string up = addExpertWeight("w3", sizes.ffn, sizes.hidden, 1.0);
  const char *activation = sizes.mlp == "geglu" ? "gelu" : "swiglu";
  return writer.addNode("com.microsoft.MoE", name + "/experts", {x, logits, open, "", down, "", up},
                        {{"k", experts.topK}, {"normalize_routing_weights", 1}, {"activation_type", activation}});
}

std::string ExpertBuilder::build(const std::string &x) {
  if (experts.dispatch == "exchange")
    return addExchange(x);
  addRouter(x);
  return experts.dispatch == "dense" ? addDense(x) : addCapacity(x);
}

} // namespace

std::string partita::import::addExperts(ModelWriter &writer, const std::string &name, const std::string &x,
                                        const LlamaSizes &sizes, double gain) {
  return ExpertBuilder(writer, name, sizes, gain).build(x);
}
