"""Where a nan or an inf begins: the first value that is one, or the first derivative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitive import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.interpreter.run import Outcome

REMEDIES = {
    "sqrt": "keep its argument above 0, sqrt(x + 1e-12), or write abs(x) of x^2",
    "cbrt": "keep its argument away from 0",
    "log": "keep its argument above 0, log(x + 1e-12); x*log(y) is xlogy(x, y)",
    "log2": "keep its argument above 0, as in log2(max(x, 1e-12))",
    "log10": "keep its argument above 0, as in log10(max(x, 1e-12))",
    "div": "keep the divisor away from 0, or write where(b == 0, 0, a / b)",
    "pow": "keep the base above 0, or take abs(x); below 0 it takes whole powers",
    "exp": "it overflows past 709; logsumexp, softplus and sigmoid do not",
    "sub": "inf - inf is nan: find what made them inf",
    "acos": "keep its argument between -1 and 1: clamp(x, -0.999999, 0.999999)",
    "asin": "keep its argument between -1 and 1: clamp(x, -0.999999, 0.999999)",
    "mul": "past 1.8e308 a product overflows: scale it, or add logarithms",
    "prod": "past 1.8e308 a product overflows: add logarithms instead",
}
"""What to do about a nan or inf that a primitive makes."""


@dataclass(slots=True)
class Origin:
    """The operation, or the input, that a nan or an inf begins at.

    Attributes:
        primitive: None for an input.
        node: where it was recorded; None of what is computed from constants only.
        span: in the source; of an input, its name.
    """

    primitive: Primitive | None
    args: Sequence[Any]
    value: Any
    span: Any
    node: Node | None = None

    @property
    def of_finite(self) -> bool:
        """Whether all of its operands are finite."""
        return all(is_finite(value_of(arg)) for arg in numbers(self.args))


def origin_of_value(outcome: Outcome, output: Any) -> Origin | None:
    """What the first nan or inf below an output, which is not finite, comes from.

    None where the program itself gives it, as in `y = inf`.
    """
    constant = outcome.machine.non_finite_constant
    if isinstance(output, Node):
        node = next(node for node in below(output) if not is_finite(node.value))
        origin = Origin(node.primitive, node.args, node.value, node.span, node)
        if constant is None or origin.of_finite:
            return origin
    if constant is None:
        return None
    span, primitive, args, value = constant
    return Origin(primitive, args, value, span)


def is_finite(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return math.isfinite(value)
    import numpy as np

    return bool(np.isfinite(value).all())


def is_zero(value: Any) -> bool:
    return not value.any() if hasattr(value, "any") else value == 0


def numbers(args: Sequence[Any]) -> list[Any]:
    """Those of an operation's arguments that hold numbers."""
    return [
        arg
        for arg in args
        if isinstance(value_of(arg), (int, float)) or hasattr(value_of(arg), "dtype")
    ]


def operands_text(args: Sequence[Any]) -> str:
    """The operands of an operation as numbers, arrays by their shape."""
    words = []
    for arg in args:
        value = value_of(arg)
        if isinstance(value, (bool, int, float)):
            words.append(repr(float(value)))
        elif hasattr(value, "shape"):
            words.append(describe(value))
    return ", ".join(words)


def domain_text(primitive: Primitive) -> str:
    if primitive.domain == "all reals":
        return ""
    return f"`{primitive.title}` is finite and differentiable for {primitive.domain}"
