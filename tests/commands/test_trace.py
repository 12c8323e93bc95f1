"""`adiff trace`: its options, its formats, and what it does with what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autodiff_cli.commands.running import BY_ENDING
from autodiff_cli.commands.trace import FORMATS
from tests.commands.shell import adiff, process, terminal

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = ("-e", "z = x^2; y = sin(z) * x", "x=2")
LOOP = "s = x; for i in range(100) { s = s * 1.01 }; y = s"


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_something(form: str) -> None:
    done = adiff("trace", *PROGRAM, "--format", form)
    assert (done.status, done.err) == (0, "")
    assert "sin" in done.out


@pytest.mark.parametrize("ending", [e for e, form in BY_ENDING.items() if form in FORMATS])
def test_format_by_the_ending_of_the_file(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"graph{ending}"
    assert adiff("trace", *PROGRAM, "-o", str(file)).status == 0
    want = adiff("trace", *PROGRAM, "--format", BY_ENDING[ending]).out
    assert file.read_text(encoding="utf-8") == want


def test_plain_in_a_pipe_and_a_table_on_a_terminal() -> None:
    piped = adiff("trace", *PROGRAM).out
    assert piped.splitlines()[0].split("\t")[0] == "node"
    shown = terminal("trace", *PROGRAM, env={"NO_COLOR": "1"}).out
    assert shown == adiff("trace", *PROGRAM, "--format", "table").out


@pytest.mark.parametrize("form", ["tree", "steps"])
def test_short_names_of_formats(form: str) -> None:
    assert adiff("trace", *PROGRAM, f"--{form}").out == (
        adiff("trace", *PROGRAM, "--format", form).out
    )


@pytest.mark.parametrize(
    "options",
    [(), ("--wrt", "z"), ("--cotangent", "2"), ("--dtype", "float32"), ("--at-kink", "nan")],
    ids=" ".join,
)
def test_adjoints_are_the_gradient_of_eval(options: tuple[str, ...]) -> None:
    (trace,) = adiff("trace", *PROGRAM, *options, "--json").objects
    (result,) = adiff("eval", *PROGRAM, *options, "--json").objects
    for same in ("status", "output", "value", "shape", "gradient", "graph", "warnings"):
        assert trace[same] == result[same]
    adjoints = {row["name"]: row["adjoint"] for row in trace["rows"] if row["name"]}
    for name, derivative in result["gradient"].items():
        assert adjoints[name] == derivative


def test_several_outputs_one_after_another() -> None:
    done = adiff("trace", *PROGRAM, "--of", "z,y", "--json")
    assert [one["output"] for one in done.objects] == ["z", "y"]
    done = adiff("trace", *PROGRAM, "--of", "z,y", "--format", "svg")
    assert done.status == 2
    assert "got the outputs z, y, and svg shows one" in done.err


def test_depth_and_unfold() -> None:
    folded = adiff("trace", "-e", LOOP, "x=1").out
    assert "\t×100\t" in folded
    opened = adiff("trace", "-e", LOOP, "x=1", "--unfold").out
    assert opened == adiff("trace", "-e", LOOP, "x=1", "--depth", "1").out
    assert len([line for line in opened.splitlines() if "\tmul\t" in line]) == 100


def test_only_and_lines() -> None:
    words = ("trace", "-e", "a = x^2", "-e", "b = x * 3", "-e", "y = a + b", "x=2", "--json")

    def names(*options: str) -> list[str]:
        (trace,) = adiff(*words, *options).objects
        return [row["name"] for row in trace["rows"]]

    assert names("--only", "a") == ["a", "y"]
    assert names("--lines", "2") == ["b"]
    assert names("--lines", "2:") == ["b", "y"]
    assert names("--lines", ":2") == ["x", "a", "b"]
    assert names("--lines", "1:2", "--only", "b") == ["b"]


def test_nothing_left_by_a_choice_is_no_empty_graph() -> None:
    done = adiff("trace", *PROGRAM, "--lines", "100:200", "--format", "table")
    assert "--only and --lines leave out all of them" in done.out
    done = adiff("trace", *PROGRAM, "--lines", "100:200", "--format", "svg")
    assert (done.status, "no node is left" in done.err) == (2, True)


def test_rule_of_the_program_is_named() -> None:
    rule = "fn f(x) { exp(x) } derivative (x, y, g) { g * y }; f(z)"
    done = adiff("trace", "-e", rule, "z=1")
    assert "by the rule of the program" in done.out


WRONG = {
    "an unknown name": (("--only", "zz"), "--only zz: no node of the graph has this name"),
    "no lines": (("--lines", "a:b"), "--lines: got 'a:b', want A:B"),
    "lines backwards": (("--lines", "4:2"), "--lines: 4 is more than 2"),
    "two depths": (("--unfold", "--depth", "1"), "got --unfold and --depth, want one of them"),
    "two formats": (("--tree", "--format", "json"), "got --tree and --format json"),
    "json and steps": (("--steps", "--json"), "got --steps and --json"),
    "a Jacobian": (("--jacobian",), "got --jacobian, and a trace shows one reverse pass"),
    "a Hessian": (("--hessian",), "got --hessian, and a trace shows one reverse pass"),
    "derivatives": (("--order", "2"), "got --order, and a trace shows one reverse pass"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_command_line(case: str) -> None:
    options, message = WRONG[case]
    done = adiff("trace", *PROGRAM, *options)
    assert (done.status, done.out) == (2, "")
    said = json.loads(done.err)["message"] if done.err.startswith("{") else done.err
    assert message in said
    assert "help" in done.err


def test_array_without_a_cotangent_is_refused_as_by_eval() -> None:
    words = ("-e", "[x, 2 * x]", "x=1")
    assert adiff("trace", *words).err == adiff("eval", *words).err
    assert adiff("trace", *words, "--cotangent", "[1, 2]").status == 0


def test_strict_and_warnings_as_of_eval() -> None:
    words = ("-e", "1 / x", "x=0")
    assert adiff("trace", *words, "--strict").status == 4
    assert adiff("trace", *words).err == adiff("eval", *words).err
    assert adiff("trace", *words, "-q").err == ""


def test_half_a_pipe_is_silent() -> None:
    words = ("trace", "-e", LOOP.replace("100", "20000"), "x=1", "--unfold")
    done = process(*words, shell='"$@" | head -1')
    assert (done.status, done.err, len(done.out.splitlines())) == (0, "", 1)


def test_more_than_a_screen_goes_to_the_pager() -> None:
    words = ("trace", "-e", LOOP, "x=1", "--unfold")
    done = terminal(*words, env={"PAGER": "tail -n 3", "NO_COLOR": "1"})
    assert done.status == 0
    assert len(done.out.splitlines()) == 3
    done = terminal(*words, env={"PAGER": "head -n 2", "NO_COLOR": "1"})
    assert (done.status, len(done.out.splitlines())) == (0, 2)
    short = terminal("trace", *PROGRAM, env={"PAGER": "false", "NO_COLOR": "1"})
    assert "sin z" in short.out


@pytest.mark.parametrize("form", FORMATS)
def test_a_program_that_records_nothing(form: str) -> None:
    done = adiff("trace", "-e", "1 + 2", "--format", form)
    assert done.status == (2 if form == "svg" else 0)
    if form in ("table", "svg"):
        assert "no node was recorded" in done.out + done.err


DEEP = "fn f(n, a) { if n <= 0 { a } else { f(n - 1, a * 1.001) } }; f(400, x)"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("options", [(), ("--unfold",)], ids=["folded", "unfolded"])
def test_deep_recursion(form: str, options: tuple[str, ...]) -> None:
    done = adiff("trace", "-e", DEEP, "x=1", "--format", form, *options)
    assert done.status in (0, 2)
    assert "--depth" in done.err if done.status else done.out
