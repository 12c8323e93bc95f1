"""`root`, `argmin`, `integrate`, `odeint` and the like, beside what is known in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autodiff_cli import program
from autodiff_cli.errors import AdiffError, LimitError, RunError
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

A = 1.3
KEPLER = "root(fn(E) { E - e0 * sin(E) - a }, a)"

CLOSED: list[tuple[str, str]] = [
    ("root(fn(x) { x^2 - a }, 1)", "sqrt(a)"),
    ("root(fn(x) { exp(x) - a }, 20)", "log(a)"),
    ("root(fn(x) { atan(x - a) }, 50)", "a"),
    ("root(fn(x) { [x[0] * x[1] - a, x[0] - 2 * x[1]] }, [1, 1])[0]", "sqrt(2 * a)"),
    ("sum(root(fn(m) { m @ m - [[a, 1], [0, a]] }, [[1, 0], [0, 1]]))", "2*sqrt(a) + 0.5/sqrt(a)"),
    ("root(fn(x) { root(fn(y) { y^3 - x * a }, 1) - 3 }, 1)", "27 / a"),
    ("root(fn(x) { if x > 3 { x^2 - a^2 - 9 } else { a - 4 } }, 5)", "sqrt(a^2 + 9)"),
    ("fn f(x) { x * c }; c = a^2; r = root(fn(x) { f(x) - 1 }, 1); c = 7; r", "a^-2"),
    ("fixed_point(fn(x) { (x + a / x) / 2 }, 3)", "sqrt(a)"),
    ("fixed_point(fn(v) { [v[1] / 2 + a, v[0] / 2] }, [0, 0])[1]", "2 * a / 3"),
    ("argmin(fn(x) { exp(x) - a * x }, 0)", "log(a)"),
    ("argmin(fn(v) { (v[0] - a)^2 + a * (v[1] - v[0]^2)^2 }, [0, 0])[1]", "a^2"),
    ("argmin(fn(x) { log(x) + a / x }, 1)", "a"),
    ("integrate(fn(x) { exp(-a * x) }, 0, inf)", "1 / a"),
    ("integrate(fn(x) { a * x^2 }, a, 3)", "a * (27 - a^3) / 3"),
    ("integrate(fn(x) { a / sqrt(x) }, 0, a)", "2 * a^1.5"),
    ("integrate(fn(x) { [a, a * x] }, 1, a) @ [1, 2]", "a * (a - 1) + a * (a^2 - 1)"),
    ("integrate(fn(x) { integrate(fn(y) { x * y * a }, 0, x) }, 0, 2)", "2 * a"),
    ("w = [a, a^2]; integrate(fn(x) { dot(w, [1, x]) }, 0, 2)", "2 * a + 2 * a^2"),
    ("integrate(fn(x) { e^x }, -inf, a)", "e^a"),
    ("odeint(fn(t, y) { -a * y }, 3, [0, 1, 2])[2]", "3 * exp(-2 * a)"),
    ("odeint(fn(t, y) { t * y }, a, [a, 2])[1]", "a * exp(2 - a^2 / 2)"),
    ("odeint(fn(t, y) { t * y }, 1, [2, a])[1]", "exp(a^2 / 2 - 2)"),
    ("odeint(fn(t, y) { [y[1], -a * y[0]] }, [1, 0], [0, 1, 2])[2, 0]", "cos(2 * sqrt(a))"),
    ("odeint(fn(t, y) { 1e4 * (a * cos(t) - y) }, a, [0, 1])[1]", "a*(cos(1) + 1e-4*sin(1))"),
]
ONCE = ("odeint(fn(t, y) { t", "odeint(fn(t, y) { [", "1e4", "sqrt(x)", "integrate(fn(y)", "inf")
"""Costly to differentiate more than once."""


@pytest.mark.parametrize(("text", "closed"), CLOSED)
def test_values_and_derivatives_are_those_of_the_closed_form(text: str, closed: str) -> None:
    got, want = program(f"input a\n{text}"), program(f"input a\n{closed}")
    orders = 1 if any(part in text for part in ONCE) else 2 if "odeint" in text else 3
    found, known = got.derivatives(orders, a=A), want.derivatives(orders, a=A)
    assert found.value == pytest.approx(known.value, rel=1e-8)
    for one, other in zip(found.derivatives, known.derivatives, strict=True):
        assert one == pytest.approx(other, rel=1e-7, abs=1e-7)


def test_the_gradient_is_by_all_that_the_function_reads_at_once() -> None:
    text = "input a = 2, b = [1, 3], unread = 4\nz = unread^2\nroot(fn(x) { a * x - dot(b, b) }, 1)"
    result = program(text)()
    assert result.value == 5
    assert result.gradient["a"] == -2.5
    np.testing.assert_array_equal(result.gradient["b"], [1, 3])
    assert result.gradient["unread"] == 0


def test_keplers_equation_and_its_hessian() -> None:
    """E - e sin E = M: dE/dM = 1/(1 - e cos E), dE/de = sin E/(1 - e cos E)."""
    text = "input a = 0.7, e0 = 0.4\nroot(fn(E) { E - e0 * sin(E) - a }, a)"
    found = program(text).hessian()
    angle, e = found.value, 0.4
    below = 1 - e * math.cos(angle)
    assert angle - e * math.sin(angle) == pytest.approx(0.7, rel=1e-15)
    by_both = math.cos(angle) / below**2 - e * math.sin(angle) ** 2 / below**3
    assert found.hessian["a"]["a"] == pytest.approx(-e * math.sin(angle) / below**3, rel=1e-13)
    assert found.hessian["a"]["e0"] == pytest.approx(by_both, rel=1e-13)
    assert found.hessian["e0"]["a"] == pytest.approx(by_both, rel=1e-13)


ONE_NODE = [
    "root(fn(x) { x * b - 2 }, 1)",
    "fixed_point(fn(x) { x / 2 + b }, 1)",
    "argmin(fn(x) { (x - b)^2 }, 1)",
    "integrate(fn(x) { x * b }, 0, 1)",
    "odeint(fn(t, y) { y * b }, 1, [0, 1])",
]


@pytest.mark.parametrize("text", ONE_NODE)
def test_it_is_one_node(text: str) -> None:
    outcome = run(load(Source("test", f"input a\nb = a^2\nother = a + 1\nc = {text}")), {"a": A})
    nodes = outcome.graph.nodes
    last = nodes[-1]
    assert len(nodes) == 4
    assert last.primitive is not None
    assert last.primitive.name == text.partition("(")[0]
    assert last.parents == [nodes[1]]


@pytest.mark.parametrize(
    ("text", "_"), [each for each in CLOSED if "root" in each[0] or "argmin" in each[0]][::3]
)
def test_in_single_precision_too(text: str, _: str) -> None:
    single = program(f"input a\n{text}", dtype="float32")(a=A)
    double = program(f"input a\n{text}")(a=A)
    assert single.value == pytest.approx(double.value, rel=1e-5)
    assert single.gradient["a"] == pytest.approx(double.gradient["a"], rel=1e-4)


WRONG: list[tuple[str, str, str, int]] = [
    ("root(fn(x) { x^2 + 1 }, 3)", "not-converged", "`root` did not converge", 0),
    ("root(fn(x) { 1 }, 0)", "not-converged", "`root` did not converge", 0),
    ("argmin(fn(x) { -x^2 }, 1)", "not-converged", "`argmin` did not converge", 0),
    ("argmin(fn(x) { x }, 1)", "not-converged", "`argmin` did not converge", 0),
    ("fixed_point(fn(x) { x + 1 }, 1)", "not-converged", "`fixed_point` did not converge", 0),
    ("integrate(fn(x) { sin(1 / x) }, 0, 1)", "not-converged", "`integrate` did not converge", 0),
    ("root(fn(x) { log(x - 5) }, 1)", "non-finite", "the function of `root` is not finite", 13),
    ("integrate(fn(x) { x * log(x - 1) }, 0, 2)", "non-finite", "the function of `integrate`", 22),
    ("odeint(fn(t, y) { sqrt(1 - t - y) }, 0, [0, 2])", "non-finite", "the function of `odei", 18),
    (
        "odeint(fn(t, y) { y^2 }, 1, [0, 2])",
        "non-finite",
        "the function of `odeint` is not fin",
        18,
    ),
    ("root(3, 1)", "type", "`root` got the number 3, want a function", 0),
    ("root(fn(x) { [x, x] }, 1)", "shape", "the function gives shape (2,) for a start of shape", 0),
    ("argmin(fn(x) { x }, [1, 2])", "shape", "the function of `argmin` gives an array", 0),
    ("root(fn(x) { }, 1)", "type", "the function of `root` gives no value, want numbers", 0),
    ("odeint(fn(t, y) { y }, 1, 2)", "type", "`odeint` got the number 2 for the times", 0),
    ("odeint(fn(t, y) { y }, 1, [0, 1, 0.5])", "type", "`odeint` got an array", 0),
    ("odeint(fn(t, y) { [y, y] }, 1, [0, 1])", "shape", "the function of `odeint` gives shape", 0),
    (
        "integrate(fn(x) { x }, 0, [1, 2])",
        "type",
        "`integrate` got an array of shape (2,) for b",
        0,
    ),
    ("root(fn(x, y) { x }, 1)", "type", "`fn` takes 2 arguments, got 1", 0),
]


@pytest.mark.parametrize(("text", "kind", "what", "column"), WRONG)
def test_what_goes_wrong_is_told_with_its_place(
    text: str, kind: str, what: str, column: int
) -> None:
    with pytest.raises(RunError) as raised:
        program(text)()
    error = raised.value
    assert error.kind == kind
    assert error.what.startswith(what)
    assert error.where is not None
    assert error.where.column == column + 1
    assert error.help or error.kind == "type"


@pytest.mark.parametrize("text", ["root(fn(x) { (x - a)^2 }, 0)", "argmin(fn(x) { (x - a)^4 }, 0)"])
def test_a_solution_that_is_not_simple_has_no_derivative(text: str) -> None:
    assert program(f"input a\n{text}", wrt=[])(a=0.0).value == pytest.approx(0, abs=1e-2)
    with pytest.raises(AdiffError) as raised:
        program(f"input a\n{text}")(a=0.0)
    assert "has no derivative" in raised.value.what


@pytest.mark.parametrize("text", ONE_NODE)
def test_limits_hold_inside(text: str) -> None:
    slow = text.replace(") { ", ") { s = 0; while s < 500 { s += 1 }; ")
    settings = Settings(limits=Limits(steps=400))
    with pytest.raises(LimitError):
        run(load(Source("test", f"input b\n{slow}")), {"b": A}, settings=settings)


def test_a_function_of_the_program_may_decide_and_loop() -> None:
    text = """
    input a = 1.3
    fn cube(x) { s = 1; for i in range(3) { s *= x }; s }
    integrate(fn(x) { if x < 1 { cube(x) } else { a * x } }, 0, 2)
    """
    result = program(text)()
    assert result.value == pytest.approx(0.25 + 1.5 * A, rel=1e-9)
    assert result.gradient["a"] == pytest.approx(1.5, rel=1e-9)


@pytest.mark.parametrize("text", ["argmin([3, 1, 2])", "f = argmin; f([3, 1, 2], 0)"])
def test_argmin_of_an_array_is_still_an_index(text: str) -> None:
    value: Any = program(text)().value
    assert value == 1
