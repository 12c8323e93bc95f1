"""Records in machine code come to what each comes to by itself."""

from __future__ import annotations

import signal
from functools import partial
from typing import Any

import numpy as np
import pytest

from autodiff_cli.api.engines import Engines
from autodiff_cli.batch.evaluator import Evaluator, Task
from autodiff_cli.compiler import native
from autodiff_cli.errors import LimitError, TimeOver
from autodiff_cli.explain.evaluation import Question, evaluate
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from tests.batch.test_batches import Programs

ROWS = 60


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    """An empty cache, and the compiler that is quick, where there is one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with monkeypatch.context() as without:
        without.setenv("CC", "no-such-compiler")
        found = native.compiler()
    if found is not None:
        monkeypatch.setenv("CC", "no-such-compiler")
    elif native.compiler() is None:
        pytest.skip("there is no C compiler")


def evaluator(text: str, engine: Any = "native", limits: Limits | None = None) -> Evaluator:
    program = load(Source("<test>", text))
    settings = Settings(limits=limits or Limits())
    engines = partial(Engines, engine=engine)
    return Evaluator(Task(program, None, None, settings, Question(), {}, engines))


def in_code(
    text: str,
    columns: dict[str, Any],
    kind: Any = "rows",
    wrt: tuple[str, ...] | None = None,
    **shared: Any,
) -> Any:
    """The rows of code, those that are flagged with them; None where it does not compile.

    The others are compared with the interpreter: values bit for bit.
    """
    program = load(Source("<test>", text))
    columns = {name: c for name, c in columns.items() if name in program.resolved.inputs}
    count = len(next(iter(columns.values())))
    records = [
        {name: c[i].item() if c.ndim == 1 else c[i] for name, c in columns.items()} | shared
        for i in range(count)
    ]
    settings, question = Settings(), Question()
    engines = Engines(program, "native")
    code = engines.rows(records[0], wrt, None, settings, question, kind)
    if isinstance(code, str):
        return None
    found = code.run(columns, shared, count, settings.limits)
    for i in np.flatnonzero(~found.flagged).tolist():
        (want,) = evaluate(program, records[i], wrt, None, settings, question)
        assert not {"kink", "nan"} & {finding.kind for finding in want.findings}
        assert np.float64(found.value[i]).tobytes() == np.float64(want.value).tobytes()
        assert type(found.value[i].item()) is type(want.value)
        assert found.gradient.keys() == want.gradient.keys()
        for name, part in want.gradient.items():
            np.testing.assert_allclose(found.gradient[name][i], part, rtol=1e-13, atol=1e-13)
    return found


BOTH = pytest.mark.parametrize("kind", ["rows", "python rows"])


@BOTH
def test_random_programs_come_to_the_same_in_compiled_code(kind: str) -> None:
    compiled = done = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        columns = {name: rng.uniform(-3, 3, ROWS) for name in "xy"}
        columns["x"][:6] = [0, -1, 1, 2, 0.5, np.nan]
        found = in_code(Programs(seed).program(), columns, kind)
        compiled += found is not None
        done += 0 if found is None else np.count_nonzero(~found.flagged)
    assert compiled >= 30
    assert done >= 0.6 * compiled * ROWS


KINDS = [
    ("x * sum(v) + v[1]^2 * M[0, 1]", None, {"M": np.array([[1.0, 2.0], [3.0, 4.0]])}),
    ("if p { x } else { x^2 * k }", None, {"k": 3}),
    ("n = 0; while n < x { n += 1 }; n", (), {}),
    ("fn f(n) { if n < 1 { x } else { f(n - 1) * sin(y) + x } }; f(5)", None, {}),
    ("assert x > -5; tanh(x) * hypot(x, y) * k", ("x",), {"k": 2.5}),
]


@BOTH
@pytest.mark.parametrize(("text", "wrt", "shared"), KINDS)
def test_columns_of_every_kind(text: str, wrt: Any, shared: dict[str, Any], kind: str) -> None:
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {name: rng.uniform(-3, 3, ROWS) for name in "xy"}
    columns |= {"v": rng.normal(size=(ROWS, 3)), "p": rng.uniform(-1, 1, ROWS) > 0}
    found = in_code(text, columns, kind, wrt, **shared)
    assert found is not None
    assert not found.flagged.any()


@pytest.mark.parametrize("engine", ["native", "python"])
def test_what_there_is_to_tell_is_the_interpreters(engine: str) -> None:
    text = "n = 0; while n < 100 * k { n += 1 }; abs(x) * n + log(x + 0.9)"
    x, k = np.linspace(-1.0, 1.0, 41), np.ones(41)
    x[20], k[7] = 0.0, 100.0
    found, want = (
        evaluator(text, one, Limits(steps=1000)).evaluate({"x": x, "k": k}, len(x))
        for one in (engine, "graph")
    )
    odd, at_kink, too_long = 3, 1, 1
    assert found.ways.compiled.total() == len(x) - odd - at_kink - too_long
    assert list(found.errors) == list(want.errors) == [7]
    assert found.errors[7].what == want.errors[7].what
    assert found.kinks.tolist() == want.kinks.tolist()
    assert found.odd.tolist() == want.odd.tolist()
    assert found.kinks.sum() == at_kink
    assert found.odd.sum() == odd


def test_calls_that_are_too_deep_are_the_interpreters() -> None:
    texts = (
        "fn f(n) { if n < 1 { x } else { f(n - 1) * x } }; f(n)",
        "fn g(x) { x^2 }; fn f(x) { g(x) }; fn h(x) { f(x) }; fn i(x) { h(x) }; i(x) + n",
    )
    n = np.array([1.0, 2.0, 3.0, 1.0])
    for text, deep in zip(texts, ([2], [0, 1, 2, 3]), strict=True):
        found, want = (
            evaluator(text, engine, Limits(depth=3)).evaluate({"x": np.ones(4), "n": n}, 4)
            for engine in ("native", "graph")
        )
        assert list(found.errors) == list(want.errors) == deep
        assert found.ways.compiled.total() == 4 - len(deep)


def test_records_that_are_many_are_compiled_by_themselves() -> None:
    task = evaluator("y = x; for i in range(40) { y = sin(y) + x }; y", "auto")
    x = np.linspace(0.0, 1.0, 20_000)
    ways = [task.evaluate({"x": x}, len(x)).ways for _ in range(4)]
    assert ways[0].together == ways[-1].compiled.total() == len(x)


def test_records_that_part_into_many_paths_run_as_python_source(monkeypatch) -> None:
    monkeypatch.setattr(native, "compiler", lambda: None)
    text = "y = a; n = 0; while n < 400 * t { y = y * 0.9 + a * n; n += 1 }; y"
    t = np.linspace(0.0, 1.0, 1000)
    columns = {"a": 1 + t, "t": t}
    found = evaluator(text, "auto").evaluate(columns, len(t))
    assert found.ways.compiled["as Python source"] > 900
    assert found.ways.alone < 20
    want = evaluator(text, "graph").evaluate({n: c[::99] for n, c in columns.items()}, 11)
    for name, column in want.columns.items():
        np.testing.assert_allclose(found.columns[name][::99], column, rtol=1e-13)


def test_what_arrays_cannot_hold_is_compiled_too() -> None:
    x = np.linspace(0.0, 1.0, 1000)
    found = evaluator("assert x < 2; y = x; for i in range(40) { y = sin(y) + x }; y", "auto")
    ways = found.evaluate({"x": x}, len(x)).ways
    assert ways.compiled.total() > 900


def test_a_program_that_prints_is_left_to_the_interpreter() -> None:
    ways = evaluator("print(x); x^2", "python").evaluate({"x": np.ones(10)}, 10).ways
    assert ways.alone == 10


def test_a_jacobian_of_one_number_is_compiled() -> None:
    program = load(Source("<test>", "x * sum(v * v)"))
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=20), "v": rng.normal(size=(20, 3))}
    found, want = (
        Evaluator(
            Task(program, None, None, Settings(), Question("jacobian"), {}, engines)
        ).evaluate(columns, 20)
        for engines in (partial(Engines, engine="native"), None)
    )
    assert found.ways.compiled.total() == want.ways.together == 20
    assert found.columns.keys() == want.columns.keys()
    for name, column in want.columns.items():
        np.testing.assert_allclose(found.columns[name], column, rtol=1e-13)


def test_most_records_with_something_to_tell_are_for_arrays() -> None:
    task = evaluator("abs(x)")
    ways = [task.evaluate({"x": np.zeros(100)}, 100).ways for _ in range(2)]
    assert [one.together for one in ways] == [100, 100]
    assert task.evaluate({"x": np.ones(100)}, 100).ways.compiled.total() == 0


def test_rows_are_stopped_from_outside() -> None:
    code = Engines(load(Source("<test>", "n = 0; while n < x { n += 1 }; n * x")), "native").rows(
        {"x": 1.0}, None, None, Settings(), Question(), "rows"
    )

    def stop(number, frame):
        raise TimeOver(LimitError("over"))

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(TimeOver):
            code.run({"x": np.full(10_000_000, 100.0)}, {}, 10_000_000, Limits())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
