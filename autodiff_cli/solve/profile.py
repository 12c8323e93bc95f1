"""Intervals by profile likelihood: how far a parameter goes while all others make up for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.solve.search import best_of

if TYPE_CHECKING:
    from autodiff_cli.solve.model import Model
    from autodiff_cli.solve.parameters import Vector
    from autodiff_cli.solve.statistics import Statistics

DOUBLINGS = 12
HALVINGS = 60
CLOSE = 1e-9
"""Of a step: where it is known so well, the interval is."""
TOLERANCE = 1e-12


def profile(
    model: Model, at: Vector, free: Any, found: Statistics
) -> dict[int, tuple[float, float]]:
    """For each parameter that moved, the ends at which the sum of squares has risen by t²s².

    That is where the likelihood ratio has the confidence of the interval (Bates and Watts,
    1988, 6.1). An end is infinite, or a bound, where the sum never rises so far.
    """
    unit = 1.0 if model.is_absolute else found.residual_standard_deviation
    rise = (found.factor * unit) ** 2
    least = model.cost(at)
    ends = {}
    for place in np.flatnonzero(free):
        error = found.standard_errors[place]
        if math.isfinite(error) and error > 0 and math.isfinite(rise):
            ends[int(place)] = (
                _end(model, at, free, int(place), -error * found.factor, least, rise, found),
                _end(model, at, free, int(place), error * found.factor, least, rise, found),
            )
    return ends


def _end(
    model: Model,
    at: Vector,
    free: Any,
    place: int,
    step: float,
    least: float,
    rise: float,
    found: Statistics,
) -> float:
    parameters = model.parameters
    bound = (parameters.upper if step > 0 else parameters.lower)[place]
    others = free.copy()
    others[place] = False
    covariance = found.root @ found.root[place]
    along = np.where(others, covariance / covariance[place], 0.0)

    def height(move: float, start: Vector) -> tuple[float, Vector]:
        """How much more than allowed the sum has risen at a move, the others made the best of."""
        begin = start.copy()
        begin[place] = at[place] + move
        best = best_of(model, begin, others, TOLERANCE)
        return model.cost(best) - least - rise, best

    low, high, moved = 0.0, step, at
    for _ in range(DOUBLINGS):
        if (at[place] + high - bound) * math.copysign(1.0, step) >= 0:
            high = bound - at[place]
        value, reached = height(high, moved + along * (high - low))
        if not value < 0:
            break
        if at[place] + high == bound:
            return float(bound)
        low, moved, high = high, reached, 2 * high
    else:
        return math.copysign(math.inf, step)
    # The root of the rise is nearly straight: it is what is made to be that of `rise`.
    down = math.sqrt(max(model.cost(moved) - least, 0.0)) - math.sqrt(rise)
    up = math.sqrt(value + rise) - math.sqrt(rise) if math.isfinite(value) else math.inf
    for turn in range(HALVINGS):
        if abs(high - low) <= CLOSE * abs(high):
            break
        part = 0.5 if turn % 3 == 2 or not math.isfinite(up) else down / (down - up)
        middle = low + (high - low) * min(max(part, 1e-3), 1 - 1e-3)
        value, reached = height(middle, moved + along * (middle - low))
        off = math.sqrt(max(value + rise, 0.0)) - math.sqrt(rise) if value < math.inf else math.inf
        if abs(off) <= CLOSE * math.sqrt(rise):
            return float(at[place] + middle)
        if off < 0:
            low, down, moved = middle, off, reached
        else:
            high, up = middle, off
    return float(at[place] + 0.5 * (low + high))
