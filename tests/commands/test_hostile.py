"""Programs and inputs that nobody writes in good faith: an answer or an error, never a crash."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.commands.shell import adiff, process

if TYPE_CHECKING:
    from pathlib import Path

DEPTH = 3000

NESTED = {
    "parentheses": ("(" * DEPTH + "x" + ")" * DEPTH, 0),
    "parentheses that stay open": ("(" * DEPTH + "x", 3),
    "parentheses that close nothing": (")" * DEPTH, 3),
    "brackets": ("[" * DEPTH + "x" + "]" * DEPTH, 1),
    "brackets around a literal": ("[" * DEPTH + "1" + "]" * DEPTH, 1),
    "brackets, ragged": ("[1, " * DEPTH + "1" + "]" * DEPTH, 1),
    "signs": ("-" * DEPTH + "x", 0),
    "nots": ("not " * DEPTH + "x", 0),
    "powers": ("x^" * DEPTH + "x", 0),
    "sums": ("x + " * DEPTH + "x", 0),
    "comparisons": ("x < " * DEPTH + "x", 0),
    "conjunctions": ("x and " * DEPTH + "x", 0),
    "calls": ("sin(" * DEPTH + "x" + ")" * DEPTH, 0),
    "calls of a function": ("fn f(a) { a }; " + "f(" * DEPTH + "x" + ")" * DEPTH, 0),
    "calls of calls": ("x" + "()" * DEPTH, 3),
    "ifs": ("if x > 0 { " * DEPTH + "x" + " }" * DEPTH, 0),
    "ifs in conditions": (
        "if " * 100 + "true" + " { true } else { false }" * 99 + " { x } else { 0 }",
        0,
    ),
    "elifs": ("if x > 5 { 1 }" + " elif x > 5 { 2 }" * DEPTH + " else { x }", 0),
    "whiles": ("while x > 9 { " * DEPTH + "y = 1" + " }" * DEPTH + "\nx", 0),
    "fors": ("for i in range(1) { " * DEPTH + "y = x" + " }" * DEPTH + "\ny", 0),
    "functions": ("fn f(a) { " * DEPTH + "a" + " }" * DEPTH + "\nx", 0),
    "anonymous functions": ("fn() { " * DEPTH + "x" + " }" * DEPTH, 1),
    "indices": ("x" + "[0]" * DEPTH, 1),
    "indices in indices": ("x[" * DEPTH + "0" + "]" * DEPTH, 1),
    "attributes": ("x" + ".T" * DEPTH, 0),
    "braces": ("{" * DEPTH, 3),
}


@pytest.mark.parametrize("name", NESTED)
def test_nested(name: str) -> None:
    program, status = NESTED[name]
    inputs = ["x=1"] if "x" in program else []
    done = adiff("eval", "-", *inputs, "--json", stdin=program)
    assert done.status == status, done.err
    assert bool(done.out) == (status == 0)


@pytest.mark.parametrize("name", ["parentheses", "calls", "ifs", "functions"])
def test_nested_in_a_process_of_its_own(name: str) -> None:
    """Where an overrun stack would show as a signal."""
    program, status = NESTED[name]
    done = process("eval", "-", "x=1", stdin=program.replace("\n", " \n"))
    assert done.status == status


RECURSION = {
    "of a function": "fn f(a) { f(a) }\nf(x)",
    "of two": "fn f(a) { g(a) }\nfn g(a) { f(a) }\nf(x)",
    "through a value": "f = fn(a) { a }\nf = fn(a) { f(a) }\nf(x)",
    "through map": "fn f(a) { map(f, [a]) }\nf(x)",
    "through fold": "fn f(a, b) { fold(f, a, [b]) }\nf(x, x)",
    "through sum_over": "fn f(i) { sum_over(1, f) }\nf(0) + x",
    "in an argument": "fn f(a) { sin(f(a + 1)) }\nf(x)",
    "in a condition": "fn f(a) { if f(a) > 0 { 1 } else { 2 } }\nf(x)",
    "in an array": "fn f(a) { [f(a), 1] }\nf(x)",
    "in an index": "fn f(a) { x[f(a)] }\nf(0)",
    "in a return": "fn f(a) { return f(a), f(a) }\nf(x)",
    "in a loop": "fn f(a) { for i in range(f(a)) { y = i }\ny }\nf(x)",
    "in an assertion": "fn f(a) { assert f(a) > 0, f(a)\na }\nf(x)",
    "in what is printed": "fn f(a) { print(f(a))\na }\nf(x)",
}


@pytest.mark.parametrize("name", RECURSION)
def test_recursion_without_end(name: str) -> None:
    done = process("eval", "-e", RECURSION[name], "x=1", "--json")
    assert (done.status, done.out) == (1, "")
    assert "nested more than 10,000 deep" in done.error["message"]


ODD = {
    "NUL": (b"x\0", 3),
    "only NUL": (b"\0", 3),
    "escape": (b"x \x1b[31m", 3),
    "carriage returns": (b"y = x\ry", 3),
    "no-break space": ("x\u00a0+ 1".encode(), 3),
    "line separator": ("x\u2028x".encode(), 3),
    "half a character": (b"x \xe2\x82", 2),
    "UTF-16": ("x".encode("utf-16"), 2),
    "nothing": (b"", 2),
    "blanks": (b" \n\t\r\n", 3),
    "a comment": (b"# x", 3),
    "separators": (b";;;\n;", 3),
    "a string": (b'"s"', 1),
    "an open string": (b'"x', 3),
    "a string of two lines": (b'print("x\ny"); x', 3),
    "a backslash": (b"x \\", 3),
    "a continued line": (b"x + \\\n 1", 0),
    "markup": (b'print("[red]a[/red] [x, y]"); x', 0),
    "a line of a million": (b" " * 1_000_000 + b"x", 0),
    "a name of a million": (b"y" * 100_000 + b" = x", 0),
    "digits": (b"1" * 100_000 + b" * 0 * x", 0),
    "an exponent": (b"x * 1e" + b"9" * 5000, 0),
    "a large step": (b"x + sum([1, 2, 3][::9223372036854775807])", 0),
    "a large index": (b"[1, 2][99999999999999999999] + x", 1),
    "a large range": (b"for i in range(9223372036854775807) { break }\nx", 0),
    "a large power": (b"9^9^9^9 + x", 0),
    "a large product": (b"9223372036854775807 * 9223372036854775807 + x", 0),
    "a large shape": (b"zeros([9223372036854775807, 2])", 1),
    "a large shape of nothing": (b"sum(zeros([9223372036854775807, 0])) + x", 1),
    "many axes": (b"zeros(ones(65))", 1),
    "a negative shape": (b"zeros(-1)", 1),
    "division by 0": (b"x + 1 // 0 + 1 % 0 + 1 / 0", 0),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_program(name: str) -> None:
    program, status = ODD[name]
    inputs = ["x=1"] if b"x" in program else []
    done = adiff("eval", "-", *inputs, "-q", stdin=program)
    assert done.status == status, done.err
    assert bool(done.out) == (status == 0)
    # Nobody is to see how the parser calls things.
    assert "_NEWLINE" not in done.err
    assert "Token" not in done.err


OPERATIONS = (
    "x",
    "sum(x)",
    "sum(x * x)",
    "x.T",
    "x.shape",
    "len(x)",
    "x[0]",
    "x[-1]",
    "x[:, 0]",
    "x[x > 0]",
    "x[1.5]",
    "max(x)",
    "mean(x)",
    "prod(x)",
    "std(x)",
    "median(x)",
    "norm(x)",
    "argmax(x)",
    "softmax(x)",
    "logsumexp(x)",
    "sort(x)",
    "cumsum(x)",
    "not x",
    "x // 2",
    "x % 0",
    "x ^ x",
    "x @ x",
    "dot(x, x)",
    "[x, x]",
    "if x { 1 } else { 2 }",
    "sum_over(x, fn(i) { i })",
    "range(x)",
    "zeros(x)",
    "rand(x)",
    "reshape(x, -1)",
    "concat(x, x)",
    "where(x > 0, log(x), 0)",
    "round(x)",
    "a, b = x; a",
    "x[0] = 5; sum(x)",
    "y = x; y[0] = 5; sum(y)",
)
VALUES = ("-2", "1.5", "nan", "-inf", "true", "[]", "[1, 2, 3]", "[nan, inf]", "[true, false]",
          "[[1, 2], [3, 4]]", "zeros([0, 3])", "[[[1]]]")  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.filterwarnings("error")
def test_every_operation_on_every_sort_of_value(operation: str) -> None:
    for value in VALUES:
        for options in ([], ["--wrt", ""], ["--dtype", "float32", "--json"]):
            done = adiff("eval", "-e", operation, f"x={value}", "--timeout", "30", *options)
            assert done.status in (0, 1, 2), (value, done)
            assert bool(done.out) == (done.status == 0), (value, done)


@pytest.mark.parametrize("form", ["table", "plain", "json", "csv", "npz"])
def test_every_format_of_every_sort_of_value(form: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    for value in VALUES:
        for options in ([], ["--dtype", "float32"], *([["--digits", "3"]] * (form != "npz"))):
            words = ("-e", "x", f"x={value}", "--wrt", "", "--format", form, "-o", str(path))
            done = adiff("eval", *words, *options)
            assert (done.status, done.out) == (0, ""), (value, done)
            assert path.stat().st_size > 0


def test_text_that_is_longer_than_memory() -> None:
    long = "y = x + 1\n" * 20_000
    done = adiff("eval", "-", "x=1", "--json", "--max-memory", "100M", stdin=long)
    assert (done.status, done.out, done.error["kind"]) == (1, "", "limit")
    assert "200,000 characters" in done.error["message"]
    assert adiff("eval", "-", "x=1", "--max-memory", "1G", stdin=long).status == 0


@pytest.mark.parametrize("text", ['print("{}"); x', "x * 0.{}"], ids=["string", "number"])
def test_token_of_a_million_characters_takes_little_memory(text: str) -> None:
    program = text.format("1" * 5_000_000)
    done = process("eval", "-", "x=1", stdin=program, shell='ulimit -v 2000000; "$@" 2>/dev/null')
    assert done.status == 0


def test_integers_and_booleans_as_outputs() -> None:
    done = adiff("eval", "-e", "n = 2^3; m = 7 // 2; b = x > 2", "x=3", "--of", "m,b", "--json")
    assert [(r["value"], r["gradient"]) for r in done.objects] == [
        (3, {"x": 0.0}),
        (True, {"x": 0.0}),
    ]


def test_infinite_value_is_no_overflow() -> None:
    (result,) = adiff("eval", "-e", "x ^ 9 ^ 9", "x=3", "--json").objects
    assert result["value"] == "inf"
    assert math.isinf(float(result["gradient"]["x"]))
