"""Makes closures that keep a journal: of loops as they go round, of what is decided, of what ran.

What a run computes is the same with and without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.interpreter.statements import StatementLowering
from autodiff_cli.interpreter.values import RUN, truth
from autodiff_cli.language import syntax

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.interpreter.expressions import Closure
    from autodiff_cli.interpreter.values import Frame


class LoggedLowering(StatementLowering):
    """Expects that the run has a journal."""

    def while_loop(self, node: syntax.While) -> Closure:
        return _looping(super().while_loop(node), node, node.condition)

    def for_loop(self, node: syntax.For) -> Closure:
        return _looping(super().for_loop(node), node, node.iterable)

    def _items(self, node: Any) -> Callable[[Frame], Any]:
        items = super()._items(node)

        def before_the_first(frame: Frame) -> Any:
            found = items(frame)
            frame[RUN].journal.round_over()
            return found

        return before_the_first

    def expression(self, node: Any) -> Closure:  # recurses: PYTHON_FRAMES at most
        closure = super().expression(node)
        conditions, operands = self.facts.conditions
        if node in conditions:
            closure = _deciding(closure, node)
        if node in operands and self.constant(node) is None:
            closure = _remembering(closure, node)
        return closure

    def block(self, node: syntax.Block) -> Closure:
        run = super().block(node)
        return _round(run, node) if node in self.facts.loop_bodies else _running(run, node)

    def tail(self, block: syntax.Block) -> Closure:
        return _running(super().tail(block), block)

    _statements: ClassVar[dict[type, Callable[[Any, Any], Closure]]] = {
        **StatementLowering._statements,
        syntax.While: while_loop,
        syntax.For: for_loop,
    }


def _looping(run: Closure, node: syntax.While | syntax.For, last: Any) -> Closure:
    head = type(node.span)(node.span.source, node.span.start, last.span.end)

    def loop(frame: Frame) -> Any:
        journal = frame[RUN].journal
        journal.enter("loop", head.text, head)
        signal = run(frame)
        journal.leave()
        return signal

    return loop


def _deciding(closure: Closure, node: Any) -> Closure:
    def decide(frame: Frame) -> bool:
        holds = truth(closure(frame), node.span)
        frame[RUN].journal.decided(node, holds)
        return holds

    return decide


def _remembering(closure: Closure, node: Any) -> Closure:
    def remember(frame: Frame) -> Any:
        value = frame[RUN].journal.values[node] = closure(frame)
        return value

    return remember


def _running(closure: Closure, node: syntax.Block) -> Closure:
    def run(frame: Frame) -> Any:
        frame[RUN].journal.ran.add(node)
        return closure(frame)

    return run


def _round(closure: Closure, node: syntax.Block) -> Closure:
    def run(frame: Frame) -> Any:
        journal = frame[RUN].journal
        journal.ran.add(node)
        journal.next_round()
        signal = closure(frame)
        journal.round_over()
        return signal

    return run
