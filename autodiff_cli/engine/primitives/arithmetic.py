"""The operators of the language, IEEE 754 on floats, exact on integers."""

from __future__ import annotations

import math
import operator
from math import copysign, inf, isnan, nan
from typing import Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import LARGEST_INTEGER, Primitive
from autodiff_cli.engine.primitives.elementwise import log
from autodiff_cli.engine.primitives.logic import equal, where


def _counts(value: Any) -> Any:
    """Booleans as the integers that they count as; NumPy's own operators take them for logic."""
    if isinstance(value, np.ndarray) and value.dtype == bool:
        return value.astype(np.int64)
    return int(value) if isinstance(value, bool) else value


def _on_integers_too(name: str) -> Any:
    """NumPy's function of that name, giving floats where 64 bits do not hold the integers."""

    def compute(*values: Any) -> Any:
        function = getattr(np, name)
        values = tuple(_counts(value) for value in values)
        out = function(*values)
        if out.dtype.kind == "i":
            as_floats = function(*(np.asarray(value, np.float64) for value in values))
            if as_floats.size and np.abs(as_floats).max() >= LARGEST_INTEGER:
                return as_floats
        return out

    return compute


def _divide_beyond(a: float, b: float) -> float:
    if a == 0 or isnan(a) or isnan(b):
        return nan
    return copysign(inf, a) * copysign(1.0, b)


def _power_beyond(base: float, exponent: float) -> float:
    """What IEEE 754's `pow` gives where `math.pow` raises."""
    odd = exponent % 2 == 1
    if base == 0:
        return copysign(inf, base) if odd else inf
    if base < 0 and exponent != math.floor(exponent):
        return nan
    return -inf if base < 0 and odd else inf


def _floor_divide(a: Any, b: Any) -> Any:
    if b == 0 and type(a) is int and type(b) is int:
        return _divide_beyond(a, b)
    return a // b


def _is_multiple(a: Any, b: Any) -> Any:
    if isinstance(b, (int, float)) and b == 0:
        return False
    return a % b == 0


add = Primitive(
    name="add",
    kind="elementwise",
    operands=("a", "b"),
    scalar=operator.add,
    array=_on_integers_too("add"),
    exact=True,
    partials=(1.0, 1.0),
    doc="a + b",
    example="1 + [2, 3]",
    sample=((-5, 5), (-5, 5)),
)
sub = Primitive(
    name="sub",
    kind="elementwise",
    operands=("a", "b"),
    scalar=operator.sub,
    array=_on_integers_too("subtract"),
    exact=True,
    partials=(1.0, -1.0),
    doc="a - b",
    example="1 - [2, 3]",
    sample=((-5, 5), (-5, 5)),
)
mul = Primitive(
    name="mul",
    kind="elementwise",
    operands=("a", "b"),
    scalar=operator.mul,
    array=_on_integers_too("multiply"),
    exact=True,
    partials=(lambda out, a, b: b, lambda out, a, b: a),
    doc="a * b",
    example="2 * [2, 3]",
    sample=((-5, 5), (-5, 5)),
)
div = Primitive(
    name="div",
    kind="elementwise",
    operands=("a", "b"),
    scalar=operator.truediv,
    array=lambda a, b: np.true_divide(a, b),
    beyond=_divide_beyond,
    partials=(lambda out, a, b: 1.0 / b, lambda out, a, b: -(out / b)),
    doc="a / b",
    domain="b ≠ 0",
    example="1 / [2, 4]",
    sample=((-5, 5), (0.2, 5)),
)
floordiv = Primitive(
    name="floordiv",
    kind="elementwise",
    operands=("a", "b"),
    scalar=_floor_divide,
    array=lambda a, b: np.floor_divide(_counts(a), _counts(b)),
    beyond=_divide_beyond,
    exact=True,
    partials=(0.0, 0.0),
    doc="a // b, the quotient rounded down",
    domain="b ≠ 0",
    kink=lambda a, b: _is_multiple(a, b),
    convention="0 at the steps",
    example="7 // 2",
    sample=((-5, 5), (0.2, 5)),
)
mod = Primitive(
    name="mod",
    kind="elementwise",
    operands=("a", "b"),
    scalar=operator.mod,
    array=lambda a, b: np.mod(_counts(a), _counts(b)),
    exact=True,
    # Not floor(a / b): the rounded quotient may be the next whole number.
    partials=(1.0, lambda out, a, b: -floordiv(a, b)),
    doc="a % b, the remainder with the sign of b",
    domain="b ≠ 0",
    kink=lambda a, b: _is_multiple(a, b),
    convention="that of the smooth pieces, at the jumps too",
    example="-7 % 3",
    sample=((-5, 5), (0.2, 5)),
)
pow_ = Primitive(
    name="pow",
    kind="elementwise",
    operands=("a", "b"),
    scalar=math.pow,
    # Whole powers of integers are floats too, so that 2^64 is no 0.
    array=lambda a, b: (
        np.float_power(_counts(a), b) if getattr(a, "dtype", None) != np.float32 else np.power(a, b)
    ),
    beyond=_power_beyond,
    partials=(
        lambda out, a, b: where(equal(b, 0.0), 0.0, b * a ** (b - 1.0)),
        lambda out, a, b: where(
            equal(out, 0.0),
            0.0,
            where(equal(a, 0.0), where(equal(b, 0.0), 0.0, -out), out * log(a)),
        ),
    ),
    doc="a ^ b, also spelt a ** b",
    domain="a > 0, or a whole b (and a ≠ 0 where b < 0)",
    # x^0 is 1 around 0 too, and 0^y jumps there: a constant exponent has no kink.
    kink=lambda a, b: (a == 0) & (b == 0),
    kink_by_last=True,
    convention="0 at 0^0, where a ^ b is singular as b moves",
    example="[1, 2, 3] ^ 2",
    sample=((0.2, 5), (-2, 3)),
)
neg = Primitive(
    name="neg",
    kind="elementwise",
    operands=("a",),
    scalar=operator.neg,
    array=lambda a: np.negative(_counts(a)),
    exact=True,
    partials=(-1.0,),
    doc="-a",
    example="-[1, 2]",
    sample=((-5, 5),),
)
identity = Primitive(
    name="identity",
    kind="elementwise",
    operands=("x",),
    scalar=lambda x: x,
    array=lambda x: np.asarray(x),
    exact=True,
    partials=(1.0,),
    doc="x itself, as a node of its own",
    example="",
    sample=((-5, 5),),
)


def _gated(g: Any, partial: Any) -> Any:
    return np.where(np.equal(g, 0), 0, np.multiply(g, partial))


gated = Primitive(
    name="gated",
    kind="elementwise",
    operands=("factor", "partial"),
    array=_gated,
    exact=True,
    partials=(lambda out, factor, partial: partial, lambda out, factor, partial: factor),
    doc="factor * partial, but 0 where the factor is 0: the product of the sweeps",
    example="",
    sample=((-5, 5), (-5, 5)),
)
