"""The same over a cluster as on one machine, though a worker dies on the way."""

from __future__ import annotations

import csv
import io
import os
import signal
from itertools import starmap
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autodiff_cli.batch import cluster as dask
from autodiff_cli.data.streams import partitions
from autodiff_cli.data.streams.csv_blocks import CsvReader
from tests.batch.bad_records import check_bad_records
from tests.commands.shell import adiff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

distributed = pytest.importorskip("distributed")
dask_config = pytest.importorskip("dask.config")

PROGRAM = ("map", "-e", "y = if t > 20 { sin(t) * a } else { exp(-t) * a }", "a=0.5")
TEXTS = ("x", '"a\nb"', '"q""\n\n""r"', '5" pipe', '"plain"')
ROWS = 2000


def rows(count: int) -> str:
    lines = [f"{i / 7},{TEXTS[i * i % 5]},{i % 3}\n" for i in range(count)]
    return "".join(["t,n,g\n", *lines])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    # Else who asks a dead worker for something may go on asking for half a minute.
    quick = dask_config.set({"distributed.comm.timeouts.connect": "2s"})
    options = {"dashboard_address": ":0", "silence_logs": 50}
    with quick, distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(partitions, "BYTES", 4000)
    (tmp_path / "in.csv").write_text(rows(ROWS))
    columns = {
        "t": [i / 7 for i in range(ROWS)],
        "n": ["x"] * ROWS,
        "g": [i % 3 for i in range(ROWS)],
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet", row_group_size=300)
    return tmp_path


@pytest.fixture
def die_at(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Any]]:
    """Lets a worker die when so many parts have been handed out, which are what this gives."""
    handed: list[Any] = []

    def start(count: int) -> list[Any]:
        def killing(*words: Any) -> Iterator[Any]:
            for part in partitions.parts_of(*words):
                handed.append(part)
                if len(handed) == count:
                    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
                yield part

        monkeypatch.setattr(dask, "parts_of", killing)
        return handed

    return start


@pytest.mark.parametrize(
    "words", [("in.csv",), ("in.parquet", "in.csv", "--sum", "--group-by", "g")]
)
def test_a_worker_that_is_killed_loses_nothing(
    cluster: Any, folder: Path, die_at: Callable[[int], list[Any]], words: tuple[str, ...]
) -> None:
    parts = die_at(9)
    done = adiff(*PROGRAM, *words, "--cluster", cluster.scheduler_address)
    assert len(parts) > 9
    assert {type(part) for part in parts} <= {partitions.CsvPart, partitions.ParquetPart}
    assert done == adiff(*PROGRAM, *words)
    assert done.status == 0


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 100, 3000])
def test_the_parts_of_a_csv_are_its_rows(
    size: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is cut: within a cell, within quotes, between two of them."""
    monkeypatch.setattr(partitions, "BYTES", size)
    text = rows(90)
    (folder / "in.csv").write_text(text)
    with open("in.csv", "rb") as file:
        source = CsvReader(file, "in.csv", ",")
        parts = list(partitions.parts_of("in.csv", "in.csv", "csv", source, starmap))
    found = [list(row.values()) for part in parts for row in part.read().table.to_pylist()]
    assert found == list(csv.reader(io.StringIO(text, newline="")))[1:]


def test_bad_records_over_a_cluster(cluster: Any, folder: Path) -> None:
    check_bad_records("--cluster", cluster.scheduler_address)
    done = adiff(*PROGRAM, "--cluster", cluster.scheduler_address, stdin=rows(100))
    assert done == adiff(*PROGRAM, stdin=rows(100))


def test_no_cluster_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "SECONDS", 0.5)
    done = adiff("map", "-e", "y = t", "--cluster", "tcp://127.0.0.1:1", stdin="t\n1\n")
    assert done.status == 2
    assert "--cluster tcp://127.0.0.1:1: no cluster answers there" in done.err


def test_a_cluster_that_goes_away_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with distributed.LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0", silence_logs=50
    ) as started:

        def leaving(*words: Any) -> Iterator[Any]:
            for number, part in enumerate(partitions.parts_of(*words)):
                if number == 2:
                    started.close()
                yield part

        monkeypatch.setattr(dask, "parts_of", leaving)
        done = adiff(*PROGRAM, "in.csv", "--cluster", started.scheduler_address, "-o", "out.csv")
    assert "the cluster has gone before its work was done" in done.err
    assert done.status == 1
    assert not (folder / "out.csv").exists()
