"""A session as a program: the same values, and the same derivatives by every name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.api.session import Session
from autodiff_cli.api.transcript import Entry, again, literal, written
from autodiff_cli.errors import UsageError
from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

Text = str | tuple[str, dict[str, Any]]

LAST = "_"


def entered(*texts: Text) -> tuple[Session, list[Entry]]:
    session = Session(Settings(seed=7), LAST)
    entries = []
    for each in texts:
        text, inputs = each if isinstance(each, tuple) else (each, {})
        entries.append(Entry(text, inputs, session.run(text, inputs).changed))
    return session, entries


def same(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True)


def close(one: Any, other: Any) -> bool:
    """The same, but for the order in which contributions were added."""
    return np.allclose(one, other, rtol=1e-12, atol=0, equal_nan=True)


def is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or hasattr(value, "dtype")


def compare(session: Session, entries: list[Entry]) -> None:
    """Every name, by every name that can be differentiated by."""
    made = written(entries, LAST)
    numbers = [name for name in session.names if name != LAST and is_number(session[name])]
    by = [name for name in numbers if np.asarray(session[name]).dtype != bool]
    program = load(Source("<saved>", made.text))
    for name in numbers:
        whole = f"sum({name})" if np.ndim(session[name]) else name
        want = session.evaluate(whole, by)
        ending = load(Source("<saved>", f"{made.text}{whole}\n"))
        (got,) = evaluate(ending, made.inputs, by, settings=session.settings)
        assert same(got.value, want.value), made.text
        for each in by:
            assert close(got.gradient[each], want.gradient[each]), f"d{name}/d{each}\n{made.text}"
    if LAST in session and is_number(session[LAST]):
        outcome = evaluate(program, made.inputs, [], settings=session.settings)
        assert any(same(one.value, session[LAST]) for one in outcome) or len(outcome) > 1


SESSIONS: dict[str, tuple[Text, ...]] = {
    "as it stands": ("x = 3", "y = x^2  # a comment", "fn f(t) { t * x }", "z = f(y)"),
    "bound anew": ("x = 3", "y = x^2", "x = 5", "z = x * y", "x = x * z"),
    "read by a function": ("x = 3", "fn f(t) { t * x }", "y = f(2)", "x = 5", "z = f(2) * y"),
    "a function anew": ("x = 2", "fn f(t) { t * x }", "y = f(1)", "fn f(t) { t^2 }", "z = f(y)"),
    "recursion": ("x = 2", "fn p(n) { if n <= 0 { 1 } else { x * p(n - 1) } }", "y = p(3)"),
    "closures": ("x = 2", "fn make(k) { fn(t) { k * t * x } }", "f = make(3)", "x = 4", "y = f(x)"),
    "loops": ("x = 0.5", "t = 0", "for i in range(3) { t = t + x; x = x * 2 }", "y = t * x"),
    "updates": ("x = 3", "x += 1", "v = [1, 2, 3]", "v[1] = x", "v *= 2", "y = sum(v) * x"),
    "not taken": ("x = 3", "if x > 5 { q = 1; x = 2 }", "y = x", "if x > 1 { x = y * 2 }", "z = x"),
    "several at once": ("a, b = [1, 2]", "a, b = b, a * b", "c = a - b"),
    "the last result": ("x = 3", "x^2", "_ + 1", "y = _ * x", "z = _^2", "_"),
    "the last result in a loop": ("x = 2", "for i in range(2) { x = x * i }", "x + 1", "z = _ + i"),
    "a name that is built in": ("x = 1", "y = sum([x, 2])", "y2 = y * 3", "mean = y2", "z = mean"),
    "from outside": (("input X\ny = sum(X) * 2", {"X": np.arange(3.0)}), "z = y^2"),
    "outside, and anew": (("input w = 3\ny = w^2", {"w": 4.0}), ("", {"w": 7.0}), "z = w * y"),
    "outside, undeclared": (("y = w^2", {"w": 4.0}), "w = w * y", "z = w"),
    "a flag": ("b = 3 > 2", "x = 1", "if b { x = 2 }", "b = x > 3", "y = if b { x } else { -x }"),
    "gradients": ("x = 2", "g = grad(x^3, x)", "x = x - 0.1 * g", "h = grad(x^3, x) * g"),
    "gradients in a loop": (
        "x = 2",
        "y = x",
        "for i in range(3) { x = x - 0.1 * grad(y^2, y) }",
    ),
    "accumulated": (
        "x = [1, 2]",
        "backward(sum(x^2))",
        "x = x - 0.1 * x.grad",
        "backward(sum(x^3))",
        "g = x.grad",
        "zero_grad(x)",
        "backward(sum(x))",
        "h = x.grad + g",
    ),
    "random": ("x = rand(3)", "y = sum(x * randn(3))", "x = x + rand(3)", "z = sum(x)"),
    "names that are taken": ("x_ = 1", "x_1 = 2", "x = 3", "x = x * x_", "x *= x_1", "y = x"),
    "statements on a line": ("x = 1; y = x; x = 2; for i in range(2) { x = x * y }; z = x * y",),
}


@pytest.mark.parametrize("texts", SESSIONS.values(), ids=SESSIONS)
def test_the_program_has_the_values_and_the_derivatives(texts: tuple[Text, ...]) -> None:
    compare(*entered(*texts))


@pytest.mark.parametrize("texts", SESSIONS.values(), ids=SESSIONS)
def test_it_runs_again(texts: tuple[Text, ...]) -> None:
    session, entries = entered(*texts)
    other, run = again(entries, session.settings, LAST)
    assert run == entries
    assert other.names == session.names
    for name in session.names:
        if is_number(session[name]):
            assert same(session[name], other[name])


def test_what_is_bound_once_stands_as_it_was_written() -> None:
    _, entries = entered("x = 3", "y = x^2  # squared", "fn f(t) {\n    t * x\n}", "x * f(y)")
    assert written(entries, LAST).text == "".join(f"{entry.text}\n" for entry in entries)


def test_what_has_no_part_in_a_value_is_left_out() -> None:
    _, entries = entered("x = 3", "q = 7", "fn f(t) { t * x }", "w = q + x", "x = 4", "y = f(2)")
    assert "q" not in written(entries, LAST, {"y"}).text
    session, entries = entered("x = 3", "q = rand()", "y = rand()")
    made = written(entries, LAST, {"y"})
    (evaluation,) = evaluate(load(Source("", made.text)), {}, [], settings=session.settings)
    assert made.is_random
    assert evaluation.value == session["y"]


@pytest.mark.parametrize("text", ["fn f(t) { t }", "backward(x)", "if x < 1 { x = 1 }", "print(x)"])
def test_a_program_ends_with_the_last_result(text: str) -> None:
    _, entries = entered("x = 3", "y = x^2", text)
    (evaluation,) = evaluate(load(Source("", written(entries, LAST).text)), {}, ["x"])
    assert (evaluation.value, evaluation.gradient) == (9.0, {"x": 6.0})


def test_the_last_result_is_wanted() -> None:
    _, entries = entered("x = 3", "x^2", "y = 1", "x^3")
    assert written(entries, LAST, {LAST}).text.splitlines()[-1] == "_ = x^3"


def test_a_function_that_differentiates_by_what_has_changed_is_refused() -> None:
    _, entries = entered("x = 3", "fn slope() { grad(x^2, x) }", "y = slope()", "x = 4")
    with pytest.raises(UsageError, match="`x`, which has had several values"):
        written(entries, LAST)


@pytest.mark.parametrize(
    "value",
    [1.5, True, np.arange(3.0), np.array([[True, False]]), np.zeros((2, 0)), np.array([np.nan])],
    ids=str,
)
def test_literals(value: Any) -> None:
    session = Session()
    assert same(session.run(f"x = {literal(value)}").values["x"], value)


VARIABLES = ("a", "b", "c")


@st.composite
def sessions(draw: st.DrawFn) -> list[str]:
    lines = ["a = 0.7", "b = 1.3", "c = 2", "fn f(t) { t * a + b }"]
    operand = st.sampled_from([*VARIABLES, "0.5", "sin(a)", "exp(b / 9)", "(a * c)", "f(c)", "_"])
    for _ in range(draw(st.integers(1, 8))):
        name, one, other = draw(st.sampled_from(VARIABLES)), draw(operand), draw(operand)
        lines.append(
            draw(
                st.sampled_from(
                    [
                        f"{name} = {one} * {other} + 0.1",
                        f"{name} += {one}",
                        f"for i in range(3) {{ {name} = 0.3 * {one} + 0.2 * {name} }}",
                        f"if a > b {{ {name} = {one} }} else {{ {name} = {other} - 0.4 }}",
                        f"if a > b {{ {name} = {one} }}",
                        f"fn f(t) {{ t * {name} }}",
                        f"{one} - {other}",
                        f"{name} = grad({name} * {one}, {name}) + {other}",
                        f"{name}, c = {one}, {other}",
                        f"backward({name} * a); {name} = {name}.grad + {one}",
                        f"{name} = {one} * rand()",
                    ]
                )
            )
        )
    return lines


@settings(deadline=None)
@given(sessions())
def test_any_session_has_a_program(lines: list[str]) -> None:
    compare(*entered(*lines))
