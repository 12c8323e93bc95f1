"""A recorded graph at 50 digits: a derivative by differences that lose none that count.

Numbers are mpmath's, arrays are NumPy's of such objects. `COUNTERPARTS` says how a
primitive is computed on them; one that is not in it has no high precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np

from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.reductions import axes_of
from autodiff_cli.engine.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.engine.primitive import Primitive

mp = mpmath.mp.clone()
mp.dps = 50

STEP = mp.mpf(10) ** -20
FINER = 1024
ALIKE = 1e-15
"""Two steps that agree so well have a derivative between them."""

REFUSED = (ArithmeticError, ValueError, TypeError, NotImplementedError)
"""What mpmath raises where a function has no real value, or no value that it can find."""


def can(order: Sequence[Node]) -> bool:
    """Whether every primitive of a graph has a counterpart here."""
    return all(
        node.primitive is None
        or (node.primitive.name in COUNTERPARTS and TABLE.get(node.primitive.name) is node.primitive)
        for node in order
    )


def derivative(
    order: Sequence[Node], output: Node, target: Node, direction: Any
) -> float | None:
    """The derivative of a scalar `output` along `direction`, of the target's shape.

    None where it is not to be had: outside of a domain, or on a scale too fine.
    """
    at, along = _precise(target.value), _precise(direction)
    size = max((abs(float(x)) for x in np.ravel(np.asarray(target.value))), default=0.0)

    def moved(h: Any) -> Any:
        value = replay(order, {target: at + along * h}, compute).get(output)
        return _precise(output.value) if value is None else value

    try:
        for scale in (max(size, 1.0), size):
            step = STEP * scale
            if not step:
                break
            slopes = []
            for h in (step, step / FINER):
                change = _only(moved(h)) - _only(moved(-h))
                slopes.append(change / (2 * h))
            if abs(slopes[0] - slopes[1]) <= ALIKE * abs(slopes[1]):
                return float(slopes[1])
    except REFUSED:
        pass
    return None


def compute(primitive: Primitive, args: Sequence[Any]) -> Any:
    """The value of a primitive on numbers of 50 digits.

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


def _softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "add": (2, lambda a, b: a + b),
    "sub": (2, lambda a, b: a - b),
    "mul": (2, lambda a, b: a * b),
    "div": (2, lambda a, b: a / b),
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
    "gelu": (1, lambda x: x * mp.ncdf(x)),
    "erf": (1, mp.erf),
    "erfc": (1, mp.erfc),
    "lgamma": (1, lambda x: mp.log(abs(mp.gamma(x)))),
    "digamma": (1, mp.digamma),
    "polygamma": (2, lambda n, x: mp.polygamma(int(n), x)),
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


_AS_THEY_ARE = (
    "index scatter stack concat reshape flatten broadcast_to transpose flip full "
    "matmul dot sum mean prod max min cumsum cumprod"
).split()
"""What only moves, adds, multiplies or compares: NumPy does that on objects too."""

COUNTERPARTS: dict[str, Callable[..., Any]] = {
    **{name: _elementwise(_real(function), n) for name, (n, function) in _FUNCTIONS.items()},
    **{name: TABLE[name].array for name in _AS_THEY_ARE},
    "setindex": _with_element,
    "norm": _norm,
    "var": _var,
    "std": lambda x, ddof, axis, keepdims: _sqrt(_var(x, ddof, axis, keepdims)),
    "logsumexp": lambda x, axis, keepdims: _log(_exp(x).sum(**_axes(x, axis, keepdims))),
    "softmax": _softmax,
    "log_softmax": lambda x, axis: _log(_softmax(x, axis)),
}
"""How each primitive is computed on numbers of 50 digits."""
