#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table of CPU kernels against the libraries that people would use instead. Run it as tools/dev/benchmark-kernels."""
import argparse, datetime, fnmatch, os, platform, subprocess, sys, time
from pathlib import Path
from statistics import median
import cases, models, sides

ROUNDS = 5
# About how long one round of one side may take.
SECONDS = 0.4


def interleave(ours, peer, rounds):
    """Medians of both sides, and of the ratios of each round, in which they ran one after the other."""
    # The first answers only tell how often a round can repeat.
    first = [max(side.measure(1), 1e-7) for side in (ours, peer)]
    repeats = [max(1, min(200, int(SECONDS / seconds))) for seconds in first]
    rounds = rounds if max(first) < 2 else 1
    pairs = [(ours.measure(repeats[0]), peer.measure(repeats[1])) for _ in range(rounds)]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def kernel_model(case, write):
    path = sides.WORK / "models" / (case.name.replace(" ", "_").replace(",", "") + ".onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(case, str(path))
    return path


def product(case, rounds):
    ours = sides.Kernels(kernel_model(case, models.product), "product", cpu=sides.CPU[case.isa])
    sizes = f"{case.m} {case.k} {case.n}"
    name = case.peer + ("" if case.elements == "f32" else f"-{case.elements}") + ("-packed" if case.weight else "")
    peer = sides.Library(f"{name} {sizes}" if case.peer == "openblas" else f"{name} {case.batch} {sizes}", case.isa)
    a, b, ratio = interleave(ours, peer, rounds)
    rate = 2e-9 * case.batch * case.m * case.k * case.n
    unit = "Gop/s" if case.elements == "u8s8" else "GFLOP/s"
    return f"{rate / a:.1f} {unit}", f"{case.peer} {rate / b:.1f} {unit}", 1 / ratio, 1 / ratio >= case.target


def rows(case, rounds):
    ours = sides.Kernels(kernel_model(case, models.rows), "rows", cpu=sides.CPU[case.isa])
    size = models.row_bytes(case)
    a, b, ratio = interleave(ours, sides.Library(f"memcpy {size // 2}"), rounds)
    return f"{size / a / 1e9:.1f} GB/s", f"memcpy {size / b / 1e9:.1f} GB/s", 1 / ratio, 1 / ratio >= case.target


def model(case, rounds):
    path = sides.zoo(case.zoo)
    ours = sides.Program(path, "model", threads=case.threads)
    peer = sides.OnnxRuntime(path, case.threads)
    try:
        a, b, ratio = interleave(ours, peer, rounds)
    finally:
        peer.close()
    return f"{a * 1e3:.2f} ms", f"onnxruntime {b * 1e3:.2f} ms", ratio, ratio <= case.target


def node(case, rounds):
    path = kernel_model(case, models.node)
    ours = sides.Program(path, "node")
    peer = sides.OnnxRuntime(path, 1)
    try:
        a, b, ratio = interleave(ours, peer, rounds)
    finally:
        peer.close()
    return f"{a * 1e6:.0f} us", f"onnxruntime {b * 1e6:.0f} us", ratio, ratio <= case.target


def limit(case, rounds):
    path = sides.zoo(case.zoo)
    program = sides.Program(path, "limit")
    if case.what in ("compile-seconds", "compile-memory"):
        value = program.compile[0] if case.what == "compile-seconds" else program.compile[2] / 2**30
    elif case.what == "start":
        # The second step of the same process is what remains of the first when nothing has to be started.
        program.start()
        value = median(program.start()[0] for _ in range(rounds)) - program.measure(1)
    else:
        one, many = program, sides.Program(path, "ranks", machine="cpu:4")
        of_many, of_one = processor_times((many, one), rounds)
        value = of_many / of_one
    return f"{value:.3g}", "", value, value <= case.target


def region(case, rounds):
    def once():
        text = sides.run([sides.ROOT / "build/test/RegionBenchmark"])[3]
        return float(next(l for l in text.splitlines() if l.startswith(case.line)).split()[-2])
    value = median(once() for _ in range(rounds))
    return f"{value:.2f}", "", value, value <= case.target


def processor_times(programs, rounds):
    """Of one step of each: what twenty steps more take. The programs run in turns, and init, whose system time differs from run
    to run by as much as some steps take, is spread over so many."""
    more, seconds = 20, {}
    for _ in range(rounds):
        for program in programs:
            for steps in (1, 1 + more):
                seconds.setdefault((program, steps), []).append(program.start("--bench", steps)[1])
    return [(median(seconds[program, 1 + more]) - median(seconds[program, 1])) / more for program in programs]


KINDS = {cases.Product: (product, "at least"), cases.Rows: (rows, "at least"), cases.Model: (model, "at most"),
         cases.Node: (node, "at most"),
         cases.Limit: (limit, "at most"), cases.Region: (region, "at most")}


def title(case):
    details = [case.isa] if isinstance(case, (cases.Product,)) else []
    if isinstance(case, cases.Model):
        details.append(f"{case.threads} thread" + "s" * (case.threads > 1))
    return ", ".join([case.name] + details)


def line(case, rounds):
    measure, kind = KINDS[type(case)]
    try:
        ours, peer, ratio, met = measure(case, rounds)
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return f"| {title(case)} | failed | | | {kind} {case.target} | **no** |"
    return f"| {title(case)} | {ours} | {peer} | {ratio:.2f} | {kind} {case.target} | {'yes' if met else '**no**'} |"


def heading():
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    family = {l.split(":")[0].strip(): l.split(":")[1].strip() for l in open("/proc/cpuinfo") if ":" in l}
    import onnxruntime
    version = subprocess.run([sides.PARTITA, "--version"], capture_output=True, text=True).stdout.strip().splitlines()[0]
    packages = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", "libopenblas0-pthread", "libdnnl2"],
                              capture_output=True, text=True).stdout.strip(", ")
    return [f"{datetime.date.today()}, {cpu} (family {family.get('cpu family')}, model {family.get('model')}), "
            f"{os.cpu_count()} processors; {version}; onnxruntime {onnxruntime.__version__}; {packages}.", "",
            "| what | ours | peer | ratio | target | met |", "|---|---|---|---|---|---|"]


def main():
    parser = argparse.ArgumentParser(prog="benchmark-kernels", description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(cases.SECTIONS)}; all without any")
    parser.add_argument("--only", default="*", help="rows whose title matches this pattern")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs of measurements of each row")
    parser.add_argument("--prepare", action="store_true", help="only write the models and build the peers")
    parser.add_argument("--write", metavar="FILE", help="also write the table there (docs/measurements/kernels.md)")
    options = parser.parse_args()
    unknown = set(options.sections) - set(cases.SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(cases.SECTIONS)}")
    wanted = [c for c in cases.CASES if c.section in (options.sections or cases.SECTIONS) and fnmatch.fnmatch(title(c), options.only)]
    if options.prepare:
        sides.Library.build()
        for case in wanted:
            if hasattr(case, "zoo"):
                sides.zoo(case.zoo)
        return
    head, measured = heading(), {}
    print("\n".join(head), flush=True)
    for case in wanted:
        measured[title(case)] = line(case, options.rounds)
        print(measured[title(case)], flush=True)
    if options.write:
        write_table(Path(options.write), head, measured)


def write_table(path, head, measured):
    """The table in the order of the cases; rows that were not measured now stay as they are."""
    before = path.read_text().splitlines() if path.exists() else []
    rows = {row[2:].split(" | ")[0]: row for row in before if row.startswith("| ")}
    rows.update(measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# CPU kernels against their peers\n\nWritten by `tools/dev/benchmark-kernels --write`: both sides pinned to the same "
                    "instruction set and number of threads,\nmeasured in turns; medians. [How it measures](README.md).\n\n"
                    + "\n".join(head + [rows[title(c)] for c in cases.CASES if title(c) in rows]) + "\n")


if __name__ == "__main__":
    main()
