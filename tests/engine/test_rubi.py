"""The derivative of an antiderivative is its integrand: 80 pairs of Rubi's test suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autodiff_cli.explain.evaluation import evaluate
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source

DATA = Path(__file__).parents[1] / "data" / "rubi" / "pairs.json"
CASES = json.loads(DATA.read_text(encoding="utf-8"))["cases"]

VALUE_TOLERANCE = 1e-10
"""Of the integrand, evaluated as it is written: what differs is its own rounding."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_derivative_of_the_antiderivative(case: dict[str, Any]) -> None:
    variable, parameters = case["variable"], case["parameters"]
    at = {variable: case["at"], **parameters}
    declared = f"input {', '.join(at)}\n"
    names = load(Source("<antiderivative>", declared + case["antiderivative"]))
    (evaluation,) = evaluate(names, at)
    tolerance = max(1e-12, 10 * case["torch_float64_rel_err"])

    assert evaluation.value == pytest.approx(float(case["expected_value"]), rel=tolerance)
    derivative = float(case["expected_derivative"])
    assert evaluation.gradient[variable] == pytest.approx(derivative, rel=tolerance)
    assert case["expected_parameter_partials"].keys() == parameters.keys()
    for name, partial in case["expected_parameter_partials"].items():
        assert evaluation.gradient[name] == pytest.approx(float(partial), rel=tolerance), name

    names = load(Source("<integrand>", declared + case["integrand"]))
    (evaluation,) = evaluate(names, at, wrt=[variable])
    assert evaluation.value == pytest.approx(derivative, rel=VALUE_TOLERANCE)
    second = float(case["expected_second_derivative"])
    assert evaluation.gradient[variable] == pytest.approx(second, rel=VALUE_TOLERANCE)
