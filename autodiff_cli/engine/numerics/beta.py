"""The beta function and its derivatives."""

from __future__ import annotations

import math
from math import inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.numerics.gamma import ASYMPTOTIC_FROM, digamma_less_log, polygammas
from autodiff_cli.engine.numerics.sums import bell_polynomials, in_pieces

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

LANCZOS_G = 6.024680040776729583740234375
LANCZOS_NUMERATOR = (
    23531376880.410759688572007674451636754734846804940,
    42919803642.649098768957899047001988850926355848959,
    35711959237.355668049440185451547166705960488635843,
    17921034426.037209699919755754458931112671403265390,
    6039542586.3520280050642916443072979210699388420708,
    1439720407.3117216736632230727949123939715485786772,
    248874557.86205415651146038641322942321632125127801,
    31426415.585400194380614231628318205362874684987640,
    2876370.6289353724412254090516208496135991145378768,
    186056.26539522349504029498971604569928220784236328,
    8071.6720023658162106380029022722506138218516325024,
    210.82427775157934587250973392071336271166969580291,
    2.5066282746310002701649081771338373386264310793408,
)
LANCZOS_DENOMINATOR = (
    0.0,
    39916800.0,
    120543840.0,
    150917976.0,
    105258076.0,
    45995730.0,
    13339535.0,
    2637558.0,
    357423.0,
    32670.0,
    1925.0,
    66.0,
    1.0,
)
"""Γ(x) = L(x)·(x + g - ½)^(x - ½)·e^-(x + g - ½), with L the quotient of these polynomials
(Lanczos; the coefficients are Boost's, for numbers of 64 bits)."""


def _lanczos(x: Array) -> Array:
    # In powers of 1/x where those of x would overflow.
    large = x > 1
    z = np.where(large, 1 / x, x)
    above, below = (
        np.where(
            large,
            np.polynomial.polynomial.polyval(z, coefficients[::-1]),
            np.polynomial.polynomial.polyval(z, coefficients),
        )
        for coefficients in (LANCZOS_NUMERATOR, LANCZOS_DENOMINATOR)
    )
    quotient: Array = above / below
    return quotient


NEXT_TO_NOTHING = 1e-20
"""As an argument of beta: what is left of 1/a + 1/b is of no account."""


def betas(a: Array, b: Array) -> Array:
    """Γ(a)Γ(b)/Γ(a + b) of positive numbers, with the powers of nearly equal bases put together."""
    a, b = np.maximum(a, b), np.minimum(a, b)
    at_a, at_b, at_sum = (x + (LANCZOS_G - 0.5) for x in (a, b, a + b))
    constants = _lanczos(a) / _lanczos(a + b) / math.exp(LANCZOS_G - 0.5) * _lanczos(b)
    shared = np.exp((a - 0.5 - b) * np.log1p(-b / at_sum))
    out: Array = constants * shared * ((at_a / at_sum) * (at_b / at_sum)) ** b / np.sqrt(at_b)
    return np.select(
        [b < 0, b == 0, b < NEXT_TO_NOTHING], [special.beta(a, b), inf, 1 / a + 1 / b], out
    )


def lbetas(a: Array, b: Array) -> Array:
    """log B(a, b) of positive numbers, from the logarithms of the same factors."""
    a, b = np.maximum(a, b), np.minimum(a, b)
    at_a, at_b, at_sum = (x + (LANCZOS_G - 0.5) for x in (a, b, a + b))
    constants = np.log(_lanczos(a) / _lanczos(a + b) * _lanczos(b)) - (LANCZOS_G - 0.5)
    shared = (a - 0.5 - b) * np.log1p(-b / at_sum) - 0.5 * np.log(at_b)
    out: Array = constants + shared + b * np.log((at_a / at_sum) * (at_b / at_sum))
    # To the last digit where one is 1, so that log(n + 1) takes it off whole.
    return np.select(
        [~(b >= 0), a == inf, b == 0, b == 1, a == 1, b < NEXT_TO_NOTHING],
        [
            nan,
            np.where(b > 0, -inf, nan),
            inf,
            -np.log(a),
            -np.log(b),
            np.log1p(b / a) - np.log(b),
        ],
        out,
    )


TAYLOR_RATIO = 0.1
TAYLOR_TERMS = 18


def polygamma_steps(n: int, a: Array, b: Array) -> Array:
    """ψₙ(a + b) - ψₙ(a), from that of a + 1, which lacks the pole at 0."""
    x = a + 1
    powers = sum(a**-k * (a + b) ** (k - n) for k in range(n + 1))
    pole = (-1) ** n * math.gamma(n + 1) * (b / (a + b) / a) * powers
    near = np.abs(b) < TAYLOR_RATIO * x
    out = np.empty(a.shape)
    total, power = np.zeros(x[near].shape), np.ones(x[near].shape)
    for k in range(1, TAYLOR_TERMS):
        power = power * b[near] / k
        slope = polygammas(n + k, x[near])
        total = total + np.where(slope == 0, 0, power * slope)
    out[near] = total
    out[~near] = polygammas(n, x[~near] + b[~near]) - polygammas(n, x[~near])
    if n == 0:
        large = ~near & (x > ASYMPTOTIC_FROM) & (b > 0)
        x, y = x[large], b[large]
        out[large] = np.log1p(y / x) + (digamma_less_log(x + y) - digamma_less_log(x))
    out += pole
    return out


def beta_derivatives(n: int, m: int, a: Array, b: Array) -> Array:
    if n > 0 and m > 0:
        return in_pieces(lambda a, b: _beta_by_both(n, m, a, b), a, b)
    if m:
        n, a, b = m, b, a
    out: Array = betas(a, b) * bell_polynomials([-polygamma_steps(k, a, b) for k in range(n)])[n]
    return out


STEP_OF_BETA = 0.25


def _beta_by_both(n: int, m: int, a: Array, b: Array) -> Array:
    """∫₀¹ t^(a-1)·(1-t)^(b-1)·logⁿ t·logᵐ(1-t) dt, whose integrand has one sign.

    By the trapezoidal rule in v, for t = 1/(1 + e^-v): all falls off exponentially on both sides,
    for small a and b too.
    """
    left, right = a + m, b + n
    width = np.sqrt(1 / left + 1 / right)
    v = np.log(left / right) + width * np.arange(-55, 55, STEP_OF_BETA)[:, None]
    log_t, log_rest = -np.logaddexp(0, -v), -np.logaddexp(0, v)
    integrand = np.exp(a * log_t + b * log_rest) * log_t**n * log_rest**m
    out: Array = np.where((a > 0) & (b > 0), width * STEP_OF_BETA * integrand.sum(axis=0), nan)
    return out
