"""A program is prepared once, holds no values, and nothing of a run is the process's."""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.engine.graph import value_of
from autodiff_cli.errors import AdiffError, LimitError
from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.interpreter.program import Program, load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = {
    "floats": "x^2 * sin(x) / 3",
    "loop": "y = x; for i in range(50) { y = y + 0.01 * sin(y) * i }; y",
    "branch": "if x > 1 { x^3 } else { 2 * x }",
    "recursion": "fn f(n) { if n <= 0 { x } else { 1.1 * f(n - 1) } }; f(60)",
    "closures": "fn scaled(k) { fn(t) { k * t * x } }; sum(map(scaled(0.3), [1, 2, 3]))",
    "built in as a value": "apply = sin; apply(x) + fold(maximum, 0.1, [x, 2 * x])",
    "second order": "g = grad(x^3 * 0.1, x); g * x",
    "accumulated": "backward(x^2); backward(x^3 / 7); x.grad * x",
    "own rule": "fn f(t) { 3 * t } derivative (t, y, g) { 3.1 * g }; f(x) * x",
    "random": "shuffle(arange(50))[7] * x + rand() + sum(randn(5))",
    "array": "w = x * [0.1, 0.2, 0.3]; sum(w^2) + norm(w)",
}
SETTINGS = {
    "double": Settings(seed=1),
    "single": Settings(seed=2, single=True),
    "other seed": Settings(seed=3),
}


def answers(program: Program, settings: Settings, x: float) -> tuple[Any, ...]:
    (evaluation,) = evaluate(program, {"x": x}, None, None, settings)
    gradient = evaluation.gradient["x"]
    return type(evaluation.value), float(evaluation.value), type(gradient), float(gradient)


def prepared(text: str) -> Program:
    return load(Source("<test>", text))


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_that_has_run_is_as_good_as_new(text: str) -> None:
    kept = prepared(text)
    for x in (0.5, 2.0, -1.0):
        for settings in SETTINGS.values():
            assert answers(kept, settings, x) == answers(prepared(text), settings, x)


def test_it_can_be_differentiated_by_other_names_each_time() -> None:
    kept = prepared("z = x^2; y = z * x * c")
    for wrt in (["x"], ["z"], ["x", "z"], [], ["c"], ["x"]):
        (evaluation,) = evaluate(kept, {"x": 3.0, "c": 2.0}, wrt)
        by = {"x": 54.0, "z": 6.0, "c": 27.0}
        assert evaluation.gradient == {
            name: by[name] if wrt != ["x", "z"] or name == "z" else 54.0 for name in wrt
        }


def in_threads(*jobs: Callable[[], None]) -> None:
    """Runs all jobs at once, and raises what one of them raised."""
    failures: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as failure:
            failures.append(failure)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for failure in failures:
        raise failure


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_two_threads_do_not_meet(text: str) -> None:
    kept = prepared(text)
    want = {name: answers(kept, settings, 0.7) for name, settings in SETTINGS.items()}

    def job(name: str) -> Callable[[], None]:
        def repeat() -> None:
            for _ in range(20):
                assert answers(kept, SETTINGS[name], 0.7) == want[name]

        return repeat

    in_threads(*map(job, SETTINGS), *map(job, SETTINGS))


def test_each_thread_has_its_own_limit_of_memory() -> None:
    program = prepared("sum(zeros(300) * x)")

    def refused() -> None:
        for _ in range(50):
            with pytest.raises(LimitError, match="--max-memory"):
                run(program, {"x": 1.0}, settings=Settings(Limits(memory=1e3)))

    def allowed() -> None:
        for _ in range(50):
            run(program, {"x": 1.0}, settings=Settings(Limits(memory=1e6)))

    # A program so short fits into a kilobyte, and its array does not.
    in_threads(refused, allowed, refused, allowed)


def test_programs_are_read_in_many_threads() -> None:
    def job(text: str) -> Callable[[], None]:
        want = answers(prepared(text), SETTINGS["double"], 0.7)

        def repeat() -> None:
            for _ in range(10):
                assert answers(prepared(text), SETTINGS["double"], 0.7) == want

        return repeat

    in_threads(*map(job, PROGRAMS.values()))


@pytest.mark.parametrize(
    "text", ["x / 0 + sum(x / [0, 1])", "dot([1, 2], [1, 2, x])", "f = x; f(1)"]
)
def test_the_process_is_left_as_it_was(text: str) -> None:
    before = sys.getrecursionlimit(), gc.isenabled(), np.geterr()
    with suppress(AdiffError):
        run(prepared(text), {"x": 1.0})
    assert (sys.getrecursionlimit(), gc.isenabled(), np.geterr()) == before
    with pytest.warns(RuntimeWarning):
        np.array([1.0]) / 0


def test_a_deep_call_in_one_thread_outlives_a_short_one_in_another() -> None:
    deep = prepared("fn f(n) { if n <= 0 { x } else { f(n - 1) } }; f(5000)")
    short = prepared("x + 1")

    def again() -> None:
        for _ in range(200):
            run(short, {"x": 1.0})

    def once() -> None:
        for _ in range(5):
            assert value_of(run(deep, {"x": 1.0}).outputs["result"]) == 1.0

    in_threads(once, again, once, again)
