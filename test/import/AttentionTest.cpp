// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The attention operators, of the default set and of optimised models: against the small operators that they are made
// of, against each other, and caches against the whole sequence at once.
#include "SpellingTest.h"

using namespace partita;
using namespace partita::import;
using interpreter::Tensor;

namespace {

using Attentions = SpellingTest;

/// softmax(0.5 * q k^T, capped where `cap` is not 0, + mask) v with the numbers in between; k and v have a head for two
/// of q.
void addSmallOps(onnx::Graph &graph, float cap, const std::string &mask) {
  addIntegers(graph, "wide", {1, 2, 2, 4, 3});
  addIntegers(graph, "heads", {1, 4, 4, 3});
  addIntegers(graph, "place", {2});
  setFloat(addNode(graph, "Constant", {}, {"scale"}), "value_float", 0.5f);
  for (const char *name : {"k", "v"}) {
    std::string of = name;
    addNode(graph, "Unsqueeze", {of, "place"}, {of + "1"});
    addNode(graph, "Expand", {of + "1", "wide"}, {of + "2"});
    addNode(graph, "Reshape", {of + "2", "heads"}, {of + "3"});
  }
  setIntegers(addNode(graph, "Transpose", {"k3"}, {"kt"}), "perm", {0, 1, 3, 2});
  addNode(graph, "MatMul", {"q", "kt"}, {"product"});
  addNode(graph, "Mul", {"product", "scale"}, {"s0"});
  if (cap != 0) {
    setFloat(addNode(graph, "Constant", {}, {"cap"}), "value_float", cap);
    addNode(graph, "Div", {"s0", "cap"}, {"relative"});
    addNode(graph, "Tanh", {"relative"}, {"bent"});
    addNode(graph, "Mul", {"bent", "cap"}, {"s1"});
  } else {
    addNode(graph, "Identity", {"s0"}, {"s1"});
  }
  addNode(graph, mask.empty() ? "Identity" : "Add", mask.empty() ? Names{"s1"} : Names{"s1", mask}, {"s2"});
  setInteger(addNode(graph, "Softmax", {"s2"}, {"s3"}), "axis", 3);
  addNode(graph, "MatMul", {"s3", "v3"}, {"y"});
}

const Shapes kGrouped = {{"q", {1, 4, 4, 3}}, {"k", {1, 2, 4, 3}}, {"v", {1, 2, 4, 3}}, {"m", {4, 4}}};

TEST_F(Attentions, GiveTheirScores) {
  for (int64_t mode : {0, 1, 2, 3})
    for (float cap : {0.0f, 0.75f})
      expectSame(
          kGrouped, {"y", "s"},
          [&](onnx::Graph &graph) {
            onnx::Node &node = addNode(graph, "Attention", {"q", "k", "v", "m"}, {"y", "", "", "s"});
            setFloat(node, "scale", 0.5f);
            setFloat(node, "softcap", cap);
            setInteger(node, "qk_matmul_output_mode", mode);
          },
          [&](onnx::Graph &graph) {
            addSmallOps(graph, cap, "m");
            addNode(graph, "Identity", {"s" + std::to_string(mode)}, {"s"});
          });
}

TEST_F(Attentions, WithoutMoreThanTheResultAreOneOp) {
  onnx::Model model = makeModel(kGrouped, {"y"});
  setFloat(addNode(*model.mutable_graph(), "Attention", {"q", "k", "v", "m"}, {"y"}), "scale", 0.5f);
  EXPECT_EQ(count(importModel(model), "partita_graph.attention"), 1) << diagnostics;
  expectSame(
      kGrouped, {"y"},
      [](onnx::Graph &graph) { setFloat(addNode(graph, "Attention", {"q", "k", "v", "m"}, {"y"}), "scale", 0.5f); },
      [](onnx::Graph &graph) { addSmallOps(graph, 0, "m"); });
}

/// The whole sequence at once, of which rows 2 and 3 are asked for, is the first two keys as a cache and then two more;
/// `type` and the names are those of the operator.
TEST_F(Attentions, CachesContinueASequence) {
  Shapes inputs = {{"q", {1, 4, 4, 3}}, {"k", {1, 2, 4, 3}}, {"v", {1, 2, 4, 3}}};
  auto cut = [](onnx::Graph &graph, const std::string &from, int64_t start, int64_t end, const std::string &to) {
    addIntegers(graph, to + "/start", {start});
    addIntegers(graph, to + "/end", {end});
    addIntegers(graph, to + "/axis", {2});
    addNode(graph, "Slice", {from, to + "/start", to + "/end", to + "/axis"}, {to});
  };
  expectSame(
      inputs, {"y", "keys", "values"},
      [&](onnx::Graph &graph) {
        cut(graph, "q", 2, 4, "q2");
        for (std::string name : {"k", "v"}) {
          cut(graph, name, 0, 2, name + "1");
          cut(graph, name, 2, 4, name + "2");
        }
        setInteger(addNode(graph, "Attention", {"q2", "k2", "v2", "", "k1", "v1"}, {"y", "keys", "values"}),
                   "is_causal", 1);
      },
      [&](onnx::Graph &graph) {
        setInteger(addNode(graph, "Attention", {"q", "k", "v"}, {"all"}), "is_causal", 1);
        cut(graph, "all", 2, 4, "y");
        addNode(graph, "Identity", {"k"}, {"keys"});
        addNode(graph, "Identity", {"v"}, {"values"});
      });
}

/// Fewer queries than keys see from the first key on: a triangle of its own.
TEST_F(Attentions, TrianglesBeginAtTheFirstKey) {
  expectSame(
      {{"q", {1, 2, 2, 3}}, {"k", {1, 2, 4, 3}}, {"v", {1, 2, 4, 3}}}, {"y"},
      [](onnx::Graph &graph) { setInteger(addNode(graph, "Attention", {"q", "k", "v"}, {"y"}), "is_causal", 1); },
      [](onnx::Graph &graph) {
        addIntegers(graph, "flat", {1, 0, 0, 0, 1, 1, 0, 0});
        addIntegers(graph, "shape", {2, 4});
        addNode(graph, "Reshape", {"flat", "shape"}, {"ones"});
        setInteger(addNode(graph, "Cast", {"ones"}, {"mask"}), "to", onnx::BOOLEAN);
        addNode(graph, "Attention", {"q", "k", "v", "mask"}, {"y"});
      });
}

/// The first batch element has 2 keys, the second 3 of 4: each as if it were alone with its keys.
TEST_F(Attentions, LengthsOfACacheHideTheRest) {
  Shapes inputs = {{"q", {2, 2, 2, 3}}, {"k", {2, 2, 4, 3}}, {"v", {2, 2, 4, 3}}};
  expectSame(
      inputs, {"y"},
      [](onnx::Graph &graph) {
        addIntegers(graph, "lengths", {2, 3});
        setInteger(addNode(graph, "Attention", {"q", "k", "v", "", "", "", "lengths"}, {"y"}), "is_causal", 1);
      },
      [](onnx::Graph &graph) {
        addIntegers(graph, "flat", {1, 0, 0, 0, 1, 1, 0, 0, /**/ 1, 1, 0, 0, 1, 1, 1, 0});
        addIntegers(graph, "shape", {2, 1, 2, 4});
        addNode(graph, "Reshape", {"flat", "shape"}, {"ones"});
        setInteger(addNode(graph, "Cast", {"ones"}, {"mask"}), "to", onnx::BOOLEAN);
        addNode(graph, "Attention", {"q", "k", "v", "mask"}, {"y"});
      });
}

//===-- Of optimised models ---------------------------------------------------------------------------------------===//

/// One projection of query, key and value in one product is three.
TEST_F(Attentions, OfOptimisedModelsHaveTheirProjections) {
  Shapes inputs = {{"x", {2, 3, 4}}, {"w", {4, 12}}, {"b", {12}}, {"past", {2, 2, 2, 1, 2}}};
  expectSame(
      inputs, {"y", "keys"},
      [](onnx::Graph &graph) {
        addIntegers(graph, "lengths", {2, 4});
        setInteger(addNode(graph, "Cast", {"lengths"}, {"ends"}), "to", onnx::SI32);
        onnx::Node &node = addFused(graph, "Attention", {"x", "w", "b", "ends", "past"}, {"y", "present"});
        setInteger(node, "num_heads", 2);
        setInteger(node, "unidirectional", 1);
        setFloat(node, "mask_filter_value", -1e4f);
        addIntegers(graph, "first", {0});
        addNode(graph, "Gather", {"present", "first"}, {"keys5"});
        addNode(graph, "Squeeze", {"keys5", "first"}, {"keys"});
      },
      [](onnx::Graph &graph) {
        addNode(graph, "MatMul", {"x", "w"}, {"product"});
        addNode(graph, "Add", {"product", "b"}, {"all"});
        onnx::Node &split = addNode(graph, "Split", {"all"}, {"q", "k", "v"});
        setInteger(split, "axis", 2);
        setInteger(split, "num_outputs", 3);
        onnx::Node &cache = addNode(graph, "Split", {"past"}, {"pk5", "pv5"});
        setInteger(cache, "axis", 0);
        setInteger(cache, "num_outputs", 2);
        addIntegers(graph, "first", {0});
        addNode(graph, "Squeeze", {"pk5", "first"}, {"pk"});
        addNode(graph, "Squeeze", {"pv5", "first"}, {"pv"});
        // -10000 for keys 2 and 3 of the first batch element.
        addIntegers(graph, "flat", {0, 0, -10000, -10000, 0, 0, 0, 0});
        addIntegers(graph, "shape", {2, 1, 1, 4});
        addNode(graph, "Reshape", {"flat", "shape"}, {"numbers"});
        setInteger(addNode(graph, "Cast", {"numbers"}, {"mask"}), "to", onnx::F32);
        onnx::Node &node = addNode(graph, "Attention", {"q", "k", "v", "mask", "pk", "pv"}, {"y", "keys"});
        setInteger(node, "is_causal", 1);
        setInteger(node, "q_num_heads", 2);
        setInteger(node, "kv_num_heads", 2);
      });
}

TEST_F(Attentions, OfManyHeadsHaveOneBias) {
  Shapes inputs = {{"q", {2, 3, 4}}, {"k", {2, 5, 4}}, {"v", {2, 5, 6}}, {"b", {14}}, {"m", {1, 2, 3, 5}}};
  expectSame(
      inputs, {"y"},
      [](onnx::Graph &graph) {
        setInteger(addFused(graph, "MultiHeadAttention", {"q", "k", "v", "b", "", "m"}, {"y"}), "num_heads", 2);
      },
      [](onnx::Graph &graph) {
        addIntegers(graph, "sizes", {4, 4, 6});
        addNode(graph, "Split", {"b", "sizes"}, {"bq", "bk", "bv"});
        for (std::string name : {"q", "k", "v"})
          addNode(graph, "Add", {name, "b" + name}, {name + "1"});
        onnx::Node &node = addNode(graph, "Attention", {"q1", "k1", "v1", "m"}, {"y"});
        setInteger(node, "q_num_heads", 2);
        setInteger(node, "kv_num_heads", 2);
      });
  // All three in one tensor, head by head.
  expectSame(
      {{"x", {2, 3, 2, 3, 4}}}, {"y"},
      [](onnx::Graph &graph) { setInteger(addFused(graph, "MultiHeadAttention", {"x"}, {"y"}), "num_heads", 2); },
      [](onnx::Graph &graph) {
        onnx::Node &split = addNode(graph, "Split", {"x"}, {"q", "k", "v"});
        setInteger(split, "axis", 3);
        setInteger(split, "num_outputs", 3);
        addIntegers(graph, "merged", {2, 3, 8});
        for (std::string name : {"q", "k", "v"})
          addNode(graph, "Reshape", {name, "merged"}, {name + "1"});
        setInteger(addFused(graph, "MultiHeadAttention", {"q1", "k1", "v1"}, {"y"}), "num_heads", 2);
      });
}

void setGrouped(onnx::Node &node) {
  setInteger(node, "num_heads", 4);
  setInteger(node, "kv_num_heads", 2);
  setInteger(node, "do_rotary", 1);
}

TEST_F(Attentions, OfGroupsTurnPromptsByTheirPosition) {
  Shapes inputs = {{"q", {2, 3, 16}}, {"k", {2, 3, 8}}, {"v", {2, 3, 8}}, {"cos", {6, 2}}, {"sin", {6, 2}}};
  expectSame(
      inputs, {"y"},
      [](onnx::Graph &graph) {
        addIntegers(graph, "lengths", {2, 2});
        addIntegers(graph, "total", {3});
        setGrouped(
            addFused(graph, "GroupQueryAttention", {"q", "k", "v", "", "", "lengths", "total", "cos", "sin"}, {"y"}));
      },
      [](onnx::Graph &graph) {
        addIntegers(graph, "flat", {0, 1, 2, 0, 1, 2});
        addIntegers(graph, "shape", {2, 3});
        addNode(graph, "Reshape", {"flat", "shape"}, {"positions"});
        for (auto [name, heads] : {std::pair<std::string, int64_t>("q", 4), {"k", 2}})
          setInteger(addNode(graph, "RotaryEmbedding", {name, "cos", "sin", "positions"}, {name + "1"}), "num_heads",
                     heads);
        onnx::Node &node = addNode(graph, "Attention", {"q1", "k1", "v"}, {"y"});
        setInteger(node, "is_causal", 1);
        setInteger(node, "q_num_heads", 4);
        setInteger(node, "kv_num_heads", 2);
      });
}

/// One new key for each of two batch elements, of which the second has only one key in its cache of three: it computes
/// as if it were alone with a cache of one.
TEST_F(Attentions, OfGroupsPutNewKeysBehindEachCache) {
  Shapes inputs = {{"q", {2, 1, 16}},    {"k", {2, 1, 8}}, {"v", {2, 1, 8}}, {"pk", {2, 2, 3, 4}},
                   {"pv", {2, 2, 3, 4}}, {"cos", {6, 2}},  {"sin", {6, 2}}};
  for (bool isRagged : {false, true})
    expectSame(
        inputs, {"y"},
        [&](onnx::Graph &graph) {
          addIntegers(graph, "lengths", {3, isRagged ? 1 : 3});
          addIntegers(graph, "total", {4});
          addFused(graph, "GroupQueryAttention", {"q", "k", "v", "pk", "pv", "lengths", "total", "cos", "sin"}, {"y"});
          setGrouped(*graph.mutable_node(graph.node_size() - 1));
        },
        [&](onnx::Graph &graph) {
          addIntegers(graph, "axis", {2});
          addIntegers(graph, "start", {0});
          addIntegers(graph, "end", {isRagged ? 1 : 3});
          std::vector<std::string> rows;
          for (int batch : {0, 1}) {
            std::string tag = std::to_string(batch);
            addIntegers(graph, "pick" + tag, {batch});
            for (std::string name : {"q", "k", "v", "pk", "pv"})
              addNode(graph, "Gather", {name, "pick" + tag}, {name + tag});
            if (batch == 1)
              for (std::string name : {"pk", "pv"}) {
                addNode(graph, "Slice", {name + tag, "start", "end", "axis"}, {name + "short"});
              }
            std::string cache = batch == 1 ? "short" : tag;
            addIntegers(graph, "length" + tag, {batch == 1 && isRagged ? 1 : 3});
            addIntegers(graph, "total" + tag, {batch == 1 && isRagged ? 2 : 4});
            setGrouped(addFused(graph, "GroupQueryAttention",
                                {"q" + tag, "k" + tag, "v" + tag, "pk" + cache, "pv" + cache, "length" + tag,
                                 "total" + tag, "cos", "sin"},
                                {"y" + tag}));
            rows.push_back("y" + tag);
          }
          setInteger(addNode(graph, "Concat", rows, {"y"}), "axis", 0);
        });
}

TEST_F(Attentions, OfGroupsSeeAWindow) {
  Shapes inputs = {{"q", {1, 4, 8}}, {"k", {1, 4, 8}}, {"v", {1, 4, 8}}};
  expectSame(
      inputs, {"y"},
      [](onnx::Graph &graph) {
        addIntegers(graph, "lengths", {3});
        addIntegers(graph, "total", {4});
        onnx::Node &node = addFused(graph, "GroupQueryAttention", {"q", "k", "v", "", "", "lengths", "total"}, {"y"});
        setInteger(node, "num_heads", 2);
        setInteger(node, "kv_num_heads", 2);
        setInteger(node, "local_window_size", 2);
      },
      [](onnx::Graph &graph) {
        addIntegers(graph, "flat", {1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1});
        addIntegers(graph, "shape", {4, 4});
        addNode(graph, "Reshape", {"flat", "shape"}, {"ones"});
        setInteger(addNode(graph, "Cast", {"ones"}, {"mask"}), "to", onnx::BOOLEAN);
        onnx::Node &node = addNode(graph, "Attention", {"q", "k", "v", "mask"}, {"y"});
        setInteger(node, "q_num_heads", 2);
        setInteger(node, "kv_num_heads", 2);
      });
}

TEST_F(Attentions, SayWhatTheyCannot) {
  expectRefused(
      {{"x", {2, 3, 4}}, {"w", {4, 12}}},
      [](onnx::Graph &graph) {
        onnx::Node &node = addFused(graph, "Attention", {"x", "w"}, {"y"});
        setInteger(node, "num_heads", 2);
        setInteger(node, "do_rotary", 1);
      },
      "E-IMPORT-OP: node 'Attention_0' (Attention): do_rotary and past_present_share_buffer are not supported");
  expectRefused(
      {{"x", {2, 3, 4}}, {"w", {4, 10}}},
      [](onnx::Graph &graph) { setInteger(addFused(graph, "Attention", {"x", "w"}, {"y"}), "num_heads", 2); },
      "E-IMPORT-SHAPE: node 'Attention_0' (Attention): weights of shape [4, 10] do not fit 2 heads");
}

} // namespace
