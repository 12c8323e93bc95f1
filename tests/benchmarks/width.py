"""What a gradient costs beside the value alone, in functions of many variables."""

from __future__ import annotations

from functools import partial
from statistics import median

import numpy as np
from measure import Row, duration, interleaved, require_close

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 7
FLAT = 1.5

PROGRAM = """
input x
total = 0
for i in range(len(x) - 1) { total = total + sin(x[i] * x[i+1]) }
total
"""
NAMES = load(Source("width.ad", PROGRAM))


def rows() -> list[Row]:
    subjects = {}
    for size in SIZES:
        x = np.linspace(0.1, 2.0, size)
        require_close("NumPy by hand", _by_hand(x), _run(x, None, 1))
        # Short runs are repeated, so that each round lasts long enough to be timed.
        subjects["gradient", size] = partial(_run, x, None, _times(size))
        subjects["value", size] = partial(_run, x, [], _times(size))
    seconds = interleaved(subjects, ROUNDS)
    table = []
    ratios = {}
    for size in SIZES:
        gradient, value = seconds["gradient", size], seconds["value", size]
        ratios[size] = [a / b for a, b in zip(gradient, value, strict=True)]
        table.append(
            Row(
                what=f"n = {size:,}",
                measured=duration(median(gradient) / _times(size)),
                peer=f"value alone: {duration(median(value) / _times(size))}",
                ratio=f"{median(ratios[size]):.3g}",
            )
        )
    first, last = SIZES[0], SIZES[-1]
    growth = median(b / a for a, b in zip(ratios[first], ratios[last], strict=True))
    table.append(
        Row(
            what=f"the ratio at {last:,} over that at {first:,}",
            measured=f"{growth:.3g}",
            target=f"≤ {FLAT} (flat)",
            met=growth <= FLAT,
        )
    )
    return table


def _times(size: int) -> int:
    return max(1, 2_000 // size)


def _run(x: np.ndarray, wrt: list[str] | None, times: int) -> np.ndarray | None:
    for _ in range(times):
        (evaluation,) = evaluate(NAMES, {"x": x}, wrt=wrt)
    return evaluation.gradient.get("x")


def _by_hand(x: np.ndarray) -> np.ndarray:
    slope = np.cos(x[:-1] * x[1:])
    gradient = np.zeros_like(x)
    gradient[:-1] += slope * x[1:]
    gradient[1:] += slope * x[:-1]
    return gradient
