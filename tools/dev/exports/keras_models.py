# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models of Keras 3 on TensorFlow, written by Keras' own export and by tf2onnx.

Needs PyPI's tensorflow (or tensorflow-cpu), tf2onnx and onnxruntime. Batches stay symbolic, as both tools write them.
"""
import os
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import keras
import tensorflow as tf
from keras import layers, ops

RANDOM = np.random.default_rng(7)


def ids(vocab, *shape):
    return RANDOM.integers(0, vocab, shape).astype(np.int32)


def image(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


class Positions(layers.Layer):
    """Adds a learned vector to each place of a sequence."""

    def build(self, shape):
        self.table = self.add_weight(shape=(64, shape[-1]), initializer="random_normal")

    def call(self, x):
        return x + self.table[: ops.shape(x)[1]]


class Tied(layers.Layer):
    """The logits of a head that shares the weights of an embedding."""

    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding

    def call(self, x):
        return ops.matmul(x, ops.transpose(self.embedding.embeddings))


class GroupedConvolution(layers.Layer):
    """TensorFlow's own op: Keras compiles Conv2D with groups by XLA, which tf2onnx cannot read."""

    def __init__(self, filters, size, groups, strides=1):
        super().__init__()
        self.filters, self.size, self.groups, self.strides = filters, size, groups, strides

    def build(self, shape):
        self.kernel = self.add_weight(shape=(self.size, self.size, shape[-1] // self.groups, self.filters))
        self.bias = self.add_weight(shape=(self.filters,), initializer="random_normal")

    def call(self, x):
        return tf.nn.bias_add(tf.nn.conv2d(x, self.kernel, self.strides, "SAME"), self.bias)

    def compute_output_shape(self, shape):
        return (shape[0], -(-shape[1] // self.strides), -(-shape[2] // self.strides), self.filters)


def bert():
    tokens, kinds = keras.Input((16,), dtype="int32", name="input_ids"), keras.Input((16,), dtype="int32", name="token_type_ids")
    mask = keras.Input((16,), dtype="int32", name="attention_mask")
    x = Positions()(layers.Embedding(203, 96)(tokens) + layers.Embedding(2, 96)(kinds))
    x = layers.LayerNormalization(epsilon=1e-12)(x)
    visible = ops.expand_dims(mask, 1)
    for _ in range(3):
        y = layers.MultiHeadAttention(12, 8)(x, x, attention_mask=visible)
        x = layers.LayerNormalization(epsilon=1e-12)(x + y)
        y = layers.Dense(96)(layers.Dense(256, activation="gelu")(x))
        x = layers.LayerNormalization(epsilon=1e-12)(x + y)
    pooled = layers.Dense(96, activation="tanh")(x[:, 0])
    # The last tokens of the second sequence are padding.
    seen = np.ones((2, 16), np.int32)
    seen[1, 11:] = 0
    return keras.Model([tokens, kinds, mask], [x, pooled]), [ids(203, 2, 16), ids(2, 2, 16), seen]


def gpt():
    tokens = keras.Input((20,), dtype="int32", name="input_ids")
    embedding = layers.Embedding(199, 96)
    x = Positions()(embedding(tokens))
    for _ in range(3):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + layers.MultiHeadAttention(6, 16)(y, y, use_causal_mask=True)
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        y = layers.Dense(384, activation=lambda v: keras.activations.gelu(v, approximate=True))(y)
        x = x + layers.Dense(96)(y)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    return keras.Model(tokens, Tied(embedding)(x)), [ids(199, 2, 20)]


class RmsNorm(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="random_normal")

    def call(self, x):
        return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6) * self.scale


def rotate(x, theta=10000.0):
    """x [batch, sequence, heads, depth] turned by its positions."""
    depth = x.shape[-1]
    frequencies = 1.0 / theta ** (ops.arange(0, depth, 2, dtype="float32") / depth)
    angles = ops.outer(ops.arange(x.shape[1], dtype="float32"), frequencies)
    angles = ops.expand_dims(ops.concatenate([angles, angles], axis=-1), 1)
    first, second = ops.split(x, 2, axis=-1)
    return x * ops.cos(angles) + ops.concatenate([-second, first], axis=-1) * ops.sin(angles)


class GroupedAttention(layers.Layer):
    """Causal attention of query heads in groups, with rotary positions."""

    def __init__(self, heads, groups, depth):
        super().__init__()
        self.heads, self.groups, self.depth = heads, groups, depth

    def build(self, shape):
        self.q = layers.Dense(self.heads * self.depth, use_bias=False)
        self.k = layers.Dense(self.groups * self.depth, use_bias=False)
        self.v = layers.Dense(self.groups * self.depth, use_bias=False)
        self.o = layers.Dense(shape[-1], use_bias=False)

    def call(self, x):
        s = x.shape[1]
        q = rotate(ops.reshape(self.q(x), (-1, s, self.heads, self.depth)))
        k = rotate(ops.reshape(self.k(x), (-1, s, self.groups, self.depth)))
        v = ops.reshape(self.v(x), (-1, s, self.groups, self.depth))
        k, v = (ops.repeat(t, self.heads // self.groups, axis=2) for t in (k, v))
        scores = ops.einsum("bqhd,bkhd->bhqk", q, k) / self.depth**0.5
        scores = ops.where(ops.tril(ops.ones((s, s), dtype="bool")), scores, -1e9)
        y = ops.einsum("bhqk,bkhd->bqhd", ops.softmax(scores, axis=-1), v)
        return self.o(ops.reshape(y, (-1, s, self.heads * self.depth)))


def llama():
    tokens = keras.Input((18,), dtype="int32", name="input_ids")
    x = layers.Embedding(211, 96)(tokens)
    for _ in range(3):
        x = x + GroupedAttention(12, 4, 8)(RmsNorm()(x))
        y = RmsNorm()(x)
        y = layers.Dense(200, activation="silu", use_bias=False)(y) * layers.Dense(200, use_bias=False)(y)
        x = x + layers.Dense(96, use_bias=False)(y)
    x = layers.RMSNormalization()(x)
    return keras.Model(tokens, layers.Dense(211, use_bias=False)(x)), [ids(211, 2, 18)]


def gqa():
    """Keras' own layer of grouped queries."""
    x = source = keras.Input((12, 64), name="x")
    for _ in range(2):
        y = layers.RMSNormalization()(x)
        x = x + layers.GroupQueryAttention(8, 8, 4)(y, y, use_causal_mask=True)
    return keras.Model(source, x), [image(2, 12, 64)]


def seq2seq():
    """One encoder layer and one decoder layer with attention to it, sequences of any length."""
    source, target = keras.Input((None,), dtype="int32", name="source"), keras.Input((None,), dtype="int32", name="target")
    memory, x = layers.Embedding(97, 64, mask_zero=True)(source), layers.Embedding(97, 64, mask_zero=True)(target)
    memory = layers.LayerNormalization()(memory + layers.MultiHeadAttention(8, 8)(memory, memory))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(8, 8)(x, x, use_causal_mask=True))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(8, 8)(x, memory))
    x = layers.LayerNormalization()(x + layers.Dense(64)(layers.Dense(128, activation="relu")(x)))
    source_ids, target_ids = ids(96, 2, 14) + 1, ids(96, 2, 9) + 1
    source_ids[0, 10:] = 0
    return keras.Model([source, target], layers.Dense(97)(x)), [source_ids, target_ids]


def vit():
    x = pixels = keras.Input((64, 64, 3), name="pixels")
    x = layers.Reshape((16, 64))(layers.Conv2D(64, 16, 16)(x))
    x = Positions()(x)
    for _ in range(3):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = x + layers.MultiHeadAttention(4, 16)(y, y)
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = x + layers.Dense(64)(layers.Dense(128, activation="gelu")(y))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(pixels, layers.Dense(10)(x)), [image(2, 64, 64, 3)]


def convolutions():
    """Groups, depth by depth, dilated and transposed convolutions, and norms of groups, batches and channels."""
    x = pixels = keras.Input((32, 40, 3), name="pixels")
    x = layers.GroupNormalization(4)(layers.Conv2D(16, 3, padding="same", use_bias=False)(x))
    x = layers.Activation("swish")(x)
    x = layers.BatchNormalization()(GroupedConvolution(32, 3, groups=4, strides=2)(x))
    x = layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2)(layers.ReLU(6.0)(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.SeparableConv2D(24, 3, padding="same", activation="gelu")(x)
    x = layers.Conv2D(24, 3, dilation_rate=2, padding="same", activation="leaky_relu")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.GroupNormalization(-1)(x))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="hard_swish")(x)
    x = layers.MaxPooling2D(2)(x)
    return keras.Model(pixels, layers.GlobalAveragePooling2D()(x)), [image(2, 32, 40, 3)]


def unet():
    def block(x, n):
        return layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(n, 3, padding="same")(x)))
    pixels = keras.Input((32, 40, 3), name="pixels")
    a = block(pixels, 8)
    b = block(layers.MaxPooling2D()(a), 16)
    c = block(layers.MaxPooling2D()(b), 32)
    y = block(ops.concatenate([layers.Conv2DTranspose(16, 2, strides=2)(c), b]), 16)
    y = block(ops.concatenate([layers.Conv2DTranspose(8, 2, strides=2)(y), a]), 8)
    return keras.Model(pixels, layers.Conv2D(2, 1)(y)), [image(1, 32, 40, 3)]


def lstm():
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 24)(tokens)
    x = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x)
    x = layers.Bidirectional(layers.GRU(32, return_sequences=True))(x)
    x = layers.GRU(20, return_sequences=True, reset_after=False)(x)
    x = layers.LSTM(20)(x)
    return keras.Model(tokens, layers.Dense(7)(x)), [ids(50, 3, 12)]


def resnet50():
    return keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=10), [image(1, 64, 64, 3)]


def mobilenet():
    return keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3), classes=10), [image(2, 64, 64, 3)]


def convnext():
    """Blocks of ConvNeXt; its Conv2D with a group for each channel is Keras' DepthwiseConv2D here."""
    pixels = keras.Input((32, 32, 3), name="pixels")
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(32, 4, strides=4)(pixels))
    for _ in range(3):
        y = layers.LayerNormalization(epsilon=1e-6)(layers.DepthwiseConv2D(7, padding="same")(x))
        x = x + layers.Dense(32)(layers.Dense(128, activation="gelu")(y))
    x = layers.LayerNormalization(epsilon=1e-6)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(pixels, layers.Dense(10)(x)), [image(2, 32, 32, 3)]


MODELS = [bert, gpt, llama, gqa, seq2seq, vit, convolutions, unet, lstm, resnet50, mobilenet, convnext]


def build(make):
    keras.utils.set_random_seed(7)
    model, inputs = make()
    # Weights and statistics that begin as zeros or ones would make a wrong program look right.
    for weight in model.weights:
        value = weight.numpy()
        if "variance" in weight.path:
            weight.assign(RANDOM.uniform(0.5, 1.5, value.shape))
        elif value.size > 1 and np.issubdtype(value.dtype, np.floating) and np.ptp(value) == 0:
            weight.assign(value + 0.1 * RANDOM.standard_normal(value.shape))
    return model, dict(zip([i.name for i in model.inputs], inputs))


def write_keras(make):
    def write(path):
        model, inputs = build(make)
        model([tf.constant(v) for v in inputs.values()] if len(inputs) > 1 else tf.constant(*inputs.values()))
        model.export(os.path.join(path, "model.onnx"), format="onnx", verbose=False)
        return inputs
    return write


def write_tf2onnx(make):
    import tf2onnx

    def write(path):
        model, inputs = build(make)
        signature = [tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in model.inputs]
        function = tf.function(lambda *args: model(list(args) if len(args) > 1 else args[0], training=False), input_signature=signature)
        tf2onnx.convert.from_function(function, signature, opset=17, output_path=os.path.join(path, "model.onnx"))
        return inputs
    return write


PACKAGES = ["keras", "tensorflow-cpu", "tf2onnx"]
JOBS = [(make.__name__, exporter, write(make)) for make in MODELS
        for exporter, write in (("keras", write_keras), ("tf2onnx", write_tf2onnx))]
