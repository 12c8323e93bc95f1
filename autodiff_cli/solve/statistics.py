"""What a least-squares fit says of its parameters: errors, intervals, correlations, bands.

The formulas are those of Bates and Watts, Nonlinear Regression Analysis (1988), 2.3. AIC and BIC
count the variance among the parameters where it is estimated, as R does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special
from autodiff_cli.records import record

if TYPE_CHECKING:
    from autodiff_cli.solve.factored import Factored
    from autodiff_cli.solve.model import Model, Point
    from autodiff_cli.solve.parameters import Vector


@record
class Statistics:
    """Of a fit.

    Attributes:
        residual_sum_of_squares: Σ w·r².
        residual_standard_deviation: the root of that over the degrees of freedom; nan without.
        degrees_of_freedom: rows less parameters that moved.
        chi_square: Σ (r/σ)², or Σ w·r².
        root: a matrix C of which C·Cᵀ is the parameters' covariance; nan where there is none.
        factor: half the width of an interval, in standard errors.
        standard_errors: of all parameters; nan for one at its bound.
    """

    residual_sum_of_squares: float
    residual_standard_deviation: float
    degrees_of_freedom: int
    chi_square: float
    aic: float
    bic: float
    root: Any
    factor: float
    standard_errors: Vector

    @property
    def correlation(self) -> Any:
        """Of every pair of parameters; nan where an error is."""
        with np.errstate(all="ignore"):
            rows = self.root / self.standard_errors[:, None]
        matrix = rows @ rows.T
        np.fill_diagonal(matrix, np.where(np.isfinite(self.standard_errors), 1.0, np.nan))
        return np.clip(matrix, -1.0, 1.0)

    def errors_of(self, gradients: Any) -> Vector:
        """The standard error of quantities with these derivatives by the parameters."""
        used = np.isfinite(self.standard_errors)
        errors: Vector = np.linalg.norm(gradients[:, used] @ self.root[used], axis=1)
        return errors


def statistics(
    model: Model,
    point: Point,
    factors: Factored,
    free: Any,
    confidence: float,
) -> Statistics:
    """Of the fit that ended at `point`.

    Args:
        free: which parameters moved, those that are not at a bound.
        confidence: of the intervals, between 0 and 1.
    """
    absolute = model.is_absolute
    residuals, rows, moved = point.residuals, model.rows, int(free.sum())
    squares = float(residuals @ residuals)
    freedom = rows - moved
    deviation = math.sqrt(squares / freedom) if freedom > 0 else math.nan
    root = np.full((free.size, moved), np.nan)
    try:
        inverse = factors.inverse()
    except np.linalg.LinAlgError:
        inverse = np.full((moved, moved), np.nan)
    root[free] = inverse * _unit(model, residuals, freedom, moved, absolute)
    counted = moved if absolute else moved + 1
    likelihood = _log_likelihood(model, squares, absolute)
    return Statistics(
        squares,
        deviation,
        freedom,
        squares,
        2 * counted - 2 * likelihood,
        counted * math.log(rows) - 2 * likelihood,
        root,
        half_width(confidence, freedom, absolute),
        np.linalg.norm(root, axis=1),
    )


def half_width(confidence: float, freedom: int, absolute: bool) -> float:
    """Student's quantile; the normal one where the scale of the residuals is known."""
    tail = 0.5 + confidence / 2
    if absolute:
        return float(special.ndtri(tail))
    return float(special.stdtrit(freedom, tail)) if freedom > 0 else math.nan


def _unit(model: Model, residuals: Vector, freedom: int, moved: int, absolute: bool) -> float:
    """What the root of (JᵀJ)⁻¹ is multiplied by: the residuals' standard deviation.

    For a loss it is that of their pulls, over the mean slope of these (Huber, Robust Statistics,
    1981, 7.6), with the rows' curvature in J already.
    """
    if model.loss is not None and freedom > 0:
        first, second = model.loss.slopes(residuals)
        pulls = float(((first * residuals) ** 2).sum()) / freedom
        return math.sqrt(pulls / max(float(second.mean()), 1e-300))
    if absolute:
        return 1.0
    return math.sqrt(float(residuals @ residuals) / freedom) if freedom > 0 else math.nan


def _log_likelihood(model: Model, squares: float, absolute: bool) -> float:
    """Of normal errors; where their variance is not known it is the likeliest one."""
    rows, scales = model.rows, float(np.log(model.scale).sum())
    if absolute:
        return -0.5 * (rows * math.log(2 * math.pi) + squares) + scales
    if squares <= 0:
        return math.inf
    return -0.5 * rows * (math.log(2 * math.pi * squares / rows) + 1) + scales
