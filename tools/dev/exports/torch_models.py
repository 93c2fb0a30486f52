# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of PyTorch, torchvision and transformers, written by PyTorch's two exporters.

Needs PyPI's torch, torchvision, transformers, onnx, onnxscript and onnxruntime. Extents are numbers.
"""
import os
import torch


def ids(vocab, *shape):
    return torch.randint(0, vocab, shape)


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel
    c = GPT2Config(n_layer=3, n_head=6, n_embd=96, vocab_size=199, n_positions=64, use_cache=False)
    return GPT2LMHeadModel(c), {"input_ids": ids(199, 2, 20), "attention_mask": torch.ones(2, 20, dtype=torch.int64)}, ["logits"]


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM
    c = LlamaConfig(hidden_size=96, intermediate_size=200, num_hidden_layers=3, num_attention_heads=12,
                    num_key_value_heads=4, vocab_size=211, max_position_embeddings=64, use_cache=False)
    return LlamaForCausalLM(c), {"input_ids": ids(211, 2, 18), "attention_mask": torch.ones(2, 18, dtype=torch.int64)}, ["logits"]


def bert():
    from transformers import BertConfig, BertModel
    c = BertConfig(hidden_size=96, num_hidden_layers=3, num_attention_heads=12, intermediate_size=256, vocab_size=203)
    return BertModel(c), {"input_ids": ids(203, 2, 16), "attention_mask": torch.ones(2, 16, dtype=torch.int64),
                          "token_type_ids": ids(2, 2, 16)}, ["last_hidden_state", "pooler_output"]


def vit():
    import torchvision
    return torchvision.models.vision_transformer.VisionTransformer(
        image_size=64, patch_size=16, num_layers=3, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=10), \
        {"pixels": torch.randn(2, 3, 64, 64)}, ["logits"]


def resnet():
    import torchvision
    return torchvision.models.resnet18(), {"pixels": torch.randn(2, 3, 64, 64)}, ["logits"]


def resnet50():
    import torchvision
    return torchvision.models.resnet50(), {"pixels": torch.randn(1, 3, 64, 64)}, ["logits"]


def mobilenet():
    import torchvision
    return torchvision.models.mobilenet_v3_small(), {"pixels": torch.randn(2, 3, 64, 64)}, ["logits"]


class Up(torch.nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.up = torch.nn.ConvTranspose2d(a, b, 2, stride=2)
        self.conv = torch.nn.Sequential(torch.nn.Conv2d(2 * b, b, 3, padding=1), torch.nn.ReLU())

    def forward(self, x, skip):
        return self.conv(torch.cat([self.up(x), skip], 1))


class UNet(torch.nn.Module):
    def __init__(self, bilinear=False):
        super().__init__()
        def block(a, b):
            return torch.nn.Sequential(torch.nn.Conv2d(a, b, 3, padding=1), torch.nn.BatchNorm2d(b), torch.nn.ReLU())
        self.d1, self.d2, self.d3 = block(3, 8), block(8, 16), block(16, 32)
        self.u2, self.u1 = Up(32, 16), Up(16, 8)
        self.out = torch.nn.Conv2d(8, 2, 1)
        self.pool = torch.nn.MaxPool2d(2)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(self.pool(a))
        c = self.d3(self.pool(b))
        y = self.u1(self.u2(c, b), a)
        y = torch.nn.functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(y)


def unet():
    return UNet(), {"pixels": torch.randn(1, 3, 32, 40)}, ["mask"]


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(50, 24)
        self.lstm = torch.nn.LSTM(24, 32, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = torch.nn.GRU(64, 20, batch_first=True)
        self.head = torch.nn.Linear(20, 7)

    def forward(self, x):
        y, _ = self.lstm(self.embed(x))
        y, _ = self.gru(y)
        return self.head(y)


def lstm():
    return Lstm(), {"tokens": ids(50, 3, 12)}, ["scores"]


def mixtral():
    from transformers import MixtralConfig, MixtralForCausalLM
    c = MixtralConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8,
                      num_key_value_heads=4, vocab_size=199, num_local_experts=4, num_experts_per_tok=2,
                      max_position_embeddings=64, use_cache=False)
    # The default implementation loops over the experts that some token chose, which no exporter can write.
    model = MixtralForCausalLM(c)
    model.set_experts_implementation("batched_mm")
    return model, {"input_ids": ids(199, 2, 16), "attention_mask": torch.ones(2, 16, dtype=torch.int64)}, ["logits"]


MODELS = [gpt2, llama, mixtral, bert, vit, resnet, resnet50, mobilenet, unet, lstm]


class Positional(torch.nn.Module):
    """Passes its inputs by name and returns a tuple of the named outputs."""

    def __init__(self, model, names, outputs):
        super().__init__()
        self.model, self.names, self.outputs = model, names, outputs

    def forward(self, *args):
        if hasattr(self.model, "config"):
            r = self.model(**dict(zip(self.names, args)))
            return tuple(r[o] for o in self.outputs)
        return self.model(*args)


def write_torch(make, exporter):
    def write(path):
        torch.manual_seed(7)
        model, inputs, outputs = make()
        model = Positional(model, list(inputs), outputs).eval()
        # A head that begins as zeros would make any program look right.
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
        file, args = os.path.join(path, "model.onnx"), tuple(inputs.values())
        if exporter == "torchscript":
            torch.onnx.export(model, args, file, input_names=list(inputs), output_names=outputs, opset_version=17,
                              dynamo=False)
        else:
            torch.onnx.export(model, args, file, input_names=list(inputs), output_names=outputs, dynamo=True)
        return {name: value.numpy() for name, value in inputs.items()}
    return write


PACKAGES = ["torch", "torchvision", "transformers"]
JOBS = [(make.__name__, exporter, write_torch(make, exporter)) for make in MODELS
        for exporter in ("torchscript", "dynamo")]
