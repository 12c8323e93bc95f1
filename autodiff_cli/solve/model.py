"""A program bound to data: residuals over all rows, with exact derivatives by its parameters."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine import derivatives
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.errors import RunError, ShapeError
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.run import run_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.interpreter.run import Outcome
    from autodiff_cli.solve.losses import Loss
    from autodiff_cli.solve.parameters import Parameters, Vector


class Point:
    """Residuals at a point, and their derivatives, which are worked out when somebody asks.

    Attributes:
        at: the parameters.
        residuals: one for each row: (prediction - response) · scale.
    """

    def __init__(self, at: Vector, residuals: Vector, swept: Callable[[], Any]) -> None:
        self.at = at
        self.residuals = residuals
        self._swept: Callable[[], Any] | None = swept
        self._jacobian: Any = None
        self.factored: Any = None
        """What `factored` keeps of it: for which columns and which loss, and the triangle."""

    @property
    def jacobian(self) -> Any:
        """∂residuals/∂parameters; shape: rows, parameters."""
        if self._swept is not None:
            self._jacobian, self._swept = self._swept(), None
        return self._jacobian

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.residuals).all() and np.isfinite(self.jacobian).all())


class Model:
    """What a program predicts of data, less what was seen.

    Args:
        output: the name of what it predicts, or of the residuals; None for its result.
        inputs: columns, and whatever else is no parameter.
        response: what was seen, one for each row; None where the program computes residuals.
        scale: what residuals are multiplied by, one for each row: 1/σ, or the root of a weight.
        is_absolute: the scale is 1/σ, and the residuals' spread need not be told by them.
        loss: what residuals count for; their squares where it is None.
    """

    def __init__(
        self,
        program: Program,
        output: str | None,
        inputs: Mapping[str, Any],
        parameters: Parameters,
        response: Any,
        scale: Any,
        settings: Settings,
        is_absolute: bool = False,
        loss: Loss | None = None,
    ) -> None:
        self.program = program
        self.output = output
        self.inputs = dict(inputs)
        self.parameters = parameters
        self.response = response
        self.scale = scale
        self.settings = settings
        self.is_absolute = is_absolute
        self.loss = loss
        self.evaluations = 0
        self._is_plain = bool((scale == 1.0).all())
        self._last: Point | None = None

    @property
    def rows(self) -> int:
        return int(self.scale.size)

    def cost(self, at: Vector) -> float:
        """What is minimised; inf where it cannot be computed."""
        point = self.point(at)
        if not np.isfinite(point.residuals).all():
            return float("inf")
        if self.loss is not None:
            return self.loss.cost(point.residuals)
        return float(point.residuals @ point.residuals)

    def point(self, at: Vector) -> Point:
        """Residuals and Jacobian. What cannot be computed there is nan.

        Raises:
            AdiffError: the program fails, but for what depends on numbers.
        """
        if self._last is None or not np.array_equal(self._last.at, at):
            self._last = self._computed(at)
        return self._last

    def residuals(self, at: Vector) -> Vector:
        return self.point(at).residuals

    def jacobian(self, at: Vector) -> Any:
        return self.point(at).jacobian

    def predicted(
        self, at: Vector, inputs: Mapping[str, Any] | None = None, rows: int | None = None
    ) -> tuple[Vector, Callable[[], Any]]:
        """What is predicted, for other inputs where they are given; and what gives its
        derivatives by the parameters."""
        given = {**self.inputs, **(inputs or {}), **self.parameters.values(at)}
        machine = Machine(self.settings)
        with machine.open():
            outcome = self._run(machine, given)
        output = outcome.outputs[self._name(outcome)]
        seen = value_of(output)
        value = _one_for_each_row(
            seen, self.rows if rows is None else rows, outcome, self._name(outcome)
        )

        def derived() -> Any:
            nodes = [node for node in outcome.targets.values() if node is not None]
            with machine.open():
                blocks = derivatives.jacobian(output, nodes, np.shape(seen))[0]
            # A column for each parameter, each of them whole in memory.
            columns = [np.reshape(block, (np.size(seen), -1)).T for block in blocks]
            matrix = np.concatenate([*columns, np.zeros((0, np.size(seen)))])
            return np.broadcast_to(matrix, (len(matrix), value.size)).T

        return value, derived

    def curvature(self, at: Vector, weights: Vector) -> Any:
        """The second derivatives of Σ weights · residuals; shape: parameters, parameters."""
        size = self.parameters.start.size
        given = {**self.inputs, **self.parameters.values(at)}
        machine = Machine(self.settings)
        with machine.open():
            outcome = self._run(machine, given)
            output = outcome.outputs[self._name(outcome)]
            if not isinstance(output, Node):
                return np.zeros((size, size))
            seen = np.asarray(weights * self.scale)
            if np.shape(output.value) != seen.shape:
                seen = (
                    seen.sum() if not np.shape(output.value) else seen.reshape(output.value.shape)
                )
            with outcome.graph.recording():
                total: Any = sum_(output * seen, None, False)
            nodes = [node for node in outcome.targets.values() if node is not None]
            blocks = derivatives.hessian(outcome.graph, total, nodes)
        rows = [
            np.concatenate([np.reshape(b, (np.size(n.value), -1)) for b in row], axis=1)
            for row, n in zip(blocks, nodes, strict=True)
        ]
        found: Any = np.concatenate(rows)
        return 0.5 * (found + found.T)

    def product(self, at: Vector, direction: Vector) -> Vector:
        """The second derivatives of a single output times a direction."""
        machine = Machine(self.settings)
        along = self.parameters.values(direction)
        with machine.open():
            outcome = self._run(machine, {**self.inputs, **self.parameters.values(at)})
            output = outcome.outputs[self._name(outcome)]
            nodes = outcome.targets
            tangents = {node: along[name] for name, node in nodes.items() if node is not None}
            parts = derivatives.hvp(outcome.graph, output, list(tangents), tangents)
        return np.concatenate([np.ravel(part) for part in parts])

    def with_loss(self, loss: Loss) -> Model:
        """The same, of which another loss is to be the least."""
        other = copy(self)
        other.loss = loss
        return other

    def unused(self) -> set[str]:
        """The parameters on which what is predicted does not depend, whatever the numbers."""
        machine = Machine(self.settings)
        with machine.open():
            outcome = self._run(
                machine, {**self.inputs, **self.parameters.values(self.parameters.start)}
            )
            output = outcome.outputs[self._name(outcome)]
            reached = set(below(output)) if isinstance(output, Node) else set()
            return {name for name, node in outcome.targets.items() if node not in reached}

    @property
    def columns(self) -> dict[str, Any]:
        """The inputs that have a value for each row."""
        return {n: v for n, v in self.inputs.items() if np.shape(v) == (self.rows,)}

    # ── within ────────────────────────────────────────────────────────────────────────

    def _computed(self, at: Vector) -> Point:
        self.evaluations += 1
        at = at.copy()
        try:
            value, derived = self.predicted(at)
        except RunError as error:
            if error.kind not in ("domain", "assert"):
                raise
            nowhere = np.full((self.rows, at.size), np.nan)
            return Point(at, nowhere[:, 0], lambda: nowhere)
        seen = 0.0 if self.response is None else self.response

        def scaled() -> Any:
            matrix = derived()
            if self._is_plain:
                return matrix
            with np.errstate(all="ignore"):
                return (matrix.T * self.scale).T

        with np.errstate(all="ignore"):
            return Point(at, (value - seen) * self.scale, scaled)

    def _run(self, machine: Machine, given: Mapping[str, Any]) -> Outcome:
        of = None if self.output is None else (self.output,)
        return run_in(machine, self.program, given, self.parameters.names, of, logged=False)

    def _name(self, outcome: Outcome) -> str:
        return next(iter(outcome.outputs)) if self.output is None else self.output


def _one_for_each_row(value: Any, rows: int, outcome: Outcome, name: str) -> Vector:
    """A prediction as a vector; one that is the same number in all rows is told once."""
    size = np.size(value)
    if not np.shape(value):
        return np.full(rows, float(value))
    if size != rows:
        raise ShapeError(
            f"`{name}` has shape {np.shape(value)}, and the data {rows} rows",
            outcome.place_of(name),
            help="the program is to predict one number for each row: its columns are arrays",
        )
    return np.ravel(np.asarray(value, np.float64))
