"""One call after another of a small program: what is around the arithmetic."""

from __future__ import annotations

import statistics
from math import cos, sin
from typing import TYPE_CHECKING

from measure import Row, against, duration, interleaved, is_installed, require_close

import autodiff_cli as adiff

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 1000
ROUNDS = 15
MOST = 15e-6
"""Seconds of a call."""

Answer = tuple[float, float]


def rows() -> list[Row]:
    f = adiff.program("x^2 * sin(x)")

    def ours(x: float) -> Answer:
        result = f(x=x)
        return result.value, result.gradient["x"]

    functions: dict[str, Callable[[float], Answer]] = {"adiff": ours, "Python by hand": _by_hand}
    if is_installed("autograd"):
        functions["autograd"] = _autograd()
    for name, function in functions.items():
        require_close(name, function(3.0), ours(3.0))

    def many(function: Callable[[float], Answer]) -> Callable[[], None]:
        def repeat() -> None:
            for _ in range(CALLS):
                function(3.0)

        return repeat

    seconds = interleaved({name: many(one) for name, one in functions.items()}, ROUNDS)
    mine = seconds.pop("adiff")
    one = statistics.median(mine) / CALLS
    limit = Row(
        what="value and gradient, a call",
        measured=duration(one),
        target=f"≤ {duration(MOST)}",
        met=one <= MOST,
    )
    return [limit, *(against("1,000 calls", mine, *peer) for peer in seconds.items())]


def _by_hand(x: float) -> Answer:
    return x * x * sin(x), 2 * x * sin(x) + x * x * cos(x)


def _autograd() -> Callable[[float], Answer]:
    import autograd
    import autograd.numpy as np

    both = autograd.value_and_grad(lambda x: x**2 * np.sin(x))
    return lambda x: both(x)
