# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The folder of one exported model: model.onnx, in_INPUT.npy of each input (inputs: NAME=FILE) and onnxruntime's out_OUTPUT.npy of each output."""
import importlib.metadata, os, re, shutil, traceback
import numpy as np
import onnxruntime


def clean(name):
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def find_dims(session, feeds):
    """What binds each symbolic dim: NAME=N, or INPUT[axis]=N where it has no name."""
    dims = {}
    for i in session.get_inputs():
        for axis, (dim, extent) in enumerate(zip(i.shape, feeds[i.name].shape)):
            if not isinstance(dim, int):
                dims[dim or f"{i.name}[{axis}]"] = extent
    return [f"{name}={extent}" for name, extent in dims.items()]


def write_values(path, feeds):
    """Runs PATH/model.onnx on `feeds` (a dictionary of arrays by name) and writes both beside it."""
    session = onnxruntime.InferenceSession(os.path.join(path, "model.onnx"), providers=["CPUExecutionProvider"])
    feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
    with open(os.path.join(path, "dims"), "w") as file:
        for dim in find_dims(session, feeds):
            print(dim, file=file)
    with open(os.path.join(path, "inputs"), "w") as file:
        for name, value in feeds.items():
            print(f"{name}=in_{clean(name)}.npy", file=file)
            np.save(os.path.join(path, f"in_{clean(name)}.npy"), np.ascontiguousarray(value))
    names = [o.name for o in session.get_outputs()]
    for name, value in zip(names, session.run(names, feeds)):
        np.save(os.path.join(path, f"out_{clean(name)}.npy"), value)


def write_all(folder, tool, packages, jobs, wanted):
    """Calls write(path) of each job (name, exporter, write), which leaves model.onnx in PATH and returns the inputs."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"versions-{tool}"), "w") as file:
        print(", ".join(f"{p} {importlib.metadata.version(p)}" for p in [*packages, "onnxruntime"]), file=file)
    for name, exporter, write in jobs:
        if wanted and name not in wanted:
            continue
        path = os.path.join(folder, f"{name}-{exporter}")
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        try:
            write_values(path, write(path))
            print("wrote", name, exporter, flush=True)
        except Exception as error:  # One model that a tool cannot export must not hide the others.
            traceback.print_exc(limit=-3)
            print("FAILED", name, exporter, type(error).__name__, str(error)[:300], flush=True)
