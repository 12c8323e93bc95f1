"""How entries are computed with many digits, where that takes more than a line.

`mp` is a context of mpmath. Elementwise functions take its numbers; the others take NumPy's
arrays of them. Nothing here is used by the rules, nor the rules here: it is their referee.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitives.arguments import axes_of

if TYPE_CHECKING:
    from collections.abc import Callable

OUTSIDE = "outside of the domain"
HIGHEST_ORDER = 100
"""Of a derivative: what mpmath takes for one grows with it."""
MOST_TERMS = 1_000_000
"""Of a series: a second or two."""

# ── numbers ───────────────────────────────────────────────────────────────────────────


def power(mp: Any, a: Any, b: Any) -> Any:
    return a ** int(b) if mp.isint(b) and abs(b) < 2**53 else mp.power(a, b)


def sigmoid(mp: Any, x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(mp: Any, x: Any) -> Any:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def erfc(mp: Any, x: Any) -> Any:
    # mpmath fails to see at once that the tails are flat.
    return mp.erfc(x) if abs(x) < 1000 else 1 - mp.sign(x)


def lgamma(mp: Any, x: Any) -> Any:
    # Beside the pole at 0 mpmath takes its time.
    return mp.re(mp.loggamma(x)) if abs(x) > 1e-3 else mp.loggamma(x + 1) - mp.log(abs(x))


def polygamma(mp: Any, n: Any, x: Any) -> Any:  # recurses: once, for the reflection
    """ψₙ, whose reflection has the period 1: below 0, far from it, mpmath adds up term by term."""
    n = int(n)
    if n > HIGHEST_ORDER:
        raise ValueError("too high an order")
    if abs(x) <= 1e-3:
        return mp.psi(n, x + 1) - (-1) ** n * mp.factorial(n) / x ** (n + 1)
    if x > -1000:
        return mp.psi(n, x)
    rest = x - mp.floor(x)
    at_rest, opposite = polygamma(mp, n, rest), polygamma(mp, n, 1 - rest)
    return at_rest - (-1) ** n * (opposite - mp.psi(n, 1 - x))


def beta(mp: Any, a: Any, b: Any) -> Any:
    if min(a, b) <= 0:
        raise ValueError(OUTSIDE)
    return mp.exp(lgamma(mp, a) + lgamma(mp, b) - lgamma(mp, a + b))


def lbeta(mp: Any, a: Any, b: Any) -> Any:
    if min(a, b) <= 0:
        raise ValueError(OUTSIDE)
    with mp.workdps(mp.dps + _decades(mp, max(a, b)) + _decades(mp, min(a, b))):
        return lgamma(mp, a) + lgamma(mp, b) - lgamma(mp, a + b)


def beta_derivative(  # recurses: the order of the derivative
    mp: Any, n: Any, m: Any, a: Any, b: Any
) -> Any:
    """By the product rule from ∂B/∂a = B·(ψ(a) - ψ(a + b)), with more digits for what cancels."""
    n, m = int(n), int(m)
    if not n:
        return beta_derivative(mp, m, n, b, a) if m else beta(mp, a, b)
    with mp.workdps(mp.dps + (n + m + 1) * _decades(mp, min(a, b))):
        return sum(
            mp.binomial(n - 1, i)
            * mp.binomial(m, j)
            * ((0 if j else polygamma(mp, i, a)) - polygamma(mp, i + j, a + b))
            * beta_derivative(mp, n - 1 - i, m - j, a, b)
            for i, j in itertools.product(range(n), range(m + 1))
        )


def polygamma_step(mp: Any, n: Any, a: Any, b: Any) -> Any:
    with mp.workdps(mp.dps + _decades(mp, b / a)):
        return polygamma(mp, n, a + b) - polygamma(mp, n, a)


def gammainc(mp: Any, a: Any, x: Any) -> Any:
    """By Σ x^(a+k)·e^-x / Γ(a+k+1), or far out by the asymptotic series of the rest."""
    if a <= 0 or x < 0:
        raise ValueError(OUTSIDE)
    if not x:
        return mp.mpf(0)
    far = x > max(10_000, 2 * a)
    if not far and max(x - a, 0) + mp.sqrt(mp.prec * x) > MOST_TERMS:
        raise ValueError("too many terms")
    first = mp.exp((a - far) * mp.log(x) - x - lgamma(mp, a + 1 - far))
    # In whole numbers, which are quicker.
    bits = mp.prec + 30
    one, a, x = 1 << bits, a.to_fixed(bits), x.to_fixed(bits)
    term, total = one, one
    while abs(term) > 1:
        a += -one if far else one
        term = term * a // x if far else term * x // a
        total += term
    total = first * mp.ldexp(total, -bits)
    return 1 - total if far else total


def gammainc_by_a(mp: Any, n: Any, a: Any, x: Any) -> Any:
    return mp.diff(lambda s: gammainc(mp, a * (1 + s), x), 0, int(n)) / a ** int(n)


def gamma_pdf_derivative(mp: Any, n: Any, m: Any, a: Any, x: Any) -> Any:
    """By differences of Leibniz' sum for m derivatives of x^(a-1)·e^-x."""

    def by_x(a: Any) -> Any:
        terms = ((-1) ** k * mp.binomial(m, k) * mp.rgamma(a - m + k) * x**k for k in range(m + 1))
        return mp.fsum(terms) * mp.exp((a - 1 - m) * mp.log(x) - x)

    if a <= 0 or x <= 0:
        raise ValueError(OUTSIDE)
    n, m = int(n), int(m)
    return mp.diff(lambda s: by_x(a * (1 + s)), 0, n) / a**n


def _decades(mp: Any, x: Any) -> int:
    """How far below 1 it is."""
    return max(0, -int(mp.log10(abs(x)))) if x else 0


def sinc_derivative(mp: Any, n: Any, x: Any) -> Any:
    """By parts, of ∫₀¹ sⁿ cos(πxs + nπ/2) ds, with more digits for what cancels."""
    n, z = int(n), mp.pi * x
    if not x:
        return mp.cospi(mp.mpf(n) / 2) * mp.pi**n / (n + 1)
    with mp.workdps(mp.dps + (n + 1) * _decades(mp, z) + 10):
        z = mp.pi * x
        value = mp.sin(z) / z
        for k in range(1, n + 1):
            value = (mp.sin(z + k * mp.pi / 2) - k * value) / z
        return mp.pi**n * value


# ── arrays ────────────────────────────────────────────────────────────────────────────


def on_elements(function: Callable[..., Any], operands: int = 1) -> Callable[..., Any]:
    """A function of numbers as one of arrays of them."""
    universal = np.frompyfunc(function, operands, 1)
    return lambda *args: universal(*args)


def of_numbers_too(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that takes a number for an array of one element, and gives one."""

    def compute(mp: Any, x: Any, *rest: Any) -> Any:
        if np.ndim(x):
            return function(mp, x, *rest)
        rest = tuple(np.full(1, one) if isinstance(one, mp.mpf) else one for one in rest)
        return np.asarray(function(mp, np.full(1, x), *rest)).item()

    return compute


def axes(x: Any, axis: Any, keepdims: Any) -> dict[str, Any]:
    return {"axis": axes_of(axis, x.shape), "keepdims": bool(keepdims)}


def whole_axis(axis: Any) -> Any:
    return None if axis is None else int(axis)


def sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(shape))


def norm(mp: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    return on_elements(mp.sqrt)((x * x).sum(**axes(x, axis, keepdims)))


def centred(mp: Any, x: Any, axis: Any) -> Any:
    return x - x.mean(axis=axes_of(axis, x.shape), keepdims=True) if x.size else x


def var(mp: Any, x: Any, ddof: Any, axis: Any, keepdims: Any) -> Any:
    reduced = axes_of(axis, x.shape)
    count = int(np.prod([x.shape[i] for i in reduced]))
    deviation = centred(mp, x, axis)
    return (deviation * deviation).sum(**axes(x, axis, keepdims)) / (count - ddof)


def direction(mp: Any, x: Any, over: Any, axis: Any) -> Any:
    return x / norm(mp, x, axis, True) * mp.sqrt(over)


def softmax(mp: Any, x: Any, axis: Any) -> Any:
    exps = on_elements(mp.exp)(x)
    return exps / exps.sum(axis=axes_of(axis, x.shape), keepdims=True)


def _on_slices(function: Callable[..., Any], axes: Any, *arrays: Any) -> Any:
    """A function of lists of numbers that gives one, as one of arrays along axes."""
    shape = np.shape(arrays[0])
    reduced = axes_of(axes, shape)
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(*(1 if i in reduced else size for i, size in enumerate(shape))):
        key = tuple(slice(None) if i in reduced else one for i, one in enumerate(place))
        part = out[key]
        part[...] = np.reshape(
            np.array(function(*(np.asarray(x, object)[key].ravel() for x in arrays)), object),
            np.shape(part),
        )
    return out


def _truncated(a: Any, b: Any) -> Any:
    """The product of polynomials in εₛ with εₛ² = 0, by their coefficients at sets in bits."""
    out = [a[0] * 0] * len(a)
    for s, t in np.ndindex(len(a), len(b)):
        if not s & t:
            out[s | t] = out[s | t] + a[s] * b[t]
    return out


def _elements(x: Any, tangents: Any) -> Any:
    """Every x with its tangents as a polynomial, and the polynomial 1."""
    size = 2 ** len(tangents)
    rows = [[0 * one] * size for one in x]
    for i, row in enumerate(rows):
        row[0] = x[i]
        for s, tangent in enumerate(tangents):
            row[2**s] = tangent[i]
    return rows, [1, *[0] * (size - 1)]


def others(mp: Any, x: Any, *rest: Any) -> Any:
    def compute(x: Any, *tangents: Any) -> Any:
        rows, one = _elements(x, tangents)
        out = []
        for i in range(len(rows)):
            product = one
            for row in rows[:i] + rows[i + 1 :]:
                product = _truncated(product, row)
            out.append(product[-1])
        return out

    return _on_slices(compute, rest[-1], x, *rest[:-1])


def cumprod_tangent(mp: Any, x: Any, *rest: Any) -> Any:
    def compute(x: Any, *tangents: Any) -> Any:
        rows, product = _elements(x, tangents)
        out = []
        for row in rows:
            product = _truncated(product, row)
            out.append(product[-1])
        return out

    return _on_slices(compute, rest[-1], x, *rest[:-1])


def cumprod_adjoint(mp: Any, x: Any, g: Any, *rest: Any) -> Any:
    def compute(x: Any, g: Any, *tangents: Any) -> Any:
        rows, one = _elements(x, tangents)
        out = []
        for i in range(len(rows)):
            product, total = one, 0
            for k, row in enumerate(rows):
                product = product if k == i else _truncated(product, row)
                total = total + (g[k] * product[-1] if k >= i else 0)
            out.append(total)
        return out

    return _on_slices(compute, rest[-1], x, g, *rest[:-1])


def quantile(mp: Any, x: Any, q: Any, axis: Any, keepdims: Any) -> Any:
    reduced = axes_of(axis, np.shape(x))
    kept = [i for i in range(np.ndim(x)) if i not in reduced]
    moved = np.transpose(x, [*kept, *reduced])
    rows = np.sort(moved.reshape(*moved.shape[: len(kept)], -1), axis=-1)
    out = []
    for level in np.ravel(np.asarray(q, object)):
        position = level * (rows.shape[-1] - 1)
        low = min(int(mp.floor(position)), max(rows.shape[-1] - 2, 0))
        high = min(low + 1, rows.shape[-1] - 1)
        out.append(rows[..., low] + (rows[..., high] - rows[..., low]) * (position - low))
    shape = [1 if i in reduced else n for i, n in enumerate(np.shape(x)) if keepdims or i in kept]
    return np.reshape(np.array(out, object), (*np.shape(q), *shape))


def with_element(mp: Any, x: Any, value: Any, key: Any) -> Any:
    out = np.array(x, dtype=object)
    out[key] = value
    return out


def scatter(mp: Any, x: Any, key: Any, shape: Any) -> Any:
    out = np.full(shape, mp.mpf(0), dtype=object)
    np.add.at(out, key, x)
    return out
