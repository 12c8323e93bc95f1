"""The parameters of a model as one vector, and back: names, shapes, bounds, what is held fixed."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Bounds = Mapping[str, tuple[float, float]]


NONE = 1e-8
"""Of what began at 0: no further from there it is still 0, but for rounding."""


class Parameters:
    """Names, and where the elements of each stand in the vector of what is free.

    Attributes:
        names: of those that are free.
        labels: of the vector's elements: `a`, `b[0]`, `b[1]`.
        fixed: the values of those that are not.
        lower, upper: bounds of the elements; infinite where there is none.

    Args:
        starts: the value of each, a number or an array.
        bounds: by name, or by the label of an element.

    Raises:
        UsageError: a bound or a fixed name means nothing, bounds are the wrong way round, or a
            start is not within them.
    """

    def __init__(
        self, starts: Mapping[str, Any], bounds: Bounds, fixed: Collection[str] = ()
    ) -> None:
        for name in fixed:
            if name not in starts:
                raise _unknown("--fix", name, starts)
        self.fixed = {name: value for name, value in starts.items() if name in fixed}
        free = {name: value for name, value in starts.items() if name not in fixed}
        self.names = tuple(free)
        self.shapes = {name: np.shape(value) for name, value in free.items()}
        self.labels = [
            label for name, shape in self.shapes.items() for label in element_labels(name, shape)
        ]
        self.start = self.vector(free)
        self.lower = np.full(self.start.shape, -np.inf)
        self.upper = np.full(self.start.shape, np.inf)
        for name, (low, high) in bounds.items():
            self._bound(name, low, high)
        self._check_starts()

    def vector(self, values: Mapping[str, Any]) -> Vector:
        """The values of the names, one after the other."""
        parts = [np.ravel(np.asarray(values[name], np.float64)) for name in self.names]
        return np.concatenate([*parts, np.zeros(0)])

    def values(self, vector: Vector) -> dict[str, Any]:
        """The values of all names, those that are fixed among them."""
        values: dict[str, Any] = {}
        first = 0
        for name, shape in self.shapes.items():
            part = vector[first : first + prod(shape)]
            first += prod(shape)
            values[name] = part.reshape(shape) if shape else float(part[0])
        return {**values, **self.fixed}

    def places(self, names: Collection[str]) -> Any:
        """Where the elements of some names stand in the vector."""
        of = [name for name, shape in self.shapes.items() for _ in range(prod(shape))]
        return np.flatnonzero([name in names for name in of])

    def of(self, names: Collection[str]) -> Parameters:
        """Some of the free ones alone, without bounds."""
        start = self.values(self.start)
        return Parameters({name: start[name] for name in self.names if name in names}, {})

    @property
    def is_bounded(self) -> bool:
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    def allow(self, vector: Vector) -> bool:
        """Whether a vector is finite and within the bounds."""
        within = (vector >= self.lower) & (vector <= self.upper) & np.isfinite(vector)
        return bool(within.all())

    def drawn(self, randomness: Any) -> Vector:
        """A start drawn evenly from the bounds; what has none, or just one, varies about its own.

        That is a factor of 10^±1 for a number that is not 0, else a number within ±1.
        """
        spread = self.start * 10.0 ** randomness.uniform(-1.0, 1.0, self.start.shape)
        about = np.where(self.start != 0, spread, randomness.uniform(-1.0, 1.0, self.start.shape))
        both = np.isfinite(self.lower) & np.isfinite(self.upper)
        low, high = np.where(both, self.lower, 0.0), np.where(both, self.upper, 1.0)
        even = low + (high - low) * randomness.uniform(0.0, 1.0, self.start.shape)
        drawn: Vector = np.clip(np.where(both, even, about), self.lower, self.upper)
        return drawn

    def _bound(self, name: str, low: float, high: float) -> None:
        places = [
            place
            for place, label in enumerate(self.labels)
            if name in (label, label.partition("[")[0])
        ]
        if not places:
            raise _unknown("--bound", name, [*self.names, *self.labels])
        if not low < high:
            raise UsageError(
                f"--bound {name}: got {low:g}..{high:g}, want the lower number first",
                help=f"write '{name}={min(low, high):g}..{max(low, high):g}'"
                if low != high
                else f"to hold it, give --fix {name}",
                kind="bound",
            )
        self.lower[places], self.upper[places] = low, high

    def _check_starts(self) -> None:
        outside = np.flatnonzero((self.start < self.lower) | (self.start > self.upper))
        if outside.size:
            place = outside[0]
            label = self.labels[place]
            raise UsageError(
                f"`{label}` starts at {self.start[place]:g}, and its bounds are "
                f"{self.lower[place]:g}..{self.upper[place]:g}",
                help=f"give a start within them: {label.partition('[')[0]}=VALUE",
                kind="bound",
            )


def element_labels(name: str, shape: Sequence[int]) -> list[str]:
    """`a` for a number; `b[0]`, `b[1]`, or `b[0, 0]`, … for an array's elements."""
    if not shape:
        return [name]
    return [f"{name}[{', '.join(map(str, place))}]" for place in np.ndindex(*shape)]


def _unknown(option: str, name: str, known: Collection[str]) -> UsageError:
    return UsageError(
        f"{option} {name}: there is no free parameter of that name",
        help=did_you_mean(name, known) or "the parameters are: " + ", ".join(known),
        kind="parameter",
    )


def units(at: Vector, start: Vector) -> Vector:
    """How large the parameters are: as they are, or as they were; 1 for one that is 0 and was."""
    sizes: Vector = np.maximum(np.abs(at), np.minimum(np.abs(start), 1.0))
    return np.where(sizes > NONE * (start == 0), sizes, 1.0)
