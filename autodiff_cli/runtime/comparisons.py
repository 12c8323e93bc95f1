"""Which comparisons of a program deserve a word when what they compare can be differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.language import syntax
from autodiff_cli.language.names import children

if TYPE_CHECKING:
    from autodiff_cli.runtime.machine import Note

READ_AS_CONDITIONS = frozenset(("where", "all", "any"))
"""Functions that take a comparison for what it is, and not for the number 0 or 1."""


def notes(program: syntax.Program) -> dict[syntax.Comparison, Note]:
    """What to note of each comparison, should it meet a node; most have nothing.

    A branch on `==` is taken on a set of measure zero, so that its derivative says nothing of
    the points beside it. A comparison used as a number is flat: the gradient ends there.
    """
    found: dict[syntax.Comparison, Note] = {}
    pending: list[tuple[Any, Note | None]] = [(program, None)]
    while pending:
        node, note = pending.pop()
        if isinstance(node, syntax.Comparison):
            if note == "comparison" or (
                note == "equality" and not {"==", "!="}.isdisjoint(node.operators)
            ):
                found[node] = note
            note = None
        for child in children(node):
            pending.append((child, _note_below(node, child, note)))
    return found


def _note_below(node: Any, child: Any, note: Note | None) -> Note | None:
    """What a comparison at `child` would be noted for."""
    if isinstance(node, (syntax.If, syntax.While)):
        return "equality" if child is node.condition else None
    if isinstance(node, syntax.Logical) or (
        isinstance(node, syntax.Unary) and node.operator == "not"
    ):
        return note
    if isinstance(node, (syntax.Binary, syntax.Unary)):
        return "comparison"
    if isinstance(node, syntax.Call):
        name = node.function.name if isinstance(node.function, syntax.Name) else ""
        return None if name in READ_AS_CONDITIONS else "comparison"
    return note if isinstance(node, syntax.Argument) else None
