"""How the time of reading a program grows with its length."""

from __future__ import annotations

import ast
from statistics import median

from measure import Row, duration, interleaved

from autodiff_cli.language.source import Source
from autodiff_cli.runtime.interpreter import load

LINES = (1_000, 3_000, 10_000, 30_000)
ROUNDS = 3
LINEAR = 1.5
SECONDS = 10
"""For the 10,000 lines."""


def rows() -> list[Row]:
    load(Source("warm_up.ad", "x"))
    table, per_line = [], []
    for lines in LINES:
        text = _program(lines)
        subjects = {
            "adiff": lambda text=text: load(Source("parsing.ad", text)),
            "ast.parse": lambda text=text: ast.parse(text),
        }
        seconds = interleaved(subjects, ROUNDS, warm_up=False)
        mine, python = median(seconds["adiff"]), median(seconds["ast.parse"])
        per_line.append(mine / lines)
        limited = lines == 10_000
        table.append(
            Row(
                what=f"{lines:,} lines",
                measured=f"{duration(mine)}, {duration(mine / lines)} a line",
                peer=f"Python's ast.parse: {duration(python)}",
                ratio=f"{mine / python:.3g}",
                target=f"≤ {SECONDS} s" if limited else "",
                met=mine <= SECONDS if limited else None,
            )
        )
    growth = max(per_line) / min(per_line)
    table.append(
        Row(
            what="slowest line over fastest",
            measured=f"{growth:.3g}",
            target=f"≤ {LINEAR} (linear)",
            met=growth <= LINEAR,
        )
    )
    return table


def _program(lines: int) -> str:
    """Lines that are a program of Python's too, so that its parser can be the peer."""
    first = "v0 = x\n"
    return first + "".join(f"v{i} = sin(v{i - 1}) * 2 - x**2 / {i}.5\n" for i in range(1, lines))
