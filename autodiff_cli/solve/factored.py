"""A Jacobian as the triangle that its sums of squares are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.records import record

if TYPE_CHECKING:
    from autodiff_cli.solve.losses import Loss
    from autodiff_cli.solve.model import Point
    from autodiff_cli.solve.parameters import Vector


@record
class Factored:
    """J = Q·R·D and Qᵀr: what a step needs of many rows, in as many numbers as parameters.

    Attributes:
        triangle: R, of the columns divided by their norms.
        projected: Qᵀr: how much of the residuals a step could still take away, free of scale.
        norms: D, of the columns of J; 1 for one that is 0.
    """

    triangle: Any
    projected: Vector
    norms: Vector

    def inverse(self) -> Any:
        """(R·D)⁻¹, whose product with its transpose is (JᵀJ)⁻¹.

        Raises:
            LinAlgError: there is none.
        """
        return np.linalg.inv(self.triangle) / self.norms[:, None]


def factored(point: Point, free: Any, loss: Loss | None) -> Factored:
    """By Householder's reflections of J beside r: never by JᵀJ, which has half the digits.

    Args:
        free: which columns.
        loss: what a row counts for; all the same where it is None.
    """
    key = free.tobytes(), loss
    if point.factored is None or point.factored[0] != key:
        point.factored = key, _factored(point, free, loss)
    known: Factored = point.factored[1]
    return known


def _factored(point: Point, free: Any, loss: Loss | None) -> Factored:
    jacobian, residuals = point.jacobian[:, free], point.residuals
    pull = None
    if loss is not None:
        first, second = loss.slopes(residuals)
        pull = jacobian.T @ (first * residuals)
        jacobian = jacobian * np.sqrt(second)[:, None]
    norms = np.linalg.norm(jacobian, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    size = jacobian.shape[1]
    both: Any = np.linalg.qr(np.column_stack([jacobian / norms, residuals]), mode="r")
    rows = min(size, both.shape[0])
    triangle, projected = np.zeros((size, size)), np.zeros(size)
    triangle[:rows] = both[:rows, :size]
    projected[:rows] = both[:rows, size]
    if pull is not None:
        projected = np.linalg.lstsq(triangle.T, pull / norms, rcond=None)[0]
    return Factored(triangle, projected, norms)
