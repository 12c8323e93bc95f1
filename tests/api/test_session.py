"""A session: statements one by one, over one graph that grows."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff_cli.api.session import FEW, Session
from autodiff_cli.errors import AdiffError, ProgramError, RunError, UsageError
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source


def result(session: Session, text: str) -> Any:
    values = session.run(text).values
    assert len(values) <= 1
    return next(iter(values.values()), None)


def plain(value: Any) -> Any:
    return np.asarray(value).tolist()


def test_the_chapter_on_automatic_differentiation() -> None:
    session = Session(Settings(seed=1))
    assert plain(result(session, "x = arange(4)")) == [0, 1, 2, 3]
    with pytest.raises(RunError, match="before any `backward`"):
        session.run("x.grad")
    assert result(session, "y = 2 * dot(x, x)") == 28
    assert session.run("backward(y)").values == {}
    assert plain(result(session, "x.grad")) == [0, 4, 8, 12]
    assert plain(result(session, "x.grad == 4 * x")) == [True] * 4
    session.run("zero_grad(x)")
    session.run("y = sum(x)")
    session.run("backward(y)")
    assert plain(result(session, "x.grad")) == [1, 1, 1, 1]
    session.run("zero_grad(x)")
    session.run("backward(sum(x))")
    session.run("backward(sum(x))")
    assert plain(result(session, "x.grad")) == [2, 2, 2, 2]
    session.run("zero_grad(x)")
    session.run("y = x * x")
    session.run("u = detach(y)")
    session.run("z = u * x")
    session.run("backward(sum(z))")
    assert plain(result(session, "x.grad == u")) == [True] * 4
    session.run("zero_grad(x); backward(sum(y))")
    assert plain(result(session, "x.grad == 2 * x")) == [True] * 4
    session.run("u = detach(x*x)")
    assert plain(session["u"]) == [0, 1, 4, 9]
    session.run(
        "fn f(a) {\n  b = a * 2\n  while norm(b) < 1000 { b = b * 2 }\n"
        "  if sum(b) > 0 { c = b } else { c = 100 * b }\n  c\n}"
    )
    session.run("a = randn()")
    session.run("d = f(a)")
    session.run("backward(d)")
    assert result(session, "a.grad == d / a") is True


def test_every_name_can_be_differentiated_by_later() -> None:
    session = Session()
    for text in ("x = 3", "y = x^2", "z = y * x", "alias = z"):
        session.run(text)
    by = session.evaluate("alias", ["x", "y", "z"]).gradient
    assert by == {"x": 27.0, "y": 3.0, "z": 1.0}
    assert session.evaluate("alias").gradient == {"x": 27.0}
    assert result(session, "grad(z, y)") == 3.0
    assert result(session, "g = grad(z, x)") == 27.0
    assert result(session, "grad(g, x)") == 18.0
    assert type(session["g"]) is float
    assert session.evaluate("x * y", ["y"], Question("hessian")).hessian == {"y": {"y": 0.0}}


@pytest.mark.parametrize(
    ("setting", "question", "want"),
    [
        ("i = 2", "[5, 6, 7][i]", 7),
        ("i = [2, 0]", "[5, 6, 7][i]", [7, 5]),
        ("n = 3", "zeros(n)", [0, 0, 0]),
        ("n = 3", "sum_over(n, fn(k) { k })", 3),
        ("n = 3; t = 0", "for k in range(n) { t = t + k }; t", 3),
        ("n = 9007199254740993", "n - 9007199254740992", 1),
        ("n = 7", "n // 2", 3),
        ("b = 3 > 2", "if b { 1 } else { 2 }", 1),
    ],
)
def test_whole_numbers_count_and_index(setting: str, question: str, want: Any) -> None:
    session = Session()
    session.run(setting)
    assert plain(result(session, question)) == want


def test_a_name_that_is_bound_anew_is_a_new_leaf() -> None:
    session = Session()
    session.run("x = 3; y = x^2")
    session.run("backward(y)")
    session.run("x = 5")
    assert session["y"] == 9
    with pytest.raises(RunError, match="before any `backward`"):
        session.run("x.grad")
    assert session.evaluate("y * x", ["x"]).gradient == {"x": 9.0}
    evaluation = session.evaluate("y", ["x"])
    assert evaluation.gradient == {"x": 0.0}
    assert [finding.kind for finding in evaluation.warnings] == ["no-dependence"]


FAILING = {
    "unknown name": "a = 1; b = nowhere + 1",
    "syntax": "a = = 1",
    "assert": "x = 7; y = 1; fresh = 2; assert false",
    "shape": "x = 7; w = [1, 2] + [1, 2, 3]",
    "half a loop": "for i in range(3) { x = x + 1; backward(x^2); w = randn(3); assert i < 2 }",
    "zeroed": "zero_grad(); zero_grad(x); f = 3; assert false",
    "element": "v[0] = 100; fn g(t) { t }; v[7] = 1",
    "kink in a sweep": "x = 0; backward(w * 3); backward(abs(x * y) + sqrt(0 * x), [1, 2])",
    "random": "rand(3); shuffle(v); fn h(t) { q }",
    "too many steps": "while true { x = x + 1; r = rand() }",
    "defined": "fn f(t) { t + 100 }; f(1, 2)",
}


def state(session: Session) -> tuple[Any, ...]:
    values = {name: repr(session[name]) for name in session.names}
    gradient = {n: plain(g) for n, g in session.evaluate("f(x) * y + w * sum(v)").gradient.items()}
    draws = plain(session.evaluate("rand(3)", []).value)
    accumulated = plain(session.run("x.grad + 0").values["result"])
    return values, gradient, accumulated, draws, session.nodes()


@pytest.mark.parametrize("text", FAILING.values(), ids=FAILING)
def test_a_text_that_fails_leaves_all_as_it_was(text: str) -> None:
    session = Session(Settings(seed=4, limits=Limits(steps=1000)))
    session.run("x = 3; y = x^2; v = [1, 2, 3]; w = 2 * x; fn f(t) { t^2 * w }")
    session.run("backward(y * w); r = rand()")
    before = state(session)
    for _ in range(2):
        with pytest.raises(AdiffError):
            session.run(text)
        assert state(session) == before
    session.run("x = 4; a = f(x)")
    assert session["a"] == 96


def test_an_interrupt_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    session = Session(Settings(on_print=interrupt))
    session.run("x = 3; y = x^2")
    with pytest.raises(KeyboardInterrupt):
        session.run("x = 4; z = 5; for i in range(9) { y = y * 2; print(i) }")
    assert session.names == ["x", "y"]
    assert (session["x"], session["y"]) == (3, 9)
    assert session.evaluate("y", ["x"]).gradient == {"x": 6.0}


def test_a_sweep_that_fails_leaves_no_adjoints() -> None:
    session = Session()
    session.run("x = 0.5; y = x^2; k = abs(x - 0.5); z = y * 3 + k")
    with pytest.raises(AdiffError, match="kink"):
        session.evaluate("z", ["x"], Question(at_kink="error"))
    assert session.evaluate("z", ["x"]).gradient == {"x": 3.0}


def test_evaluating_changes_nothing() -> None:
    session = Session(Settings(seed=2))
    session.run("x = 3")
    want = session.evaluate("x * rand()", ["x"]).gradient
    assert session.evaluate("x * rand()", ["x"]).gradient == want
    session.evaluate("if x > 2 { x = 9; other = 1; x } else { 0 }", ["x"])
    assert session.names == ["x"]
    assert session["x"] == 3
    with pytest.raises(UsageError, match="want one expression"):
        session.evaluate("y = 4")
    with pytest.raises(UsageError, match="has no value"):
        session.evaluate("x^2", ["xx"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 * lenght", "give it a value first"),
        ("sin(xs)", "did you mean `xs2`?"),
        ("y = sqr(3)", "did you mean `sqrt`?"),
        ("ln", "the natural logarithm is `log(x)`"),
        ("True", "write `true`"),
    ],
)
def test_an_unknown_name_is_no_input(text: str, words: str) -> None:
    session = Session()
    session.run("xs2 = 1")
    with pytest.raises(ProgramError) as caught:
        session.run(text)
    assert caught.value.kind == "name"
    assert words in caught.value.help


def test_names_are_bound_from_outside() -> None:
    session = Session()
    session.define("X", np.arange(6.0).reshape(2, 3))
    session.define("n", 2)
    session.run("y = sum(X^2) * n")
    assert plain(session.evaluate("y", ["X"]).gradient["X"]) == [[0, 4, 8], [12, 16, 20]]
    for name, value in (("a b", 1), ("while", 1), ("q", "text"), ("x; y", 2)):
        with pytest.raises(AdiffError):
            session.define(name, value)
    assert session.names == ["X", "n", "y"]


def test_a_session_prints_where_python_does(capsys: pytest.CaptureFixture[str]) -> None:
    Session().run('x = 3; print("x is", x)')
    assert capsys.readouterr().out == "x is 3.0\n"


def test_an_error_tells_its_place_in_a_traceback() -> None:
    session = Session()
    for text in ("y = dot([1, 2], [1, 2, 3])", "y = = 2"):
        with pytest.raises(AdiffError) as caught:
            session.run(text)
        assert text in caught.value.__notes__[0]


def test_what_is_met_by_a_derivative_is_told() -> None:
    session = Session()
    session.run("x = 0; y = abs(x)")
    assert [finding.kind for finding in session.run("backward(y)").warnings] == ["kink"]
    assert [finding.kind for finding in session.evaluate("y", ["x"]).warnings] == ["kink"]
    assert session.run("y + 1").warnings == []


REBINDINGS = ("x = 3", "x = x + 1", "y = x^2", "f = fn(t) { t * x }", "v = arange(5) * x")


@pytest.mark.parametrize("text", REBINDINGS)
def test_what_no_name_can_reach_is_gone(text: str) -> None:
    session = Session()
    session.run("x = 3; v = [1, 2]")
    counts = []
    for _ in range(60):
        session.run(text)
        session.run("backward(x^2 + sum(v))")
        counts.append((session.nodes(), len(session._accumulated), len(session._frame)))
    assert counts[1] == counts[-1]


def test_memory_does_not_grow_with_rebindings() -> None:
    session = Session()
    session.run("x = 1; fn make() { a = x * 2; b = a * a; fn() { b } }")

    most = []
    tracemalloc.start()
    for _ in range(4):
        tracemalloc.reset_peak()
        for _ in range(FEW // 3):
            # Each name depends on what the others were before.
            session.run("f = make(); y = f(); x = y / y")
        most.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert most[-1] < 1.2 * most[1]


def test_long_chains_that_nothing_reaches_are_let_go() -> None:
    session = Session()
    session.run("x = 1; y = x; for i in range(200000) { y = y * 1.0000001 }")
    assert session.nodes() > 200_000
    session.run("y = 1")
    assert session.nodes() == 3


def work(session: Session, text: str) -> int:
    """How many steps of Python a text takes: a measure that no other process disturbs."""
    import sys

    steps = 0

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        session.run(text)
    finally:
        sys.setprofile(None)
    return steps


def test_a_statement_costs_what_it_does_and_not_what_was_before() -> None:
    session = Session(Settings(seed=0))
    texts = ("x = x + 1", "y = x^2 + 1", "backward(y)", "g = grad(y, x)", "w = rand()")
    session.run("x = 1; y = x; k = 2")
    costs = []
    for turn in range(300):
        session.run(f"n{turn} = k * {turn}")
        costs.append([work(session, text) for text in texts])
    assert costs[10] == costs[-1]


VARIABLES = ("a", "b", "c")


@st.composite
def statements(draw: st.DrawFn) -> list[str]:
    """Statements that bind some names by others, each of which has been bound."""
    lines = ["a = 0.7", "b = 1.3", "c = 2"]
    operand = st.sampled_from([*VARIABLES, "0.5", "sin(a)", "exp(b / 9)", "(a * c)"])
    for _ in range(draw(st.integers(1, 8))):
        name = draw(st.sampled_from(VARIABLES))
        kind = draw(st.sampled_from(["assign", "update", "loop", "branch", "call"]))
        one, other = draw(operand), draw(operand)
        if kind == "assign":
            lines.append(f"{name} = {one} * {other} + 0.1")
        elif kind == "update":
            lines.append(f"{name} += {one}")
        elif kind == "loop":
            lines.append(f"for i in range(3) {{ {name} = 0.3 * {one} + 0.2 * {other} }}")
        elif kind == "branch":
            lines.append(f"if a > b {{ {name} = {one} }} else {{ {name} = {other} - 0.4 }}")
        else:
            lines.append(f"fn f(t) {{ t * {one} }}; {name} = f({other})")
    return lines


@given(statements())
def test_a_session_computes_what_the_program_does(lines: list[str]) -> None:
    session = Session()
    for line in lines:
        session.run(line)
    # In the program a name is differentiated by its first value, in a session by its last:
    # these have one.
    last = ["p = a; q = b; r = c", "total = p * q + r"]
    for line in last:
        session.run(line)
    (want,) = evaluate(load(Source("<test>", "\n".join(lines + last))), {}, ["p", "q", "r"])
    got = session.evaluate("total", ["p", "q", "r"])
    assert got.value == want.value
    assert got.gradient == want.gradient
