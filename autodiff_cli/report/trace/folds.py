"""The rows of a trace that stand for many nodes, and which of the nodes stand in one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff_cli.report.trace.structure import RoundItem, folded

if TYPE_CHECKING:
    from autodiff_cli.interpreter.journal import Group
    from autodiff_cli.report.trace.structure import Item
    from autodiff_cli.report.trace.view import View


@dataclass(slots=True)
class Fold:
    """A folded group, or the folded rounds of an opened one.

    Attributes:
        title: `loop line 7 ×1000`.
        part: its nodes are those from its `start` to its `end`.
    """

    title: str
    line: int
    part: Group | RoundItem


class Folds:
    """Those of a view, by the nodes in them."""

    def __init__(self, view: View) -> None:
        found = (fold_of(item) for item in view.items())
        self._folds = [fold for fold in found if fold is not None]
        self._starts = [fold.part.start for fold in self._folds]

    def around(self, place: int) -> Fold | None:
        """The fold that the node at `place` of the list of nodes is in."""
        position = bisect_right(self._starts, place) - 1
        if position < 0 or self._folds[position].part.end <= place:
            return None
        return self._folds[position]


def fold_of(item: Item) -> Fold | None:
    """What a row folds; None for one that does not."""
    part = folded(item)
    if isinstance(part, RoundItem):
        line = part.group.span.line
        return Fold(f"{rounds_of(part)} of {title_of(part.group)}", line, part)
    return None if part is None else Fold(title_of(part), part.span.line, part)


def title_of(group: Group) -> str:
    """`loop line 7 ×1000`, `f line 9 ×3`."""
    title = "loop" if group.kind == "loop" else group.label
    count = len(group.rounds)
    times = f" ×{count:,}" if group.kind == "loop" or count > 1 else ""
    return f"{title} line {group.span.line}{times}"


def rounds_of(item: RoundItem) -> str:
    """`iteration 3`, `calls 4 to 997`."""
    title = "iteration" if item.group.kind == "loop" else "call"
    if item.count == 1:
        return f"{title} {item.number}"
    return f"{title}s {item.number} to {item.number + item.count - 1}"
