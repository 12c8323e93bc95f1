"""`adiff root`: solutions known in closed form, how they move, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.commands.shell import adiff, validate


def solved(*arguments: str) -> dict[str, Any]:
    (found,) = adiff("root", *arguments, "--json").objects
    validate(found, "root")
    return found


def test_one_equation_and_how_its_root_moves() -> None:
    found = solved("-e", "x^3 - a * b", "x=1", "a=2", "b=4", "--for", "x")
    assert found["status"] == "ok"
    assert found["at"] == {"x": 2.0}
    assert found["derivatives"]["x"] == {"a": pytest.approx(1 / 3), "b": pytest.approx(1 / 6)}
    assert found["residual_norm"] == 0


def test_what_is_given_on_the_command_line_is_solved_for() -> None:
    found = solved("-e", "input M = 0.7, e = 0.4", "-e", "E - e * sin(E) - M", "E=1")
    (at,) = found["at"].values()
    assert at - 0.4 * math.sin(at) == pytest.approx(0.7, rel=1e-15)
    assert found["derivatives"]["E"]["M"] == pytest.approx(1 / (1 - 0.4 * math.cos(at)))


def test_a_system_of_arrays_and_several_outputs() -> None:
    text = "f = A @ v - b; g = s^2 - 4"
    found = solved(
        *("-e", text, "--of", "f,g", "--for", "v,s"),
        *("v=[0, 0]", "s=1", "b=[3, 5]", "A=[[2, 0], [1, 1]]"),
    )
    assert found["at"]["s"] == pytest.approx(2)
    np.testing.assert_allclose(found["at"]["v"], [1.5, 3.5])
    np.testing.assert_allclose(found["derivatives"]["v"]["b"], [[0.5, 0], [-0.5, 1]], atol=1e-15)
    assert np.shape(found["derivatives"]["v"]["A"]) == (2, 2, 2)
    np.testing.assert_allclose(found["derivatives"]["s"]["A"], np.zeros((2, 2)))


def test_derivatives_are_those_of_differences() -> None:
    text = "[x * exp(y) - a, x^2 + y^3 - b]"

    def at(a: float, b: float) -> tuple[dict[str, Any], Any]:
        line = ("-e", text, "--for", "x,y", "x=1", "y=0.5", f"a={a!r}", f"b={b!r}")
        found = solved(*line)
        return found["derivatives"], np.array(list(found["at"].values()))

    rows, _ = at(1.7, 2.2)
    for name, (da, db) in {"a": (1e-6, 0), "b": (0, 1e-6)}.items():
        slope = (at(1.7 + da, 2.2 + db)[1] - at(1.7 - da, 2.2 - db)[1]) / 2e-6
        assert [rows["x"][name], rows["y"][name]] == pytest.approx(list(slope), rel=1e-8)


def test_by_any_name_and_by_none() -> None:
    line = ("-e", "c = a^2; x^2 - c", "x=1", "a=3", "--for", "x")
    found = solved(*line, "--wrt", "c,a")
    assert found["derivatives"]["x"] == {"c": pytest.approx(1 / 6), "a": pytest.approx(1)}
    assert solved(*line, "--wrt", "")["derivatives"] == {"x": {}}


def test_a_bracket_needs_no_start() -> None:
    found = solved("-e", "cos(x) - k * x", "k=1", "--bracket", "x=0..2")
    assert found["at"]["x"] == pytest.approx(0.7390851332151607, rel=1e-15)
    assert solved("-e", "x^3", "--bracket", "x=-1:2")["at"]["x"] == pytest.approx(0, abs=1e-8)


def test_formats_tell_the_same() -> None:
    line = ("root", "-e", "x^2 - a", "x=1", "a=4", "--for", "x")
    assert adiff(*line).out == "x\t2.0\ndx/da\t0.25\n"
    assert adiff(*line, "--format", "csv").out == "quantity,value\nx,2.0\ndx/da,0.25\n"
    table = adiff(*line, "--format", "table").out.splitlines()
    assert table[0].split() == ["unknown", "value", "d…/da"]
    assert table[2].split() == ["x", "2.0", "0.25"]


@pytest.mark.parametrize("text", ["x^2 + 1", "exp(x) + 1", "5"])
def test_no_root_has_the_best_point_and_status_1(text: str) -> None:
    done = adiff("root", "-e", f"input x = 3\n{text}", "--json")
    (found,) = done.objects
    assert done.status == 1
    assert found["status"] == "not-converged"
    assert found["residual_norm"] >= 1
    (warning,) = found["warnings"]
    assert warning["kind"] == "not-converged"


def test_a_root_that_is_not_simple_has_no_derivative() -> None:
    found = solved("-e", "(x - a)^2", "x=1", "a=2", "--for", "x")
    assert found["at"]["x"] == pytest.approx(2, abs=1e-6)
    assert [warning["kind"] for warning in found["warnings"]] == ["singular"] * (
        not found["derivatives"]
    )


@pytest.mark.parametrize(
    ("arguments", "status", "what"),
    [
        (["-e", "x - a", "x=1", "a=2"], 2, "got 1 equation and 2 unknown numbers (x, a), want"),
        (["-e", "[x, x]", "x=1"], 2, "got 2 equations and 1 unknown number (x), want as many"),
        (["-e", "3"], 2, "got 1 equation and 0 unknown numbers (none), want as many"),
        (["-e", "x", "x=1", "--for", "y"], 2, "--for y: the program has no such input"),
        (["-e", "x", "x=1", "--wrt", "y"], 2, "--wrt y: the program has no such name"),
        (["-e", "x^2 + 1", "--bracket", "x=0..1"], 2, "--bracket x=0..1: the equation has the"),
        (["-e", "x", "--bracket", "x=2..1"], 2, "--bracket x: 2 is not below 1"),
        (["-e", "x", "--bracket", "x=2"], 2, "--bracket: got 'x=2', want NAME=LOW..HIGH"),
        (["-e", "[x, y]", "x=1", "y=1", "--for", "x,y", "--bracket", "x=0..2"], 2, "--bracket is"),
        (["-e", "x - y", "x=1"], 2, "input `y` has no value"),
        (["-e", "log(x - 5)", "x=1"], 1, "the equations are not finite at the start: the value"),
    ],
)
def test_what_is_refused(arguments: list[str], status: int, what: str) -> None:
    done = adiff("root", *arguments, "--json")
    assert done.error["message"].startswith(what)
    assert done.status == status
