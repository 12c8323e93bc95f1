"""Where the blocks of a picture stand, and which way the wires between them run.

Which column a block stands in is from `layers`, and the order in the columns begins with that
of it. Here the order learns of ports, and everything its size: a block keeps its whole height
free across its column, and a wire passes a column level. So nothing can run into anything else.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from autodiff_cli.report.trace.layers import layers

if TYPE_CHECKING:
    from collections.abc import Sequence

ORDERINGS = 6
"""So often the order is mended, forwards and backwards."""
SETTLINGS = 12
"""So often blocks move to where their wires run level, forwards and backwards."""
LONG_WIRES = 1000.0
"""How much more a wire that passes a column counts than a block, where both want to be level."""
BETWEEN_BLOCKS, BETWEEN_WIRES = 18.0, 14.0
"""Free height."""
NARROW, WIDE = 28.0, 110.0
"""The least and the greatest room between columns, where wires change their height."""
STEEPNESS = 0.45
"""Room that they get, for each unit of height that they change."""


@dataclass(slots=True)
class Block:
    """What is to be placed.

    Attributes:
        left, right: its width on both sides of where blocks in a column are in line.
        up, down: its height above and below its place.
        inputs, outputs: the heights of its ports, from its place.
    """

    left: float
    right: float
    up: float
    down: float
    inputs: Sequence[float]
    outputs: Sequence[float]


@dataclass(slots=True)
class Link:
    """From an output of a block to an input of a later one, by their numbers."""

    source: int
    output: int
    target: int
    input: int


@dataclass(slots=True)
class Stretch:
    """A piece of a wire, through the room between two columns.

    Attributes:
        start, end: its points; to there and from there the wire is level.
    """

    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(slots=True)
class Placement:
    """Where all is.

    Attributes:
        places: of each block.
        columns: of each block, where its column begins and ends.
        stretches: the pieces of wires, each once, however many wires it is part of.
        levels: wires that pass a column, as the beginning and the end of the level piece.
        forks: where wires part.
    """

    width: float = 0.0
    height: float = 0.0
    places: list[tuple[float, float]] = field(default_factory=list)
    columns: list[tuple[float, float]] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    levels: list[Stretch] = field(default_factory=list)
    forks: list[tuple[float, float]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Vertex:
    """A block, or a waypoint of a wire, in its column."""

    block: Block | None
    column: int
    place: float = 0.0
    before: list[_End] = field(default_factory=list)
    after: list[_End] = field(default_factory=list)

    @property
    def up(self) -> float:
        return 0.0 if self.block is None else self.block.up

    @property
    def down(self) -> float:
        return 0.0 if self.block is None else self.block.down


@dataclass(slots=True)
class _End:
    """The other end of a piece of wire, with the heights of both ports."""

    vertex: _Vertex
    there: float
    here: float


def place(blocks: Sequence[Block], links: Sequence[Link]) -> Placement:
    """Places blocks from left to right; every link goes from a lower to a higher number."""
    return _Placer(blocks, links).placement()


class _Placer:
    def __init__(self, blocks: Sequence[Block], links: Sequence[Link]) -> None:
        self._blocks = blocks
        count = len(blocks)
        edges = list(dict.fromkeys((link.source, link.target, link.output) for link in links))
        layered = layers(count, edges)
        self._vertices = [
            _Vertex(blocks[i] if i < count else None, column)
            for i, column in enumerate(layered.columns)
        ]
        self._columns: list[list[_Vertex]] = [[] for _ in range(max(layered.columns) + 1)]
        for i in sorted(range(len(self._vertices)), key=lambda i: (layered.heights[i], i)):
            self._columns[layered.columns[i]].append(self._vertices[i])
        self._connect(links, layered.wires)

    def _connect(self, links: Sequence[Link], wires: Sequence[tuple[int, int, int]]) -> None:
        count = len(self._blocks)
        inputs: dict[tuple[int, int, int], list[float]] = {}
        for link in links:
            port = self._blocks[link.target].inputs[link.input]
            inputs.setdefault((link.source, link.output, link.target), []).append(port)
        origins: dict[int, int] = {}
        for start, end, output in wires:
            origin = origins.get(start, start)
            first, last = self._vertices[start], self._vertices[end]
            leaves = self._blocks[start].outputs[output] if start < count else 0.0
            if end >= count:
                origins[end] = origin
            for arrives in inputs[origin, output, end] if end < count else [0.0]:
                first.after.append(_End(last, arrives, leaves))
                last.before.append(_End(first, leaves, arrives))

    # ── the order in the columns ──────────────────────────────────────────────────────

    def _order(self) -> None:
        best = [list(column) for column in self._columns]
        fewest = self._crossings()
        for _ in range(ORDERINGS):
            for forwards in (False, True):
                self._sort_all(forwards)
                self._swap_all()
                crossings = self._crossings()
                if crossings < fewest:
                    fewest, best = crossings, [list(column) for column in self._columns]
        self._columns = best

    def _sort_all(self, forwards: bool) -> None:
        """Every vertex to the mean of where its wires come from; or backwards, go to."""
        columns = self._columns if forwards else self._columns[::-1]
        for column in columns:
            means = {}
            for i, vertex in enumerate(column):
                vertex.place = float(i)
            for vertex in column:
                ends = vertex.before if forwards else vertex.after
                heights = [_ranked(end) for end in ends]
                means[vertex] = sum(heights) / len(heights) if heights else vertex.place
            column.sort(key=means.__getitem__)
            for i, vertex in enumerate(column):
                vertex.place = float(i)

    def _swap_all(self) -> None:
        """Neighbours in a column change places where fewer of their wires cross then."""
        for _ in range(ORDERINGS):
            swapped = False
            for column in self._columns:
                for i in range(len(column) - 1):
                    upper, lower = column[i : i + 2]
                    if _crossed(upper, lower) > _crossed(lower, upper):
                        column[i : i + 2] = lower, upper
                        upper.place, lower.place = lower.place, upper.place
                        swapped = True
            if not swapped:
                return

    def _crossings(self) -> int:
        """How many pairs of wires cross between columns."""
        for column in self._columns:
            for i, vertex in enumerate(column):
                vertex.place = float(i)
        crossings = 0
        for column in self._columns:
            ends = sorted(
                ((vertex.place, end.here), _ranked(end))
                for vertex in column
                for end in vertex.after
            )
            arrived: list[float] = []
            for _, height in ends:
                crossings += len(arrived) - bisect_right(arrived, height)
                insort(arrived, height)
        return crossings

    # ── heights and widths ────────────────────────────────────────────────────────────

    def _settle(self) -> None:
        for column in self._columns:
            top = 0.0
            for vertex in column:
                vertex.place = top + vertex.up
                top = vertex.place + vertex.down + BETWEEN_BLOCKS
        for turn in range(SETTLINGS):
            for column in self._columns[::-1]:
                _settle(column, [_level(v.after, v.place) for v in column])
            for column in self._columns:
                ends = (v.before if turn == SETTLINGS - 1 else v.before + v.after for v in column)
                _settle(column, [_level(e, v.place) for e, v in zip(ends, column, strict=True)])

    def placement(self) -> Placement:
        self._order()
        self._settle()
        done = Placement()
        top = min(v.place - v.up for v in self._vertices)
        for vertex in self._vertices:
            vertex.place -= top
        done.height = max(v.place + v.down for v in self._vertices)
        spans: list[tuple[float, float, float]] = []
        x = 0.0
        for column in self._columns:
            left = max((v.block.left for v in column if v.block), default=0.0)
            right = max((v.block.right for v in column if v.block), default=0.0)
            spans.append((x, x + left, x + left + right))
            steepest = max(
                (abs(_difference(v, end)) for v in column for end in v.after), default=0.0
            )
            x = spans[-1][2] + min(max(NARROW, STEEPNESS * steepest), WIDE)
        done.width = spans[-1][2]
        for vertex in self._vertices:
            start, middle, end = spans[vertex.column]
            if vertex.block is not None:
                done.places.append((middle, vertex.place))
                done.columns.append((start, end))
            elif end > start:
                done.levels.append(Stretch((start, vertex.place), (end, vertex.place)))
            ports = [port.here for port in vertex.after]
            for port in dict.fromkeys(ports):
                if ports.count(port) > 1:
                    done.forks.append((end, vertex.place + port))
            for way in vertex.after:
                done.stretches.append(
                    Stretch(
                        (end, vertex.place + way.here),
                        (spans[way.vertex.column][0], way.vertex.place + way.there),
                    )
                )
        return done


def _crossed(upper: _Vertex, lower: _Vertex) -> int:
    """How many wires of two neighbours in a column cross."""
    return sum(
        _ranked(one) > _ranked(other)
        for ends, others in ((upper.before, lower.before), (upper.after, lower.after))
        for one in ends
        for other in others
    )


def _ranked(end: _End) -> float:
    """The other end's place in its column, told apart by port."""
    block = end.vertex.block
    return end.vertex.place + (end.there / (block.up + block.down) if block else 0.0)


def _difference(vertex: _Vertex, end: _End) -> float:
    return end.vertex.place + end.there - vertex.place - end.here


def _level(ends: Sequence[_End], otherwise: float) -> float:
    """Where a vertex stands best: its wires run level, in the mean."""
    if not ends:
        return otherwise
    weights = [1.0 if end.vertex.block else LONG_WIRES for end in ends]
    places = (end.vertex.place + end.there - end.here for end in ends)
    return sum(w * p for w, p in zip(weights, places, strict=True)) / sum(weights)


def _settle(column: Sequence[_Vertex], wanted: Sequence[float]) -> None:
    """Moves a column as near to `wanted` as its order and the sizes allow.

    The least sum of squares under an order, by pooling adjacent violators: those that would
    be too near to each other stand together, at their mean.
    """
    offsets = [0.0]
    for upper, lower in pairwise(column):
        gap = BETWEEN_BLOCKS if upper.block or lower.block else BETWEEN_WIRES
        offsets.append(offsets[-1] + upper.down + gap + lower.up)
    pools: list[tuple[float, float, int]] = []
    for vertex, want, offset in zip(column, wanted, offsets, strict=True):
        # A block makes way for a wire that passes: long wires stay straight.
        mean, weight, count = want - offset, 1.0 if vertex.block else LONG_WIRES, 1
        while pools and pools[-1][0] > mean:
            other, heft, more = pools.pop()
            mean = (mean * weight + other * heft) / (weight + heft)
            weight, count = weight + heft, count + more
        pools.append((mean, weight, count))
    places = (mean for mean, _, count in pools for _ in range(count))
    for vertex, mean, offset in zip(column, places, offsets, strict=True):
        vertex.place = mean + offset
