"""Sums and products along an axis, up to every element or of all of them, and their derivatives.

A product is of degree one in every element, so its derivatives are products of others, with
tangents in the place of some elements. They are read off products of truncated polynomials
xᵢ + Σ cᵢₛ εₛ, where εₛ² = 0: the coefficient of ε₁…εᵣ. Nothing is divided, so they hold at
zeros; and where a float on the way over- or underflows, `Scaled` ones take its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, as_array, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of, from_rows, to_rows
from autodiff_cli.engine.primitives.reductions import along, reduction
from autodiff_cli.engine.primitives.scaled import Scaled, in_range
from autodiff_cli.engine.primitives.shapes import flip

if TYPE_CHECKING:
    from collections.abc import Callable

Polynomial = list[Any]
"""Its coefficients, that of the product of the εₛ for s in a set at the number of the set in bits:
arrays of rows, of floats or `Scaled`."""

# ── polynomials ───────────────────────────────────────────────────────────────────────


def _polynomial(x: Any, tangents: tuple[Any, ...]) -> Polynomial:
    terms = [x, *[np.zeros_like(x)] * (2 ** len(tangents) - 1)]
    for s, tangent in enumerate(tangents):
        terms[2**s] = tangent
    return terms


def _term(a: Any, b: Any, a_gates: bool, b_gates: bool) -> Any:
    """a · b; 0 where a factor that gates is 0, be the other infinite, which floats report."""
    out = a * b
    if isinstance(out, Scaled):
        for factor, gates in ((a, a_gates), (b, b_gates)):
            if gates:
                out.clear_where_zero(factor)
    return out


def _coefficient(whole: int, a: Polynomial, b: Polynomial, b_gates: bool = False) -> Any:
    """The coefficient of a product; tangents gate, and all of b where `b_gates`."""
    parts = [part for part in range(whole + 1) if part & whole == part]
    terms = [_term(a[part], b[whole ^ part], part > 0, b_gates or part < whole) for part in parts]
    return sum(terms[1:], terms[0])


def _product(a: Polynomial, b: Polynomial, b_gates: bool = False) -> Polynomial:
    return [_coefficient(whole, a, b, b_gates) for whole in range(len(a))]


def _scan(items: list[Any], combine: Callable[[list[Any], list[Any]], list[Any]]) -> list[Any]:
    """What `combine` makes of the first elements of rows up to each, in ⌈log₂ n⌉ steps."""
    step = 1
    while step < items[0].shape[-1]:
        earlier = [item[..., :-step] for item in items]
        later = [item[..., step:] for item in items]
        items = [item.copy() for item in items]
        for item, combined in zip(items, combine(earlier, later), strict=True):
            item[..., step:] = combined
        step *= 2
    return items


def _moved_on(first: float, x: Any) -> Any:
    """Rows with another first element, and without their last."""
    out = np.empty_like(x)
    out[..., :1], out[..., 1:] = first, x[..., :-1]
    return out


def _before(terms: Polynomial) -> Polynomial:
    """What the products of all before each element are made of: 1, and the elements before."""
    return [_moved_on(float(i == 0), term) for i, term in enumerate(terms)]


def _in_rows(function: Callable[..., Any], axes: tuple[int, ...], *arrays: Any) -> Any:
    shape = shape_of(arrays[0])
    rows = (to_rows(as_array(array), axes) for array in arrays)
    return from_rows(function(*rows), shape, axes)


# ── products ──────────────────────────────────────────────────────────────────────────


def _others(x: Any, *tangents: Any) -> Any:
    """The products of all before each element and of all after it, put together."""
    terms = _before(_polynomial(x, tangents))
    back = _before(_polynomial(x[..., ::-1], tuple(t[..., ::-1] for t in tangents)))

    def compute(*both: Any) -> Any:
        before, after = (
            _scan([*half], _product) for half in (both[: len(terms)], both[len(terms) :])
        )
        after = [term[..., ::-1] for term in after]
        return _coefficient(len(terms) - 1, before, after)

    return in_range(compute, *terms, *back)


def _moved_product(i: int, g: Any, out: Any, x: Any, *rest: Any) -> Any:
    """The derivative along g, which has one tangent more, or another one."""
    *tangents, axes = rest
    if i > 0:
        del tangents[i - 1]
    return others(x, *tangents, g, axes)


others = Primitive(
    name="others",
    kind="structural",
    derivative="the product of the others, one of them moved",
    operands=("x",),
    options={"axes": None},
    variadic=True,
    array=lambda *args: _in_rows(_others, axes_of(args[-1], shape_of(args[0])), *args[:-1]),
    vjps=_moved_product,
    jvps=_moved_product,
    doc="the derivative of `prod`: for each element the product of the others; moved along "
    "tangents, which are the further arguments",
    example="",
    precise=high_precision.of_numbers_too(high_precision.others),
)


def _product_of_others(out: Any, x: Any, axis: Any) -> Any:
    axes = axes_of(axis, shape_of(value_of(x)))
    if isinstance(x, Node):
        return others(x, axes)
    size = np.abs(out)
    limits = np.finfo(size.dtype)
    if ((size >= limits.tiny) & (size <= limits.max)).all():
        return out / x
    return others(x, axes)


def _prod(x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    try:
        with np.errstate(over="raise", under="raise", invalid="raise"):
            return x.prod(axis=axes, keepdims=keep)
    except FloatingPointError:
        rows = Scaled(to_rows(x, axes))
        (product,) = _scan([rows], _product)
        out = product[..., -1].value()
        return np.expand_dims(out, axes) if keep else out


prod = reduction(
    "prod",
    "the product; its derivative holds where elements are 0 too",
    _prod,
    _product_of_others,
    adds_up=True,
    derivative="∂y/∂xᵢ = the product of the others",
    precise=lambda mp, x, axis, keep: x.prod(**high_precision.axes(x, axis, keep)),
    multiplies=True,
    vanishes="with an operand",
    remedies={"overflow": "past 1.8e308 a product overflows: add logarithms instead"},
)

# ── along an axis ─────────────────────────────────────────────────────────────────────

cumsum = along(
    "cumsum",
    "the running sum along an axis",
    lambda x, axis: x.cumsum(axis=axis),
    lambda g, out, x, axis: flip(cumsum(flip(g, axis), axis), axis),
    None,
    axis=0,
    adds_up=True,
    derivative="x̄ᵢ = Σ ȳₖ over k ≥ i",
    precise=lambda mp, x, axis: np.cumsum(x, int(axis)),
    sums=True,
)


def _cumprod(x: Any, axis: int) -> Any:
    try:
        with np.errstate(over="raise", under="raise", invalid="raise"):
            return x.cumprod(axis=axis)
    except FloatingPointError:
        return _in_rows(_up_to, (axis,), x)


def _up_to(x: Any, *tangents: Any) -> Any:
    return in_range(lambda *terms: _scan([*terms], _product)[-1], *_polynomial(x, tangents))


def _moved_cumprod_vjp(i: int, g: Any, out: Any, x: Any, *rest: Any) -> Any:
    *tangents, axis = rest
    if i > 0:
        del tangents[i - 1]
    return cumprod_adjoint(x, g, *tangents, axis)


def _moved_cumprod_jvp(i: int, t: Any, out: Any, x: Any, *rest: Any) -> Any:
    *tangents, axis = rest
    if i > 0:
        del tangents[i - 1]
    return cumprod_tangent(x, *tangents, t, axis)


cumprod_tangent = Primitive(
    name="cumprod_tangent",
    kind="structural",
    derivative="the products up to k ≥ i without xᵢ, moved along the tangents, times ȳₖ",
    operands=("x",),
    options={"axis": 0},
    variadic=True,
    array=lambda *args: _in_rows(_up_to, axes_of(args[-1], shape_of(args[0])), *args[:-1]),
    vjps=_moved_cumprod_vjp,
    jvps=_moved_cumprod_jvp,
    doc="how `cumprod` of x moves along tangents, which are the further arguments",
    example="",
    precise=high_precision.cumprod_tangent,
)


def _adjoint(x: Any, g: Any, *tangents: Any) -> Any:
    """Σ gₖ · the product up to k ≥ i without xᵢ: all before xᵢ, times what follows by Horner."""
    terms = _polynomial(x, tangents)
    count = len(terms)
    before = _before(terms)
    factors = _before([term[..., ::-1] for term in terms])
    summands = [g[..., ::-1], *[np.zeros_like(g)] * (count - 1)]

    def then(earlier: list[Any], later: list[Any]) -> list[Any]:
        """y → summand + factor · y of the later, of that of the earlier."""
        inner = _product(later[:count], earlier[count:], b_gates=True)
        outer = [a + b for a, b in zip(later[count:], inner, strict=True)]
        return [*_product(earlier[:count], later[:count]), *outer]

    def compute(*parts: Any) -> Any:
        products = _scan([*parts[:count]], _product)
        after = [term[..., ::-1] for term in _scan([*parts[count:]], then)[count:]]
        return _coefficient(count - 1, products, after, b_gates=True)

    return in_range(compute, *before, *factors, *summands)


def _moved_adjoint_vjp(i: int, g: Any, out: Any, x: Any, cotangent: Any, *rest: Any) -> Any:
    *tangents, axis = rest
    if i == 1:
        return cumprod_tangent(x, *tangents, g, axis)
    if i > 1:
        del tangents[i - 2]
    return cumprod_adjoint(x, cotangent, *tangents, g, axis)


def _moved_adjoint_jvp(i: int, t: Any, out: Any, x: Any, cotangent: Any, *rest: Any) -> Any:
    *tangents, axis = rest
    if i == 1:
        return cumprod_adjoint(x, t, *tangents, axis)
    return _moved_adjoint_vjp(i, t, out, x, cotangent, *rest)


cumprod_adjoint = Primitive(
    name="cumprod_adjoint",
    kind="structural",
    derivative="that of `cumprod`, moved along one tangent more",
    operands=("x",),
    options={"axis": 0},
    variadic=True,
    array=lambda *args: _in_rows(_adjoint, axes_of(args[-1], shape_of(args[0])), *args[:-1]),
    vjps=_moved_adjoint_vjp,
    jvps=_moved_adjoint_jvp,
    doc="the cotangent of the x of `cumprod` by that of its result, the second argument; moved "
    "along tangents, which are the further ones",
    example="",
    precise=high_precision.cumprod_adjoint,
)
cumprod = along(
    "cumprod",
    "the running product along an axis; its derivative holds where elements are 0 too",
    _cumprod,
    lambda g, out, x, axis: cumprod_adjoint(x, g, axis),
    lambda t, out, x, axis: cumprod_tangent(x, t, axis),
    axis=0,
    adds_up=True,
    derivative="x̄ᵢ = Σ ȳₖ * (the product of x up to k, without xᵢ) over k ≥ i",
    precise=lambda mp, x, axis: np.cumprod(x, int(axis)),
    multiplies=True,
    vanishes="with an operand",
)
