"""What the nodes of a graph are called: by the program's names where one is enough, else v7."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language import syntax
from autodiff_cli.language.names import assigned_name
from autodiff_cli.report.numbers import number_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autodiff_cli.interpreter.run import Outcome
    from autodiff_cli.report.trace.wrapping import Piece

LETTERS = ("v", "n", "w", "t", "node")
"""The first that begins no numbered name of the program is that of nodes without a name.

v₁, v₂, … is how the literature writes a Wengert list (Griewank and Walther 2008).
"""
MACRON, OVERLINE = "\u0304", "\u0305"


class Labels:
    """The names of one run's nodes.

    Attributes:
        numbers: the place of every node in the order of evaluation, from 1.
    """

    def __init__(self, outcome: Outcome) -> None:
        nodes = outcome.graph.nodes
        self.numbers: dict[Node, int] = dict(zip(nodes, count(1), strict=False))
        self._names = assigned_names(outcome)
        self._calls = _calls(outcome)
        self._results = self._named_results(outcome)
        self._marked = {node.args[0] for node in nodes if node.primitive is TABLE["identity"]}
        """What a name to differentiate by was first given: the name is that of its own node."""
        self._bearers = self._count_bearers(nodes)
        self._leaves = Counter(node.span for node in nodes if node.primitive is None)
        taken = " ".join(scope_name for scope_name in outcome.resolved.top.slots)
        self._letter = next(
            (letter for letter in LETTERS if not re.search(rf"\b{letter}\d", taken)), LETTERS[-1]
        )

    def _count_bearers(self, nodes: Sequence[Node]) -> Counter[str]:
        """How many nodes have each name. A loop's are counted by their place in the source."""
        found: Counter[str] = Counter()
        spans = Counter(map(id, map(attrgetter("span"), nodes)))
        spans.subtract(id(node.span) for node in self._marked)
        spans.subtract(
            id(node.span)
            for node in nodes
            if node.primitive is TABLE["index"] and id(node.span) in self._calls
        )
        for span, bearers in spans.items():
            if span in self._names:
                found[self._names[span]] += bearers
        found.update(self._results.values())
        return found

    def _named_results(self, outcome: Outcome) -> dict[Node, str]:
        """What a function of the program gave, with the name that its call is assigned to."""
        journal = outcome.machine.journal
        return {
            group.result: self._names[id(group.span)]
            for group in (journal.groups if journal else ())
            if isinstance(group.result, Node)
            and id(group.span) in self._names
            and id(group.result.span) not in self._names
        }

    def name(self, node: Node) -> str:
        """The variable that a node was the value of when it was made; "" where it was none's."""
        if node.primitive is None:
            return str(node.span)
        if node in self._marked:
            return ""
        if node.primitive is TABLE["index"] and id(node.span) in self._calls:
            # An element that `map` goes through, on its way to the value of the call.
            return ""
        return self._names.get(id(node.span)) or self._results.get(node, "")

    def number(self, node: Node) -> str:
        return f"{self._letter}{self.numbers[node]}"

    def label(self, operand: Any) -> str:
        """How a formula calls an operand: a name that no other node has, else v7; a constant."""
        if not isinstance(operand, Node):
            return constant(operand)
        name = self.name(operand)
        bearers = self._leaves[name]
        if operand.primitive is not None:
            # A leaf has the first right to its name.
            bearers += self._bearers[name]
        return name if name and bearers == 1 else self.number(operand)

    def called(self, node: Node) -> list[Piece]:
        """A node's variable, and how formulas call it where that is otherwise: `a = v7`."""
        label, name = self.label(node), self.name(node)
        if name and name != label:
            return [("name", name), ("", " = "), ("name", label)]
        return [("name", label)]

    def expression(self, node: Node) -> str:
        """The source that made a node, on one line; of a sweep's own, what it computes."""
        if node.primitive is None:
            return str(node.span)
        if node.span is not None:
            words: str = node.span.words
            return words
        return self.operation(node)

    def operation(self, node: Node, called: Callable[[Any], str] | None = None) -> str:
        """A node's operation on the labels of its operands: `x * v3`, `sum(v4, axis=1)`.

        Where `called` is given, on what that calls them.
        """
        primitive = node.primitive
        assert primitive is not None
        operands = list(map(called or self.label, node.args[: operand_count(node)]))
        options = dict(zip(primitive.options, node.args[len(operands) :], strict=True))
        if primitive is TABLE["index"]:
            return f"{operands[0]}[{subscripts(options['key'])}]"
        if primitive is TABLE["setindex"]:
            return f"{operands[0]} with [{subscripts(options['key'])}] = {operands[1]}"
        if primitive.title == primitive.name:
            given = [
                f"{name}={_static(value)}"
                for name, value in options.items()
                if _static(value) != _static(primitive.options[name])
            ]
            return f"{primitive.name}({', '.join(operands + given)})"
        if len(operands) == 1:
            return f"{primitive.title}{operands[0]}"
        return f" {primitive.title} ".join(operands)


def subscripts(key: tuple[Any, ...]) -> str:
    """The key of an element or a part of an array, as a program writes it: `1:, 0`."""
    return ", ".join(map(_subscript, key))


def _subscript(part: Any) -> str:
    if not isinstance(part, slice):
        return constant(part)
    ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
    return ":".join(ends if part.step in (None, 1) else [*ends, str(part.step)])


def _static(value: Any) -> str:  # recurses: an array's axes
    """A static argument: an axis, a shape, a text."""
    if getattr(value, "shape", ()):
        return constant(value)
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_static, value))}]"
    if isinstance(value, slice):
        return _subscript(value)
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def operand_count(node: Node) -> int:
    """How many of a node's arguments are operands; static ones follow them."""
    assert node.primitive is not None
    return len(node.args) - len(node.primitive.options)


def constant(value: Any) -> str:
    """An operand that is no node, in a formula: a number, or what an array is like."""
    shape = getattr(value, "shape", ())
    if shape:
        return f"[{'×'.join(map(str, shape))}]"
    return number_text(value.item() if hasattr(value, "item") else value, 6)


def barred(label: str) -> str:
    """The adjoint of what is called `label`: x̄, v̄7, and a line over the whole of a long name."""
    head, rest = label[0], label[1:]
    if not rest or rest.isdigit():
        return unicodedata.normalize("NFC", head + MACRON) + rest
    return "".join(char + OVERLINE for char in label)


def assigned_names(outcome: Outcome) -> dict[int, str]:
    """By the span of the expression that makes a value, the name that it is assigned to.

    A function's own names too, wherever it is called from.
    """
    found: dict[int, str] = {}
    for owner, nodes in outcome.resolved.nodes.items():
        if isinstance(owner, syntax.Function):
            found |= {id(parameter.span): parameter.name for parameter in owner.parameters}
        for statement in nodes:
            if isinstance(statement, syntax.For):
                found[id(statement.iterable.span)] = statement.target.name
            elif isinstance(statement, syntax.InputItem):
                if statement.default is not None:
                    found[id(statement.default.span)] = statement.name.name
            elif isinstance(statement, syntax.Assign):
                found.update(_assigned(statement))
    return found


def _calls(outcome: Outcome) -> set[int]:
    """The spans of all calls."""
    return {
        id(node.span)
        for nodes in outcome.resolved.nodes.values()
        for node in nodes
        if isinstance(node, syntax.Call)
    }


def _assigned(statement: syntax.Assign) -> Iterator[tuple[int, str]]:
    if len(statement.targets) != len(statement.values):
        return
    for target, value in zip(statement.targets, statement.values, strict=True):
        if isinstance(target, syntax.Index):
            yield id(target.span), assigned_name(target).name
        else:
            yield id(statement.span if statement.operator else value.span), target.name
            # Of a name to differentiate by that was given a leaf's value.
            yield id(target.span), target.name
