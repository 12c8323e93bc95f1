"""Functions that take an axis away, or run along one.

A reduction's derivative is one array, `weight`, in the shape of what is reduced: both
sweeps multiply by it. What it needs from the order of the elements (which is the
largest) is constant between ties, so it is computed from values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, as_array, counted, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of, axis_of, number, on_integers_too
from autodiff_cli.engine.primitives.elementwise import maximum, minimum
from autodiff_cli.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """`shape` with 1 in place of every reduced axis."""
    axes = axes_of(axis, shape)
    return tuple(1 if i in axes else size for i, size in enumerate(shape))


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements are reduced into one."""
    total = 1
    for one in axes_of(axis, shape):
        total *= shape[one]
    return total


def _checked(name: str, x: Any, empty: bool) -> Any:
    x = counted(as_array(x))
    if not (empty or x.size):
        raise ShapeError(
            f"`{name}` got an empty array, of shape {x.shape}, and has no value for it"
        )
    return x


def reduction(
    name: str,
    doc: str,
    array: Callable[..., Any],
    weight: Callable[..., Any] | None,
    *,
    extra: Mapping[str, Any] | None = None,
    empty: bool = True,
    adds_up: bool = False,
    example: str = "",
    precise: Callable[..., Any] | None = None,
    **fields: Any,
) -> Primitive:
    """`array(x, axes, keepdims, *extra)`; `weight(out, x, axis, *extra)`.

    Where it `adds_up`, integers may come to more than 64 bits hold, and are then floats.
    """

    def evaluate(x: Any, *static: Any) -> Any:
        *head, axis, keepdims = static
        x = _checked(name, x, empty)
        places, keep = axes_of(axis, x.shape), bool(number(keepdims, "keepdims"))
        if adds_up and x.dtype.kind != "f":
            return on_integers_too(lambda x: array(x, places, keep), x)
        return array(x, places, keep, *head)

    return Primitive(
        name=name,
        kind="constant" if weight is None else "reduction",
        operands=("x",),
        options={**(extra or {}), "axis": None, "keepdims": False},
        array=evaluate,
        weight=weight,
        doc=doc,
        example=example or f"{name}([1, 2, 4])",
        sample=((0.2, 5),),
        precise=precise and high_precision.of_numbers_too(precise),
        **fields,
    )


sum_ = reduction(
    "sum",
    "the sum",
    lambda x, axes, keep: x.sum(axis=axes, keepdims=keep),
    lambda out, x, axis: 1.0,
    adds_up=True,
    derivative="∂y/∂xᵢ = 1",
    precise=lambda mp, x, axis, keep: x.sum(**high_precision.axes(x, axis, keep)),
    sums=True,
)


def mean_of(x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    """The mean, also where the sum overflows."""
    if x.dtype.kind != "f":
        return x.mean(axis=axes, keepdims=keep)
    total = x.sum(axis=axes, keepdims=keep)
    size = x.size // total.size
    out = total / size
    finite = np.isfinite(out)
    if finite is not np.True_ and not finite.all() and np.isfinite(x).all():
        halvings = size.bit_length()
        halved = np.ldexp(x, -halvings).sum(axis=axes, keepdims=keep)
        return np.ldexp(halved / size, halvings)
    return out


mean = reduction(
    "mean",
    "the mean",
    mean_of,
    lambda out, x, axis: 1.0 / count(shape_of(value_of(x)), axis),
    empty=False,
    derivative="∂y/∂xᵢ = 1 / n",
    precise=lambda mp, x, axis, keep: x.mean(**high_precision.axes(x, axis, keep)),
    sums=True,
)


def share_of_ties(out: Any, x: Any, axis: Any) -> Any:
    ties = np.equal(value_of(x), value_of(out))
    return ties / np.maximum(ties.sum(axis=axes_of(axis, ties.shape), keepdims=True), 1)


def _has_ties(x: Any, axis: Any, largest: bool) -> bool:
    axes = axes_of(axis, shape_of(x))
    extreme = (np.max if largest else np.min)(x, axis=axes, keepdims=True)
    return bool((np.equal(x, extreme).sum(axis=axes) > 1).any())


max_ = reduction(
    "max",
    "the largest; of several arguments, element by element, as `maximum`",
    lambda x, axes, keep: x.max(axis=axes, keepdims=keep),
    share_of_ties,
    empty=False,
    chooses=True,
    kink=lambda x, axis, keep: _has_ties(x, axis, True),
    convention="an equal share to each of those that tie",
    derivative="∂y/∂xᵢ = 1 where xᵢ is the largest, else 0",
    of_several=maximum,
    precise=lambda mp, x, axis, keep: x.max(**high_precision.axes(x, axis, keep)),
    unchosen="`max` takes other elements",
    remedies={"not-chosen": "logsumexp is a smooth maximum"},
)
min_ = reduction(
    "min",
    "the smallest; of several arguments, element by element, as `minimum`",
    lambda x, axes, keep: x.min(axis=axes, keepdims=keep),
    share_of_ties,
    empty=False,
    chooses=True,
    kink=lambda x, axis, keep: _has_ties(x, axis, False),
    convention="an equal share to each of those that tie",
    derivative="∂y/∂xᵢ = 1 where xᵢ is the smallest, else 0",
    of_several=minimum,
    precise=lambda mp, x, axis, keep: x.min(**high_precision.axes(x, axis, keep)),
    unchosen="`min` takes other elements",
)


all_ = reduction(
    "all",
    "whether every element is true",
    lambda x, axes, keep: x.all(axis=axes, keepdims=keep),
    None,
    example="all([1, 2] > 0)",
    reads="condition",
)
any_ = reduction(
    "any",
    "whether an element is true",
    lambda x, axes, keep: x.any(axis=axes, keepdims=keep),
    None,
    example="any([1, 2] > 1)",
    reads="condition",
)


def _argument(name: str, doc: str, function: str) -> Primitive:
    def evaluate(x: Any, axis: Any) -> Any:
        x = _checked(name, x, empty=False)
        return getattr(x, function)(axis=None if axis is None else axis_of(axis, x.shape))

    return Primitive(
        name=name,
        kind="constant",
        operands=("x",),
        options={"axis": None},
        array=evaluate,
        doc=doc,
        example=f"{name}([3, 9, 4])",
    )


argmax = _argument("argmax", "the index of the largest, the first of those that tie", "argmax")
argmin = _argument(
    "argmin",
    "the index of the smallest, the first of those that tie; argmin(function, start) is the x "
    "near start at which a function is least, differentiable by all that it reads",
    "argmin",
)

# ── along an axis ─────────────────────────────────────────────────────────────────────


def along(
    name: str,
    doc: str,
    array: Callable[..., Any],
    vjp: Callable[..., Any],
    jvp: Any,
    axis: int,
    derivative: str,
    precise: Callable[..., Any],
    place: Callable[..., Any] = axis_of,
    adds_up: bool = False,
    **fields: Any,
) -> Primitive:
    """`array(x, place(axis, x.shape))`, an array of the shape of x; `adds_up` as of `reduction`."""

    def evaluate(x: Any, axis: Any) -> Any:
        x = _checked(name, x, empty=True)
        if x.ndim == 0:
            raise ShapeError(f"`{name}` got a single number, want an array")
        places = place(axis, x.shape)
        return on_integers_too(lambda x: array(x, places), x) if adds_up else array(x, places)

    return Primitive(
        name=name,
        kind="structural",
        operands=("x",),
        options={"axis": axis},
        array=evaluate,
        vjps=(vjp,),
        jvps=(jvp,),
        derivative=derivative,
        precise=precise,
        doc=doc,
        example=f"{name}([1, 2, 4])",
        sample=((0.2, 5),),
        **fields,
    )
