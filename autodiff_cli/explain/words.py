"""What an operation, a kink and an origin are called: in the same words wherever they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.primitive import describe, shape_of
from autodiff_cli.errors import Finding
from autodiff_cli.explain.numbers import operands_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.explain.origins import Origin

Told = TypeVar("Told", bound=Finding)

REFUSED = "--at-kink nan or --at-kink error refuses to go by the convention"

OVERFLOW = "floats end at 1.8e308: scale what goes in, or work with logarithms"
UNDERFLOW = "below 4.9e-324 there is only 0: scale what goes in, or use logarithms"
SINGLE = "float32 ends at 3.4e38 and at 1.4e-45; float64 reaches further"


# ── operations ────────────────────────────────────────────────────────────────────────


def expression(node: Node) -> str:
    """The source that made a node, on one line; the name of a leaf; "" of a sweep's own."""
    if node.primitive is None:
        return str(node.span)
    place = node.place
    text = place.words if place else ""
    return text[1:-1].strip() if text.startswith("(") and _closes_at_end(text) else text


def _closes_at_end(text: str) -> bool:
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if not depth:
            return at == len(text) - 1
    return False


def number_text(value: Any) -> str:
    return repr(float(value)) if not shape_of(value) else describe(value)


def operands_text(node: Node) -> str:
    """The operands of an operation as numbers, arrays by their shape."""
    assert node.primitive is not None
    return _values_text([value_of(arg) for _, arg in operands_of(node.primitive, node.args)])


def _values_text(values: Sequence[Any]) -> str:
    return ", ".join(map(number_text, values))


def domain_text(primitive: Primitive) -> str:
    if primitive.domain == "all reals":
        return ""
    return f"`{primitive.title}` is finite and differentiable for {primitive.domain}"


def at_kink(made: type[Told], node: Node, help: str = REFUSED) -> Told:
    """A finding that a node stands at a kink."""
    assert node.primitive is not None
    return made(
        f"`{node.primitive.title}` is at a kink here, where its derivative is a convention",
        node.place,
        label=f"at {operands_text(node)}",
        notes=[f"the convention: {node.primitive.convention}"],
        help=help,
        kind="kink",
    )


# ── origins ───────────────────────────────────────────────────────────────────────────


def origin_text(origin: Origin) -> str:
    """What happens at an origin: `` `exp` of 800.0 overflows to inf ``."""
    at = f", at [{', '.join(map(str, origin.index))}]" if origin.index else ""
    if origin.kind == "input":
        return f"input `{origin.span}` is {number_text(origin.value)}{at}"
    assert origin.primitive is not None
    title = f"`{origin.primitive.title}`"
    if origin.kind == "given":
        return f"{title} takes what is not finite: {number_text(origin.value)}{at}"
    does = {"overflow": "overflows to", "underflow": "underflows to"}.get(origin.kind, "is")
    return f"{title} of {_values_text(origin.operands)} {does} {number_text(origin.value)}{at}"


def derivative_text(origin: Origin) -> str:
    """The same of an origin that is a derivative."""
    at = f", at [{', '.join(map(str, origin.index))}]" if origin.index else ""
    assert origin.primitive is not None
    does = "overflows to" if origin.kind == "overflow" else "makes it"
    return (
        f"the derivative of `{origin.primitive.title}` at {_values_text(origin.operands)} {does} "
        f"{number_text(origin.value)}{at}"
    )


def sources_text(origin: Origin) -> list[str]:
    """Where those operands of an origin begin that are infinite, or 0 by underflow, as notes."""
    return list(dict.fromkeys(_sources(origin)))


def _sources(origin: Origin) -> Iterator[str]:  # recurses: origins.DEEPEST at most
    for number, source in origin.sources:
        line = f" at line {source.span.line}" if hasattr(source.span, "line") else ""
        if source.kind == "input":
            yield f"the {number_text(number)} is that of input `{source.span}`"
        else:
            yield f"the {number_text(number)} begins{line}: {origin_text(source)}"
        yield from _sources(source)


def remedy(origin: Origin) -> tuple[list[str], str]:  # recurses: origins.DEEPEST at most
    """What to do about an origin: a note, where there is one, and the help."""
    for _, source in origin.sources:
        return remedy(source)
    primitive = origin.primitive
    single = getattr(origin.value, "dtype", None) == "float32"
    if primitive is None or origin.kind in ("given", "of-infinite"):
        return [], SINGLE if single and not origin.sources else ""
    if origin.kind == "outside":
        domain, known = domain_text(primitive), primitive.remedies.get("outside", "")
        return ([domain] if domain and known else []), known or domain
    if single:
        return [], SINGLE
    if origin.kind == "underflow":
        return [], UNDERFLOW
    return [], primitive.remedies.get("overflow", OVERFLOW)
