"""Comparisons and choice. A condition reads values only, so it has no derivative."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive

if TYPE_CHECKING:
    from collections.abc import Callable


LARGEST_PLAIN = 2**53
"""Up to which every integer is a float."""


def _comparable(a: Any, b: Any) -> tuple[Any, Any]:
    """The two, as Python's numbers where NumPy would compare integers with floats as floats."""
    kinds = _kind(a), _kind(b)
    if "i" in kinds and "f" in kinds:
        integers = a if kinds[0] == "i" else b
        if np.size(integers) and max(int(np.max(integers)), -int(np.min(integers))) > LARGEST_PLAIN:
            return np.asarray(a).astype(object), np.asarray(b).astype(object)
    return a, b


def _kind(value: Any) -> str:
    """NumPy's letter for the kind of a number or an array."""
    if isinstance(value, (float, int)):
        return "f" if isinstance(value, float) else "i"
    kind: str = value.dtype.kind
    return kind


def _comparison(
    name: str, scalar: Callable[[Any, Any], Any], array: Callable[..., Any], symbol: str
) -> Primitive:
    return Primitive(
        name=name,
        kind="constant",
        operands=("a", "b"),
        scalar=scalar,
        array=array,
        exact=True,
        doc=f"whether a {symbol} b, element by element",
        example=f"1 {symbol} [0, 1, 2]",
    )


less = _comparison("less", operator.lt, lambda a, b: np.less(*_comparable(a, b)), "<")
less_equal = _comparison(
    "less_equal", operator.le, lambda a, b: np.less_equal(*_comparable(a, b)), "<="
)
greater = _comparison("greater", operator.gt, lambda a, b: np.greater(*_comparable(a, b)), ">")
greater_equal = _comparison(
    "greater_equal", operator.ge, lambda a, b: np.greater_equal(*_comparable(a, b)), ">="
)
equal = _comparison("equal", operator.eq, lambda a, b: np.equal(*_comparable(a, b)), "==")
not_equal = _comparison(
    "not_equal", operator.ne, lambda a, b: np.not_equal(*_comparable(a, b)), "!="
)

logical_and = _comparison(
    "logical_and", lambda a, b: bool(a and b), lambda a, b: np.logical_and(a, b), "and"
)
logical_or = _comparison(
    "logical_or", lambda a, b: bool(a or b), lambda a, b: np.logical_or(a, b), "or"
)
logical_not = Primitive(
    name="logical_not",
    kind="constant",
    operands=("a",),
    scalar=lambda a: not a,
    array=lambda a: np.logical_not(a),
    exact=True,
    doc="not a, element by element",
    example="not (1 < 2)",
)

where = Primitive(
    name="where",
    kind="elementwise",
    operands=("condition", "a", "b"),
    scalar=lambda condition, a, b: a if condition else b,
    array=lambda condition, a, b: np.where(condition, a, b),
    exact=True,
    chooses=True,
    partials=(
        0.0,
        lambda out, condition, a, b: where(condition, 1.0, 0.0),
        lambda out, condition, a, b: where(condition, 0.0, 1.0),
    ),
    doc="a where the condition holds, b elsewhere; the side not chosen adds nothing",
    example="where([1, -2] > 0, 10, 20)",
    sample=(range(2), (-5, 5), (-5, 5)),
    precise=lambda mp, condition, a, b: a if condition else b,
)
