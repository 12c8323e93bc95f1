"""The least value of a program, and what kind of point it is at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, optimize, sparse_linalg
from autodiff_cli.errors import Finding
from autodiff_cli.records import record
from autodiff_cli.solve.parameters import units
from autodiff_cli.solve.search import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autodiff_cli.solve.constraints import Constraint
    from autodiff_cli.solve.model import Model
    from autodiff_cli.solve.parameters import Vector

ITERATIONS = 10_000
DENSE = 300
"""Up to so many variables the Hessian is worked out whole; beyond, its products with vectors."""
STILL = 60
"""Iterations at one point, after which a search stays there: a trust region has shrunk to nothing
by then, and SciPy's trust-krylov goes on in it to its last iteration."""
STEPS, IN_VAIN = 30, 3
"""Of Newton's method at the end, and those that lower nothing after which it stops."""
TOLERANCE = 1e-7
"""Of the gradient, in units of the value and of the point: below it a search has converged."""
ROUNDING = 1e-12
"""Of the value: what the last step may promise."""
NEAR = 1e-6
"""Of a bound, or of a constraint: what is so near is at it."""
FLAT = 1e-10
"""An eigenvalue below it is no slope: of the Hessian in units of the point, and of the value."""
DEEP = -1e20
"""A value below it will not be the last."""


@record
class Minimum:
    """Where a search ended.

    Attributes:
        value, gradient: there.
        gradient_norm: of what bounds and constraints leave of the gradient.
        eigenvalues: of the Hessian in the directions that they leave; of many variables the
            least and the largest.
        nature: what the eigenvalues say.
        held: the variables that are at a bound.
        multipliers: for each constraint those of its elements.
        iterations: evaluations with the gradient.
    """

    model: Model
    at: Vector
    value: float
    gradient: Vector
    gradient_norm: float
    eigenvalues: Vector
    nature: str
    held: Any
    multipliers: list[Vector]
    iterations: int
    has_converged: bool
    findings: list[Finding]


def minimize(
    model: Model,
    constraints: Sequence[Constraint],
    method: str,
    iterations: int | None,
    tell: Callable[[int, float], None],
) -> Minimum:
    """The least of a model of one row, from its start.

    Args:
        method: `auto`, or one of SciPy's.
        tell: is called with the number of the iteration and its value.
    """
    most = iterations or ITERATIONS
    best, least, stands = model.parameters.start, _Stand(model, constraints), None
    for attempt in _attempts(model, constraints, method, most, tell):
        at = least.polished(attempt(best))
        found = least.at(at)
        found.has_converged = found.has_converged or least.is_lowest(found)
        if stands is None or found.is_better(stands):
            best, stands = at, found
        if stands.has_converged:
            break
    assert stands is not None
    return _judged(model, constraints, stands)


@record
class _Found:
    """A point, what holds it, and what is left of the gradient."""

    at: Vector
    value: float
    held: Any
    active: Any
    """The rows of the constraints that hold it, one below the other."""
    multipliers: Vector
    left: Vector
    broken: float
    has_converged: bool

    def is_better(self, other: _Found) -> bool:
        key = self.has_converged, self.broken <= NEAR, -self.value
        return key > (other.has_converged, other.broken <= NEAR, -other.value)


class _Stand:
    """Looks at points: which bounds and constraints hold them, and how still they are."""

    def __init__(self, model: Model, constraints: Sequence[Constraint]) -> None:
        self._model = model
        self._constraints = constraints

    def at(self, at: Vector) -> _Found:
        model = self._model
        point = model.point(at)
        value, gradient = float(point.residuals[0]), point.jacobian[0]
        held = self._held(at, gradient)
        values, rows, equations = self._rows(at)
        near = equations | (values <= NEAR * (1 + np.abs(rows).sum(axis=1)))
        multipliers = np.zeros(values.size)
        if near.any():
            found = np.linalg.lstsq(rows[near][:, ~held].T, gradient[~held], rcond=None)[0]
            multipliers[near] = found
            near &= equations | (multipliers > 0)
            multipliers[~near] = 0.0
            if near.any():
                found = np.linalg.lstsq(rows[near][:, ~held].T, gradient[~held], rcond=None)[0]
                multipliers[near] = found
        left = np.where(held, 0.0, gradient - multipliers @ rows)
        off = np.where(equations, np.abs(values), np.maximum(-values, 0.0))
        broken = float(np.max(off / (1 + np.abs(rows).sum(axis=1)), initial=0.0))
        size = float(np.max(np.abs(left) * np.maximum(np.abs(at), 1.0), initial=0.0))
        still = size <= TOLERANCE * max(abs(value), 1.0) and broken <= NEAR and value > DEEP
        return _Found(at, value, held, near, multipliers, left, broken, still and point.is_finite)

    def polished(self, at: Vector) -> Vector:
        """By Newton's method on the gradient and the constraints that hold, where that helps."""
        size = at.size
        if size > DENSE:
            return at
        found = self.at(at)
        best, least, vain = at, self._size(found), 0
        for _ in range(STEPS):
            if not np.isfinite(found.left).all():
                break
            step = self._step(found)
            moved = found.at + step
            if not self._model.parameters.allow(moved) or not np.any(step):
                break
            found = self.at(moved)
            norm = self._size(found)
            if norm < least and (found.value <= self.at(best).value + abs(found.value) * 1e-8):
                best, least, vain = moved, norm, 0
            else:
                vain += 1
                if vain == IN_VAIN:
                    break
        return best

    def is_lowest(self, found: _Found) -> bool:
        """Whether a step of Newton's method would lower the value by no more than rounding does.

        A gradient that is large only because the point's units are small is found out so.
        """
        if found.at.size > DENSE or not np.isfinite(found.left).all() or found.broken > NEAR:
            return False
        gain = -float(found.left @ self._step(found))
        return 0 <= gain <= ROUNDING * max(abs(found.value), 1.0) and found.value > DEEP

    def hessian(self, found: _Found) -> Any:
        """Of the Lagrangian."""
        total = self._model.curvature(found.at, np.ones(1))
        first = 0
        for constraint in self._constraints:
            size = constraint.value(found.at).size
            part = found.multipliers[first : first + size]
            first += size
            if part.any():
                total = total - constraint.curvature(found.at, part)
        return total

    def active_rows(self, found: _Found) -> Any:
        return self._rows(found.at)[1][found.active]

    def _size(self, found: _Found) -> float:
        return float(np.linalg.norm(found.left * np.maximum(np.abs(found.at), 1e-8))) + found.broken

    def _step(self, found: _Found) -> Vector:
        free = ~found.held
        values, rows, _ = self._rows(found.at)
        rows, off = rows[found.active][:, free], values[found.active]
        inner = self.hessian(found)[np.ix_(free, free)]
        count = len(rows)
        matrix = np.block([[inner, rows.T], [rows, np.zeros((count, count))]])
        step = np.zeros(found.at.size)
        try:
            solved = np.linalg.solve(matrix, -np.concatenate([found.left[free], off]))
        except np.linalg.LinAlgError:
            return step
        step[free] = solved[: int(free.sum())]
        return step

    def _held(self, at: Vector, gradient: Vector) -> Any:
        parameters = self._model.parameters
        low = at - parameters.lower <= NEAR * np.maximum(np.abs(at), 1e-3)
        high = parameters.upper - at <= NEAR * np.maximum(np.abs(at), 1e-3)
        return (low & (gradient > 0)) | (high & (gradient < 0))

    def _rows(self, at: Vector) -> tuple[Vector, Any, Any]:
        """The constraints' values, their derivatives, and which of them are equations."""
        values = [constraint.value(at) for constraint in self._constraints]
        rows = [constraint.jacobian(at) for constraint in self._constraints]
        kinds = [
            np.full(value.size, constraint.is_equation)
            for value, constraint in zip(values, self._constraints, strict=True)
        ]
        return (
            np.concatenate([*values, np.zeros(0)]),
            np.concatenate([*rows, np.zeros((0, at.size))]),
            np.concatenate([*kinds, np.zeros(0, bool)]),
        )


# ── SciPy's methods ───────────────────────────────────────────────────────────────────


def _attempts(
    model: Model,
    constraints: Sequence[Constraint],
    method: str,
    most: int,
    tell: Callable[[int, float], None],
) -> Iterator[Callable[[Vector], Vector]]:
    for name in _methods(model, constraints, method):
        yield partial(_run, model, constraints, name, most=most, tell=tell)


def _methods(model: Model, constraints: Sequence[Constraint], method: str) -> Sequence[str]:
    if method != "auto":
        return (method,)
    if constraints:
        return ("SLSQP", "trust-constr")
    if model.parameters.is_bounded:
        return ("L-BFGS-B", "trust-constr")
    if model.parameters.start.size > DENSE:
        return ("trust-krylov", "L-BFGS-B")
    return ("trust-exact", "BFGS", "L-BFGS-B")


def _run(
    model: Model,
    constraints: Sequence[Constraint],
    method: str,
    start: Vector,
    most: int,
    tell: Callable[[int, float], None],
) -> Vector:
    number = still = 0
    best: tuple[float, Vector] = (np.inf, start)
    last = start

    def value(at: Vector) -> float:
        found = float(model.residuals(at)[0])
        return found if np.isfinite(found) else np.inf

    def gradient(at: Vector) -> Vector:
        found: Vector = np.nan_to_num(model.jacobian(at)[0], posinf=1e150, neginf=-1e150)
        return found

    def step(at: Vector, *_: Any) -> None:
        nonlocal number, best, last, still
        number += 1
        still = still + 1 if np.array_equal(at, last) else 0
        last = np.array(at)
        found = value(at)
        if found <= best[0]:
            best = found, np.array(at)
        tell(number, found)
        if found < DEEP or still == STILL:
            raise StopIteration

    arguments: dict[str, Any] = {}
    if method in ("trust-exact", "trust-constr", "dogleg"):
        arguments["hess"] = lambda at: model.curvature(at, np.ones(1))
    elif method in ("trust-krylov", "trust-ncg", "Newton-CG"):
        arguments["hessp"] = lambda at, direction, *_: model.product(at, direction)
    parameters = model.parameters
    if parameters.is_bounded:
        arguments["bounds"] = optimize.Bounds(parameters.lower, parameters.upper)
    if constraints and method == "trust-constr":
        arguments["constraints"] = [
            optimize.NonlinearConstraint(
                one.value,
                0.0,
                0.0 if one.is_equation else np.inf,
                jac=one.jacobian,
                hess=one.curvature,
            )
            for one in constraints
        ]
    elif constraints:
        arguments["constraints"] = [
            {
                "type": "eq" if one.is_equation else "ineq",
                "fun": one.value,
                "jac": one.jacobian,
            }
            for one in constraints
        ]
    counts = "maxfun" if method == "TNC" else "maxiter"
    options = {counts: most, **_OPTIONS.get(method, {})}
    try:
        with quiet():
            found = optimize.minimize(
                value,
                start,
                jac=gradient,
                method=method,
                callback=step,
                options=options,
                **arguments,
            )
    except StopIteration:
        return best[1]
    at: Vector = found.x
    return at


_TIGHT = {"gtol": 1e-12}
_OPTIONS: dict[str, dict[str, Any]] = {
    "trust-exact": {**_TIGHT, "max_trust_radius": 1e10},
    "trust-krylov": {**_TIGHT, "max_trust_radius": 1e10},
    "trust-ncg": {**_TIGHT, "max_trust_radius": 1e10},
    "dogleg": {**_TIGHT, "max_trust_radius": 1e10},
    "Newton-CG": {"xtol": 1e-12},
    "BFGS": _TIGHT,
    "CG": _TIGHT,
    "L-BFGS-B": {"ftol": 1e-15, "gtol": 1e-12, "maxfun": 10**6, "maxcor": 20},
    "TNC": {"ftol": 1e-15, "gtol": 1e-12},
    "SLSQP": {"ftol": 1e-14},
    "trust-constr": {"gtol": 1e-10, "xtol": 1e-12, "barrier_tol": 1e-10},
}
METHODS = ("auto", *_OPTIONS)


# ── what to make of it ────────────────────────────────────────────────────────────────


def _judged(model: Model, constraints: Sequence[Constraint], found: _Found) -> Minimum:
    stand = _Stand(model, constraints)
    count = model.evaluations
    eigenvalues, nature, downhill = np.zeros(0), "", None
    if np.isfinite(found.left).all() and np.isfinite(found.value):
        eigenvalues, nature, downhill = _nature(model, stand, found)
    parts, first = [], 0
    for constraint in constraints:
        size = constraint.value(found.at).size
        parts.append(found.multipliers[first : first + size])
        first += size
    return Minimum(
        model,
        found.at,
        found.value,
        model.jacobian(found.at)[0],
        float(np.linalg.norm(found.left)),
        eigenvalues,
        nature,
        found.held,
        parts,
        count,
        found.has_converged,
        list(_findings(model, constraints, found, nature, downhill)),
    )


def _nature(model: Model, stand: _Stand, found: _Found) -> tuple[Vector, str, Vector | None]:
    """The eigenvalues, what they make of the point, and a direction that leads down from it."""
    free = ~found.held
    if found.at.size > DENSE:
        ends = _extremes(model, found.at)
        scaled, vectors, back = ends, None, None
        eigenvalues = ends
    else:
        matrix = stand.hessian(found)[np.ix_(free, free)]
        rows = stand.active_rows(found)[:, free]
        space = _null_space(rows) if len(rows) else np.eye(int(free.sum()))
        if not space.size:
            return np.zeros(0), "minimum", None  # bounds and constraints leave no direction
        eigenvalues = np.linalg.eigvalsh(space.T @ matrix @ space)
        sizes = units(found.at, model.parameters.start)[free]
        # In those units the directions that constraints leave are others.
        space = _null_space(rows * sizes) if len(rows) else space
        scaled, vectors = np.linalg.eigh(space.T @ (matrix * np.outer(sizes, sizes)) @ space)
        back = sizes[:, None] * space
    start = abs(float(model.residuals(model.parameters.start)[0]))
    value = max(abs(found.value), min(start, 1.0))
    level = max(FLAT * value, float(np.finfo(float).eps * np.max(np.abs(scaled))))
    if scaled[0] < -level:
        direction = None
        if vectors is not None and back is not None:
            direction = np.zeros(found.at.size)
            direction[free] = back @ vectors[:, 0]
            direction /= np.max(np.abs(direction))
        return eigenvalues, "saddle", direction
    return eigenvalues, "flat" if scaled[0] <= level else "minimum", None


def _null_space(rows: Any) -> Any:
    """The directions that constraints leave, as columns."""
    _, sizes, vectors = np.linalg.svd(rows)
    rank = int((sizes > 1e-10 * sizes[0]).sum())
    return vectors[rank:].T


def _extremes(model: Model, at: Vector) -> Vector:
    """The least and the largest eigenvalue, by products with vectors."""
    operator = sparse_linalg.LinearOperator(
        (at.size, at.size), lambda v: model.product(at, np.ravel(v)), dtype=np.float64
    )
    try:
        ends = [
            sparse_linalg.eigsh(operator, 1, which=w, return_eigenvectors=False)[0]
            for w in ("SA", "LA")
        ]
    except sparse_linalg.ArpackError:
        return np.array([np.nan, np.nan])
    return np.array(ends)


def _findings(
    model: Model,
    constraints: Sequence[Constraint],
    found: _Found,
    nature: str,
    downhill: Vector | None,
) -> Iterator[Finding]:
    labels = model.parameters.labels
    if not found.has_converged:
        yield Finding(
            f"no minimum was found: {_why_not(found)}",
            help="begin elsewhere, NAME=START; set bounds, --bound 'NAME=LOW..HIGH'; or allow "
            "more with --max-iterations",
            kind="not-converged",
        )
    elif nature == "saddle":
        along = (
            ""
            if downhill is None
            else ", ".join(
                f"{labels[i]} {downhill[i]:+.3g}" for i in np.flatnonzero(np.abs(downhill) > 0.05)
            )
        )
        yield Finding(
            "this is a saddle: the gradient is 0 here, and the value falls on",
            notes=[f"it falls along {along}"] if along else [],
            help="begin beside it",
            kind="saddle",
        )
    elif nature == "flat":
        yield Finding(
            "it is flat here: the Hessian does not say whether this is a minimum",
            help="other points may be as low, or lower",
            kind="flat",
        )
    for place in np.flatnonzero(found.held):
        yield Finding(
            f"`{labels[place]}` is at its bound {found.at[place]:g}, and would go beyond",
            kind="at-bound",
        )


def _why_not(found: _Found) -> str:
    if found.value <= DEEP:
        return f"the value falls without end, and is {found.value:.3g} already"
    if not np.isfinite(found.value):
        return "the value is not finite"
    if found.broken > NEAR:
        return f"a constraint is broken by {found.broken:.3g}"
    return f"the gradient's norm is still {np.linalg.norm(found.left):.3g}"
