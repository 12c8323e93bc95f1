"""Elementary functions of one or two numbers, and those of neural networks.

Derivatives are written so that they keep their digits in the tails: `tanh` has
(1/cosh x)², not 1 - tanh² x, which is 0 long before the derivative is.
"""

from __future__ import annotations

import builtins
import math
from math import copysign, inf, nan
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.logic import equal, where

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LN_2 = math.log(2)
LN_10 = math.log(10)


def _function(
    name: str,
    doc: str,
    scalar: Callable[..., Any],
    array: Callable[..., Any],
    *partials: Any,
    sample: Sequence[tuple[float, float] | range] = ((-5, 5),),
    operands: tuple[str, ...] = ("x",),
    defaults: Mapping[str, float] | None = None,
    **fields: Any,
) -> Primitive:
    fields.setdefault("example", f"{name}({', '.join(['0.5'] * len(operands))})")
    return Primitive(
        name=name,
        kind="elementwise",
        operands=operands,
        defaults=defaults or {},
        scalar=scalar,
        array=array,
        partials=partials,
        doc=doc,
        sample=sample,
        **fields,
    )


def _pole_at(pole: float) -> Callable[[float], float]:
    """For logarithms: -inf at the pole, nan on its other side."""
    return lambda x: -inf if x == pole else nan


# ── exponentials and logarithms ───────────────────────────────────────────────────────

exp = _function(
    "exp",
    "e^x",
    math.exp,
    lambda x: np.exp(x),
    lambda out, x: out,
    beyond=lambda x: inf,
    precise=lambda mp, x: mp.exp(x),
    special=((-745.5, -1e300, 709.5, 710.0),),
    vanishes="never",
    remedies={
        "overflow": "it overflows past 709; logsumexp, softplus and sigmoid do not",
        "saturated": "its argument is so far below 0 that it is 0 in floats",
    },
)
expm1 = _function(
    "expm1",
    "e^x - 1, exact for small x",
    math.expm1,
    lambda x: np.expm1(x),
    lambda out, x: exp(x),
    beyond=lambda x: inf,
    precise=lambda mp, x: mp.expm1(x),
    special=((1e-9, -40.0, -1e300, 709.5),),
)
exp2 = _function(
    "exp2",
    "2^x",
    math.exp2,
    lambda x: np.exp2(x),
    lambda out, x: out * LN_2,
    beyond=lambda x: inf,
    precise=lambda mp, x: mp.power(2, x),
    special=((-1075.5, 1023.5, 1027.0),),
    vanishes="never",
)
log = _function(
    "log",
    "the natural logarithm",
    math.log,
    lambda x: np.log(x),
    lambda out, x: 1.0 / x,
    beyond=_pole_at(0),
    domain="x > 0",
    sample=((0.1, 10),),
    precise=lambda mp, x: mp.log(x),
    special=((1e-300, 1e300),),
    remedies={"outside": "keep its argument above 0, log(x + 1e-12); x*log(y) is xlogy(x, y)"},
)
log1p = _function(
    "log1p",
    "log(1 + x), exact for small x",
    math.log1p,
    lambda x: np.log1p(x),
    lambda out, x: 1.0 / (1.0 + x),
    beyond=_pole_at(-1),
    domain="x > -1",
    sample=((-0.9, 10),),
    precise=lambda mp, x: mp.log1p(x),
    special=((-1 + 2.0**-40, 1e-300, 1e-9, 1e300),),
)
log2 = _function(
    "log2",
    "the logarithm to base 2",
    math.log2,
    lambda x: np.log2(x),
    lambda out, x: 1.0 / (x * LN_2),
    beyond=_pole_at(0),
    domain="x > 0",
    sample=((0.1, 10),),
    precise=lambda mp, x: mp.log(x) / mp.log(2),
    special=((1e-300, 1e300),),
    remedies={"outside": "keep its argument above 0, as in log2(max(x, 1e-12))"},
)
log10 = _function(
    "log10",
    "the logarithm to base 10",
    math.log10,
    lambda x: np.log10(x),
    lambda out, x: 1.0 / (x * LN_10),
    beyond=_pole_at(0),
    domain="x > 0",
    sample=((0.1, 10),),
    precise=lambda mp, x: mp.log(x) / mp.log(10),
    special=((1e-300, 1e300),),
    remedies={"outside": "keep its argument above 0, as in log10(max(x, 1e-12))"},
)


def _logaddexp_body(a: Any, b: Any) -> Any:
    low, high = where(a > b, b, a), where(a > b, a, b)
    return where(equal(a, b), a + LN_2, high + log1p(exp(low - high)))


def _sigmoid_of_difference(a: Any, b: Any) -> Any:
    # Equal infinities, whose difference is nan, share as equal numbers do.
    return where(equal(a - b, a - b), sigmoid(a - b), where(equal(a, b), 0.5, a - b))


logaddexp = _function(
    "logaddexp",
    "log(e^a + e^b) without overflow",
    lambda a, b: _logaddexp(a, b),
    lambda a, b: np.logaddexp(a, b),
    lambda out, a, b: _sigmoid_of_difference(a, b),
    lambda out, a, b: _sigmoid_of_difference(b, a),
    convention="one half to each of two equal infinities",
    operands=("a", "b"),
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, a, b: a + high_precision.softplus(mp, b - a),
    special=((40.0, -800.0), (40.0, -800.0)),
    body=lambda a, b: _logaddexp_body(a, b),
)

# ── roots ─────────────────────────────────────────────────────────────────────────────

sqrt = _function(
    "sqrt",
    "the square root",
    math.sqrt,
    lambda x: np.sqrt(x),
    lambda out, x: 0.5 / out,
    domain="x > 0; at 0 the derivative is inf",
    sample=((0.1, 10),),
    precise=lambda mp, x: mp.sqrt(x),
    special=((1e-300, 1e300),),
    remedies={"outside": "keep its argument above 0, sqrt(x + 1e-12), or write abs(x) of x^2"},
    rounded=True,
)
cbrt = _function(
    "cbrt",
    "the cube root, of negative numbers too",
    math.cbrt,
    lambda x: np.cbrt(x),
    lambda out, x: 1.0 / (3.0 * out * out),
    domain="x ≠ 0; at 0 the derivative is inf",
    sample=((0.1, 10),),
    precise=lambda mp, x: mp.sign(x) * mp.cbrt(builtins.abs(x)),
    special=((1e-300, -1e-300, 1e300),),
    remedies={"outside": "keep its argument away from 0"},
)
hypot = _function(
    "hypot",
    "√(a² + b²) without overflow",
    math.hypot,
    lambda a, b: np.hypot(a, b),
    lambda out, a, b: cosatan2(b, a),
    lambda out, a, b: cosatan2(a, b),
    operands=("a", "b"),
    kink=lambda a, b: (a == 0) & (b == 0),
    convention="0 at (0, 0), the least of its subgradients",
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, a, b: mp.sqrt(a * a + b * b),
    special=((1e-9, 1e160, -1e300, 1e-300), (1e-9, 1e160, -1e300, 1e-300)),
)

# ── trigonometry ──────────────────────────────────────────────────────────────────────

sin = _function(
    "sin",
    "the sine",
    math.sin,
    lambda x: np.sin(x),
    lambda out, x: cos(x),
    precise=lambda mp, x: mp.sin(x),
    special=((1e-9, math.pi, 1e16),),
    bound=1.0,
)
cos = _function(
    "cos",
    "the cosine",
    math.cos,
    lambda x: np.cos(x),
    lambda out, x: -sin(x),
    precise=lambda mp, x: mp.cos(x),
    special=((1e-9, math.pi / 2, 1e16),),
    bound=1.0,
)
tan = _function(
    "tan",
    "the tangent",
    math.tan,
    lambda x: np.tan(x),
    lambda out, x: 1.0 + out * out,
    domain="x ≠ π/2 + kπ",
    sample=((-1.4, 1.4),),
    precise=lambda mp, x: mp.tan(x),
    special=((1e-9, math.pi / 2, 1.5707, 1e16),),
)
asin = _function(
    "asin",
    "the inverse of sin, in [-π/2, π/2]",
    math.asin,
    lambda x: np.arcsin(x),
    lambda out, x: 1.0 / cosasin(x),
    domain="-1 < x < 1; at ±1 the derivative is inf",
    sample=((-0.9, 0.9),),
    precise=lambda mp, x: mp.asin(x),
    special=((1e-9, 1 - 2.0**-40, -1 + 2.0**-40),),
    remedies={"outside": "keep its argument between -1 and 1: clamp(x, -0.999999, 0.999999)"},
)
acos = _function(
    "acos",
    "the inverse of cos, in [0, π]",
    math.acos,
    lambda x: np.arccos(x),
    lambda out, x: -(1.0 / cosasin(x)),
    domain="-1 < x < 1; at ±1 the derivative is -inf",
    sample=((-0.9, 0.9),),
    precise=lambda mp, x: mp.acos(x),
    special=((1e-9, 1 - 2.0**-40, -1 + 2.0**-40),),
    remedies={"outside": "keep its argument between -1 and 1: clamp(x, -0.999999, 0.999999)"},
)
cosasin = _function(
    "cosasin",
    "cos(asin(x)), which is √(1 - x²)",
    lambda x: math.sqrt((1.0 - x) * (1.0 + x)),
    lambda x: np.sqrt(np.subtract(1, x) * np.add(1, x)),
    lambda out, x: -(x / out),
    domain="-1 < x < 1; at ±1 the derivative is ∓inf",
    sample=((-0.9, 0.9),),
    precise=lambda mp, x: mp.sqrt((1 - x) * (1 + x)),
    special=((1e-9, 1 - 2.0**-40, -1 + 2.0**-40),),
    body=lambda x: sqrt((1.0 - x) * (1.0 + x)),
)
atan = _function(
    "atan",
    "the inverse of tan, in (-π/2, π/2)",
    math.atan,
    lambda x: np.arctan(x),
    # 1 / (1 + x²), but no x² that overflows.
    lambda out, x: (1.0 / hypot(1.0, x)) ** 2.0,
    precise=lambda mp, x: mp.atan(x),
    special=((1e-9, 1e8, 1e160, -1e300),),
)
atan2 = _function(
    "atan2",
    "the angle of the point (x, y), in (-π, π]",
    math.atan2,
    lambda y, x: np.arctan2(y, x),
    # Over the distance, which neither overflows nor underflows as its square does.
    lambda out, y, x: where(equal(hypot(y, x), 0.0), 0.0, cosatan2(y, x) / hypot(y, x)),
    lambda out, y, x: where(equal(hypot(y, x), 0.0), 0.0, -(cosatan2(x, y) / hypot(y, x))),
    operands=("y", "x"),
    kink=lambda y, x: (y == 0) & (x == 0),
    convention="0 at (0, 0), where the angle jumps",
    domain="(x, y) ≠ (0, 0)",
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, a, b: mp.atan2(a, b),
    special=((1e-9, 1e160, 1e-300), (1e-9, 1e160, 1e-300)),
)


def _cosatan2(y: float, x: float) -> float:
    distance = math.hypot(y, x)
    return x / distance if distance else 0.0


def _cosatan2s(y: Any, x: Any) -> Any:
    distance = np.hypot(y, x)
    return np.where(distance == 0, 0, x / np.where(distance == 0, 1, distance))


cosatan2 = _function(
    "cosatan2",
    "cos(atan2(y, x)), which is x / hypot(y, x), and 0 at (0, 0)",
    _cosatan2,
    _cosatan2s,
    # So written, the difference x²/h² - 1 is not taken, which loses all digits of y²/h².
    lambda out, y, x: -(out * cosatan2(x, y) / hypot(y, x)),
    lambda out, y, x: cosatan2(x, y) * (cosatan2(x, y) / hypot(y, x)),
    operands=("y", "x"),
    domain="(x, y) ≠ (0, 0)",
    plainly=lambda y, x: x / hypot(y, x),
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, y, x: x / mp.sqrt(x * x + y * y),
    special=((1e-9, 1e160, 1e-300), (1e-9, 1e160, 1e-300)),
    body=lambda y, x: where(equal(hypot(y, x), 0.0), 0.0, x / hypot(y, x)),
)
deg2rad = _function(
    "deg2rad",
    "degrees to radians",
    math.radians,
    lambda x: np.deg2rad(x),
    math.pi / 180,
    precise=lambda mp, x: mp.radians(x),
    special=((1e-300, 1e300),),
    body=lambda x: x * (math.pi / 180),
)
rad2deg = _function(
    "rad2deg",
    "radians to degrees",
    math.degrees,
    lambda x: np.rad2deg(x),
    180 / math.pi,
    precise=lambda mp, x: mp.degrees(x),
    special=((1e-300, 1e300),),
    body=lambda x: x * (180 / math.pi),
)

# ── hyperbolic functions ──────────────────────────────────────────────────────────────

sinh = _function(
    "sinh",
    "the hyperbolic sine",
    math.sinh,
    lambda x: np.sinh(x),
    lambda out, x: cosh(x),
    beyond=lambda x: copysign(inf, x),
    precise=lambda mp, x: mp.sinh(x),
    special=((1e-9, 40.0, 710.0),),
)
cosh = _function(
    "cosh",
    "the hyperbolic cosine",
    math.cosh,
    lambda x: np.cosh(x),
    lambda out, x: sinh(x),
    beyond=lambda x: inf,
    precise=lambda mp, x: mp.cosh(x),
    special=((1e-9, 40.0, 710.0),),
    vanishes="never",
)
tanh = _function(
    "tanh",
    "the hyperbolic tangent",
    math.tanh,
    lambda x: np.tanh(x),
    lambda out, x: sech(x) ** 2.0,
    precise=lambda mp, x: mp.tanh(x),
    special=((1e-9, 20.0, -400.0, 1e160),),
    remedies={"saturated": "keep its argument near 0: scale the input or the weights down"},
    bound=1.0,
)


def _sech(x: float) -> float:
    power = math.exp(-builtins.abs(x))
    return 2.0 * power / (1.0 + power * power)


def _sech_of_array(x: Any) -> Any:
    power = np.exp(-np.abs(x))
    return 2 * power / (1 + power * power)


sech = _function(
    "sech",
    "the hyperbolic secant 1 / cosh(x)",
    _sech,
    _sech_of_array,
    lambda out, x: -(out * tanh(x)),
    precise=lambda mp, x: mp.sech(x),
    special=((1e-9, 20.0, -400.0, 1e160),),
    vanishes="never",
    body=lambda x: 2.0 * exp(-abs_(x)) / (1.0 + exp(-abs_(x)) * exp(-abs_(x))),
)
asinh = _function(
    "asinh",
    "the inverse of sinh",
    math.asinh,
    lambda x: np.arcsinh(x),
    lambda out, x: 1.0 / hypot(1.0, x),
    precise=lambda mp, x: mp.asinh(x),
    special=((1e-9, 1e8, 1e160, -1e300),),
)
acosh = _function(
    "acosh",
    "the inverse of cosh",
    math.acosh,
    lambda x: np.arccosh(x),
    lambda out, x: 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)),
    domain="x > 1; at 1 the derivative is inf",
    sample=((1.1, 10),),
    example="acosh(1.5)",
    precise=lambda mp, x: mp.acosh(x),
    special=((1 + 2.0**-40, 1e8, 1e160),),
)
atanh = _function(
    "atanh",
    "the inverse of tanh",
    math.atanh,
    lambda x: np.arctanh(x),
    lambda out, x: 1.0 / cosasin(x) ** 2.0,
    beyond=lambda x: copysign(inf, x) if x in (-1, 1) else nan,
    domain="-1 < x < 1",
    sample=((-0.9, 0.9),),
    precise=lambda mp, x: mp.atanh(x),
    special=((1e-9, 1 - 2.0**-40, -1 + 2.0**-40),),
)

# ── steps and kinks ───────────────────────────────────────────────────────────────────


def _step(
    name: str,
    doc: str,
    scalar: Callable[[float], int],
    array: Callable[..., Any],
    kink: Callable[[Any], Any],
    precise: Callable[..., Any],
    c: str,
) -> Primitive:
    def compute(x: Any) -> Any:
        # An infinity has no integer beside it: Python raises, IEEE 754 returns it.
        if not isinstance(x, float):
            return x
        return copysign(scalar(x), x) if math.isfinite(x) else x

    return _function(
        name,
        doc,
        compute,
        array,
        0.0,
        exact=True,
        kink=kink,
        precise=precise,
        c=c,
        convention="0 at the steps, as between them",
        example=f"{name}(2.7)",
    )


floor = _step(
    "floor",
    "rounds down",
    math.floor,
    lambda x: np.floor(x),
    kink=lambda x: x % 1 == 0,
    precise=lambda mp, x: mp.floor(x),
    c="floor",
)
ceil = _step(
    "ceil",
    "rounds up",
    math.ceil,
    lambda x: np.ceil(x),
    kink=lambda x: x % 1 == 0,
    precise=lambda mp, x: mp.ceil(x),
    c="ceil",
)
round_ = _step(
    "round",
    "rounds to the nearest integer, halves to the even one",
    builtins.round,
    lambda x: np.round(x),
    kink=lambda x: x % 1 == 0.5,
    precise=lambda mp, x: mp.nint(x),
    c="rint",
)
trunc = _step(
    "trunc",
    "rounds towards 0",
    math.trunc,
    lambda x: np.trunc(x),
    kink=lambda x: (x % 1 == 0) & (x != 0),
    precise=lambda mp, x: mp.sign(x) * mp.floor(builtins.abs(x)),
    c="trunc",
)


def _sign(x: Any) -> Any:
    if x != x:
        return x
    return type(x)((x > 0) - (x < 0))


sign = _function(
    "sign",
    "-1, 0 or 1",
    _sign,
    lambda x: np.sign(x),
    0.0,
    exact=True,
    kink=lambda x: x == 0,
    convention="0 at 0",
    sample=((0.1, 5),),
    precise=lambda mp, x: mp.sign(x),
    body=lambda x: where(x > 0.0, 1.0, where(x < 0.0, -1.0, 0.0)),
)
abs_ = _function(
    "abs",
    "the absolute value",
    builtins.abs,
    lambda x: np.abs(x),
    lambda out, x: sign(x),
    exact=True,
    kink=lambda x: x == 0,
    convention="0 at 0, the least of its subgradients",
    sample=((0.1, 5),),
    example="abs(-3)",
    precise=lambda mp, x: builtins.abs(x),
    special=((1e-300, -1e300),),
    c="fabs",
    rounded=True,
)


def _choice(
    name: str, doc: str, pick: Callable[[Any, Any], Any], array: Any, first: Any, **fields: Any
) -> Primitive:
    return _function(
        name,
        doc,
        lambda a, b: a + b if a != a or b != b else pick(a, b),
        array,
        lambda out, a, b: where(equal(a, b), 0.5, where(first(b, a), 0.0, 1.0)),
        lambda out, a, b: where(equal(a, b), 0.5, where(first(a, b), 0.0, 1.0)),
        operands=("a", "b"),
        exact=True,
        chooses=True,
        kink=lambda a, b: a == b,
        convention="one half to each of two that tie",
        precise=lambda mp, a, b: pick(a, b),
        sample=((-5, 5), (-5, 5)),
        example=f"{name}(1, 2)",
        **fields,
    )


maximum = _choice(
    "maximum",
    "the larger of two, nan if either is",
    builtins.max,
    lambda a, b: np.maximum(a, b),
    lambda a, b: a > b,
    unchosen="`max` takes its other operand",
    remedies={"not-chosen": "logsumexp is a smooth maximum"},
    body=lambda a, b: where(b > a, b, a),
)
minimum = _choice(
    "minimum",
    "the smaller of two, nan if either is",
    builtins.min,
    lambda a, b: np.minimum(a, b),
    lambda a, b: a < b,
    unchosen="`min` takes its other operand",
    body=lambda a, b: where(b < a, b, a),
)


def _share(a: Any, b: Any) -> Any:
    """What a choice gives to a where the larger of a and b is chosen; nan is not."""
    return where(equal(a, b), 0.5, where(a > b, 1.0, 0.0))


def _clamp(x: Any, lo: Any, hi: Any) -> Any:
    if x != x or lo != lo or hi != hi:
        return x + lo + hi
    return builtins.min(builtins.max(x, lo), hi)


clamp = _function(
    "clamp",
    "x, but no less than min and no more than max",
    _clamp,
    lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi),
    lambda out, x, lo, hi: _share(x, lo) * _share(hi, maximum(x, lo)),
    lambda out, x, lo, hi: _share(lo, x) * _share(hi, maximum(x, lo)),
    lambda out, x, lo, hi: _share(maximum(x, lo), hi),
    operands=("x", "min", "max"),
    defaults={"min": -inf, "max": inf},
    exact=True,
    chooses=True,
    kink=lambda x, lo, hi: (lo <= hi) & ((x == lo) | (x == hi)) | (lo == hi) & (x <= lo),
    convention="one half to each of two that tie, as minimum(maximum(x, min), max)",
    sample=((-5, 5), (-1, -0.5), (0.5, 1)),
    example="clamp([-2, 0.5, 2], -1, 1)",
    precise=lambda mp, x, low, high: builtins.min(builtins.max(x, low), high),
    special=((-0.75, 0.75, 1e300), (-0.75,), (0.75,)),
    unchosen="`clamp` holds its operand at a bound",
    remedies={"not-chosen": "outside its bounds nothing moves it; softplus gives a smooth bound"},
    body=lambda x, lo, hi: minimum(maximum(x, lo), hi),
)

# ── activations ───────────────────────────────────────────────────────────────────────


def _logaddexp(a: float, b: float) -> float:
    if a == b:
        return a + LN_2
    high, low = (a, b) if a > b else (b, a)
    return high + math.log1p(math.exp(low - high)) if high == high else nan


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    # For negative x the quotient is written over e^x, which underflows and does not overflow.
    power = math.exp(x)
    return power / (1 + power)


def _softplus_of_array(x: Any) -> Any:
    # As NumPy's logaddexp(0, x), in half of its time.
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sigmoid_of_array(x: Any) -> Any:
    # 1 / (1 + e^-x) or e^x / (1 + e^x), whichever does not overflow; two powers are faster
    # than a choice.
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


relu = _function(
    "relu",
    "x where it is positive, else 0",
    lambda x: x if x > 0 or x != x else type(x)(0),
    lambda x: np.maximum(x, 0),
    lambda out, x: where(x > 0.0, 1.0, 0.0),
    exact=True,
    chooses=True,
    kink=lambda x: x == 0,
    convention="0 at 0",
    sample=((0.1, 5),),
    precise=lambda mp, x: builtins.max(x, mp.mpf(0)),
    special=((1e-300, -1e300),),
    remedies={"saturated": "leaky_relu, elu and softplus have a derivative on both sides"},
    body=lambda x: where(x > 0.0, x, 0.0),
)
leaky_relu = _function(
    "leaky_relu",
    "x where it is positive, else slope·x",
    lambda x, slope: x if x > 0 else slope * x,
    lambda x, slope: np.where(np.greater(x, 0), x, np.multiply(slope, x)),
    lambda out, x, slope: where(x > 0.0, 1.0, slope),
    lambda out, x, slope: where(x > 0.0, 0.0, x),
    operands=("x", "slope"),
    defaults={"slope": 0.01},
    kink=lambda x, slope: x == 0,
    convention="the slope at 0",
    sample=((-5, -0.1), (0.01, 0.3)),
    example="leaky_relu(-2)",
    precise=lambda mp, x, slope: x if x > 0 else slope * x,
    special=((1e-300, -1e300), (0.5,)),
    body=lambda x, slope: where(x > 0.0, x, slope * x),
)
elu = _function(
    "elu",
    "x where it is positive, else scale·(e^x - 1)",
    lambda x, scale: x if x > 0 else scale * math.expm1(x),
    lambda x, scale: np.where(np.greater(x, 0), x, scale * np.expm1(np.minimum(x, 0))),
    lambda out, x, scale: where(x > 0.0, 1.0, scale * exp(x)),
    lambda out, x, scale: where(x > 0.0, 0.0, expm1(x)),
    operands=("x", "scale"),
    defaults={"scale": 1.0},
    kink=lambda x, scale: (x == 0) & (scale != 1),
    convention="the scale at 0",
    sample=((-5, -0.1), (0.5, 2)),
    example="elu(-2)",
    precise=lambda mp, x, scale: x if x > 0 else scale * mp.expm1(x),
    special=((1e-9, -1e-9, -40.0, -800.0, 1e300), (0.5,)),
    body=lambda x, scale: where(x > 0.0, x, scale * expm1(x)),
)
sigmoid = _function(
    "sigmoid",
    "1 / (1 + e^-x)",
    _sigmoid,
    _sigmoid_of_array,
    # out·(1 - out) is 0 for large x, and its own derivative is noise for small x.
    lambda out, x: 0.25 * sech(0.5 * x) ** 2.0,
    precise=high_precision.sigmoid,
    special=((1e-9, 37.0, -37.0, 400.0, -800.0, 1e160),),
    vanishes="never",
    remedies={"saturated": "keep its argument near 0, or take logsigmoid or softplus of it"},
    body=lambda x: where(x >= 0.0, 1.0, exp(-abs_(x))) / (1.0 + exp(-abs_(x))),
    bound=1.0,
)
logsigmoid = _function(
    "logsigmoid",
    "log(sigmoid(x)) without overflow",
    lambda x: -_logaddexp(0.0, -x),
    lambda x: -_softplus_of_array(-x),
    lambda out, x: sigmoid(-x),
    precise=lambda mp, x: -high_precision.softplus(mp, -x),
    special=((1e-9, 37.0, -37.0, 400.0, -800.0, 1e160),),
    body=lambda x: -logaddexp(0.0, -x),
)
softplus = _function(
    "softplus",
    "log(1 + e^x) without overflow",
    lambda x: _logaddexp(0.0, x),
    lambda x: _softplus_of_array(x),
    lambda out, x: sigmoid(x),
    precise=high_precision.softplus,
    special=((1e-9, 37.0, -37.0, 400.0, -800.0, 1e160),),
    vanishes="never",
    body=lambda x: logaddexp(0.0, x),
)
silu = _function(
    "silu",
    "x·sigmoid(x)",
    lambda x: x * _sigmoid(x),
    lambda x: x * _sigmoid_of_array(x),
    lambda out, x: sigmoid(x) * (1.0 + x * sigmoid(-x)),
    precise=lambda mp, x: x * high_precision.sigmoid(mp, x),
    special=((1e-9, 37.0, -37.0, 400.0, -800.0, 1e160),),
    body=lambda x: x * sigmoid(x),
)
