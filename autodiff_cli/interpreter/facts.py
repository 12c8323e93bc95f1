"""What is known of a program from its tree alone, found out once and where it is asked for."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from autodiff_cli.interpreter.comparisons import notes
from autodiff_cli.language import syntax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.interpreter.machine import Note
    from autodiff_cli.language.names import Names


class Facts:
    """Facts of a program's tree.

    Attributes:
        names: the tree, with what its names refer to.
    """

    def __init__(self, names: Names) -> None:
        self.names = names

    @cached_property
    def notes(self) -> dict[syntax.Comparison, Note]:
        """What to note of each comparison, should it meet a node."""
        return notes(self.names.program)

    @cached_property
    def conditions(self) -> tuple[set[Any], set[Any]]:
        """The conditions of branches and loops, and the operands that they compare."""
        conditions: set[Any] = set()
        for node in self._nodes():
            if isinstance(node, (syntax.If, syntax.While)):
                conditions.add(node.condition)
        operands = {
            operand
            for condition in conditions
            if isinstance(condition, syntax.Comparison)
            for operand in condition.operands
        }
        return conditions, operands

    @cached_property
    def loop_bodies(self) -> set[syntax.Block]:
        return {node.body for node in self._nodes() if isinstance(node, (syntax.While, syntax.For))}

    def _nodes(self) -> Iterator[Any]:
        """What stands in the program, and in its functions."""
        return chain.from_iterable(self.names.nodes.values())
