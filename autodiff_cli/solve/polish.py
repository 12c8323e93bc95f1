"""The last digits: Newton's method on the sum of squares, with its exact Hessian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.solve.factored import factored

if TYPE_CHECKING:
    from autodiff_cli.solve.factored import Factored
    from autodiff_cli.solve.model import Model
    from autodiff_cli.solve.parameters import Vector

STEPS = 20
ENOUGH = 1e-11
"""Of a residual: where no more is left a parameter is known to that part of its standard error."""
IN_VAIN = 3
"""Steps that lower nothing, after which there is nothing more to be had."""


def polish(model: Model, at: Vector, free: Any) -> Vector:
    """Where the gradient's scaled norm is least, from a point near it.

    That norm, of Qᵀr where J = QR, is the same in whatever units the parameters are. The
    Hessian is JᵀJ + S with S = Σ r·∂²r; a step p solves (RᵀR + S)p = -Rᵀ(Qᵀr), which with p = R⁻¹u
    is (1 + R⁻ᵀSR⁻¹)u = -Qᵀr: no more of the condition of J enters than must. With as many rows
    as parameters Qᵀr is all of r, and R may well be singular: there it is the gradient itself, of
    columns of length 1.

    Args:
        free: which parameters may move; one at its bound may not.
    """
    if not free.any():
        return at
    best, at = at, at.copy()
    factors = factored(model.point(at), free, model.loss)
    least = _norm(factors, model)
    vain = 0
    for _ in range(STEPS):
        step = _step(model, at, factors, free)
        moved = at.copy()
        if step is not None:
            moved[free] += step
        if np.array_equal(moved, at) or not model.parameters.allow(moved):
            break
        point = model.point(moved)
        if not point.is_finite:
            break
        at, factors = moved, factored(point, free, model.loss)
        norm = _norm(factors, model)
        if norm < least:
            best, least, vain = at, norm, 0
            if norm <= ENOUGH * np.linalg.norm(point.residuals) / np.sqrt(model.rows):
                break
        else:
            vain += 1
            if vain == IN_VAIN:
                break
    return best


def _norm(factors: Factored, model: Model) -> float:
    left = factors.projected
    return float(np.linalg.norm(left if model.rows > left.size else factors.triangle.T @ left))


def _step(model: Model, at: Vector, factors: Factored, free: Any) -> Vector | None:
    residuals = model.residuals(at)
    pulls = residuals if model.loss is None else model.loss.slopes(residuals)[0] * residuals
    second = model.curvature(at, pulls)[np.ix_(free, free)]
    second = second / np.outer(factors.norms, factors.norms)
    triangle, projected = factors.triangle, factors.projected
    try:
        if model.rows <= projected.size:
            whole = triangle.T @ triangle + second
            return np.linalg.solve(whole, -triangle.T @ projected) / factors.norms
        inverse = np.linalg.inv(triangle)
        inner = inverse.T @ second @ inverse
        moved = np.linalg.solve(np.eye(len(inner)) + inner, -projected)
    except np.linalg.LinAlgError:
        return None
    step: Vector = (inverse @ moved) / factors.norms
    return step
