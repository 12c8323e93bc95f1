"""The same over a cluster as on one machine, though a worker dies on the way."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from autodiff_cli.batch.cluster import mapped
from autodiff_cli.batch.mapping import Mapper, Plan
from autodiff_cli.data.streams.csv_blocks import CsvBlock
from autodiff_cli.explain.evaluation import Question
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.language.source import Source
from tests.commands.shell import adiff

if TYPE_CHECKING:
    from collections.abc import Iterator

distributed = pytest.importorskip("distributed")

TEXT = "y = if t > 20 { sin(t) * a } else { exp(-t) * a }"


@pytest.fixture
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as started:
        yield started


def test_a_worker_that_is_killed_loses_nothing(cluster: Any) -> None:
    plan = Plan(Source("<test>", TEXT), ["a"], None, Settings(), Question(), {"a": 0.5}, {}, "csv")
    blocks = [
        CsvBlock("".join(f"{i + k / 8}\n" for k in range(40)).encode(), ("t",), ",")
        for i in range(40)
    ]

    def killing() -> Iterator[CsvBlock]:
        for number, block in enumerate(blocks):
            if number == 12:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
            yield block

    mapper = Mapper(plan, ["t"], "<test>")
    found = [p.content for p in mapped(plan, ["t"], "<test>", killing(), cluster.scheduler_address)]
    assert found == [mapper.work(block).content for block in blocks]

    data = "t\n" + "".join(f"{i / 7}\n" for i in range(500))
    words = ("map", "-e", TEXT, "a=0.5", "--sum")
    done = adiff(*words, "--cluster", cluster.scheduler_address, stdin=data)
    assert done.out == adiff(*words, stdin=data).out


def test_no_cluster_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodiff_cli.batch.cluster.SECONDS", 0.5)
    done = adiff("map", "-e", "y = t", "--cluster", "tcp://127.0.0.1:1", stdin="t\n1\n")
    assert done.status == 2
    assert "--cluster tcp://127.0.0.1:1: no cluster answers there" in done.err
