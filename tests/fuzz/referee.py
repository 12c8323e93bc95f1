"""What a random program is worth, from its text in Python and numbers of 70 digits.

The program's text in Python runs on `Number`s: mpmath's, or arrays of them, and the plain
definition `precise` of every function. Derivatives are differences, so fine that what is left is
exact to any tolerance of a float. How far rounding may carry adiff from that is not guessed: the
same text runs with every operation off by an ulp or so, in a few ways, and the differences of
these runs say how much that does to the value and to each derivative.
"""

from __future__ import annotations

import operator
import random
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine.precise import REFUSED, mp
from autodiff_cli.engine.primitive import REQUIRED
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.engine.primitive import Primitive

DIGITS = 70
STEP = mp.mpf(10) ** -20
ULP = 2.0**-52
WAYS = 2
"""Runs with rounding, besides the one without."""
SLACK = 200.0
"""By which adiff may be further off than they are: it has operations that they have not."""
LARGEST = mp.mpf(10) ** 6
"""Of all that is computed on the way; beyond it nothing is said of the program."""


class OutsideError(Exception):
    """Nothing can be said of the program here: it is at a kink, or leaves a domain."""


@dataclass
class Walk:
    """One run: which way each comparison fell, and how each operation is rounded."""

    rounding: random.Random | None = None
    path: list[bool] = field(default_factory=list)

    def take(self, operate: Callable[..., Any], *values: Any) -> Number:
        """The rounded result of an operation."""
        try:
            result = operate(*values)
        except REFUSED:
            raise OutsideError from None
        if not isinstance(result, np.ndarray):
            return Number(self._rounded(mp.mpmathify(result)), self)
        out = np.empty(result.shape, dtype=object)
        for at, one in np.ndenumerate(result):
            out[at] = self._rounded(mp.mpmathify(one))
        return Number(out, self)

    def _rounded(self, value: Any) -> Any:
        if not isinstance(value, mp.mpf) or not abs(value) < LARGEST:
            raise OutsideError
        return value if self.rounding is None else value * (1 + self.rounding.uniform(-ULP, ULP))

    def compare(self, left: Any, right: Any) -> bool:
        """Whether the left is less."""
        if left == right:
            raise OutsideError
        self.path.append(left < right)
        return self.path[-1]


class Number:
    """A number, or an array of them, that computes as the language does."""

    def __init__(self, value: Any, walk: Walk) -> None:
        self.value = value
        self.walk = walk

    def __add__(self, other: Any) -> Number:
        return self.walk.take(operator.add, self.value, plain(other))

    def __radd__(self, other: Any) -> Number:
        return self.walk.take(operator.add, plain(other), self.value)

    def __sub__(self, other: Any) -> Number:
        return self.walk.take(operator.sub, self.value, plain(other))

    def __rsub__(self, other: Any) -> Number:
        return self.walk.take(operator.sub, plain(other), self.value)

    def __mul__(self, other: Any) -> Number:
        return self.walk.take(operator.mul, self.value, plain(other))

    def __rmul__(self, other: Any) -> Number:
        return self.walk.take(operator.mul, plain(other), self.value)

    def __truediv__(self, other: Any) -> Number:
        return self.walk.take(operator.truediv, self.value, plain(other))

    def __rtruediv__(self, other: Any) -> Number:
        return self.walk.take(operator.truediv, plain(other), self.value)

    def __pow__(self, other: Any) -> Number:
        return self.walk.take(operator.pow, self.value, plain(other))

    def __neg__(self) -> Number:
        return Number(-self.value, self.walk)

    def __lt__(self, other: Any) -> bool:
        return self.walk.compare(self.value, plain(other))

    def __gt__(self, other: Any) -> bool:
        return self.walk.compare(plain(other), self.value)

    def __getitem__(self, key: int) -> Number:
        return Number(self.value[key], self.walk)

    def put(self, position: int, element: Any) -> Number:
        """The array with another element."""
        changed = self.value.copy()
        changed[position] = plain(element)
        return Number(changed, self.walk)


def plain(value: Any) -> Any:
    return value.value if isinstance(value, Number) else mp.mpmathify(value)


def functions(walk: Walk) -> dict[str, Any]:
    """What a text in Python can call: every entry of the table that has `precise`."""

    def calls(entry: Primitive) -> Callable[..., Number]:
        def elementwise(*values: Any) -> Any:
            if not any(isinstance(value, np.ndarray) for value in values):
                return entry.precise(mp, *values)
            grid = np.broadcast_arrays(*(np.asarray(value, dtype=object) for value in values))
            out = np.empty(grid[0].shape, dtype=object)
            for at in np.ndindex(out.shape):
                out[at] = entry.precise(mp, *(part[at] for part in grid))
            return out

        def whole(*values: Any) -> Any:
            return entry.precise(mp, *values, *entry.options.values())

        operate = elementwise if entry.kind == "elementwise" else whole
        return lambda *args: walk.take(operate, *map(plain, args))

    def array(*elements: Any) -> Number:
        return Number(np.array([plain(one) for one in elements], dtype=object), walk)

    return {**{name: calls(TABLE[name]) for name in KNOWN}, "array": array}


KNOWN = [
    name
    for name, entry in TABLE.items()
    if entry.precise is not None and not entry.internal and REQUIRED not in entry.options.values()
]
"""The functions that it can compute."""


@dataclass(frozen=True)
class Truth:
    """Value, gradient and Hessian, flat, in the order of the inputs, and what each may be off."""

    numbers: Sequence[float]
    slack: Sequence[float]


def truth(text: str, inputs: Mapping[str, float]) -> Truth:
    """What a text in Python that sets `result` is worth, as a function of its inputs.

    Raises:
        OutsideError: it is not smooth there, or rounding could take it another way.
    """
    code = compile(text, "<program>", "exec")
    path: list[bool] | None = None

    def value(moves: Mapping[str, Any], way: int | None) -> Any:
        nonlocal path
        walk = Walk(None if way is None else random.Random(way))
        scope = functions(walk)
        scope |= {name: Number(mp.mpf(at) + moves[name], walk) for name, at in inputs.items()}
        exec(code, scope)
        if path not in (None, walk.path):
            raise OutsideError
        path = walk.path
        return plain(scope["result"])

    with mp.workdps(DIGITS):
        exact, *rounded = (_derivatives(value, list(inputs), way) for way in (None, *range(WAYS)))
        spread = [max(abs(a - b) for a in ways) for b, *ways in zip(exact, *rounded, strict=True)]
        slack = [
            SLACK * float(s + ULP * abs(e)) + 1e-14 for s, e in zip(spread, exact, strict=True)
        ]
        return Truth([float(one) for one in exact], slack)


def _derivatives(
    value: Callable[[Mapping[str, Any], int | None], Any], names: Sequence[str], way: int | None
) -> list[Any]:
    """Value, gradient and Hessian by central differences."""
    steps = dict.fromkeys(product((-1, 0, 1), repeat=len(names)))
    at = {
        step: value({n: s * STEP for n, s in zip(names, step, strict=True)}, way) for step in steps
    }

    def moved(*moves: tuple[int, int]) -> Any:
        step = [0] * len(names)
        for position, by in moves:
            step[position] += by
        return at[tuple(step)]

    places = range(len(names))
    gradient = [(moved((i, 1)) - moved((i, -1))) / (2 * STEP) for i in places]
    hessian = [
        (moved((i, 1)) - 2 * moved() + moved((i, -1))) / STEP**2
        if i == j
        else (
            moved((i, 1), (j, 1))
            - moved((i, 1), (j, -1))
            - moved((i, -1), (j, 1))
            + moved((i, -1), (j, -1))
        )
        / (4 * STEP**2)
        for i in places
        for j in places
    ]
    return [moved(), *gradient, *hessian]
