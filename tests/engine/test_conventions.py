"""At kinks, ties and singular points: what adiff says beside what PyTorch and JAX return.

Every row of the recorded answers is read. Where both systems agree on a number, adiff gives
that number; every other answer is decided below, with its reason. `grammar/CONVENTIONS.md`
shows all of it, and is written from here.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff_cli.explain.evaluation import Evaluation, evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

DOCUMENT = Path(__file__).parents[2] / "grammar" / "CONVENTIONS.md"
DATA = Path(__file__).parents[1] / "data" / "conventions" / "conventions.json"
ROWS = json.loads(DATA.read_text(encoding="utf-8"))["rows"]

nan, inf = math.nan, math.inf

NOTATION = {
    "clamp(x,min=0)": "clamp(x, min=0)",
    "if x > 0 then x else -x": "if x > 0 { x } else { -x }",
    "if x >= 0 then x else -x": "if x >= 0 { x } else { -x }",
    "frac(x)": "x - trunc(x)",
    "(x > 0) as number * x": "where(x > 0, 1, 0) * x",
    "x mod y (python/numpy sign)": "x % y",
    "fmod(x,y) (C sign)": "x - y * trunc(x / y)",
    "maximum(x,y) elementwise": "maximum(x, y)",
    "minimum(x,y) elementwise": "minimum(x, y)",
    "max(v) reduction": "max(v)",
    "max(v) reduction, amax": "max(v)",
    "max(v, dim) values": "v[argmax(v)]",
    "min(v) reduction": "min(v)",
    "median(v) odd": "median(v)",
    "median(v) even": "median(v)",
    "median(v) ties": "median(v)",
    "sum(w*sort(v)) with ties, w=(1,2,3)": "sum([1, 2, 3] * sort(v))",
    "sort(v)[0] ties": "sort(v)[0]",
    "norm inf": "max(abs(v))",
    "clamp(x,lo,hi) lo>hi": "clamp(x, lo, hi)",
    "clamp(x,lo,hi) grads wrt bounds": "clamp(x, lo, hi)",
    "clamp(x,lo,hi) at x==hi": "clamp(x, lo, hi)",
    "clamp(nan,0,1)": "clamp(x, 0, 1)",
    "rsqrt(x)": "1 / sqrt(x)",
    "entr(x) = -x log x": "-xlogy(x, x)",
    "sinc(x) (normalised)": "sinc(x)",
    "logit(x)": "log(x) - log1p(-x)",
    "norm2(v) at 0": "norm(v)",
    "torch.norm(v) at 0": "norm(v)",
    "norm1(v) at 0": "sum(abs(v))",
    "norm2(v)": "norm(v)",
    "std(v) of constant": "std(v)",
    "var(v) of constant": "var(v)",
    "x^y, both variables": "x^y",
    "x^0, constant exponent": "x^0",
    "x^1, constant exponent": "x^1",
    "x^2, constant exponent": "x^2",
    "x^3, constant exponent": "x^3",
    "x^0.5, constant exponent": "x^0.5",
    "x^-1, constant exponent": "x^-1",
    "0^y, constant base": "0^y",
    "(-2)^y, constant base": "(-2)^y",
    "double where: where(x>0, log(where(x>0,x,1)), 0)": "where(x>0, log(where(x>0, x, 1)), 0)",
    "if x>0 then log(x) else 0 (real branch)": "if x > 0 { log(x) } else { 0 }",
    "x with stop-gradient: x*detach(x)": "x * detach(x)",
    "prod(v), one zero": "prod(v)",
    "prod(v), two zeros": "prod(v)",
    "sum(cumprod(v)), zero in the middle": "sum(cumprod(v))",
    "sum(cumprod(v)), two zeros": "sum(cumprod(v))",
    "geometric mean exp(mean(log v)) with zero": "exp(mean(log(v)))",
    "prod of empty": "prod(v)",
    "sum of empty": "sum(v)",
    "log(sum(exp(v))) naive": "log(sum(exp(v)))",
    "log(1+exp(x)) naive": "log(1 + exp(x))",
    "1/(1+exp(-x)) naive": "1 / (1 + exp(-x))",
    "huber(x,1)": "if abs(x) <= 1 { 0.5 * x^2 } else { abs(x) - 0.5 }",
    "x unused: 3": "input x; 3",
    "(x+h-x)/h style cancellation: (1+x)-1": "(1 + x) - 1",
    "while x<10: x=2x, from x": "input x; while x < 10 { x = 2 * x }; x",
    "newton sqrt, 20 iterations from 1": "y = 1; for i in range(20) { y = 0.5 * (y + x / y) }; y",
    "trace(inv(A)), A=diag(x,2)": "trace(inv([[x, 0], [0, 2]]))",
}
"""Rows in another notation than the language's."""

OUTSIDE = {
    "relu6(x)": "no such function",
    "hardtanh(x)": "no such function",
    "heaviside(x,0.5)": "no such function",
    "fmax(x,y)": "no such function",
    "cummax(v) sum": "no such function",
    "copysign(x,y)": "no such function",
    "nan_to_num(x)": "no such function",
    "mean of empty": "an error, and so in tests/errors",
}

DECISIONS: dict[int, tuple[dict[str, Any], str]] = {
    1: ({"x": 0.0}, "least norm of [-1, 1]"),
    2: ({"x": 0.0}, "least norm of [-1, 1]"),
    7: ({"x": 0.5}, "a tie, shared as in max(x, 0), which clamp(x, min=0) is"),
    8: ({"x": 0.1}, "least norm of [0.1, 1]"),
    44: ({"x": 1.0, "y": 1.0}, "no order, and so neither is the smaller: as PyTorch"),
    51: ({"v": [0.0, 0.0, 0.5, 0.5]}, "the mean of the two in the middle, as NumPy and JAX"),
    52: ({"v": [1 / 3, 1 / 3, 1 / 3]}, "a tie, shared"),
    57: ({"x": 0.0, "y": 0.0}, "least norm of the unit disc"),
    58: ({"x": 0.5}, "a tie, shared"),
    59: ({"x": 0.5}, "a tie, shared"),
    65: ({"x": 0.5, "lo": 0.0, "hi": 0.5}, "a tie, shared: least norm of those of x and hi"),
    70: ({"x": 0.0}, "an adjoint of 0, that of sqrt(x), adds 0"),
    71: ({"x": 0.0}, "an adjoint of 0, that of sqrt(x), adds 0; it is the true one"),
    73: ({"x": inf}, "the derivative on both sides: PyTorch has no cbrt"),
    78: ({"x": nan}, "no value"),
    81: ({"x": nan}, "no derivative: the inf of log at 0 meets the 0 of abs"),
    82: ({"x": -inf}, "the limit: an adjoint of 0, that of log(x), adds 0"),
    83: ({"x": -inf, "y": 0.0}, "log y, as JAX; by y the function is constant"),
    95: ({"x": 0.0}, "the side not taken adds nothing"),
    96: ({"x": -inf}, "the limit from the right, as PyTorch"),
    99: ({"x": inf}, "the derivative on both sides"),
    102: ({"v": [0.0, 0.0]}, "least norm of the unit disc"),
    103: ({"v": [0.0, 0.0]}, "least norm of the unit disc"),
    104: ({"v": [0.0, 1.0]}, "least norm"),
    106: ({"v": [0.0, 0.0, 0.0]}, "least norm"),
    108: ({"x": 0.0, "y": 0.0}, "x^0 is 1 everywhere"),
    112: ({"x": -inf, "y": -inf}, "the limit from the right, as PyTorch"),
    130: ({"x": 0.0, "y": 0.0}, "the adjoint of y * log(x) is exp(-inf) = 0 and adds 0"),
    131: ({"y": 0.0, "x": 0.0}, "no subgradient: as PyTorch"),
    137: ({"x": 0.0}, "the side not taken adds nothing"),
    139: ({"x": 0.0}, "the side not taken adds nothing"),
    140: ({"x": 1.0}, "the side not taken adds nothing"),
    143: ({"x": 0.0}, "the adjoint of 1/x is 0 and adds 0"),
    151: ({"v": [0.0, 0.0, 0.0]}, "the adjoint of the mean is exp(-inf) = 0 and adds 0"),
    155: ({"v": [0.5, 0.5]}, "equal infinities share, as equal numbers do"),
    157: ({"v": [1.0, 0.0]}, "the limit"),
    159: ({"v": [0.0, 0.0]}, "the value is inf; the adjoint of the sum is 1/inf = 0 and adds 0"),
    160: ({"x": 0.5, "y": 0.5}, "equal infinities share, as equal numbers do"),
    165: ({"x": 0.0}, "the value is inf; the adjoint of the sum is 1/inf = 0 and adds 0"),
    166: ({"x": 1 / (1 + math.exp(-25.0))}, "exact: PyTorch's softplus is x from 20 on"),
    168: ({"x": 0.0}, "the adjoint of exp(-x) is 1/inf² = 0 and adds 0"),
}
"""The gradient where PyTorch and JAX do not agree on a number, and why."""

VALUES = {51: 2.5, 99: -inf, 166: math.log1p(math.exp(-25.0)) + 25.0}
"""The values where they do not agree on that."""

TOLERANCE = 1e-12


def number(value: Any) -> Any:
    return np.array(value, dtype=float)


def alike(one: Any, other: Any) -> Any:
    return np.isclose(number(one), number(other), rtol=TOLERANCE, atol=0, equal_nan=True)


def expected(row: dict[str, Any], name: str) -> Any:
    """The gradient by an input: what both systems say, with what is decided in the other places."""
    torch, jax = number(row["torch"]["grad"][name]), number(row["jax"]["grad"][name])
    agreed = alike(torch, jax)
    if row["id"] in DECISIONS:
        decided = number(DECISIONS[row["id"]][0][name])
        return np.where(agreed & np.isfinite(jax), jax, decided)
    assert agreed.all(), f"row {row['id']} is undecided"
    return jax


def run(row: dict[str, Any]) -> Evaluation:
    names = load(Source("<row>", NOTATION.get(row["expr"], row["expr"])))
    inputs = {
        name: number(value) if isinstance(value, list) else float(value)
        for name, value in row["inputs"].items()
    }
    (evaluation,) = evaluate(names, inputs)
    return evaluation


INSIDE = [row for row in ROWS if row["expr"] not in OUTSIDE]


@pytest.mark.parametrize("row", INSIDE, ids=lambda row: f"{row['id']}: {row['expr']}")
def test_value_and_gradient(row: dict[str, Any]) -> None:
    evaluation = run(row)
    value = VALUES.get(row["id"], row["jax"]["value"])
    assert alike(evaluation.value, value).all(), (evaluation.value, value)
    for name in row["inputs"]:
        got, want = number(evaluation.gradient[name]), expected(row, name)
        assert alike(got, want).all() or np.array_equal(got, want), (name, got, want)


def test_a_decision_is_one_and_has_its_reason() -> None:
    """Nothing is decided where PyTorch and JAX agree on numbers, or where the row is not read."""
    by_id = {row["id"]: row for row in INSIDE}
    for number_, (gradient, reason) in DECISIONS.items():
        row = by_id[number_]
        assert reason
        assert gradient.keys() == row["inputs"].keys()
        both = [
            number(row[system]["grad"][name]) for name in gradient for system in ("torch", "jax")
        ]
        agree = all(
            alike(one, other).all() for one, other in zip(both[::2], both[1::2], strict=True)
        )
        assert not (agree and all(np.isfinite(one).all() for one in both)), number_


def test_the_score() -> None:
    """How the rows divide: none is left out without a reason."""
    score = Counter(
        "outside" if row["expr"] in OUTSIDE else "decided" if row["id"] in DECISIONS else "agreed"
        for row in ROWS
    )
    assert score == {"agreed": 134, "decided": 41, "outside": 12}
    assert set(OUTSIDE) <= {row["expr"] for row in ROWS}
    assert set(NOTATION) <= {row["expr"] for row in ROWS}


# ── the document ──────────────────────────────────────────────────────────────────────

HEADING = """\
# Gradients at kinks, ties and singular points

What adiff returns beside what PyTorch {torch} and JAX {jax} do. Where these agree on a number, so
does adiff. Where they differ, or give nan without need, it is the subgradient of least norm, if
there is one; the last column has the reason. A step of a path that was not taken, or whose
adjoint is 0, adds 0, whatever its own derivative.

| expression | at | adiff | PyTorch | JAX | why |
|---|---|---|---|---|---|
"""


def shown(values: dict[str, Any]) -> str:
    """The gradient by each input, as a program would write it."""
    return ", ".join(_shown(value) for value in values.values())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_shown(one) for one in value)}]"
    return f"{float(value):.6g}"


def document() -> str:
    meta = json.loads(DATA.read_text(encoding="utf-8"))["meta"]
    text = HEADING.format(torch=meta["torch"].partition("+")[0], jax=meta["jax"])
    for row in INSIDE:
        at = ", ".join(f"{name} = {_shown(value)}" for name, value in row["inputs"].items())
        own = {name: expected(row, name).tolist() for name in row["inputs"]}
        cells = [f"`{NOTATION.get(row['expr'], row['expr'])}`", at, shown(own)]
        cells += [shown(row[system]["grad"]) for system in ("torch", "jax")]
        reason = DECISIONS[row["id"]][1] if row["id"] in DECISIONS else ""
        text += f"| {' | '.join(cells)} | {reason} |\n"
    return text


def test_the_document_is_what_is_tested() -> None:
    if os.environ.get("ADIFF_REGENERATE"):
        DOCUMENT.write_text(document(), encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == document(), (
        "regenerate it as CONTRIBUTING.md says"
    )
