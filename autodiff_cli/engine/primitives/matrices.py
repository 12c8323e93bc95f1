"""Parts of a matrix: its diagonal, its triangles, its trace; and what matrices are taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, as_array, describe, shape_of
from autodiff_cli.engine.primitives.arguments import on_integers_too, reserve_shape, whole
from autodiff_cli.engine.primitives.indexing import index, scatter
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.shapes import reshape
from autodiff_cli.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable


def matrices(name: str, x: Any) -> Any:
    """A matrix, or a stack of them along the leading axes.

    Raises:
        ShapeError: it has less than two axes.
    """
    x = as_array(x)
    if x.ndim < 2:
        raise ShapeError(f"`{name}` got {describe(x)}, want a matrix")
    return x


def floating(name: str, x: Any) -> Any:
    """Matrices of floats."""
    x = matrices(name, x)
    return x.astype(np.result_type(x, 1.0), copy=False)


def square(name: str, x: Any) -> Any:
    """Square matrices of floats.

    Raises:
        ShapeError: they are not square.
    """
    x = floating(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"`{name}` got {describe(x)}, want a square matrix")
    return x


def where_finite(function: Callable[[Any], Any], x: Any) -> Any:
    """`function` of the matrices; nan for those with an element that is not finite.

    That is what arithmetic gives; LAPACK would raise.
    """
    bad = ~np.isfinite(x).all(axis=(-2, -1))
    if not bad.any():
        return function(x)
    out = function(np.where(bad[..., None, None], np.eye(*x.shape[-2:], dtype=x.dtype), x))
    out[bad] = np.nan
    return out


def per_matrix(g: Any) -> Any:
    """One number for every matrix of a stack, in a shape that broadcasts against the stack."""
    return reshape(g, (*shape_of(value_of(g)), 1, 1))


def _offset(name: str, k: Any) -> int:
    return whole(k, f"the diagonal of `{name}`")


def _places(shape: tuple[int, ...], k: int) -> tuple[Any, Any]:
    """The rows and columns of the elements of a diagonal."""
    rows, columns = shape
    first = np.arange(max(0, -k), max(0, -k, min(rows, columns - k)))
    return first, first + k


def _diag(x: Any, k: Any) -> Any:
    x, k = as_array(x), _offset("diag", k)
    if x.ndim not in (1, 2):
        raise ShapeError(f"`diag` got {describe(x)}, want a vector or a matrix")
    if x.ndim == 1:
        reserve_shape("diag", (x.size + abs(k),) * 2)
        return np.diag(x, k)
    return x[_places(x.shape, k)]


def _diag_vjp(g: Any, out: Any, x: Any, k: Any) -> Any:
    shape = shape_of(value_of(x))
    if len(shape) == 1:
        return diag(g, k)
    return scatter(g, _places(shape, _offset("diag", k)), shape)


diag = Primitive(
    name="diag",
    kind="structural",
    derivative="x̄ = diag(ȳ)",
    operands=("x",),
    options={"k": 0},
    array=_diag,
    vjps=(_diag_vjp,),
    doc="the matrix with a vector on its diagonal, or the diagonal of a matrix; k counts from "
    "the main one, upwards",
    example="diag([1, 2, 3])",
)


def diagonal(x: Any) -> Any:
    """The main diagonal of every matrix of a stack; of arrays and of nodes."""
    shape = shape_of(value_of(x))
    return index(x, (*(slice(None),) * (len(shape) - 2), *_places(shape[-2:], 0)))


def _triangle(name: str, part: str, example: str) -> Primitive:
    def evaluate(x: Any, k: Any) -> Any:
        return getattr(np, name)(matrices(name, x), _offset(name, k))

    def vjp(g: Any, out: Any, x: Any, k: Any) -> Any:
        return primitive(g, k)

    primitive = Primitive(
        name=name,
        kind="structural",
        operands=("x",),
        options={"k": 0},
        array=evaluate,
        vjps=(vjp,),
        derivative=f"x̄ = {name}(ȳ)",
        doc=f"the matrix with zeros {part} its diagonal k, which counts from the main one, upwards",
        example=example,
    )
    return primitive


triu = _triangle("triu", "below", "triu([[1, 2], [3, 4]])")
tril = _triangle("tril", "above", "tril([[1, 2], [3, 4]])")


def _trace(x: Any) -> Any:
    x = matrices("trace", x)
    return on_integers_too(lambda m: np.trace(m, axis1=-2, axis2=-1), x)


def _trace_vjp(g: Any, out: Any, x: Any) -> Any:
    rows, columns = shape_of(value_of(x))[-2:]
    return where(np.eye(rows, columns, dtype=bool), per_matrix(g), 0.0)


trace = Primitive(
    name="trace",
    kind="structural",
    derivative="x̄ = ȳ on the diagonal",
    operands=("x",),
    array=_trace,
    vjps=(_trace_vjp,),
    doc="the sum of the diagonal of a matrix, or of each in a stack",
    example="trace([[1, 2], [3, 4]])",
    sums=True,
)
