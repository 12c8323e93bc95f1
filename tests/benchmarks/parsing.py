"""How the time of reading a program grows with its length."""

from __future__ import annotations

import ast
from functools import partial
from statistics import median

from measure import Row, duration, interleaved

from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

LINES = (1_000, 3_000, 10_000, 30_000)
ROUNDS = 3
LINEAR = 1.5
SECONDS = 10
"""For the 10,000 lines."""


def rows() -> list[Row]:
    load(Source("warm_up.ad", "x"))
    subjects = {}
    for lines in LINES:
        text = _program(lines)
        subjects["adiff", lines] = partial(_load, text)
        subjects["Python", lines] = partial(ast.parse, text)
    seconds = interleaved(subjects, ROUNDS, warm_up=False)
    table = []
    for lines in LINES:
        mine, python = median(seconds["adiff", lines]), median(seconds["Python", lines])
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
    first, last = LINES[0], LINES[-1]
    growth = median(
        (long / last) / (short / first)
        for long, short in zip(seconds["adiff", last], seconds["adiff", first], strict=True)
    )
    table.append(
        Row(
            what=f"a line of {last:,} over one of {first:,}",
            measured=f"{growth:.3g}",
            target=f"≤ {LINEAR} (linear)",
            met=growth <= LINEAR,
        )
    )
    return table


def _load(text: str) -> None:
    load(Source("parsing.ad", text))


def _program(lines: int) -> str:
    """Lines that are a program of Python's too, so that its parser can be the peer."""
    first = "v0 = x\n"
    return first + "".join(f"v{i} = sin(v{i - 1}) * 2 - x**2 / {i}.5\n" for i in range(1, lines))
