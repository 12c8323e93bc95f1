"""Runs of a program beside a point: with a name moved, and what it decided on the way.

Two runs on the two sides of a point show what lies between them: a branch that changes, or
an operation at whose kink they look from both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, plain
from autodiff_cli.engine.replay import arguments
from autodiff_cli.engine.rules import cotangents
from autodiff_cli.engine.sweeps import dense
from autodiff_cli.errors import Finding
from autodiff_cli.interpreter.run import run
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.interpreter.run import Outcome

HALVINGS = 30
"""Of the way from one side to the other, when a jump is looked for."""
JUMP = 0.25
"""What is left of a difference after the halvings, if it is one."""

Decision = tuple[Any, bool]
"""A condition of the program, and whether it held."""


@dataclass(slots=True)
class Side:
    """A run at a moved point: what it decided, and the arguments of what may have a kink."""

    decisions: list[Decision]
    operations: list[tuple[Node, list[Any]]]


def run_moved(
    program: Program,
    inputs: Mapping[str, Any],
    moves: Mapping[str, Any],
    wrt: Sequence[str],
    of: Sequence[str] | None,
    settings: Settings,
) -> tuple[Outcome, list[Decision]]:
    """Runs a program with the first value of each name of `moves` moved by that much."""
    given = dict(inputs)
    inner: dict[str, Any] = {}
    for name, shift in moves.items():
        if name in given:
            given[name] = plain(np.asarray(given[name], np.float64) + shift)
        else:
            inner[name] = shift
    by = list(dict.fromkeys([*wrt, *inner]))
    outcome = run(program, given, by, of, replace(settings, moves=inner), logged=True)
    assert outcome.machine.journal is not None
    return outcome, outcome.machine.journal.decisions


# ── what two sides differ in ──────────────────────────────────────────────────────────


def differences(left: Side, right: Side, distance: str) -> list[Finding]:
    """What lies between two sides: the first branch that changes, and every kink."""
    for one, other in zip(left.decisions, right.decisions, strict=False):
        if one != other:
            return [_branch(one, other, distance)]
    longer = max(left.decisions, right.decisions, key=len)
    if len(left.decisions) != len(right.decisions):
        node, _ = longer[min(len(left.decisions), len(right.decisions))]
        return [_branch((node, False), (node, True), distance)]
    found: dict[Any, Finding] = {}
    for (node, before), (beside, after) in zip(left.operations, right.operations, strict=False):
        if node.primitive is None or node.primitive is not beside.primitive:
            break
        if node.span not in found and _switches(node.primitive, before, after):
            found[node.span] = Finding(
                f"`{node.primitive.title}` has a kink or a step {distance}",
                node.span,
                label="here its two sides differ",
                help="a derivative holds on its own side only",
                kind="kink",
            )
    return list(found.values())


def _branch(one: Decision, other: Decision, distance: str) -> Finding:
    node = one[0]
    below, above = ("true" if holds else "false" for _, holds in (one, other))
    return Finding(
        f"the branch that is taken changes {distance}",
        node.span,
        label=f"{below} on one side, {above} on the other" if one[0] is other[0] else "",
        help="a derivative holds on its own side only",
        kind="branch",
    )


def _switches(primitive: Primitive, before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether value or derivative of an operation jump between two lists of arguments."""
    operands = len(before) - len(primitive.options)
    static = list(before[operands:])
    one, other = ([np.asarray(x) for x in args[:operands]] for args in (before, after))
    if any(x.shape != y.shape for x, y in zip(one, other, strict=True)):
        return False
    if primitive.name == "where":
        return bool(np.any(one[0] != other[0]))
    low, high = _locally(primitive, one, static), _locally(primitive, other, static)
    first = gap = _distance(low, high)
    if not gap > 0:
        return False
    for _ in range(HALVINGS):
        middle = [
            (x / 2 + y / 2) if x.dtype.kind == "f" else x for x, y in zip(one, other, strict=True)
        ]
        between = _locally(primitive, middle, static)
        to_low, to_high = _distance(low, between), _distance(between, high)
        if to_low >= to_high:
            other, high, gap = middle, between, to_low
        else:
            one, low, gap = middle, between, to_high
    return gap > JUMP * first


def _locally(primitive: Primitive, operands: list[Any], static: list[Any]) -> list[Any]:
    """The value of an operation, and its cotangents for one cotangent that hides nothing."""
    out = np.asarray(primitive.array(*operands, *static))
    g = 1.0 + np.arange(out.size).reshape(out.shape) / max(out.size, 1)
    parts = cotangents(primitive, range(len(operands)), g, out, [*operands, *static])
    dense_parts = [
        dense(part, np.shape(operand))
        for part, operand in zip(parts, operands, strict=True)
        if part is not None
    ]
    return [out, *dense_parts]


def _distance(one: list[Any], other: list[Any]) -> float:
    gaps = [np.max(np.abs(x - y), initial=0.0) for x, y in zip(one, other, strict=True)]
    return float(max(gaps))


def side(
    decisions: list[Decision], nodes: Sequence[Node], values: Mapping[Node, Any] | None = None
) -> Side:
    """A run as one side of a point: by `values` where the nodes themselves were not run anew."""
    edged = [node for node in nodes if node.primitive is not None and _has_edges(node.primitive)]
    return Side(decisions, [(node, arguments(node, values or {})) for node in edged])


def _has_edges(primitive: Primitive) -> bool:
    return primitive.kink is not None or primitive.name == "where"
