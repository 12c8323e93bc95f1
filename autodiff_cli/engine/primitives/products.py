"""Products of vectors, matrices and arrays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import all_finite, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import (
    REQUIRED,
    Primitive,
    as_array,
    broadcast_error,
    describe,
    shape_of,
)
from autodiff_cli.engine.primitives.arguments import axis_of, on_integers_too, reserve_shape
from autodiff_cli.engine.primitives.arithmetic import gated
from autodiff_cli.engine.primitives.indexing import scatter
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.engine.primitives.shapes import broadcast_to, flatten, reshape, transpose
from autodiff_cli.errors import DomainError, ShapeError, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _ndim(x: Any) -> int:
    return len(_shape(x))


def swap(x: Any) -> Any:
    """The last two axes exchanged: every matrix of a stack transposed."""
    order = list(range(_ndim(x)))
    order[-2:] = order[-1], order[-2]
    return transpose(x, tuple(order))


def unpoisoned(contract: Callable[..., Any], g: Any, *factors: Any) -> Any:
    """`contract(g, *factors)`, a sum of products, where a g of zero adds zero.

    That matters beside a factor that is not finite only: elsewhere zero times it is zero.
    """
    out = contract(g, *factors)
    # Zero times inf is nan, which shows in the product: it is the smaller thing to look at.
    if all_finite(out):
        return out
    finite = [np.isfinite(value_of(factor)) for factor in factors]
    if all(each.all() for each in finite):
        return out
    clean = contract(
        g, *(where(each, factor, 0.0) for each, factor in zip(finite, factors, strict=True))
    )
    nonzero = np.not_equal(value_of(g), 0) * 1.0
    reached = sum(
        contract(
            nonzero,
            *(~each * 1.0 if i == j else np.ones(each.shape) for j, each in enumerate(finite)),
        )
        for i in range(len(finite))
    )
    return where(np.greater(reached, 0.5), out, clean)


# ── vectors and matrices ──────────────────────────────────────────────────────────────


def _as_row(a: Any) -> Any:
    return reshape(a, (1, *_shape(a))) if _ndim(a) == 1 else a


def _as_column(b: Any) -> Any:
    return reshape(b, (*_shape(b), 1)) if _ndim(b) == 1 else b


def _full_rank(g: Any, a: Any, b: Any) -> Any:
    """The cotangent of a product with the axes that vectors lack put in."""
    shape = _shape(g)
    if _ndim(b) == 1:
        shape = (*shape, 1)
    if _ndim(a) == 1:
        shape = (*shape[:-1], 1, shape[-1])
    return reshape(g, shape)


def _for_left(g: Any, out: Any, a: Any, b: Any) -> Any:
    product = unpoisoned(matmul, _full_rank(g, a, b), swap(_as_column(b)))
    if _ndim(a) > 1:
        return product
    shape = _shape(product)
    return reshape(product, (*shape[:-2], shape[-1]))


def _for_right(g: Any, out: Any, a: Any, b: Any) -> Any:
    product = unpoisoned(
        lambda full, left: matmul(left, full), _full_rank(g, a, b), swap(_as_row(a))
    )
    return product if _ndim(b) > 1 else reshape(product, _shape(product)[:-1])


def _vectors(name: str, *values: Any) -> list[Any]:
    for value in values:
        if not shape_of(value):
            raise TypeMismatch(
                f"`{name}` got {describe(value)}, want vectors or matrices",
                help="`*` multiplies by a single number",
            )
    return [as_array(value) for value in values]


def _matmul(a: Any, b: Any) -> Any:
    a, b = _vectors("@", a, b)
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ShapeError(
            f"`@` got shapes {a.shape} and {b.shape}, which do not go together",
            help=f"the last axis of the left ({a.shape[-1]}) must be the "
            f"{'last but one' if b.ndim > 1 else 'only'} axis of the right ({inner})",
        )
    try:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise broadcast_error("@", (a, b)) from None
    reserve_shape("@", (*batch, *a.shape[-2:-1], *(b.shape[-1:] if b.ndim > 1 else ())))
    return on_integers_too(np.matmul, a, b)


matmul = Primitive(
    name="matmul",
    sign="@",
    kind="structural",
    derivative="ā = ȳ @ b.T, b̄ = a.T @ ȳ",
    operands=("a", "b"),
    array=_matmul,
    vjps=(_for_left, _for_right),
    doc="the matrix product a @ b, of vectors too, and of stacks of matrices",
    example="[[1, 2], [3, 4]] @ [5, 6]",
    precise=lambda mp, a, b: np.matmul(a, b),
    sums=True,
    multiplies=True,
    vanishes="with an operand",
)


def _dot(a: Any, b: Any) -> Any:
    a, b = _vectors("dot", a, b)
    if a.ndim != 1 or a.shape != b.shape:
        raise ShapeError(
            f"`dot` got shapes {a.shape} and {b.shape}, want two vectors of one length",
            help="the product of matrices is `a @ b`" if a.ndim > 1 or b.ndim > 1 else "",
        )
    return on_integers_too(np.dot, a, b)


dot = Primitive(
    name="dot",
    kind="structural",
    derivative="ā = ȳ * b, b̄ = ȳ * a",
    operands=("a", "b"),
    array=_dot,
    vjps=(lambda g, out, a, b: g * b, lambda g, out, a, b: g * a),
    doc="the inner product Σ aᵢ bᵢ of two vectors",
    example="dot([1, 2], [3, 4])",
    precise=lambda mp, a, b: np.dot(a, b),
    sums=True,
    multiplies=True,
    vanishes="with an operand",
)


def _outer(a: Any, b: Any) -> Any:
    reserve_shape("outer", (np.size(a), np.size(b)))
    return on_integers_too(np.outer, a, b)


outer = Primitive(
    name="outer",
    kind="structural",
    derivative="ā = ȳ @ b, b̄ = a @ ȳ",
    operands=("a", "b"),
    array=_outer,
    vjps=(
        lambda g, out, a, b: reshape(unpoisoned(matmul, g, flatten(b)), _shape(a)),
        lambda g, out, a, b: reshape(unpoisoned(matmul, swap(g), flatten(a)), _shape(b)),
    ),
    doc="the matrix aᵢ bⱼ of all products; what is no vector is flattened",
    example="outer([1, 2], [3, 4, 5])",
    precise=lambda mp, a, b: np.outer(a, b),
    multiplies=True,
    vanishes="with an operand",
)


def _cross(a: Any, b: Any, axis: Any) -> Any:
    a, b = as_array(a), as_array(b)
    first, second = axis_of(axis, a.shape), axis_of(axis, b.shape)
    if a.shape[first] != 3 or b.shape[second] != 3:
        raise ShapeError(
            f"`cross` got shapes {a.shape} and {b.shape}, want 3 elements along axis {int(axis)}"
        )
    try:
        reserve_shape("cross", np.broadcast_shapes(a.shape, b.shape))
    except ValueError:
        raise broadcast_error("cross", (a, b)) from None
    if first - a.ndim != second - b.ndim:
        raise ShapeError(
            f"`cross` got shapes {a.shape} and {b.shape}, where axis {int(axis)} is not the same",
            help="count it from the last: a negative axis",
        )
    return on_integers_too(lambda left, right: np.cross(left, right, axis=first - a.ndim), a, b)


def _from_last(axis: Any, x: Any) -> int:
    return axis_of(axis, _shape(x)) - _ndim(x)


cross: Primitive = Primitive(
    name="cross",
    kind="structural",
    derivative="ā = cross(b, ȳ), b̄ = cross(ȳ, a)",
    operands=("a", "b"),
    options={"axis": -1},
    array=_cross,
    vjps=(
        lambda g, out, a, b, axis: cross(b, g, _from_last(axis, a)),
        lambda g, out, a, b, axis: cross(g, a, _from_last(axis, a)),
    ),
    doc="the vector product of vectors of 3 elements along an axis",
    example="cross([1, 0, 0], [0, 1, 0])",
)

# ── arrays ────────────────────────────────────────────────────────────────────────────


def _interleaved(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The sizes of the axes of both factors of `kron`, equally many of both."""
    rank = max(len(shape), len(other))
    return [1] * (rank - len(shape)) + [*shape], [1] * (rank - len(other)) + [*other]


def _kron(a: Any, b: Any) -> Any:
    sizes = _interleaved(shape_of(a), shape_of(b))
    reserve_shape("kron", [m * n for m, n in zip(*sizes, strict=True)])
    return on_integers_too(np.kron, a, b)


def _kron_vjp(position: int, g: Any, a: Any, b: Any) -> Any:
    """Every axis of g split in two: that of a, and within it that of b."""
    sizes = _interleaved(_shape(a), _shape(b))
    rank = len(sizes[0])
    apart = reshape(g, tuple(size for pair in zip(*sizes, strict=True) for size in pair))
    other, mine = (a, b) if position else (b, a)
    spread = [1] * (2 * rank)
    spread[1 - position :: 2] = sizes[1 - position]
    summed = tuple(range(1 - position, 2 * rank, 2))
    product = gated(apart, reshape(other, tuple(spread)))
    return reshape(sum_(product, summed, False), _shape(mine))


kron = Primitive(
    name="kron",
    kind="structural",
    derivative="ā and b̄ are the sums of ȳ over the blocks, weighed by the other matrix",
    operands=("a", "b"),
    array=_kron,
    vjps=(
        lambda g, out, a, b: _kron_vjp(0, g, a, b),
        lambda g, out, a, b: _kron_vjp(1, g, a, b),
    ),
    doc="the Kronecker product: b in the place of every element of a, times that",
    example="kron([[1, 2], [3, 4]], [[1, 1]])",
    multiplies=True,
    vanishes="with an operand",
)


def _labels(subscripts: Any, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """The letters of every operand's axes and of the result's, `...` spelt out.

    Raises:
        TypeMismatch: the subscripts are no string.
        DomainError: they are no subscripts.
        ShapeError: they do not fit the operands.
    """
    if not isinstance(subscripts, str):
        raise TypeMismatch(
            f"`einsum` got {describe(subscripts)} for its subscripts, want a string",
            help='as in einsum("ij,jk->ik", A, B)',
        )
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    for term in [*terms, right]:
        letters = term.replace("...", "", 1)
        if not (letters.isascii() and (letters.isalpha() or not letters)):
            raise DomainError(
                f'`einsum` got the subscripts "{subscripts}", want letters, `,`, `->` and `...`',
                help='as in einsum("ij,jk->ik", A, B)',
            )
    if len(terms) != len(shapes):
        raise ShapeError(
            f'`einsum` got {len(shapes)} arrays for the subscripts "{subscripts}" of {len(terms)}'
        )
    ranks = [len(s) - len(t.replace("...", "")) for s, t in zip(shapes, terms, strict=True)]
    for term, rank, shape in zip(terms, ranks, shapes, strict=True):
        if rank < 0 or (rank and "..." not in term):
            raise ShapeError(f'`einsum` got an array of shape {shape} for the subscripts "{term}"')
    unused = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in text]
    rest = max((rank for rank, t in zip(ranks, terms, strict=True) if "..." in t), default=0)
    if rest > len(unused):
        raise ShapeError(f"`einsum` got {rest} axes for `...`, and has letters for {len(unused)}")
    more = "".join(unused[:rest])
    spelt = [
        term.replace("...", more[rest - rank :] if rank else "")
        for term, rank in zip(terms, ranks, strict=True)
    ]
    if not arrow:
        once = Counter("".join(terms).replace(".", ""))
        return spelt, more + "".join(sorted(c for c, count in once.items() if count == 1))
    result = right.replace("...", more)
    for letter in result:
        if result.count(letter) > 1 or not any(letter in term for term in spelt):
            raise DomainError(
                f'`einsum` got the subscripts "{subscripts}", '
                f"where the result's `{letter}` must be once there and in an operand"
            )
    if more and "..." not in right:
        raise DomainError(
            f'`einsum` got the subscripts "{subscripts}", and arrays with axes for `...`, '
            "which the result lacks"
        )
    return spelt, result


def _sizes(labels: list[str], shapes: list[tuple[int, ...]]) -> dict[str, int]:
    """The size of every letter's axis."""
    sizes: dict[str, int] = {}
    for term, shape in zip(labels, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            if sizes.get(letter, 1) not in (1, size) and size != 1:
                raise ShapeError(
                    f"`einsum` got sizes {sizes[letter]} and {size} for one letter, "
                    f"of shapes {' and '.join(map(str, shapes))}"
                )
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
    return sizes


def _einsum(*args: Any) -> Any:
    *items, subscripts = args
    shapes = [shape_of(item) for item in items]
    labels, result = _labels(subscripts, shapes)
    sizes = _sizes(labels, shapes)
    for term, shape in zip(labels, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            if term.count(letter) > 1 and size != sizes[letter]:
                raise ShapeError(f"`einsum` got the shape {shape} for the diagonal of `{letter}`")
    reserve_shape("einsum", [sizes[letter] for letter in result])
    return on_integers_too(lambda *arrays: _contract(labels, result, arrays), *items)


def _contract(labels: list[str], result: str, arrays: Any) -> Any:
    # A path through products of pairs costs less than one loop over every letter.
    return np.einsum(f"{','.join(labels)}->{result}", *arrays, optimize=len(arrays) > 2)


def _einsum_vjp(i: int, g: Any, out: Any, *args: Any) -> Any:
    """The result's letters and the other operands', contracted to those of this one."""
    *items, subscripts = args
    shapes = [_shape(item) for item in items]
    labels, result = _labels(subscripts, shapes)
    sizes = _sizes(labels, shapes)
    mine = "".join(dict.fromkeys(labels[i]))
    others = [*items[:i], *items[i + 1 :]]
    terms = [result, *labels[:i], *labels[i + 1 :]]
    reached = "".join(letter for letter in mine if any(letter in term for term in terms))
    subscripts = f"{','.join(terms)}->{reached}"
    cotangent = unpoisoned(lambda *factors: einsum(*factors, subscripts), g, *others)
    # A letter that stands here alone was summed over: all along it the cotangent is the same.
    place = dict(zip(reached, _shape(cotangent), strict=True))
    cotangent = reshape(cotangent, tuple(place.get(letter, 1) for letter in mine))
    full = tuple(sizes[letter] for letter in mine)
    if _shape(cotangent) != full:
        cotangent = broadcast_to(cotangent, full)
    if mine == labels[i]:
        return cotangent
    return scatter(cotangent, _diagonal_key(labels[i], mine, sizes), shapes[i])


def _diagonal_key(term: str, letters: str, sizes: dict[str, int]) -> tuple[Any, ...]:
    """Where the elements of an operand are that a repeated letter reads."""
    grid = np.ogrid[tuple(slice(sizes[letter]) for letter in letters)]
    return tuple(grid[letters.index(letter)] for letter in term)


def _einsum_jvp(i: int, t: Any, out: Any, *args: Any) -> Any:
    return einsum(*args[:i], t, *args[i + 1 :])


einsum = Primitive(
    name="einsum",
    kind="structural",
    derivative="of each operand, einsum of ȳ and the other operands, to its own subscripts",
    operands=("x",),
    options={"subscripts": REQUIRED},
    options_first=True,
    variadic=True,
    array=_einsum,
    vjps=_einsum_vjp,
    jvps=_einsum_jvp,
    doc="the product of arrays, axes named by letters; what the result does not name is summed",
    example='einsum("ij,jk->ik", [[1, 2], [3, 4]], [[5, 6], [7, 8]])',
    sums=True,
    multiplies=True,
    vanishes="with an operand",
)
