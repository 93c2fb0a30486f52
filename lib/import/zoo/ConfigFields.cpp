// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===- ConfigFields.cpp - What Hugging Face's configurations say ---------------===//
#include "zoo/ConfigFields.h"

using namespace partita::import;

using Fields = std::vector<ConfigField>;

std::vector<llvm::StringRef> partita::import::listNeutralFields() {
  return {"model_type",
          "architectures",
          "_name_or_path",
          "use_cache",
          "sliding_window",
          "return_dict",
          "is_decoder",
          "gradient_checkpointing",
          "attn_pdrop",
          "embd_pdrop",
          "resid_pdrop",
          "chunk_size_feed_forward",
          "summary_type",
          "summary_use_proj",
          "pad_token_id",
          "summary_activation",
          "summary_first_dropout",
          "task_specific_params",
          "n_ctx",
          "summary_proj_to_labels",
          "pretraining_tp",
          "router_aux_loss_coef",
          "router_jitter_noise",
          "encoder_stride",
          "initializer_range",
          "auto_map",
          "out_features",
          "out_indices",
          "stage_names",
          "id2label",
          "pooler_act",
          "pooler_output_size",
          "max_window_layers",
          "bad_words_ids",
          "prefix",
          "finetuning_task",
          "logit_scale_init_value"};
}

static ConfigField must(const char *name, const char *value) { return {name, ConfigField::Must, "", value}; }

static constexpr const char *kActivations = "gelu=gelu gelu_new=gelu-tanh gelu_pytorch_tanh=gelu-tanh relu=relu";

static ConfigModel makeGpt2() {
  return {"gpt2",
          "gpt",
          {},
          {{"n_layer", ConfigField::Integer, "layers"},
           {"n_embd", ConfigField::Integer, "hidden"},
           {"n_head", ConfigField::Integer, "heads"},
           {"n_inner", ConfigField::Integer, "ffn"},
           {"n_positions", ConfigField::Integer, "positions"},
           {"vocab_size", ConfigField::Integer, "vocab"},
           {"layer_norm_epsilon", ConfigField::Number, "norm-epsilon"},
           {"activation_function", ConfigField::Choice, "mlp",
            "gelu_new=gelu gelu_pytorch_tanh=gelu gelu=gelu-erf relu=relu"},
           must("scale_attn_weights", "true"),
           must("scale_attn_by_inverse_layer_idx", "false"),
           must("reorder_and_upcast_attn", "false"),
           must("add_cross_attention", "false"),
           must("tie_word_embeddings", "true")}};
}

/// Llama and what descends from it.
static ConfigModel makeLlama(const char *type, std::map<std::string, std::string> sizes, Fields more) {
  Fields fields = {{"num_hidden_layers", ConfigField::Integer, "layers"},
                   {"hidden_size", ConfigField::Integer, "hidden"},
                   {"num_attention_heads", ConfigField::Integer, "heads"},
                   {"num_key_value_heads", ConfigField::Integer, "kv-heads"},
                   {"head_dim", ConfigField::Integer, "head-size"},
                   {"intermediate_size", ConfigField::Integer, "ffn"},
                   {"vocab_size", ConfigField::Integer, "vocab"},
                   {"max_position_embeddings", ConfigField::Integer, "positions"},
                   {"rope_theta", ConfigField::Whole, "rope-theta"},
                   {"rms_norm_eps", ConfigField::Number, "norm-epsilon"},
                   {"tie_word_embeddings", ConfigField::Flag, "tied"},
                   {"hidden_act", ConfigField::Choice, "mlp", "silu=swiglu gelu_pytorch_tanh=geglu gelu_new=geglu"},
                   must("rope_scaling", "null"),
                   must("mlp_bias", "false")};
  fields.insert(fields.end(), more.begin(), more.end());
  return {type, "llama", std::move(sizes), std::move(fields)};
}

static ConfigModel makeBert() {
  return {"bert",
          "bert",
          {{"ffn", "3072"}},
          {{"num_hidden_layers", ConfigField::Integer, "layers"},
           {"hidden_size", ConfigField::Integer, "hidden"},
           {"num_attention_heads", ConfigField::Integer, "heads"},
           {"intermediate_size", ConfigField::Integer, "ffn"},
           {"vocab_size", ConfigField::Integer, "vocab"},
           {"max_position_embeddings", ConfigField::Integer, "positions"},
           {"type_vocab_size", ConfigField::Integer, "types"},
           {"layer_norm_eps", ConfigField::Number, "norm-epsilon"},
           {"hidden_act", ConfigField::Choice, "mlp", kActivations},
           must("position_embedding_type", "\"absolute\""),
           must("add_cross_attention", "false")}};
}

static ConfigModel makeVit() {
  return {"vit",
          "vit",
          {{"ffn", "3072"}, {"classes", "2"}},
          {{"num_hidden_layers", ConfigField::Integer, "layers"},
           {"hidden_size", ConfigField::Integer, "hidden"},
           {"num_attention_heads", ConfigField::Integer, "heads"},
           {"intermediate_size", ConfigField::Integer, "ffn"},
           {"id2label", ConfigField::Count, "classes"},
           {"num_labels", ConfigField::Integer, "classes"},
           {"image_size", ConfigField::Integer, "image"},
           {"patch_size", ConfigField::Integer, "patch"},
           {"layer_norm_eps", ConfigField::Number, "norm-epsilon"},
           {"hidden_act", ConfigField::Choice, "mlp", kActivations},
           must("num_channels", "3"),
           must("qkv_bias", "true")}};
}

static ConfigModel makeClip() {
  Fields fields = {{"projection_dim", ConfigField::Integer, "projection"},
                   {"text_config/vocab_size", ConfigField::Integer, "vocab"},
                   {"text_config/max_position_embeddings", ConfigField::Integer, "positions"},
                   {"vision_config/image_size", ConfigField::Integer, "image"},
                   {"vision_config/patch_size", ConfigField::Integer, "patch"},
                   must("vision_config/num_channels", "3")};
  for (auto [tower, prefix] : {std::pair<std::string, std::string>{"text_config/", "text-"}, {"vision_config/", ""}}) {
    fields.push_back({tower + "num_hidden_layers", ConfigField::Integer, prefix + "layers"});
    fields.push_back({tower + "hidden_size", ConfigField::Integer, prefix + "hidden"});
    fields.push_back({tower + "num_attention_heads", ConfigField::Integer, prefix + "heads"});
    fields.push_back({tower + "intermediate_size", ConfigField::Integer, prefix + "ffn"});
    fields.push_back({tower + "hidden_act", ConfigField::Choice, "mlp", "quick_gelu=quick-gelu gelu=gelu"});
    fields.push_back({tower + "layer_norm_eps", ConfigField::Must, "", "1e-05"});
    // Repeated from the top level, for the tower alone.
    fields.push_back({tower + "projection_dim", ConfigField::Integer, "projection"});
  }
  return {"clip", "clip", {{"ffn", "3072"}, {"text-ffn", "2048"}}, std::move(fields), {"text_config", "vision_config"}};
}

static ConfigModel makeResnet() {
  return {"resnet",
          "resnet",
          {{"classes", "2"}},
          {{"depths", ConfigField::Choice, "layers",
            "[1,1,1,1]=14 [2,2,2,2]=18 [3,4,6,3]=50 [3,4,23,3]=101 [3,8,36,3]=152"},
           {"layer_type", ConfigField::Choice, "layer-type", "basic=basic bottleneck=bottleneck"},
           {"id2label", ConfigField::Count, "classes"},
           {"num_labels", ConfigField::Integer, "classes"},
           must("num_channels", "3"),
           must("embedding_size", "64"),
           must("hidden_sizes", "[256,512,1024,2048]|[64,128,256,512]"),
           must("hidden_act", "\"relu\""),
           must("downsample_in_bottleneck", "false"),
           must("downsample_in_first_stage", "false")}};
}

const std::vector<ConfigModel> &partita::import::listConfigModels() {
  static const std::vector<ConfigModel> models = {
      makeGpt2(),
      makeLlama(
          "llama",
          {{"kv-heads", ""}, {"ffn", "11008"}, {"vocab", "32000"}, {"rope-theta", "10000"}, {"norm-epsilon", "1e-6"}},
          {must("attention_bias", "false")}),
      makeLlama("mistral", {{"vocab", "32000"}, {"rope-theta", "10000"}, {"norm-epsilon", "1e-6"}},
                {{"sliding_window", ConfigField::Integer, "positions"}}),
      makeLlama("qwen2",
                {{"kv-heads", "32"},
                 {"ffn", "22016"},
                 {"vocab", "151936"},
                 {"rope-theta", "10000"},
                 {"norm-epsilon", "1e-6"},
                 {"qkv-bias", "yes"}},
                {must("use_sliding_window", "false"), must("use_mrope", "false")}),
      makeLlama("mixtral", {{"vocab", "32000"}, {"rope-theta", "1000000"}, {"experts", "8"}},
                {{"num_local_experts", ConfigField::Integer, "experts"},
                 {"num_experts_per_tok", ConfigField::Integer, "top-k"},
                 {"sliding_window", ConfigField::Integer, "positions"}}),
      makeBert(),
      makeVit(),
      makeClip(),
      makeResnet(),
  };
  return models;
}
