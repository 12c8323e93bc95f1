"""NIST's certified regressions, from both starts: all digits that are certified."""

from __future__ import annotations

import json
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.solve.binding import Terms, bind
from autodiff_cli.solve.fitting import Choices, Fit, fit

FILE = Path(__file__).parents[1] / "data" / "nist" / "problems.json"
PROBLEMS = {one["name"]: one for one in json.loads(FILE.read_text(encoding="utf-8"))}
ALL = 11
"""Digits that are certified."""
ROUNDING_ALONE = "Lanczos1"
"""Its residuals are rounding, and no double precision tells their sum of squares."""


def digits(found: float, certified: float) -> float:
    """The log relative error, as NIST counts: how many digits are right, at most 11."""
    if found == certified:
        return ALL
    return max(0.0, min(ALL, -log10(abs(found - certified) / abs(certified))))


def rounded(found: float, certified: float) -> bool:
    """Whether a number is the certified one when it is rounded to as many digits."""
    return f"{found:.{ALL - 1}e}" == f"{certified:.{ALL - 1}e}"


def fitted(problem: dict[str, Any], start: int) -> Fit:
    program = load(Source("<-e>", f"y = {problem['model']}"))
    columns = {name: np.array(values) for name, values in problem["columns"].items()}
    starts = dict(zip(problem["parameters"], problem["starts"][start], strict=True))
    terms = Terms(response=problem.get("response"))
    return fit(bind(program, columns, {}, starts, terms, Settings()), Choices())


@pytest.mark.parametrize("start", [0, 1], ids=["start 1", "start 2"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_values(name: str, start: int) -> None:
    problem = PROBLEMS[name]
    found = fitted(problem, start)
    pairs = list(zip(found.at, problem["certified"], strict=True))
    assert min(digits(*pair) for pair in pairs) >= 10, pairs
    # The last digit that is certified may be the other neighbour of what lies between two.
    assert sum(not rounded(*pair) for pair in pairs) <= len(pairs) // 3, pairs
    assert found.has_converged
    assert not [one for one in found.findings if one.kind in ("not-converged", "inseparable")]
    assert found.statistics.degrees_of_freedom == problem["degrees_of_freedom"]
    if name == ROUNDING_ALONE:
        return
    errors = zip(found.statistics.standard_errors, problem["standard_errors"], strict=True)
    assert min(digits(*pair) for pair in errors) >= 9
    squares = found.statistics.residual_sum_of_squares
    assert digits(squares, problem["residual_sum_of_squares"]) >= 9
