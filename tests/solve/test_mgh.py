"""Problems of Moré, Garbow and Hillstrom: the least value known, from the standard start."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autodiff_cli.api.minima import minimize
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.solve.binding import Terms, bind
from autodiff_cli.solve.fitting import Choices, fit

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


def check(name: str, least: float) -> None:
    known = min(one["f"] for one in PROBLEMS[name]["minima"])
    assert least == pytest.approx(known, rel=PRINTED, abs=ZERO)


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_residuals(name: str) -> None:
    program = load(Source("<-e>", text_of(name, "{}")))
    terms = Terms(residual=True)
    found = fit(bind(program, {}, {}, starts_of(name), terms, Settings()), Choices())
    assert found.has_converged
    check(name, found.statistics.residual_sum_of_squares)


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_one_number(name: str) -> None:
    program = load(Source("<-e>", text_of(name, "sum(({})^2)")))
    found = minimize(program, {}, starts_of(name))
    assert found.has_converged
    check(name, found.value)
    assert found.nature == ("flat" if "singular" in name else "minimum")
    assert np.isfinite(found.eigenvalues).all()
