"""A run that keeps a journal: its loops are told of as they go round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.language import syntax
from autodiff_cli.runtime.journal import Journal
from autodiff_cli.runtime.statements import StatementLowering

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.language.source import Span
    from autodiff_cli.runtime.expressions import Closure
    from autodiff_cli.runtime.values import Frame


class Following(StatementLowering):
    """Makes closures that keep a journal."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        if self.machine.journal is None:
            self.machine.journal = Journal(self.machine.graph)
        self._bodies: set[syntax.Block] = set()

    def while_loop(self, node: syntax.While) -> Closure:
        self._bodies.add(node.body)
        return self._followed(super().while_loop(node), node, node.condition.span)

    def for_loop(self, node: syntax.For) -> Closure:
        self._bodies.add(node.body)
        return self._followed(super().for_loop(node), node, node.iterable.span)

    def _followed(self, run: Closure, node: syntax.While | syntax.For, last: Span) -> Closure:
        journal = self.machine.journal
        assert journal is not None
        head = type(last)(node.span.source, node.span.start, last.end)

        def follow(frame: Frame) -> Any:
            journal.enter("loop", head.text, head)
            signal = run(frame)
            journal.leave()
            return signal

        return follow

    def block(self, node: syntax.Block) -> Closure:
        run = super().block(node)
        if node not in self._bodies:
            return run
        journal = self.machine.journal
        assert journal is not None
        next_round = journal.next_round

        def follow(frame: Frame) -> Any:
            next_round()
            return run(frame)

        return follow

    _statements: ClassVar[dict[type, Callable[[Any, Any], Closure]]] = {
        **StatementLowering._statements,
        syntax.While: while_loop,
        syntax.For: for_loop,
    }
