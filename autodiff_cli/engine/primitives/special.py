"""Special functions. SciPy computes most of them, and loads only when one is called.

Where the library loses digits (in tails, beside poles, where two large numbers cancel) the
function is put together from parts that do not: `engine.numerics`. Families that are closed under
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
from autodiff_cli.engine.numerics import beta as beta_
from autodiff_cli.engine.numerics import gamma, incomplete_gamma, normal
from autodiff_cli.engine.numerics import sinc as sinc_
from autodiff_cli.engine.numerics.normal import (
    FLAT_FROM,
    TWO_OVER_ROOT_PI,
    exp_of_square,
    exp_of_squares,
)
from autodiff_cli.engine.primitive import Primitive
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.elementwise import exp, log, round_
from autodiff_cli.engine.primitives.logic import equal, logical_and, where

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

HALF_ROOT_PI = math.sqrt(math.pi) / 2
DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
NOT_AT_POLES = "x ≠ 0, -1, -2, …"


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


# ── the normal distribution and its relatives ─────────────────────────────────────────────


def _not_flat(x: Any) -> Any:
    """x as a factor of e^-x²: 0 where that has long been 0, so that 0 remains 0 times it.

    Else x·x would overflow before it met the 0, and ∞·0 is no number.
    """
    return where(x * x < FLAT_FROM * FLAT_FROM, x, 0.0)


def _exp_of_square(x: Any, factor: float) -> Any:
    """As `normal.exp_of_square`, in terms of primitives."""
    high = round_(x * 65536.0) / 65536.0
    power = exp(factor * high * high) * exp(factor * (x - high) * (x + high))
    return where(x * x * factor < normal.LOG_SMALLEST, 0.0, power)


def _normal_cdf(x: Any) -> Any:
    """As `normal.normal_cdf`, in terms of primitives."""
    scaled = -x * normal.ROOT_HALF
    lost = normal.product_error(-x, normal.ROOT_HALF, scaled) - x * normal.ROOT_HALF_REST
    tail = 0.5 * (erfc(scaled) - lost * TWO_OVER_ROOT_PI * _exp_of_square(scaled, -1.0))
    return where(logical_and(x > -FLAT_FROM, x < -1.0), tail, 0.5 * erfc(scaled))


expmsq = _special(
    "expmsq",
    "e^-x², exact in its tails",
    lambda x: exp_of_square(x, -1.0),
    _in_double(lambda x: exp_of_squares(x, -1.0)),
    lambda out, x: -2.0 * _not_flat(x) * out,
    special=((-FLAT_FROM, FLAT_FROM),),
    precise=lambda mp, x: mp.exp(-x * x),
    vanishes="never",
    body=lambda x: _exp_of_square(x, -1.0),
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
erfc = _special(
    "erfc",
    "1 - erf(x), exact in its tail",
    math.erfc,
    _in_double(normal.erfcs),
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
    lambda x: DENSITY_AT_0 * exp_of_square(x, -0.5),
    _in_double(lambda x: DENSITY_AT_0 * exp_of_squares(x, -0.5)),
    lambda out, x: -(_not_flat(x) * out),
    special=((-FLAT_FROM, FLAT_FROM),),
    precise=lambda mp, x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    vanishes="never",
    body=lambda x: DENSITY_AT_0 * _exp_of_square(x, -0.5),
)
normal_cdf = _special(
    "normal_cdf",
    "the standard normal distribution, exact in its lower tail",
    normal.normal_cdf,
    _in_double(normal.normal_cdfs),
    lambda out, x: normal_pdf(x),
    special=((-FLAT_FROM, -1.0, FLAT_FROM),),
    precise=lambda mp, x: high_precision.erfc(mp, -x / mp.sqrt(2)) / 2,
    vanishes="never",
    body=_normal_cdf,
)
gelu = _special(
    "gelu",
    "x·Φ(x), with Φ the normal distribution",
    normal.gelu,
    _in_double(normal.gelus),
    lambda out, x: normal_cdf(x) + _not_flat(x) * normal_pdf(x),
    special=((-FLAT_FROM, -1.0, FLAT_FROM),),
    precise=lambda mp, x: x * high_precision.erfc(mp, -x / mp.sqrt(2)) / 2,
    body=lambda x: x * normal_cdf(x),
)

# ── the gamma function and its relatives ──────────────────────────────────────────────────

lgamma = _special(
    "lgamma",
    "the logarithm of |Γ(x)|",
    gamma.lgamma,
    _in_double(gamma.lgammas),
    lambda out, x: digamma(x),
    beyond=lambda x: inf,
    domain=NOT_AT_POLES,
    sample=((0.2, 10),),
    special=((-2.0, -1.0, -0.5, 0.0, 0.5, 1.4, 2.5, gamma.STIRLING_FROM),),
    precise=high_precision.lgamma,
)
_digammas_below_0 = _in_double(lambda x: gamma.polygammas(0, x))


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
    _by_order(gamma.polygammas),
    0.0,
    lambda out, n, x: polygamma(n + 1.0, x),
    operands=("n", "x"),
    domain=f"{NOT_AT_POLES}; n = 0, 1, 2, …",
    example="polygamma(1, 0.5)",
    sample=(range(1, 4), (0.2, 10)),
    special=((), (-2.0, -1.0, 0.0)),
    precise=high_precision.polygamma,
)
# Both branches are the same function. Products of a logarithm's derivatives cancel to that of
# beta by both, where a or b is small; derivatives of beta itself cancel along a line on which
# it changes little, where both are large.
beta = _special(
    "beta",
    "Γ(a)·Γ(b) / Γ(a + b)",
    None,
    _in_double(beta_.betas),
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
    special=((beta_.NEXT_TO_NOTHING, 2.0, gamma.ASYMPTOTIC_FROM - 1),) * 2,
    precise=high_precision.beta,
    vanishes="never",
)
lbeta = _special(
    "lbeta",
    "the logarithm of beta(a, b)",
    None,
    _in_double(beta_.lbetas),
    lambda out, a, b: -polygamma_step(0.0, a, b),
    lambda out, a, b: -polygamma_step(0.0, b, a),
    operands=("a", "b"),
    domain="a > 0 and b > 0",
    example="lbeta(2, 3)",
    sample=((0.2, 10), (0.2, 10)),
    special=((beta_.NEXT_TO_NOTHING, 2.0, gamma.ASYMPTOTIC_FROM - 1),) * 2,
    precise=high_precision.lbeta,
)
beta_derivative = _special(
    "beta_derivative",
    "the derivative of beta(a, b), n times by a and m times by b",
    None,
    _by_order(beta_.beta_derivatives, 2),
    0.0,
    0.0,
    lambda out, n, m, a, b: beta_derivative(n + 1.0, m, a, b),
    lambda out, n, m, a, b: beta_derivative(n, m + 1.0, a, b),
    operands=("n", "m", "a", "b"),
    domain="a > 0 and b > 0; n, m = 0, 1, 2, …",
    example="",
    sample=(range(2), range(2), (0.2, 10), (0.2, 10)),
    special=((), (), (beta_.NEXT_TO_NOTHING, 2.0), (beta_.NEXT_TO_NOTHING, 2.0)),
    precise=high_precision.beta_derivative,
)
polygamma_step = _special(
    "polygamma_step",
    "polygamma(n, a + b) - polygamma(n, a), exact for small b",
    None,
    _by_order(beta_.polygamma_steps),
    0.0,
    lambda out, n, a, b: polygamma_step(n + 1.0, a, b),
    lambda out, n, a, b: polygamma(n + 1.0, a + b),
    operands=("n", "a", "b"),
    domain="a > 0 and a + b > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 10), (0.2, 10)),
    special=((), (gamma.ASYMPTOTIC_FROM - 1,), (beta_.TAYLOR_RATIO * gamma.ASYMPTOTIC_FROM,)),
    precise=high_precision.polygamma_step,
)
gamma_pdf_derivative = _special(
    "gamma_pdf_derivative",
    "the derivative of x^(a-1)·e^-x / Γ(a), the density of the gamma distribution, "
    "n times by a and m times by x",
    None,
    _by_order(incomplete_gamma.gamma_pdf_derivatives, 2),
    0.0,
    0.0,
    lambda out, n, m, a, x: gamma_pdf_derivative(n + 1.0, m, a, x),
    lambda out, n, m, a, x: gamma_pdf_derivative(n, m + 1.0, a, x),
    operands=("n", "m", "a", "x"),
    domain="a > 0 and x > 0; n, m = 0, 1, 2, …",
    example="",
    sample=(range(2), range(2), (0.2, 10), (0.2, 10)),
    special=(
        (),
        (),
        (1.0, 2.0, incomplete_gamma.RECURRENT_FROM, gamma.LARGEST_FACTORIAL),
        (0.0, 1.0),
    ),
    precise=high_precision.gamma_pdf_derivative,
)
gammainc_by_a = _special(
    "gammainc_by_a",
    "the n-th derivative of gammainc(a, x) by a",
    None,
    _by_order(incomplete_gamma.gammaincs_by_a),
    0.0,
    lambda out, n, a, x: gammainc_by_a(n + 1.0, a, x),
    lambda out, n, a, x: gamma_pdf_derivative(n, 0.0, a, x),
    operands=("n", "a", "x"),
    domain="a > 0 and x > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 10), (0.2, 10)),
    special=((), (1.0, gamma.ASYMPTOTIC_FROM), (0.0, incomplete_gamma.SERIES_BELOW)),
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
    special=(
        (1.0, 2.0, incomplete_gamma.RECURRENT_FROM, gamma.LARGEST_FACTORIAL),
        (0.0, incomplete_gamma.SERIES_BELOW, 1.0),
    ),
    precise=high_precision.gammainc,
    vanishes="with an operand",
)

# ── others ────────────────────────────────────────────────────────────────────────────────

sinc = _special(
    "sinc",
    "sin(πx) / (πx), and 1 at 0",
    sinc_.sinc,
    _in_double(sinc_.sincs),
    lambda out, x: sinc_derivative(1.0, x),
    special=((1.0, 2.0),),
    precise=lambda mp, x: high_precision.sinc_derivative(mp, 0, x),
)
sinc_derivative = _special(
    "sinc_derivative",
    "the n-th derivative of sinc",
    None,
    _by_order(sinc_.sinc_derivatives),
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
    body=lambda x, y: where(equal(x, 0.0), 0.0, x * log(y)),
)
