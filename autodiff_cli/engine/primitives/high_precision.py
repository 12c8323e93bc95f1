"""How entries are computed with many digits, where that takes more than a line.

`mp` is a context of mpmath. Elementwise functions take its numbers; the others take NumPy's
arrays of them. Nothing here is used by the rules, nor the rules here: it is their referee.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitives.arguments import axes_of

if TYPE_CHECKING:
    from collections.abc import Callable

OUTSIDE = "outside of the domain"

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


def polygamma(mp: Any, n: Any, x: Any) -> Any:
    n = int(n)
    if abs(x) > 1e-3:
        return mp.psi(n, x)
    return mp.psi(n, x + 1) - (-1) ** n * mp.factorial(n) / x ** (n + 1)


def beta(mp: Any, a: Any, b: Any) -> Any:
    if min(a, b) <= 0:
        raise ValueError(OUTSIDE)
    return mp.exp(lgamma(mp, a) + lgamma(mp, b) - lgamma(mp, a + b))


def gammainc(mp: Any, a: Any, x: Any) -> Any:
    if a <= 0 or x < 0:
        raise ValueError(OUTSIDE)
    return mp.gammainc(a, 0, x, regularized=True)


def gamma_pdf(mp: Any, a: Any, x: Any) -> Any:
    if a <= 0 or x <= 0:
        raise ValueError(OUTSIDE)
    return mp.exp((a - 1) * mp.log(x) - x - lgamma(mp, a))


def sinc_derivative(mp: Any, n: Any, x: Any) -> Any:
    """By parts, of ∫₀¹ sⁿ cos(πxs + nπ/2) ds, with more digits for what cancels."""
    n, z = int(n), mp.pi * x
    if not x:
        return mp.cospi(mp.mpf(n) / 2) * mp.pi**n / (n + 1)
    lost = (n + 1) * max(0, -int(mp.log10(abs(z))))
    with mp.workdps(mp.dps + lost + 10):
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


def axes(x: Any, axis: Any, keepdims: Any) -> dict[str, Any]:
    return {"axis": axes_of(axis, x.shape), "keepdims": bool(keepdims)}


def whole_axis(axis: Any) -> Any:
    return None if axis is None else int(axis)


def sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(shape))


def norm(mp: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    return on_elements(mp.sqrt)((x * x).sum(**axes(x, axis, keepdims)))


def var(mp: Any, x: Any, ddof: Any, axis: Any, keepdims: Any) -> Any:
    reduced = axes_of(axis, x.shape)
    count = int(np.prod([x.shape[i] for i in reduced]))
    deviation = x - x.mean(axis=reduced, keepdims=True)
    return (deviation * deviation).sum(**axes(x, axis, keepdims)) / (count - ddof)


def softmax(mp: Any, x: Any, axis: Any) -> Any:
    exps = on_elements(mp.exp)(x)
    return exps / exps.sum(axis=axes_of(axis, x.shape)[0], keepdims=True)


def with_element(mp: Any, x: Any, value: Any, key: Any) -> Any:
    out = np.array(x, dtype=object)
    out[key] = value
    return out


def scatter(mp: Any, x: Any, key: Any, shape: Any) -> Any:
    out = np.full(shape, mp.mpf(0), dtype=object)
    np.add.at(out, key, x)
    return out
