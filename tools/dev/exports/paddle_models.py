# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of Paddle, written by paddle.onnx.export (paddle2onnx).

Needs PyPI's paddlepaddle, paddle2onnx and onnxruntime. Batches stay symbolic.
"""
import os
import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.static import InputSpec

RANDOM = np.random.default_rng(7)


def ids(vocab, *shape):
    return RANDOM.integers(0, vocab, shape).astype(np.int64)


def image(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


class Embedded(nn.Layer):
    """The sum of a token's and its place's vectors."""

    def __init__(self, vocab, width):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, width), nn.Embedding(64, width)

    def forward(self, tokens):
        return self.tokens(tokens) + self.places(paddle.arange(tokens.shape[1]))


class Bert(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embed, self.norm = Embedded(203, 96), nn.LayerNorm(96)
        layer = nn.TransformerEncoderLayer(96, 12, 256, dropout=0.0, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 3)
        self.pool = nn.Linear(96, 96)

    def forward(self, tokens, mask):
        hidden = (1.0 - mask.astype("float32").unsqueeze([1, 2])) * -1e4
        x = self.encoder(self.norm(self.embed(tokens)), hidden)
        return x, F.tanh(self.pool(x[:, 0]))


def bert():
    mask = np.ones((2, 16), np.int64)
    mask[1, 11:] = 0
    return Bert(), {"tokens": ids(203, 2, 16), "mask": mask}


class GptBlock(nn.Layer):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, s, h = x.shape
        qkv = self.qkv(self.norm1(x)).reshape([0, s, 3, self.heads, h // self.heads]).transpose([2, 0, 3, 1, 4])
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = paddle.matmul(q, k, transpose_y=True) * (h // self.heads) ** -0.5
        scores = scores + paddle.triu(paddle.full([s, s], -1e30), 1)
        y = paddle.matmul(F.softmax(scores, axis=-1), v).transpose([0, 2, 1, 3]).reshape([0, s, h])
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate=True))


class Gpt(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embed, self.norm = Embedded(199, 96), nn.LayerNorm(96)
        self.blocks = nn.LayerList([GptBlock(96, 6) for _ in range(3)])

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return paddle.matmul(self.norm(x), self.embed.tokens.weight, transpose_y=True)


def gpt():
    return Gpt(), {"tokens": ids(199, 2, 20)}


class RmsNorm(nn.Layer):
    def __init__(self, width):
        super().__init__()
        self.weight = self.create_parameter([width], default_initializer=nn.initializer.Normal(1.0, 0.1))

    def forward(self, x):
        return x * paddle.rsqrt(paddle.mean(x.square(), axis=-1, keepdim=True) + 1e-6) * self.weight


def rotate(x):
    """x [batch, sequence, heads, depth] turned by its positions."""
    depth = x.shape[-1]
    angles = paddle.outer(paddle.arange(x.shape[1], dtype="float32"), 10000.0 ** (-paddle.arange(0, depth, 2, dtype="float32") / depth))
    angles = paddle.concat([angles, angles], -1).unsqueeze([0, 2])
    first, second = paddle.chunk(x, 2, -1)
    return x * paddle.cos(angles) + paddle.concat([-second, first], -1) * paddle.sin(angles)


class LlamaBlock(nn.Layer):
    def __init__(self, width, heads, groups, inner):
        super().__init__()
        self.heads, self.groups, self.depth = heads, groups, width // heads
        self.norm1, self.norm2 = RmsNorm(width), RmsNorm(width)
        self.q, self.o = nn.Linear(width, width, bias_attr=False), nn.Linear(width, width, bias_attr=False)
        self.k, self.v = (nn.Linear(width, groups * self.depth, bias_attr=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, inner, bias_attr=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias_attr=False)

    def forward(self, x):
        s, y = x.shape[1], self.norm1(x)
        q = rotate(self.q(y).reshape([0, s, self.heads, self.depth])).transpose([0, 2, 1, 3])
        k = rotate(self.k(y).reshape([0, s, self.groups, self.depth]))
        v = self.v(y).reshape([0, s, self.groups, self.depth])
        k, v = (t.unsqueeze(3).expand([-1, -1, -1, self.heads // self.groups, -1])
                .reshape([0, s, self.heads, self.depth]).transpose([0, 2, 1, 3]) for t in (k, v))
        scores = paddle.matmul(q / self.depth**0.5, k.transpose([0, 1, 3, 2]))
        hidden = paddle.tril(paddle.ones([s, s])).astype("bool")
        scores = paddle.where(hidden, scores, paddle.full([], -1e30))
        y = paddle.matmul(F.softmax(scores, -1), v).transpose([0, 2, 1, 3]).flatten(2)
        x = x + self.o(y)
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Llama(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Embedding(211, 96), RmsNorm(96)
        self.blocks = nn.LayerList([LlamaBlock(96, 12, 4, 200) for _ in range(3)])
        self.head = nn.Linear(96, 211, bias_attr=False)

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def llama():
    return Llama(), {"tokens": ids(211, 2, 18)}


class Seq2Seq(nn.Layer):
    def __init__(self):
        super().__init__()
        self.source, self.target = Embedded(97, 64), Embedded(97, 64)
        self.transformer = nn.Transformer(64, 8, 2, 2, 128, dropout=0.0, normalize_before=True)
        self.head = nn.Linear(64, 97)

    def forward(self, source, target):
        mask = self.transformer.generate_square_subsequent_mask(target.shape[1])
        return self.head(self.transformer(self.source(source), self.target(target), tgt_mask=mask))


def seq2seq():
    return Seq2Seq(), {"source": ids(97, 2, 14), "target": ids(97, 2, 9)}


class Convolutions(nn.Layer):
    """Groups, dilated and transposed convolutions, norms of batches and instances."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2D(3, 16, 3, padding="SAME", bias_attr=False), nn.BatchNorm2D(16), nn.Swish(),
            nn.Conv2D(16, 32, 3, stride=2, padding=1, groups=4), nn.BatchNorm2D(32), nn.ReLU6(),
            nn.Conv2D(32, 64, 5, padding=2, groups=32), nn.InstanceNorm2D(64), nn.Hardswish(),
            nn.Conv2D(64, 24, 3, dilation=2, padding=2), nn.LeakyReLU(0.1), nn.PixelShuffle(2),
            nn.Upsample(size=[64, 80], mode="bilinear"), nn.Conv2DTranspose(6, 8, 3, stride=2, padding=1, output_padding=1),
            nn.GELU(), nn.MaxPool2D(2), nn.AdaptiveAvgPool2D(1), nn.Flatten())

    def forward(self, pixels):
        return self.net(pixels)


def convolutions():
    return Convolutions(), {"pixels": image(2, 3, 32, 40)}


class Lstm(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 24)
        self.lstm = nn.LSTM(24, 32, num_layers=2, direction="bidirect")
        self.gru, self.head = nn.GRU(64, 20), nn.Linear(20, 7)

    def forward(self, tokens):
        y, _ = self.lstm(self.embed(tokens))
        y, _ = self.gru(y)
        return self.head(y)


def lstm():
    return Lstm(), {"tokens": ids(50, 3, 12)}


def resnet():
    return paddle.vision.models.resnet18(num_classes=10), {"pixels": image(2, 3, 64, 64)}


def resnet50():
    return paddle.vision.models.resnet50(num_classes=10), {"pixels": image(1, 3, 64, 64)}


def mobilenet():
    return paddle.vision.models.mobilenet_v3_small(num_classes=10), {"pixels": image(2, 3, 64, 64)}


MODELS = [bert, gpt, llama, seq2seq, convolutions, lstm, resnet, resnet50, mobilenet]


def write_paddle(make):
    def write(path):
        paddle.seed(7)
        model, inputs = make()
        model.eval()
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            # Weights and statistics that begin as zeros or ones would make a wrong program look right.
            now = value.numpy()
            if now.size > 1 and np.ptp(now) == 0:
                fresh = RANDOM.uniform(0.5, 1.5, now.shape) if name.endswith("_variance") else now + 0.1 * RANDOM.standard_normal(now.shape)
                value.set_value(fresh.astype(now.dtype))
        specs = [InputSpec([None, *v.shape[1:]], str(v.dtype), k) for k, v in inputs.items()]
        paddle.onnx.export(model, os.path.join(path, "model"), input_spec=specs, opset_version=17)
        return inputs
    return write


PACKAGES = ["paddlepaddle", "paddle2onnx"]
JOBS = [(make.__name__, "paddle", write_paddle(make)) for make in MODELS]
