"""Roots and minima of functions whose derivatives are known: Newton's method, and SciPy's.

Unknowns are vectors of shape (n,). What is not finite is a step too far, and taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, optimize
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    Vector = Any
    Equations = Callable[[Vector], tuple[Vector, Any]]
    """f(x), of shape (n,), and its Jacobian, of shape (n, n)."""

STEPS = 100
HALVINGS = 40
CLOSE = 1e-9
"""A Newton step so small, beside the numbers that were met on the way, ends at a root."""
CLOSE_IN_SINGLE = 1e-4
"""The same where f is computed in float32."""
NOTHING = 1e-14
"""Beside the largest residual that was met, what is left at a root that is not simple."""
DOUBLINGS = 60
BISECTIONS = 3000
"""Enough for any two floats."""
EPSILON = 2.0**-52


@record
class Found:
    """Where a search ended.

    Attributes:
        x: the best point.
        residual: f there; of a minimum, the gradient.
        jacobian: that of f; of a minimum, the Hessian.
        converged: it is a root, or a minimum.
        evaluations: of f with its Jacobian.
    """

    x: Vector
    residual: Vector
    jacobian: Any
    converged: bool
    evaluations: int

    @property
    def size(self) -> float:
        """The residual's norm."""
        return float(np.linalg.norm(self.residual))


class _Counted:
    """Equations, with what was met on the way."""

    def __init__(self, equations: Equations, close: float) -> None:
        self._equations = equations
        self._close = close
        self.evaluations = 0
        self.largest_x = 0.0
        self.largest_residual = 0.0

    def __call__(self, x: Vector) -> tuple[Vector, Any]:
        self.evaluations += 1
        residual, jacobian = self._equations(x)
        if np.isfinite(residual).all():
            self.largest_x = max(self.largest_x, float(np.abs(x).max()))
            self.largest_residual = max(self.largest_residual, float(np.abs(residual).max()))
        return residual, jacobian

    def found(self, x: Vector) -> Found:
        """The point after the last of Newton's steps from x, with its verdict."""
        x, residual, jacobian = _polished(self, x)
        step = _step(residual, jacobian)
        small = step is not None and float(np.abs(step).max()) <= self._close * self.largest_x
        rest = float(np.abs(residual).max())
        # Where the Jacobian is singular Newton's step says nothing.
        converged = rest == 0 or small or (step is None and rest <= NOTHING * self.largest_residual)
        return Found(x, residual, jacobian, converged, self.evaluations)


def find_root(equations: Equations, start: Vector, close: float = CLOSE) -> Found:
    """A root of as many equations as there are unknowns, near `start`, where f is finite."""
    counted = _Counted(equations, close)
    best: Found | None = None
    attempts = [_newton, _hybrid, *([_by_bracket] if start.size == 1 else [])]
    for attempt in attempts:
        x = attempt(counted, start)
        if x is None:
            continue
        found = counted.found(x)
        if found.converged:
            return found
        if best is None or found.size < best.size:
            best = found
    return best or counted.found(start)


def _step(residual: Vector, jacobian: Any) -> Vector | None:
    """Newton's step, to be subtracted; None where there is none."""
    if not np.isfinite(jacobian).all():
        return None
    try:
        step = np.linalg.solve(jacobian, residual)
    except np.linalg.LinAlgError:
        return None
    return step if np.isfinite(step).all() else None


def _newton(equations: Equations, start: Vector) -> Vector | None:
    """Damped: a step that does not make the residual smaller is halved."""
    x = start
    residual, jacobian = equations(x)
    for _ in range(STEPS):
        step = _step(residual, jacobian)
        size = np.linalg.norm(residual)
        if step is None or not size or np.abs(step).max() <= EPSILON * np.abs(x).max():
            return x
        for halvings in range(HALVINGS):
            share = 0.5**halvings
            new = equations(x - share * step)
            if np.linalg.norm(new[0]) <= (1 - 1e-4 * share) * size:
                break
        else:
            return x
        x = x - share * step
        residual, jacobian = new
    return x


class _Outside(Exception):  # noqa: N818
    """The search has left what the equations are finite on."""


def _hybrid(equations: Equations, start: Vector) -> Vector | None:
    """Powell's method, MINPACK's, which goes round what stops Newton's."""

    def finite(x: Vector) -> tuple[Vector, Any]:
        residual, jacobian = equations(x)
        if not (np.isfinite(residual).all() and np.isfinite(jacobian).all()):
            raise _Outside
        return residual, jacobian

    try:
        x = optimize.root(finite, start, jac=True, method="hybr", options={"xtol": 1e-12}).x
    except _Outside:
        return None
    return x if np.isfinite(x).all() else None


def _by_bracket(equations: Equations, start: Vector) -> Vector | None:
    """Goes away from the start, twice as far each time, until the sign changes."""
    at = float(start[0])
    value = float(equations(start)[0][0])
    step = 0.01 * (abs(at) or 1.0)
    for _ in range(DOUBLINGS):
        for other in (at - step, at + step):
            found = float(equations(np.array([other]))[0][0])
            if found * value <= 0:
                return root_between(equations, at, other)
        step *= 2
    return None


def root_between(equations: Equations, low: float, high: float) -> Vector:
    """A root between two points with values of opposite signs."""

    def value(x: float) -> float:
        return float(equations(np.array([x]))[0][0])

    x = optimize.brentq(value, low, high, xtol=5e-324, rtol=1e-15, maxiter=BISECTIONS)
    return np.array([x])


def found_between(equations: Equations, low: float, high: float) -> Found:
    """As `root_between`, with its verdict; f has opposite signs at the ends, or is 0 at one."""
    counted = _Counted(equations, CLOSE)
    return counted.found(root_between(counted, low, high))


def _polished(equations: Equations, x: Vector) -> tuple[Vector, Vector, Any]:
    """Newton's steps as long as they make the residual smaller: to the last digits."""
    residual, jacobian = equations(x)
    for _ in range(STEPS):
        step = _step(residual, jacobian)
        if step is None or not step.any():
            break
        new, (rest, slope) = x - step, equations(x - step)
        if not np.linalg.norm(rest) < np.linalg.norm(residual):
            break
        x, residual, jacobian = new, rest, slope
    return x, residual, jacobian


# ── minima ────────────────────────────────────────────────────────────────────────────

FLAT = 1e-10
"""An eigenvalue of the Hessian, beside the largest, that counts for 0."""


def find_minimum(
    value: Callable[[Vector], float], slopes: Equations, start: Vector, close: float = CLOSE
) -> Found:
    """A minimum near `start`, by trust regions with the Hessian, then Newton's steps.

    Args:
        slopes: the gradient and the Hessian.
    """
    counted = _Counted(slopes, close)
    known: dict[bytes, tuple[Vector, Any]] = {}

    def at(x: Vector) -> tuple[Vector, Any]:
        key = x.tobytes()
        if key not in known:
            known.clear()
            known[key] = counted(x)
        return known[key]

    def finite(x: Vector) -> float:
        found = value(x)
        return found if np.isfinite(found) else np.inf

    x = optimize.minimize(
        finite,
        start,
        jac=lambda x: at(x)[0],
        hess=lambda x: at(x)[1],
        method="trust-exact",
        options={"gtol": 1e-8, "maxiter": 500},
    ).x
    found = counted.found(x)
    if found.converged and value(found.x) > value(x) + 1e-8 * abs(value(x)):
        found.converged = False
    if found.converged and np.isfinite(found.jacobian).all():
        eigenvalues = np.linalg.eigvalsh(found.jacobian)
        found.converged = bool(eigenvalues[0] >= -FLAT * abs(eigenvalues[-1]))
    return found
