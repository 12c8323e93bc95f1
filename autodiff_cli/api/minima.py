"""Minima of a program, as Python calls for them and as the command does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.errors import ShapeError, UsageError
from autodiff_cli.interpreter.machine import Settings
from autodiff_cli.interpreter.run import run
from autodiff_cli.solve import minimum
from autodiff_cli.solve.binding import begin, refuse_start
from autodiff_cli.solve.constraints import Constraint
from autodiff_cli.solve.model import Model
from autodiff_cli.solve.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.solve.minimum import Minimum


def minimize(
    program: Program,
    given: Mapping[str, Any],
    starts: Mapping[str, Any],
    *,
    of: str | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    fixed: Collection[str] = (),
    constraints: Sequence[str] = (),
    method: str = "auto",
    iterations: int | None = None,
    settings: Settings | None = None,
    tell: Callable[[int, float], None] = lambda iteration, value: None,
) -> Minimum:
    """The inputs at which the value of a program is least.

    Args:
        given: inputs that stay as they are.
        starts: where the others begin.
        of: the name of the output; the program's result where it is None.
        bounds: the least and the largest value, by name.
        constraints: relations of inputs, as `x + y >= 1`.

    Raises:
        UsageError: an input has no start, or a bound or a constraint means nothing.
        ShapeError: the output is no single number.
        RunError: the program fails, or is not finite at the start.
    """
    settings = settings or Settings()
    parameters = Parameters(begin(program, given, starts, settings), bounds or {}, fixed)
    if not parameters.start.size:
        raise UsageError(
            "there is nothing to move: the program has no free input",
            help="give an input a start: NAME=START",
            kind="parameter",
        )
    _refuse_array(program, of, {**given, **parameters.values(parameters.start)}, settings)
    model = Model(program, of, given, parameters, None, np.ones(1), settings)
    refuse_start(model)
    relations = [Constraint(text, given, parameters, settings) for text in constraints]
    return minimum.minimize(model, relations, method, iterations, tell)


def _refuse_array(
    program: Program, of: str | None, inputs: Mapping[str, Any], settings: Settings
) -> None:
    """Raises a `ShapeError` where the output is no single number."""
    outcome = run(program, inputs, (), of and (of,), settings)
    if len(outcome.outputs) != 1:
        names = ", ".join(outcome.outputs)
        raise UsageError(
            f"got the outputs {names}, want one", help="name it with --of", kind="output"
        )
    ((name, output),) = outcome.outputs.items()
    if np.size(value_of(output)) != 1:
        raise ShapeError(
            f"`{name}` has shape {np.shape(value_of(output))}, want a single number to make least",
            outcome.place_of(name),
            help="make one number of it, as with sum(…); of residuals, `adiff fit --residual` "
            "makes the sum of squares least",
        )
