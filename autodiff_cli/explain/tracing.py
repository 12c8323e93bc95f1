"""A run with all that there is to show of it: its graph, its groups and its reverse passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.sweeps import Kinks, contributions, dense, reverse_sweep, zeros_of
from autodiff_cli.errors import AdiffError
from autodiff_cli.explain.evaluation import (
    Question,
    asked,
    bound_targets,
    evaluation_of,
    require_scalar,
    seed_of,
    tell_what,
)
from autodiff_cli.explain.numbers import is_zero
from autodiff_cli.interpreter.run import run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autodiff_cli.engine.sweeps import AtKink
    from autodiff_cli.explain.evaluation import Evaluation
    from autodiff_cli.interpreter.journal import Backward, Cleared, Group
    from autodiff_cli.interpreter.machine import Machine, Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.interpreter.run import Outcome
    from autodiff_cli.language.source import Span


@dataclass(slots=True, eq=False)
class Pass:
    """One reverse pass through the graph.

    Attributes:
        output: the node that it begins at.
        seed: its cotangent.
        run: that recorded it.
        span: the `backward` that ran it; None for the command's own, from the output asked for.
    """

    output: Node
    seed: Any
    at_kink: AtKink
    run: Machine
    span: Span | None = None
    _kinks: Kinks = field(init=False)

    def __post_init__(self) -> None:
        self._kinks = Kinks(self.at_kink)

    def adjoints(self, wanted: Collection[Node], kinks: Kinks | None = None) -> dict[Node, Any]:
        """The adjoints of those of `wanted` that the pass reaches; `kinks` learn what it met."""
        if kinks is None:
            kinks = Kinks(self.at_kink)
        with self.run.open():
            return reverse_sweep(self.run.graph.up_to(self.output), self.seed, wanted, kinks=kinks)

    def contributions(self, node: Node, adjoint: Any) -> Iterator[tuple[Node, Any]]:
        """Each operand of a node with what it gets of the node's adjoint, in its own shape."""
        if node.primitive is None or is_zero(adjoint):
            return
        adjoint = self._kinks.meet(node, adjoint)
        for operand, part in contributions(node, adjoint):
            yield operand, dense(part, shape_of(operand.value))


class Trace:
    """One output of a run, to be shown.

    Attributes:
        name: the output's.
        groups: the loops, calls and derivatives of the run, outer ones first.
        events: each `backward` and each `zero_grad`, in order.
        result: the pass from the output; None where the output depends on no name.

    Raises:
        ShapeError: the output is no single number, and there is no cotangent.
    """

    def __init__(self, outcome: Outcome, name: str, question: Question) -> None:
        journal = outcome.machine.journal
        assert journal is not None
        self.outcome = outcome
        self.name = name
        self.groups: list[Group] = journal.groups
        self.events: list[Backward | Cleared] = journal.passes
        self._targets = bound_targets(outcome)
        self._evaluation: Evaluation | None = None
        output = outcome.outputs[name]
        if self._targets and question.cotangent is None:
            require_scalar(outcome, name, output)
        self.result = None
        if isinstance(output, Node):
            seed = seed_of(question, output, name)
            self.result = Pass(output, seed, question.at_kink, outcome.machine)

    @property
    def nodes(self) -> list[Node]:
        return self.outcome.graph.nodes

    def pass_of(self, event: Backward) -> Pass:
        """The reverse pass that a `backward` of the program ran."""
        return Pass(event.output, event.seed, "subgradient", self.outcome.machine, event.span)

    def sweep(self, wanted: Collection[Node]) -> dict[Node, Any]:
        """Runs the pass from the output, for the evaluation and for the adjoints of `wanted`."""
        targets, swept = self._targets, self.result
        kinks = Kinks("subgradient" if swept is None else swept.at_kink)
        keep = {*wanted, *targets.values()}
        try:
            adjoints = {} if swept is None else swept.adjoints(keep, kinks)
        except AdiffError as error:
            tell_what(error, self.name)
            raise
        found = {name: adjoints.get(node, zeros_of(node)) for name, node in targets.items()}
        with self.outcome.machine.open():
            self._evaluation = evaluation_of(
                self.outcome, "gradient", self.name, found, targets, kinks
            )
        return adjoints

    @property
    def evaluation(self) -> Evaluation:
        """The output's value and gradient, with what there is to tell of them."""
        if self._evaluation is None:
            self.sweep(())
        assert self._evaluation is not None
        return self._evaluation


def trace(
    program: Program,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    settings: Settings | None = None,
    question: Question | None = None,
) -> list[Trace]:
    """Runs a program so that each output can be shown; raises as `evaluation.evaluate`.

    `question` is for a gradient: of a single number, or weighed by a cotangent.
    """
    question = question or Question()
    outcome = run(program, inputs, wrt, of, asked(settings, question), logged=True)
    return [Trace(outcome, name, question) for name in outcome.outputs]
