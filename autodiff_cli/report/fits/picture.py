"""What is seen of a fit: points, the curve with its bands, residuals; and the axes' numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.errors import UsageError
from autodiff_cli.records import record
from autodiff_cli.solve.prediction import predict

if TYPE_CHECKING:
    from autodiff_cli.report.fits.data import Report
    from autodiff_cli.solve.prediction import Predictions

MARGIN = 0.03
"""Of an axis, beyond the outermost points."""


@record
class Picture:
    """In the units of the data.

    Attributes:
        across, up: what the axes are called.
        x, y: the observations.
        residuals: observed less predicted.
        curve: predictions at the places of `along`; None where x is what was predicted, and the
            curve is the diagonal.
        left, right, bottom, top: what is in the picture.
    """

    across: str
    up: str
    x: Any
    y: Any
    residuals: Any
    along: Any
    curve: Predictions | None
    left: float
    right: float
    bottom: float
    top: float

    @property
    def middle(self) -> Any:
        """The curve's heights."""
        return self.along if self.curve is None else self.curve.value

    @property
    def farthest(self) -> float:
        """How far the residuals go on either side of 0."""
        return float(np.max(np.abs(self.residuals))) * 1.1 or 1.0


def picture(report: Report, places: int) -> Picture:
    """The picture of a fit, its curve at so many places.

    Over the column that it was predicted from; over the prediction where there are several.

    Raises:
        UsageError: the program computed residuals itself.
    """
    fit = report.fit
    model = fit.model
    if model.response is None:
        raise UsageError(
            "--plot has nothing to draw where the program computes the residuals",
            help="write the program as what predicts a column",
            kind="plot",
        )
    predicted = model.predicted(fit.at)[0]
    residuals = model.response - predicted
    columns = model.columns
    if len(columns) == 1:
        ((across, x),) = columns.items()
        left, right = _widened(float(x.min()), float(x.max()))
        along = np.linspace(left, right, places)
        curve = predict(fit, {across: along}, places)
        heights = np.concatenate([model.response, curve.value])
    else:
        across, x = "predicted", predicted
        left, right = _widened(float(x.min()), float(x.max()))
        along, curve = np.linspace(left, right, places), None
        heights = np.concatenate([model.response, along])
    if curve is not None and np.isfinite(curve.prediction).all():
        heights = np.concatenate([heights, curve.prediction.ravel()])
    heights = heights[np.isfinite(heights)]
    bottom, top = _widened(float(heights.min()), float(heights.max()))
    return Picture(
        across, report.title, x, model.response, residuals, along, curve, left, right, bottom, top
    )


def _widened(low: float, high: float) -> tuple[float, float]:
    room = MARGIN * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, at most so many: 1, 2 or 5 times a power of 10 apart."""
    raw = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def tick_text(value: float) -> str:
    return f"{value:.10g}" if abs(value) < 1e6 else f"{value:.6g}"
