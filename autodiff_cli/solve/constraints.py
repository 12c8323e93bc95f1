"""What a minimum is subject to: `g(x) >= 0`, `<=`, `==`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.errors import UsageError, did_you_mean
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run
from autodiff_cli.language.source import Source
from autodiff_cli.solve.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.solve.parameters import Parameters, Vector

RELATION = re.compile(r"(.*?)(>=|<=|==|(?<![<>=!])=(?!=))(.*)", re.DOTALL)
OPTION = "--subject-to"


class Constraint:
    """One of them, as a vector that is to be 0, or not below it.

    Args:
        text: `LEFT >= RIGHT`, of the program's inputs; arrays are meant element by element.

    Raises:
        UsageError: it is no such relation, or reads what is no input.
        ProgramError: a side is no expression.
    """

    def __init__(
        self, text: str, inputs: Mapping[str, Any], parameters: Parameters, settings: Settings
    ) -> None:
        match = RELATION.fullmatch(text)
        if match is None or not match[1].strip() or not match[3].strip():
            raise UsageError(
                f"{OPTION}: got `{text}`, want LEFT >= RIGHT, LEFT <= RIGHT or LEFT == RIGHT",
                help=f"as in {OPTION} 'x + y >= 1'",
                kind="constraint",
            )
        left, relation, right = match.groups()
        self.text = text
        self.is_equation = relation in ("=", "==")
        first, second = (right, left) if relation == "<=" else (left, right)
        program = load(Source(OPTION, f"({first.strip()}) - ({second.strip()})"), settings.limits)
        start = parameters.values(parameters.start)
        given = {**inputs, **start}
        for name in program.resolved.inputs:
            if name not in given:
                raise UsageError(
                    f"{OPTION}: `{name}` is no input of the program",
                    help=did_you_mean(name, given) or "its inputs are: " + ", ".join(given),
                    kind="constraint",
                )
        reads = program.resolved.inputs
        value = run(program, {n: given[n] for n in reads}, wrt=(), settings=settings)
        size = int(np.size(value_of(next(iter(value.outputs.values())))))
        self._reads = [name for name in parameters.names if name in reads]
        self._places = parameters.places(self._reads)
        self._size = parameters.start.size
        others = {name: given[name] for name in reads if name not in self._reads}
        part = parameters.of(self._reads)
        self._model = Model(program, None, others, part, None, np.ones(size), settings)

    def value(self, at: Vector) -> Vector:
        """How far it is from being broken; shape: elements."""
        return self._model.residuals(at[self._places])

    def jacobian(self, at: Vector) -> Any:
        found = np.zeros((self._model.rows, self._size))
        found[:, self._places] = self._model.jacobian(at[self._places])
        return found

    def curvature(self, at: Vector, weights: Vector) -> Any:
        """The second derivatives of Σ weights · value."""
        found = np.zeros((self._size, self._size))
        block = self._model.curvature(at[self._places], weights)
        found[np.ix_(self._places, self._places)] = block
        return found
