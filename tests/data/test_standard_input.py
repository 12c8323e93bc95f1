"""`name=@-`: standard input, where what arrives has no ending that says what it is."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

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


def _refused(spec):
    with pytest.raises(UsageError) as caught:
        read_file_value(spec, "X")
    return caught.value


def _pipe_in(monkeypatch, content):
    if isinstance(content, str):
        content = content.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def _same(value, want):
    assert type(value) is type(want)
    np.testing.assert_array_equal(value, want, strict=isinstance(want, np.ndarray))


@pytest.mark.parametrize(
    ("spec", "content", "want"),
    [
        ("-", "3\n", 3.0),
        ("-", "1e3", 1000.0),
        ("-", "nan", float("nan")),
        ("-", '"-inf"\n', float("-inf")),
        ("-", "true\n", True),
        ("-", " [1, 2]\n", np.array([1.0, 2.0])),
        ("-", "1 2 3\n", np.array([1.0, 2.0, 3.0])),
        ("-", "1\n2\n3\n", np.array([1.0, 2.0, 3.0])),
        ("-", "1\t2\n3\t4\n", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("-", "1,2\n3,4\n", np.array([[1.0, 2.0], [3.0, 4.0]])),
        ("-", "a;b\n1;2\n", np.array([[1.0, 2.0]])),
        ("-", "weight\n1\n2\n", np.array([[1.0], [2.0]])),
        ("-", "\ta\n0\t1\n", np.array([[0.0, 1.0]])),
        ("-", "\ufeff5", 5.0),
        ("-:weight", TABLE, np.array([2.0, 4.0])),
        ("-:weight,height", TABLE, np.array([[2.0, 1.0], [4.0, 3.0]])),
        ("-:a:b", "a:b\n7\n", np.array([7.0])),
        ("-", _npy(np.float32([1, 2])), np.float32([1, 2])),
    ],
)
def test_standard_input_tells_the_formats_apart(monkeypatch, spec, content, want):
    _pipe_in(monkeypatch, content)
    _same(read_file_value(spec, "X"), want)


def test_a_file_called_dash_is_not_standard_input(monkeypatch):
    Path("-").write_text("1")
    _pipe_in(monkeypatch, "2")
    _same(read_file_value("-", "X"), 2.0)


@pytest.mark.parametrize(
    ("spec", "content", "what"),
    [
        ("-", "[1 2]", "standard input, line 1, column 4: not JSON: expecting ',' delimiter"),
        ("-", '{"x": 1}', "standard input: got an object, want a number"),
        ("-", "hello\n", 'standard input: no rows below the header "hello"'),
        ("-", "1 2\n3\n", "standard input, line 2 has 1 number, line 1 has 2"),
        ("-", "1,x\n2,y\n", 'standard input, row 2, column 2 (x): got "y", want a number'),
        ("-:a", "[1]", 'standard input: got ":a" after it, want none'),
        ("-:a", _npy(np.ones(2)), 'standard input: got ":a" after it, want none'),
        ("-", _npy(np.ones(2))[:-1], "standard input: the NPY data is cut short or corrupt"),
        ("-", b"\xff", "standard input: not UTF-8, byte 0xff at offset 0"),
        ("-", "\n", "standard input: only blank lines"),
    ],
)
def test_standard_input_that_is_wrong(monkeypatch, spec, content, what):
    _pipe_in(monkeypatch, content)
    assert _refused(spec).what == f"input X: {what}"


class _Terminal(io.BytesIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [b"", _Terminal(b"1"), None, "closed"])
def test_nothing_on_standard_input(monkeypatch, stream):
    _pipe_in(monkeypatch, b"")
    if stream == "closed":
        sys.stdin.close()
    elif stream is None:
        monkeypatch.setattr(sys, "stdin", None)
    elif stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    error = _refused("-")
    assert error.what == "input X: standard input: there is nothing to read"
    assert error.help == "pipe data into the command"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_without_an_ending_is_read_as_standard_input_is():
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(TABLE,))
    writer.start()
    _same(read_file_value("pipe:weight", "X"), np.array([2.0, 4.0]))
    writer.join()


def test_inputs_from_standard_input(monkeypatch):
    _pipe_in(monkeypatch, '{"x": -2}')
    assert read_inputs_file("-") == {"x": -2.0}
