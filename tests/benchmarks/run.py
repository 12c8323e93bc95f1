"""Measures adiff against its peers and prints a table: `python tests/benchmarks/run.py [NAME]...`

README.md beside this file says how to read it.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from measure import Row

BENCHMARKS = {
    "process": "whole process, start to end",
    "call": "x^2 * sin(x) within one process: value and gradient",
    "scalar_loop": "a loop over scalars: value and gradient of 20,000 steps",
    "compiled": "adjoint code: value and gradient of loops of 20,000 steps",
    "logistic": "logistic regression, 20,000 × 100: value and gradient",
    "chain": "a chain of 1,000,000 recorded nodes: peak memory over the start, sweep included",
    "depth": "long and deep expressions: parse, run and differentiate",
    "width": "gradient over value, sum of sin(x[i]*x[i+1]) as a loop",
    "matrices": "whole matrices of derivatives: one Hessian, two Jacobians",
    "fitting": "adiff fit: 100,000 rows within one process; a small one as a whole process",
    "first_screen": "the trace of 1,000,000 nodes: the first screen, over all of `adiff eval`",
    "parsing": "program text to resolved names",
    "rows": "adiff map, 1,000,000 records: value and gradient by three inputs",
    "prompt": "adiff repl: the first prompt, a key, the 10,000th statement",
}
"""Each is the function `rows` of the module of its name."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


def main() -> None:
    chosen = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"there is no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}")
    # Before NumPy and its like are imported, which is when they look.
    os.environ.update(ONE_THREAD)
    print(_setting())
    missed = []
    for name in chosen:
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        rows = import_module(name).rows()
        print(_table(rows), flush=True)
        missed += [f"{name}: {row.what}" for row in rows if row.met is False]
    print()
    print("missed: " + "; ".join(missed) if missed else "all targets are met")


def _setting() -> str:
    packages = []
    for package in ("autodiff-cli", "numpy", "torch", "jax", "autograd"):
        try:
            packages.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            packages.append(f"no {package}")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {platform.machine()}, {os.cpu_count()} cores; " + ", ".join(packages)


def _table(rows: list[Row]) -> str:
    head = ("", "adiff", "peer", "adiff/peer", "target", "met")
    met = {True: "yes", False: "NO", None: ""}
    lines = [head] + [
        (row.what, row.measured, row.peer, row.ratio, row.target, met[row.met]) for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    main()
