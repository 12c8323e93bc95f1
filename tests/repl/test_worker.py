"""What runs is stopped, or left behind; and what was left behind changes nothing any more."""

from __future__ import annotations

import os
import signal
from threading import Event
from threading import enumerate as threads
from typing import Any

import pytest

from autodiff_cli.api.session import Session
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.repl.worker import Worker


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_results_and_errors_come_back() -> None:
    worker = Worker()
    assert worker.call(lambda: 3, pytest.fail) == 3
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 / 0, pytest.fail)
    assert worker.call(lambda: 4, pytest.fail) == 4


def test_what_is_in_python_is_stopped() -> None:
    def work() -> None:
        interrupt()
        while True:
            pass

    worker = Worker()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            worker.call(work, pytest.fail)
        assert worker.call(lambda: 5, pytest.fail) == 5


def test_what_does_not_stop_is_left_behind() -> None:
    release, ended, abandoned = Event(), Event(), []

    def work() -> None:
        interrupt()
        try:
            release.wait()
        finally:
            ended.set()

    worker = Worker()
    before = len(threads())
    with pytest.raises(KeyboardInterrupt):
        worker.call(work, lambda: abandoned.append(True))
    assert abandoned == [True]
    assert worker.call(lambda: 6, pytest.fail) == 6
    release.set()
    assert ended.wait(10)
    assert worker.call(lambda: len(threads()), pytest.fail) <= before + 2


RULE = "fn f(t) { t }\nderivative (t, y, g) { print(1); g }\n"
TEXTS = {
    "a statement": "x = 4; y = x * 2; r = rand(); print(1); x = 5",
    "a sweep": f"{RULE}backward(y * f(y^2) * x)",
    "a sweep that records": f"{RULE}g = grad(f(y), x)",
    "a loop": "for i in range(3) { x = x + 1; backward(x * y); print(i) }",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_session_goes_on_without_it(text: str) -> None:
    begun, release = Event(), Event()

    def hold(_: str) -> None:
        if not begun.is_set():
            begun.set()
            interrupt()
            release.wait()

    session = Session(Settings(seed=3, on_print=hold))
    session.run("x = 3; y = x^2; backward(y)")
    draw = session.evaluate("rand()", []).value

    def state() -> tuple[Any, ...]:
        gradient = session.evaluate("y * x", ["x", "y"]).gradient
        accumulated = session.run("x.grad + 0").values["result"]
        return session.names, session["x"], session["y"], gradient, accumulated, session.nodes()

    before = state()
    worker, others = Worker(), set(threads())
    with pytest.raises(KeyboardInterrupt):
        worker.call(lambda: session.run(text), session.abandon)
    assert begun.is_set()
    assert state() == before
    left = set(threads()) - others
    release.set()
    for thread in left:
        if thread is not worker._thread:
            thread.join(10)
    assert state() == before
    assert session.evaluate("rand()", []).value == draw
    session.run("x = 7; z = x * y")
    assert session.evaluate("z", ["x", "y"]).gradient == {"x": 9.0, "y": 7.0}
