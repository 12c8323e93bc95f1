"""What a fitted model says of other data, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.solve.fitting import Fit
    from autodiff_cli.solve.parameters import Vector


@record
class Predictions:
    """One for each record.

    Attributes:
        columns: what they were predicted from.
        standard_error: of the curve there.
        confidence: the band in which the curve is; shape: records, 2.
        prediction: that in which a further observation is.
    """

    columns: dict[str, Any]
    value: Vector
    standard_error: Vector
    confidence: Any
    prediction: Any


def predict(fit: Fit, columns: Mapping[str, Any], rows: int, scale: Any = 1.0) -> Predictions:
    """Predictions for columns that the model reads.

    Args:
        scale: of the observations, as the model's: 1/σ, or the root of a weight.
    """
    value, derived = fit.model.predicted(fit.at, columns, rows)
    stats = fit.statistics
    error = stats.errors_of(derived())
    unit = 1.0 if fit.model.is_absolute else stats.residual_standard_deviation
    both = np.hypot(error, unit / scale)

    def band(width: Any) -> Any:
        return np.stack([value - stats.factor * width, value + stats.factor * width], axis=1)

    return Predictions(dict(columns), value, error, band(error), band(both))
