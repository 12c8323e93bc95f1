"""Losses that large residuals count for less in, with SciPy's names and definitions.

Each is a function ρ of z = (r/c)², where c is the scale at which residuals begin to count for
less; what is minimised is Σ c²·ρ(z).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.solve.parameters import Vector


def _huber(z: Any) -> tuple[Any, Any, Any]:
    outside = z > 1
    root = np.sqrt(np.where(outside, z, 1.0))
    return (
        np.where(outside, 2 * root - 1, z),
        1 / root,
        np.where(outside, -0.5 / root**3, 0.0),
    )


def _soft_l1(z: Any) -> tuple[Any, Any, Any]:
    root = np.sqrt(1 + z)
    return 2 * z / (root + 1), 1 / root, -0.5 / root**3


def _cauchy(z: Any) -> tuple[Any, Any, Any]:
    return np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2


def _arctan(z: Any) -> tuple[Any, Any, Any]:
    return np.arctan(z), 1 / (1 + z**2), -2 * z / (1 + z**2) ** 2


SHAPES: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "huber": _huber,
    "soft_l1": _soft_l1,
    "cauchy": _cauchy,
    "arctan": _arctan,
}
"""ρ, ρ' and ρ'' of each."""
LOSSES = ("linear", *SHAPES)


@record
class Loss:
    """One of them, at a scale."""

    name: str
    scale: float

    def cost(self, residuals: Vector) -> float:
        """Σ c²·ρ(z): the sum of squares, where all residuals are small."""
        return float(self.scale**2 * self._of(residuals)[0].sum())

    def slopes(self, residuals: Vector) -> tuple[Vector, Vector]:
        """By what a residual's pull on the parameters, and its rows of JᵀJ, are to be multiplied.

        That is ρ', and ρ' + 2zρ'', which is not let below 0: a step goes down.
        """
        z = (residuals / self.scale) ** 2
        _, first, second = self._of(residuals)
        return first, np.maximum(first + 2 * z * second, 0.0)

    def _of(self, residuals: Vector) -> tuple[Any, Any, Any]:
        return SHAPES[self.name]((residuals / self.scale) ** 2)


def spread(residuals: Vector) -> float:
    """The standard deviation by the median of absolute residuals, which outliers do not move."""
    return float(1.482602218505602 * np.median(np.abs(residuals)))
