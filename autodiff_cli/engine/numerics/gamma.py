"""The logarithm of the gamma function, and its derivatives."""

from __future__ import annotations

import math
from math import inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.numerics.sinc import sine_and_cosine_of_pi
from autodiff_cli.engine.numerics.sums import polynomial

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

LARGEST_FACTORIAL = 170
ONE_LESS_EULER = 0.42278433509846713939
LGAMMA_AT_2 = (
    0.32246703342411321824,
    -0.067352301053198095133,
    0.020580808427784547879,
    -0.0073855510286739852663,
    0.0028905103307415232858,
    -0.0011927539117032609771,
    0.00050966952474304242234,
    -0.00022315475845357937976,
    0.000099457512781808533715,
    -0.0000449262367381331417,
    0.000020507212775670691553,
    -9.439488275268395904e-6,
    4.3748667899074878042e-6,
    -2.0392157538013662368e-6,
    9.5514121304074198329e-7,
    -4.4924691987645660433e-7,
    2.1207184805554665869e-7,
    -1.0043224823968099609e-7,
    4.7698101693639805658e-8,
    -2.271109460894316491e-8,
    1.0838659214896954091e-8,
    -5.1834750419700466551e-9,
    2.4836745438024783172e-9,
    -1.1921401405860912074e-9,
    5.7313672416788620133e-10,
    -2.7595228851242331452e-10,
    1.3304764374244489481e-10,
    -6.4229645638381000221e-11,
    3.1044247747322272762e-11,
)
"""lgamma(2 + z) = (1 - γ)·z + Σ (-1)^k·(ζ(k) - 1)/k·z^k, from k = 2: these are its coefficients."""
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
STIRLING_FROM = 10.0
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def _lgamma_beside_2(z: Any) -> Any:
    return ONE_LESS_EULER * z + z * z * polynomial(LGAMMA_AT_2, z)


def stirling(x: Any) -> Any:
    """What Stirling's formula √(2π)·x^(x-½)·e^-x leaves of lgamma(x)."""
    return polynomial(STIRLING, 1 / (x * x)) / x


def lgamma(x: float) -> Any:
    """SciPy's and Python's own lose digits where the result is small, from 0.5 to 3."""
    if not -inf < x < inf:
        return abs(x)
    if x <= -0.5:
        return float(special.gammaln(x))
    if x >= STIRLING_FROM:
        return (x - 0.5) * (math.log(x) - 1) + (HALF_LOG_TWO_PI - 0.5 + stirling(x))
    if x < 0.5:
        return _lgamma_beside_2(x) - math.log1p(x) - math.log(abs(x))
    if x < 1.4:
        return _lgamma_beside_2(x - 1) - math.log1p(x - 1)
    product = 1.0
    while x > 2.5:
        x -= 1
        product *= x
    return _lgamma_beside_2(x - 2) + math.log(product)


def _lgammas_near_0_and_above(x: Array) -> Array:
    large = np.where(x >= STIRLING_FROM, x, STIRLING_FROM)
    shifted = np.clip(x, 1.4, STIRLING_FROM)
    product = np.ones(x.shape)
    while (above := shifted > 2.5).any():
        shifted = np.where(above, shifted - 1, shifted)
        product = np.where(above, product * shifted, product)
    tiny, small = np.minimum(x, 0.5), np.clip(x, 0.5, 1.4) - 1
    return np.select(
        [x < 0.5, x < 1.4, x < STIRLING_FROM],
        [
            _lgamma_beside_2(tiny) - np.log1p(tiny) - np.log(np.abs(tiny)),
            _lgamma_beside_2(small) - np.log1p(small),
            _lgamma_beside_2(shifted - 2) + np.log(product),
        ],
        (large - 0.5) * (np.log(large) - 1) + (HALF_LOG_TWO_PI - 0.5 + stirling(large)),
    )


def lgammas(x: Array) -> Array:
    inside = (x > -0.5) & (x < inf)
    out = np.empty(x.shape)
    out[inside] = _lgammas_near_0_and_above(x[inside])
    out[~inside] = np.where(x[~inside] == -inf, inf, special.gammaln(x[~inside]))
    return out


def polygammas(n: int, x: Array) -> Array:
    # What the library has is good for positive numbers; below 0 it is reflected.
    y = np.where(x < 0, 1 - x, x)
    if n == 0:
        right: Array = special.digamma(y)
    else:
        factor = math.gamma(n + 1) if n <= LARGEST_FACTORIAL else inf
        right = (factor if n % 2 else -factor) * special.zeta(float(n + 1), y)
    if n > LARGEST_FACTORIAL or not (x < 0).any():
        return np.where(x < 0, nan, right)
    sine, cosine = sine_and_cosine_of_pi(x)
    cotangent = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        cotangent = -np.polynomial.Polynomial([1.0, 0.0, 1.0]) * cotangent.deriv()
    slope = math.pi ** (n + 1) * polynomial(list(cotangent.coef), cosine / sine)
    left = (-right if n % 2 else right) - slope
    left = np.where(sine == 0, inf if n % 2 else nan, left)
    return np.where(x < 0, left, right)


ASYMPTOTIC_FROM = 20.0


def digamma_less_log(x: Array) -> Array:
    """ψ(x) - log x for large x, by its asymptotic series."""
    z = 1 / (x * x)
    rest: Array = -0.5 / x - z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))))
    return rest
