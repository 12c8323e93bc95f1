"""Which comparisons of a program deserve a word when what they compare can be differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.language import syntax
from autodiff_cli.language.names import children

if TYPE_CHECKING:
    from autodiff_cli.interpreter.machine import Note

READ_AS_CONDITIONS = frozenset(("where", "all", "any"))
"""Functions that take a comparison for what it is, and not for the number 0 or 1."""


def notes(program: syntax.Program) -> dict[syntax.Comparison, Note]:
    """What to note of each comparison, should it meet a node; most have nothing.

    A branch on `==` is taken on a set of measure zero, so that its derivative says nothing of
    the points beside it. A comparison used as a number is flat: the gradient ends there.
    """
    found: dict[syntax.Comparison, Note] = {}
    pending: list[tuple[Any, Place]] = [(program, "elsewhere")]
    while pending:
        node, place = pending.pop()
        if isinstance(node, syntax.Comparison):
            if place == "number":
                found[node] = "comparison"
            elif place == "branch" and not {"==", "!="}.isdisjoint(node.operators):
                found[node] = "equality"
        pending.extend((child, _place(node, child, place)) for child in children(node))
    return found


Place = Literal["elsewhere", "branch", "number", "silent"]
"""Where an expression stands: it decides a branch, its value is used as a number, or it is
inside a condition, from which no gradient is wanted."""


def _place(node: Any, child: Any, place: Place) -> Place:
    """Where `child` of `node` stands, which itself stands at `place`."""
    if isinstance(node, (syntax.If, syntax.While)):
        return "branch" if child is node.condition else "elsewhere"
    if isinstance(node, syntax.Assert):
        return "silent"
    if place == "silent" or isinstance(node, syntax.Logical):
        return place
    if isinstance(node, syntax.Unary) and node.operator == "not":
        return place
    if place == "branch":
        return "silent"
    if isinstance(node, (syntax.Binary, syntax.Unary)):
        return "number"
    if isinstance(node, syntax.Call):
        name = node.function.name if isinstance(node.function, syntax.Name) else ""
        return "elsewhere" if name in READ_AS_CONDITIONS else "number"
    return place if isinstance(node, syntax.Argument) else "elsewhere"
