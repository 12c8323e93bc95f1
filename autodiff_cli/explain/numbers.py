"""Questions about a value, be it a number or an array, and about what an operation takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.primitive import Primitive

Wrong = Literal["nan", "infinite", "zero"]
"""What a number may be that tells of something lost."""


def is_finite(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return math.isfinite(value)
    return bool(np.isfinite(value).all())


def is_zero(value: Any) -> bool:
    return not value.any() if hasattr(value, "any") else value == 0


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or hasattr(value, "dtype")


def marks(value: Any, wrong: Wrong) -> Any:
    """Where a value is wrong: of a number a bool, else an array of them."""
    if isinstance(value, (int, float)):
        if wrong == "zero":
            return value == 0
        return math.isnan(value) if wrong == "nan" else math.isinf(value)
    found = {"zero": np.logical_not, "nan": np.isnan, "infinite": np.isinf}[wrong](value)
    return found if shape_of(value) else bool(found)


def anywhere(elements: Any) -> bool:
    return elements if isinstance(elements, bool) else bool(elements.any())


def operands_of(primitive: Primitive, args: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """The operands of an operation that hold numbers, with their positions."""
    for position, arg in enumerate(args[: len(args) - len(primitive.options)]):
        if is_number(value_of(arg)):
            yield position, arg
