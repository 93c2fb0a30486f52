# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""onnxruntime_peer.py MODEL THREADS: answers each line, a number of repeats, with the median seconds of one run."""
import sys, time
from statistics import median
import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.inter_op_num_threads = int(sys.argv[2]), 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_}
generator, feeds = np.random.default_rng(1), {}
for each in session.get_inputs():
    shape = [n if isinstance(n, int) else 1 for n in each.shape]
    kind = types[each.type]
    feeds[each.name] = (generator.standard_normal(shape, np.float32) if kind == np.float32
                        else generator.integers(0, 2, shape).astype(kind))
session.run(None, feeds)
for line in sys.stdin:
    seconds = []
    for _ in range(int(line)):
        begin = time.perf_counter()
        session.run(None, feeds)
        seconds.append(time.perf_counter() - begin)
    print(median(seconds), flush=True)
