"""A million records through `adiff map`, as whole processes."""

from __future__ import annotations

import ctypes
import json
import shutil
import statistics
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from measure import Row, against, duration, interleaved

RECORDS = 1_000_000
ROUNDS = 5
ROWS, SECONDS_OF_ROWS = 200_000, 6e-3
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

BY_HAND_IN_C = """
#include <math.h>
void hand(long long n, const double *a, const double *b, const double *c, const double *t,
          double *y, double *da, double *db, double *dc)
{
    for (long long i = 0; i < n; i++) {
        double e = exp(-b[i] * t[i]), cosine = cos(c[i] * t[i]), value = a[i] * e * cosine;
        y[i] = value;
        da[i] = e * cosine;
        db[i] = -t[i] * value;
        dc[i] = -a[i] * e * sin(c[i] * t[i]) * t[i];
    }
}
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
        if shutil.which("cc"):
            table.append(_in_machine_code(folder))
        return [*table, _memory(folder, adiff), _round_trip(adiff)]


def _in_machine_code(folder: Path) -> Row:
    """The loop over rows alone, of columns that are in memory."""
    import numpy as np

    from autodiff_cli.api.engines import Engines
    from autodiff_cli.explain.evaluation import Question
    from autodiff_cli.interpreter.machine import Limits, Settings
    from autodiff_cli.interpreter.program import load
    from autodiff_cli.language.source import Source

    rng = np.random.default_rng(0)
    columns = {name: rng.uniform(0.1, 3.0 + 2.0 * (name == "t"), ROWS) for name in "abct"}
    code = Engines(load(Source("bench.ad", LINE)), "native").rows(
        dict.fromkeys("abct", 1.0), ("a", "b", "c"), None, Settings(), Question(), "rows"
    )
    (folder / "hand.c").write_text(BY_HAND_IN_C)
    command = ["cc", "-O3", "-std=c99", "-shared", "-fPIC", "-o", "hand.so", "hand.c", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    by_hand = ctypes.CDLL(str(folder / "hand.so")).hand

    def run() -> list[Any]:
        found = code.run(columns, {}, ROWS, Limits())
        return [found.value, *found.gradient.values()]

    def hand() -> list[Any]:
        found = [np.empty(ROWS) for _ in range(4)]
        places = [ctypes.c_void_p(one.ctypes.data) for one in (*columns.values(), *found)]
        by_hand(ctypes.c_longlong(ROWS), *places)
        return found

    for got, want in zip(run(), hand(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    seconds = interleaved({"native": run, "C by hand": hand}, 4 * ROUNDS)
    row = against(
        f"{ROWS:,} rows in machine code", seconds["native"], "C by hand", seconds["C by hand"], 1.25
    )
    least = statistics.median(seconds["native"])
    row.target += f", {duration(SECONDS_OF_ROWS)}"
    row.met = row.met and least <= SECONDS_OF_ROWS
    return row


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
