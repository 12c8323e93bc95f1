"""A recorded graph at 80 digits: a derivative by differences that lose none that count.

Numbers are mpmath's, arrays are NumPy's of such objects. An entry's `precise` says how it is
computed on them; one that has none has no high precision.
"""

from __future__ import annotations

import math
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import mpmath  # type: ignore[import-untyped]
import numpy as np

from autodiff_cli.engine.differences import Slope
from autodiff_cli.engine.primitives.high_precision import on_elements
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
NOTHING_LEFT = mp.mpf(10) ** 10
"""How many roundings of the output itself the slope of a step may be off."""
ALIKE = 1e-15
"""Two steps that agree so well have a derivative between them."""

MORE_DIGITS = 400
"""Taken where 80 leave nothing of a slope: none that a float holds is smaller than these tell."""
FINER_STEP = mp.mpf(10) ** -40
"""Taken with them, beside a point past 1 too: `sin(x)` at 1e308 has 1e307 periods up to there."""
FURTHEST = 2**14
"""Binary digits before or behind the point, past which a function may take for ever."""

REFUSED = (ArithmeticError, ValueError, TypeError, NotImplementedError)
"""What mpmath raises where a function has no real value, or no value that it can find."""


def can(order: Sequence[Node]) -> bool:
    """Whether every primitive of a graph has a counterpart here."""
    return all(node.primitive is None or node.primitive.precise is not None for node in order)


def derivative(
    order: Sequence[Node],
    output: Node,
    target: Node,
    direction: Any,
    deadline: float = math.inf,
) -> Slope | None:
    """The derivative of a scalar `output` along `direction`, of the target's shape.

    None where it is not to be had: outside of a domain, at a pole, on a scale too fine, or not
    by the `deadline`, a time of `time.monotonic`.
    """
    size = max((abs(float(x)) for x in np.ravel(np.asarray(target.value))), default=0.0) or 1.0
    if not math.isfinite(size):
        return None
    # The step is small beside the target, and the digits make up for it.
    slope = None
    for digits, step in ((DIGITS, STEP * size), (MORE_DIGITS, FINER_STEP * min(size, 1.0))):
        with mp.workdps(digits + abs(math.floor(math.log10(size)))):
            try:
                slope = _slope(order, output, target, direction, step, deadline)
            except REFUSED:
                return None
        if slope and (math.isinf(slope.value) or abs(slope.value) > slope.error):
            break
    return slope


def _slope(
    order: Sequence[Node],
    output: Node,
    target: Node,
    direction: Any,
    step: Any,
    deadline: float,
) -> Slope | None:
    """The derivative with the digits that are set; None where two steps do not agree."""
    at, along = _precise(target.value), _precise(direction)
    # From the leaves on: what floats have made of the others may be off, or infinite.
    leaves = {node: _precise(node.value) for node in order if node.primitive is None}

    def compute_in_time(primitive: Primitive, args: Sequence[Any]) -> Any:
        if monotonic() > deadline:
            raise ValueError("it takes too long")
        return compute(primitive, args)

    def moved(h: Any) -> Any:
        values = replay(order, {**leaves, target: at + along * h}, compute_in_time)
        value = values.get(output)
        return _only(_precise(output.value) if value is None else value)

    coarse, fine = ((moved(h) - moved(-h)) / (2 * h) for h in (step, step / FINER))
    rounding = NOTHING_LEFT * mp.eps * abs(moved(mp.mpf(0))) / step
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
    function: Callable[..., Any] = partial(_real, primitive)
    if primitive.kind == "elementwise":
        function = on_elements(function, operands)
    out = function(*precise, *args[operands:])
    return out.item() if isinstance(out, np.ndarray) and not out.shape else out


def _real(primitive: Primitive, *args: Any) -> Any:
    assert primitive.precise is not None
    out = primitive.precise(mp, *args)
    if isinstance(out, mp.mpc):
        raise ValueError(f"{primitive.name} has no real value")
    for one in np.ravel(out) if isinstance(out, np.ndarray) else [out]:
        if isinstance(one, mp.mpf) and mp.isnormal(one) and abs(mp.mag(one)) > FURTHEST:
            raise OverflowError(f"{primitive.name} is too large, or too small")
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


_number = on_elements(lambda x: mp.mpf(float(x)))
