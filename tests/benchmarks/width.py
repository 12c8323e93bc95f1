"""What a gradient costs beside the value alone, in functions of many variables."""

from __future__ import annotations

from statistics import median

import numpy as np
from measure import Row, duration, interleaved, require_close

from autodiff_cli.language.source import Source
from autodiff_cli.runtime.evaluation import evaluate
from autodiff_cli.runtime.interpreter import load

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 7
FLAT = 1.5

PROGRAM = """
input x
total = 0
for i in range(len(x) - 1) { total = total + sin(x[i] * x[i+1]) }
total
"""


def rows() -> list[Row]:
    names = load(Source("width.ad", PROGRAM))
    table, ratios = [], []
    for size in SIZES:
        x = np.linspace(0.1, 2.0, size)
        (evaluation,) = evaluate(names, {"x": x})
        require_close("NumPy by hand", _by_hand(x), evaluation.gradient["x"])
        # Short runs are repeated, so that each round lasts long enough to be timed.
        times = range(max(1, 2_000 // size))
        subjects = {
            "gradient": lambda x=x, times=times: [evaluate(names, {"x": x}) for _ in times],
            "value": lambda x=x, times=times: [evaluate(names, {"x": x}, wrt=[]) for _ in times],
        }
        seconds = interleaved(subjects, ROUNDS)
        gradient, value = (median(seconds[name]) / len(times) for name in ("gradient", "value"))
        ratios.append(
            median(a / b for a, b in zip(seconds["gradient"], seconds["value"], strict=True))
        )
        table.append(
            Row(
                what=f"n = {size:,}",
                measured=duration(gradient),
                peer=f"value alone: {duration(value)}",
                ratio=f"{ratios[-1]:.3g}",
            )
        )
    flatness = max(ratios) / min(ratios)
    table.append(
        Row(
            what="largest ratio over smallest",
            measured=f"{flatness:.3g}",
            target=f"≤ {FLAT} (flat)",
            met=flatness <= FLAT,
        )
    )
    return table


def _by_hand(x: np.ndarray) -> np.ndarray:
    slope = np.cos(x[:-1] * x[1:])
    gradient = np.zeros_like(x)
    gradient[:-1] += slope * x[1:]
    gradient[1:] += slope * x[:-1]
    return gradient
