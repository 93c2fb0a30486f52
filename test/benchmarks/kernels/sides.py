# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The two sides of a comparison. Each answers measure(repeats) with a median in seconds, so that they can be interleaved."""
import json, os, subprocess, sys, tempfile, time
from pathlib import Path
from statistics import median
import models

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[2]
PARTITA = os.environ.get("PARTITA", str(ROOT / "build/bin/partita"))
WORK = Path(os.environ.get("PARTITA_BENCHMARK_FOLDER", ROOT / "build/benchmarks"))
CPU = {"native": "native", "avx512": "x86-64-v4", "v3": "x86-64-v3"}


def run(arguments, **options):
    """Runs to the end; gives (seconds, processor seconds, peak resident bytes, standard output)."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=errors, text=True, **options)
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        errors.seek(0)
        if status != 0:
            raise RuntimeError(f"{' '.join(map(str, arguments))}: {errors.read().decode(errors='replace').strip()[-600:]}")
    process.returncode = 0
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text


def zoo(sizes):
    """The ONNX file of a zoo model with seeded weights, made once."""
    path = WORK / "models" / ("_".join(sizes).replace("--", "") + ".onnx")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run([PARTITA, "zoo", *sizes, "--weights", "seed=1", "-o", path])
    return path


class Program:
    """What Partita compiles: a process for each measurement, which steps once before it counts."""

    def __init__(self, model, name, cpu="native", machine="cpu:1", threads=1):
        self.path, self.threads = WORK / "programs" / name, threads
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.compile = run([PARTITA, "compile", model, "-o", self.path, "--machine", machine, "--cpu", cpu])

    def start(self, *more):
        return run([self.path, "--random-inputs", "--threads", self.threads, *more])

    def measure(self, repeats):
        """Whole steps: with the copies of inputs and outputs, as the peer has them."""
        text = self.start("--bench", repeats)[3]
        return float(text.split("median ")[1].split(" ms")[0]) / 1e3


class Kernels(Program):
    """The same, but only the time that a step spends in kernels: inputs and outputs are the caller's."""

    def measure(self, repeats):
        trace = self.path.with_suffix(".trace")
        self.start("--bench", repeats, "--profile", trace)
        spans = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
        steps = [e for e in spans if e["name"].startswith("forward ")]
        kernels = [e for e in spans if not e["name"].startswith(("forward ", "init "))]
        times = [sum(k["dur"] for k in kernels if s["ts"] <= k["ts"] < s["ts"] + s["dur"]) for s in steps[1:]]
        return median(times) / 1e6


class Lines:
    """A process that answers each line with seconds."""

    def __init__(self, arguments, environment):
        self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peer ended at: {line}")
        return float(answer)


class Library:
    """OpenBLAS, oneDNN or memcpy: one process for each instruction set and number of threads."""
    processes = {}

    def __init__(self, request, isa="native", threads=1):
        if (isa, threads) not in self.processes:
            self.processes[isa, threads] = Lines([self.build()], {
                "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
                "OPENBLAS_CORETYPE": {"v3": "Haswell", "avx512": "SkylakeX"}.get(isa, ""),
                "ONEDNN_MAX_CPU_ISA": {"v3": "AVX2", "avx512": "AVX512_CORE"}.get(isa, "ALL"),
                "DNNL_MAX_CPU_ISA": {"v3": "AVX2", "avx512": "AVX512_CORE"}.get(isa, "ALL")})
        self.peer, self.request = self.processes[isa, threads], request

    @staticmethod
    def build():
        program, source = WORK / "peers", FOLDER / "Peers.cpp"
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            WORK.mkdir(parents=True, exist_ok=True)
            run(["c++", "-O2", "-std=c++17", source, "-o", program, "-ldnnl", "-lopenblas"])
        return program

    def measure(self, repeats):
        return self.peer.ask(f"{self.request} {repeats}")


class OnnxRuntime:
    """onnxruntime on one model, in a process of its own that lives until it is closed."""

    def __init__(self, model, threads):
        suited = model.with_suffix(".peer.onnx")
        models.write_for_onnxruntime(str(model), str(suited))
        self.peer = Lines([sys.executable, FOLDER / "onnxruntime_peer.py", suited, threads], {})

    def measure(self, repeats):
        return self.peer.ask(str(repeats))

    def close(self):
        self.peer.process.stdin.close()
        self.peer.process.wait()
