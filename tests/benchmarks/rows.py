"""A million records through `adiff map`, as whole processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from measure import Row, against, interleaved

RECORDS = 1_000_000
ROUNDS = 5
ASKED = 2000

BY_HAND = """
import sys
import numpy as np
import pyarrow.csv
import pyarrow.parquet
source, target = sys.argv[1:]
is_csv = source.endswith("csv")
table = pyarrow.csv.read_csv(source) if is_csv else pyarrow.parquet.read_table(source)
a, b, c, t = (table.column(name).to_numpy() for name in "abct")
e, cosine = np.exp(-b * t), np.cos(c * t)
y = a * e * cosine
for name, column in (
    ("y", y), ("dy_da", e * cosine), ("dy_db", -t * y), ("dy_dc", -a * e * np.sin(c * t) * t)
):
    table = table.append_column(name, [column])
(pyarrow.csv.write_csv if is_csv else pyarrow.parquet.write_table)(table, target)
"""

LINE = "y = a * exp(-b * t) * cos(c * t)"
BRANCH = "y = if t > 2.5 { a * exp(-b * t) * cos(c * t) } else { a * exp(-b * t) * sin(c * t) }"
LOOP = "y = a * exp(-b * t) * cos(c * t); n = 0; while n < t { y = y * 0.9 + b; n += 1 }; y"


def rows() -> list[Row]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, RECORDS)
        adiff = [sys.executable, str(Path(sysconfig.get_path("scripts")) / "adiff"), "map"]

        def mapped(program: str, form: str) -> list[str]:
            target = str(folder / f"out.{form}")
            return [
                *adiff,
                "-e",
                program,
                "--wrt",
                "a,b,c",
                str(folder / f"in.{form}"),
                "-o",
                target,
            ]

        commands = {"csv": mapped(LINE, "csv"), "parquet": mapped(LINE, "parquet")}
        commands |= {"if": mapped(BRANCH, "csv"), "while": mapped(LOOP, "csv")}
        for form in ("csv", "parquet"):
            files = [str(folder / f"in.{form}"), str(folder / f"hand.{form}")]
            commands[f"hand {form}"] = [sys.executable, "-c", BY_HAND, *files]
        subjects = {what: partial(_run, command) for what, command in commands.items()}
        seconds = interleaved(subjects, ROUNDS)
        table = [
            against("CSV to CSV", seconds["csv"], "NumPy by hand", seconds["hand csv"], 1.3),
            against(
                "Parquet to Parquet",
                seconds["parquet"],
                "NumPy by hand",
                seconds["hand parquet"],
                1.2,
            ),
            against("with an `if`", seconds["if"], "the straight line", seconds["csv"], 2.0),
            against("with a `while`", seconds["while"], "the straight line", seconds["csv"], 3.0),
        ]
        return [*table, _memory(folder, adiff), _round_trip(adiff)]


def _write(folder: Path, count: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    rng = np.random.default_rng(0)
    table = pa.table({name: rng.uniform(0.1, 3.0 + 2.0 * (name == "t"), count) for name in "abct"})
    pyarrow.csv.write_csv(table, folder / "in.csv")
    pyarrow.parquet.write_table(table, folder / "in.parquet")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _memory(folder: Path, adiff: list[str]) -> Row:
    """The peak of ten million records over that of one million, of a child that is measured."""
    peaks = []
    content = (folder / "in.csv").read_bytes()
    header, _, body = content.partition(b"\n")
    for times in (1, 10):
        with subprocess.Popen(
            [sys.executable, "-c", PEAK, *adiff, "-e", LINE, "--wrt", "a,b,c"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(header + b"\n")
            for _ in range(times):
                process.stdin.write(body)
            process.stdin.close()
            peaks.append(int(process.stderr.read()) / 1024)
    ratio = peaks[1] / peaks[0]
    return Row(
        what="peak memory of 10,000,000 records",
        measured=f"{peaks[1]:.0f} MB",
        peer=f"1,000,000 records: {peaks[0]:.0f} MB",
        ratio=f"{ratio:.3f}",
        target="≤ 1.1",
        met=ratio <= 1.1,
    )


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def _round_trip(adiff: list[str]) -> Row:
    command = [*adiff, "-e", LINE, "--line-buffered", "--only-new"]
    seconds = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as oracle:
        assert oracle.stdin is not None
        assert oracle.stdout is not None
        for i in range(ASKED):
            point: dict[str, Any] = {"a": 1.0, "b": 0.5, "c": 2.0, "t": i / ASKED}
            start = perf_counter()
            oracle.stdin.write(json.dumps(point).encode() + b"\n")
            oracle.stdin.flush()
            oracle.stdout.readline()
            seconds.append(perf_counter() - start)
        oracle.stdin.close()
    median = statistics.median(seconds[ASKED // 10 :]) * 1e3
    return Row(
        what="one record over a pipe, there and back",
        measured=f"{median:.3f} ms",
        target="≤ 0.3 ms",
        met=median <= 0.3,
    )
