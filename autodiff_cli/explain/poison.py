"""Why a gradient is nan or inf: the first value, or the first derivative, that made it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.sweeps import scalar_partials
from autodiff_cli.errors import Finding
from autodiff_cli.explain.origins import (
    REMEDIES,
    domain_text,
    is_finite,
    numbers,
    operands_text,
    origin_of_value,
)

if TYPE_CHECKING:
    from autodiff_cli.explain.origins import Origin
    from autodiff_cli.explain.paths import Between
    from autodiff_cli.interpreter.run import Outcome


class Reason(Finding):
    """What a derivative that is asked about comes from."""

    kind = "reason"
    level = "because"


def poison(outcome: Outcome, part: Between, name: str) -> tuple[list[Reason], list[Node]]:
    """Why the derivative by `name` is not finite, and the way from the name to where it begins."""
    via, source = _trace(part)
    if source is None:
        return [_without_source(part)], []
    node, operand, got = source
    way = [operand]
    while way[-1] is not part.target:
        way.append(via[way[-1]])
    way = [*way[::-1], node]
    if part.kinks.is_kink(node) and is_finite(node.value):
        return [_kink(node)], way
    for arg in (*numbers(node.args), node):
        if not is_finite(value_of(arg)):
            return _of_value(outcome, part, name, node, arg, way)
    partials = scalar_partials(node)
    if partials is not None and all(map(is_finite, partials)):
        return [_overflow(node)], way
    reason = _derivative(node, got)
    reason.notes += _turned(part, way)
    return [reason], way


def _trace(part: Between) -> tuple[dict[Node, Node], tuple[Node, Node, Any] | None]:
    """The nodes whose adjoint the target's nan or inf comes from, each with the operand it
    reaches the target by; and the operation, nearest to the output, that has made one of
    finite numbers: with the operand, and what that got."""
    via: dict[Node, Node] = {}
    source = None
    bad = {part.target}
    for node in part.order[1:]:
        operands = [arg for arg in node.parents if arg in bad]
        if not operands or node not in part.adjoints:
            continue
        if not is_finite(part.adjoints[node]):
            bad.add(node)
            via[node] = operands[0]
            continue
        for _, operand, got in part.edges(node):
            got = getattr(got, "cotangent", got)
            if got is not None and operand in bad and not is_finite(got):
                source = node, operand, got
                break
    return via, source


def _without_source(part: Between) -> Reason:
    if not is_finite(part.seed):
        return Reason("the cotangent is not finite", kind="cotangent")
    return Reason(
        "contributions that are finite overflow when they are added up",
        help="scale the output down: divide it by what makes it so large",
        kind="overflow",
    )


def _kink(node: Node) -> Reason:
    assert node.primitive is not None
    return Reason(
        f"`{node.primitive.title}` is at a kink, where --at-kink asks for nan",
        node.span,
        label=f"at {operands_text(node.args)}",
        notes=[f"the convention: {node.primitive.convention}"],
        help="--at-kink subgradient goes by it",
        kind="kink",
    )


def _overflow(node: Node) -> Reason:
    return Reason(
        "the product of derivatives overflows here",
        node.span,
        label=f"at {operands_text(node.args)}",
        help="scale the output down, or work with logarithms",
        kind="overflow",
    )


def _derivative(node: Node, got: Any) -> Reason:
    primitive = node.primitive
    assert primitive is not None
    shown = repr(float(got)) if getattr(got, "ndim", 0) == 0 else "not finite"
    domain = domain_text(primitive)
    remedy = REMEDIES.get(primitive.name, "")
    return Reason(
        f"the derivative of `{primitive.title}` is not finite here",
        node.span,
        label=f"at {operands_text(node.args)} it makes the gradient {shown}",
        notes=[domain] if domain and remedy else [],
        help=remedy or domain,
        kind="derivative",
    )


def _turned(part: Between, way: list[Node]) -> list[str]:
    """Where on a way back to the target an inf becomes nan."""
    for operand, node in zip(way[-2::-1], way[:0:-1], strict=True):
        if np.isnan(part.adjoints[operand]).any() and not np.isnan(part.adjoints[node]).any():
            partials = None if node is way[-1] else scalar_partials(node)
            if partials is None or any(
                partial for partial, arg in zip(partials, node.args, strict=False) if arg is operand
            ):
                break
            assert node.primitive is not None
            line = f" (line {node.span.line})" if hasattr(node.span, "line") else ""
            title = f"`{node.primitive.title}`{line}"
            return [f"{title}, whose derivative is 0, makes nan of it: inf * 0"]
    return []


def _of_value(
    outcome: Outcome, part: Between, name: str, node: Node, value: Any, way: list[Node]
) -> tuple[list[Reason], list[Node]]:
    """The reason where a derivative is not finite because a value is not."""
    origin = origin_of_value(outcome, value)
    if origin is None:
        return [
            Reason(
                "the program takes a value here that is not finite",
                node.span if hasattr(node.span, "line") else None,
                label=f"of {operands_text(node.args)}",
                kind="value",
            )
        ], way
    if origin.node is not None and origin.node in part.index:
        way = [origin.node]
        while way[-1] is not part.target:
            way.append(next(arg for arg in way[-1].parents if arg in part.index))
        return [value_reason(origin)], way[::-1]
    reason = value_reason(origin)
    if origin.node is not part.target:
        assert node.primitive is not None
        line = f" (line {node.span.line})" if hasattr(node.span, "line") else ""
        reason.notes.append(
            f"it is not made of `{name}`; `{node.primitive.title}`{line} brings the two together"
        )
    return [reason], way


def value_reason(origin: Origin) -> Reason:
    primitive, value = origin.primitive, origin.value
    shown = repr(float(value)) if getattr(value, "ndim", 0) == 0 else "not finite"
    if primitive is None:
        return Reason(f"input `{origin.span}` is {shown}", kind="value")
    domain, remedy = domain_text(primitive), REMEDIES.get(primitive.name, "")
    return Reason(
        f"the value of `{primitive.title}` is {shown} here, the first that is not finite",
        origin.span,
        label=f"of {operands_text(origin.args)}",
        notes=[domain] if domain and remedy else [],
        help=remedy or domain,
        kind="value",
    )
