"""A program at a point, as a check sees it: its gradient, and how it is beside the point."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from time import monotonic
from typing import TYPE_CHECKING, Any

from autodiff_cli.check.watching import differences, run_moved, side
from autodiff_cli.engine import derivatives
from autodiff_cli.engine.differences import difference
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import plain
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.replay import Noise, replay, rounding_noise
from autodiff_cli.engine.sweeps import Kinks, forward_sweep
from autodiff_cli.errors import AdiffError, Finding, LimitError
from autodiff_cli.explain.evaluation import bound_targets, require_scalar
from autodiff_cli.explain.findings import find
from autodiff_cli.interpreter.values import is_boolean
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.check.watching import Decision, Side
    from autodiff_cli.engine.differences import Slope
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.interpreter.run import Outcome

PRECISE_SECONDS = 2.0
"""So long a check may take at 80 digits; what it has not reached by then has other referees."""
RULE_ALLOWED = 10.0
RULE_DIGITS = 1e-9
"""How far a rule may be off: times the error of the differences, and of its own size."""


@dataclass(slots=True)
class Swept:
    """A value, its gradient by each name, and how far rounding may take either off."""

    gradient: dict[str, Any]
    noise: dict[str, Any]
    value: float
    value_noise: float
    at_kink: bool
    findings: list[Finding]


class Subject:
    """A program that has run at a point.

    Attributes:
        outcome: that run.
        targets: the node of each name differentiated by.
    """

    def __init__(
        self,
        program: Program,
        inputs: Mapping[str, Any],
        wrt: Sequence[str],
        of: Sequence[str] | None,
        settings: Settings,
        moves: Mapping[str, Any] | None = None,
    ) -> None:
        self._program = program
        self._inputs = inputs
        self._moves = dict(moves or {})
        self._wrt = list(wrt)
        self._precise_seconds = PRECISE_SECONDS
        # For a value alone nothing need be recorded, but for what is a float as a target only.
        self._typed = [name for name in wrt if name not in inputs or is_boolean(inputs[name])]
        self._silent = replace(settings, on_print=lambda text: None)
        self.outcome, _ = run_moved(program, inputs, self._moves, wrt, of, settings)
        self.targets = {name: bound_targets(self.outcome)[name] for name in wrt}

    @property
    def holds(self) -> bool:
        """Whether the program has constants that a run beside the point would change.

        `detach` makes such, and so does `x.grad`. Beside the point the recorded graph is
        then run again, in which they stand, and not the program.
        """
        machine = self.outcome.machine
        return bool(machine.detached or machine.accumulated)

    def sweep(self, output: str) -> Swept:
        """The gradient of an output, in reverse.

        Raises:
            ShapeError: the output is no single number.
        """
        node, targets = self.outcome.outputs[output], list(self.targets.values())
        require_scalar(self.outcome, output, node)
        with self.outcome.machine.open():
            kinks = Kinks()
            found = derivatives.gradient(self.outcome.graph, node, targets, kinks=kinks)
            noise = rounding_noise(node, targets, found)
            by_name = dict(zip(self.targets, found, strict=True))
            labelled = {f"d{output}/d{name}": value for name, value in by_name.items()}
            findings = find(self.outcome, output, node, labelled, by_name, kinks)
        for finding in findings:
            if finding.kind == "kink":
                finding.help = "a check beside this point tells more: move it a little"
        return Swept(
            by_name,
            dict(zip(self.targets, noise.by_target, strict=True)),
            number(value_of(node)),
            number(noise.value),
            any(kinks.is_kink(node) for node in kinks.met),
            findings,
        )

    def noise(self, output: str) -> Noise:
        """What rounding may take an output off."""
        return rounding_noise(self.outcome.outputs[output], [], [])

    def forward(self, output: str, name: str, direction: Any) -> float:
        """The derivative of an output along a direction of a name, by a forward sweep."""
        node = self.outcome.outputs[output]
        if not isinstance(node, Node):
            return 0.0
        with self.outcome.machine.open():
            tangents = forward_sweep(below(node), {self.targets[name]: direction})
        return number(tangents.get(node, 0.0))

    def precise(self, output: str, name: str, direction: Any) -> Slope | None:
        """The same at 80 digits; None where that is not to be had."""
        from autodiff_cli.engine import precise

        node = self.outcome.outputs[output]
        if not isinstance(node, Node):
            return None
        with self.outcome.machine.open():
            order = below(node)
            if not precise.can(order):
                return None
            begun = monotonic()
            deadline = begun + self._precise_seconds
            found = precise.derivative(order, node, self.targets[name], direction, deadline)
            self._precise_seconds -= monotonic() - begun
            return found

    def value(self, output: str, name: str, shift: Any) -> float:
        """The output with a name moved; nan where the program fails there, or gives an array."""
        node = self.outcome.outputs[output]
        try:
            if not self.holds:
                outcome, _ = self._beside(output, name, shift, self._typed)
                moved = value_of(outcome.outputs[output])
                return number(moved) if np.size(moved) == 1 else nan
            if not isinstance(node, Node):
                return number(node)
            return number(self._replayed(output, name, shift).get(node, node.value))
        except LimitError:
            raise
        except AdiffError:
            return nan

    def between(self, output: str, name: str, direction: Any, step: float) -> list[Finding]:
        """The branches and kinks within a step on either side, along a direction."""
        distance = f"within {step:.1g} of this point" if step else "at this point"
        try:
            left, right = (self._side(output, name, direction * h) for h in (-step, step))
        except LimitError:
            raise
        except AdiffError:
            return []
        with self.outcome.machine.open():
            return differences(left, right, distance)

    def wrong_rules(self, output: str, name: str) -> list[Finding]:
        """The calls of the program's own rules that differences of their functions contradict."""
        node = self.outcome.outputs[output]
        if not isinstance(node, Node):
            return []
        target = self.targets[name]
        order = below(node)
        along = np.ones_like(target.value)
        with self.outcome.machine.open():
            tangents = forward_sweep(order, {target: along})
            return [
                _wrong_rule(one)
                for one in order
                if one.primitive is not None
                and TABLE.get(one.primitive.name) is not one.primitive
                and one in tangents
                and not _rule_holds(one, tangents)
            ]

    def _side(self, output: str, name: str, shift: Any) -> Side:
        if not self.holds:
            outcome, decisions = self._beside(output, name, shift, self._wrt)
            return side(decisions, outcome.graph.nodes)
        node = self.outcome.outputs[output]
        nodes = below(node) if isinstance(node, Node) else []
        return side([], nodes, self._replayed(output, name, shift))

    def _beside(
        self, output: str, name: str, shift: Any, wrt: Sequence[str]
    ) -> tuple[Outcome, list[Decision]]:
        moves = {**self._moves, name: self._moves.get(name, 0.0) + shift}
        return run_moved(self._program, self._inputs, moves, wrt, [output], self._silent)

    def _replayed(self, output: str, name: str, shift: Any) -> dict[Node, Any]:
        node, target = self.outcome.outputs[output], self.targets[name]
        if not isinstance(node, Node):
            return {}
        with self.outcome.machine.open():
            return replay(below(node), {target: plain(np.asarray(target.value) + shift)})


def _rule_holds(node: Node, tangents: Mapping[Node, Any]) -> bool:
    """Whether a node's tangent is the difference of its function along its operands' tangents."""
    primitive = node.primitive
    assert primitive is not None
    steps = [tangents.get(arg) if isinstance(arg, Node) else None for arg in node.args]

    def along(t: float) -> float:
        moved = [
            value_of(arg) if step is None else plain(np.asarray(value_of(arg)) + t * step)
            for arg, step in zip(node.args, steps, strict=True)
        ]
        try:
            return float(np.sum(primitive.evaluate(*moved)))
        except AdiffError:
            return nan

    claimed = float(np.sum(tangents[node]))
    found = difference(along, 0.0, 0.0, claimed)
    slope = found.central
    gap = abs(slope.value - claimed)
    return not (found.settled and gap > RULE_ALLOWED * slope.error + RULE_DIGITS * abs(claimed))


def _wrong_rule(node: Node) -> Finding:
    assert node.primitive is not None
    return Finding(
        f"the derivative of `{node.primitive.name}` is not that of the function",
        node.span,
        label="differences of this call contradict its rule",
        help="correct the part after `derivative`",
        kind="rule",
    )


def number(value: Any) -> float:
    """A scalar, whose shape may be (1,), as a float."""
    return float(np.asarray(value).item())
