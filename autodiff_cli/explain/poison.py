"""Why a gradient is nan or inf: the first value, or the first derivative, that made it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.sweeps import scalar_partials
from autodiff_cli.errors import Finding
from autodiff_cli.explain import words
from autodiff_cli.explain.numbers import anywhere, is_finite, marks, operands_of
from autodiff_cli.explain.origins import Origin, Origins
from autodiff_cli.explain.remedies import advice

if TYPE_CHECKING:
    from autodiff_cli.explain.paths import Subgraph
    from autodiff_cli.interpreter.run import Outcome


class Reason(Finding):
    """What a derivative that is asked about comes from."""

    kind = "reason"
    level = "because"


def poison(outcome: Outcome, subgraph: Subgraph, name: str) -> tuple[Reason, list[Node]]:
    """Why the derivative by `name` is not finite, and the way from the name to where it begins."""
    via, source = _trace(subgraph)
    if source is None:
        return _without_source(subgraph), []
    node, position, got = source
    way = [node.args[position]]
    while way[-1] is not subgraph.target:
        way.append(via[way[-1]])
    way = [*way[::-1], node]
    if subgraph.kinks.is_kink(node) and is_finite(node.value):
        return words.at_kink(Reason, node, "--at-kink subgradient goes by it"), way
    assert node.primitive is not None
    for value in (node, *(arg for _, arg in operands_of(node.primitive, node.args))):
        if not is_finite(value_of(value)):
            return _of_value(outcome, subgraph, name, node, value, way)
    origin = Origins(outcome.machine.odd_constants).of_derivative(node, position, got)
    if origin is None:
        return _product(node), way
    notes, remedy = advice(origin)
    return Reason(
        "a derivative is not finite here",
        node.place,
        label=words.derivative_text(origin),
        notes=[*notes, *_turned(subgraph, way)],
        help=remedy,
        kind="derivative",
    ), way


def _trace(subgraph: Subgraph) -> tuple[dict[Node, Node], tuple[Node, int, Any] | None]:
    """The nodes whose adjoint the target's nan or inf comes from, each with the operand it
    reaches the target by; and the operation, nearest to the output, that has made one of
    finite numbers: with the position of the operand, and what that got."""
    via: dict[Node, Node] = {}
    source = None
    bad = {subgraph.target}
    for node in subgraph.order[1:]:
        operands = [arg for arg in node.parents if arg in bad]
        if not operands or node not in subgraph.adjoints:
            continue
        if not is_finite(subgraph.adjoints[node]):
            bad.add(node)
            via[node] = operands[0]
            continue
        for position, operand, got in subgraph.edges(node):
            got = getattr(got, "cotangent", got)
            if got is not None and operand in bad and not is_finite(got):
                source = node, position, got
                break
    return via, source


def _without_source(subgraph: Subgraph) -> Reason:
    if not is_finite(subgraph.seed):
        return Reason("the cotangent is not finite", kind="cotangent")
    return Reason(
        "contributions that are finite overflow when they are added up",
        help="scale the output down: divide it by what makes it so large",
        kind="overflow",
    )


def _product(node: Node) -> Reason:
    assert node.primitive is not None
    return Reason(
        "a product of derivatives overflows here",
        node.place,
        label=f"the derivatives overflow with that of `{node.primitive.title}` "
        f"at {words.operands_text(node)}",
        help="scale the output down, or work with logarithms",
        kind="overflow",
    )


def _turned(subgraph: Subgraph, way: list[Node]) -> list[str]:
    """Where on a way back to the target an inf becomes nan."""
    for operand, node in zip(way[-2::-1], way[:0:-1], strict=True):
        arrived, went_on = subgraph.adjoints[node], subgraph.adjoints[operand]
        if anywhere(marks(went_on, "nan")) and not anywhere(marks(arrived, "nan")):
            partials = None if node is way[-1] else scalar_partials(node)
            if partials is None or any(
                partial for partial, arg in zip(partials, node.args, strict=False) if arg is operand
            ):
                break
            assert node.primitive is not None
            line = f" (line {node.place.line})" if node.place else ""
            title = f"`{node.primitive.title}`{line}"
            return [f"{title}, whose derivative is 0, makes nan of it: inf * 0"]
    return []


def _of_value(
    outcome: Outcome, subgraph: Subgraph, name: str, node: Node, value: Any, way: list[Node]
) -> tuple[Reason, list[Node]]:
    """The reason where a derivative is not finite because a value is not."""
    origin = Origins(outcome.machine.odd_constants).of(value)
    if origin is None:
        origin = Origin("given", node.primitive, value, span=node.span, node=node)
    reason = value_reason(origin)
    if origin.node is not None and origin.node in subgraph.index:
        way = [origin.node]
        while way[-1] is not subgraph.target:
            way.append(next(arg for arg in way[-1].parents if arg in subgraph.index))
        return reason, way[::-1]
    if origin.node is not subgraph.target:
        assert node.primitive is not None
        line = f" (line {node.place.line})" if node.place else ""
        reason.notes.append(
            f"it is not made of `{name}`; `{node.primitive.title}`{line} brings the two together"
        )
    return reason, way


def value_reason(origin: Origin) -> Reason:
    notes, remedy = advice(origin)
    if origin.primitive is None:
        return Reason(words.origin_text(origin), notes=notes, help=remedy, kind="value")
    return Reason(
        "a value is not finite from here on",
        origin.span,
        label=words.origin_text(origin),
        notes=notes,
        help=remedy,
        kind="value",
    )
