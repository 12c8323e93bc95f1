"""The densities and their derivatives, beside Stan's formulas with 60 digits."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from mpmath import mp

from autodiff_cli import program
from autodiff_cli.language.library import LIBRARY

TOLERANCE = 1e-12
"""Of what a change of each argument by its own size does to the value, or to the derivative."""


def _lbeta(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def _lchoose(n: Any, k: Any) -> Any:
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


def _xlogy(x: Any, y: Any) -> Any:
    return x * mp.log(y) if x else mp.mpf(0)


def _normal(y: Any, m: Any, s: Any) -> Any:
    return -(((y - m) / s) ** 2) / 2 - mp.log(s) - mp.log(2 * mp.pi) / 2


def _binomial_logit(n: Any, size: Any, a: Any) -> Any:
    ways = _lchoose(size, n)
    return ways - n * mp.log1p(mp.exp(-a)) - (size - n) * mp.log1p(mp.exp(a))


BY_STAN: dict[str, Any] = {
    "logit": lambda p: mp.log(p) - mp.log1p(-p),
    "inv_logit": lambda x: 1 / (1 + mp.exp(-x)),
    "lchoose": _lchoose,
    "normal_lpdf": _normal,
    "lognormal_lpdf": lambda y, m, s: _normal(mp.log(y), m, s) - mp.log(y),
    "cauchy_lpdf": lambda y, m, s: -mp.log(mp.pi * s) - mp.log1p(((y - m) / s) ** 2),
    "student_t_lpdf": lambda y, nu, m, s: (
        mp.loggamma((nu + 1) / 2)
        - mp.loggamma(nu / 2)
        - mp.log(mp.sqrt(nu * mp.pi) * s)
        - (nu + 1) / 2 * mp.log1p(((y - m) / s) ** 2 / nu)
    ),
    "gamma_lpdf": lambda y, a, b: a * mp.log(b) - mp.loggamma(a) + (a - 1) * mp.log(y) - b * y,
    "inv_gamma_lpdf": lambda y, a, b: a * mp.log(b) - mp.loggamma(a) - (a + 1) * mp.log(y) - b / y,
    "beta_lpdf": lambda y, a, b: _xlogy(a - 1, y) + (b - 1) * mp.log1p(-y) - _lbeta(a, b),
    "exponential_lpdf": lambda y, b: mp.log(b) - b * y,
    "poisson_lpmf": lambda n, m: _xlogy(n, m) - m - mp.loggamma(n + 1),
    "binomial_lpmf": lambda n, size, p: (
        _lchoose(size, n) + _xlogy(n, p) + (size - n) * mp.log1p(-p)
    ),
    "binomial_logit_lpmf": _binomial_logit,
    "bernoulli_logit_lpmf": lambda n, a: -mp.log1p(mp.exp(-a if n else a)),
    "neg_binomial_lpmf": lambda n, a, b: (
        _lchoose(n + a - 1, n) + a * mp.log1p(-1 / (b + 1)) - n * mp.log1p(b)
    ),
}
ANY = (-1e100, -800.0, 0.0, 0.7, 1e100)
ABOVE_0 = (1e-100, 1e-9, 2.5, 1e4, 1e100)
SHAPE = (1e-6, 0.3, 1.0, 2.5, 1e4)
SHARE = (1e-300, 1e-18, 0.01, 0.9, 1 - 2**-53)
COUNT = (0.0, 1.0, 7.0, 1e6)
POINTS: dict[str, tuple[tuple[float, ...], ...]] = {
    "logit": (SHARE,),
    "inv_logit": ((-700.0, *ANY[1:-1]),),
    "lchoose": ((7.0, 40.5, 1e6), (0.0, 1.0, 2.0, 6.5)),
    "normal_lpdf": (ANY, (-3.0, 0.0, 5.0), ABOVE_0[1:]),
    "lognormal_lpdf": (ABOVE_0, (-3.0, 0.0, 5.0), ABOVE_0[1:]),
    "cauchy_lpdf": (ANY, (-3.0, 0.0, 5.0), ABOVE_0),
    "student_t_lpdf": (ANY, (*SHAPE[1:4], 200.0), (-3.0, 0.0), (1e-9, 40.0)),
    "gamma_lpdf": (ABOVE_0, SHAPE, (1e-9, 0.3)),
    "inv_gamma_lpdf": (ABOVE_0, SHAPE, (1e-9, 0.3)),
    "beta_lpdf": (SHARE, SHAPE, SHAPE),
    "exponential_lpdf": ((0.0, *ABOVE_0), ABOVE_0),
    "poisson_lpmf": (COUNT, ABOVE_0),
    "binomial_lpmf": (COUNT[:3], (7.0, 500.0, 1e6), SHARE),
    "binomial_logit_lpmf": (COUNT[:3], (7.0, 500.0, 1e6), ANY[1:-1]),
    "bernoulli_logit_lpmf": ((0.0, 1.0), ANY[1:-1]),
    "neg_binomial_lpmf": (COUNT, SHAPE, ABOVE_0),
}
COUNTS = {"lchoose": (1,), "poisson_lpmf": (0,), "binomial_lpmf": (0, 1)}
COUNTS |= {"binomial_logit_lpmf": (0, 1), "bernoulli_logit_lpmf": (0,), "neg_binomial_lpmf": (0,)}
"""The arguments that are counts, by which nobody differentiates."""


def test_every_function_of_the_library_is_tried() -> None:
    assert list(LIBRARY) == list(BY_STAN) == list(POINTS)


def partial(function: Any, point: tuple[Any, ...], *orders: int) -> Any:
    """By a central difference."""
    if not orders:
        return function(*point)
    position, *rest = orders
    step = mp.mpf("1e-30") * (abs(point[position]) or 1)
    up, down = list(point), list(point)
    up[position] += step
    down[position] -= step
    return (partial(function, tuple(up), *rest) - partial(function, tuple(down), *rest)) / (
        2 * step
    )


@pytest.mark.parametrize("name", LIBRARY)
def test_values_and_derivatives_are_those_of_stans_formulas(name: str) -> None:
    names, function = LIBRARY[name].parameters, BY_STAN[name]
    columns = np.array(list(itertools.product(*POINTS[name]))).T
    values, gradient = at_points(name, columns)
    by = [i for i in range(len(columns)) if i not in COUNTS.get(name, ())]
    tried = 0
    with mp.workdps(200):
        for row, point in enumerate(columns.T):
            exact = tuple(mp.mpf(float(x)) for x in point)
            for orders in ((), *((i,) for i in by)):
                got = gradient[names[orders[0]]][row] if orders else values[row]
                want = partial(function, exact, *orders)
                if not 1e-300 < abs(want) < 1e300:
                    continue
                moves = [exact[i] * partial(function, exact, *orders, i) for i in by]
                error = abs(mp.mpf(float(got)) - want)
                assert error <= TOLERANCE * (abs(want) + sum(map(abs, moves))), (point, orders)
                tried += 1
    assert tried >= 3


def at_points(name: str, columns: Any) -> tuple[Any, dict[str, Any]]:
    """The values, and the gradients, at points of which each argument has a column."""
    written = LIBRARY[name]
    inputs = dict(zip(written.parameters, columns, strict=True))
    declared = f"input {', '.join(written.parameters)}\n"
    result = program(f"{declared}lp = {written.signature}\nsum(lp)", of=["lp"]).vjp("ones", inputs)
    return result.value, result.gradient


INF, NAN = math.inf, math.nan
OUTSIDE: list[tuple[str, tuple[float, ...], float]] = [
    ("logit", (1.5,), NAN),
    ("logit", (0.0,), -INF),
    ("lchoose", (3.0, 5.0), NAN),
    ("normal_lpdf", (1.0, 0.0, -1.0), NAN),
    ("normal_lpdf", (INF, 0.0, 1.0), -INF),
    ("lognormal_lpdf", (0.0, 0.0, 1.0), -INF),
    ("lognormal_lpdf", (-1.0, 0.0, 1.0), -INF),
    ("lognormal_lpdf", (-1.0, 0.0, -1.0), NAN),
    ("cauchy_lpdf", (1.0, 0.0, -1.0), NAN),
    ("student_t_lpdf", (1.0, -1.0, 0.0, 1.0), NAN),
    ("gamma_lpdf", (-1.0, 2.0, 1.0), -INF),
    ("gamma_lpdf", (0.0, 2.0, 1.0), -INF),
    ("gamma_lpdf", (0.0, 1.0, 3.0), math.log(3)),
    ("gamma_lpdf", (-1.0, 2.0, -1.0), NAN),
    ("gamma_lpdf", (1.0, -0.5, 1.0), NAN),
    ("inv_gamma_lpdf", (0.0, 2.0, 1.0), -INF),
    ("inv_gamma_lpdf", (0.0, 2.0, -1.0), NAN),
    ("beta_lpdf", (1.5, 2.0, 2.0), -INF),
    ("beta_lpdf", (-0.5, 2.0, -2.0), NAN),
    ("beta_lpdf", (1.0, 2.0, 1.0), math.log(2)),
    ("beta_lpdf", (1.0, 2.0, 3.0), -INF),
    ("exponential_lpdf", (-1.0, 2.0), -INF),
    ("exponential_lpdf", (-1.0, -2.0), NAN),
    ("poisson_lpmf", (-1.0, 2.0), -INF),
    ("poisson_lpmf", (1.5, 2.0), -INF),
    ("poisson_lpmf", (0.0, 0.0), 0.0),
    ("poisson_lpmf", (0.0, -1.0), NAN),
    ("binomial_lpmf", (6.0, 5.0, 0.5), -INF),
    ("binomial_lpmf", (5.0, 5.0, 1.0), 0.0),
    ("binomial_lpmf", (0.0, 5.0, 0.0), 0.0),
    ("binomial_lpmf", (0.0, 5.0, 1.5), NAN),
    ("binomial_logit_lpmf", (-1.0, 5.0, 0.5), -INF),
    ("bernoulli_logit_lpmf", (2.0, 0.5), -INF),
    ("neg_binomial_lpmf", (0.5, 2.0, 0.5), -INF),
    ("neg_binomial_lpmf", (0.0, 2.0, -0.5), NAN),
]


@pytest.mark.parametrize(("name", "point", "want"), OUTSIDE)
def test_outside_of_the_support_the_density_is_0(
    name: str, point: tuple[float, ...], want: float
) -> None:
    values, _ = at_points(name, [np.array([x, x]) for x in point])
    alone, _ = at_points(name, point)
    np.testing.assert_array_equal([*values, alone], [want] * 3)


@pytest.mark.parametrize("name", LIBRARY)
def test_numbers_give_what_arrays_give(name: str) -> None:
    point = [column[len(column) // 2] for column in POINTS[name]]
    value, gradient = at_points(name, point)
    values, gradients = at_points(name, [np.array([x]) for x in point])
    assert value == pytest.approx(values[0], rel=1e-14)
    for each, slopes in gradients.items():
        assert gradient[each] == pytest.approx(slopes[0], rel=1e-14)
