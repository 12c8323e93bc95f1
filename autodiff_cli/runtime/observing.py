"""A run that is watched for what it decided: conditions, and the blocks that ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.language import syntax
from autodiff_cli.language.names import children
from autodiff_cli.runtime.statements import StatementLowering
from autodiff_cli.runtime.values import truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.runtime.expressions import Closure
    from autodiff_cli.runtime.values import Frame


@dataclass(slots=True)
class Seen:
    """What was seen of a run.

    Attributes:
        ran: the blocks that ran: branches, bodies of loops and of functions.
        answers: of each condition that was asked, how often it held, and how often it did not.
        values: what each operand of such a condition was when it was last evaluated.
    """

    ran: set[syntax.Block] = field(default_factory=set)
    answers: dict[Any, Counter[bool]] = field(default_factory=dict)
    values: dict[Any, Any] = field(default_factory=dict)


def observing(program: syntax.Program, seen: Seen) -> type[StatementLowering]:
    """What makes closures of a program that write down in `seen` what they decide."""
    conditions, operands = conditions_of(program)
    ran, answers, values = seen.ran, seen.answers, seen.values

    class Observing(StatementLowering):
        def expression(self, node: Any) -> Callable[[Frame], Any]:
            closure = super().expression(node)
            if node in conditions:
                closure = _deciding(closure, node)
            if node in operands and self.constant(node) is None:
                closure = _remembering(closure, node)
            return closure

        def block(self, node: syntax.Block) -> Closure:
            return _running(super().block(node), node)

        def tail(self, block: syntax.Block) -> Closure:
            return _running(super().tail(block), block)

    def _deciding(closure: Closure, node: Any) -> Closure:
        def decide(frame: Frame) -> bool:
            holds = truth(closure(frame), node.span)
            answers.setdefault(node, Counter())[holds] += 1
            return holds

        return decide

    def _remembering(closure: Closure, node: Any) -> Closure:
        def remember(frame: Frame) -> Any:
            value = values[node] = closure(frame)
            return value

        return remember

    def _running(closure: Closure, node: syntax.Block) -> Closure:
        def run(frame: Frame) -> Any:
            ran.add(node)
            return closure(frame)

        return run

    return Observing


def conditions_of(program: syntax.Program) -> tuple[set[Any], set[Any]]:
    """The conditions of a program's branches and loops, and the operands that they compare."""
    conditions: set[Any] = set()
    pending: list[Any] = [program]
    while pending:
        node = pending.pop()
        if isinstance(node, (syntax.If, syntax.While)):
            conditions.add(node.condition)
        pending.extend(children(node))
    operands = {
        operand
        for condition in conditions
        if isinstance(condition, syntax.Comparison)
        for operand in condition.operands
    }
    return conditions, operands
