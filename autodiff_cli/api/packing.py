"""A program as a function of one vector, which is what optimisers know."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Vector = NDArray[np.float64]
    Shapes = dict[str, tuple[int, ...] | None]


class Packed:
    """A function of a vector; `value, gradient = g(vector)`.

    Args:
        function: gives the value, and the gradient by each name that the vector holds.
        inputs: all others.
        values: what the names were given with.

    Attributes:
        shapes: of each name that the vector holds, in order; None for the whole vector as it is.
        start: the vector of the values that the names were given with; None where they were not.
    """

    def __init__(
        self,
        function: Callable[[Mapping[str, Any]], tuple[Any, dict[str, Any]]],
        shapes: Shapes,
        inputs: Mapping[str, Any],
        values: Mapping[str, Any],
    ) -> None:
        self.shapes = shapes
        self.start = self.pack(values) if len(values) == len(shapes) else None
        self._inputs = dict(inputs)
        self._function = function

    def __call__(self, vector: Any) -> tuple[float, Vector]:
        """The value, and the gradient as a vector; what there is to tell as Python's warnings.

        Raises:
            ShapeError: the vector is of another length, or the output no single number.
        """
        value, gradient = self._function({**self._inputs, **self.unpack(vector)})
        parts = [np.ravel(gradient[name]) for name in self.shapes]
        return float(np.asarray(value).item()), np.concatenate([*parts, np.zeros(0)])

    def unpack(self, vector: Any) -> dict[str, Any]:
        """The values of the names that a vector holds."""
        vector = np.asarray(vector, np.float64)
        if None in self.shapes.values():
            return dict.fromkeys(self.shapes, vector)
        sizes = [prod(shape) for shape in self.shapes.values() if shape is not None]
        if vector.shape != (sum(sizes),):
            raise ShapeError(
                f"got a vector of shape {vector.shape}, want ({sum(sizes)},) for "
                + ", ".join(f"`{name}`" for name in self.shapes)
            )
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        return {
            name: part.reshape(shape) if shape else part.item()
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def pack(self, values: Mapping[str, Any]) -> Vector:
        """The vector that holds the values of the names."""
        return np.concatenate(
            [*(np.ravel(np.asarray(values[name], np.float64)) for name in self.shapes), np.zeros(0)]
        )


def vector_of(
    names: Sequence[str | Mapping[str, Any]], inputs: Sequence[str]
) -> tuple[Shapes, dict[str, Any]]:
    """The shapes of the names that a vector is to hold, and the values that they are given with.

    Args:
        names: as for `Program.as_function`.
        inputs: of the program; a vector holds nothing else.

    Raises:
        UsageError: there is no name, or one that is no input.
    """
    shapes: Shapes = {}
    values: dict[str, Any] = {}
    for given in names:
        if isinstance(given, str):
            shapes[given] = None if len(names) == 1 else ()
        else:
            values.update(given)
            shapes.update((name, np.shape(value)) for name, value in given.items())
    if not shapes:
        raise UsageError("got no name to pack into a vector", help='as in `f.as_function("w")`')
    for name in shapes:
        if name not in inputs:
            raise UsageError(
                f"`{name}` is no input of the program, and a vector holds inputs",
                help=f"its inputs are: {', '.join(inputs) or 'none'}",
                kind="input",
            )
    return shapes, values
