"""Special functions. SciPy computes most of them, and loads only when one is called.

Where the library loses digits (in tails, beside poles, where two large numbers cancel) the
function is put together here from parts that do not. Families that are closed under
differentiation (`polygamma`, `sinc_derivative`, …) count the derivatives in whole numbers n, m.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from math import inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.primitive import Primitive
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.elementwise import log
from autodiff_cli.engine.primitives.logic import equal, logical_and, where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
HALF_ROOT_PI = math.sqrt(math.pi) / 2
ROOT_HALF = math.sqrt(0.5)
ROOT_HALF_REST = -4.833646656726457e-17
"""What ROOT_HALF lacks of √½."""
DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
LOG_SMALLEST = -745.2
"""e to this power is 0."""
FLAT_FROM = 40.0
"""From here on e^(-x²/2) is 0."""


def _special(
    name: str,
    doc: str,
    scalar: Callable[..., float] | None,
    array: Callable[..., Any],
    *partials: Any,
    **fields: Any,
) -> Primitive:
    fields.setdefault("operands", ("x",))
    fields.setdefault("sample", ((-3, 3),))
    fields.setdefault("example", f"{name}(0.5)")
    return Primitive(
        name=name,
        kind="elementwise",
        scalar=scalar or (lambda *args: float(array(*args))),
        array=array,
        partials=partials,
        doc=doc,
        **fields,
    )


def _in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of float64 arrays of one shape, for any numbers; float32 gives float32."""

    def compute(*args: Any) -> Any:
        single = any(getattr(arg, "dtype", None) == np.float32 for arg in args)
        precision = np.result_type(np.float32 if single else np.float64, *args)
        arrays = np.broadcast_arrays(*(np.asarray(arg, np.float64) for arg in args))
        return function(*arrays).astype(precision)

    return compute


def _by_order(function: Callable[..., Any], orders: int = 1) -> Callable[..., Any]:
    """`function(n, …, *arrays)` for integers n ≥ 0, `orders` of them, which may be arrays too."""

    def compute(*args: Any) -> Any:
        whole = [
            [int(n) for n in set(np.ravel(arg).tolist()) if n >= 0 and n == n // 1]
            for arg in args[:orders]
        ]

        def on_arrays(*args: Array) -> Array:
            counts, arrays = args[:orders], args[orders:]
            out = np.full(args[0].shape, nan)
            for given in itertools.product(*whole):
                at = functools.reduce(operator.and_, map(operator.eq, counts, given))
                out[at] = function(*given, *(array[at] for array in arrays))
            return out

        return _in_double(on_arrays)(*args)

    return compute


# ── the normal distribution and its relatives ─────────────────────────────────────────


def _exp_of_square(x: float, factor: float) -> float:
    """exp(factor·x²) for a factor of -1 or -½.

    x² is taken apart, because its rounding error would be multiplied by its size.
    """
    if x * x * factor < LOG_SMALLEST:
        return 0.0
    high = round(x * 65536) / 65536
    return math.exp(factor * high * high) * math.exp(factor * (x - high) * (x + high))


def _exp_of_squares(x: Array, factor: float) -> Array:
    x = np.clip(x, -FLAT_FROM, FLAT_FROM)
    high = np.round(x * 65536) / 65536
    power: Array = np.exp(factor * high * high) * np.exp(factor * (x - high) * (x + high))
    return power


def _not_flat(x: Any) -> Any:
    """x as a factor of e^-x²: 0 where that has long been 0, so that 0 remains 0 times it.

    Else x·x would overflow before it met the 0, and ∞·0 is no number.
    """
    return where(x * x < FLAT_FROM * FLAT_FROM, x, 0.0)


expmsq = _special(
    "expmsq",
    "e^-x², exact in its tails",
    lambda x: _exp_of_square(x, -1.0),
    _in_double(lambda x: _exp_of_squares(x, -1.0)),
    lambda out, x: -2.0 * _not_flat(x) * out,
    special=((-FLAT_FROM, FLAT_FROM),),
    precise=lambda mp, x: mp.exp(-x * x),
    vanishes="never",
)
erf = _special(
    "erf",
    "the error function",
    math.erf,
    lambda x: special.erf(x),
    lambda out, x: TWO_OVER_ROOT_PI * expmsq(x),
    special=((-FLAT_FROM, FLAT_FROM),),
    precise=lambda mp, x: (
        mp.erf(x) if abs(x) < 1 else mp.sign(x) * (1 - high_precision.erfc(mp, abs(x)))
    ),
)


def _erfc(x: Array) -> Array:
    tail = np.maximum(x, 0.5)
    out: Array = np.where(
        x > 0.5, special.erfcx(tail) * _exp_of_squares(tail, -1.0), special.erfc(x)
    )
    return out


erfc = _special(
    "erfc",
    "1 - erf(x), exact in its tail",
    math.erfc,
    _in_double(_erfc),
    lambda out, x: -TWO_OVER_ROOT_PI * expmsq(x),
    special=((-FLAT_FROM, 0.5, FLAT_FROM),),
    precise=high_precision.erfc,
    vanishes="never",
)
erfinv = _special(
    "erfinv",
    "the inverse of erf",
    None,
    lambda x: special.erfinv(x),
    lambda out, x: HALF_ROOT_PI / expmsq(out),
    domain="-1 < x < 1; at ±1 the derivative is inf",
    sample=((-0.9, 0.9),),
    special=((-1.0, 1.0),),
    precise=lambda mp, x: mp.erfinv(x),
)
normal_pdf = _special(
    "normal_pdf",
    "the density e^(-x²/2) / √(2π) of the standard normal distribution",
    lambda x: DENSITY_AT_0 * _exp_of_square(x, -0.5),
    _in_double(lambda x: DENSITY_AT_0 * _exp_of_squares(x, -0.5)),
    lambda out, x: -(_not_flat(x) * out),
    special=((-FLAT_FROM, FLAT_FROM),),
    precise=lambda mp, x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    vanishes="never",
)


def _product_error(a: float, b: float, product: float) -> float:
    """What rounding took from a·b (Dekker)."""
    big_a, big_b = 134217729.0 * a, 134217729.0 * b
    high_a, high_b = big_a - (big_a - a), big_b - (big_b - b)
    low_a, low_b = a - high_a, b - high_b
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


def _normal_cdf(x: float) -> float:
    if not -FLAT_FROM < x < -1:
        return 0.5 * math.erfc(-x * ROOT_HALF)
    # In the tail erfc multiplies the rounding error of x/√2 by x²: put right to first order.
    scaled = -x * ROOT_HALF
    lost = _product_error(-x, ROOT_HALF, scaled) - x * ROOT_HALF_REST
    return 0.5 * (math.erfc(scaled) - lost * TWO_OVER_ROOT_PI * _exp_of_square(scaled, -1.0))


def _normal_cdfs(x: Array) -> Array:
    tail = np.maximum(-x, 1) * ROOT_HALF
    out: Array = 0.5 * np.where(
        x < -1,
        special.erfcx(tail) * _exp_of_squares(x, -0.5),
        special.erfc(-np.maximum(x, -1) * ROOT_HALF),
    )
    return out


normal_cdf = _special(
    "normal_cdf",
    "the standard normal distribution, exact in its lower tail",
    _normal_cdf,
    _in_double(_normal_cdfs),
    lambda out, x: normal_pdf(x),
    special=((-FLAT_FROM, -1.0, FLAT_FROM),),
    precise=lambda mp, x: high_precision.erfc(mp, -x / mp.sqrt(2)) / 2,
    vanishes="never",
)


def _gelus(x: Array) -> Array:
    out: Array = x * _normal_cdfs(x)
    at_the_end = x == -inf
    return np.where(at_the_end, 0.0, out) if at_the_end.any() else out


gelu = _special(
    "gelu",
    "x·Φ(x), with Φ the normal distribution",
    lambda x: 0.0 if x == -inf else x * _normal_cdf(x),
    _in_double(_gelus),
    lambda out, x: normal_cdf(x) + _not_flat(x) * normal_pdf(x),
    special=((-FLAT_FROM, -1.0, FLAT_FROM),),
    precise=lambda mp, x: x * high_precision.erfc(mp, -x / mp.sqrt(2)) / 2,
)

# ── the gamma function and its relatives ──────────────────────────────────────────────

LARGEST_FACTORIAL = 170
NOT_AT_POLES = "x ≠ 0, -1, -2, …"

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


def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def _lgamma_beside_2(z: Any) -> Any:
    return ONE_LESS_EULER * z + z * z * _polynomial(LGAMMA_AT_2, z)


def _stirling(x: Any) -> Any:
    """What Stirling's formula √(2π)·x^(x-½)·e^-x leaves of lgamma(x)."""
    return _polynomial(STIRLING, 1 / (x * x)) / x


def _lgamma(x: float) -> Any:
    """SciPy's and Python's own lose digits where the result is small, from 0.5 to 3."""
    if not -inf < x < inf:
        return abs(x)
    if x <= -0.5:
        return float(special.gammaln(x))
    if x >= STIRLING_FROM:
        return (x - 0.5) * (math.log(x) - 1) + (HALF_LOG_TWO_PI - 0.5 + _stirling(x))
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
        (large - 0.5) * (np.log(large) - 1) + (HALF_LOG_TWO_PI - 0.5 + _stirling(large)),
    )


def _lgammas(x: Array) -> Array:
    inside = (x > -0.5) & (x < inf)
    out = np.empty(x.shape)
    out[inside] = _lgammas_near_0_and_above(x[inside])
    out[~inside] = np.where(x[~inside] == -inf, inf, special.gammaln(x[~inside]))
    return out


lgamma = _special(
    "lgamma",
    "the logarithm of |Γ(x)|",
    _lgamma,
    _in_double(_lgammas),
    lambda out, x: digamma(x),
    beyond=lambda x: inf,
    domain=NOT_AT_POLES,
    sample=((0.2, 10),),
    special=((-2.0, -1.0, -0.5, 0.0, 0.5, 1.4, 2.5, STIRLING_FROM),),
    precise=high_precision.lgamma,
)


def _polygamma(n: int, x: Array) -> Array:
    # What the library has is good for positive numbers; below 0 it is reflected.
    y = np.where(x < 0, 1 - x, x)
    if n == 0:
        right: Array = special.digamma(y)
    else:
        factor = math.gamma(n + 1) if n <= LARGEST_FACTORIAL else inf
        right = (factor if n % 2 else -factor) * special.zeta(float(n + 1), y)
    if n > LARGEST_FACTORIAL or not (x < 0).any():
        return np.where(x < 0, nan, right)
    sine, cosine = _sine_and_cosine_of_pi(x)
    cotangent = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        cotangent = -np.polynomial.Polynomial([1.0, 0.0, 1.0]) * cotangent.deriv()
    slope = math.pi ** (n + 1) * _polynomial(list(cotangent.coef), cosine / sine)
    left = (-right if n % 2 else right) - slope
    left = np.where(sine == 0, inf if n % 2 else nan, left)
    return np.where(x < 0, left, right)


_digammas_below_0 = _in_double(lambda x: _polygamma(0, x))


def _digamma(x: Any) -> Any:
    return _digammas_below_0(x) if np.less(x, 0).any() else special.digamma(x)


digamma = _special(
    "digamma",
    "the derivative of lgamma",
    lambda x: float(_digammas_below_0(x) if x < 0 else special.digamma(x)),
    _digamma,
    lambda out, x: polygamma(1.0, x),
    domain=NOT_AT_POLES,
    sample=((0.2, 10),),
    special=((-2.0, -1.0, 0.0),),
    precise=lambda mp, x: high_precision.polygamma(mp, 0, x),
)
polygamma = _special(
    "polygamma",
    "the n-th derivative of digamma",
    None,
    _by_order(_polygamma),
    0.0,
    lambda out, n, x: polygamma(n + 1.0, x),
    operands=("n", "x"),
    domain=f"{NOT_AT_POLES}; n = 0, 1, 2, …",
    example="polygamma(1, 0.5)",
    sample=(range(1, 4), (0.2, 10)),
    special=((), (-2.0, -1.0, 0.0)),
    precise=high_precision.polygamma,
)

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


def _beta(a: Array, b: Array) -> Array:
    """Γ(a)Γ(b)/Γ(a + b) of positive numbers, with the powers of nearly equal bases put together."""
    a, b = np.maximum(a, b), np.minimum(a, b)
    at_a, at_b, at_sum = (x + (LANCZOS_G - 0.5) for x in (a, b, a + b))
    constants = _lanczos(a) / _lanczos(a + b) / math.exp(LANCZOS_G - 0.5) * _lanczos(b)
    shared = np.exp((a - 0.5 - b) * np.log1p(-b / at_sum))
    out: Array = constants * shared * ((at_a / at_sum) * (at_b / at_sum)) ** b / np.sqrt(at_b)
    return np.select(
        [b < 0, b == 0, b < NEXT_TO_NOTHING], [special.beta(a, b), inf, 1 / a + 1 / b], out
    )


def _bells(terms: Sequence[Array]) -> list[Any]:
    """The complete Bell polynomials B₀, B₁, … of these derivatives of log f: f⁽ⁿ⁾ = f·Bₙ."""
    values: list[Any] = [1.0]
    for m in range(len(terms)):
        values.append(sum(math.comb(m, i) * values[m - i] * terms[i] for i in range(m + 1)))
    return values


TAYLOR_RATIO = 0.1
TAYLOR_TERMS = 18
ASYMPTOTIC_FROM = 20.0


def _polygamma_step(n: int, a: Array, b: Array) -> Array:
    """ψₙ(a + b) - ψₙ(a), from that of a + 1, which lacks the pole at 0."""
    x = a + 1
    powers = sum(a**-k * (a + b) ** (k - n) for k in range(n + 1))
    pole = (-1) ** n * math.gamma(n + 1) * (b / (a + b) / a) * powers
    near = np.abs(b) < TAYLOR_RATIO * x
    out = np.empty(a.shape)
    total, power = np.zeros(x[near].shape), np.ones(x[near].shape)
    for k in range(1, TAYLOR_TERMS):
        power = power * b[near] / k
        slope = _polygamma(n + k, x[near])
        total = total + np.where(slope == 0, 0, power * slope)
    out[near] = total
    out[~near] = _polygamma(n, x[~near] + b[~near]) - _polygamma(n, x[~near])
    if n == 0:
        large = ~near & (x > ASYMPTOTIC_FROM) & (b > 0)
        x, y = x[large], b[large]
        out[large] = np.log1p(y / x) + (_digamma_less_log(x + y) - _digamma_less_log(x))
    out += pole
    return out


def _digamma_less_log(x: Array) -> Array:
    """ψ(x) - log x for large x, by its asymptotic series."""
    z = 1 / (x * x)
    rest: Array = -0.5 / x - z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))))
    return rest


def _beta_derivative(n: int, m: int, a: Array, b: Array) -> Array:
    if n > 0 and m > 0:
        return _in_pieces(lambda a, b: _beta_by_both(n, m, a, b), a, b)
    if m:
        n, a, b = m, b, a
    out: Array = _beta(a, b) * _bells([-_polygamma_step(k, a, b) for k in range(n)])[n]
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


# Both branches are the same function. Products of a logarithm's derivatives cancel to that of
# beta by both, where a or b is small; derivatives of beta itself cancel along a line on which
# it changes little, where both are large.
beta = _special(
    "beta",
    "Γ(a)·Γ(b) / Γ(a + b)",
    None,
    _in_double(_beta),
    lambda out, a, b: where(
        1.0 / a + 1.0 / b > 1.0,
        beta_derivative(1.0, 0.0, a, b),
        -(out * polygamma_step(0.0, a, b)),
    ),
    lambda out, a, b: where(
        1.0 / a + 1.0 / b > 1.0,
        beta_derivative(0.0, 1.0, a, b),
        -(out * polygamma_step(0.0, b, a)),
    ),
    operands=("a", "b"),
    domain="a > 0 and b > 0",
    example="beta(2, 3)",
    sample=((0.2, 10), (0.2, 10)),
    special=((NEXT_TO_NOTHING, 2.0, ASYMPTOTIC_FROM - 1),) * 2,
    precise=high_precision.beta,
    vanishes="never",
)
beta_derivative = _special(
    "beta_derivative",
    "the derivative of beta(a, b), n times by a and m times by b",
    None,
    _by_order(_beta_derivative, 2),
    0.0,
    0.0,
    lambda out, n, m, a, b: beta_derivative(n + 1.0, m, a, b),
    lambda out, n, m, a, b: beta_derivative(n, m + 1.0, a, b),
    operands=("n", "m", "a", "b"),
    domain="a > 0 and b > 0; n, m = 0, 1, 2, …",
    example="",
    sample=(range(2), range(2), (0.2, 10), (0.2, 10)),
    special=((), (), (NEXT_TO_NOTHING, 2.0), (NEXT_TO_NOTHING, 2.0)),
    precise=high_precision.beta_derivative,
)


polygamma_step = _special(
    "polygamma_step",
    "polygamma(n, a + b) - polygamma(n, a), exact for small b",
    None,
    _by_order(_polygamma_step),
    0.0,
    lambda out, n, a, b: polygamma_step(n + 1.0, a, b),
    lambda out, n, a, b: polygamma(n + 1.0, a + b),
    operands=("n", "a", "b"),
    domain="a > 0 and a + b > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 10), (0.2, 10)),
    special=((), (ASYMPTOTIC_FROM - 1,), (TAYLOR_RATIO * ASYMPTOTIC_FROM,)),
    precise=high_precision.polygamma_step,
)


def _log_slopes(n: int, a: Array, x: Array) -> list[Array]:
    """The first n derivatives by a of log x^a/Γ(a + 1), which lacks the pole at 0 of Γ(a)."""
    large, near = a > ASYMPTOTIC_FROM, np.abs(x - a) < a / 2
    log_ratio = np.where(near, np.log1p((x - a) / a), np.log(x) - np.log(a))
    first = np.where(
        large, log_ratio - 1 / a - _digamma_less_log(a), np.log(x) - special.digamma(a + 1)
    )
    return [first, *(-_polygamma(k, a + 1) for k in range(1, n))][:n]


RECURRENT_FROM = 10.0


def _gamma_weighted(factor: Any, power: int, a: Array, x: Array) -> Array:
    """factor·x^(a + power)·e^-x / Γ(a + 1)."""
    # In halves, so that none overflows or vanishes before it meets its counterpart.
    low = np.minimum(x, 2000)
    half = low ** ((a + power) / 2) * np.exp(-low / 2)
    large = np.maximum(a, LARGEST_FACTORIAL)
    ratio = (x - large) / large
    log_ratio = np.where(np.abs(ratio) < 0.5, np.log1p(ratio), np.log(x / large))
    size = np.exp(large * (log_ratio - ratio) - _stirling(large)) / np.sqrt(2 * math.pi * large)
    left, right = np.where(
        a < LARGEST_FACTORIAL, [half * special.rgamma(a + 1), half], [size, x**power]
    )
    return np.where((factor == 0) | (left == 0), 0, left * factor * right)


def _gamma_pdf_by_terms(n: int, m: int, a: Array, x: Array, bells: list[Any]) -> Array:
    """By Leibniz' rule: one term for each power of x, exact where x is small or a is."""
    total, zero = np.zeros(a.shape), np.zeros(a.shape)
    factorial = [a, zero + 1, *[zero] * n]  # a·(a-1)···(a-j), and its derivatives by a
    for j in range(m + 1):
        factor = (-1) ** (m - j) * math.comb(m, j) * _leibniz(n, factorial, bells)
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
    return _gamma_weighted(_leibniz(n, now, bells), -1 - m, a, x)


def _leibniz(n: int, one: list[Any], other: list[Any]) -> Any:
    """The n-th derivative of a product, of the derivatives of its factors."""
    return sum(math.comb(n, i) * one[i] * other[n - i] for i in range(n + 1))


def _gamma_pdf_at_0(n: int, m: int, a: Array) -> Array:
    """The limit on the right, of x^(a-1-m) times as many logarithms as derivatives by a leave."""
    whole, below = a == np.round(a), np.floor(a) - 1
    limit = np.where((-1.0) ** (m - 1 - below + n - whole) > 0, inf, -inf)
    if n == 0:
        finite = special.binom(m, below) * (-1.0) ** (m - below)
        limit = np.where(whole, finite, limit)
    return np.where(a - 1 > m, 0.0, limit)


def _gamma_pdf_derivative(n: int, m: int, a: Array, x: Array) -> Array:
    out = np.where((a > 0) & (x >= 0), 0.0, nan)
    edge = (a > 0) & (x == 0)
    out[edge] = _gamma_pdf_at_0(n, m, a[edge])
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    recurrent = inside & (a > RECURRENT_FROM) & (x > TAYLOR_RATIO * a)
    for at, method in (
        (recurrent, _gamma_pdf_by_recurrence),
        (inside & ~recurrent, _gamma_pdf_by_terms),
    ):
        shape, y = a[at], x[at]
        out[at] = method(n, m, shape, y, _bells(_log_slopes(n, shape, y)))
    return out


gamma_pdf_derivative = _special(
    "gamma_pdf_derivative",
    "the derivative of x^(a-1)·e^-x / Γ(a), the density of the gamma distribution, "
    "n times by a and m times by x",
    None,
    _by_order(_gamma_pdf_derivative, 2),
    0.0,
    0.0,
    lambda out, n, m, a, x: gamma_pdf_derivative(n + 1.0, m, a, x),
    lambda out, n, m, a, x: gamma_pdf_derivative(n, m + 1.0, a, x),
    operands=("n", "m", "a", "x"),
    domain="a > 0 and x > 0; n, m = 0, 1, 2, …",
    example="",
    sample=(range(2), range(2), (0.2, 10), (0.2, 10)),
    special=((), (), (1.0, 2.0, RECURRENT_FROM, LARGEST_FACTORIAL), (0.0, 1.0)),
    precise=high_precision.gamma_pdf_derivative,
)

SERIES_BELOW = 0.5
SERIES_TERMS = 18
NODES = 281
"""Of the quadrature behind `gammainc_by_a`: double exponential, from e^-43 to e^16 of its scale."""
AT_ONCE = 4096
"""So many elements are integrated together, which bounds the memory that it takes."""


def _in_pieces(function: Callable[..., Array], a: Array, x: Array) -> Array:
    pieces = [slice(start, start + AT_ONCE) for start in range(0, a.size, AT_ONCE)]
    return np.concatenate([function(a[i], x[i]) for i in pieces] or [a])


def _gammainc_by_a(n: int, a: Array, x: Array) -> Array:
    if n == 0:
        value: Array = special.gammainc(a, x)
        return value
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    out = np.where((a > 0) & (x >= 0), 0.0, nan)
    for at, method in (
        (inside & (x < SERIES_BELOW), _by_series),
        (inside & (x >= SERIES_BELOW), _by_quadrature),
    ):
        out[at] = _in_pieces(functools.partial(method, n), a[at], x[at])
    return out


def _by_series(n: int, a: Array, x: Array) -> Array:
    """By n derivatives of the terms of Σ x^(a+k)·e^-x / Γ(a+k+1)."""
    total, factor = np.zeros(a.shape), np.ones(a.shape)
    for k in range(SERIES_TERMS):
        total = total + factor * _bells(_log_slopes(n, a + k, x))[n]
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
    weight = np.exp(sign * a * u - x * np.expm1(sign * u)) * u * np.cosh(steps)
    first, *others = _log_slopes(n, a, x)
    *_, before, last = _bells([first + sign * u, *others])
    integrand = last + n / a * before  # of the product with the a of 1/Γ(a) = a/Γ(a + 1)
    mean = (np.where(weight > 0, integrand, 0) * weight).sum(axis=0) / weight.sum(axis=0)
    out: Array = mean * np.where(low, special.gammainc(a, x), -special.gammaincc(a, x))
    return out


gammainc_by_a = _special(
    "gammainc_by_a",
    "the n-th derivative of gammainc(a, x) by a",
    None,
    _by_order(_gammainc_by_a),
    0.0,
    lambda out, n, a, x: gammainc_by_a(n + 1.0, a, x),
    lambda out, n, a, x: gamma_pdf_derivative(n, 0.0, a, x),
    operands=("n", "a", "x"),
    domain="a > 0 and x > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 10), (0.2, 10)),
    special=((), (1.0, ASYMPTOTIC_FROM), (0.0, SERIES_BELOW)),
    precise=high_precision.gammainc_by_a,
)
gammainc = _special(
    "gammainc",
    "the incomplete gamma function ∫₀ˣ t^(a-1)·e^-t dt / Γ(a)",
    None,
    lambda a, x: special.gammainc(a, x),
    lambda out, a, x: gammainc_by_a(1.0, a, x),
    lambda out, a, x: gamma_pdf_derivative(0.0, 0.0, a, x),
    operands=("a", "x"),
    domain="a > 0 and x > 0",
    example="gammainc(2, 0.5)",
    sample=((0.2, 10), (0.2, 10)),
    special=((1.0, 2.0, RECURRENT_FROM, LARGEST_FACTORIAL), (0.0, SERIES_BELOW, 1.0)),
    precise=high_precision.gammainc,
    vanishes="with an operand",
)

# ── others ────────────────────────────────────────────────────────────────────────────


def _sine_and_cosine_of_pi(x: Array) -> tuple[Array, Array]:
    """sin πx and cos πx, of the exact remainder, so that their zeros are zeros."""
    whole = np.round(x)
    rest = x - whole
    sign = np.where(whole % 2 == 0, 1.0, -1.0)
    return sign * np.sin(math.pi * rest), sign * np.sin(math.pi * (0.5 - np.abs(rest)))


def _sinc(x: float) -> float:
    if x == 0:
        return 1.0
    whole = round(x)
    sine = math.sin(math.pi * (x - whole))
    return (sine if whole % 2 == 0 else -sine) / (math.pi * x)


def _sincs(x: Array) -> Array:
    z = math.pi * np.where(x == 0, 1, x)
    return np.where(x == 0, 1.0, _sine_and_cosine_of_pi(x)[0] / z)


sinc = _special(
    "sinc",
    "sin(πx) / (πx), and 1 at 0",
    _sinc,
    _in_double(_sincs),
    lambda out, x: sinc_derivative(1.0, x),
    special=((1.0, 2.0),),
    precise=lambda mp, x: high_precision.sinc_derivative(mp, 0, x),
)


def _sinc_derivative(n: int, x: Array) -> Array:
    """πⁿ·fₙ(πx), where fₙ(z) = ∫₀¹ sⁿ cos(zs + nπ/2) ds: a series near 0, else by parts."""
    z = math.pi * x
    near = np.abs(z) <= n + 1
    small = np.where(near, z, 0.0)
    first = (n + 1) // 2
    term = (small / (n + 2) if n % 2 else np.ones(x.shape) / (n + 1)) * (-1.0) ** first
    series = term
    for m in range(first, first + 20 + n):
        ratio = (2 * m + 1) / ((2 * m - n + 2) * (2 * m - n + 1) * (2 * m + 3))
        term = -term * small * small * ratio
        series = series + term
    large = np.where(near, inf, z)
    sine, cosine = _sine_and_cosine_of_pi(x)
    by_parts = sine / large
    for k in range(1, n + 1):
        by_parts = ((sine, cosine, -sine, -cosine)[k % 4] - k * by_parts) / large
    return math.pi**n * np.where(near, series, by_parts)


sinc_derivative = _special(
    "sinc_derivative",
    "the n-th derivative of sinc",
    None,
    _by_order(_sinc_derivative),
    0.0,
    lambda out, n, x: sinc_derivative(n + 1.0, x),
    operands=("n", "x"),
    domain="all reals; n = 0, 1, 2, …",
    example="",
    sample=(range(4), (-5, 5)),
    special=((), (1 / math.pi, 2 / math.pi, 3 / math.pi)),
    precise=high_precision.sinc_derivative,
)


def _xlogy(x: float, y: float) -> float:
    return 0.0 if x == 0 and y == y else x * math.log(y)


xlogy = _special(
    "xlogy",
    "x·log(y), and 0 where x is 0",
    _xlogy,
    _in_double(lambda x, y: np.where((x == 0) & ~np.isnan(y), 0, x * np.log(y))),
    lambda out, x, y: log(y),
    lambda out, x, y: where(logical_and(equal(x, 0.0), equal(y, 0.0)), 0.0, x / y),
    operands=("x", "y"),
    beyond=lambda x, y: x * -inf if y == 0 else nan,
    domain="y > 0, or x = 0",
    example="xlogy(0, 0)",
    sample=((-5, 5), (0.1, 10)),
    special=((0.0,), (0.0,)),
    precise=lambda mp, x, y: x * mp.log(y) if x else mp.mpf(0),
    multiplies=True,
)
