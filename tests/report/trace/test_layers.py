"""Layers of graphs: what holds of any, on graphs drawn at random."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from autodiff_cli.report.trace.layers import layers


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, int]], int, int]:
    """Vertices, edges from lower to higher ones, and how many stand at each margin."""
    count = draw(st.integers(1, 12))
    first = draw(st.integers(0, count - 1))
    last = draw(st.integers(0, count - first))
    starts, ends = range(count - last), range(first, count)
    edge = st.tuples(st.sampled_from(starts or [0]), st.sampled_from(ends), st.integers(0, 1))
    edges = draw(st.lists(edge, max_size=20))
    return count, [edge for edge in edges if edge[0] < edge[1] and starts], first, last


@given(graphs())
def test_wires_go_from_a_column_to_the_next_and_make_up_the_edges(
    graph: tuple[int, list[tuple[int, int, int]], int, int],
) -> None:
    count, edges, first, last = graph
    found = layers(count, edges, first, last)
    assert len(found.columns) == len(found.heights)
    onward = defaultdict(list)
    for start, end, output in found.wires:
        assert found.columns[end] == found.columns[start] + 1
        onward[start, output].append(end)

    def reached(vertex: int, output: int) -> set[int]:
        ends = set()
        for other in onward[vertex, output]:
            ends |= {other} if other < count else reached(other, output)
        return ends

    for start in range(count):
        for output in (0, 1):
            wanted = {end for begin, end, which in edges if (begin, which) == (start, output)}
            assert reached(start, output) == wanted


@given(graphs())
def test_the_first_and_the_last_stand_alone_at_the_margins(
    graph: tuple[int, list[tuple[int, int, int]], int, int],
) -> None:
    count, edges, first, last = graph
    columns = layers(count, edges, first, last).columns
    inner = columns[first : count - last]
    assert set(columns[:first]) <= {0}
    assert all(column > 0 for column in inner) or not first
    if last:
        assert set(columns[count - last : count]) == {max(columns)}
        assert all(column < max(columns) for column in [*columns[:first], *inner])


@given(graphs())
def test_no_two_stand_in_one_place(graph: tuple[int, list[tuple[int, int, int]], int, int]) -> None:
    found = layers(*graph[:2], *graph[2:])
    places = list(zip(found.columns, found.heights, strict=True))
    assert len(set(places)) == len(places)


def test_a_wire_that_passes_columns_is_shared() -> None:
    chain = [(vertex, vertex + 1, 0) for vertex in range(1, 6)]
    found = layers(7, [*chain, *((0, vertex, 0) for vertex in range(1, 7))])
    assert found.columns[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert len(found.columns) == 7 + 5


def test_crossings_that_need_not_be_are_not() -> None:
    found = layers(6, [(0, 4, 0), (1, 3, 0), (2, 5, 0)])
    starts = sorted((0, 1, 2), key=lambda vertex: found.heights[vertex])
    ends = sorted((3, 4, 5), key=lambda vertex: found.heights[vertex])
    assert [{0: 4, 1: 3, 2: 5}[vertex] for vertex in starts] == ends
