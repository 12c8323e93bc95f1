"""Derivatives, built on the sweeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.sweeps import AtKink, ones_of, reverse_sweep, zeros_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.engine.graph import Graph


@dataclass(slots=True)
class Gradient:
    """The derivatives of one scalar output.

    Attributes:
        by_target: ∂output/∂target for each target, in the target's shape.
        kinks: the nodes at a kink whose convention the numbers rest on.
    """

    by_target: list[Any]
    kinks: list[Node] = field(default_factory=list)


def gradient(
    graph: Graph, output: Any, targets: Sequence[Node], at_kink: AtKink = "subgradient"
) -> Gradient:
    """The gradient of `output`, a scalar, by every one of `targets`, in one reverse sweep.

    An output that is no node depends on none of them.

    Raises:
        DomainError: a kink was met, and `at_kink` is "error".
    """
    if not isinstance(output, Node):
        return Gradient([zeros_of(target) for target in targets])
    adjoints, kinks = reverse_sweep(
        graph.up_to(output), ones_of(output), targets, kinks=graph.kinks, at_kink=at_kink
    )
    return Gradient([adjoints.get(target, zeros_of(target)) for target in targets], kinks)
