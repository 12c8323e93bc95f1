"""What a fit says of its parameters, beside independent ways to the same figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, least_squares
from scipy.stats import t as student

from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.language.source import Source
from autodiff_cli.solve.binding import Terms, bind
from autodiff_cli.solve.fitting import Choices, Fit, fit
from autodiff_cli.solve.losses import LOSSES
from autodiff_cli.solve.prediction import predict

X = np.array([1.0, 2, 3, 5, 7, 10])
Y = np.array([109.0, 149, 149, 191, 213, 224])
"""BoxBOD of NIST, whose intervals are far from symmetric."""


def fitted(
    text: str = "y = a * (1 - exp(-b*x))",
    columns: dict[str, Any] | None = None,
    starts: dict[str, Any] | None = None,
    terms: Terms | None = None,
    **choices: Any,
) -> Fit:
    columns = columns or {"x": X, "y": Y}
    starts = starts or {"a": 100.0, "b": 0.75}
    model = bind(load(Source("<-e>", text)), columns, {}, starts, terms or Terms(), Settings())
    return fit(model, Choices(**choices))


def squares(a: float, b: float) -> float:
    return float(((a * (1 - np.exp(-b * X)) - Y) ** 2).sum())


def test_a_straight_line_by_its_formulas() -> None:
    found = fitted("y = a + b*x", starts={"a": 0.0, "b": 1.0})
    spread = ((X - X.mean()) ** 2).sum()
    slope = ((X - X.mean()) * (Y - Y.mean())).sum() / spread
    rest = Y - Y.mean() - slope * (X - X.mean())
    deviation = math.sqrt((rest**2).sum() / (X.size - 2))
    assert found.at[1] == pytest.approx(slope, rel=1e-12)
    stats = found.statistics
    assert stats.residual_standard_deviation == pytest.approx(deviation, rel=1e-12)
    errors = [deviation * math.sqrt(1 / X.size + X.mean() ** 2 / spread), deviation / spread**0.5]
    assert stats.standard_errors == pytest.approx(errors, rel=1e-12)
    assert stats.correlation[0, 1] == pytest.approx(-X.mean() / math.sqrt((X**2).mean()))
    bands = predict(found, {"x": np.array([4.0])}, 1)
    narrow = deviation * math.sqrt(1 / X.size + (4 - X.mean()) ** 2 / spread)
    wide = deviation * math.sqrt(1 + 1 / X.size + (4 - X.mean()) ** 2 / spread)
    factor = student.ppf(0.975, 4)
    assert bands.standard_error[0] == pytest.approx(narrow, rel=1e-12)
    for band, width in ((bands.confidence, narrow), (bands.prediction, wide)):
        ends = bands.value[0] - factor * width, bands.value[0] + factor * width
        assert band[0] == pytest.approx(ends, rel=1e-12)


def test_aic_and_bic_count_the_variance() -> None:
    found = fitted()
    rows, rss = X.size, squares(*found.at)
    deviance = rows * (math.log(2 * math.pi * rss / rows) + 1)
    assert found.statistics.aic == pytest.approx(deviance + 2 * 3)
    assert found.statistics.bic == pytest.approx(deviance + math.log(rows) * 3)


def test_profile_interval_is_where_the_sum_has_risen_as_far() -> None:
    """By another way: for b fixed the best a is a formula."""
    found = fitted(profile=True)

    def least(b: float) -> float:
        curve = 1 - np.exp(-b * X)
        return squares(float((curve @ Y) / (curve @ curve)), b)

    level = squares(*found.at) * (1 + student.ppf(0.975, 4) ** 2 / 4)
    low = brentq(lambda b: least(b) - level, 0.05, found.at[1], xtol=1e-14)
    high = brentq(lambda b: least(b) - level, found.at[1], 3, xtol=1e-14)
    assert found.intervals[1] == pytest.approx([low, high], rel=1e-6)
    below, above = found.at[1] - low, high - found.at[1]
    assert above > 2 * below  # asymmetric, where the truth is


@pytest.mark.parametrize("loss", LOSSES[1:])
def test_loss_is_scipys(loss: str) -> None:
    y = Y.copy()
    y[2] += 60
    found = fitted(columns={"x": X, "y": y}, loss=loss, loss_scale=10.0)
    want = least_squares(
        lambda p: p[0] * (1 - np.exp(-p[1] * X)) - y,
        found.at * [1.02, 0.97],
        loss=loss,
        f_scale=10,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    assert found.at == pytest.approx(want.x, rel=1e-6)
    assert found.has_converged


def test_an_outlier_counts_for_less() -> None:
    x = np.linspace(0, 1, 30)
    noise = 0.01 * np.random.default_rng(1).normal(size=30)
    y = 1 + 2 * x + noise
    y[7] += 50
    columns = {"x": x, "y": y}
    plain = fitted("y = a + b*x", columns, {"a": 0.0, "b": 0.0})
    robust = fitted("y = a + b*x", columns, {"a": 0.0, "b": 0.0}, loss="cauchy")
    assert abs(plain.at[0] - 1) > 0.5
    assert robust.at == pytest.approx([1, 2], abs=0.05)


def test_flat_region_is_left() -> None:
    """From NIST's first start Levenberg and Marquardt's first step goes where b is not felt."""
    found = fitted(starts={"a": 1.0, "b": 1.0})
    assert found.has_converged
    assert found.at[1] == pytest.approx(0.54723748542)


@pytest.mark.parametrize("start", [0.0, 1e-3, 0.3, -2.0])
def test_parameter_that_is_0_but_for_rounding_is_felt(start: float) -> None:
    x = np.arange(-3.0, 4.0)
    columns = {"x": x, "y": np.array([0.01, 0.2, 0.7, 1.1, 0.7, 0.2, 0.01])}
    starts = {"a": 1.0, "c": start, "w": 2.0}
    found = fitted("y = a*exp(-((x - c)/w)^2)", columns, starts)
    assert found.has_converged
    assert found.at[1] == pytest.approx(0, abs=1e-12)


def test_step_to_nan_is_taken_back() -> None:
    x = np.array([1.0, 2, 3, 4, 5])
    columns = {"x": x, "y": 3 * np.log(x + 0.5)}
    found = fitted("y = a * log(x - b)", columns, {"a": 10.0, "b": 0.9})
    assert found.at == pytest.approx([3, -0.5], rel=1e-9)


def test_direction_of_what_cannot_be_told_apart() -> None:
    found = fitted("y = a * exp(c) * x", starts={"a": 1.0, "c": 0.0})
    (told,) = [one for one in found.findings if one.kind == "inseparable"]
    assert "`a` and `c`" in told.what
    assert np.isnan(found.statistics.standard_errors).all()


def test_exact_data() -> None:
    found = fitted("y = a + b*x", {"x": X, "y": 2 + 3 * X}, {"a": 0.0, "b": 0.0})
    assert found.has_converged
    assert found.at == pytest.approx([2, 3], rel=1e-12)
