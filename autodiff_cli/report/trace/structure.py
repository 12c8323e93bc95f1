"""Which rows a trace has: nodes, folded or opened groups, and reverse passes, in their order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from typing import TYPE_CHECKING

from autodiff_cli.report.trace.rows import EventRow, GroupRow, NodeRow, RoundRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.interpreter.journal import Group
    from autodiff_cli.report.trace.rows import Row, Shown

EVERYTHING = 1_000_000
"""More levels than any program opens."""
ROWS = 50
"""Where nobody says how deep, groups are opened as far as so many rows show them."""
DEEPEST = 63
"""Levels that are opened where nobody says how deep: a recursion may have thousands."""


def rows(view: Shown, depth: int, rounds: int) -> Iterator[Row]:
    """The rows of what a view keeps, with `depth` levels of groups opened.

    Args:
        rounds: of an opened group with more, so many, the first and the last of them; those
            between fold into one row.
    """
    groups, events, kept = view.trace.groups, view.trace.events, view.kept
    count = len(view.trace.nodes)
    place = next_group = next_event = level = 0
    opened: list[tuple[Group, int]] = []
    """Those around `place`, each with the number of its next round."""
    outside: list[int] = []
    """The level around each of them."""

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

    def due() -> Iterator[EventRow]:
        """What ran before the node at `place`, as soon as the groups that it ran in are open."""
        nonlocal next_event
        while next_event < len(events) and events[next_event].at <= place:
            begun = {id(group): number for group, number in opened}
            if any(
                group.end > group.start and begun.get(id(group), 0) < number
                for group, number in events[next_event].within
            ):
                return
            yield EventRow(view, level, events[next_event])
            next_event += 1

    while True:
        yield from due()
        while opened and opened[-1][0].end <= place:
            opened.pop()
            level = outside.pop()
        yield from due()
        if place >= count:
            return
        if opened:
            group, number = opened[-1]
            if number < len(group.rounds) and group.rounds[number] <= place:
                together = len(group.rounds) - rounds if number == rounds // 2 else 1
                together = max(together, 1)
                following = group.rounds[number + together : number + together + 1]
                end = following[0] if following else group.over
                opened[-1] = (group, number + together)
                level = outside[-1] + _levels(group)
                if _has_rounds(group) and keeps(place, end):
                    yield RoundRow(
                        view, level - 1, group, together == 1, place, end, together, number + 1
                    )
                if together > 1:
                    place = end
                    skip_to(place)
                    skip_events(group, number + together)
                continue
            if place >= group.over and _has_rounds(group):
                # What ended a loop is in none of its rounds.
                level = outside[-1] + 1
        if next_group < len(groups) and groups[next_group].start <= place:
            group = groups[next_group]
            next_group += 1
            if keeps(group.start, group.end):
                opens, times = len(opened) < depth, len(group.rounds)
                yield GroupRow(view, level, group, opens, group.start, group.end, times)
                if opens:
                    opened.append((group, 0))
                    outside.append(level)
                    level += 1
                    continue
            place = group.end
            skip_events(group, EVERYTHING)
            skip_to(place)
            continue
        if kept is None or kept[place]:
            yield NodeRow(view, level, place)
        place += 1


def _has_rounds(group: Group) -> bool:
    return group.kind == "loop" or len(group.rounds) > 1


def _levels(group: Group) -> int:
    """How far the rows of an opened group are set in: a level for it, and one for each round."""
    return 1 + _has_rounds(group)


def deepest(view: Shown, most: int, rounds: int) -> int:
    """The levels of groups that can be opened with at most so many rows, up to `DEEPEST`."""

    def count(depth: int) -> int:
        return sum(1 for _ in islice(rows(view, depth, rounds), most + 1))

    depths = range(DEEPEST + 1)
    last = max(bisect_right(depths, most, key=count) - 1, 0)
    # No deeper than there is anything to open.
    return bisect_left(depths, count(last), hi=last, key=count)
