"""Every elementwise entry where its formulas switch or meet: derivatives of order 1 to 4.

The points are the entry's own special ones with 0, ±1 and random ones; nothing is listed here.
The referee (`slopes`) differences a plain definition with hundreds of digits.
"""

from __future__ import annotations

import itertools
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autodiff_cli.engine import precise
from autodiff_cli.engine.derivatives import hessian, taylor
from autodiff_cli.engine.graph import Graph, Node, apply, value_of
from autodiff_cli.engine.precise import REFUSED, mp
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import (
    forward_sweep,
    ones_of,
    recorded_reverse_sweep,
    reverse_sweep,
    zeros_of,
)
from tests.engine.slopes import along, jumps, slopes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.primitive import Primitive

ORDER = 4
RELATIVE = 1e-9
ABSOLUTE = 2e-12
"""Of the largest of the derivatives up to that order: what cancels in a sum of such."""
MOST_POINTS = 40

OUTER = 12
"""So many entries are composed with each one."""

ALL = [
    pytest.param(entry, id=name)
    for name, entry in TABLE.items()
    if entry.kind == "elementwise" and entry.precise is not None
]
SMOOTH = [param for param in ALL if not param.values[0].flat]
UNARY = [param for param in SMOOTH if len(param.values[0].operands) == 1]

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def points(entry: Primitive) -> list[tuple[float, ...]]:
    """Special coordinates put together, and random ones; the same in every run."""
    rng = np.random.default_rng(zlib.crc32(entry.name.encode()))
    columns = []
    for position, one in enumerate(entry.sample):
        if isinstance(one, range):
            columns.append([float(x) for x in one])
            continue
        special = entry.special[position] if entry.special else ()
        columns.append([*map(float, special), 0.0, 1.0, -1.0, *rng.uniform(*one, 2).tolist()])
    together = list(dict.fromkeys(itertools.product(*columns)))
    # What only derivatives call is reached through what programs call, too.
    chosen = rng.permutation(len(together))[: MOST_POINTS if entry.example else MOST_POINTS // 4]
    return [together[i] for i in sorted(chosen)]


BEYOND = (-0.0, 5e-324, -1e308, 1e308, math.inf, -math.inf, math.nan)


def beyond(entry: Primitive) -> list[tuple[float, ...]]:
    """Points of which no definition says much, and ways of computing must agree all the same."""
    rng = np.random.default_rng(zlib.crc32(entry.name.encode()))
    columns = [
        [float(x) for x in one] if isinstance(one, range) else [*BEYOND, 0.0, 1.0, -2.5]
        for one in entry.sample
    ]
    together = list(itertools.product(*columns))
    return [together[i] for i in rng.permutation(len(together))[:MOST_POINTS]]


def directions(entry: Primitive, rng: np.random.Generator) -> Iterator[tuple[float, ...]]:
    """Along each operand, and two lines across."""
    moving = [not isinstance(one, range) for one in entry.sample]
    for i, moves in enumerate(moving):
        if moves:
            yield tuple(float(j == i) for j in range(len(moving)))
    if sum(moving) > 1:
        for _ in range(2):
            yield tuple(float(rng.choice((-2, -1, 1, 2))) if moves else 0.0 for moves in moving)


def line(
    entry: Primitive, point: Sequence[float], direction: Sequence[float], order: int
) -> list[Any]:
    """What adiff gives for the derivatives along a line."""
    graph = Graph()
    t = graph.leaf(0.0, "t")
    with graph.recording():
        operands = [x + v * t if v else x for x, v in zip(point, direction, strict=True)]
        out = apply(graph, entry, tuple(operands), None)
    return [float(d) for d in taylor(graph, out, t, order)]


def is_kink(entry: Primitive, point: Sequence[float]) -> bool:
    return entry.is_kink([np.float64(x) for x in point])


def compare(
    got: Sequence[float],
    want: Sequence[float | None],
    point: Sequence[float],
    what: str,
    terms: Sequence[Sequence[float | None]] = (),
) -> list[str]:
    """What is wrong, in words.

    Args:
        terms: the derivatives along each operand, which may cancel along a line across.
    """
    wrong = []
    small = min([1.0, *(abs(x) for x in point if x)])
    ordinary = small > 1e-3 and max(map(abs, point)) < 1e3
    for n, (mine, truth) in enumerate(zip(got, want, strict=True), start=1):
        # Terms of a size that no float has come before a derivative that one would have.
        if truth is None or math.isinf(truth) or small**n < 1e-200:
            break
        largest = max(
            [float(ordinary)]
            + [abs(w) for w in want[:n] if w is not None]
            + [
                abs(t or 0.0) / small ** (n - m)
                for term in terms
                for m, t in enumerate(term[:n], 1)
            ]
        )
        slack = RELATIVE * abs(truth) + ABSOLUTE * min(largest, 1e300) + 1e-300
        if not (mine == truth or abs(mine - truth) <= slack):
            wrong.append(f"{what}, order {n}: got {mine!r}, want {truth!r}")
    return wrong


@pytest.mark.parametrize("entry", SMOOTH)
def test_derivatives_along_lines_through_special_points(entry: Primitive) -> None:
    rng = np.random.default_rng(1)
    order = ORDER if entry.example else 2
    wrong, seen = [], 0
    for point in points(entry):
        if is_kink(entry, point):
            continue
        terms: list[Sequence[float | None]] = []
        for direction in directions(entry, rng):
            want = along(entry, point, direction, order)
            seen += want[0] is not None
            what = f"at {point} + t·{direction}"
            wrong += compare(line(entry, point, direction, order), want, point, what, terms)
            terms.append(want)
    assert not wrong, "\n".join(wrong)
    assert seen


@pytest.mark.parametrize("inner", UNARY)
def test_compositions_at_points_that_map_special_onto_special(inner: Primitive) -> None:
    rng = np.random.default_rng(zlib.crc32(inner.name.encode()))
    wrong = []
    for x in (0.0, 1.0, -1.0):
        try:
            middle = precise.compute(inner, [mp.mpf(x)])
        except REFUSED:
            continue
        if float(middle) != middle or is_kink(inner, (x,)):
            continue
        for i in rng.permutation(len(UNARY))[:OUTER]:
            outer = UNARY[i].values[0]
            if is_kink(outer, (float(middle),)):
                continue

            def composed(t: Any, outer: Primitive = outer, x: float = x) -> Any:
                return precise.compute(outer, [precise.compute(inner, [x + t])])

            want = slopes(composed, 3)
            graph = Graph()
            leaf = graph.leaf(x, "x")
            out = apply(graph, outer, (apply(graph, inner, (leaf,), None),), None)
            got = [float(d) for d in taylor(graph, out, leaf, 3)]
            wrong += compare(got, want, (x,), f"{outer.name}({inner.name}(x)) at {x}")
    assert not wrong, "\n".join(wrong)


def recorded(entry: Primitive, point: Sequence[Any]) -> tuple[Graph, list[Node], Any]:
    graph = Graph()
    leaves = [graph.leaf(x, "x") for x in point]
    return graph, leaves, apply(graph, entry, tuple(leaves), None)


def gradients(entry: Primitive, point: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The value, and what a plain sweep gives for every operand."""
    graph, leaves, out = recorded(entry, point)
    found = reverse_sweep(graph.up_to(out), ones_of(out), leaves)
    return out.value, [found.get(leaf, zeros_of(leaf)) for leaf in leaves]


def agree(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, rtol=1e-12, atol=2e-322, equal_nan=True))


@pytest.mark.parametrize("entry", SMOOTH)
def test_sweeps_agree(entry: Primitive) -> None:
    """Forwards with backwards, and the recorded sweep with the plain one."""
    wrong = []
    for point in [*points(entry), *beyond(entry)]:
        _, backwards = gradients(entry, point)
        graph, leaves, out = recorded(entry, point)
        again = recorded_reverse_sweep(graph, graph.up_to(out), 1.0, leaves)
        for leaf, g in zip(leaves, backwards, strict=True):
            forwards = forward_sweep(graph.up_to(out), {leaf: 1.0}).get(out, 0.0)
            if not agree(forwards, g) or not agree(value_of(again.get(leaf, 0.0)), g):
                wrong.append(f"at {point}: {g}, {forwards}, {value_of(again.get(leaf, 0.0))}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("entry", SMOOTH)
def test_second_derivatives_do_not_depend_on_the_order(entry: Primitive) -> None:
    wrong = []
    for point in points(entry):
        if is_kink(entry, point):
            continue
        graph, leaves, out = recorded(entry, point)
        blocks = hessian(graph, out, leaves)
        for i, j in itertools.combinations(range(len(leaves)), 2):
            if isinstance(entry.sample[i], range) or isinstance(entry.sample[j], range):
                continue
            across = [float(k in (i, j)) for k in range(len(leaves))]
            if along(entry, point, across, 2)[1] is None:
                continue
            a, b = float(blocks[i][j]), float(blocks[j][i])
            largest = min(max(np.abs(blocks[i][i]), np.abs(blocks[j][j]), 1.0), 1e300)
            if not (agree(a, b) or abs(a - b) <= ABSOLUTE * largest + RELATIVE * abs(b)):
                wrong.append(f"at {point}, operands {i} and {j}: {a} and {b}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("entry", ALL)
def test_numbers_and_arrays_agree(entry: Primitive) -> None:
    """A number, an array of it alone, and the same inside of a larger array."""
    at = [*points(entry), *beyond(entry)]
    together = [np.array(column) for column in zip(*at, strict=True)]
    inside_value, inside = gradients(entry, together)
    wrong = []
    for i, point in enumerate(at):
        value, one = gradients(entry, point)
        alone_value, alone = gradients(entry, [np.array([x]) for x in point])
        if not agree(value, alone_value) or not agree(value, inside_value[i]):
            wrong.append(f"value at {point}: {value}, {alone_value}, {inside_value[i]}")
        for a, b, c in zip(one, alone, inside, strict=True):
            if not agree(a, b) or not agree(a, c[i]):
                wrong.append(f"derivative at {point}: {a}, {b}, {c[i]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("entry", ALL)
def test_a_kink_is_where_the_entry_says_and_only_there(entry: Primitive) -> None:
    """At special points: where the first derivative jumps, the entry says so."""
    wrong = []
    for point in points(entry):
        for i, one in enumerate(entry.sample):
            if isinstance(one, range) or is_kink(entry, point):
                continue
            direction = [float(i == j) for j in range(len(point))]
            if jumps(entry, point, direction):
                wrong.append(f"at {point} by operand {i}")
    assert not wrong, "\n".join(wrong)
