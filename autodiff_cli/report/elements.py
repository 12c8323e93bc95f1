"""Derivatives as one matrix, its rows and columns labelled by element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from autodiff_cli.explain.evaluation import Evaluation


def matrix(evaluation: Evaluation) -> tuple[list[str], list[str], Any]:
    """Labels of the rows and the columns, and the numbers.

    A Jacobian, or the gradient of a number, has a row for each element of the output; a Hessian
    one for each element that is differentiated by first.
    """
    columns = [label for name, at in evaluation.at.items() for label in elements(name, at)]
    if evaluation.kind == "hessian":
        blocks = [
            np.concatenate(
                [
                    np.reshape(evaluation.found[first][second], (np.size(at), np.size(other)))
                    for second, other in evaluation.at.items()
                ],
                axis=1,
            )
            for first, at in evaluation.at.items()
        ]
        return columns, columns, np.concatenate(blocks) if blocks else np.zeros((0, 0))
    size = np.size(evaluation.value)
    parts = [np.reshape(block, (size, -1)) for block in evaluation.found.values() if size]
    numbers = np.concatenate(parts, axis=1) if parts else np.zeros((size, 0))
    return elements(evaluation.output, evaluation.value), columns, numbers


def elements(name: str, value: Any) -> list[str]:
    """A label for each element: `x`, `x[0]`, `x[0, 1]`."""
    if not np.ndim(value):
        return [name]
    return [f"{name}[{', '.join(map(str, place))}]" for place in np.ndindex(np.shape(value))]
