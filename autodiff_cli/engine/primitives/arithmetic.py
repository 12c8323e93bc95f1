"""The operators of the language, IEEE 754 on floats, exact on integers."""

from __future__ import annotations

import math
import operator
from math import copysign, inf, isnan, nan
from typing import Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import LARGEST_INTEGER, Primitive, as_array
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.elementwise import log
from autodiff_cli.engine.primitives.logic import equal, logical_and, not_equal, where

EASY_POWERS: dict[float, Any] = {
    -1.0: lambda a: np.reciprocal(a),
    1.0: lambda a: np.positive(a),
    2.0: lambda a: np.square(a),
}
"""What NumPy computes in a tenth of the time of a power."""


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


def _powers(a: Any, b: Any) -> Any:
    # Whole powers of integers are floats too, so that 2^64 is no 0.
    a = as_array(_counts(a))
    if a.dtype.kind != "f":
        a = a.astype(np.float64)
    if np.ndim(b) == 0 and float(b) in EASY_POWERS:
        return EASY_POWERS[float(b)](a)
    return np.power(a, b) if a.dtype == np.float32 else np.float_power(a, b)


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
    sign="+",
    internal=True,
    kind="elementwise",
    rounded=True,
    operands=("a", "b"),
    scalar=operator.add,
    array=_on_integers_too("add"),
    exact=True,
    bound=lambda a, b: a.most + b.most,
    partials=(1.0, 1.0),
    doc="a + b",
    example="1 + [2, 3]",
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, a, b: a + b,
    python="({} + {})",
)
sub = Primitive(
    name="sub",
    sign="-",
    internal=True,
    kind="elementwise",
    rounded=True,
    operands=("a", "b"),
    scalar=operator.sub,
    array=_on_integers_too("subtract"),
    exact=True,
    bound=lambda a, b: a.most + b.most,
    partials=(1.0, -1.0),
    doc="a - b",
    example="1 - [2, 3]",
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, a, b: a - b,
    python="({} - {})",
)
mul = Primitive(
    name="mul",
    sign="*",
    internal=True,
    kind="elementwise",
    rounded=True,
    operands=("a", "b"),
    scalar=operator.mul,
    array=_on_integers_too("multiply"),
    exact=True,
    bound=lambda a, b: a.most * b.most,
    partials=(lambda out, a, b: b, lambda out, a, b: a),
    doc="a * b",
    special=((1e-200, 1e200), (1e-200, 1e200)),
    example="2 * [2, 3]",
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, a, b: a * b,
    python="({} * {})",
    multiplies=True,
    vanishes="with an operand",
    remedies={"overflow": "past 1.8e308 a product overflows: scale it, or add logarithms"},
)
div = Primitive(
    name="div",
    sign="/",
    internal=True,
    kind="elementwise",
    rounded=True,
    operands=("a", "b"),
    scalar=operator.truediv,
    array=lambda a, b: np.true_divide(a, b),
    beyond=_divide_beyond,
    bound=lambda a, b: a.most / b.least if b.least else inf,
    partials=(lambda out, a, b: 1.0 / b, lambda out, a, b: -(out / b)),
    doc="a / b",
    special=((1e-200, 1e200), (1e-200, 1e100)),
    domain="b ≠ 0",
    example="1 / [2, 4]",
    sample=((-5, 5), (0.2, 5)),
    precise=lambda mp, a, b: a / b,
    multiplies=True,
    vanishes="with an operand",
    remedies={"outside": "keep the divisor away from 0, or write where(b == 0, 0, a / b)"},
)
floordiv = Primitive(
    name="floordiv",
    sign="//",
    internal=True,
    kind="elementwise",
    operands=("a", "b"),
    scalar=_floor_divide,
    array=lambda a, b: np.floor_divide(_counts(a), _counts(b)),
    beyond=_divide_beyond,
    exact=True,
    bound=inf,  # of a divisor that is 0, nan
    partials=(0.0, 0.0),
    doc="a // b, the quotient rounded down",
    domain="b ≠ 0",
    kink=lambda a, b: _is_multiple(a, b),
    convention="0 at the steps",
    example="7 // 2",
    sample=((-5, 5), (0.2, 5)),
    precise=lambda mp, a, b: mp.floor(a / b),
)
mod = Primitive(
    name="mod",
    sign="%",
    internal=True,
    kind="elementwise",
    operands=("a", "b"),
    scalar=operator.mod,
    array=lambda a, b: np.mod(_counts(a), _counts(b)),
    exact=True,
    bound=inf,
    # Not floor(a / b): the rounded quotient may be the next whole number.
    partials=(1.0, lambda out, a, b: -floordiv(a, b)),
    doc="a % b, the remainder with the sign of b",
    domain="b ≠ 0",
    kink=lambda a, b: _is_multiple(a, b),
    convention="that of the smooth pieces, at the jumps too",
    example="-7 % 3",
    sample=((-5, 5), (0.2, 5)),
    precise=lambda mp, a, b: a - b * mp.floor(a / b),
)


def _power_in_rule(a: Any, b: Any) -> Any:
    """a^b, whose derivative by b is the limit at 0^0 and not the convention for programs.

    Not `a ** b`: NumPy's operator is not IEEE's pow at -inf.
    """
    return power_log(0.0, a, b) if _is_recorded(b) else pow_(a, b)


def _by_exponent(out: Any, a: Any, b: Any) -> Any:
    """a^b·log(a): of nodes in a form with all its derivatives, else by the power that is there."""
    recorded = _is_recorded(a) or _is_recorded(b)
    return power_log(1.0, a, b) if recorded else gated(out, log(a))


def _is_recorded(argument: Any) -> bool:
    return isinstance(argument, Operand) and argument.is_recorded


pow_ = Primitive(
    name="pow",
    sign="^",
    internal=True,
    kind="elementwise",
    operands=("a", "b"),
    scalar=math.pow,
    array=_powers,
    beyond=_power_beyond,
    partials=(
        lambda out, a, b: gated(b, _power_in_rule(a, b - 1.0)),  # gated for x^0 at 0
        lambda out, a, b: where(
            logical_and(equal(a, 0.0), equal(b, 0.0)), 0.0, _by_exponent(out, a, b)
        ),
    ),
    doc="a ^ b, also spelt a ** b",
    domain="a > 0, or a whole b (and a ≠ 0 where b < 0)",
    # x^0 is 1 around 0 too, and 0^y jumps there: a constant exponent has no kink.
    kink=(None, lambda a, b: (a == 0) & (b == 0)),
    convention="0 at 0^0, where a ^ b is singular as b moves",
    example="[1, 2, 3] ^ 2",
    sample=((0.2, 5), (-2, 3)),
    precise=high_precision.power,
    special=((2.0, 0.5, 1e-200), (2.0, 3.0, 0.5)),
    vanishes="with an operand",
    remedies={"outside": "keep the base above 0, or take abs(x); below 0 it takes whole powers"},
)


def _power_log(n: float, a: float, b: float) -> Any:
    power = math.pow(a, b)
    return power * math.log(a) ** n if power and n else power


def _power_log_beyond(n: float, a: float, b: float) -> Any:
    power = pow_.guarded(a, b)
    return power * pow_.guarded(log.guarded(a), n) if power and n else power


def _powers_log(n: Any, a: Any, b: Any) -> Any:
    power = pow_.array(a, b)
    return np.where((power == 0) | (np.equal(n, 0)), power, power * np.power(np.log(a), n))


power_log = Primitive(
    name="power_log",
    kind="elementwise",
    operands=("n", "a", "b"),
    scalar=_power_log,
    array=_powers_log,
    beyond=_power_log_beyond,
    partials=(
        0.0,
        lambda out, n, a, b: (
            gated(b, power_log(n, a, b - 1.0))
            + gated(n, power_log(where(n > 0.0, n - 1.0, 0.0), a, b - 1.0))
        ),
        lambda out, n, a, b: power_log(n + 1.0, a, b),
    ),
    doc="a^b·log(a)^n, the n-th derivative of a^b by b, and its limit at a = 0",
    domain="a > 0; n = 0, 1, 2, …",
    example="",
    sample=(range(3), (0.2, 5), (-2, 3)),
    plainly=lambda n, a, b: a**b * log(a) ** n,
    precise=lambda mp, n, a, b: high_precision.power(mp, a, b) * mp.log(a) ** int(n),
    body=lambda n, a, b: where(
        logical_and(not_equal(pow_(a, b), 0.0), not_equal(n, 0.0)),
        pow_(a, b) * pow_(log(a), n),
        pow_(a, b),
    ),
)
neg = Primitive(
    name="neg",
    sign="-",
    internal=True,
    kind="elementwise",
    rounded=True,
    operands=("a",),
    scalar=operator.neg,
    array=lambda a: np.negative(_counts(a)),
    exact=True,
    partials=(-1.0,),
    doc="-a",
    example="-[1, 2]",
    sample=((-5, 5),),
    precise=lambda mp, a: -a,
    python="(-{})",
)
identity = Primitive(
    name="identity",
    kind="elementwise",
    operands=("x",),
    scalar=lambda x: x,
    array=lambda x: as_array(x),
    exact=True,
    partials=(1.0,),
    doc="x itself, as a node of its own",
    example="",
    sample=((-5, 5),),
    precise=lambda mp, x: x,
)


def _gated(g: Any, partial: Any) -> Any:
    product = np.multiply(g, partial)
    return product if np.isfinite(product).all() else np.where(np.equal(g, 0), 0, product)


gated = Primitive(
    name="gated",
    kind="elementwise",
    operands=("factor", "partial"),
    scalar=lambda factor, partial: factor * partial if factor else factor,
    array=_gated,
    exact=True,
    bound=lambda factor, partial: factor.most * partial.most,
    chooses=True,
    partials=(lambda out, factor, partial: partial, lambda out, factor, partial: factor),
    plainly=lambda factor, partial: factor * partial,
    doc="factor * partial, but 0 where the factor is 0: the product of the sweeps",
    example="",
    sample=((-5, 5), (-5, 5)),
    precise=lambda mp, factor, partial: factor * partial if factor else factor,
    python="({0} * {1} if {0} else 0.0)",
    multiplies=True,
)
