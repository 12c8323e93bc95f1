"""A program as a function of one vector, which is what optimisers know."""

from __future__ import annotations

from copy import copy
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.errors import ShapeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autodiff_cli.api.program import Program

    Vector = NDArray[np.float64]


class Packed:
    """A function of a vector; `value, gradient = g(vector)`.

    Attributes:
        shapes: of each name that the vector holds, in order; None for the whole vector as it is.
        start: the vector of the values that the names were given with; None where they were not.
    """

    def __init__(
        self,
        program: Program,
        shapes: Mapping[str, tuple[int, ...] | None],
        inputs: Mapping[str, Any],
        start: Vector | None,
    ) -> None:
        self.shapes = shapes
        self.start = start
        self._inputs = dict(inputs)
        self._program = copy(program)
        self._program.wrt = list(shapes)

    def __call__(self, vector: Any) -> tuple[float, Vector]:
        """The value, and the gradient as a vector; what there is to tell as Python's warnings.

        Raises:
            ShapeError: the vector is of another length, or the output no single number.
        """
        value, gradient = self._program.value_and_gradient({**self._inputs, **self.unpack(vector)})
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


def pack(
    program: Program, names: Sequence[str | Mapping[str, Any]], inputs: Mapping[str, Any]
) -> Packed:
    """See `Program.as_function`."""
    shapes: dict[str, tuple[int, ...] | None] = {}
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
        if name not in program.inputs:
            raise UsageError(
                f"`{name}` is no input of the program, and a vector holds inputs",
                help=f"its inputs are: {', '.join(program.inputs) or 'none'}",
                kind="input",
            )
    packed = Packed(program, shapes, inputs, None)
    if len(values) == len(shapes):
        packed.start = packed.pack(values)
    return packed
