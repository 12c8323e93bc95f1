"""The reverse passes of a trace, one node after another, each sum spelt out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine.sweeps import zeros_of
from autodiff_cli.report.trace.rows import EventRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.explain.tracing import Pass
    from autodiff_cli.report.trace.view import View


@dataclass(slots=True)
class Term:
    """A part of an adjoint: what one use of the node gave it, or the seed, which has no source.

    `count` uses in one folded row are one term, and the source is the last of them.
    """

    source: int | None
    value: Any
    count: int = 1


@dataclass(slots=True)
class Sum:
    """A node's adjoint, with the parts that it was added up of, in the order of the pass."""

    node: Node
    number: int
    adjoint: Any
    terms: list[Term]


@dataclass(slots=True)
class ReversePass:
    """One reverse pass.

    Attributes:
        after: how many nodes had been recorded when it ran.
        event: the `backward` that ran it; None for the command's own.
        sums: of each node that was given anything, were it zero, in the order of the visits.
    """

    after: int
    event: EventRow | None
    output: int
    seed: Any
    sums: list[Sum]


def reverse_passes(view: View) -> Iterator[ReversePass]:
    """Every pass that has a row, then the command's, with the adjoints of the visible nodes.

    The terms come from all nodes that use one of them, visible or not. Each pass is swept when
    it is asked for.
    """
    folds = np.full(len(view.nodes), -1)
    for position, fold in enumerate(view.folds):
        folds[fold.start : fold.end] = position
    for row in view.rows():
        if isinstance(row, EventRow) and row.swept is not None:
            yield _reverse_pass(view, row.swept, row, folds)
    if view.trace.result is not None:
        yield _reverse_pass(view, view.trace.result, None, folds)


def _reverse_pass(
    view: View, swept: Pass, event: EventRow | None, folds: np.ndarray
) -> ReversePass:
    """`folds` has for each node of a folded row a number that is that row's, else -1."""
    numbers = view.labels.numbers
    after = len(view.nodes) if event is None else event.event.at
    wanted = view.visible
    users = [node for node in view.nodes[:after] if any(arg in wanted for arg in node.parents)]
    adjoints = swept.adjoints(wanted.union(users))
    terms: dict[Node, list[Term]] = {swept.output: [Term(None, swept.seed)]}
    for node in sorted(users, key=numbers.__getitem__, reverse=True):
        if node in adjoints:
            fold = folds[numbers[node] - 1]
            for operand, part in swept.contributions(node, adjoints[node]):
                if operand not in wanted:
                    continue
                found = terms.setdefault(operand, [])
                last = found[-1].source if found else None
                if fold >= 0 and last is not None and folds[last - 1] == fold:
                    found[-1].value = found[-1].value + part
                    found[-1].count += 1
                else:
                    found.append(Term(numbers[node], part))
    sums = [
        # The sweep has no adjoint of a node whose terms add up to zero: it stops there.
        Sum(node, numbers[node], adjoints.get(node, zeros_of(node)), terms[node])
        for node in sorted(terms, key=numbers.__getitem__, reverse=True)
    ]
    return ReversePass(after, event, numbers[swept.output], swept.seed, sums)
