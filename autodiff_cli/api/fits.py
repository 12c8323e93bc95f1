"""Fits and minima of a program, as Python calls them and as the commands do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.solve import binding, fitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.solve.binding import Terms
    from autodiff_cli.solve.fitting import Choices, Fit


def fit(
    program: Program,
    columns: Mapping[str, Any],
    given: Mapping[str, Any],
    starts: Mapping[str, Any],
    terms: Terms,
    choices: Choices,
    settings: Settings,
) -> Fit:
    """The parameters of a program at which it predicts data best.

    Args:
        columns: the data, by the names that the program reads them with.
        given: other inputs that are no parameters.
        starts: where parameters begin.

    Raises as `solve.binding.bind` and `solve.fitting.fit`.
    """
    model = binding.bind(program, columns, given, starts, terms, settings)
    return fitting.fit(model, choices)
