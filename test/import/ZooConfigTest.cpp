// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ZooConfigTest.cpp - Hugging Face configurations as models of the zoo ----===//
#include "TestFiles.h"
#include "partita/import/Zoo.h"

#include "gtest/gtest.h"

using namespace partita::import;

namespace {

/// Sizes and numbers as the published checkpoints' config.json have them; counts as published.
struct Config {
  std::string name, text;
  uint64_t parameters;
};

class ZooConfigCount : public ::testing::TestWithParam<Config> {};

TEST_P(ZooConfigCount, EqualsThePublishedOne) {
  TestFolder folder;
  llvm::Expected<ZooConfig> config = readZooConfig(folder.write("config.json", GetParam().text));
  ASSERT_TRUE(static_cast<bool>(config)) << takeText(config.takeError());
  EXPECT_TRUE(config->notUsed.empty()) << config->notUsed.front();
  llvm::Expected<ZooSummary> summary = writeZooModel(config->request, folder.path("m.onnx"));
  ASSERT_TRUE(static_cast<bool>(summary)) << takeText(summary.takeError());
  EXPECT_EQ(summary->parameters, GetParam().parameters);
}

const Config configs[] = {
    {"gpt2", R"({"model_type": "gpt2", "activation_function": "gelu_new", "attn_pdrop": 0.1, "n_ctx": 1024,
       "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257,
       "layer_norm_epsilon": 1e-05, "bos_token_id": 50256, "n_inner": null})",
     124439808},
    {"llama", R"({"model_type": "llama", "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
       "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
       "rope_scaling": null, "rope_theta": 500000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
       "vocab_size": 128256, "max_position_embeddings": 8192, "attention_bias": false})",
     8030261248},
    {"mistral", R"({"model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336, "sliding_window": 4096,
       "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 32000,
       "max_position_embeddings": 32768, "rms_norm_eps": 1e-05, "hidden_act": "silu"})",
     7241732096},
    {"qwen2", R"({"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28,
       "num_hidden_layers": 28, "num_key_value_heads": 4, "vocab_size": 152064, "rms_norm_eps": 1e-06,
       "rope_theta": 1000000.0, "use_sliding_window": false, "sliding_window": 131072, "max_window_layers": 28,
       "tie_word_embeddings": false, "hidden_act": "silu"})",
     7615616512},
    {"mixtral", R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_local_experts": 8,
       "num_experts_per_tok": 2, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
       "vocab_size": 32000, "sliding_window": null, "rope_theta": 1000000.0, "router_aux_loss_coef": 0.02})",
     46702792704},
    {"bert", R"({"model_type": "bert", "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072,
       "max_position_embeddings": 512, "num_attention_heads": 12, "num_hidden_layers": 12, "type_vocab_size": 2,
       "vocab_size": 30522, "layer_norm_eps": 1e-12, "position_embedding_type": "absolute",
       "hidden_dropout_prob": 0.1})",
     109482240},
    // 2 labels: the head of a checkpoint without a list of labels.
    {"vit", R"({"model_type": "vit", "hidden_size": 768, "image_size": 224, "patch_size": 16, "num_channels": 3,
       "num_attention_heads": 12, "num_hidden_layers": 12, "qkv_bias": true})",
     86567656 - 998 * 769},
    {"clip", R"({"model_type": "clip", "projection_dim": 512, "logit_scale_init_value": 2.6592,
       "text_config": {"hidden_size": 512, "num_attention_heads": 8, "num_hidden_layers": 12, "eos_token_id": 2},
       "vision_config": {"hidden_size": 768, "patch_size": 32, "layer_norm_eps": 1e-05}})",
     151277313},
    {"resnet", R"({"model_type": "resnet", "depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048],
       "layer_type": "bottleneck", "embedding_size": 64, "hidden_act": "relu", "num_labels": 1000})",
     25557032},
    {"resnet18", R"({"model_type": "resnet", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512],
       "layer_type": "basic", "num_labels": 1000})",
     11689512},
};

INSTANTIATE_TEST_SUITE_P(Zoo, ZooConfigCount, ::testing::ValuesIn(configs),
                         [](const auto &info) { return info.param.name; });

std::string readText(const std::string &text) {
  TestFolder folder;
  return takeText(readZooConfig(folder.write("config.json", text)).takeError());
}

TEST(ZooConfig, RefusesWhatItCannotHave) {
  for (const char *text :
       {R"({"model_type": "bert", "hidden_size": "768"})", R"({"model_type": "bert", "hidden_size": 0})",
        R"({"model_type": "bert", "hidden_act": "swish"})", R"({"model_type": "t5"})",
        R"({"model_type": "bert", "position_embedding_type": "relative_key"})",
        R"({"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2.0}})",
        R"({"model_type": "gpt2", "tie_word_embeddings": false})",
        R"({"model_type": "resnet", "depths": [2, 2, 2, 2], "layer_type": "bottleneck"})",
        R"({"model_type": "vit", "id2label": 1000})"})
    EXPECT_EQ(readText(text).find("E-ZOO-CONFIG"), 0u) << text << ": " << readText(text);
  EXPECT_EQ(readText("{}").find("E-BAD-FILE"), 0u);
  EXPECT_EQ(readText("[1]").find("E-BAD-FILE"), 0u);
  EXPECT_EQ(readText("{").find("E-BAD-FILE"), 0u);
}

TEST(ZooConfig, NamesWhatItUsedAndWhatItDoesNotKnow) {
  TestFolder folder;
  llvm::Expected<ZooConfig> config = readZooConfig(
      folder.write("config.json", R"({"model_type": "bert", "num_hidden_layers": 3, "max_position_embeddings": 64,
                                      "memory_tokens": 4, "hidden_dropout_prob": 0.1})"));
  ASSERT_TRUE(static_cast<bool>(config));
  EXPECT_EQ(config->used, (std::vector<std::string>{"num_hidden_layers", "max_position_embeddings"}));
  EXPECT_EQ(config->notUsed, std::vector<std::string>{"memory_tokens"});
  EXPECT_EQ(config->request.sizes.at("layers"), "3");
  // No longer than the model.
  EXPECT_EQ(config->request.sizes.at("seq"), "64");
}

TEST(ZooConfig, ASlidingWindowBoundsTheSequence) {
  TestFolder folder;
  llvm::Expected<ZooConfig> config = readZooConfig(folder.write(
      "config.json", R"({"model_type": "mistral", "sliding_window": 4096, "max_position_embeddings": 32768})"));
  ASSERT_TRUE(static_cast<bool>(config));
  config->request.sizes["seq"] = "4097";
  EXPECT_EQ(takeText(writeZooModel(config->request, folder.path("m.onnx")).takeError()).find("E-ZOO-SIZE"), 0u);
}

} // namespace
