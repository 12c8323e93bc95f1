"""What somebody meets who does not know adiff yet: each is answered with what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autodiff_cli.commands.main import COMMANDS
from autodiff_cli.commands.running import BY_ENDING
from autodiff_cli.interpreter.catalogue import entries, operators
from autodiff_cli.language.names import METHODS
from tests.commands.shell import adiff
from tests.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WRITERS = ("eval", "trace", "check", "why")


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("ending", [".png", ".pdf", ".md", ".xlsx", ".SVGZ"])
def test_an_ending_without_a_format_is_refused(command: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"g{ending}"
    done = adiff(command, "-e", "x^2", "x=3", "-o", str(path))
    assert (done.status, done.out) == (2, "")
    assert "no format has the ending" in done.err
    assert ".json" in done.err
    assert not path.exists()


@pytest.mark.parametrize("ending", BY_ENDING)
def test_another_commands_ending_is_refused(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"g{ending}"
    taken = [adiff(each, "-e", "x^2", "x=3", "-o", str(path)).status for each in WRITERS]
    assert set(taken) <= {0, 2}
    assert 0 in taken


@pytest.mark.parametrize("name", ["g", "g.txt", "v1.2/g"])
def test_lines_go_to_any_plain_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "v1.2").mkdir()
    assert adiff("eval", "-e", "x^2", "x=3", "-o", str(tmp_path / name)).status == 0
    assert (tmp_path / name).read_text() == "result\t9.0\ndresult/dx\t6.0\n"


def test_every_exit_status_is_told() -> None:
    told = adiff("--help").out, (ROOT / "README.md").read_text(encoding="utf-8")
    for text in told:
        part = text[text.lower().index("exit status:" if text is told[0] else "exit status is 0") :]
        for status in ("0", "1", "2", "3", "4", "5", "6", "130"):
            assert status in part.split("adiff eval --help")[0]


NOTHING = ("-e", "x = arange(4)", "-e", "y = 2*dot(x, x)")


@pytest.mark.parametrize("command", WRITERS)
def test_without_an_input_a_variable_is_named(command: str) -> None:
    done = adiff(command, *NOTHING)
    assert "--wrt x" in done.err
    assert adiff(command, *NOTHING, "--wrt", "x").err == ""


@pytest.mark.parametrize(
    "words", [("-q", *NOTHING), ("-e", "2 + 3"), ("-e", "x = 3; grad(x^2, x)")]
)
def test_who_asks_for_nothing_is_told_nothing(words: tuple[str, ...]) -> None:
    assert adiff("eval", *words).err == ""


ANSWERS = [
    # (command line, what the answer has)
    (("eval", "-e", "y = x^2", "x=3", "--of", "zz"), "its names are: y, x"),
    (("eval", "-e", "y = x^2", "x=3", "--wrt", "zz"), "its names are: y, x"),
    (("eval", "-e", "x.grad.zero_()", "x=1"), "`zero_grad(x)`"),
    (("eval", "-e", "x.backward()", "x=1"), "`backward(x)`"),
    (("eval", "-e", "(x + 1).sum()", "x=1"), "`sum((x + 1))`"),
    (("eval", "-e", "eigh(A)[0]", "A=[[1, 0], [0, 2]]"), "`w, V = eigh(A)`"),
    (("eval", "-e", "fn f(a) { return a, a }; f(x)[0]", "x=1"), "`a, b = f(x)`"),
    (("eval", "-e", "½ * x", "x=1"), "write `1/2`"),
    (("eval", "-e", "2⅔", "x=1"), "write `2/3`"),
    (("eval", "-e", "x½", "x=1"), "got the fraction `½`"),
    (("eval", "-e", "π * x", "x=1"), "`pi`"),
    (("eval", "-e", "τ * x", "x=1"), "`2*pi`"),
    (("eval", "-e", "∂x", "x=1"), "`grad(y, x)`"),
    (("eval", "-e", r'print("a\qb"); x', "x=1"), r"write `\\q`"),
    (("eval", "-e", r'print("C:\dir"); x', "x=1"), r"unknown escape `\d`"),
    (("functions", "if"), "a word of the language"),
    (("functions", "pi"), "a constant"),
    (("functions", "ln"), "`log(x)`"),
]


@pytest.mark.parametrize(("words", "answer"), ANSWERS, ids=lambda one: str(one)[:60])
def test_answered(words: tuple[str, ...], answer: str) -> None:
    done = adiff(*words)
    assert done.status in (1, 2, 3)
    assert answer in done.err, done.err


@pytest.mark.parametrize("name", METHODS)
def test_what_others_write_after_a_point(name: str) -> None:
    done = adiff("eval", "-e", f"x.{name}()", "x=1")
    assert done.status == 3
    assert METHODS[name].replace("$", "x") in done.err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_slip_of_the_pen_in_a_command(name: str) -> None:
    done = adiff(name[:-2] + name[-1])
    assert done.status == 2
    assert f"did you mean `{name}`?" in done.err


@pytest.mark.parametrize("name", sorted(operators().keys() - entries().keys()))
def test_every_operator_has_its_page(name: str) -> None:
    done = adiff("functions", name)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == operators()[name].signature


def test_plain_lines_of_a_check_carry_their_names() -> None:
    fields = adiff("check", "-e", "x^2", "x=3").out.rstrip("\n").split("\t")
    assert fields[:2] == ["dresult/dx", "ok"]
    assert [each.partition("=")[0] for each in fields[2:]] == ["gradient", "other", "error", "by"]


LOOPS = ["while abs(y) > 1 { y = y / 2 }", "for i in range(3) { y = sin(y) }"]


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_computed_after_an_iteration_is_not_in_it(loop: str) -> None:
    done = adiff("trace", "-e", f"y = x; {loop}; y", "x=4", "--unfold", "--json")
    (trace,) = done.objects
    rounds: list[list[str]] = []
    for row in trace["rows"]:
        if row["row"] == "round":
            rounds.append([])
        elif rounds and row["row"] == "node" and row["depth"] == 2:
            rounds[-1].append(row["expression"])
    assert len(rounds) in (2, 3)
    assert all(each == rounds[0] for each in rounds), rounds
