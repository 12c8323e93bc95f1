"""Linear systems and determinants, of stacks of matrices too."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, as_array, broadcast_error, describe, shape_of
from autodiff_cli.engine.primitives.arguments import reserve_shape
from autodiff_cli.engine.primitives.arithmetic import gated
from autodiff_cli.engine.primitives.indexing import index, scatter
from autodiff_cli.engine.primitives.matrices import per_matrix, square, where_finite
from autodiff_cli.engine.primitives.products import swap
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.engine.primitives.shapes import reshape
from autodiff_cli.errors import DomainError, ShapeError


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


# ── systems ───────────────────────────────────────────────────────────────────────────


def _singular(name: str, x: Any) -> DomainError:
    return DomainError(
        f"`{name}` got a singular matrix, of shape {x.shape}",
        help="it has no inverse: a row or a column is a sum of multiples of others",
    )


def _inv(x: Any) -> Any:
    x = square("inv", x)
    try:
        return where_finite(np.linalg.inv, x)
    except np.linalg.LinAlgError:
        raise _singular("inv", x) from None


inv = Primitive(
    name="inv",
    kind="structural",
    derivative="x̄ = -yᵀ ȳ yᵀ",
    operands=("x",),
    array=_inv,
    vjps=(lambda g, out, x: -(swap(out) @ g @ swap(out)),),
    jvps=(lambda t, out, x: -(out @ t @ out),),
    domain="square matrices that are not singular",
    doc="the inverse of a matrix, or of each in a stack",
    example="inv([[2, 1], [1, 1]])",
)


def _solve(a: Any, b: Any) -> Any:
    a, b = square("solve", a), as_array(b)
    columns = b[:, None] if b.ndim == 1 else b
    if columns.ndim < 2 or columns.shape[-2] != a.shape[-1]:
        raise ShapeError(
            f"`solve` got a matrix of shape {a.shape} and {describe(b)} on the right",
            help=f"want a vector of {a.shape[-1]}, or a matrix of {a.shape[-1]} rows",
        )
    try:
        batch = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
    except ValueError:
        raise broadcast_error("solve", (a, b)) from None
    reserve_shape("solve", (*batch, *columns.shape[-2:]))
    finite = np.isfinite(a).all(axis=(-2, -1))
    try:
        out = np.linalg.solve(np.where(finite[..., None, None], a, np.eye(a.shape[-1])), columns)
    except np.linalg.LinAlgError:
        raise _singular("solve", a) from None
    out = np.where(finite[..., None, None], out, np.nan)
    return out[..., 0] if b.ndim == 1 else out


def _columns(x: Any, b: Any) -> Any:
    """x with the axis that it lacks where b is a vector."""
    return reshape(x, (*_shape(x), 1)) if len(_shape(b)) == 1 else x


def _vectors(x: Any, b: Any) -> Any:
    """x without that axis."""
    return reshape(x, _shape(x)[:-1]) if len(_shape(b)) == 1 else x


solve: Primitive = Primitive(
    name="solve",
    kind="structural",
    derivative="b̄ = solve(aᵀ, ȳ), ā = -b̄ yᵀ",
    operands=("a", "b"),
    array=_solve,
    vjps=(
        lambda g, out, a, b: -(solve(swap(a), _columns(g, b)) @ swap(_columns(out, b))),
        lambda g, out, a, b: _vectors(solve(swap(a), _columns(g, b)), b),
    ),
    jvps=(lambda t, out, a, b: -_vectors(solve(a, t @ _columns(out, b)), b), None),
    domain="square matrices a that are not singular",
    doc="the x of a @ x = b, for a vector or a matrix b",
    example="solve([[2, 1], [1, 3]], [3, 5])",
)

# ── determinants ──────────────────────────────────────────────────────────────────────


def _cofactor(x: Any) -> Any:
    """det x · x⁻ᵀ, and where that is not there, the same product of the singular values.

    LAPACK takes determinant and inverse from one factorisation, whose error cancels in
    their product: it holds close to a singular matrix too.
    """
    x = square("cofactor", x)
    det = np.linalg.det(x)
    usable = (np.abs(det) >= np.finfo(x.dtype).tiny) & np.isfinite(det)
    eye = np.eye(x.shape[-1])
    inverse = np.linalg.inv(np.where(usable[..., None, None], x, eye))
    out = det[..., None, None] * np.swapaxes(inverse, -1, -2)
    usable &= np.isfinite(out).all(axis=(-2, -1))
    return out if usable.all() else np.where(usable[..., None, None], out, _by_singular_values(x))


def _by_singular_values(x: Any) -> Any:
    """The same, of rows that are scaled by powers of two, so that no product leaves the range."""

    def compute(x: Any) -> Any:
        exponent = np.frexp(np.abs(x).max(axis=-1, keepdims=True))[1]
        u, s, vt = np.linalg.svd(np.ldexp(x, -exponent))
        others = np.where(np.eye(x.shape[-1], dtype=bool), 1.0, s[..., None, :]).prod(-1)
        sign = np.linalg.det(u) * np.linalg.det(vt)
        scaled = sign[..., None, None] * ((u * others[..., None, :]) @ vt)
        return np.ldexp(scaled, exponent.sum(axis=-2, keepdims=True) - exponent)

    return where_finite(compute, x)


def _minors(x: Any) -> tuple[tuple[Any, ...], Any]:
    """The key of all matrices without row i and column j, and the sign of each."""
    *batch, n, _ = _shape(x)
    left = np.array([[k for k in range(n) if k != i] for i in range(n)], np.int64)
    left = left.reshape(n, max(n - 1, 0))
    rows, columns = left[:, None, :, None], left[None, :, None, :]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    reserve_shape("the second derivative of `det`", (*batch, n, n, n, n))
    return (*(slice(None),) * len(batch), rows, columns), signs


def _cofactor_vjp(g: Any, out: Any, x: Any) -> Any:
    key, signs = _minors(x)
    return scatter(per_matrix(g * signs) * cofactor(index(x, key)), key, _shape(x))


def _cofactor_jvp(t: Any, out: Any, x: Any) -> Any:
    key, signs = _minors(x)
    return signs * sum_(cofactor(index(x, key)) * index(t, key), (-2, -1), False)


cofactor = Primitive(
    name="cofactor",
    kind="structural",
    derivative="by the minors of x",
    operands=("x",),
    array=_cofactor,
    vjps=(_cofactor_vjp,),
    jvps=(_cofactor_jvp,),
    doc="the derivative of the determinant: det x · x⁻ᵀ, or what that tends to",
    example="",
)
det = Primitive(
    name="det",
    kind="structural",
    derivative="∂y/∂x = the cofactors of x, which are y * inv(x).T where it has an inverse",
    operands=("x",),
    array=lambda x: np.linalg.det(square("det", x)),
    vjps=(lambda g, out, x: gated(per_matrix(g), cofactor(x)),),
    jvps=(lambda t, out, x: sum_(cofactor(x) * t, (-2, -1), False),),
    doc="the determinant; its derivative holds where the matrix is singular too",
    example="det([[2, 1], [1, 3]])",
)


def _logdet(x: Any) -> Any:
    sign, log = np.linalg.slogdet(square("logdet", x))
    return np.where(sign < 0, np.nan, log)


def _inverse_transposed(x: Any) -> Any:
    """x⁻ᵀ, with elements that are not finite where x is singular."""
    if np.isfinite(np.linalg.slogdet(value_of(x))[1]).all():
        return swap(inv(x))
    return cofactor(x) / per_matrix(det(x))


logdet = Primitive(
    name="logdet",
    kind="structural",
    derivative="∂y/∂x = inv(x).T",
    operands=("x",),
    array=_logdet,
    vjps=(lambda g, out, x: gated(per_matrix(g), _inverse_transposed(x)),),
    jvps=(lambda t, out, x: sum_(_inverse_transposed(x) * t, (-2, -1), False),),
    domain="det x > 0; at 0 it is -inf, below nan",
    doc="log(det x) without overflow",
    example="logdet([[2, 1], [1, 3]])",
)
