"""The reverse passes of a trace, one node after another, each sum spelt out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine.sweeps import zeros_of
from autodiff_cli.interpreter.journal import Backward
from autodiff_cli.report.trace.structure import EventItem, folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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
    event: Backward | None
    output: int
    seed: Any
    sums: list[Sum]


def reverse_passes(view: View, shown: Collection[Node]) -> Iterator[ReversePass]:
    """Every pass that has a row, then the command's, with the adjoints of the nodes `shown`.

    The terms come from all nodes that use one of them, shown or not. Each is swept when it is
    asked for.
    """
    passes: list[tuple[Pass, Backward | None]] = []
    folds = np.full(len(view.nodes), -1)
    for place, item in enumerate(view.items()):
        if isinstance(item, EventItem) and isinstance(item.event, Backward):
            passes.append((view.trace.pass_of(item.event), item.event))
        elif (part := folded(item)) is not None:
            folds[part.start : part.end] = place
    if view.trace.result is not None:
        passes.append((view.trace.result, None))
    for swept, event in passes:
        yield _reverse_pass(view, swept, event, shown, folds)


def _reverse_pass(
    view: View, swept: Pass, event: Backward | None, shown: Collection[Node], folds: np.ndarray
) -> ReversePass:
    """`folds` has for each node of a folded row a number that is that row's, else -1."""
    numbers = view.labels.numbers
    after = len(view.nodes) if event is None else event.at
    wanted = set(shown)
    users = [node for node in view.nodes[:after] if any(arg in wanted for arg in node.parents)]
    adjoints = swept.adjoints({*shown, *users})
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
