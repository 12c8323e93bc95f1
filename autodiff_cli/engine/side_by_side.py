"""Many sweeps over the same nodes, side by side: the rows or the columns of a Jacobian.

In reverse sweeps every adjoint has a row for each, on an axis before its own. A node's partials
are the same in all rows, and are computed once; what is multiplied by them is one array. In
forward sweeps a node has a tangent for each direction that it depends on, which are few: most of
what a model computes depends on some of its parameters only.
"""

from __future__ import annotations

import math
from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives.indexing import Scatter, index, scatter
from autodiff_cli.engine.rules import cotangents, fit, rule_arguments, tangents_side_by_side
from autodiff_cli.engine.sweeps import dense, scalar_partials

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.engine.sweeps import Kinks

ENTRIES = 2**22
"""Of all adjoints together, were they all held at once: 32 MB."""
COLUMNS = 2**22
"""Of all tangents of the largest node together: those of a node go when nobody needs them."""
FEW = 16
"""Fewer sweeps than these are faster one after the other where nodes are floats."""


def rows_at_once(nodes: Sequence[Node], count: int) -> int:
    """How many of `count` sweeps to do side by side; 1 where that would not be faster."""
    if count < FEW:
        return 1
    entries = sum(prod(shape_of(node.value)) for node in nodes)
    at_once = min(count, ENTRIES // max(entries, 1))
    return 1 if at_once < FEW else at_once


def columns_at_once(nodes: Sequence[Node]) -> int:
    """How many forward sweeps to do side by side."""
    largest = max(prod(shape_of(node.value)) for node in nodes)
    return max(1, COLUMNS // largest)


def reverse_sweeps(
    nodes: Sequence[Node], seeds: Any, targets: Collection[Node], kinks: Kinks | None = None
) -> dict[Node, Any]:
    """As `sweeps.reverse_sweep`, from every row of `seeds`: a row of adjoints for each."""
    sums = _RowSums(len(seeds))
    sums.of[nodes[-1]] = seeds
    wanted = set(targets)
    adjoints: dict[Node, Any] = {}
    if kinks is not None:
        kinks.absorbed = True
    for node in reversed(nodes):
        g = sums.of.pop(node, None)
        if g is None or not g.any():
            continue
        if node in wanted:
            adjoints[node] = g
        if node.primitive is None:
            continue
        if kinks is not None and node.primitive.has_edges:
            arrived = _arrived(g)
            g = g.copy()
            g[arrived] = kinks.meet(node, g[arrived])
        args = rule_arguments(node)
        for operand, contribution in zip(node.parents, _contributions(node, g, args), strict=True):
            if contribution is not None:
                sums.add(operand, contribution)
    return adjoints


def forward_sweeps(
    nodes: Sequence[Node],
    seeds: Mapping[Node, Mapping[int, Any]],
    kinks: Kinks | None = None,
) -> dict[int, Any]:
    """As `sweeps.forward_sweep`, along many directions; the tangents of the last node by direction.

    Args:
        seeds: for each node that has tangents of its own, those by the number of the direction,
            to which comes what it gets of others.
    """
    found: dict[Node, dict[int, Any]] = {node: dict(columns) for node, columns in seeds.items()}
    readers = Counter(operand for node in nodes for operand in set(node.parents))
    if kinks is not None:
        kinks.absorbed = True
    for node in nodes:
        if node.primitive is None:
            continue
        given = {}
        for position, operand in zip(node.positions, node.parents, strict=True):
            columns = {c: t for c, t in found.get(operand, {}).items() if _moves(t)}
            if columns and kinks is not None:
                columns = {c: kinks.meet(node, t, backwards=False) for c, t in columns.items()}
            if columns:
                given[position] = columns
        if given:
            found[node] = _scalar_tangents(node, given) or _tangents(node, given)
            for column, t in seeds.get(node, {}).items():
                found[node][column] = found[node].get(column, 0.0) + t
        for operand in set(node.parents):
            readers[operand] -= 1
            if not readers[operand]:
                found.pop(operand, None)  # nobody asks for it any more
    return found.get(nodes[-1], {})


def _moves(t: Any) -> bool:
    return t != 0.0 if type(t) is float else bool(np.any(t))


def _scalar_tangents(node: Node, given: Mapping[int, Mapping[int, Any]]) -> dict[int, Any] | None:
    """Of an elementwise operation on numbers, in Python's floats; None where those will not do."""
    partials = scalar_partials(node)
    if partials is None:
        return None
    totals: dict[int, Any] = {}
    for position, columns in given.items():
        partial = partials[position]
        for column, t in columns.items():
            totals[column] = totals.get(column, 0.0) + float(t) * partial
    return totals if all(map(math.isfinite, totals.values())) else None


def _tangents(node: Node, given: Mapping[int, Mapping[int, Any]]) -> dict[int, Any]:
    assert node.primitive is not None
    shape = shape_of(node.value)
    totals = tangents_side_by_side(node.primitive, given, node.value, rule_arguments(node))
    return {column: fit(np.asarray(total), shape) for column, total in totals.items()}


def _arrived(g: Any) -> Any:
    """The rows of an adjoint that are not zero everywhere."""
    return np.flatnonzero(g.reshape(len(g), -1).any(axis=1))


def _contributions(node: Node, g: Any, args: list[Any]) -> list[Any]:
    """What the operands get of `g`: all rows at once, or one by one where the rule has axes."""
    primitive = node.primitive
    assert primitive is not None
    if primitive.kind == "elementwise":
        return cotangents(primitive, node.positions, g, node.value, args)
    if primitive is index or primitive is scatter:
        key = args[1]
        if not any(isinstance(part, np.ndarray) for part in key):
            key = (slice(None), *key)
            return [Scatter(g, key) if primitive is index else g[key]]
    rows: list[Any] = [None for _ in node.parents]
    for row in _arrived(g):
        parts = cotangents(primitive, node.positions, g[row], node.value, args)
        for place, (operand, part) in enumerate(zip(node.parents, parts, strict=True)):
            if part is not None:
                shape = shape_of(operand.value)
                if rows[place] is None:
                    rows[place] = np.zeros((len(g), *shape), g.dtype)
                rows[place][row] = dense(part, shape)
    return rows


class _RowSums:
    """Adds contributions up, row by row of the seeds, in place where it made the array itself."""

    def __init__(self, count: int) -> None:
        self.of: dict[Node, Any] = {}
        self._count = count
        self._owned: set[Node] = set()

    def add(self, operand: Node, contribution: Any) -> None:
        shape = self._count, *shape_of(operand.value)
        before = self.of.get(operand)
        if type(contribution) is Scatter:
            if operand not in self._owned:
                zeros = np.zeros(shape, contribution.cotangent.dtype)
                self.of[operand] = zeros if before is None else zeros + before
                self._owned.add(operand)
            self.of[operand][contribution.key] += contribution.cotangent
            return
        given = shape_of(contribution)
        if given != shape:
            # The axes that broadcasting put before the operand's own stand behind the rows.
            ones = (1,) * (len(given) - len(shape))
            contribution = fit(contribution, (self._count, *ones, *shape[1:])).reshape(shape)
        if before is None:
            self.of[operand] = contribution
        elif operand in self._owned:
            before += contribution
        else:
            self.of[operand] = before + contribution
            self._owned.add(operand)
