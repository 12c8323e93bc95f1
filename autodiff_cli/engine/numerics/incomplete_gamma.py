"""Derivatives of the incomplete gamma function P(a, x), and of the density that it sums up."""

from __future__ import annotations

import functools
import math
from math import inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.numerics.gamma import (
    ASYMPTOTIC_FROM,
    LARGEST_FACTORIAL,
    digamma_less_log,
    polygammas,
    stirling,
)
from autodiff_cli.engine.numerics.sums import bell_polynomials, in_pieces, leibniz, polynomial

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


def _log_slopes(n: int, a: Array, x: Array) -> list[Array]:
    """The first n derivatives by a of log x^a/Γ(a + 1), which lacks the pole at 0 of Γ(a)."""
    large, near = a > ASYMPTOTIC_FROM, np.abs(x - a) < a / 2
    log_ratio = np.where(near, np.log1p((x - a) / a), np.log(x) - np.log(a))
    first = np.where(
        large, log_ratio - 1 / a - digamma_less_log(a), np.log(x) - special.digamma(a + 1)
    )
    return [first, *(-polygammas(k, a + 1) for k in range(1, n))][:n]


RECURRENT_FROM = 10.0
"""For a above this, and x above a by this, terms for the powers of x would cancel."""


def _gamma_weighted(factor: Any, power: int, a: Array, x: Array) -> Array:
    """factor·x^(a + power)·e^-x / Γ(a + 1)."""
    # In halves, so that none overflows or vanishes before it meets its counterpart.
    low = np.minimum(x, 2000)
    half = low ** ((a + power) / 2) * np.exp(-low / 2)
    large = np.maximum(a, LARGEST_FACTORIAL)
    ratio = (x - large) / large
    log_ratio = np.where(np.abs(ratio) < 0.5, np.log1p(ratio), np.log(x / large))
    size = np.exp(large * (log_ratio - ratio) - stirling(large)) / np.sqrt(2 * math.pi * large)
    left, right = np.where(
        a < LARGEST_FACTORIAL, [half * special.rgamma(a + 1), half], [size, x**power]
    )
    return np.where((factor == 0) | (left == 0), 0, left * factor * right)


def _gamma_pdf_by_terms(n: int, m: int, a: Array, x: Array, bells: list[Any]) -> Array:
    """By Leibniz' rule: one term for each power of x, exact where x is small or a is."""
    total, zero = np.zeros(a.shape), np.zeros(a.shape)
    factorial = [a, zero + 1, *[zero] * n]  # a·(a-1)···(a-j), and its derivatives by a
    for j in range(m + 1):
        factor = (-1) ** (m - j) * math.comb(m, j) * leibniz(n, factorial, bells)
        total = total + _gamma_weighted(factor, -1 - j, a, x)
        factorial = [(a - 1 - j) * factorial[i] + i * factorial[i - 1] for i in range(n + 1)]
    return total


def _gamma_pdf_by_recurrence(n: int, m: int, a: Array, x: Array, bells: list[Any]) -> Array:
    """By that of Laguerre's polynomials, stable where the terms of the sum would cancel."""
    zero = np.zeros(a.shape)
    before, now = [zero] * (n + 1), [a, zero + 1, *[zero] * n]
    for j in range(m):
        before, now = (
            now,
            [(a - 1 - j - x) * now[i] + i * now[i - 1] - j * x * before[i] for i in range(n + 1)],
        )
    return _gamma_weighted(leibniz(n, now, bells), -1 - m, a, x)


def _gamma_pdf_at_0(n: int, m: int, a: Array) -> Array:
    """The limit on the right, of x^(a-1-m) times as many logarithms as derivatives by a leave."""
    whole, below = a == np.round(a), np.floor(a) - 1
    limit = np.where((-1.0) ** (m - 1 - below + n - whole) > 0, inf, -inf)
    if n == 0:
        finite = special.binom(m, below) * (-1.0) ** (m - below)
        limit = np.where(whole, finite, limit)
    return np.where(a - 1 > m, 0.0, limit)


def gamma_pdf_derivatives(n: int, m: int, a: Array, x: Array) -> Array:
    out = np.where((a > 0) & (x >= 0), 0.0, nan)
    edge = (a > 0) & (x == 0)
    out[edge] = _gamma_pdf_at_0(n, m, a[edge])
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    recurrent = inside & (a > RECURRENT_FROM) & (x > a / RECURRENT_FROM)
    for at, method in (
        (recurrent, _gamma_pdf_by_recurrence),
        (inside & ~recurrent, _gamma_pdf_by_terms),
    ):
        out[at] = method(n, m, a[at], x[at], bell_polynomials(_log_slopes(n, a[at], x[at])))
    return out


SERIES_BELOW = 0.5
SERIES_TERMS = 18
NODES = 281
"""Of the quadrature behind `gammainc_by_a`: double exponential, from e^-43 to e^16 of its scale."""

NARROW_FROM = 1e5
"""So large an x makes the peak of the integrand so narrow that e^u - 1 - u cancels on it."""


def gammaincs_by_a(n: int, a: Array, x: Array) -> Array:
    if n == 0:
        value: Array = special.gammainc(a, x)
        return value
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    out = np.where((a > 0) & (x >= 0), 0.0, nan)
    for at, method in (
        (inside & (x < SERIES_BELOW), _by_series),
        (inside & (x >= SERIES_BELOW), _by_quadrature),
    ):
        out[at] = in_pieces(functools.partial(method, n), a[at], x[at])
    return out


def _by_series(n: int, a: Array, x: Array) -> Array:
    """By n derivatives of the terms of Σ x^(a+k)·e^-x / Γ(a+k+1)."""
    total, factor = np.zeros(a.shape), np.ones(a.shape)
    for k in range(SERIES_TERMS):
        total = total + factor * bell_polynomials(_log_slopes(n, a + k, x))[n]
        factor = factor * x / (a + k + 1)
    return _gamma_weighted(total, 0, a, x)


def _by_quadrature(n: int, a: Array, x: Array) -> Array:
    """The mean of what n derivatives make of the integrand t^(a-1)·e^-t / Γ(a).

    It is taken over (0, x) where that lies below the middle of the distribution, else over
    (x, ∞), with t = x·e^∓u: the logarithm of t then has one sign there, less its mean, and the
    first derivative, all of whose parts have one sign too, loses no digits.
    """
    low = np.log(x) <= special.digamma(a)
    sign = np.where(low, -1.0, 1.0)
    scale = 1 / (np.maximum(sign * (x - a), 0) + np.sqrt(x))
    steps = np.linspace(-4, 3, NODES)[:, None]
    u = scale * np.exp(math.pi / 2 * np.sinh(steps))
    exponent = sign * a * u - x * np.expm1(sign * u)
    narrow = x > NARROW_FROM
    if narrow.any():
        v = (sign * u)[:, narrow]
        exponent[:, narrow] = (a - x)[narrow] * v - x[narrow] * _expm1_beyond(v)
    weight = np.exp(exponent) * u * np.cosh(steps)
    first, *others = _log_slopes(n, a, x)
    *_, before, last = bell_polynomials([first + sign * u, *others])
    integrand = last + n / a * before  # of the product with the a of 1/Γ(a) = a/Γ(a + 1)
    mean = (np.where(weight > 0, integrand, 0) * weight).sum(axis=0) / weight.sum(axis=0)
    out: Array = mean * np.where(low, special.gammainc(a, x), -special.gammaincc(a, x))
    return out


EXPM1_BEYOND = tuple(1 / math.factorial(k) for k in range(2, 11))
"""The coefficients of (e^u - 1 - u)/u²."""


def _expm1_beyond(u: Array) -> Array:
    """e^u - 1 - u."""
    out: Array = np.where(np.abs(u) < 0.05, u * u * polynomial(EXPM1_BEYOND, u), np.expm1(u) - u)
    return out
