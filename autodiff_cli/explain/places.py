"""Where in the syntax tree an expression stands, and what that says of its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language import syntax
from autodiff_cli.language.names import BuiltIn, children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.interpreter.journal import Journal
    from autodiff_cli.language.names import Names
    from autodiff_cli.language.source import Span

COUNTING = frozenset(("range", "len", "shape", "zeros", "ones", "eye", "full"))
"""Functions that read of their argument a size or a count."""

ACCUMULATING = frozenset(("backward", "zero_grad"))


class Places:
    """Where in the tree each node stands: its parents, up to the program."""

    def __init__(self, program: syntax.Program) -> None:
        self._parents: dict[Any, Any] = {}
        self._known: dict[tuple[str, Any], bool] = {}
        pending: list[Any] = [program]
        while pending:
            node = pending.pop()
            for child in children(node):
                self._parents[child] = node
                pending.append(child)

    def above(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Pairs of a parent and the child that leads to `node`, going up."""
        while node in self._parents:
            parent = self._parents[node]
            yield parent, node
            node = parent

    def _holds_above(self, question: str, holds: Callable[[Any, Any], bool], node: Any) -> bool:
        """Whether `holds(parent, child)` somewhere above `node`.

        Kept for all nodes on the way, as thousands of places may share a deep one.
        """
        answer, asked = False, []
        for parent, child in self.above(node):
            if (question, child) in self._known:
                answer = self._known[question, child]
                break
            asked.append(child)
            if holds(parent, child):
                answer = True
                break
        for child in asked:
            self._known[question, child] = answer
        return answer

    def untaken(self, node: Any, taken: set[syntax.Block]) -> bool:
        def holds(parent: Any, child: Any) -> bool:
            branch = isinstance(parent, syntax.If) and isinstance(child, syntax.Block)
            return branch and child not in taken

        return self._holds_above("untaken", holds, node)

    def branch(self, node: Any, seen: Journal) -> tuple[syntax.If | None, syntax.Block | None]:
        """The outermost `if` with a branch around `node` that did not run, and that branch."""
        found: tuple[syntax.If | None, syntax.Block | None] = None, None
        for parent, child in self.above(node):
            if (
                isinstance(parent, syntax.If)
                and isinstance(child, syntax.Block)
                and child not in seen.ran
            ):
                found = parent, child
        return found

    def idle(self, node: Any, ran: set[syntax.Block]) -> tuple[str, Span] | None:
        """The outermost loop or function around `node` that did not run, with its head."""
        found = None
        for parent, child in self.above(node):
            if isinstance(child, syntax.Block) and child not in ran:
                if isinstance(parent, (syntax.While, syntax.For)):
                    found = "a loop", parent.span
                elif isinstance(parent, syntax.Function):
                    found = f"`{parent.name}`" if parent.name else "a function", parent.span
        return found

    def is_condition(self, node: Any) -> bool:
        def holds(parent: Any, child: Any) -> bool:
            return isinstance(parent, (syntax.Comparison, syntax.Logical)) or (
                isinstance(parent, (syntax.If, syntax.While)) and child is parent.condition
            )

        return self._holds_above("condition", holds, node)

    def is_count(self, node: Any) -> bool:
        def holds(parent: Any, child: Any) -> bool:
            if isinstance(parent, syntax.Index):
                return child is not parent.base
            if isinstance(parent, syntax.Call):
                function = parent.function
                return isinstance(function, syntax.Name) and function.name in COUNTING
            return isinstance(parent, syntax.Slice) or (
                isinstance(parent, syntax.Attribute) and parent.name == "shape"
            )

        return self._holds_above("count", holds, node)

    def decision(self, node: Any) -> Span:
        """The condition, or what is counted, that a node is part of."""
        decision: Span = node.span
        for parent, child in self.above(node):
            if isinstance(parent, (syntax.If, syntax.While, syntax.Call, syntax.Index)):
                decision = parent.span if isinstance(parent, syntax.Call) else child.span
                break
        return decision

    def is_accumulated(self, node: Any) -> bool:
        """Whether a use is for `backward` only: below its call, or before `.grad`."""

        def holds(parent: Any, child: Any) -> bool:
            if isinstance(parent, syntax.Call):
                function = parent.function
                return isinstance(function, syntax.Name) and function.name in ACCUMULATING
            return isinstance(parent, syntax.Attribute) and parent.name == "grad"

        return self._holds_above("accumulated", holds, node)

    def constant_function(self, node: Any, names: Names) -> str | None:
        """The innermost built-in function around `node` that has a value, and no derivative."""
        for parent, _ in self.above(node):
            if isinstance(parent, syntax.Call) and isinstance(parent.function, syntax.Name):
                if not isinstance(names.bindings[parent.function], BuiltIn):
                    return None
                primitive = TABLE.get(parent.function.name)
                if primitive is not None and primitive.kind == "constant":
                    return parent.function.name
        return None
