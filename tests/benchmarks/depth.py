"""Expressions that are longer and deeper than anybody writes by hand."""

from __future__ import annotations

import math
from statistics import median

from measure import Row, duration, interleaved, require_close

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

ROUNDS = 5
POINT = 0.7
TERMS, PARENTHESES, CALLS = 5_000, 1_000, 500


def rows() -> list[Row]:
    by_chain_rule, x = 1.0, POINT
    for _ in range(CALLS):
        by_chain_rule *= math.cos(x)
        x = math.sin(x)
    return [
        _row(f"a sum of {TERMS:,} terms", " + ".join(["x"] * TERMS), TERMS),
        _row(f"{PARENTHESES:,} nested parentheses", "(" * PARENTHESES + "x" + ")" * PARENTHESES, 1),
        _row(f"{CALLS:,} nested calls", "sin(" * CALLS + "x" + ")" * CALLS, by_chain_rule),
    ]


def _row(what: str, text: str, want: float) -> Row:
    def run() -> None:
        (evaluation,) = evaluate(load(Source("depth.ad", text)), {"x": POINT})
        require_close(what, want, evaluation.gradient["x"])

    seconds = median(interleaved({what: run}, ROUNDS)[what])
    return Row(what=what, measured=duration(seconds), target="right gradient", met=True)
