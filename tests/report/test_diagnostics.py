"""How an error or a warning looks: on a terminal, in a pipe, and as JSON."""

from __future__ import annotations

import json
import re

import pytest

from autodiff_cli.errors import AdiffError, Finding, NonFiniteError, ProgramError, ShapeError
from autodiff_cli.language.source import Source, Span
from autodiff_cli.report.diagnostics import WIDEST_LINE, as_data, as_json, as_text

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


def at(text: str, part: str, name: str = "p.ad") -> Span:
    """The first place where `part` stands in `text`."""
    start = text.index(part)
    return Span(Source(name, text), start, start + len(part))


def underlined(span: Span) -> tuple[str, str]:
    """The source line and the underline of an error there, without their margin."""
    *_, line, mark = as_text(ProgramError("wrong", span)).splitlines()
    return line.partition("| ")[2], mark.partition("| ")[2]


def test_whole_form() -> None:
    span = at("a = 1\ntotal = X @ w\n", "X @ w", "ridge.ad")
    error = ShapeError("got this, want that", span, label="here", notes=["a fact"], help="do so")
    assert as_text(error) == (
        "error: got this, want that\n"
        " --> ridge.ad:2:9\n"
        "  |\n"
        "2 | total = X @ w\n"
        "  |         ^^^^^ here\n"
        "  = a fact\n"
        "  = help: do so\n"
    )


def test_without_a_place() -> None:
    error = AdiffError("got this, want that", label="here", help="do so")
    assert as_text(error) == "error: got this, want that\n  = here\n  = help: do so\n"


def test_margin_grows_with_the_line_number() -> None:
    lines = as_text(ProgramError("wrong", at("\n" * 99 + "x", "x"))).splitlines()
    assert lines[1:] == ["   --> p.ad:100:1", "    |", "100 | x", "    | ^"]


@pytest.mark.parametrize(
    ("text", "part", "line", "mark"),
    [
        ("x = y", "y", "x = y", "    ^"),
        ("\tx\t=\ty", "y", " x = y", "     ^"),
        ("幅 = 2x", "x", "幅 = 2x", "      ^"),
        ("x = 幅幅 y", "幅幅", "x = 幅幅 y", "    ^^^^"),
        ("é = 2x", "x", "é = 2x", "     ^"),
        ("e\u0301 = 2x", "x", "e\u0301 = 2x", "     ^"),
        ("a\u200b + 2x", "x", "a\u200b + 2x", "     ^"),
        ("x \x1b[31m y", "y", "x ␛[31m y", "        ^"),
        ("x = 1\r\ny = 2x\r\n", "x\r", "y = 2x", "     ^"),
        ("x\r+ y", "y", "x␍+ y", "    ^"),
    ],
)
def test_underline_stands_below(text: str, part: str, line: str, mark: str) -> None:
    assert underlined(at(text, part)) == (line, mark)


def test_end_of_a_line_has_a_mark() -> None:
    source = Source("p.ad", "x = 1 +\ny")
    assert underlined(Span(source, 7, 7)) == ("x = 1 +", "       ^")


def test_span_of_several_lines_is_marked_on_its_first() -> None:
    text = "y = f(1,   \n      2)\nz"
    assert underlined(at(text, "f(1,   \n      2)")) == ("y = f(1,", "    ^^^^")


@pytest.mark.parametrize("before", [0, 10, 90, 500, 5_000])
@pytest.mark.parametrize("after", [0, 10, 500])
def test_long_line_is_cut_around_the_span(before: int, after: int) -> None:
    text = "a" * before + "WRONG" + "b" * after
    line, mark = underlined(at(text, "WRONG"))
    shown = line.strip("…")
    cut = before - shown.index("WRONG")
    assert text[cut : cut + len(shown)] == shown
    assert len(shown) == min(len(text), WIDEST_LINE)
    assert line.startswith("…") == (cut > 0)
    assert line.endswith("…") == (cut + len(shown) < len(text))
    assert mark == " " * line.index("WRONG") + "^^^^^"


def test_long_span_is_marked_as_far_as_it_is_shown() -> None:
    text = "x = " + "y" * 300
    line, mark = underlined(at(text, "y" * 300))
    assert line == "x = " + "y" * (WIDEST_LINE - 4) + "…"
    assert mark == "    " + "^" * (len(line) - 4)


def test_colours_change_nothing_but_colour() -> None:
    error = ProgramError("wrong", at("x = y", "y"), label="here", notes=["n"], help="do so")
    coloured = as_text(error, color=True)
    assert "\x1b[" in coloured
    assert ESCAPE.sub("", coloured) == as_text(error)


def test_warning_says_so() -> None:
    assert as_text(Finding("odd", at("x", "x"))).startswith("warning: odd\n")


@pytest.mark.parametrize("field", ["what", "label", "notes", "help"])
def test_quoted_text_does_not_steer_the_terminal(field: str) -> None:
    error = AdiffError("wrong", notes=["n"])
    setattr(error, field, ["\x1b[2J\a"] if field == "notes" else "\x1b[2J\a")
    assert "␛[2J␇" in as_text(error)


@pytest.mark.parametrize("depth", [0, 1, 4, 5, 1_000])
def test_call_stack_is_folded(depth: int) -> None:
    source = Source("p.ad", "f(x)\n" * max(depth, 1))
    error = ProgramError("wrong", Span(source, 0, 4))
    error.calls = [(f"f{i}", Span(source, 5 * i, 5 * i + 4)) for i in range(depth)]
    calls = as_text(error).splitlines()[5:]
    lines = [f"  = in `f{i}`, called from p.ad:{i + 1}:1" for i in range(depth)]
    if depth > 4:
        lines[3:-1] = [f"  = … {depth - 4:,} more calls …"]
    assert calls == lines


def test_json_is_one_line_with_every_field() -> None:
    span = at("a = 1\ny = f(1,\n 2)", "f(1,\n 2)")
    error = ShapeError("got\x1b, want that", span, label="here", help="do so")
    text = as_json(error)
    assert "\n" not in text
    assert "\x1b" not in text
    assert json.loads(text) == {
        "schema": "adiff.error/1",
        "status": "error",
        "kind": "shape",
        "message": "got\x1b, want that; here",
        "file": "p.ad",
        "line": 2,
        "column": 5,
        "end_line": 3,
        "end_column": 4,
        "help": "do so",
    }


def test_json_without_a_place() -> None:
    data = as_data(AdiffError("wrong"))
    assert data["message"] == "wrong"
    assert {value for key, value in data.items() if key not in ("kind", "message")} == {None}


def test_a_finding_is_told_and_not_raised() -> None:
    finding = Finding("odd", at("x", "x"), label="here", notes=["n"], help="do so", kind="k")
    assert not isinstance(finding, BaseException)
    error = NonFiniteError.of(finding)
    assert str(error) == "odd"
    told = as_text(finding).replace("warning:", "error:")
    assert as_text(error) == told
    assert (error.kind, error.status) == ("non-finite", 4)
