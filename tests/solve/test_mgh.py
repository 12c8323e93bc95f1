"""Problems of Moré, Garbow and Hillstrom: the least value known, from the standard start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autodiff_cli.api.minima import minimize
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.solve.binding import Terms, bind
from autodiff_cli.solve.fitting import Choices, fit

if TYPE_CHECKING:
    from autodiff_cli.solve.model import Model

FILE = Path(__file__).parents[1] / "data" / "mgh" / "problems.json"
PROBLEMS = {one["name"]: one for one in json.loads(FILE.read_text(encoding="utf-8"))}
THETA = "theta = atan(x2/x1)/(2*pi) + (if x1 < 0 { 0.5 } else { 0 })"
"""Of the helical valley."""
PRINTED = 1e-5
"""Relative: as many digits as are published."""
ZERO = 1e-25


def text_of(name: str, form: str) -> str:
    problem = PROBLEMS[name]
    residuals = f"[{', '.join(problem['residuals'])}]"
    return "\n".join(([THETA] if "theta" in residuals else []) + [form.format(residuals)])


def starts_of(name: str) -> dict[str, float]:
    return {f"x{i}": float(eval(text)) for i, text in enumerate(PROBLEMS[name]["x0"], 1)}


def check(name: str, value: float) -> None:
    minima = PROBLEMS[name]["minima"]
    least = min(one["f"] for one in minima)
    known = {least} | {one["f"] for one in minima if "accepted" in one}
    assert any(value == pytest.approx(one, rel=PRINTED, abs=ZERO) for one in known)


def test_all_are_there() -> None:
    assert [one["number"] for one in PROBLEMS.values()] == list(range(1, 36))
    for one in PROBLEMS.values():
        assert (one["n"], one["m"]) == (len(one["x0"]), len(one["residuals"]))


def model_of(name: str) -> Model:
    program = load(Source("<-e>", text_of(name, "{}")))
    return bind(program, {}, {}, starts_of(name), Terms(residual=True), Settings())


@pytest.mark.parametrize("name", PROBLEMS)
def test_published_points(name: str) -> None:
    """The residuals are those of the paper: where a point is published, so is their sum there."""
    model = model_of(name)
    points = [(one["x"], one["f"]) for one in PROBLEMS[name]["minima"] if "x" in one]
    if "f0" in PROBLEMS[name]:
        points.append((list(model.parameters.start), PROBLEMS[name]["f0"]))
    for at, value in points:
        if isinstance(at, list):
            least = np.sum(model.residuals(np.array(at, float)) ** 2)
            assert least == pytest.approx(value, rel=PRINTED, abs=ZERO)


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_residuals(name: str) -> None:
    found = fit(model_of(name), Choices())
    assert found.has_converged
    check(name, found.statistics.residual_sum_of_squares)


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_one_number(name: str) -> None:
    program = load(Source("<-e>", text_of(name, "sum(({})^2)")))
    found = minimize(program, {}, starts_of(name))
    assert found.has_converged
    check(name, found.value)
    assert found.nature == PROBLEMS[name].get("nature", "minimum")
    assert np.isfinite(found.eigenvalues).all()
