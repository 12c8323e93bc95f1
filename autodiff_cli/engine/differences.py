"""Finite differences: the referee that knows nothing of any rule.

Central differences at steps that halve are extrapolated to the step 0 (Ridders' method);
so are the one-sided ones, of the same values, which tell a kink: it has two slopes. The
first step is searched for, from coarse to fine, since a function may be smooth on any scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HALVINGS = 6
"""Of the step, within one extrapolation."""
RUNG = 5
"""Binary digits from one first step that is tried to the next."""
COARSE_RUNGS = 10
FINE_RUNGS = 8
SMALLEST_EXPONENT = -1020
"""Of a number beside which there are steps."""
FIRST = 4
"""The coarsest step is 2^-FIRST of the point's size."""
PRECISE_ENOUGH = 1e-8
"""Relative: with such an error, and in agreement with what is expected, the search ends."""
TRUSTED = 10.0
"""How many times its estimated error an extrapolation may be off."""
ROUNDED = 2.0**-50
"""Relative: no slope is better than that."""
SETTLED = 1e-3
"""Relative: one-sided slopes with a larger error are not slopes yet."""
NEGLIGIBLE = 1e-8
"""Beside a function's own size, such an error of its slope is none."""
TAPERED = 0.5
RUNGS_OF_COARSE_GAPS = 3
"""The gap at the finest step is a part of that at the first ones, or it is a kink or a jump."""
SLIGHT = 1e-6
"""Two slopes that differ relatively by less are one."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A derivative, with an estimate of how far off it may be: that of the extrapolation and
    of the rounding together."""

    value: float
    error: float


UNKNOWN = Slope(math.nan, math.inf)


@dataclass(frozen=True, slots=True)
class Difference:
    """What differences say of a derivative.

    Attributes:
        central: from both sides; `left` and `right` from one each. Where the function has a
            value on one side only, that side counts for all three.
        step: the first step that they were made with.
        before: the first step that was tried before, 0 where there was none: what kept the
            search from ending there may lie within it.
        finest: the smallest first step that there is to try.
        negligible: such an error of a slope is none, beside the size of the function.
        tapers: whether the slopes of the two sides come together as the steps get finer.
    """

    central: Slope
    left: Slope
    right: Slope
    step: float
    before: float
    finest: float
    negligible: float
    tapers: bool = True

    @property
    def settled(self) -> bool:
        """Whether both sides have a slope at all on this scale: a central difference of what
        is symmetric, or oscillates, may look better than it is."""
        size = max(abs(self.left.value), abs(self.right.value))
        return self.left.error + self.right.error <= max(SETTLED * size, self.negligible)

    @property
    def smooth(self) -> bool:
        """Whether both sides have, as far as can be told, one slope."""
        if not math.isfinite(self.gap):
            return True
        size = max(abs(self.left.value), abs(self.right.value))
        return self.gap <= max(TRUSTED * (self.left.error + self.right.error), SLIGHT * size)

    @property
    def one_sided(self) -> bool:
        """Whether the function has a value on one side only: it ends here."""
        return self.left is self.right

    @property
    def sides(self) -> tuple[float, float]:
        """The slopes on the left and on the right, nan where one is not to be had."""
        left, right = (
            side.value
            if side.error <= max(SETTLED * abs(side.value), self.negligible)
            else math.nan
            for side in (self.left, self.right)
        )
        return left, right

    @property
    def gap(self) -> float:
        """How far apart the slopes of the two sides are."""
        return abs(self.right.value - self.left.value)


def difference(
    function: Callable[[float], float], at: float, noise: float, expected: float
) -> Difference:
    """The derivative of `function` at a point.

    Args:
        function: gives nan where it has no value.
        noise: how far rounding takes its value off.
        expected: what the derivative is believed to be. It only ends the search: a difference
            that contradicts it has to be the best that any step gives.
    """
    function = cache(function)
    here = function(at)
    noise = max(noise, math.ulp(here) if math.isfinite(here) else 0.0)
    rungs = list(steps(at))
    around = [here] if here else [function(at - rungs[0]), function(at + rungs[0])]
    typical = max((abs(y) for y in around if math.isfinite(y)), default=0.0) / max(abs(at), 1.0)
    best: Difference | None = None
    before, negligible = 0.0, NEGLIGIBLE * typical
    gaps = []
    for step in rungs:
        slopes = _extrapolated(function, at, here, step, noise)
        found = _joined(Difference(*slopes, step, before, rungs[-1], negligible))
        before = step
        gaps.append(found.gap)
        if found.settled and not found.smooth:
            # A finer step on which the two slopes are one has to be no finer than that.
            negligible = max(negligible, SETTLED * found.gap)
        if best is None or _rank(found) < _rank(best) or _refutes(found, best):
            best = found
        error = found.central.error
        if (
            found.settled
            and found.smooth
            and error <= PRECISE_ENOUGH * (abs(found.central.value) + typical)
            and abs(found.central.value - expected) <= TRUSTED * error
        ):
            break
    assert best is not None
    coarsest = max((gap for gap in gaps[:RUNGS_OF_COARSE_GAPS] if math.isfinite(gap)), default=0.0)
    return replace(best, tapers=gaps[-1] <= TAPERED * coarsest)


def steps(at: float) -> Iterator[float]:
    """First steps, from coarse to fine: powers of two, so that `at ± step` is exact."""
    own = math.frexp(at)[1] if at else SMALLEST_EXPONENT
    exponents = {max(own, 0) - FIRST - RUNG * i for i in range(COARSE_RUNGS)}
    if SMALLEST_EXPONENT < own < -FIRST:
        exponents.update(own - FIRST - RUNG * i for i in range(FINE_RUNGS))
    smallest = own - 52 + HALVINGS + 2
    for exponent in sorted(exponents, reverse=True):
        if exponent >= smallest:
            yield math.ldexp(1.0, exponent)


def _joined(found: Difference) -> Difference:
    """The slope in the middle, corrected by what the two sides say of it."""
    central, left, right = found.central, found.left, found.right
    if math.isfinite(left.value) != math.isfinite(right.value):
        only = left if math.isfinite(left.value) else right
        return replace(found, central=only, left=only, right=only)
    if not found.settled:
        worst = max(central.error, left.error, right.error)
        return replace(found, central=Slope(central.value, worst))
    error = left.error + right.error + found.gap
    if found.smooth and error < central.error:
        # The second derivative jumps here, and the first does not.
        return replace(found, central=Slope((left.value + right.value) / 2, error))
    return found


def _rank(found: Difference) -> tuple[bool, bool, float]:
    return not found.settled, not found.smooth, found.central.error


def _refutes(finer: Difference, coarser: Difference) -> bool:
    """Whether a step shows that a coarser one looked past what the function does here."""
    if not finer.smooth:
        return False
    gap = abs(finer.central.value - coarser.central.value)
    return gap > TRUSTED * (finer.central.error + coarser.central.error)


def _extrapolated(
    function: Callable[[float], float],
    at: float,
    here: float,
    step: float,
    noise: float,
) -> tuple[Slope, Slope, Slope]:
    central, left, right = _Tableau(4.0), _Tableau(2.0), _Tableau(2.0)
    for halving in range(HALVINGS):
        h = math.ldexp(step, -halving)
        above, below = function(at + h), function(at - h)
        central.add((above - below) / (2 * h), noise / h)
        right.add((above - here) / h, 2 * noise / h)
        left.add((here - below) / h, 2 * noise / h)
    return central.best, left.best, right.best


class _Tableau:
    """Richardson's extrapolations, of which the one counts that agrees best with its parents.

    `ratio` is by what halving the step divides the first term of the error.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._row: list[float] = []
        self.best = UNKNOWN

    def add(self, value: float, rounding: float) -> None:
        """The difference at the next step, and what rounding may contribute to it."""
        row = [value]
        for order, coarser in enumerate(self._row, start=1):
            factor = self._ratio**order
            row.append(row[-1] + (row[-1] - coarser) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser))
            error += rounding + ROUNDED * abs(row[-1])
            if error < self.best.error:
                self.best = Slope(row[-1], error)
        self._row = row
