"""Processes that work on blocks end with who waits for them."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from autodiff_cli.api.engines import Engines
from autodiff_cli.batch.mapping import Plan
from autodiff_cli.batch.workers import Workers
from autodiff_cli.data.streams.csv_blocks import CsvBlock
from autodiff_cli.data.streams.records import Header
from autodiff_cli.explain.evaluation import Question
from autodiff_cli.interpreter.machine import Limits, Settings
from autodiff_cli.language.source import Source


class StopError(Exception):
    pass


@pytest.mark.parametrize("engine", ["graph", "native"])
def test_a_worker_at_work_is_ended(engine: str) -> None:
    settings = Settings(limits=Limits(steps=10**12, nodes=10**12, memory=1e15))
    source = Source("<test>", "y = t; while y > 0 { y += t }; y")
    plan = Plan(
        source,
        None,
        None,
        settings,
        Question(),
        {},
        {},
        "csv",
        engines=partial(Engines, engine=engine),
    )

    def stop(*_: object) -> None:
        raise StopError

    before = signal.signal(signal.SIGALRM, stop)
    workers = Workers(plan, Header(["t"]), "<test>", 1)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(StopError):
            list(workers.mapped([CsvBlock(b"1\n2\n", ("t",), ",")]))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        workers.end()
    (process,) = workers.processes
    process.join(20)
    assert process.exitcode == -signal.SIGTERM
