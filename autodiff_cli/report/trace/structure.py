"""Which rows a trace has: nodes, folded or opened groups, and reverse passes, in their order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.explain.tracing import Trace
    from autodiff_cli.interpreter.journal import Backward, Cleared, Group

EVERYTHING = 1_000_000
"""More levels than any program opens."""
ROWS = 50
"""Where nobody says how deep, groups are opened as far as so many rows show them."""
DEEPEST = 63
"""Levels that are opened where nobody says how deep: a recursion may have thousands."""


@dataclass(slots=True, frozen=True)
class NodeItem:
    """A node, by its place in the list of nodes; `depth` groups are open around it."""

    place: int
    depth: int


@dataclass(slots=True, frozen=True)
class GroupItem:
    """A group: in one row, or opened, and then its rows follow."""

    group: Group
    depth: int
    opened: bool


@dataclass(slots=True, frozen=True)
class RoundItem:
    """An iteration of an opened loop, or one of several calls, before its rows.

    `count` rounds in one row are folded, and their rows do not follow.
    """

    group: Group
    number: int
    depth: int
    start: int
    end: int
    count: int = 1


@dataclass(slots=True, frozen=True)
class EventItem:
    """A `backward` or a `zero_grad` of the program."""

    event: Backward | Cleared
    depth: int


Item = NodeItem | GroupItem | RoundItem | EventItem


def folded(item: Item) -> Group | RoundItem | None:
    """What a row folds, from its `start` to its `end`; None for one that folds nothing."""
    if isinstance(item, GroupItem):
        return None if item.opened else item.group
    return item if isinstance(item, RoundItem) and item.count > 1 else None


def items(
    trace: Trace, depth: int, kept: bytearray | None = None, rounds: int = EVERYTHING
) -> Iterator[Item]:
    """The rows with `depth` levels of groups opened; where `kept` is given, of its places only.

    Args:
        kept: a byte for each node, 0 for those that are to be left out.
        rounds: of an opened group with more, so many, the first and the last of them; those
            between fold into one row.
    """
    groups, events = trace.groups, trace.events
    count = len(trace.nodes)
    place = next_group = next_event = level = 0
    opened: list[tuple[Group, int]] = []
    """Those around `place`, each with the number of its next round."""

    def keeps(start: int, end: int) -> bool:
        return kept is None or kept.find(1, start, end) >= 0

    def skip_to(place: int) -> None:
        nonlocal next_group
        while next_group < len(groups) and groups[next_group].start < place:
            next_group += 1

    def skip_events(folded: Group, last_round: int) -> None:
        nonlocal next_event
        while next_event < len(events) and any(
            group is folded and number <= last_round for group, number in events[next_event].within
        ):
            next_event += 1

    def due() -> Iterator[EventItem]:
        """What ran before the node at `place`, as soon as the groups that it ran in are open."""
        nonlocal next_event
        while next_event < len(events) and events[next_event].at <= place:
            begun = {id(group): number for group, number in opened}
            if any(
                group.end > group.start and begun.get(id(group), 0) < number
                for group, number in events[next_event].within
            ):
                return
            yield EventItem(events[next_event], level)
            next_event += 1

    while True:
        yield from due()
        while opened and opened[-1][0].end <= place:
            level -= _levels(opened.pop()[0])
        yield from due()
        if place >= count:
            return
        if opened:
            group, number = opened[-1]
            if number < len(group.rounds) and group.rounds[number] <= place:
                together = len(group.rounds) - rounds if number == rounds // 2 else 1
                together = max(together, 1)
                following = group.rounds[number + together : number + together + 1]
                end = following[0] if following else group.end
                opened[-1] = (group, number + together)
                if _has_rounds(group) and keeps(place, end):
                    yield RoundItem(group, number + 1, level - 1, place, end, together)
                if together > 1:
                    place = end
                    skip_to(place)
                    skip_events(group, number + together)
                continue
        if next_group < len(groups) and groups[next_group].start <= place:
            group = groups[next_group]
            next_group += 1
            if not keeps(group.start, group.end):
                place = group.end
                skip_events(group, EVERYTHING)
            elif len(opened) < depth:
                yield GroupItem(group, level, True)
                opened.append((group, 0))
                level += _levels(group)
                continue
            else:
                yield GroupItem(group, level, False)
                place = group.end
                skip_events(group, EVERYTHING)
            skip_to(place)
            continue
        if kept is None or kept[place]:
            yield NodeItem(place, level)
        place += 1


def _has_rounds(group: Group) -> bool:
    return group.kind == "loop" or len(group.rounds) > 1


def _levels(group: Group) -> int:
    """How far the rows of an opened group are set in: a level for it, and one for each round."""
    return 1 + _has_rounds(group)


def deepest(
    trace: Trace, most: int, kept: bytearray | None = None, rounds: int = EVERYTHING
) -> int:
    """The levels of groups that can be opened with at most so many rows, up to `DEEPEST`."""

    def count(depth: int) -> int:
        return sum(1 for _ in islice(items(trace, depth, kept, rounds), most + 1))

    depths = range(DEEPEST + 1)
    last = max(bisect_right(depths, most, key=count) - 1, 0)
    # No deeper than there is anything to open.
    return bisect_left(depths, count(last), hi=last, key=count)
