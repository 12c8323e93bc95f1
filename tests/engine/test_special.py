"""Special functions where formulas meet: at tiny arguments, at 0, in tails, beside a switch.

That every entry has the right derivatives is the test of the table. Here is what is known of
these functions in closed form, and what their referees rest on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autodiff_cli.engine.graph import Graph, Node, apply
from autodiff_cli.engine.precise import mp
from autodiff_cli.engine.primitives import TABLE, high_precision
from autodiff_cli.engine.primitives.special import gamma_pdf_derivative
from autodiff_cli.engine.sweeps import recorded_reverse_sweep

ZETA_3 = 1.2020569031595942


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with np.errstate(all="ignore"):
        yield


def derivatives(name: str, point: tuple[float, ...], by: tuple[int, ...], array: bool) -> Any:
    """The value, then the derivatives by the first of the operands in `by`, by the second too, …"""
    graph = Graph()
    leaves = [graph.leaf(np.array([x]) if array else x, "x") for x in point]
    one = np.ones(1) if array else 1.0
    with graph.recording():
        now: Any = apply(graph, TABLE[name], tuple(leaves), None)
        found = [now]
        for position in by:
            if isinstance(now, Node):
                now = recorded_reverse_sweep(graph, graph.up_to(now), one, leaves).get(
                    leaves[position], 0.0
                )
            else:
                now = 0.0
            found.append(now)
    return [float(np.ravel(x.value if isinstance(x, Node) else x)[0]) for x in found]


BOTH = pytest.mark.parametrize("array", [False, True], ids=["scalar", "array"])


@BOTH
@pytest.mark.parametrize("x", [-math.inf, -1e300, -1e160, -50.0, 50.0, 1e155, 1e200, math.inf])
@pytest.mark.parametrize("name", ["expmsq", "erf", "erfc", "normal_pdf", "normal_cdf", "gelu"])
def test_tails_are_flat(name: str, x: float, array: bool) -> None:
    slope = 1.0 if name == "gelu" and x > 0 else 0.0
    assert derivatives(name, (x,), (0,) * 5, array)[1:] == [slope, 0.0, 0.0, 0.0, 0.0]


@BOTH
@pytest.mark.parametrize(
    ("a", "expected"),
    [
        (1.0, [0, 1, -1, 1, -1]),
        (2.0, [0, 0, 1, -2, 3]),
        (3.0, [0, 0, 0, 1, -3]),
        (4.0, [0, 0, 0, 0, 1]),
        (5.0, [0, 0, 0, 0, 0]),
        (0.5, [0, math.inf, -math.inf, math.inf, -math.inf]),
        (2.5, [0, 0, 0, math.inf, -math.inf]),
    ],
)
def test_gammainc_at_0(a: float, expected: list[float], array: bool) -> None:
    """The derivatives on the right: ∂ₓP(a, x) = p(a), and ∂ₓp(a) = p(a - 1) - p(a)."""
    assert derivatives("gammainc", (a, 0.0), (1,) * 4, array) == expected


@pytest.mark.parametrize("a", [0.5, 1.0, 1.5, 2.0, 3.0, 4.5])
@pytest.mark.parametrize("m", range(5))
@pytest.mark.parametrize("n", range(1, 4))
def test_density_at_0_has_the_limit_of_what_stands_beside(n: int, m: int, a: float) -> None:
    at_0, beside, nearer = (gamma_pdf_derivative(n, m, a, x) for x in (0.0, 1e-30, 1e-60))
    if at_0 == 0:
        assert abs(nearer) < 1e-6 * abs(beside) or not nearer
    else:
        assert at_0 == math.copysign(math.inf, nearer)
        assert abs(nearer) > abs(beside)


@BOTH
@pytest.mark.parametrize("a", [1e4, 0.99e5, 1.01e5, 1e8, 1e12, 1e16])
def test_gammainc_in_the_middle_of_a_large_a(a: float, array: bool) -> None:
    """∂ₐP(a, a) = -(1 + 1/(12·a) + …)/√(2πa), of logarithms that differ little."""
    middle = -(1 + 1 / (12 * a)) / math.sqrt(2 * math.pi * a)
    assert derivatives("gammainc", (a, a), (0,), array)[1] == pytest.approx(middle, rel=1e-11)


@BOTH
@pytest.mark.parametrize(("a", "b"), [(1e-8, 1e-8), (1e-100, 1e-30), (1e-12, 1e-300)])
def test_beta_at_tiny_arguments_is_the_sum_of_two_poles(a: float, b: float, array: bool) -> None:
    """B(a, b) = 1/a + 1/b - ζ(2)·(a + b) + ζ(3)·(a + b)² - …"""
    for by, x in ((0, a), (1, b)):
        value, *slopes = derivatives("beta", (a, b), (by,) * 3, array)
        assert value == pytest.approx(1 / a + 1 / b, rel=1e-14)
        for n, slope in enumerate(slopes, 1):
            pole = math.factorial(n) * np.float64(-x) ** -n / x  # inf, where it is so large
            assert slope == pytest.approx(pole, rel=1e-12)
    for by_both in ((0, 1), (1, 0)):
        assert derivatives("beta", (a, b), by_both, array)[2] == pytest.approx(2 * ZETA_3, rel=1e-7)


@pytest.mark.parametrize(
    "by", [(0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
)
@pytest.mark.parametrize("point", [(2.0, 2.0), (1.25, 5.0), (3.0, 1.5), (101.0, 1.01)])
def test_where_the_rule_of_beta_switches_both_branches_are_one(
    point: tuple[float, float], by: tuple[int, ...]
) -> None:
    below, above = (
        derivatives("beta", (point[0], point[1] * x), by, False)[-1] for x in (1 - 1e-15, 1 + 1e-15)
    )
    assert below == pytest.approx(above, rel=1e-12)


@BOTH
def test_along_a_line_large_arguments_of_beta_cancel_exactly(array: bool) -> None:
    by_a = derivatives("beta", (300.0, 300.0), (0,), array)[1]
    assert derivatives("beta", (300.0, 300.0), (1,), array)[1] == by_a


@BOTH
@pytest.mark.parametrize("pole", [-1, -2, -7, -1000])
@pytest.mark.parametrize("distance", [2.0**-20, -(2.0**-33)])
def test_beside_a_pole_polygamma_is_the_pole(pole: int, distance: float, array: bool) -> None:
    """ψ(-k + h) = -1/h + ψ(k + 1) + O(h), and its derivatives."""
    regular = float(mp.psi(0, 1 - pole))
    x = pole + distance
    value, slope, curvature = derivatives("lgamma", (x,), (0, 0, 0), array)[1:]
    assert value == pytest.approx(-1 / distance + regular, rel=1e-11)
    assert slope == pytest.approx(1 / distance**2, rel=1e-9)
    assert curvature == pytest.approx(-2 / distance**3, rel=1e-9)


# ── the referees ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("x", ["1e-300", "1e-5", "0.5", "3", "50", "9999", "10001", "1e300"])
def test_referee_of_gammainc_has_the_known_cases(x: str) -> None:
    """e^-x and erf: nothing of it is mpmath's incomplete gamma function, nor SciPy's."""
    at = mp.mpf(x)
    assert mp.almosteq(high_precision.gammainc(mp, mp.mpf(1), at), -mp.expm1(-at), 1e-70)
    assert mp.almosteq(high_precision.gammainc(mp, mp.mpf("0.5"), at), mp.erf(mp.sqrt(at)), 1e-70)


@pytest.mark.parametrize(("a", "x"), [("0.001", "1e-200"), ("7.5", "2"), ("300", "20000")])
def test_referee_of_gammainc_is_what_mpmath_has(a: str, x: str) -> None:
    a, x = mp.mpf(a), mp.mpf(x)
    want = mp.gammainc(a, 0, x, regularized=True)
    assert mp.almosteq(high_precision.gammainc(mp, a, x), want, 1e-70)


def test_referee_of_gammainc_reaches_where_mpmath_does_not() -> None:
    a = mp.mpf(10) ** 8
    # P(a, a) = ½ + 1/(3·√(2πa)) + …
    want = mp.mpf("0.5") + 1 / (3 * mp.sqrt(2 * mp.pi * a))
    assert mp.almosteq(high_precision.gammainc(mp, a, a), want, 1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("x", ["-1000.25", "-5000.000001", "-2000.5"])
def test_referee_of_polygamma_is_what_mpmath_has(n: int, x: str) -> None:
    at = mp.mpf(x)
    assert mp.almosteq(high_precision.polygamma(mp, n, at), mp.psi(n, at), 1e-60)


@pytest.mark.parametrize("x", ["-1e10", "-1e15", "-1e300"])
def test_referee_of_polygamma_does_not_add_up_to_far_below_0(x: str) -> None:
    """Term by term it would take hours. Midway between poles ψ₁ is π², but for what is above."""
    with mp.workdps(400):
        at = mp.mpf(x) + mp.mpf("0.5")
        value = high_precision.polygamma(mp, 1, at)
    assert mp.almosteq(value, mp.pi**2, 1e-9)
