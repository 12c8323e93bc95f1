"""The referee that knows no rule: right as far as it says, and not to be fooled at kinks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from autodiff_cli.engine.differences import TRUSTED, Difference, difference, steps

if TYPE_CHECKING:
    from collections.abc import Callable

SMOOTH: dict[str, tuple[Callable[[float], float], float, float]] = {
    "polynomial": (lambda x: x**3 - 2 * x, 1.5, 3 * 1.5**2 - 2),
    "sin": (math.sin, 0.3, math.cos(0.3)),
    "sin, far out": (math.sin, 1e8, math.cos(1e8)),
    "sin, very fast": (lambda x: math.sin(1e6 * x), 1.0, 1e6 * math.cos(1e6)),
    "log, near 0": (math.log, 1e-300, 1e300),
    "log, near its pole": (lambda x: math.log(x - 1), 1 + 1e-6, 1 / (1 + 1e-6 - 1)),
    "exp, before it overflows": (math.exp, 709.7, math.exp(709.7)),
    "exp, underflowing": (math.exp, -700.0, math.exp(-700.0)),
    "oscillating at 0": (
        lambda x: x * math.sin(1 / x),
        1e-3,
        math.sin(1e3) - math.cos(1e3) / 1e-3,
    ),
    "flat": (lambda x: 7.0, 2.0, 0.0),
    "flat at the top": (math.cos, 0.0, 0.0),
    "large and nearly flat": (lambda x: 1e6 + 1e-3 * x, 2.0, 1e-3),
    "beside a kink": (lambda x: abs(x - 1), 1 + 1e-9, 1.0),
    "beside a kink, flat": (lambda x: 3 + max(x, 0.0), -1e-7, 0.0),
    "beside a jump": (lambda x: math.floor(x) * x, 2 + 1e-8, 2.0),
    "bent": (lambda x: max(x, 0.0) ** 2 + x, 0.0, 1.0),
    "near the end of its domain": (math.sqrt, 1e-8, 0.5e4),
    "at the end of its domain": (lambda x: math.sqrt(x) ** 3 * math.sqrt(x) + 3 * x, 0.0, 3.0),
}
"""Functions, a point, and the derivative there."""

EDGES: dict[str, tuple[Callable[[float], float], float, tuple[float, float]]] = {
    "abs": (abs, 0.0, (-1.0, 1.0)),
    "relu, raised": (lambda x: 1e3 + max(x - 1, 0.0), 1.0, (0.0, 1.0)),
    "two slopes": (lambda x: x if x > 2 else 3 * x - 4, 2.0, (3.0, 1.0)),
}
"""Functions, a point, and the slopes on its two sides."""


def guarded(function: Callable[[float], float]) -> Callable[[float], float]:
    def value(x: float) -> float:
        try:
            return function(x)
        except (ValueError, ArithmeticError):
            return math.nan

    return value


def found(name: str, expected: float | None = None) -> tuple[Difference, float]:
    function, at, want = SMOOTH[name]
    function = guarded(function)
    # Of an argument of x, the rounding is that of x.
    noise = abs(function(at) - function(math.nextafter(at, math.inf)))
    return difference(function, at, noise, want if expected is None else expected), want


@pytest.mark.parametrize("name", SMOOTH)
def test_derivative_is_within_its_error(name: str) -> None:
    got, want = found(name)
    assert got.smooth
    assert abs(got.central.value - want) <= TRUSTED * got.central.error


@pytest.mark.parametrize("name", SMOOTH)
def test_what_is_a_thousandth_wrong_is_contradicted(name: str) -> None:
    wrong = SMOOTH[name][2] * 1.001 or 1e-3
    got, want = found(name, wrong)
    assert abs(got.central.value - wrong) > TRUSTED * got.central.error
    assert abs(got.central.value - want) <= TRUSTED * got.central.error


@pytest.mark.parametrize("name", EDGES)
def test_kink_has_two_slopes(name: str) -> None:
    function, at, slopes = EDGES[name]
    for expected in (slopes[0], slopes[1], sum(slopes) / 2):
        got = difference(function, at, 0.0, expected)
        assert not got.smooth
        assert got.sides == pytest.approx(slopes, abs=1e-6)
        assert not got.tapers


def test_jump_has_no_slope() -> None:
    got = difference(lambda x: float(math.floor(x)), 2.0, 0.0, 0.0)
    assert math.isnan(got.sides[0])
    assert got.sides[1] == 0
    assert not got.tapers


def test_fast_noise_is_not_looked_past() -> None:
    """From afar the slope is 0.6, and each step that is fine enough shows another."""
    want = 0.6 + 1e5 * math.cos(3e11)
    got = difference(lambda x: x**2 + 1e-7 * math.sin(1e12 * x), 0.3, 1e-11, want)
    assert abs(got.central.value - want) <= TRUSTED * got.central.error
    assert got.central.error < 0.5 * abs(want)


@pytest.mark.parametrize("at", [0.0, 1.0, -3.7, 1e-9, 1e-300, 1e300, 2.0**52])
def test_steps_are_exact_or_nearly(at: float) -> None:
    tried = list(steps(at))
    assert len(tried) >= 5
    assert tried == sorted(tried, reverse=True)
    for step in tried:
        assert math.frexp(step)[0] == 0.5
        assert at + step != at
        for moved in (at + step, at - step):
            assert abs(moved - at) == pytest.approx(step, rel=0 if step < abs(at) else 1e-15, abs=0)
