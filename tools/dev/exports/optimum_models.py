# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of transformers, made from configurations, written by Hugging Face Optimum with symbolic extents.

Needs PyPI's torch, transformers, optimum, optimum-onnx and onnxruntime. Nothing is downloaded.
"""
import os, shutil, tempfile
import numpy as np
import onnx
import torch
import transformers
from optimum.exporters.onnx import onnx_export_from_model

RANDOM = np.random.default_rng(7)
BATCH, SEQUENCE, PAST, SOURCE = 2, 3, 9, 14


def gpt2():
    c = transformers.GPT2Config(n_layer=3, n_head=6, n_embd=96, vocab_size=199, n_positions=64, bos_token_id=0, eos_token_id=0)
    return transformers.GPT2LMHeadModel(c)


def llama():
    c = transformers.LlamaConfig(hidden_size=96, intermediate_size=200, num_hidden_layers=3, num_attention_heads=12,
                                 num_key_value_heads=4, vocab_size=211, max_position_embeddings=64)
    return transformers.LlamaForCausalLM(c)


def bert():
    c = transformers.BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=12, intermediate_size=256, vocab_size=203)
    return transformers.BertModel(c)


def vit():
    c = transformers.ViTConfig(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128, image_size=64, num_labels=10)
    return transformers.ViTForImageClassification(c)


def t5():
    c = transformers.T5Config(d_model=64, d_kv=8, d_ff=128, num_layers=2, num_decoder_layers=2, num_heads=8, vocab_size=197, decoder_start_token_id=0)
    return transformers.T5ForConditionalGeneration(c)


# A model, its task, and what each file that the task makes is called here.
EXPORTS = [
    (gpt2, "text-generation", {"model": "gpt2"}),
    (gpt2, "text-generation-with-past", {"model": "gpt2_past"}),
    (llama, "text-generation", {"model": "llama"}),
    (llama, "text-generation-with-past", {"model": "llama_past"}),
    (bert, "feature-extraction", {"model": "bert"}),
    (vit, "image-classification", {"model": "vit"}),
    (t5, "text2text-generation-with-past", {"encoder_model": "t5_encoder", "decoder_model": "t5_decoder",
                                            "decoder_with_past_model": "t5_decoder_past"}),
]


def make_input(value, extents):
    """Values for one input of a file, by what its name says; `extents` binds its symbolic dims."""
    name, type = value.name, value.type.tensor_type
    shape = [d.dim_value if d.HasField("dim_value") else extents[d.dim_param] for d in type.shape.dim]
    if name.endswith("attention_mask"):
        mask = np.ones(shape, np.int64)
        mask[1, :2] = 0
        return mask
    if name == "position_ids":
        return np.broadcast_to(np.arange(shape[1]) + extents["past_sequence_length"] * extents["has_past"], shape).astype(np.int64)
    if name == "token_type_ids":
        return RANDOM.integers(0, 2, shape)
    if type.elem_type == onnx.TensorProto.INT64:
        return RANDOM.integers(0, 190, shape)
    return RANDOM.standard_normal(shape).astype(np.float32)


def make_inputs(file):
    graph = onnx.load(file, load_external_data=False).graph
    has_past = any("past" in i.name for i in graph.input)
    sequence, past = (SEQUENCE, PAST) if has_past else (16, 0)
    extents = {"batch_size": BATCH, "sequence_length": sequence, "past_sequence_length": past, "encoder_sequence_length": SOURCE,
               "decoder_sequence_length": sequence, "past_decoder_sequence_length": past, "encoder_sequence_length_out": SOURCE,
               "past_sequence_length + sequence_length": past + sequence, "num_channels": 3, "height": 64, "width": 64,
               "past_sequence_length + 1": past + 1, "has_past": int(has_past), "past_decoder_sequence_length + 1": past + 1}
    return {i.name: make_input(i, extents) for i in graph.input}


def write_optimum(make, task, stem):
    def write(path):
        torch.manual_seed(7)
        model = make().eval()
        for parameter in model.parameters():
            if parameter.numel() > 1 and parameter.min() == parameter.max():
                parameter.data += 0.1 * torch.randn_like(parameter)
        with tempfile.TemporaryDirectory() as folder:
            onnx_export_from_model(model, folder, task=task, do_validation=False, no_post_process=True)
            for file in os.listdir(folder):
                if file.startswith(stem + ".onnx"):
                    shutil.copy(os.path.join(folder, file), os.path.join(path, file.replace(stem, "model", 1)))
        return make_inputs(os.path.join(path, "model.onnx"))
    return write


PACKAGES = ["optimum", "optimum-onnx", "transformers", "torch"]
JOBS = [(name, "optimum", write_optimum(make, task, stem)) for make, task, files in EXPORTS for stem, name in files.items()]
