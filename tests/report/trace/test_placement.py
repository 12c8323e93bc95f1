"""Where blocks and wires come to stand: nothing runs into anything else."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff_cli.report.trace.placement import Block, Link, place

if TYPE_CHECKING:
    from autodiff_cli.report.trace.placement import Placement, Stretch

Graph = tuple[list[Block], list[Link]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Blocks of many sizes, most of them linked to earlier ones, some of these twice."""
    count = draw(st.integers(1, 12))
    size = st.floats(5, 60)
    blocks, links = [], []
    for number in range(count):
        sources = draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        inputs = [20.0 * i - 10.0 * (len(sources) - 1) for i in range(len(sources))]
        reach = max(inputs, default=0.0)
        up, down = draw(size) + reach, draw(size) + reach
        blocks.append(Block(draw(size), draw(size), up, down, inputs, [0.0]))
        links += [Link(source, 0, number, i) for i, source in enumerate(sources)]
    return blocks, links


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_nothing_overlaps(graph: Graph) -> None:
    blocks, links = graph
    placed = place(blocks, links)
    boxes = [
        (x - b.left, y - b.up, x + b.right, y + b.down)
        for b, (x, y) in zip(blocks, placed.places, strict=True)
    ]
    assert not any(overlap(one, other) for one, other in combinations(boxes, 2))
    assert all(
        x1 >= -0.01 and y1 >= -0.01 and x2 <= placed.width + 0.01 and y2 <= placed.height + 0.01
        for x1, y1, x2, y2 in boxes
    )
    for level in placed.levels:
        (x1, y), (x2, _) = level.start, level.end
        assert not any(overlap((x1, y, x2, y), box) for box in boxes)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_wire_arrives(graph: Graph) -> None:
    blocks, links = graph
    placed = place(blocks, links)
    for link in links:
        start = (placed.columns[link.source][1], placed.places[link.source][1])
        port = blocks[link.target].inputs[link.input]
        end = (placed.columns[link.target][0], placed.places[link.target][1] + port)
        assert reaches(placed, start, end)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    slack = 1e-6
    return all(one[i] < other[i + 2] - slack and other[i] < one[i + 2] - slack for i in (0, 1))


def reaches(placed: Placement, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Whether pieces of wire lead from one point to the other."""
    pieces: list[Stretch] = placed.stretches + placed.levels
    found, pending = {rounded(start)}, [rounded(start)]
    while pending:
        at = pending.pop()
        for piece in pieces:
            there = rounded(piece.end)
            if rounded(piece.start) == at and there not in found:
                found.add(there)
                pending.append(there)
    return rounded(end) in found


def rounded(point: tuple[float, float]) -> tuple[float, float]:
    return round(point[0], 3), round(point[1], 3)


def test_a_long_wire_is_straight() -> None:
    blocks = [Block(10, 10, 10, 10, [], [0.0])]
    blocks += [Block(10, 10, 10, 10, [0.0], [0.0]) for _ in range(6)]
    blocks.append(Block(10, 10, 20, 20, [-10.0, 10.0], [0.0]))
    links = [Link(i, 0, i + 1, 0) for i in range(6)] + [Link(6, 0, 7, 0), Link(0, 0, 7, 1)]
    heights = [level.start[1] for level in place(blocks, links).levels]
    assert len(heights) >= 5
    assert max(heights) - min(heights) < 0.5
