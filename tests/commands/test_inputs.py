"""Where a program and its inputs come from, and what is said of a command line that is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.commands.shell import adiff, process

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "p.ad": "input x, k = 10\ny = k * x^2\n",
    "data.csv": "a,b\n1,2\n3,4\n",
    "x.json": '{"x": 3, "k": 2}',
    "array.json": "[1, 2]",
    "numbers.txt": "1 2\n3 4\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    np.save(tmp_path / "array.npy", np.array([1.0, 2.0]))
    np.savez(tmp_path / "arrays.npz", u=np.array([5.0]), v=np.array([1.0, 2.0]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


PROGRAMS = {
    "file": (["p.ad", "x=3"], "", "90.0"),
    "-e": (["-e", "y = x^2", "x=3"], "", "9.0"),
    "several -e": (["-e", "a = x^2", "-e", "y = 2 * a", "x=3"], "", "18.0"),
    "block over -e": (
        ["-e", "if x > 0 {", "-e", "y = x", "-e", "}", "-e", "y = y", "x=3"],
        "",
        "3.0",
    ),
    "standard input": (["-", "x=3"], "y = x^2", "9.0"),
    "standard input last": (["x=3", "-"], "y = x^2", "9.0"),
    "inputs first": (["x=3", "p.ad"], "", "90.0"),
    "options between": (["x=3", "-q", "p.ad", "--digits", "17", "k=1"], "", "9"),
    "two dashes": (["-q", "--", "p.ad", "x=3"], "", "90.0"),
    "byte order mark": (["-", "x=3"], "\ufeffy = x^2", "9.0"),
    "line ends of Windows": (["-", "x=3"], "a = x\r\ny = a^2\r\n", "9.0"),
    "tabs": (["-", "x=3"], "\ty\t=\tx^2", "9.0"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    arguments, stdin, y = PROGRAMS[name]
    done = adiff("eval", *arguments, stdin=stdin)
    assert (done.status, done.err) == (0, "")
    assert done.quantities["y"] == y


VALUES = {
    "x=3": "3.0",
    "x=-3": "-3.0",
    "x=+3": "3.0",
    "x=1e-3": "0.001",
    "x=.5": "0.5",
    "x=1_000": "1000.0",
    "x=2*pi": "6.283185307179586",
    "x = 3": "3.0",
    "x=[-1, 2]": "[-1.0, 2.0]",
    "x=[[1, 2], [3, 4]].T": "[[1.0, 3.0], [2.0, 4.0]]",
    "x=linspace(0, 1, 3)": "[0.0, 0.5, 1.0]",
    "x=1/0": "inf",
    "x=nan": "nan",
    "x=true": "true",
    "x=[]": "[]",
    "x=1e999": "inf",
    "x=99999999999999999999": "1e+20",
    "x=@array.json": "[1.0, 2.0]",
    "x=@array.npy": "[1.0, 2.0]",
    "x=@arrays.npz:v": "[1.0, 2.0]",
    "x=@data.csv": "[[1.0, 2.0], [3.0, 4.0]]",
    "x=@data.csv:b": "[2.0, 4.0]",
    "x=@numbers.txt": "[[1.0, 2.0], [3.0, 4.0]]",
    "x=@-": "[7.0, 8.0]",
}


@pytest.mark.parametrize("word", VALUES)
def test_value(word: str) -> None:
    done = adiff("eval", "-e", "x", word, "--wrt", "", "-q", stdin="7\n8\n")
    assert (done.status, done.err) == (0, "")
    assert done.quantities == {"result": VALUES[word]}


def test_command_line_goes_before_file_goes_before_default() -> None:
    for words, want in (
        (["x=3"], 90.0),
        (["--inputs", "x.json"], 18.0),
        (["--inputs", "x.json", "x=5"], 50.0),
        (["k=1", "--inputs", "x.json"], 9.0),
    ):
        (result,) = adiff("eval", "p.ad", *words, "--json").objects
        assert result["value"] == want, words


def test_inputs_from_standard_input() -> None:
    for text in ('{"x": 1}', "x,z\n1,a\n"):
        done = adiff("eval", "p.ad", "--inputs", "-", "-q", stdin=text)
        assert float(done.quantities["y"].strip("[]")) == 10


NAMED = {
    "t.csv": "t,name,y\n1,a,3\n2,b,4\n",
    "t.dat": "# t z y\n1 0 3\n2 0 4\n",
    "t.json": '{"t": [1, 2], "z": null, "y": [3, 4]}',
}
"""Files that give `t` and `y`, and something else."""


@pytest.mark.parametrize("file", [*NAMED, "t.npz", "t.csv.gz", "-"])
def test_inputs_by_their_names_in_a_file(file: str, folder: Path) -> None:
    import gzip

    for name, text in NAMED.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "t.csv.gz").write_bytes(gzip.compress(NAMED["t.csv"].encode()))
    np.savez(folder / "t.npz", t=[1, 2], y=[3.0, 4.0], z=np.array(["a"]))
    words = ("-e", "sum(a * t * y)", "a=2", "--inputs", file, "--wrt", "a")
    done = adiff("eval", *words, stdin=NAMED["t.csv"])
    assert done.quantities["result"] == "22.0"
    assert done.err.count("warning: ") == 1
    assert "the program has no input for its" in done.err
    (result,) = adiff("eval", *words, "--json", stdin=NAMED["t.csv"]).objects
    assert [warning["kind"] for warning in result["warnings"]] == ["unused-input"]


NO_NAMES = {
    "array.npy": "write NAME=@array.npy",
    "numbers.txt": "write NAME=@numbers.txt:#1 for a column",
    "array.json": "want an object that gives each input by name",
    "data.csv:b": "only a table has columns",
}


@pytest.mark.parametrize("file", NO_NAMES)
def test_inputs_from_a_file_without_names(file: str) -> None:
    done = adiff("eval", "p.ad", "--inputs", file)
    assert (done.status, done.out) == (2, "")
    assert NO_NAMES[file] in done.err


def test_a_header_of_numbers_is_one_where_that_is_said(folder: Path) -> None:
    (folder / "h.csv").write_text("2019,x\n1,2\n".replace("x", "2020"), encoding="utf-8")
    done = adiff("eval", "-e", "x", "x=@h.csv:header:2020", "--wrt", "")
    assert done.quantities["result"] == "[2.0]"
    done = adiff("eval", "p.ad", "x=1", "--inputs", "h.csv:header")
    assert "its columns 2019, 2020" in done.err


def test_several_inputs_share_one_standard_input() -> None:
    words = ("-e", "sum(x * y)", "x=@-:a", "y=@-:b", "--wrt", "")
    assert adiff("eval", *words, stdin=FILES["data.csv"]).quantities["result"] == "14.0"


LARGE = 2**53 + 1
ROUNDED = {
    "a number": (f"x={LARGE}", ""),
    "negative": (f"x=-{LARGE}", ""),
    "in an array": (f"x=[1, {LARGE}]", ""),
    "JSON": ("x=@-", f"[1, {LARGE}]"),
    "a key": ("x=@-:k", f'{{"k": {LARGE}}}'),
    "CSV": ("x=@-:a", f"a,b\n1,2\n{LARGE},3\n"),
    "text": ("x=@-", f"{LARGE}\n"),
    "NPY": ("x=@large.npy", ""),
    "past all floats": ("x=1" + "0" * 400, ""),
}


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("command", ["eval", "trace", "check"])
def test_an_integer_that_is_rounded_is_told(name: str, command: str, folder: Path) -> None:
    np.save(folder / "large.npy", np.array([1, LARGE]))
    word, stdin = ROUNDED[name]
    told = ["-e", "y = sum(x * [1])", word]
    assert adiff(command, *told, stdin=stdin).err.count("is rounded to") == 1
    assert "is rounded" not in adiff(command, *told, "-q", stdin=stdin).err
    (result,) = adiff(command, *told, "--json", stdin=stdin).objects
    assert [w["kind"] for w in result["warnings"]].count("rounded") == 1


@pytest.mark.parametrize(
    "word", [f"x={2**53}", "x=9007199254740994", "x=0.30000000000000004", f"x={LARGE}.0", "x=1e300"]
)
def test_what_a_float_holds_is_not_told_of(word: str) -> None:
    assert adiff("eval", "-e", "x", word, "--wrt", "").err == ""


WHOLE = {
    "twice": (["a=@data.csv", "b=@data.csv"], True),
    "a column beside an array": (["a=@one.csv", "b=@data.csv:b"], True),
    "meant": (["a=@data.csv:*", "b=@data.csv:*"], False),
    "once": (["a=@data.csv", "b=2"], False),
    "columns": (["a=@data.csv:a", "b=@data.csv:b"], False),
    "no header": (["a=@bare.csv", "b=@bare.csv"], False),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_column_that_was_forgotten(name: str, folder: Path) -> None:
    (folder / "one.csv").write_text("u\n1\n2\n", encoding="utf-8")
    (folder / "bare.csv").write_text("1,2\n3,4\n", encoding="utf-8")
    words, told = WHOLE[name]
    done = adiff("eval", "-e", "sum(a * b)", *words)
    assert done.status == 0
    assert ("for one column write a=@" in done.err) is told


def test_a_locale_without_letters(folder: Path) -> None:
    (folder / "σ.csv").write_text("σ\n3\n", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = process("eval", "-e", "sum(σ^2)", "σ=@σ.csv:σ", "-o", "ö.json", env=ascii_only)
    assert (done.status, done.err) == (0, "")
    assert json.loads((folder / "ö.json").read_text("utf-8"))["gradient"] == {"σ": [6.0]}


WRT = {
    "every input": ([], ["x", "k"]),
    "one": (["--wrt", "x"], ["x"]),
    "by commas": (["--wrt", "k,x"], ["k", "x"]),
    "repeated": (["--wrt", "k", "--wrt", "x"], ["k", "x"]),
    "both, one twice": (["--wrt", "k, x", "--wrt", "k"], ["k", "x"]),
    "an assigned name": (["--wrt", "y"], ["y"]),
    "nothing": (["--wrt", ""], []),
}


@pytest.mark.parametrize("name", WRT)
def test_wrt(name: str) -> None:
    options, names = WRT[name]
    (result,) = adiff("eval", "p.ad", "x=3", "--json", *options).objects
    assert list(result["gradient"]) == names
    assert result["gradient"] == {by: {"x": 60.0, "k": 9.0, "y": 1.0}[by] for by in names}


def test_boolean_inputs_are_not_differentiated_by_unless_named() -> None:
    program = "input flag = true, m = [true, false]\nif flag { x * sum(m) } else { 0 }"
    for words in ([], ["flag=true"]):
        (result,) = adiff("eval", "-e", program, "x=3", *words, "--json").objects
        assert result["gradient"] == {"x": 1.0}
    (result,) = adiff("eval", "-e", "2 * x", "x=true", "--wrt", "x", "--json").objects
    assert (result["value"], result["gradient"]) == (2.0, {"x": 2.0})


OF = {
    "the result": ([], ["c"]),
    "one": (["--of", "a"], ["a"]),
    "by commas": (["--of", "b,a"], ["b", "a"]),
    "repeated": (["--of", "b", "--of", "a"], ["b", "a"]),
    "an input": (["--of", "x"], ["x"]),
}


@pytest.mark.parametrize("name", OF)
def test_of(name: str) -> None:
    options, names = OF[name]
    done = adiff("eval", "-e", "a = 2*x; b = 3*x; c = a*b", "x=1", "--json", *options)
    assert [result["output"] for result in done.objects] == names


def test_tuple_gives_two_outputs_and_an_expression_is_called_result() -> None:
    pair = adiff("eval", "-e", "a, b = x, 2*x", "x=1")
    assert list(pair.quantities) == ["a", "da/dx", "b", "db/dx"]
    assert list(adiff("eval", "-e", "x", "x=1").quantities) == ["result", "dresult/dx"]
    named = adiff("eval", "-e", "result * x", "x=2", "result=5", "--of", "result")
    assert named.quantities == {"result": "5.0", "dresult/dresult": "1.0", "dresult/dx": "0.0"}


WRONG = {
    "no program": ([], 2, "there is no program"),
    "two programs": (["p.ad", "q.ad"], 2, "got the programs p.ad and q.ad"),
    "file and -e": (["p.ad", "-e", "x"], 2, "got the file p.ad and -e"),
    "expression for a file": (["x^2", "x=3"], 2, "write -e before it"),
    "no such file": (["q.ad"], 2, "did you mean `p.ad`?"),
    "a folder": (["."], 2, "is a folder"),
    "not UTF-8": (["-"], 2, "not UTF-8, byte 0xff at offset 0"),
    "missing input": (["p.ad"], 2, "input `x` has no value"),
    "unknown input": (["p.ad", "x=1", "z=1"], 2, "no input `z`"),
    "misspelt input": (["-e", "rate^2", "rat=1"], 2, "did you mean `rate`?"),
    "assigned": (["p.ad", "x=1", "y=1"], 2, "assigned by the program"),
    "twice": (["p.ad", "x=1", "x=2"], 2, "input `x` is given twice"),
    "no name": (["-e", "x", "2x=3"], 2, "an input is NAME=VALUE"),
    "empty value": (["p.ad", "x="], 2, "give a number or an array"),
    "value that is a name": (["p.ad", "x=foo"], 2, "want a constant expression"),
    "value that is a program": (["p.ad", "x=1; 2"], 2, "want a constant expression"),
    "value that is a function": (["p.ad", "x=sin"], 2, "want a constant expression"),
    "ragged value": (["p.ad", "x=[1, [2]]"], 2, "want a constant expression"),
    "a second object": (["p.ad", "--inputs", "-"], 2, "got more after the first JSON value"),
    "value of another shape": (["p.ad", "x=[1, 2] + [1, 2, 3]"], 2, "want a constant expression"),
    "no such data": (["p.ad", "x=@nil.csv"], 2, "no such file"),
    "no file's name": (["p.ad", "x=@"], 2, "no such file"),
    "standard input twice": (["-", "x=@-"], 2, "standard input is the program already"),
    "standard input thrice": (["-", "--inputs", "-"], 2, "standard input is the program already"),
    "unknown --wrt": (["p.ad", "x=1", "--wrt", "z"], 2, "--wrt z"),
    "unknown --of": (["p.ad", "x=1", "--of", "z"], 2, "--of z"),
    "empty --of": (["p.ad", "x=1", "--of", ""], 2, "--of: got no name"),
    "a function --of": (["-e", "fn f(a) { a }; x", "x=1", "--of", "f"], 1, "is a function"),
    "unknown option": (["p.ad", "--jsn"], 2, "did you mean `--json`?"),
    "option without a value": (["p.ad", "--of"], 2, "requires an argument"),
    "digits": (["p.ad", "x=1", "--digits", "18"], 2, "18 is not in the range"),
    "size": (["p.ad", "x=1", "--max-memory", "much"], 2, "want a size as 500M or 4G"),
    "time": (["p.ad", "x=1", "--timeout", "nan"], 2, "want a number of seconds above 0"),
    "no time": (["p.ad", "x=1", "--timeout", "0"], 2, "want a number of seconds above 0"),
    "seed": (["p.ad", "x=1", "--seed", "-1"], 2, "-1 is not in the range"),
}


STDIN = {"not UTF-8": b"\xff", "a second object": '{"x": 1}\n{"x": 2}\n'}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_command_line(name: str) -> None:
    arguments, status, words = WRONG[name]
    done = adiff("eval", *arguments, stdin=STDIN.get(name, "x"))
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("error: ")
    assert words in done.err


@pytest.mark.parametrize("name", WRONG)
def test_wrong_command_line_as_json(name: str) -> None:
    arguments, status, words = WRONG[name]
    done = adiff("eval", "--json", *arguments, stdin=STDIN.get(name, "x"))
    assert (done.status, done.out) == (status, "")
    assert done.error["status"] == "error"
    assert words in " ".join(text for text in done.error.values() if isinstance(text, str))


def test_two_formats() -> None:
    done = adiff("eval", "p.ad", "x=1", "--json", "--format", "csv")
    assert (done.status, done.out) == (2, "")
    assert "want one of them" in done.error["message"]


def test_unknown_command() -> None:
    done = adiff("evaluate")
    assert (done.status, done.out) == (2, "")
    assert "there is no command `evaluate`" in done.err


def test_standard_input_that_is_closed() -> None:
    done = process("eval", "-", "x=1", shell='"$@" <&-')
    assert (done.status, done.out) == (2, "")
    assert "nothing to read" in done.err


def test_long_value_is_cut_in_the_message() -> None:
    done = adiff("eval", "p.ad", "x=" + "foo+" * 10_000 + "1", "--json")
    assert done.status == 2
    assert len(json.dumps(done.error)) < 1000


def test_a_column_that_is_no_name_is_bound_as_the_remark_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("my col,b\n1,2\n3,4\n")
    done = adiff("eval", "-e", "sum(b)", "--inputs", str(path))
    assert f"'NAME=@{path}:my col'" in done.err
    assert adiff("eval", "-e", "sum(x)", f"x=@{path}:my col").out.startswith("result\t4.0")


@pytest.mark.parametrize("command", ["eval", "trace", "why", "check"])
def test_remarks_on_inputs_are_in_the_json_of_every_command(command: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    done = adiff(command, "-e", "sum((t - y)^2)", f"t=@{path}", f"y=@{path}", "--json")
    for each in done.objects:
        assert "whole-table" in [warning["kind"] for warning in each["warnings"]]
