"""The search for the least sum of squares: trust regions that recover, from SciPy."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, optimize
from autodiff_cli.records import record
from autodiff_cli.solve.parameters import units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.solve.model import Model
    from autodiff_cli.solve.parameters import Vector

    Attempt = Callable[[Model, Vector, int, float], Vector]

EPSILON = float(np.finfo(float).eps)
DAMPED = (100.0, 1.0, 0.1, 0.01)
"""First steps of Levenberg and Marquardt's method, in units of the scaled start: the first is
MINPACK's own, and each next one is a restart that is more careful."""
FAR = 1e150
"""The residual that stands for one that is nan or inf: a step there is taken back."""
FELT = 1e-9
"""Of what the model predicts: a parameter that moves less of it when it is doubled is not felt."""


@record
class Found:
    """Where a search ended.

    Attributes:
        at: the parameters.
        cost: what was minimised, there.
        is_sound: finite, and every parameter that was felt at the start still is.
    """

    at: Vector
    cost: float
    is_sound: bool

    def is_better(self, other: Found) -> bool:
        return (self.is_sound, -self.cost) > (other.is_sound, -other.cost)


def search(
    model: Model, start: Vector, method: str, most: int, tolerance: float = EPSILON
) -> Found:
    """The best of what the attempts found: as many as are needed until one is sound.

    Args:
        method: `auto`, or one of SciPy's: `lm`, `trf`, `dogbox`.
        most: evaluations in each attempt.
        tolerance: of the sum, the step and the gradient, relative; where one is met it ends.
    """
    felt = felt_by(model, start)
    best = Found(start, model.cost(start), False)
    for attempt in _attempts(model, method):
        at = attempt(model, start, most, tolerance)
        cost = model.cost(at)
        is_sound = bool(np.isfinite(cost) and felt_by(model, at)[felt].all())
        found = Found(at, cost, is_sound)
        if found.is_better(best):
            best = found
        if best.is_sound:
            break
    return best


def felt_by(model: Model, at: Vector) -> Any:
    """Which parameters the model feels there."""
    point = model.point(at)
    effect = np.linalg.norm(point.jacobian, axis=0) * units(at, model.parameters.start)
    seen = 0.0 if model.response is None else model.response * model.scale
    whole = np.linalg.norm(point.residuals + seen) + np.linalg.norm(point.residuals)
    return effect > FELT * whole


def _attempts(model: Model, method: str) -> Iterator[Attempt]:
    linear = model.loss is None and not model.parameters.is_bounded
    if method in ("auto", "lm") and linear and model.rows >= model.parameters.start.size:
        for factor in DAMPED:
            yield partial(_levenberg_marquardt, factor=factor)
    if method != "lm":
        yield partial(_within_bounds, kind="trf" if method == "auto" else method)


def best_of(model: Model, start: Vector, free: Any, tolerance: float) -> Vector:
    """Where the cost is least near a start, when only the `free` parameters move."""
    if not free.any():
        return start

    def whole(part: Vector) -> Vector:
        at = start.copy()
        at[free] = part
        return at

    parameters = model.parameters
    begin = np.clip(start, parameters.lower, parameters.upper)
    if not model.point(begin).is_finite:
        return begin
    plain = model.loss is None and not parameters.is_bounded
    found = _least_squares(
        model,
        lambda part: _finite(model.residuals(whole(part))),
        begin[free],
        lambda part: _finite(model.jacobian(whole(part)))[:, free],
        (parameters.lower[free], parameters.upper[free]),
        "lm" if plain else "trf",
        tolerance,
    )
    return whole(found)


def _least_squares(
    model: Model,
    residuals: Callable[[Vector], Vector],
    start: Vector,
    jacobian: Callable[[Vector], Any],
    bounds: tuple[Vector, Vector],
    method: str,
    tolerance: float,
    most: int | None = None,
) -> Vector:
    """SciPy's search, by the loss of the model, from a start within bounds."""
    loss = model.loss
    with quiet():
        found: Vector = optimize.least_squares(
            residuals,
            start,
            jac=jacobian,
            bounds=bounds,
            method=method,
            x_scale="jac",
            loss="linear" if loss is None else loss.name,
            f_scale=1.0 if loss is None else loss.scale,
            ftol=tolerance,
            xtol=tolerance,
            gtol=tolerance,
            max_nfev=most,
        ).x
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """While it is open, what SciPy and NumPy would warn of is nobody's business but ours."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _finite(values: Any) -> Any:
    """What is nan or inf so large that a step there is taken back."""
    if np.isfinite(values).all():
        return values
    return np.nan_to_num(values, nan=FAR, posinf=FAR, neginf=-FAR)


def _levenberg_marquardt(
    model: Model, start: Vector, most: int, tolerance: float, factor: float
) -> Vector:
    def residuals(at: Vector) -> Vector:
        found = model.residuals(at)
        return found if np.isfinite(found).all() else np.full_like(found, FAR)

    with quiet():
        found: Vector = optimize.leastsq(
            residuals,
            start,
            Dfun=lambda at: _finite(model.jacobian(at)).T,
            col_deriv=True,
            full_output=True,
            ftol=tolerance,
            xtol=tolerance,
            gtol=tolerance,
            maxfev=most,
            factor=factor,
        )[0]
    return found


def _within_bounds(model: Model, start: Vector, most: int, tolerance: float, kind: str) -> Vector:
    parameters = model.parameters
    return _least_squares(
        model,
        model.residuals,
        start,
        lambda at: _finite(model.jacobian(at)),
        (parameters.lower, parameters.upper),
        kind,
        tolerance,
        most,
    )
