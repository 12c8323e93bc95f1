"""`name=@spec` as a whole: which file is meant, which reader, and what goes wrong on the way.

What each format holds is tested beside its reader.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff_cli.data import files
from autodiff_cli.data.files import read_file_value, read_inputs_file
from autodiff_cli.errors import UsageError

TABLE = "height,weight\n1,2\n3,4\n"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _refused(spec, name="X"):
    with pytest.raises(UsageError) as caught:
        read_file_value(spec, name)
    return caught.value


def _same(value, want):
    assert type(value) is type(want)
    np.testing.assert_array_equal(value, want, strict=isinstance(want, np.ndarray))


# --- which part of the spec is the path -----------------------------------------------------


@pytest.mark.parametrize(
    ("file", "spec", "want"),
    [
        ("d.csv", "d.csv", [[1.0, 2.0], [3.0, 4.0]]),
        ("d.csv", "d.csv:weight", [2.0, 4.0]),
        ("D.CSV", "D.CSV:weight", [2.0, 4.0]),
        ("12:30.csv", "12:30.csv:weight", [2.0, 4.0]),
        ("12:30.csv", "12:30.csv", [[1.0, 2.0], [3.0, 4.0]]),
        ("a.csv:b.csv", "a.csv:b.csv", [[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_path_and_column_are_told_apart(file, spec, want):
    Path(file).write_text(TABLE)
    _same(read_file_value(spec, "X"), np.array(want))


def test_a_column_may_hold_a_colon():
    Path("d.csv").write_text("time:s,b\n1,2\n")
    _same(read_file_value("d.csv:time:s", "X"), np.array([1.0]))


def test_the_exact_file_goes_before_a_column():
    Path("d.csv").write_text("x.csv\n1\n")
    Path("d.csv:x.csv").write_text("9\n")
    _same(read_file_value("d.csv:x.csv", "X"), np.array([[9.0]]))


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("gone.csv:weight", "gone.csv"),
        ("gone.npz:dy/dx", "gone.npz"),
        ("C:\\data.csv", "C:\\data.csv"),
        ("C:\\data.csv:weight", "C:\\data.csv"),
        ("gone:weight", "gone:weight"),
        ("", ""),
        ("folder/gone.csv", "folder/gone.csv"),
    ],
)
def test_a_missing_file_is_named_without_its_column(spec, path):
    error = _refused(spec)
    assert error.what == f"input X: {path}: no such file"
    assert error.help == "check the path; it starts from the folder that the command runs in"


# --- files that cannot be read ---------------------------------------------------------------


def test_a_missing_file_with_a_similar_neighbour():
    Path("data.csv").write_text(TABLE)
    error = _refused("dta.csv:weight")
    assert error.what == "input X: dta.csv: no such file"
    assert error.help == "did you mean `data.csv`?"


def test_a_file_below_a_file():
    Path("data.csv").write_text(TABLE)
    assert _refused("data.csv/x.csv").what == "input X: data.csv/x.csv: no such file"


def test_no_name_leaves_out_the_input():
    assert _refused("gone.csv", name="").what == "gone.csv: no such file"


def test_a_folder():
    Path("d.csv").mkdir()
    error = _refused("d.csv")
    assert (error.what, error.help) == (
        "input X: d.csv: is a folder, want a file",
        "name a file in it",
    )


@pytest.mark.parametrize(
    ("raised", "what", "help"),
    [
        (
            PermissionError(13, "Permission denied"),
            "input X: d.csv: no permission to read it",
            "change its permissions: chmod u+r",
        ),
        (
            OSError(5, "Input/output error"),
            "input X: d.csv: cannot be read: input/output error",
            "check the path",
        ),
    ],
)
def test_a_file_that_will_not_open(monkeypatch, raised, what, help):
    # Root may read anything, so the refusal is played.
    def refuse(*_):
        raise raised

    Path("d.csv").write_text(TABLE)
    monkeypatch.setattr(files, "open", refuse, raising=False)
    error = _refused("d.csv")
    assert (error.what, error.help) == (what, help)


def test_a_path_with_a_nul():
    error = _refused("a\0b.csv")
    assert error.what == "input X: a\0b.csv: cannot be read: embedded null byte"


@pytest.mark.parametrize(("file", "ending"), [("d.xls", ".xls"), ("d", ""), ("d.xls.gz", ".xls")])
def test_an_unknown_ending(file, ending):
    Path(file).write_text(TABLE)
    error = _refused(file)
    assert error.what == f'input X: {file}: unknown ending "{ending}"'
    assert error.help == (
        "endings that work: .json, .npy, .npz, .csv, .tsv, .txt, .dat, each also packed as .gz; "
        "or pipe it into the command"
    )


@pytest.mark.parametrize("ending", ["json", "npy", "npz", "csv", "txt"])
def test_an_empty_file(ending):
    Path(f"d.{ending}").touch()
    error = _refused(f"d.{ending}")
    assert error.what == f"input X: d.{ending}: the file is empty"
    assert error.help == "put at least one number into it"


@pytest.mark.parametrize("ending", ["json", "csv", "txt"])
@pytest.mark.parametrize("content", [" \n\r\n\t", "\ufeff"])
def test_a_blank_file(ending, content):
    Path(f"d.{ending}").write_text(content, encoding="utf-8")
    error = _refused(f"d.{ending}")
    assert error.what == f"input X: d.{ending}: only blank lines"
    assert error.help == "put at least one number into it"


@pytest.mark.parametrize("ending", ["json", "csv", "txt"])
@pytest.mark.parametrize(
    ("content", "byte", "offset"),
    [(b"gr\xf6\xdfe\n1\n", "f6", 2), ("1\n".encode("utf-16"), "ff", 0)],
)
def test_a_text_that_is_not_utf8(ending, content, byte, offset):
    Path(f"d.{ending}").write_bytes(content)
    error = _refused(f"d.{ending}")
    assert error.what == f"input X: d.{ending}: not UTF-8, byte 0x{byte} at offset {offset}"
    assert error.help == "save it as UTF-8 text"


@pytest.mark.parametrize(
    ("file", "content", "help"),
    [
        ("d.json", b"[1]", "only an object has keys to choose from, and this is an array"),
        (
            "d.npy",
            _npy(np.ones(2)),
            "only a table has columns, and only an NPZ or a JSON object has keys",
        ),
    ],
)
def test_a_column_where_there_is_none(file, content, help):
    Path(file).write_bytes(content)
    error = _refused(f"{file}:a")
    assert error.what == f'input X: {file}: got ":a" after it, want none'
    assert error.help == help


@pytest.mark.parametrize(
    ("file", "content", "part", "want"),
    [
        ("d.tsv", b"a, b\tc\n1\t2\n", ":c", [2.0]),
        ("d.dat", b"# t  u\n\n1 2 # first\n3 4\n", "", [[1.0, 2.0], [3.0, 4.0]]),
        ("d.dat", b"# t  u\n1 2\n3 4\n", ":u", [2.0, 4.0]),
        ("d.dat", b"t u\n1 2\n3 4\n", ":u", [2.0, 4.0]),
        ("d.dat", b"t,u\n1,2\n", ":u", [2.0]),
        ("d.txt", b"1,2\n3,4\n", "", [[1.0, 2.0], [3.0, 4.0]]),
        ("d.txt", b"1 2\n3 4\n", ":#2", [2.0, 4.0]),
        ("d.txt", b"1.5D+03 1\n", "", [1500.0, 1.0]),
        ("d.json", b'{"x": [1, 2], "y:z": 3}', ":x", [1.0, 2.0]),
        ("d.json", b'{"x": [1, 2], "y:z": 3}', ":y:z", 3.0),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_part_of_a_file(file, content, part, want, packed):
    if packed:
        file, content = f"{file}.gz", gzip.compress(content)
    Path(file).write_bytes(content)
    _same(read_file_value(f"{file}{part}", "X"), np.array(want) if isinstance(want, list) else want)


def test_what_numpy_writes_as_text():
    array = np.array([[1.5, -2.0], [3.0, 1e300]])
    for name, options in {
        "d.txt": {},
        "d.dat": {"header": "t u"},
        "d.txt.gz": {"header": "made by a logger\nt u"},
        "d.csv": {"delimiter": ",", "header": "t,u"},
        "d.tsv": {"delimiter": "\t", "footer": "the end"},
    }.items():
        np.savetxt(name, array, **options)
        _same(read_file_value(name, "X"), array)


def test_a_packed_file_that_is_cut_short():
    Path("d.csv.gz").write_bytes(gzip.compress(TABLE.encode())[:-9])
    error = _refused("d.csv.gz")
    assert error.what == "input X: d.csv.gz: the gzip data is cut short or corrupt"


def test_thousands_of_very_many_columns():
    names = [f"c{index}" for index in range(200_000)]
    Path("d.csv").write_text(f"{','.join(names)}\n{','.join(map(str, range(200_000)))}\n")
    asked = names[::25]
    found = read_file_value(f"d.csv:{','.join(asked)}", "X")
    _same(found, np.arange(0.0, 200_000, 25)[None])
    assert "has no column" in _refused("d.csv:c").what


# --- many inputs at once ---------------------------------------------------------------------


def test_inputs_of_one_file():
    Path("in.json").write_text('{"x": 3, "ok": true, "w": [[1, 2]], "σ": "inf"}', "utf-8")
    values = read_inputs_file("in.json")
    assert list(values) == ["x", "ok", "w", "σ"]
    _same(values["x"], 3.0)
    _same(values["ok"], True)
    _same(values["w"], np.array([[1.0, 2.0]]))
    _same(values["σ"], float("inf"))


def test_no_inputs():
    Path("in.json").write_text("{}")
    assert read_inputs_file("in.json") == {}


@pytest.mark.parametrize(
    ("content", "what", "help"),
    [
        (
            "[1]",
            "in.json: got an array, want an object that gives each input by name",
            'write {"x": 3, "y": [1, 2]}',
        ),
        ('{"x": 1, "x": 2}', "in.json: input x is given twice", "keep one of the two"),
        (
            '{"x": 1,\n "y": }',
            "in.json, line 2, column 7: not JSON: expecting value",
            "an input is a number, true, false, or arrays of them in [ ]; nan is written NaN",
        ),
        (
            '{"x": 1, "y": [[1, 2], [3]]}',
            "input y: in.json: [1] has 1 item, [0] has 2",
            "all rows of an array need the same number of items, at every depth",
        ),
    ],
)
def test_inputs_that_are_wrong(content, what, help):
    Path("in.json").write_text(content)
    with pytest.raises(UsageError) as caught:
        read_inputs_file("in.json")
    assert (caught.value.what, caught.value.help) == (what, help)


def test_inputs_of_a_missing_file():
    with pytest.raises(UsageError, match=r"^in\.json: no such file$"):
        read_inputs_file("in.json")


# --- what it costs ---------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "content"), [("d.json", "3"), ("d.json", "true"), ("d.txt", "3")])
def test_a_scalar_loads_no_numpy(file, content):
    Path(file).write_text(content)
    code = (
        "import sys; from autodiff_cli.data.files import read_file_value; "
        f"read_file_value({file!r}, 'x'); sys.exit('numpy' in sys.modules)"
    )
    project = Path(files.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
