"""What `adiff eval` gives out: the formats, `-o`, digits, precision, seeds and kinks."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.commands.shell import adiff

if TYPE_CHECKING:
    from pathlib import Path

DOT = ("eval", "-e", "y = 2*dot(x, x)", "x=[0, 1, 2, 3]")
MATRIX = ("eval", "-e", "y = sum(X^2)", "X=[[1, 2], [3, 4]]")


def test_plain_is_the_default_of_a_pipe() -> None:
    done = adiff(*DOT)
    assert done.out == "y\t28.0\ndy/dx\t[0.0, 4.0, 8.0, 12.0]\n"
    assert adiff(*DOT, "--format", "plain") == done
    assert adiff(*DOT, "--format", "auto") == done


def test_json_is_one_object_a_line() -> None:
    done = adiff(*DOT, "--json")
    assert done.out == (
        '{"schema": "adiff.result/1", "status": "ok", "output": "y", "value": 28.0, "shape": [], '
        '"gradient": {"x": [0.0, 4.0, 8.0, 12.0]}, "warnings": [], '
        '"graph": {"nodes": 3, "leaves": 1}}\n'
    )
    assert adiff(*DOT, "--format", "json") == done
    two = adiff("eval", "-e", "a = x; b = a*x", "x=2", "--of", "a,b", "--json").objects
    assert [result["value"] for result in two] == [2.0, 4.0]


def test_plain_is_never_wrapped_or_shortened() -> None:
    done = adiff("eval", "-e", "y = dot(x, x)", "x=arange(5000)")
    value, gradient = done.out.splitlines()
    assert json.loads(gradient.split("\t")[1]) == [2.0 * i for i in range(5000)]
    assert value == "y\t41654167500.0"


def test_csv_has_a_row_for_each_number() -> None:
    done = adiff(*MATRIX, "--format", "csv")
    assert list(csv.reader(io.StringIO(done.out))) == [
        ["quantity", "index", "value"],
        ["y", "", "30.0"],
        ["dy/dX", "0 0", "2.0"],
        ["dy/dX", "0 1", "4.0"],
        ["dy/dX", "1 0", "6.0"],
        ["dy/dX", "1 1", "8.0"],
    ]


WIDE = {
    "a Jacobian": (
        ["-e", "y = [x[0] * a, x[1]^2]", "x=[2, 3]", "a=5", "--jacobian"],
        "output,value,x[0],x[1],a\ny[0],10.0,5.0,0.0,2.0\ny[1],9.0,0.0,6.0,0.0\n",
    ),
    "a gradient": (["-e", "y = x^2", "x=3"], "output,value,x\ny,9.0,6.0\n"),
    "two": (
        ["-e", "a = x^2; b = 2 * x", "x=3", "--of", "a,b"],
        "output,value,x\na,9.0,6.0\nb,6.0,2.0\n",
    ),
    "a Hessian": (
        ["-e", "y = x^2 * z", "x=3", "z=5", "--hessian"],
        "derivative,x,z\ndy/dx,10.0,6.0\ndy/dz,6.0,0.0\n",
    ),
    "a matrix": (
        ["-e", "y = x", "x=[[1, 2]]", "--jacobian"],
        'output,value,"x[0, 0]","x[0, 1]"\n"y[0, 0]",1.0,1.0,0.0\n"y[0, 1]",2.0,0.0,1.0\n',
    ),
    "no name": (["-e", "y = x", "x=1", "--wrt", ""], "output,value\ny,1.0\n"),
}


@pytest.mark.parametrize("name", WIDE)
def test_wide_csv_has_a_row_for_each_element_of_the_output(name: str) -> None:
    words, text = WIDE[name]
    assert adiff("eval", *words, "--format", "csv", "--wide").out == text


@pytest.mark.parametrize(
    "words",
    [["--json"], [], ["--format=csv", "--order=2"], ["--format=csv", "--jvp=x=1"]],
)
def test_wide_is_for_the_csv_of_a_matrix(words: list[str]) -> None:
    done = adiff("eval", "-e", "y = x", "x=1", "--wide", *words)
    assert (done.status, done.out) == (2, "")
    assert "--wide" in done.err


def test_npz_holds_arrays_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    assert adiff(*MATRIX, "-o", str(path), "--dtype", "float32").out == ""
    with np.load(path) as arrays:
        assert sorted(arrays) == ["dy/dX", "y"]
        assert arrays["dy/dX"].dtype == np.float32
        np.testing.assert_array_equal(arrays["dy/dX"], [[2, 4], [6, 8]])


ENDINGS = {
    "out.json": lambda text: json.loads(text)["value"] == 28.0,
    "out.jsonl": lambda text: json.loads(text)["value"] == 28.0,
    "OUT.JSON": lambda text: json.loads(text)["value"] == 28.0,
    "out.csv": lambda text: text.startswith("quantity,index,value\n"),
    "out.txt": lambda text: text.startswith("y\t28.0\n"),
    "out": lambda text: text.startswith("y\t28.0\n"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_format_goes_by_the_ending(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    done = adiff(*DOT, "-o", str(path))
    assert (done.status, done.out, done.err) == (0, "", "")
    assert ENDINGS[name](path.read_text(encoding="utf-8"))


def test_format_goes_before_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    adiff(*DOT, "-o", str(path), "--format", "csv")
    assert path.read_text(encoding="utf-8").startswith("quantity,")


FAILURES = {
    "while it runs": ("eval", "-e", "assert x < 0; x", "x=1"),
    "in the text": ("eval", "-e", "x +", "x=1"),
    "under --strict": ("eval", "-e", "1/x", "x=0", "--strict"),
    "on the command line": ("eval", "-e", "x"),
    "at a limit": ("eval", "-e", "while true { y = x }\ny", "x=1", "--max-steps", "9"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_leaves_the_file_as_it_was(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("before", encoding="utf-8")
    assert adiff(*FAILURES[name], "-o", str(path)).status != 0
    assert path.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["out.json"]


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    done = adiff(*DOT, "-o", str(tmp_path / "nowhere" / "out.json"))
    assert (done.status, done.out) == (2, "")
    assert "no such folder" in done.err


def test_digits() -> None:
    third = ("eval", "-e", "y = x / 3", "x=1")
    assert adiff(*third, "--digits", "3").out == "y\t0.333\ndy/dx\t0.333\n"
    assert adiff(*third, "--digits", "17").quantities["y"] == "0.33333333333333331"
    (result,) = adiff(*third, "--digits", "3", "--json").objects
    assert (result["value"], result["gradient"]) == (0.333, {"x": 0.333})
    assert "y,,0.333\n" in adiff(*third, "--digits", "3", "--format", "csv").out
    assert adiff("eval", "-e", "y = x", "x=12345678", "--digits", "3").quantities["y"] == "1.23e+07"
    refused = adiff(*third, "--digits", "3", "--format", "npz")
    assert (refused.status, refused.out) == (2, "")


@pytest.mark.parametrize("form", ["plain", "json", "csv"])
def test_digits_read_back_to_the_same_float(form: str) -> None:
    values = [0.1, 1 / 3, math.pi * 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 2.0**60 + 1]
    text = "[" + ", ".join(map(repr, values)) + "]"
    done = adiff("eval", "-e", "y = x", f"x={text}", "--wrt", "", "--format", form)
    if form == "json":
        read = done.objects[0]["value"]
    elif form == "csv":
        read = [float(line.split(",")[2]) for line in done.out.splitlines()[1:]]
    else:
        read = json.loads(done.quantities["y"])
    assert list(map(repr, read)) == list(map(repr, values))


@pytest.mark.parametrize("form", ["plain", "json", "csv"])
def test_float32_reads_back_to_the_same_float32(form: str) -> None:
    point = [0.1, 1.5, 3e7]
    words = ("eval", "-e", "y = sum(sin(x) * 0.1)", f"x={point}", "--dtype", "float32")
    done = adiff(*words, "--format", form)
    if form == "json":
        got = done.objects[0]["gradient"]["x"]
    elif form == "csv":
        got = [float(line.split(",")[2]) for line in done.out.splitlines()[2:]]
    else:
        got = json.loads(done.quantities["dy/dx"])
    want = np.cos(np.array(point, np.float32)) * np.float32(0.1)
    assert want.dtype == np.float32
    np.testing.assert_array_max_ulp(np.array(got, np.float32), want, maxulp=1)
    # As few digits as a float32 takes: no more than nine are significant.
    assert all(len(f"{np.float32(x)!s}".strip("-0.").replace(".", "")) <= 9 for x in got)
    assert [float(str(np.float32(x))) for x in got] == got


def test_float32_scalar() -> None:
    done = adiff("eval", "-e", "y = x * 0.1", "x=0.1", "--dtype", "float32")
    assert done.out == "y\t0.010000001\ndy/dx\t0.1\n"


def test_seed_makes_random_numbers_repeatable() -> None:
    def value(*words: str) -> str:
        return adiff("eval", *words, "--wrt", "", "-q").out

    program = ("-e", "sum(randn(3)) + rand() + randint(0, 9)")
    assert value(*program, "--seed", "1") == value(*program, "--seed", "1")
    assert value(*program, "--seed", "1") != value(*program, "--seed", "2")
    assert value(*program) != value(*program)
    inputs = ("-e", "a - b", "a=rand(3)", "b=rand(3)")
    assert value(*inputs, "--seed", "1") == value(*inputs, "--seed", "1")
    assert value(*inputs, "--seed", "1") != "result\t[0.0, 0.0, 0.0]\n"
    # An input's numbers are its own: another input beside it changes nothing.
    alone = value("-e", "a", "a=rand()", "--seed", "1")
    assert value("-e", "a + 0*b", "b=rand()", "a=rand()", "--seed", "1") == alone


def test_at_kink() -> None:
    words = ("eval", "-e", "y = abs(x)", "x=0", "--json")
    (result,) = adiff(*words).objects
    assert result["gradient"] == {"x": 0.0}
    (result,) = adiff(*words, "--at-kink", "nan").objects
    assert (result["status"], result["gradient"]) == ("non-finite", {"x": "nan"})
    refused = adiff(*words, "--at-kink", "error")
    assert (refused.status, refused.error["kind"], refused.error["line"]) == (1, "domain", 1)
    assert adiff("eval", "-e", "abs(x)", "x=2", "--at-kink", "error").status == 0


NON_FINITE = {
    "value": ("1 / x", 0, "inf"),
    "value nan": ("log(x)", -1, "nan"),
    "derivative": ("sqrt(x)", 0, 0.0),
    "in an array": ("sum(log([x, 1]))", 0, "-inf"),
}


@pytest.mark.parametrize("name", NON_FINITE)
def test_non_finite_is_legal_json_a_warning_and_an_error_under_strict(name: str) -> None:
    program, x, value = NON_FINITE[name]
    words = ("eval", "-e", program, f"x={x}")
    done = adiff(*words, "--json")
    (result,) = done.objects
    assert (done.status, done.err) == (0, "")
    assert (result["status"], result["value"]) == ("non-finite", value)
    warnings = [warning for warning in result["warnings"] if warning["kind"] == "non-finite"]
    assert [(warning["file"], warning["line"]) for warning in warnings] == [("<-e>", 1)]
    plain = adiff(*words)
    assert plain.status == 0
    assert plain.err.startswith("warning: ")
    assert adiff(*words, "-q").err == ""
    strict = adiff(*words, "--strict", "--json")
    assert (strict.status, strict.out, strict.error["kind"]) == (4, "", "non-finite")
    assert adiff(*words, "--strict").err.startswith("error: ")


def test_strict_lets_finite_results_through() -> None:
    assert adiff(*DOT, "--strict") == adiff(*DOT)


def test_print_goes_to_standard_error() -> None:
    done = adiff("eval", "-e", 'print("x is", x, [x, 1]); x', "x=3", "--json", "-q")
    assert done.err == "x is 3.0 [3., 1.]\n"
    assert len(done.objects) == 1


def test_names_that_look_like_keys() -> None:
    done = adiff("eval", "-e", "x = value * schema", "value=2", "schema=3", "--json", "--of", "x")
    assert done.objects[0]["gradient"] == {"value": 3.0, "schema": 2.0}


def test_fifty_outputs() -> None:
    names = [f"y{i}" for i in range(50)]
    program = "\n".join(f"{name} = x + {i}" for i, name in enumerate(names))
    done = adiff("eval", "-e", program, "x=1", "--of", ",".join(names), "--json")
    assert [(result["output"], result["value"]) for result in done.objects] == [
        (name, 1.0 + i) for i, name in enumerate(names)
    ]
