# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the kernel benchmark measures: one entry a row. A new row is a new entry; nothing else has to be told of it.

A target of kind "at least" bounds the peer's time divided by ours (its rate), "at most" bounds ours divided by the peer's
or, without a peer, our figure itself.
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Product:
    """A[batch, m, k] x B[batch, k, n]; a weight is a constant that both sides may pack before the clock runs."""
    section: str
    name: str
    peer: str  # openblas or onednn
    isa: str  # avx512, v3 or native
    target: float
    m: int
    k: int
    n: int
    batch: int = 1
    weight: bool = False
    elements: str = "f32"  # bf16 (into bf16) or u8s8 (into i32).


@dataclass(frozen=True)
class Rows:
    """An op over rows, against memcpy of as many bytes as it reads and writes."""
    section: str
    name: str
    op: str  # a key of models.ROW_OPS
    shape: tuple
    target: float = 0.55
    isa: str = "native"


@dataclass(frozen=True)
class Model:
    """A whole model of the zoo against onnxruntime."""
    section: str
    name: str
    zoo: tuple
    threads: int
    target: float


@dataclass(frozen=True)
class Node:
    """One op of ONNX against onnxruntime, as a whole step on one thread."""
    section: str
    name: str
    op: str
    inputs: tuple  # Shapes of floats; ("int", shape, limit) of integers below a limit.
    attributes: tuple = ()
    constants: tuple = ()  # Integers, appended to the inputs.
    outputs: int = 1
    target: float = 1.5


@dataclass(frozen=True)
class Limit:
    """A figure of ours alone: `what` is compile-seconds, compile-memory, start or rank-time."""
    section: str
    name: str
    what: str
    zoo: tuple
    target: float


@dataclass(frozen=True)
class Region:
    """What a parallel loop costs its thread on two threads, beside its work, in microseconds: a line of RegionBenchmark."""
    section: str
    name: str
    line: str
    target: float


SECTIONS = ["sgemm", "shapes", "dots", "rows", "families", "transformers", "convolutions", "recurrent", "compile", "start", "ranks", "threads"]

GPT = ("gpt", "--seq", "128")
BERT = ("bert", "--seq", "128")
VIT = ("vit",)
LLAMA = ("llama2-7b", "--layers", "12", "--hidden", "768", "--heads", "12", "--kv-heads", "12", "--ffn", "2048",
         "--seq", "128", "--vocab", "32000")
RESNET = ("resnet50",)
MOBILENET = ("mobilenet",)
LSTM = ("lstm", "--layers", "2", "--hidden", "512", "--batch", "1", "--seq", "128", "--vocab", "512")

CASES = []
for isa, target in (("avx512", 0.95), ("v3", 0.90)):
    for size in (512, 1024, 2048):
        CASES.append(Product("sgemm", f"sgemm {size}", "openblas", isa, target, size, size, size))

for name, m, k, n in (("GPT-2 qkv", 128, 768, 2304), ("GPT-2 projection", 128, 768, 768),
                      ("BERT ffn up", 128, 768, 3072), ("BERT ffn down", 128, 3072, 768),
                      ("GPT-2 qkv, one token", 1, 768, 2304), ("GPT-2 ffn up, one token", 1, 768, 3072),
                      ("GPT-2 ffn down, four tokens", 4, 3072, 768)):
    CASES.append(Product("shapes", f"{name} {m}x{k}x{n}", "onednn", "avx512", 0.9, m, k, n, weight=True))
for name, batch, m, k, n in (("scores", 12, 128, 64, 128), ("weighted values", 12, 128, 128, 64)):
    CASES.append(Product("shapes", f"{name} {batch}x{m}x{k}x{n}", "onednn", "avx512", 0.9, m, k, n, batch))

for elements in ("bf16", "u8s8"):
    CASES.append(Product("dots", f"{elements} 1024", "onednn", "native", 0.8, 1024, 1024, 1024, elements=elements))
    CASES.append(Product("dots", f"{elements} BERT ffn up 128x768x3072", "onednn", "native", 0.8, 128, 768, 3072,
                         weight=True, elements=elements))

for op in ("softmax", "layer_norm", "gelu", "residual"):
    CASES.append(Rows("rows", f"{op} 4096x1024", op, (4096, 1024)))

IMAGE = (1, 64, 112, 112)
for name, op, inputs, attributes, constants in (
        ("max pool 3x3 by 2", "MaxPool", (IMAGE,), (("kernel_shape", (3, 3)), ("strides", (2, 2)), ("pads", (1, 1, 1, 1))), ()),
        ("average pool 3x3", "AveragePool", (IMAGE,), (("kernel_shape", (3, 3)), ("pads", (1, 1, 1, 1))), ()),
        ("global average pool", "GlobalAveragePool", ((1, 2048, 14, 14),), (), ()),
        ("embedding", "Gather", ((50257, 768), ("int", (512,), 50257)), (), ()),
        ("cumulative sum", "CumSum", ((1024, 1024),), (), ((), 1)),
        ("concat", "Concat", ((64, 512, 64), (64, 512, 64)), (("axis", 2),), ()),
        ("transpose 0213", "Transpose", ((8, 256, 12, 64),), (("perm", (0, 2, 1, 3)),), ()),
        ("transpose 10", "Transpose", ((2048, 1024),), (("perm", (1, 0)),), ()),
        ("NCHW to NHWC", "Transpose", (IMAGE,), (("perm", (0, 2, 3, 1)),), ()),
        ("sum of columns", "ReduceSum", ((2048, 1024),), (("keepdims", 0),), ((1,), 0)),
        ("sum of rows", "ReduceSum", ((2048, 1024),), (("keepdims", 0),), ((1,), 1)),
        ("pad", "Pad", (IMAGE,), (), ((8,), (0, 0, 1, 1, 0, 0, 1, 1))),
        ("slice", "Slice", (IMAGE,), (), ((1,), 1, (1,), 100, (1,), 3)),
        ("batch norm", "BatchNormalization", (IMAGE, (64,), (64,), (64,), (64,)), (), ()),
        ("depthwise 3x3", "Conv", ((1, 96, 56, 56), (96, 1, 3, 3)), (("group", 96), ("pads", (1, 1, 1, 1))), ()),
        ("resize linear 2x", "Resize", ((1, 32, 64, 64),), (("mode", "linear"),), ())):
    CASES.append(Node("families", name, op, inputs, attributes, constants))
CASES.append(Node("families", "top 8 of 4096", "TopK", ((256, 4096),), (), ((1,), 8), outputs=2))

for threads in (1, 2):
    for name, zoo in (("GPT-2 small, 128", GPT), ("BERT-base, 128", BERT), ("ViT-B/16", VIT), ("Llama-style 160M, 128", LLAMA)):
        CASES.append(Model("transformers", name, zoo, threads, 1.1))
    for name, zoo in (("ResNet-50", RESNET), ("MobileNetV3", MOBILENET)):
        CASES.append(Model("convolutions", name, zoo, threads, 1.5))
    CASES.append(Model("recurrent", "LSTM 2x512, 128 steps", LSTM, threads, 1.2))

for name, zoo in (("GPT-2 small", GPT), ("ResNet-50", RESNET)):
    CASES.append(Limit("compile", f"{name}, seconds", "compile-seconds", zoo, 10))
    CASES.append(Limit("compile", f"{name}, GiB", "compile-memory", zoo, 1.5))
    CASES.append(Limit("start", f"{name}, start to first result less one step, seconds", "start", zoo, 0.3))
CASES.append(Limit("ranks", "GPT-2 small, 4 ranks on 2 cores, processor time of 1 rank", "rank-time", GPT, 1.15))
CASES.append(Region("threads", "parallel loop, the other thread looks, us", "nothing to do, the other looks", 0.5))
CASES.append(Region("threads", "parallel loop, the other thread sleeps, us", "nothing to do, the other sleeps", 10))
