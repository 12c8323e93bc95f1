"""`grad` and its like inside loops: what they record, and that it can be differentiated again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.engine.graph import value_of
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from autodiff_cli.interpreter.run import Outcome

STEPS = {
    "grad": "fn step(u) { u - 0.25 * grad(u^4 / 4 + c * u, u) }",
    "hessian": "fn step(u) { u - 0.1 * hessian(u^4 * c, u) }",
    "jacobian": "fn step(u) { u - 0.1 * sum(jacobian([u^3, c * u^2], u)) }",
    "of an array": "fn step(u) { v = [u, c]; u - 0.1 * sum(grad(sum(v^3), v)) }",
    "cotangent": "fn step(u) { u - 0.1 * grad([u^2, c * u], u, [1, 2]) }",
    "own rule": "fn q(t) { t^3 } derivative (t, y, g) { 3 * t^2 * g }\n"
    "fn step(u) { u - 0.1 * grad(q(u) + c * u, u) }",
    "grad of grad": "fn step(u) { g = grad(u^4 / 8 + c * u^2, u); u - 0.2 * g / grad(g, u) }",
    "what came before": "fn step(u) { u + 0.1 * grad(sin(u) * k, u) }\nk = x * c",
}
"""Functions of u and c: a step whose derivative by both goes through the derivative inside."""

LOOP = "\ny = x\nfor i in range(TURNS) { y = step(y) }\ny"


def ran(text: str, **inputs: float) -> Outcome:
    return run(load(Source("<test>", text)), inputs)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_turn_records_as_much_as_any_other(step: str) -> None:
    sizes = [
        len(ran(step + LOOP.replace("TURNS", str(turns)), x=0.4, c=0.3).graph.nodes)
        for turns in (10, 20, 30)
    ]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] < 700


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_loop_of_derivatives_can_be_differentiated(step: str) -> None:
    """Against differences of its values, which take nothing from a sweep of the loop."""
    text = step + LOOP.replace("TURNS", "4")
    (evaluation,) = evaluate(load(Source("<test>", text)), {"x": 0.4, "c": 0.3})
    for name in ("x", "c"):
        at = {"x": 0.4, "c": 0.3}
        low, high = (
            value_of(ran(text, **{**at, name: at[name] + h}).outputs["result"])
            for h in (-1e-5, 1e-5)
        )
        assert evaluation.gradient[name] == pytest.approx((high - low) / 2e-5, rel=1e-6, abs=1e-9)


def test_the_derivatives_of_a_loop_have_closed_forms() -> None:
    """A step u - a·u of u²/2 makes of x after n turns (1 - a)^n·x."""
    text = "fn step(u) { u - a * grad(u^2 / 2, u) }" + LOOP.replace("TURNS", "50")
    inputs: dict[str, Any] = {"x": 3.0, "a": 0.1}
    program = load(Source("<test>", text))
    (evaluation,) = evaluate(program, inputs)
    assert evaluation.gradient["x"] == pytest.approx(0.9**50, rel=1e-13)
    assert evaluation.gradient["a"] == pytest.approx(-50 * 3 * 0.9**49, rel=1e-13)
    (second,) = evaluate(program, inputs, question=Question("hessian"))
    assert second.found["a"]["a"] == pytest.approx(50 * 49 * 3 * 0.9**48, rel=1e-12)
    assert second.found["x"]["a"] == pytest.approx(-50 * 0.9**49, rel=1e-12)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_what_nothing_is_differentiated_by_leaves_no_history(step: str) -> None:
    text = f"c = 0.3\nx = 0.4\n{step}" + LOOP.replace("TURNS", "9")
    outcome = ran(text)
    assert (outcome.graph.nodes, outcome.graph.leaves) == ([], 0)
    assert outcome.outputs["result"] == value_of(
        ran(step + LOOP.replace("TURNS", "9"), x=0.4, c=0.3).outputs["result"]
    )


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        # A function that is given out holds on to what it was made in.
        ("fn make(u) { g = grad(u^2, u); fn(t) { g * t } }\nmake(3)(x)", None),
        # What reads a variable that is differentiated by.
        ("fn f(u) { grad(u^2 * x, u) }\nf(3)", None),
        # What is not finite is told of.
        ("fn f(u) { grad(log(u), u) + log(u) }\nf(-1) + x", None),
        ("fn f(u) { grad(u^2, u) }\nf(3) + x", 2),
        ("fn f(u) { return u, grad(u^2, u) }\na, b = f(3)\na + b + x", 2),
    ],
)
def test_what_is_kept(text: str, nodes: int | None) -> None:
    outcome = ran(text, x=2.0)
    assert len(outcome.graph.nodes) == nodes if nodes else len(outcome.graph.nodes) > 4


def test_a_derivative_by_what_a_session_made_before() -> None:
    from autodiff_cli.api.session import Session

    session = Session()
    session.run("fn step(u) { u - 0.25 * grad(u^2, u) }\nx = 3\nz = x^2")
    session.run("a = grad(x^3, x)\nw = z * x")
    session.run("b = grad(w * a, x)")
    # w·a = x³·3x²: 15 x⁴
    assert session["b"] == pytest.approx(15 * 81)
    session.run("k = z * 2\nd = grad(grad(k * w, x), x)")
    # 2x²·x³, twice: 40 x³
    assert session["d"] == pytest.approx(40 * 27)
    assert np.isfinite(session["a"])
