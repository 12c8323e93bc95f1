"""A fit from beginning to end: search, polish, statistics, and what to make of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.errors import Finding, UsageError
from autodiff_cli.records import record, replace
from autodiff_cli.solve import diagnosis
from autodiff_cli.solve.factored import factored
from autodiff_cli.solve.losses import Loss, spread
from autodiff_cli.solve.parameters import units
from autodiff_cli.solve.polish import polish
from autodiff_cli.solve.search import Found, felt_by, search
from autodiff_cli.solve.statistics import statistics

if TYPE_CHECKING:
    from autodiff_cli.solve.model import Model, Point
    from autodiff_cli.solve.parameters import Vector
    from autodiff_cli.solve.statistics import Statistics

EVALUATIONS = 10_000
"""In each attempt, where nobody says."""
NEAR_BOUND = 1e-5
OFFSET = 1e-4
"""How far off, in standard errors of the parameters together, a fit may be that has converged
(Bates and Watts' relative offset, 1981, who allow 1e-3)."""
FIRST = 1e-9
"""The tolerance of a search whose end will be polished."""
DONE = 1e-9
"""Standard errors off, at which nothing is left to do."""
NOTHING = 1e-9
"""Of the data's size: a sum of squares below the square of it is that of an exact fit."""
RESCALINGS = 20
TUNING = {"huber": 1.345, "soft_l1": 1.345, "cauchy": 2.385, "arctan": 2.385}
"""Standard deviations at which residuals begin to count for less, as robust statistics has it."""


@record
class Choices:
    """How to fit.

    Attributes:
        starts: how many; those after the first are drawn.
        confidence: of intervals.
        loss_scale: None for one that the residuals tell.
        evaluations: at most so many in each attempt.
    """

    method: str = "auto"
    loss: str = "linear"
    loss_scale: float | None = None
    starts: int = 1
    confidence: float = 0.95
    profile: bool = False
    seed: Any = None
    evaluations: int | None = None


@record
class Fit:
    """What was found.

    Attributes:
        model: with the loss that it was fitted by.
        at: the parameters, those that are free of `model.parameters`.
        held: which of them are at a bound.
        intervals: of each; nan where there is none.
        evaluations: of the model, with its Jacobian.
        has_converged: no step makes it better.
    """

    model: Model
    point: Point
    held: Any
    statistics: Statistics
    intervals: Any
    confidence: float
    is_profile: bool
    evaluations: int
    has_converged: bool
    findings: list[Finding]

    @property
    def at(self) -> Vector:
        return self.point.at


def fit(model: Model, choices: Choices) -> Fit:
    """The least squares, or the least loss, from the model's start.

    Raises:
        UsageError: there are fewer rows than parameters, or nothing to fit.
        RunError: the program fails.
    """
    size = model.parameters.start.size
    if not size:
        raise UsageError(
            "there is nothing to fit: the model has no free parameter",
            help="a parameter is an input that is no column; give it a start: NAME=START",
            kind="parameter",
        )
    if model.rows < size:
        raise UsageError(
            f"got {model.rows} rows for {size} parameters, want at least as many rows",
            help="hold some of them with --fix NAME, or bring more data",
            kind="too-few-rows",
        )
    _refuse_unused(model)
    found = _from_starts(model, choices)
    if choices.loss != "linear":
        model, found = _robust(model, found, choices)
    point, held = _closer(model, found, choices)
    return _judged(model, point, held, found, choices)


def _from_starts(model: Model, choices: Choices) -> Found:
    most = choices.evaluations or EVALUATIONS
    best = search(model, model.parameters.start, choices.method, most, FIRST)
    randomness = np.random.default_rng(choices.seed)
    for _ in range(choices.starts - 1):
        start = model.parameters.drawn(randomness)
        if not model.point(start).is_finite:
            continue
        found = search(model, start, choices.method, most, FIRST)
        if found.is_better(best):
            best = found
    return best


def _closer(model: Model, found: Found, choices: Choices) -> tuple[Point, Any]:
    """The point polished; searched on from there first where that leaves something to do.

    A search as far as rounding goes takes most of its steps there, where Newton's method needs
    few; but in a long valley it must go that far to come near enough for those.
    """
    point, held = _settled(model, found.at)
    if _offset(model, point, held) <= DONE:
        return point, held
    start = point.at if model.cost(point.at) <= found.cost else found.at
    most = choices.evaluations or EVALUATIONS
    again = search(model, start, choices.method, most)
    if model.cost(again.at) <= min(found.cost, model.cost(point.at)):
        return _settled(model, again.at)
    return point, held


def _offset(model: Model, point: Point, held: Any) -> float:
    """How far from the least sum a point is, in standard errors of the parameters together."""
    if not point.is_finite:
        return math.inf
    left = np.linalg.norm(factored(point, ~held, model.loss).projected)
    freedom = max(model.rows - point.at.size, 1)
    unit = math.sqrt(max(model.cost(point.at), 0.0) / freedom)
    return float(left) / (unit * math.sqrt(point.at.size)) if unit > 0 else 0.0


def _robust(model: Model, found: Found, choices: Choices) -> tuple[Model, Found]:
    """The fit by another loss, from the one by least squares.

    Where nobody says from where on residuals count for less, their own spread does. That of least
    squares is spoilt by what the loss is there for: it is told again, until it stays.
    """
    known = choices.loss_scale
    if known is None and model.is_absolute:
        known = TUNING[choices.loss]
    scale = known or 0.0
    for _ in range(1 if known else RESCALINGS):
        before = scale
        scale = known or TUNING[choices.loss] * (spread(model.residuals(found.at)) or 1.0)
        if abs(scale - before) <= 1e-3 * scale and not known:
            break
        model = model.with_loss(Loss(choices.loss, scale))
        found = search(model, found.at, choices.method, choices.evaluations or EVALUATIONS)
    return model, found


def _settled(model: Model, at: Vector) -> tuple[Point, Any]:
    """The point polished; what is at its bound, and pushes against it, is put on it and held."""
    parameters = model.parameters
    held = np.zeros(at.size, bool)
    if parameters.is_bounded:
        at = at.copy()
        point = model.point(at)
        pulls = (
            point.residuals
            if model.loss is None
            else point.residuals * model.loss.slopes(point.residuals)[0]
        )
        slope = point.jacobian.T @ pulls
        for bound, outward in ((parameters.lower, slope > 0), (parameters.upper, slope < 0)):
            size = np.maximum(np.maximum(np.abs(bound), np.abs(parameters.start)), 1e-8)
            near = np.abs(at - bound) <= NEAR_BOUND * np.where(np.isfinite(size), size, 1.0)
            put = near & outward & np.isfinite(bound)
            at[put], held = bound[put], held | put
    if model.point(at).is_finite:
        at = polish(model, at, ~held)
    return model.point(at), held


def _judged(model: Model, point: Point, held: Any, found: Found, choices: Choices) -> Fit:
    parameters, free = model.parameters, ~held
    factors = factored(point, free, model.loss)
    stats = statistics(model, point, factors, free, choices.confidence)
    sizes = units(point.at, parameters.start)
    singular = list(diagnosis.inseparable(factors, parameters.labels, sizes, free))
    if singular:
        stats = replace(
            stats,
            root=np.full_like(stats.root, math.nan),
            standard_errors=np.full_like(stats.standard_errors, math.nan),
        )
    reason = _why_not(model, point, factors.projected, found)
    findings = [diagnosis.not_converged(reason)] if reason else []
    findings += singular
    if stats.degrees_of_freedom == 0:
        findings.append(diagnosis.no_freedom(model.rows))
    findings += diagnosis.at_bounds(model, point.at, held)
    findings += diagnosis.correlated(stats.correlation, parameters.labels)
    findings += diagnosis.constant_columns(model.columns)
    width = stats.factor * stats.standard_errors
    intervals = np.stack([point.at - width, point.at + width], axis=1)
    if choices.profile and not reason:
        from autodiff_cli.solve.profile import profile

        for place, ends in profile(model, point.at, free, stats).items():
            intervals[place] = ends
    return Fit(
        model,
        point,
        held,
        stats,
        intervals,
        choices.confidence,
        choices.profile,
        model.evaluations,
        not reason,
        findings,
    )


def _why_not(model: Model, point: Point, projected: Vector, found: Found) -> str:
    """Why a fit is none; nothing where it is one."""
    if not point.is_finite:
        return "the model is not finite where the search ended"
    if not found.is_sound:
        lost = felt_by(model, model.parameters.start) & ~felt_by(model, point.at)
        names = [f"`{model.parameters.labels[i]}`" for i in np.flatnonzero(lost)]
        if names:
            return f"it ended where the model does not feel {' and '.join(names)} any more"
    freedom = max(model.rows - point.at.size, 1)
    unit = math.sqrt(max(model.cost(point.at), 0.0) / freedom)
    offset = float(np.linalg.norm(projected)) / math.sqrt(point.at.size)
    size = float(np.linalg.norm(model.residuals(model.parameters.start)))
    if model.response is not None:
        size += float(np.linalg.norm(model.response * model.scale))
    if offset <= OFFSET * unit or offset <= NOTHING * size or _is_orthogonal(model, point):
        return ""
    return f"the parameters are still {offset / unit:.2g} standard errors off where it stopped"


def _is_orthogonal(model: Model, point: Point) -> bool:
    """Whether every column of the Jacobian stands at a right angle to the residuals.

    It holds at a minimum where the Jacobian is singular too, and nothing else tells.
    """
    residuals = point.residuals
    if model.loss is not None:
        residuals = residuals * model.loss.slopes(residuals)[0]
    lengths = np.linalg.norm(point.jacobian, axis=0) * np.linalg.norm(residuals)
    return bool((np.abs(point.jacobian.T @ residuals) <= NOTHING * lengths).all())


def _refuse_unused(model: Model) -> None:
    """Raises where a parameter has no effect at all, not even where others have other values."""
    start = model.parameters.start
    moves = np.abs(model.jacobian(start)).sum(axis=0)
    for label in (model.parameters.labels[i] for i in np.flatnonzero(moves == 0)):
        name = label.partition("[")[0]
        if name in model.unused():
            raise UsageError(
                f"the model does not use the parameter `{name}`",
                help=f"hold it with --fix {name}, or use it in the program",
                kind="parameter",
            )
