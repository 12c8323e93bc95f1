"""A path through a graph in few words: rounds of a loop folded, and a long middle left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.explain.paths import Path

LONGEST_ROUND = 16
"""Steps of a round of a loop that is folded."""
ROUNDS = 3
"""So many rounds after one another are folded, and fewer are not."""
MOST_SEGMENTS = 7


@dataclass(slots=True)
class Segment:
    """A part of a path: a step, the rounds of a loop, or what is left out.

    Attributes:
        nodes: the nodes that the step, or each round, goes through; none where they are left out.
        rounds: how many; of what is left out, the steps.
        product: of the partials; None where one of them is no number.
    """

    nodes: Sequence[Node]
    rounds: int
    product: float | None


def segments(path: Path) -> list[Segment]:
    """The steps of a path from the target on, folded."""
    # A name that is differentiated by has a node of its own, which computes nothing.
    steps = [
        (node, partial)
        for node, partial in zip(path.nodes[1:], path.partials, strict=True)
        if node.primitive is not TABLE["identity"]
    ]
    folded = _fold([node for node, _ in steps], [partial for _, partial in steps])
    if len(folded) <= MOST_SEGMENTS:
        return folded
    head, tail = MOST_SEGMENTS // 2, MOST_SEGMENTS - MOST_SEGMENTS // 2 - 1
    middle = folded[head:-tail]
    count = sum(len(segment.nodes) * segment.rounds for segment in middle)
    left_out = Segment((), count, _product([segment.product for segment in middle]))
    return [*folded[:head], left_out, *folded[-tail:]]


def _fold(nodes: Sequence[Node], partials: Sequence[float | None]) -> list[Segment]:
    keys = [_key(node) for node in nodes]
    folded: list[Segment] = []
    at = 0
    while at < len(keys):
        length, rounds = _repetition(keys, at)
        end = at + length * rounds
        folded.append(Segment(nodes[at : at + length], rounds, _product(partials[at:end])))
        at = end
    return folded


def _repetition(keys: Sequence[Any], at: int) -> tuple[int, int]:
    """The length of the round that begins at a step, and how often it is gone; 1 and 1 if none."""
    for length in range(1, LONGEST_ROUND + 1):
        end = at + length
        while end < len(keys) and keys[end] == keys[end - length]:
            end += 1
        rounds = (end - at) // length
        if rounds >= ROUNDS:
            return length, rounds
    return 1, 1


def _key(node: Node) -> Any:
    """What two steps have in common that do the same: their place, or that of a sweep's own."""
    return id(node.primitive) if node.span is None else id(node.span)


def _product(factors: Sequence[float | None]) -> float | None:
    product = 1.0
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product
