"""Integrals, and solutions of differential equations, of functions of the program: SciPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import integrate, np

if TYPE_CHECKING:
    from collections.abc import Callable

RELATIVE = 1e-12
"""Beside the integral's largest element: what is asked of the quadrature."""
ACCEPTED = 1e-8
"""The same: what is good enough, where rounding or a singularity allows no more."""
INTERVALS = 500

CLOSE = 1e-12
ABSOLUTE = 1e-14
"""Of a differential equation: the error of a step, beside the solution's size, and beside 1."""


def integral(f: Callable[[float], Any], low: float, high: float) -> tuple[Any, float, bool]:
    """∫ f(x) dx of a vector f: Gauss and Kronrod's rule with 21 points, intervals halved.

    The ends may be infinite.

    Returns the integral, an estimate of its error, and whether that is good enough.
    """
    found, error = integrate.quad_vec(
        f, low, high, epsabs=1e-300, epsrel=RELATIVE, norm="max", limit=INTERVALS
    )
    size = float(np.abs(found).max(initial=0.0))
    return found, float(error), bool(error <= ACCEPTED * size or error <= 1e-280)


class Stuck(Exception):  # noqa: N818
    """A solution that goes no further; `at` is the time."""

    def __init__(self, at: float) -> None:
        super().__init__(at)
        self.at = at


def solution(
    f: Callable[[float, Any], Any],
    jacobian: Callable[[float, Any], Any],
    start: Any,
    times: Any,
) -> Any:
    """y at each of the times, for dy/dt = f(t, y) with y(times[0]) = start; shape: (times, n).

    By LSODA, which takes a method for stiff equations where they are.

    Raises:
        Stuck: the steps become too small: y grows beyond bounds.
    """
    if len(times) == 1:
        return start[None]
    found = integrate.solve_ivp(
        f,
        (times[0], times[-1]),
        start,
        method="LSODA",
        t_eval=times,
        rtol=CLOSE,
        atol=ABSOLUTE,
        jac=jacobian,
    )
    if found.status != 0 or not np.isfinite(found.y).all():
        raise Stuck(float(found.t[-1]) if found.t.size else float(times[0]))
    return found.y.T
