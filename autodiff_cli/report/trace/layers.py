"""A directed graph in layers: which column each vertex stands in, and where in its column.

The order within the columns is `fast-sugiyama`'s. An edge that passes columns is led through a
waypoint in each of them, and edges from the same output of a vertex share theirs: a value that is
used in many places is then one wire that branches, as on a circuit diagram.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fast_sugiyama import from_edges

if TYPE_CHECKING:
    from collections.abc import Sequence

SPACING = 100.0
MOST_WAYPOINTS = 20_000
"""Where edges need more, those that pass columns are drawn straight."""
FEW = 300
"""So many vertices and waypoints are ranked for the shortest edges; that is slow for more."""

Edge = tuple[int, int, int]
"""From a vertex to a later one, and which output of the first it is, by any number."""


@dataclass(slots=True)
class Layers:
    """Where each vertex stands.

    Attributes:
        columns, heights: of each vertex; waypoints follow those that were given.
        wires: the edges, each in pieces that go from a column to the next.
    """

    columns: list[int]
    heights: list[float]
    wires: list[Edge]


def layers(count: int, edges: Sequence[Edge], first: int = 0, last: int = 0) -> Layers:
    """The layers of the vertices 0 … count - 1, the first of them, and the last, at the margins.

    Every edge goes from a lower to a higher number.
    """
    columns = _columns(count, edges, first, last)
    wires, columns = _with_waypoints(columns, edges)
    return Layers(columns, _heights(columns, wires), wires)


def _columns(count: int, edges: Sequence[Edge], first: int, last: int) -> list[int]:
    """Such that every edge goes to the right."""
    before: list[set[int]] = [set() for _ in range(count)]
    after: list[set[int]] = [set() for _ in range(count)]
    for start, end, _ in edges:
        before[end].add(start)
        after[start].add(end)
    columns = [0] * count
    for vertex in range(first, count):
        earliest = [columns[other] + 1 for other in before[vertex]]
        columns[vertex] = max(earliest, default=int(first > 0))
    for vertex in range(count - last - 1, first - 1, -1):
        # Near to where it is used, where no more edges grow longer than shorter.
        if after[vertex] and len(before[vertex]) <= 1:
            columns[vertex] = min(columns[other] for other in after[vertex]) - 1
    margin = max((columns[vertex] + 1 for vertex in range(count - last)), default=0)
    columns[count - last :] = [margin] * last
    return columns


def _with_waypoints(columns: list[int], edges: Sequence[Edge]) -> tuple[list[Edge], list[int]]:
    farthest: dict[tuple[int, int], int] = {}
    for start, end, output in edges:
        farthest[start, output] = max(farthest.get((start, output), 0), columns[end])
    lengths = sum(max(last - columns[start] - 1, 0) for (start, _), last in farthest.items())
    if lengths > MOST_WAYPOINTS:
        return list(dict.fromkeys(edges)), columns
    columns = list(columns)
    wires: dict[Edge, None] = {}
    waypoints: dict[Edge, int] = {}
    for start, end, output in edges:
        last = start
        for column in range(columns[start] + 1, columns[end]):
            key = (start, output, column)
            if key not in waypoints:
                waypoints[key] = len(columns)
                columns.append(column)
            wires[last, waypoints[key], output] = None
            last = waypoints[key]
        wires[last, end, output] = None
    return list(wires), columns


def _heights(columns: list[int], wires: Sequence[Edge]) -> list[float]:
    """Such that few wires cross; vertices without any wire stand below the others."""
    pairs = [
        pair
        for pair in dict.fromkeys((start, end) for start, end, _ in wires)
        if columns[pair[1]] - columns[pair[0]] == 1
    ]
    heights: dict[int, float] = {}
    top = 0.0
    if pairs:
        parts = from_edges(
            pairs,
            minimum_length=1,
            vertex_spacing=SPACING,
            dummy_vertices=False,
            ranking_type="minimize" if len(columns) <= FEW else "up",
            check_layout=False,
        )
        for placed, width, _, _ in parts:
            for vertex, (across, _) in placed:
                heights[int(vertex)] = top + across / SPACING
            top += width / SPACING + 1
    return [heights.get(vertex, top + vertex) for vertex in range(len(columns))]
