"""Products of vectors and matrices."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, describe, is_numeric, shape_of
from autodiff_cli.engine.primitives.arrays import reshape, transpose
from autodiff_cli.errors import ShapeError, TypeMismatch


def _ndim(x: Any) -> int:
    return len(shape_of(value_of(x)))


def _swap(x: Any) -> Any:
    """The last two axes exchanged."""
    order = list(range(_ndim(x)))
    order[-2:] = order[-1], order[-2]
    return transpose(x, order)


def _as_row(a: Any) -> Any:
    return reshape(a, (1, *shape_of(value_of(a)))) if _ndim(a) == 1 else a


def _as_column(b: Any) -> Any:
    return reshape(b, (*shape_of(value_of(b)), 1)) if _ndim(b) == 1 else b


def _full_rank(g: Any, a: Any, b: Any) -> Any:
    """The cotangent of a product with the axes that vectors lack put in."""
    shape = shape_of(value_of(g))
    if _ndim(b) == 1:
        shape = (*shape, 1)
    if _ndim(a) == 1:
        shape = (*shape[:-1], 1, shape[-1])
    return reshape(g, shape)


def _for_left(g: Any, out: Any, a: Any, b: Any) -> Any:
    product = matmul(_full_rank(g, a, b), _swap(_as_column(b)))
    if _ndim(a) > 1:
        return product
    shape = shape_of(value_of(product))
    return reshape(product, (*shape[:-2], shape[-1]))


def _for_right(g: Any, out: Any, a: Any, b: Any) -> Any:
    product = matmul(_swap(_as_row(a)), _full_rank(g, a, b))
    return product if _ndim(b) > 1 else reshape(product, shape_of(value_of(product))[:-1])


def _vectors(name: str, *values: Any) -> list[Any]:
    for value in values:
        if not is_numeric(value) or not shape_of(value):
            raise TypeMismatch(
                f"`{name}` got {describe(value)}, want vectors or matrices",
                help="`*` multiplies by a single number" if is_numeric(value) else "",
            )
    return [np.asarray(value) for value in values]


def _matmul(a: Any, b: Any) -> Any:
    a, b = _vectors("@", a, b)
    try:
        return np.matmul(a, b)
    except ValueError:
        inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
        raise ShapeError(
            f"`@` got shapes {a.shape} and {b.shape}, which do not go together",
            help=f"the last axis of the left ({a.shape[-1]}) must be the "
            f"{'last but one' if b.ndim > 1 else 'only'} axis of the right ({inner})",
        ) from None


matmul = Primitive(
    name="matmul",
    kind="structural",
    operands=("a", "b"),
    array=_matmul,
    vjps=(_for_left, _for_right),
    doc="the matrix product a @ b, of vectors too, and of stacks of matrices",
    example="[[1, 2], [3, 4]] @ [5, 6]",
)


def _dot(a: Any, b: Any) -> Any:
    a, b = _vectors("dot", a, b)
    if a.ndim != 1 or a.shape != b.shape:
        raise ShapeError(
            f"`dot` got shapes {a.shape} and {b.shape}, want two vectors of one length",
            help="the product of matrices is `a @ b`" if a.ndim > 1 or b.ndim > 1 else "",
        )
    return np.dot(a, b)


dot = Primitive(
    name="dot",
    kind="structural",
    operands=("a", "b"),
    array=_dot,
    vjps=(lambda g, out, a, b: g * b, lambda g, out, a, b: g * a),
    doc="the inner product Σ aᵢ bᵢ of two vectors",
    example="dot([1, 2], [3, 4])",
)
