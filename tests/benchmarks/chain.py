"""A long chain of scalar nodes: what a node takes. Each subject runs in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from measure import Row, duration, is_installed

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = 1_000_000
BYTES = 300
POINT = 1 - 1e-7
PROGRAM = f"""
y = x
for i in range({NODES}) {{ y = y * x }}
y
"""
"""Both operands of each node are nodes: the widest that a scalar node gets."""


def rows() -> list[Row]:
    size, seconds = _measured("adiff")
    row = Row(
        what="a node", measured=f"{size:.0f} bytes", target=f"≤ {BYTES} bytes", met=size <= BYTES
    )
    if is_installed("torch"):
        theirs, _ = _measured("torch")
        row.peer = f"torch, eager: {theirs:.0f} bytes"
        row.ratio = f"{size / theirs:.3g}"
    return [row, Row(what="run and sweep", measured=duration(seconds))]


def _measured(subject: str) -> tuple[float, float]:
    """Bytes a node of peak memory over the start, and seconds, of a subject of this file."""
    command = [sys.executable, __file__, subject]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    size, seconds = map(float, answer.split())
    return size, seconds


def _peak() -> int:
    """The most bytes of memory that this process has held."""
    if sys.platform == "linux":
        # Not ru_maxrss, which a process on Linux inherits from the one that started it.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _adiff() -> None:
    from autodiff_cli.explain.evaluation import evaluate
    from autodiff_cli.interpreter.program import load
    from autodiff_cli.language.source import Source

    names = load(Source("chain.ad", PROGRAM))
    _report(lambda: evaluate(names, {"x": POINT})[0].gradient["x"])


def _torch() -> None:
    import torch

    torch.set_num_threads(1)

    def run() -> float:
        x = torch.tensor(POINT, dtype=torch.float64, requires_grad=True)
        y = x
        for _ in range(NODES):
            y = y * x
        y.backward()
        return x.grad.item()

    _report(run)


def _report(run: Callable[[], float]) -> None:
    start, before = perf_counter(), _peak()
    gradient = run()
    seconds, size = perf_counter() - start, (_peak() - before) / NODES
    want = (NODES + 1) * POINT**NODES
    assert abs(gradient / want - 1) < 1e-9, (gradient, want)
    print(size, seconds)


if __name__ == "__main__":
    {"adiff": _adiff, "torch": _torch}[sys.argv[1]]()
