"""What there is to tell of a fit that is not to be trusted, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.solve.factored import Factored
    from autodiff_cli.solve.model import Model
    from autodiff_cli.solve.parameters import Vector

SINGULAR = 1e-10
"""Of the largest singular value: below it the data do not tell parameters apart. The Jacobian's
columns are of length 1, so that this is free of units."""
SHARE = 0.05
"""Of a direction's largest part: parameters with less of it are not named."""
STRAIGHT = 0.9999
"""A correlation from which on two parameters are told of."""


def directions(factors: Factored, at: Vector, free: Any) -> Iterator[Vector]:
    """The directions, of length 1, along which the model does not move; in the parameters' units.

    A column of zeros makes one for itself.
    """
    _, sizes, rows = np.linalg.svd(factors.triangle)
    for size, row in zip(sizes, rows, strict=True):
        if not size > SINGULAR * sizes[0]:
            direction = np.zeros(at.size)
            direction[free] = row / factors.norms
            largest = np.max(np.abs(direction))
            yield direction / (largest if largest > 0 else 1.0)


def inseparable(
    factors: Factored, labels: Sequence[str], sizes: Vector, free: Any
) -> Iterator[Finding]:
    """What cannot be told apart, named by how much of its size moves."""
    for direction in directions(factors, sizes, free):
        relative = np.abs(direction) / sizes
        named = [int(i) for i in np.flatnonzero(relative > SHARE * relative.max())]
        names = [labels[place] for place in named]
        if len(names) == 1:
            yield Finding(
                f"the data say nothing about `{names[0]}`: the model does not change with it",
                help=f"hold it with --fix {names[0].partition('[')[0]}, or take it out",
                kind="no-effect",
            )
            continue
        moves = ", ".join(f"{labels[i]} {direction[i]:+.3g}" for i in named)
        listed = ", ".join(f"`{name}`" for name in names[:-1]) + f" and `{names[-1]}`"
        yield Finding(
            f"the data cannot tell {listed} apart",
            notes=[f"the model stays the same along {moves}"],
            help=f"hold one of them, as with --fix {names[-1].partition('[')[0]}, "
            "or give the model one parameter in their place",
            kind="inseparable",
        )


def correlated(correlation: Any, labels: Sequence[str]) -> Iterator[Finding]:
    """Pairs that are all but inseparable."""
    rows, columns = np.nonzero(np.triu(np.abs(correlation) > STRAIGHT, 1))
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        yield Finding(
            f"`{labels[i]}` and `{labels[j]}` are hardly told apart: their correlation is "
            f"{correlation[i, j]:.6f}",
            help="more data, where the two act differently, would tell them apart",
            kind="correlated",
        )


def at_bounds(model: Model, at: Vector, held: Any) -> Iterator[Finding]:
    for place in np.flatnonzero(held):
        label = model.parameters.labels[place]
        yield Finding(
            f"`{label}` is at its bound {at[place]:g}, and would go beyond",
            help="its standard error means nothing, and the others' hold for it held there; "
            "is the bound what you know of it?",
            kind="at-bound",
        )


def constant_columns(columns: Mapping[str, Any]) -> Iterator[Finding]:
    for name, values in columns.items():
        if np.ndim(values) == 1 and np.size(values) > 1 and np.all(values == values[0]):
            yield Finding(
                f"the column `{name}` is {values[0]:g} in every row",
                help="the data say nothing about what changes with it",
                kind="constant-column",
            )


def no_freedom(rows: int) -> Finding:
    return Finding(
        f"there are as many parameters as rows, {rows}: nothing is left to tell errors from",
        help="more rows, or fewer parameters",
        kind="too-few-rows",
    )


def not_converged(reason: str) -> Finding:
    return Finding(
        f"the fit did not converge: {reason}",
        help="begin nearer, NAME=START; try several starts, --starts 20; or set bounds, "
        "--bound 'NAME=LOW..HIGH'",
        kind="not-converged",
    )
