"""Special functions. SciPy computes most of them, and loads only when one is called.

Where the library loses digits (in tails, beside poles, where two large numbers cancel) the
function is put together here from parts that do not. Families that are closed under
differentiation (`polygamma`, `sinc_derivative`, …) count the derivative in a whole number n.
"""

from __future__ import annotations

import math
from math import inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.engine.primitive import Primitive
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.elementwise import log
from autodiff_cli.engine.primitives.logic import equal, where

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


def _by_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(n, *arrays)` for an integer n ≥ 0, where n may be an array of them too."""

    def compute(n: Array, *arrays: Array) -> Array:
        out = np.full(n.shape, nan)
        for order in np.unique(n):
            if order >= 0 and order == order // 1:
                at = n == order
                out[at] = function(int(order), *(array[at] for array in arrays))
        return out

    return _in_double(compute)


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
    x = np.clip(x, -40, 40)
    high = np.round(x * 65536) / 65536
    power: Array = np.exp(factor * high * high) * np.exp(factor * (x - high) * (x + high))
    return power


expmsq = _special(
    "expmsq",
    "e^-x², exact in its tails",
    lambda x: _exp_of_square(x, -1.0),
    _in_double(lambda x: _exp_of_squares(x, -1.0)),
    lambda out, x: -2.0 * x * out,
    precise=lambda mp, x: mp.exp(-x * x),
)
erf = _special(
    "erf",
    "the error function",
    math.erf,
    lambda x: special.erf(x),
    lambda out, x: TWO_OVER_ROOT_PI * expmsq(x),
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
    precise=high_precision.erfc,
)
erfinv = _special(
    "erfinv",
    "the inverse of erf",
    None,
    lambda x: special.erfinv(x),
    lambda out, x: HALF_ROOT_PI / expmsq(out),
    domain="-1 < x < 1; at ±1 the derivative is inf",
    sample=((-0.9, 0.9),),
    precise=lambda mp, x: mp.erfinv(x),
)
normal_pdf = _special(
    "normal_pdf",
    "the density e^(-x²/2) / √(2π) of the standard normal distribution",
    lambda x: DENSITY_AT_0 * _exp_of_square(x, -0.5),
    _in_double(lambda x: DENSITY_AT_0 * _exp_of_squares(x, -0.5)),
    lambda out, x: -(x * out),
    precise=lambda mp, x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
)


def _product_error(a: float, b: float, product: float) -> float:
    """What rounding took from a·b (Dekker)."""
    big_a, big_b = 134217729.0 * a, 134217729.0 * b
    high_a, high_b = big_a - (big_a - a), big_b - (big_b - b)
    low_a, low_b = a - high_a, b - high_b
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


def _normal_cdf(x: float) -> float:
    if not -40 < x < -1:
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
    precise=lambda mp, x: high_precision.erfc(mp, -x / mp.sqrt(2)) / 2,
)
gelu = _special(
    "gelu",
    "x·Φ(x), with Φ the normal distribution",
    lambda x: x * _normal_cdf(x),
    _in_double(lambda x: x * _normal_cdfs(x)),
    lambda out, x: normal_cdf(x) + x * normal_pdf(x),
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


def _lgamma_rest(x: Any) -> Any:
    """What Stirling's formula leaves of lgamma(x) - (x - ½)(log x - 1)."""
    return HALF_LOG_TWO_PI - 0.5 + _polynomial(STIRLING, 1 / (x * x)) / x


def _lgamma(x: float) -> Any:
    """SciPy's and Python's own lose digits where the result is small, from 0.5 to 3."""
    if not 0 < x < inf:
        return float(special.gammaln(x))
    if x >= STIRLING_FROM:
        return (x - 0.5) * (math.log(x) - 1) + _lgamma_rest(x)
    if x < 0.5:
        return _lgamma_beside_2(x) - math.log1p(x) - math.log(x)
    if x < 1.4:
        return _lgamma_beside_2(x - 1) - math.log1p(x - 1)
    product = 1.0
    while x > 2.5:
        x -= 1
        product *= x
    return _lgamma_beside_2(x - 2) + math.log(product)


def _lgammas_of_positive(x: Array) -> Array:
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
            _lgamma_beside_2(tiny) - np.log1p(tiny) - np.log(tiny),
            _lgamma_beside_2(small) - np.log1p(small),
            _lgamma_beside_2(shifted - 2) + np.log(product),
        ],
        (large - 0.5) * (np.log(large) - 1) + _lgamma_rest(large),
    )


def _lgammas(x: Array) -> Array:
    inside = (x > 0) & (x < inf)
    out = np.empty(x.shape)
    out[inside] = _lgammas_of_positive(x[inside])
    out[~inside] = special.gammaln(x[~inside])
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
    precise=high_precision.lgamma,
)
digamma = _special(
    "digamma",
    "the derivative of lgamma",
    None,
    lambda x: special.digamma(x),
    lambda out, x: polygamma(1.0, x),
    domain=NOT_AT_POLES,
    sample=((0.2, 10),),
    precise=lambda mp, x: high_precision.polygamma(mp, 0, x),
)


def _polygamma(n: int, x: Array) -> Array:
    if n == 0:
        digamma_: Array = special.digamma(x)
        return digamma_
    # The zeta function is that of positive numbers; below 0 it is reflected.
    y = np.where(x < 0, 1 - x, x)
    factor = math.gamma(n + 1) if n <= LARGEST_FACTORIAL else inf
    right = (factor if n % 2 else -factor) * special.zeta(float(n + 1), y)
    if n > LARGEST_FACTORIAL or not (x < 0).any():
        return np.where(x < 0, nan, right)
    sine, cosine = _sine_and_cosine_of_pi(x)
    cotangent = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):
        cotangent = -np.polynomial.Polynomial([1.0, 0.0, 1.0]) * cotangent.deriv()
    left: Array = (-right if n % 2 else right) - math.pi ** (n + 1) * cotangent(cosine / sine)
    return np.where(x < 0, left, right)


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


def _beta(a: Array, b: Array) -> Array:
    """Γ(a)Γ(b)/Γ(a + b) of positive numbers, with the powers of nearly equal bases put together."""
    a, b = np.maximum(a, b), np.minimum(a, b)
    at_a, at_b, at_sum = (x + (LANCZOS_G - 0.5) for x in (a, b, a + b))
    constants = _lanczos(a) * _lanczos(b) / _lanczos(a + b) / math.exp(LANCZOS_G - 0.5)
    shared = np.exp((a - 0.5 - b) * np.log1p(-b / at_sum))
    out: Array = constants * shared * ((at_a / at_sum) * (at_b / at_sum)) ** b / np.sqrt(at_b)
    positive = np.where(b > 0, out, np.where(b == 0, inf, nan))
    return np.where(b < 0, special.beta(a, b), positive)


beta = _special(
    "beta",
    "Γ(a)·Γ(b) / Γ(a + b)",
    None,
    _in_double(_beta),
    lambda out, a, b: -(out * polygamma_step(0.0, a, b)),
    lambda out, a, b: -(out * polygamma_step(0.0, b, a)),
    operands=("a", "b"),
    domain="a > 0 and b > 0",
    example="beta(2, 3)",
    sample=((0.2, 10), (0.2, 10)),
    precise=high_precision.beta,
)

TAYLOR_RATIO = 0.1
TAYLOR_TERMS = 18
ASYMPTOTIC_FROM = 20.0


def _polygamma_step(n: int, a: Array, b: Array) -> Array:
    """ψₙ(a + b) - ψₙ(a): a Taylor series where that would cancel."""
    near = np.abs(b) < TAYLOR_RATIO * a
    out = np.empty(a.shape)
    x, step = a[near], b[near]
    total, power = np.zeros(x.shape), np.ones(x.shape)
    for k in range(1, TAYLOR_TERMS):
        power = power * step / k
        total = total + power * _polygamma(n + k, x)
    out[near] = total
    far = ~near
    out[far] = _polygamma(n, a[far] + b[far]) - _polygamma(n, a[far])
    if n == 0:
        large = far & (a > ASYMPTOTIC_FROM) & (b > 0)
        x, y = a[large], b[large]
        out[large] = np.log1p(y / x) + (_digamma_less_log(x + y) - _digamma_less_log(x))
    return out


def _digamma_less_log(x: Array) -> Array:
    """ψ(x) - log x for large x, by its asymptotic series."""
    z = 1 / (x * x)
    rest: Array = -0.5 / x - z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))))
    return rest


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
    precise=lambda mp, n, a, b: (
        high_precision.polygamma(mp, n, a + b) - high_precision.polygamma(mp, n, a)
    ),
)


def _bell(n: int, first: Array, a: Array) -> Array:
    """The complete Bell polynomial Bₙ(first, -ψ₁(a), -ψ₂(a), …).

    It is what n derivatives by a make of t^a / Γ(a), over that, for first = log t - ψ(a).
    """
    terms = [first, *(-_polygamma(k, a) for k in range(1, n))]
    values = [np.ones(np.shape(first))]
    for m in range(n):
        values.append(sum(math.comb(m, i) * values[m - i] * terms[i] for i in range(m + 1)))
    return values[n]


def _gamma_pdf_by_a(n: int, a: Array, x: Array) -> Array:
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    out = np.where((a > 0) & (x >= 0), 0.0, nan)
    if n == 0:
        out = np.where((x == 0) & (a == 1), 1.0, np.where((x == 0) & (a < 1), inf, out))
    elif n > 0:
        out = np.where((x == 0) & (a <= 1), nan, out)
    a, x = a[inside], x[inside]
    base = a + (LANCZOS_G - 0.5)
    ratio = (x - base) / base
    size = np.exp(a * (np.log1p(ratio) - ratio) - (LANCZOS_G - 0.5) * ratio)
    density = size * np.sqrt(base) / _lanczos(a) / x
    out[inside] = density * _bell(n, np.log(x) - special.digamma(a), a)
    return out


gamma_pdf_by_a = _special(
    "gamma_pdf_by_a",
    "the n-th derivative by a of x^(a-1)·e^-x / Γ(a), the density of the gamma distribution",
    None,
    _by_order(_gamma_pdf_by_a),
    0.0,
    lambda out, n, a, x: gamma_pdf_by_a(n + 1.0, a, x),
    lambda out, n, a, x: (
        ((a - 1.0) / x - 1.0) * out
        + where(equal(n, 0.0), 0.0, n / x * gamma_pdf_by_a(where(n > 1.0, n - 1.0, 0.0), a, x))
    ),
    operands=("n", "a", "x"),
    domain="a > 0 and x > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 10), (0.2, 10)),
    precise=lambda mp, n, a, x: mp.diff(lambda t: high_precision.gamma_pdf(mp, t, x), a, int(n)),
)

NODES = 281
"""Of the quadrature behind `gammainc_by_a`: double exponential, from e^-43 to e^16 of its scale."""
AT_ONCE = 4096
"""So many elements are integrated together, which bounds the memory that it takes."""


def _gammainc_by_a(n: int, a: Array, x: Array) -> Array:
    """The mean of what n derivatives make of the integrand t^(a-1)·e^-t / Γ(a).

    It is taken over (0, x) where that lies below the middle of the distribution, else over
    (x, ∞), with t = x·e^∓u: the logarithm of t then has one sign there, less its mean, and the
    first derivative, all of whose parts have one sign too, loses no digits.
    """
    if n == 0:
        value: Array = special.gammainc(a, x)
        return value
    inside = (a > 0) & (x > 0) & np.isfinite(x)
    out = np.where((a > 0) & (x >= 0), 0.0, nan)
    a, x = a[inside], x[inside]
    pieces = [slice(start, start + AT_ONCE) for start in range(0, a.size, AT_ONCE)]
    out[inside] = np.concatenate([_by_quadrature(n, a[i], x[i]) for i in pieces] or [a])
    return out


def _by_quadrature(n: int, a: Array, x: Array) -> Array:
    mean_log = special.digamma(a)
    low = np.log(x) <= mean_log
    scale = np.where(
        low,
        1 / (np.maximum(a - x, 0) + np.sqrt(x)),
        np.minimum(1 / (np.maximum(x - a, 0) + np.sqrt(x)), 1 + np.log1p(1 / x)),
    )
    steps = np.linspace(-4, 3, NODES)[:, None]
    u = scale * np.exp(math.pi / 2 * np.sinh(steps))
    sign = np.where(low, -1.0, 1.0)
    weight = np.exp(sign * a * u - x * np.expm1(sign * u)) * u * np.cosh(steps)
    integrand = _bell(n, np.log(x) - mean_log + sign * u, a)
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
    lambda out, n, a, x: gamma_pdf_by_a(n, a, x),
    operands=("n", "a", "x"),
    domain="a > 0 and x > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 10), (0.2, 10)),
    precise=lambda mp, n, a, x: mp.diff(lambda t: high_precision.gammainc(mp, t, x), a, int(n)),
)
gammainc = _special(
    "gammainc",
    "the incomplete gamma function ∫₀ˣ t^(a-1)·e^-t dt / Γ(a)",
    None,
    lambda a, x: special.gammainc(a, x),
    lambda out, a, x: gammainc_by_a(1.0, a, x),
    lambda out, a, x: gamma_pdf_by_a(0.0, a, x),
    operands=("a", "x"),
    domain="a > 0 and x > 0",
    example="gammainc(2, 0.5)",
    sample=((0.2, 10), (0.2, 10)),
    precise=high_precision.gammainc,
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
    lambda out, x, y: where(equal(x, 0.0), 0.0, x / y),
    operands=("x", "y"),
    beyond=lambda x, y: x * -inf if y == 0 else nan,
    domain="y > 0, or x = 0",
    example="xlogy(0, 0)",
    sample=((-5, 5), (0.1, 10)),
    precise=lambda mp, x, y: x * mp.log(y) if x else mp.mpf(0),
)
