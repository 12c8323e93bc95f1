"""A recorded graph at 80 digits: a derivative by differences that lose none that count.

Numbers are mpmath's, arrays are NumPy's of such objects. `COUNTERPARTS` says how a
primitive is computed on them; one that is not in it has no high precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath  # type: ignore[import-untyped]
import numpy as np

from autodiff_cli.engine.differences import Slope
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.arguments import axes_of
from autodiff_cli.engine.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.engine.primitive import Primitive

DIGITS = 80
mp = mpmath.mp.clone()
mp.dps = DIGITS

STEP = mp.mpf(10) ** -20
FINER = 1024
NOTHING = mp.mpf(10) ** -50
"""Beside the output itself, what rounding at 80 digits leaves of a slope."""
ALIKE = 1e-15
"""Two steps that agree so well have a derivative between them."""

REFUSED = (ArithmeticError, ValueError, TypeError, NotImplementedError)
"""What mpmath raises where a function has no real value, or no value that it can find."""


def can(order: Sequence[Node]) -> bool:
    """Whether every primitive of a graph has a counterpart here."""
    return all(
        node.primitive is None
        or (
            node.primitive.name in COUNTERPARTS and TABLE.get(node.primitive.name) is node.primitive
        )
        for node in order
    )


def derivative(order: Sequence[Node], output: Node, target: Node, direction: Any) -> Slope | None:
    """The derivative of a scalar `output` along `direction`, of the target's shape.

    None where it is not to be had: outside of a domain, or on a scale too fine.
    """
    at, along = _precise(target.value), _precise(direction)
    size = max((abs(float(x)) for x in np.ravel(np.asarray(target.value))), default=0.0)

    def moved(h: Any) -> Any:
        value = replay(order, {target: at + along * h}, compute).get(output)
        return _precise(output.value) if value is None else value

    for scale in (max(size, 1.0), size):
        step = STEP * scale
        if not step:
            break
        try:
            coarse, fine = (
                (_only(moved(h)) - _only(moved(-h))) / (2 * h) for h in (step, step / FINER)
            )
        except REFUSED:
            continue
        rounding = NOTHING * abs(_only(moved(mp.mpf(0)))) / scale
        if abs(coarse - fine) <= max(ALIKE * abs(fine), rounding):
            return Slope(float(fine), float(rounding))
    return None


def compute(primitive: Primitive, args: Sequence[Any]) -> Any:
    """The value of a primitive on numbers of 80 digits.

    Raises:
        ValueError, ArithmeticError, TypeError: it has none there.
    """
    operands = len(args) - len(primitive.options)
    precise = [_precise(arg) for arg in args[:operands]]
    out = COUNTERPARTS[primitive.name](*precise, *args[operands:])
    if isinstance(out, np.ndarray) and not out.shape:
        out = out.item()
    if isinstance(out, mp.mpc):
        raise ValueError(f"{primitive.name} has no real value")
    return out


def _precise(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype == object or value.dtype == bool:
            return value
        return _number(value)
    return value if isinstance(value, (bool, mp.mpf)) else mp.mpf(float(value))


def _only(value: Any) -> Any:
    """The number of a scalar, whose shape may be (1,)."""
    return value.item() if isinstance(value, np.ndarray) else value


def _elementwise(function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
    universal = np.frompyfunc(function, count, 1)
    return lambda *args: universal(*args)


_number = _elementwise(lambda x: mp.mpf(float(x)))
_exp, _log, _sqrt = (_elementwise(f) for f in (mp.exp, mp.log, mp.sqrt))


def _real(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that refuses where its value is complex."""

    def compute(*args: Any) -> Any:
        out = function(*args)
        if isinstance(out, mp.mpc):
            raise ValueError("no real value")
        return out

    return compute


def _power(a: Any, b: Any) -> Any:
    return a ** int(b) if mp.isint(b) and abs(b) < 2**53 else mp.power(a, b)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _erfc(x: Any) -> Any:
    # mpmath fails to see at once that the tails are flat.
    return mp.erfc(x) if abs(x) < 1000 else 1 - mp.sign(x)


def _lgamma(x: Any) -> Any:
    # Beside the pole at 0 mpmath takes its time.
    return mp.re(mp.loggamma(x)) if abs(x) > 1e-3 else mp.loggamma(x + 1) - mp.log(abs(x))


def _polygamma(n: Any, x: Any) -> Any:
    n = int(n)
    if abs(x) > 1e-3:
        return mp.psi(n, x)
    return mp.psi(n, x + 1) - (-1) ** n * mp.factorial(n) / x ** (n + 1)


def _beta(a: Any, b: Any) -> Any:
    if min(a, b) <= 0:
        raise ValueError("outside of the domain")
    return mp.exp(_lgamma(a) + _lgamma(b) - _lgamma(a + b))


def _gammainc(a: Any, x: Any) -> Any:
    if a <= 0 or x < 0:
        raise ValueError("outside of the domain")
    return mp.gammainc(a, 0, x, regularized=True)


def _gamma_pdf(a: Any, x: Any) -> Any:
    if a <= 0 or x <= 0:
        raise ValueError("outside of the domain")
    return mp.exp((a - 1) * mp.log(x) - x - _lgamma(a))


def _sinc_derivative(n: Any, x: Any) -> Any:
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


def _softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "add": (2, lambda a, b: a + b),
    "sub": (2, lambda a, b: a - b),
    "mul": (2, lambda a, b: a * b),
    "div": (2, lambda a, b: a / b),
    "floordiv": (2, lambda a, b: mp.floor(a / b)),
    "mod": (2, lambda a, b: a - b * mp.floor(a / b)),
    "pow": (2, _power),
    "neg": (1, lambda a: -a),
    "identity": (1, lambda x: x),
    "gated": (2, lambda factor, partial: factor * partial if factor else factor),
    "where": (3, lambda condition, a, b: a if condition else b),
    "exp": (1, mp.exp),
    "expm1": (1, mp.expm1),
    "exp2": (1, lambda x: mp.power(2, x)),
    "log": (1, mp.log),
    "log1p": (1, mp.log1p),
    "log2": (1, lambda x: mp.log(x) / mp.log(2)),
    "log10": (1, lambda x: mp.log(x) / mp.log(10)),
    "logaddexp": (2, lambda a, b: a + _softplus(b - a)),
    "sqrt": (1, mp.sqrt),
    "cbrt": (1, lambda x: mp.sign(x) * mp.cbrt(abs(x))),
    "hypot": (2, lambda a, b: mp.sqrt(a * a + b * b)),
    "sin": (1, mp.sin),
    "cos": (1, mp.cos),
    "tan": (1, mp.tan),
    "asin": (1, mp.asin),
    "acos": (1, mp.acos),
    "atan": (1, mp.atan),
    "atan2": (2, mp.atan2),
    "deg2rad": (1, mp.radians),
    "rad2deg": (1, mp.degrees),
    "sinh": (1, mp.sinh),
    "cosh": (1, mp.cosh),
    "tanh": (1, mp.tanh),
    "asinh": (1, mp.asinh),
    "acosh": (1, mp.acosh),
    "atanh": (1, mp.atanh),
    "floor": (1, mp.floor),
    "ceil": (1, mp.ceil),
    "round": (1, mp.nint),
    "trunc": (1, lambda x: mp.sign(x) * mp.floor(abs(x))),
    "sign": (1, mp.sign),
    "abs": (1, abs),
    "maximum": (2, max),
    "minimum": (2, min),
    "clamp": (3, lambda x, low, high: min(max(x, low), high)),
    "relu": (1, lambda x: max(x, mp.mpf(0))),
    "leaky_relu": (2, lambda x, slope: x if x > 0 else slope * x),
    "elu": (2, lambda x, scale: x if x > 0 else scale * mp.expm1(x)),
    "sigmoid": (1, _sigmoid),
    "logsigmoid": (1, lambda x: -_softplus(-x)),
    "softplus": (1, _softplus),
    "silu": (1, lambda x: x * _sigmoid(x)),
    "gelu": (1, lambda x: x * _erfc(-x / mp.sqrt(2)) / 2),
    "erf": (1, lambda x: mp.erf(x) if abs(x) < 1 else mp.sign(x) * (1 - _erfc(abs(x)))),
    "erfc": (1, _erfc),
    "erfinv": (1, mp.erfinv),
    "expmsq": (1, lambda x: mp.exp(-x * x)),
    "normal_pdf": (1, lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)),
    "normal_cdf": (1, lambda x: _erfc(-x / mp.sqrt(2)) / 2),
    "lgamma": (1, _lgamma),
    "digamma": (1, lambda x: _polygamma(0, x)),
    "polygamma": (2, _polygamma),
    "polygamma_step": (3, lambda n, a, b: _polygamma(n, a + b) - _polygamma(n, a)),
    "beta": (2, _beta),
    "gammainc": (2, _gammainc),
    "gammainc_by_a": (3, lambda n, a, x: mp.diff(lambda t: _gammainc(t, x), a, int(n))),
    "gamma_pdf_by_a": (3, lambda n, a, x: mp.diff(lambda t: _gamma_pdf(t, x), a, int(n))),
    "sinc": (1, lambda x: _sinc_derivative(0, x)),
    "sinc_derivative": (2, _sinc_derivative),
    "xlogy": (2, lambda x, y: x * mp.log(y) if x else mp.mpf(0)),
    "sech": (1, mp.sech),
    "cosasin": (1, lambda x: mp.sqrt((1 - x) * (1 + x))),
    "cosatan2": (2, lambda y, x: x / mp.sqrt(x * x + y * y)),
}


def _axes(x: Any, axis: Any, keepdims: Any) -> dict[str, Any]:
    return {"axis": axes_of(axis, x.shape), "keepdims": bool(keepdims)}


def _norm(x: Any, axis: Any, keepdims: Any) -> Any:
    return _sqrt((x * x).sum(**_axes(x, axis, keepdims)))


def _var(x: Any, ddof: Any, axis: Any, keepdims: Any) -> Any:
    axes = axes_of(axis, x.shape)
    count = int(np.prod([x.shape[i] for i in axes]))
    deviation = x - x.mean(axis=axes, keepdims=True)
    return (deviation * deviation).sum(**_axes(x, axis, keepdims)) / (count - ddof)


def _softmax(x: Any, axis: Any) -> Any:
    power = _exp(x)
    return power / power.sum(axis=axes_of(axis, x.shape)[0], keepdims=True)


def _with_element(x: Any, value: Any, key: Any) -> Any:
    out = np.array(x, dtype=object)
    out[key] = value
    return out


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(shape))


def _scatter(x: Any, key: Any, shape: Any) -> Any:
    out = np.full(shape, mp.mpf(0), dtype=object)
    np.add.at(out, key, x)
    return out


def _reduced(method: str) -> Callable[..., Any]:
    return lambda x, axis, keepdims: getattr(x, method)(**_axes(x, axis, keepdims))


def _whole(axis: Any) -> Any:
    return None if axis is None else int(axis)


_ARRAYS: dict[str, Callable[..., Any]] = {
    "index": lambda x, key: x[key],
    "scatter": _scatter,
    "setindex": _with_element,
    "stack": lambda *args: np.stack([np.asarray(x, object) for x in args[:-1]], int(args[-1])),
    "concat": lambda *args: np.concatenate(args[:-1], int(args[-1])),
    "reshape": lambda x, shape: np.reshape(np.asarray(x, object), _sizes(shape)),
    "flatten": lambda x: np.ravel(np.asarray(x, object)),
    "broadcast_to": lambda x, shape: np.broadcast_to(np.asarray(x, object), shape),
    "transpose": lambda x, axes: np.transpose(x, None if axes is None else _sizes(axes)),
    "flip": lambda x, axis: np.flip(x, _whole(axis)),
    "full": lambda value, shape: np.full(_sizes(shape), value, dtype=object),
    "matmul": np.matmul,
    "dot": np.dot,
    "outer": np.outer,
    "diff": lambda x, n, axis: np.diff(x, int(n), int(axis)),
    "cumsum": lambda x, axis: np.cumsum(x, int(axis)),
    "cumprod": lambda x, axis: np.cumprod(x, int(axis)),
    "norm": _norm,
    "var": _var,
    "std": lambda x, ddof, axis, keepdims: _sqrt(_var(x, ddof, axis, keepdims)),
    "logsumexp": lambda x, axis, keepdims: _log(_exp(x).sum(**_axes(x, axis, keepdims))),
    "softmax": _softmax,
    "log_softmax": lambda x, axis: _log(_softmax(x, axis)),
    **{name: _reduced(name) for name in ("sum", "mean", "prod", "max", "min")},
}
"""What moves, adds, multiplies or compares: NumPy does that on objects too."""

COUNTERPARTS: dict[str, Callable[..., Any]] = {
    **{name: _elementwise(_real(function), n) for name, (n, function) in _FUNCTIONS.items()},
    **_ARRAYS,
}
"""How each primitive is computed on numbers of 80 digits."""
