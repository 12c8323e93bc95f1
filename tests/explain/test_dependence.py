"""Why an output does not depend on a name: what the program does with the name's value."""

from __future__ import annotations

from typing import Any

import pytest

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

RECURSIVE = "fn f(k) { if k <= 0 { 1 } else { x * f(k - 1) } }\n"

USES = {
    # program, in which n reaches no output: what is said of it
    RECURSIVE + "f(n)": "decides",
    RECURSIVE + "m = 2 * n + 1\nf(m)": "decides",
    RECURSIVE + "fn less_one(k) { return k - 1 }\nf(less_one(n))": "decides",
    RECURSIVE + "g = fn(k) { k - 1 }\nf(g(n))": "decides",
    "fn f(k) { s = 0; for i in range(k) { s += x }; s }\nf(n)": "decides",
    "k = n - 1\ni = 0\ns = x\nwhile i < k { s = s * x; i += 1 }\ns": "decides",
    "if n > 2 { a = x } else { a = 2 * x }\nfor i in range(n) { a = a * x }\na": "decides",
    "k = n; unused = n^2; if k > 1 { x } else { 2 * x }": "decides",
    "for k in [n, n + 1] { if k > 1 { x = x } }\ninput x\nx^2": "decides",
    "for i in range(abs(n)) { x = x * 2 }\ninput x\nx^2": "counted",
    "if n > 2 { x } else { 2 * x }": "compared",
    "s = 0; for i in range(n) { s += x }; s": "counted",
    "[x, 2 * x, 3 * x, x][n]": "counted",
    # A value, which is lost in another way.
    "unused = n^2; x": "unused",
    "fn f(k) { k * 2 }\nunused = f(n); x": "unused",
    "x + argmax([n, 1])": "constant",
}

SAID = {
    "decides": "it only decides which branch is taken, or how often something runs",
    "compared": "it is only compared, and no gradient flows through a condition",
    "counted": "it is only counted or indexed with, as a whole number",
    "unused": "nothing that is computed from it reaches the output",
    "constant": "`argmax` has no derivative by it",
}


@pytest.mark.parametrize("text", USES)
def test_what_becomes_of_a_name(text: str) -> None:
    inputs: dict[str, Any] = {"x": 1.5, "n": 3.0}
    [evaluation] = evaluate(load(Source("<test>", text)), inputs)
    assert evaluation.gradient["n"] == 0.0
    [finding] = [f for f in evaluation.findings if f.kind == "no-dependence"]
    assert finding.what == f"`result` does not depend on `n`: {SAID[USES[text]]}"


@pytest.mark.parametrize("text", [t for t in USES if "range(" not in t and "[n]" not in t])
def test_the_value_is_the_same_beside_the_point(text: str) -> None:
    names = load(Source("<test>", text))
    at, beside = (
        evaluate(names, {"x": 1.5, "n": n}, wrt=["x"])[0].value for n in (3.0, 3.0 - 1e-9)
    )
    assert at == beside
