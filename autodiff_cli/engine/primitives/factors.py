"""Factors of matrices, of stacks of them too: triangular, eigenvalues, singular values."""

from __future__ import annotations

import math
from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, shape_of
from autodiff_cli.engine.primitives.indexing import index
from autodiff_cli.engine.primitives.joining import concat
from autodiff_cli.engine.primitives.linalg import solve
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.matrices import diagonal, floating, square, where_finite
from autodiff_cli.engine.primitives.products import swap
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.engine.primitives.shapes import reshape
from autodiff_cli.errors import DomainError

ROUNDING = 8
"""Units in the last place by which cotangents of equal values may differ and be called equal."""


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _half_sum(x: Any) -> Any:
    """The symmetric part."""
    return 0.5 * (x + swap(x))


def _cholesky(x: Any) -> Any:
    x = square("cholesky", x)
    try:
        return where_finite(lambda m: np.linalg.cholesky(_half_sum(m)), x)
    except np.linalg.LinAlgError:
        raise DomainError(
            f"`cholesky` got a matrix that is not positive definite, of shape {x.shape}",
            help="its eigenvalues must all be greater than 0",
        ) from None


def _lower_half(x: Any) -> Any:
    """What is below the diagonal, and half of what is on it."""
    n = _shape(x)[-1]
    return x * (np.tri(n) - 0.5 * np.eye(n))


def _between_inverses(left: Any, middle: Any) -> Any:
    """left⁻¹ middle left⁻ᵀ."""
    return swap(solve(left, swap(solve(left, middle))))


cholesky = Primitive(
    name="cholesky",
    kind="structural",
    derivative="x̄ = L⁻ᵀ P L⁻¹, symmetrised, for P = tril(Lᵀ L̄) with its diagonal halved",
    operands=("x",),
    array=_cholesky,
    vjps=(
        lambda g, out, x: _half_sum(
            _between_inverses(swap(out), _lower_half(swap(out) @ (g * np.tri(_shape(x)[-1]))))
        ),
    ),
    jvps=(lambda t, out, x: out @ _lower_half(_between_inverses(out, _half_sum(t))),),
    domain="positive definite matrices; of one that is not symmetric, the symmetric part is taken",
    doc="the lower triangular L of x = L @ L.T",
    example="cholesky([[4, 2], [2, 3]])",
)


def _rows(x: Any, start: int, stop: int | None) -> Any:
    """Some rows of every matrix of a stack."""
    return index(x, (*(slice(None),) * (len(_shape(x)) - 2), slice(start, stop)))


def _as_row(x: Any) -> Any:
    """A vector for every matrix of a stack, as a row."""
    return reshape(x, (*_shape(x)[:-1], 1, _shape(x)[-1]))


def _first_row(x: Any) -> Any:
    """The first row of every matrix of a stack, as a vector."""
    row = _rows(x, 0, 1)
    return reshape(row, (*_shape(row)[:-2], _shape(row)[-1]))


def _on_diagonal(row: Any) -> Any:
    return row * np.eye(_shape(row)[-1])


def _tied(values: Any) -> Any:
    """Which of a row of values are equal to working precision, pair by pair."""
    gaps = np.abs(np.swapaxes(values, -1, -2) - values)
    size = np.abs(values).max(axis=-1, keepdims=True, initial=0)
    return gaps <= values.shape[-1] * np.finfo(values.dtype).eps * size


def _has_ties(values: Any) -> bool:
    pairs = _tied(_as_row(values))
    return bool((pairs & ~np.eye(values.shape[-1], dtype=bool)).any())


def _over_gaps(numerator: Any, gaps: Any, tied: Any, wanted: Any, within: float) -> Any:
    """numerator/gaps off the diagonal, where it is `wanted`; `within` where the pair is tied.

    Vectors of tied values are not determined, and neither is how they turn, which is nan.
    Where nobody asks, that harms nobody. What depends only on the space that they span does
    not depend on how they turn in it, which is then 0.
    """
    wanted = wanted & ~np.eye(tied.shape[-1], dtype=bool)
    quotient = numerator / where(tied, 1.0, gaps)
    return where(wanted, where(tied, within, quotient), 0.0)


def _is_of_spaces(g: Any, values: Any) -> bool:
    """Whether a cotangent of values is one constant for all that tie: then only spaces count."""
    if isinstance(g, Operand):
        return False
    pairs = _tied(_as_row(value_of(values)))
    return bool((~pairs | (_as_row(g) == swap(_as_row(g)))).all())


def _rests_on_ties(g: Any, values: Any) -> Any:
    """Whether tied values have cotangents that are not equal, pair by pair."""
    row = _as_row(g)
    size = np.abs(row).max(axis=-1, keepdims=True, initial=0)
    differ = np.abs(row - swap(row)) > ROUNDING * np.finfo(row.dtype).eps * size
    return _tied(_as_row(values)) & differ


def _nonzero_pairs(x: Any) -> Any:
    x = value_of(x)
    return (x != 0) | (np.swapaxes(x, -1, -2) != 0)


def _eigh(x: Any) -> Any:
    def compute(x: Any) -> Any:
        values, vectors = np.linalg.eigh(_half_sum(x))
        return np.concatenate([values[..., None, :], vectors], axis=-2)

    return where_finite(compute, square("eigh", x))


def _eigh_vjp(g: Any, out: Any, x: Any, within: float) -> Any:
    of_values = isinstance(x, Operand) and not np.any(value_of(_rows(g, 1, None)))
    if of_values and _is_of_spaces(_first_row(g), _first_row(out)):
        out = eigh_of_spaces(x)
    values, vectors = _rows(out, 0, 1), _rows(out, 1, None)
    turned = swap(vectors) @ _rows(g, 1, None)
    turn = _over_gaps(
        0.5 * (turned - swap(turned)),
        values - swap(values),
        _tied(value_of(values)),
        _nonzero_pairs(turned),
        within,
    )
    return vectors @ (_on_diagonal(_rows(g, 0, 1)) + turn) @ swap(vectors)


def _eigh_jvp(t: Any, out: Any, x: Any, within: float) -> Any:
    values, vectors = _rows(out, 0, 1), _rows(out, 1, None)
    moved = swap(vectors) @ _half_sum(t) @ vectors
    tied = _tied(value_of(values))
    turn = _over_gaps(moved, values - swap(values), tied, _nonzero_pairs(moved), within)
    return concat(_as_row(diagonal(moved)), vectors @ turn, -2)


def _values_and_vectors(shape: tuple[int, ...]) -> tuple[tuple[Any, ...], ...]:
    batch = (slice(None),) * (len(shape) - 2)
    return (*batch, 0), (*batch, slice(1, None))


def _eigh_rests(g: Any, x: Any) -> bool:
    out = _eigh(x)
    values = _first_row(out)
    turned = swap(_rows(out, 1, None)) @ _rows(g, 1, None)
    among = _tied(_as_row(values)) & ~np.eye(values.shape[-1], dtype=bool)
    asked = _rests_on_ties(_first_row(g), values) | (among & _nonzero_pairs(turned))
    return bool(asked.any())


eigh = Primitive(
    name="eigh",
    kind="structural",
    derivative="x̄ = V (w̄ on the diagonal + VᵀV̄ / (wⱼ - wᵢ) beside it) Vᵀ, symmetrised",
    operands=("x",),
    array=_eigh,
    parts=_values_and_vectors,
    vjps=(lambda g, out, x: _eigh_vjp(g, out, x, np.nan),),
    jvps=(lambda t, out, x: _eigh_jvp(t, out, x, np.nan),),
    kink=lambda x: _has_ties(where_finite(lambda m: np.linalg.eigvalsh(_half_sum(m)), x)),
    rests=_eigh_rests,
    convention="values that are equal have each the derivative along its own vector, as LAPACK "
    "chose it; the vectors have none among themselves: nan where it is asked for, as by a second "
    "derivative of what is not linear in values that are equal",
    domain="symmetric matrices; of one that is not, the symmetric part is taken",
    doc="the eigenvalues of a symmetric matrix in ascending order, and its eigenvectors, "
    "column by column",
    example="w, V = eigh([[2, 1], [1, 3]]); w",
)
eigh_of_spaces = Primitive(
    name="eigh_of_spaces",
    kind="structural",
    derivative="that of `eigh`, but that vectors of equal values do not turn among themselves",
    operands=("x",),
    array=_eigh,
    vjps=(lambda g, out, x: _eigh_vjp(g, out, x, 0.0),),
    jvps=(lambda t, out, x: _eigh_jvp(t, out, x, 0.0),),
    doc="as `eigh`, for what depends on the space of equal eigenvalues only, as their sum does",
    example="",
)


def _svd(x: Any) -> Any:
    def compute(x: Any) -> Any:
        u, s, vt = np.linalg.svd(x, full_matrices=False)
        return np.concatenate([s[..., None, :], u, np.swapaxes(vt, -1, -2)], axis=-2)

    return where_finite(compute, floating("svd", x))


def _three(x: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """What `svd` has joined, apart."""
    return _rows(x, 0, 1), _rows(x, 1, 1 + shape[-2]), _rows(x, 1 + shape[-2], None)


def _beside(vectors: Any, x: Any) -> Any:
    """The part of x that is orthogonal to all vectors; none is where they span the space."""
    rows, columns = _shape(vectors)[-2:]
    return 0.0 * x if rows == columns else x - vectors @ (swap(vectors) @ x)


def _by_both(even: Any, odd: Any, s: Any, wanted: Any, within: float) -> tuple[Any, Any]:
    """even/(sⱼ - sᵢ) and odd/(sⱼ + sᵢ), by which singular vectors turn among themselves."""
    sums = s + swap(s)
    none = value_of(sums) == 0
    return (
        _over_gaps(even, s - swap(s), _tied(value_of(s)), wanted, within),
        _over_gaps(odd, sums, none, wanted, np.nan),
    )


def _svd_vjp(g: Any, out: Any, x: Any, within: float) -> Any:
    shape = _shape(x)
    (s, u, v), (gs, gu, gv) = _three(out, shape), _three(g, shape)
    in_u, in_v = swap(u) @ gu, swap(v) @ gv
    by_u, by_v = in_u - swap(in_u), in_v - swap(in_v)
    wanted = _nonzero_pairs(in_u) | _nonzero_pairs(in_v)
    even, odd = _by_both(by_u + by_v, by_u - by_v, s, wanted, within)
    inner = _on_diagonal(gs) + 0.5 * (even + odd)
    beside_u, beside_v = _over_values(_beside(u, gu), s), _over_values(_beside(v, gv), s)
    return u @ inner @ swap(v) + beside_u @ swap(v) + u @ swap(beside_v)


def _svd_jvp(t: Any, out: Any, x: Any, within: float) -> Any:
    s, u, v = _three(out, _shape(x))
    moved = swap(u) @ t @ v
    both = moved + swap(moved), moved - swap(moved)
    even, odd = _by_both(*both, s, _nonzero_pairs(moved), within)
    turn_u, turn_v = 0.5 * (even + odd), 0.5 * (even - odd)
    beside_u = _over_values(_beside(u, t @ v), s)
    beside_v = _over_values(_beside(v, swap(t) @ u), s)
    return concat(_as_row(diagonal(moved)), u @ turn_u + beside_u, v @ turn_v + beside_v, -2)


def _over_values(x: Any, s: Any) -> Any:
    """x/s, column by column; 0 where x is."""
    return where(value_of(x) == 0, 0.0, x / s)


def _svd_entry(name: str, within: float, doc: str) -> Primitive:
    return Primitive(
        name=name,
        kind="structural",
        derivative="by the differential of x = U diag(s) Vᵀ",
        operands=("x",),
        array=_svd,
        vjps=(lambda g, out, x: _svd_vjp(g, out, x, within),),
        jvps=(lambda t, out, x: _svd_jvp(t, out, x, within),),
        doc=doc,
        example="",
    )


svd = _svd_entry(
    "svd",
    math.nan,
    "the singular values as a row, above the left and the right singular vectors",
)
svd_of_spaces = _svd_entry(
    "svd_of_spaces",
    0.0,
    "as `svd`, for what depends on the spaces of equal singular values only, as their sum does",
)


def _full_rank(s: Any) -> Any:
    """Which singular values are not zero to working precision."""
    s = value_of(s)
    return s > s.shape[-1] * np.finfo(s.dtype).eps * s.max(axis=-1, keepdims=True, initial=0)


def _svdvals_vjp(g: Any, out: Any, x: Any) -> Any:
    decomposed = svd_of_spaces(x) if _is_of_spaces(g, out) else svd(x)
    _, u, v = _three(decomposed, _shape(x))
    return (u * _as_row(where(_full_rank(out), g, 0.0))) @ swap(v)


def _svdvals_jvp(t: Any, out: Any, x: Any) -> Any:
    _, u, v = _three(svd(x), _shape(x))
    return where(_full_rank(out), sum_(u * (t @ v), -2, False), 0.0)


def _svdvals(x: Any) -> Any:
    return where_finite(lambda m: np.linalg.svd(m, compute_uv=False), floating("svdvals", x))


def _at_a_tie(x: Any) -> bool:
    s = _svdvals(x)
    return not _full_rank(s).all() or _has_ties(s)


def _svdvals_rests(g: Any, x: Any) -> bool:
    s = _svdvals(x)
    return bool((~_full_rank(s) & (g != 0)).any() or _rests_on_ties(g, s).any())


svdvals = Primitive(
    name="svdvals",
    kind="structural",
    derivative="x̄ = U diag(ȳ) Vᵀ",
    operands=("x",),
    array=_svdvals,
    vjps=(_svdvals_vjp,),
    jvps=(_svdvals_jvp,),
    kink=_at_a_tie,
    rests=_svdvals_rests,
    convention="0 for a value of 0, the least of its subgradients; values that are equal have "
    "each the derivative along its own vectors, as LAPACK chose them",
    doc="the singular values of a matrix in descending order",
    example="svdvals([[2, 1], [1, 3], [0, 1]])",
)
