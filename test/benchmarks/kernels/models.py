# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX files of single ops, for the rows about kernels."""
import numpy as np
from onnx import TensorProto, helper, load, numpy_helper, save, shape_inference


def write(path, nodes, inputs, outputs, constants):
    """Inputs and outputs: name, shape and, unless it is f32, element type. Constants: name and array or tensor."""
    def info(items):
        return [helper.make_tensor_value_info(name, (kind or [TensorProto.FLOAT])[0], shape) for name, shape, *kind in items]
    tensors = [numpy_helper.from_array(value, name) if isinstance(value, np.ndarray) else value for name, value in constants]
    graph = helper.make_graph(nodes, "case", info(inputs), info(outputs), tensors)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def product(case, path):
    lead = [case.batch] if case.batch > 1 else []
    a, b, y = lead + [case.m, case.k], lead + [case.k, case.n], lead + [case.m, case.n]
    weight, op = np.random.default_rng(1).standard_normal(b, np.float32), "MatMul"
    left = right = result = TensorProto.FLOAT
    if case.elements == "bf16":
        left = right = result = TensorProto.BFLOAT16
        weight = helper.make_tensor("b", TensorProto.BFLOAT16, b, (weight.view(np.uint32) >> 16).astype(np.uint16).tobytes(), raw=True)
    elif case.elements == "u8s8":
        left, right, result, op = TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32, "MatMulInteger"
        weight = (weight * 40).clip(-127, 127).astype(np.int8)
    write(path, [helper.make_node(op, ["a", "b"], ["y"])], [("a", a, left)] + ([] if case.weight else [("b", b, right)]),
          [("y", y, result)], [("b", weight)] if case.weight else [])


# How often a row is read and written; nodes; constants by name with the axes that they have.
ROW_OPS = {
    "softmax": (1, 1, [helper.make_node("Softmax", ["x"], ["y"], axis=-1)], []),
    "layer_norm": (1, 1, [helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["y"], axis=-1)], ["scale", "bias"]),
    "gelu": (1, 1, [helper.make_node("Gelu", ["x"], ["y"])], []),
    "residual": (2, 1, [helper.make_node("Add", ["x", "z"], ["y"])], []),
}


def rows(case, path):
    reads, _, nodes, constants = ROW_OPS[case.op]
    shape, generator = list(case.shape), np.random.default_rng(1)
    inputs = [(name, shape) for name in ("x", "z")[:reads]]
    write(path, nodes, inputs, [("y", shape)],
          [(name, generator.standard_normal(shape[-1:], np.float32)) for name in constants])


def node(case, path):
    inputs, constants = [], []
    for index, each in enumerate(case.inputs):
        isInteger = each[0] == "int"
        kind, shape = (TensorProto.INT64, each[1]) if isInteger else (TensorProto.FLOAT, each)
        inputs.append(helper.make_tensor_value_info(f"x{index}", kind, shape))
    names = [each.name for each in inputs]
    if case.op == "Resize":
        constants.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
        names += ["", "scales"]
    for index in range(0, len(case.constants), 2):
        shape, values = case.constants[index:index + 2]
        constants.append(numpy_helper.from_array(np.array(values, np.int64).reshape(shape), f"c{index}"))
        names.append(f"c{index}")
    outputs = [f"y{index}" for index in range(case.outputs)]
    graph = helper.make_graph([helper.make_node(case.op, names, outputs, **dict(case.attributes))], "case", inputs,
                              [helper.make_empty_tensor_value_info(name) for name in outputs], constants)
    save(shape_inference.infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)), path)


def row_bytes(case):
    reads, writes = ROW_OPS[case.op][:2]
    return 4 * (reads + writes) * int(np.prod(case.shape))


def write_for_onnxruntime(path, target):
    """onnxruntime's Attention refuses masks that it has to broadcast along queries: the peer gets them expanded."""
    model = load(path, load_external_data=False)
    nodes = list(model.graph.node)
    masks = {node.input[3] for node in nodes if node.op_type == "Attention" and len(node.input) > 3 and node.input[3]}
    sequence = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value if masks else 0
    del model.graph.node[:]
    for node in nodes:
        if node.op_type == "Attention" and len(node.input) > 3:
            node.input[3] += "/expanded"
        model.graph.node.append(node)
        for mask in masks.intersection(node.output):
            model.graph.node.append(helper.make_node("Expand", [mask, "mask/shape"], [mask + "/expanded"]))
    if masks:
        model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, sequence, sequence]), "mask/shape"))
    save(model, target)
