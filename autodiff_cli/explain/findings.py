"""What there is to tell of a run that did not fail: of nan and inf, lost gradients, kinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, at_kink, below, value_of
from autodiff_cli.engine.primitive import describe
from autodiff_cli.engine.sweeps import Kinks, ones_of, reverse_sweep
from autodiff_cli.errors import Finding
from autodiff_cli.explain.dependence import independence
from autodiff_cli.explain.origins import (
    Origin,
    domain_text,
    is_finite,
    is_zero,
    operands_text,
    origin_of_value,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autodiff_cli.interpreter.machine import Machine
    from autodiff_cli.interpreter.run import Outcome
    from autodiff_cli.language.source import Span

STEPS_SHOWN = 6
"""Of the way from a name to a nan; a longer one is shown by its ends."""


def find(
    outcome: Outcome,
    name: str,
    output: Any,
    derivatives: Mapping[str, Any],
    by_target: Mapping[str, Any],
    kinks: Kinks,
) -> list[Finding]:
    """The findings about one output and its derivatives.

    Args:
        derivatives: what was computed, by the labels that reports give it.
        by_target: what there is of it for each name differentiated by.
        kinks: those that the sweeps met.
    """
    graph = outcome.graph
    findings = []
    met = kinks.met | outcome.machine.kinks_met
    if met:
        findings += [_at_kink(node) for node in once_a_span(graph.kinks, met)]
        findings += [_lost(node) for node in once_a_span(graph.flats, met)]
    findings.extend(_noted(outcome))
    value = value_of(output)
    if not is_finite(value):
        findings.append(_non_finite_value(outcome, name, output))
    elif not all(is_finite(derivative) for derivative in derivatives.values()):
        findings.append(_non_finite_adjoint(outcome, name, output, derivatives))
    findings.extend(_independent(outcome, name, output, by_target))
    return findings


def met_on_the_way(machine: Machine) -> list[Finding]:
    """The findings about the derivatives that a text of a session took itself."""
    met = list(machine.kinks_met)
    kinks = [node for node in met if at_kink(node)]
    findings = [_at_kink(node) for node in once_a_span(kinks, met)]
    findings += [_lost(node) for node in once_a_span([n for n in met if n not in kinks], met)]
    findings += [_rebound(span) for span, note in machine.noted.items() if note == "rebound"]
    return findings


# ── kinks ─────────────────────────────────────────────────────────────────────────────


def once_a_span(nodes: Sequence[Node], met: Collection[Node]) -> list[Node]:
    """Those of `nodes` that were met, the first one of each place in the source.

    What a `grad` of the program recorded has no place of its own: what it is made of has.
    """
    first: dict[int, Node] = {}
    for node in nodes:
        if node in met and node.span is not None:
            first.setdefault(id(node.span), node)
    return list(first.values())


def _at_kink(node: Node) -> Finding:
    assert node.primitive is not None
    return Finding(
        f"`{node.primitive.title}` is at a kink here, where its derivative is a convention: "
        f"{node.primitive.convention}",
        node.span,
        label=f"at {operands_text(node.args)}",
        help="--at-kink nan or --at-kink error refuses to go by the convention",
        kind="kink",
    )


# ── lost gradients ────────────────────────────────────────────────────────────────────


def _lost(node: Node) -> Finding:
    assert node.primitive is not None
    return Finding(
        f"the gradient ends here: the derivative of `{node.primitive.title}` is 0",
        node.span,
        label=f"at {operands_text(node.args)}",
        kind="lost-gradient",
    )


def _noted(outcome: Outcome) -> Iterator[Finding]:
    for span, note in outcome.machine.noted.items():
        if note == "equality":
            yield Finding(
                "a branch is decided by equality with what is differentiated",
                span,
                label="at points beside this one it may be the other branch",
                help="the derivative is that of the branch taken; compare with `<` if it matters",
                kind="equality",
            )
        elif note == "static":
            yield Finding(
                "a gradient ends here: the function has no derivative by this argument",
                span,
                help="`adiff functions NAME` says which arguments have one",
                kind="lost-gradient",
            )
        elif note == "rebound":
            yield _rebound(span)
        else:
            yield Finding(
                "the gradient ends here: a comparison is used as a number, and is flat",
                span,
                kind="lost-gradient",
            )


def _rebound(span: Span) -> Finding:
    return Finding(
        f"derivatives by `{span.text}` are by its first value, and it has another by now",
        span,
        help="a parameter is new at every call: put this into a function of "
        f"`{span.text}`, or give each value a name",
        kind="rebound",
    )


# ── nan and inf ───────────────────────────────────────────────────────────────────────


def _non_finite_value(outcome: Outcome, name: str, output: Any) -> Finding:
    value = value_of(output)
    shown = repr(value) if isinstance(value, float) else "not finite"
    heading = f"the value of `{name}` is {shown}"
    origin = origin_of_value(outcome, output)
    if origin is not None:
        return _first(outcome, heading, origin)
    return Finding(heading, _place(outcome, name), kind="non-finite")


def _first(outcome: Outcome, heading: str, origin: Origin) -> Finding:
    primitive, value = origin.primitive, origin.value
    shown = f"{value!r}" if isinstance(value, float) else f"not finite in {describe(value)}"
    if primitive is None:
        return Finding(f"{heading}: input `{origin.span}` is {shown}", kind="non-finite")
    if not origin.of_finite:
        label = f"`{primitive.title}` gives {shown} first, of {operands_text(origin.args)}"
    else:
        label = f"`{primitive.title}` of {operands_text(origin.args)} is {shown}"
    return Finding(
        f"{heading}; it begins here",
        origin.span,
        label=label,
        notes=_path(outcome, origin.args),
        help=domain_text(primitive),
        kind="non-finite",
    )


def _path(outcome: Outcome, args: Sequence[Any]) -> list[str]:
    """How an operation's operands were made of a name: the shortest way, as a note."""
    names = {node: name for name, node in outcome.targets.items()}
    above: dict[Node, Node | None] = {arg: None for arg in args if isinstance(arg, Node)}
    pending = list(above)
    for node in pending:
        if node in names:
            return _way(names[node], node, above)
        for parent in node.parents:
            if parent not in above:
                above[parent] = node
                pending.append(parent)
    return []


def _way(name: str, node: Node, above: Mapping[Node, Node | None]) -> list[str]:
    steps = []
    step = above[node]
    while step is not None:
        if step.primitive is not None and hasattr(step.span, "line"):
            steps.append(step)
        step = above[step]
    if not steps:
        return []
    shown = steps if len(steps) <= STEPS_SHOWN else [*steps[: STEPS_SHOWN - 1], steps[-1]]
    words = [
        f"`{step.primitive.title}` (line {step.span.line})" for step in shown if step.primitive
    ]
    if len(shown) < len(steps):
        words.insert(-1, f"… {len(steps) - len(shown):,} more …")
    return [f"the way to it: {' → '.join([f'`{name}`', *words])}"]


def _non_finite_adjoint(
    outcome: Outcome, name: str, output: Any, derivatives: Mapping[str, Any]
) -> Finding:
    labels = [label for label, value in derivatives.items() if not is_finite(value)]
    verb = "are" if len(labels) > 1 else "is"
    heading = f"{', '.join(labels)} {verb} not finite, though the value is"
    first: list[tuple[Node, Any]] = []

    def watch(node: Node, g: Any, operand: Node, contribution: Any) -> None:
        contribution = getattr(contribution, "cotangent", contribution)
        if not first and not is_finite(contribution) and is_finite(g):
            first.append((node, contribution))

    reverse_sweep(outcome.graph.up_to(output), ones_of(output), (), watch=watch)
    if not first:
        return Finding(heading, _place(outcome, name), kind="non-finite")
    node, contribution = first[0]
    assert node.primitive is not None
    shown = repr(float(contribution)) if getattr(contribution, "ndim", 0) == 0 else "not finite"
    return Finding(
        f"{heading}; it begins here",
        node.span,
        label=f"the derivative of `{node.primitive.title}` at {operands_text(node.args)} "
        f"makes it {shown}",
        notes=_path(outcome, node.args),
        help=domain_text(node.primitive),
        kind="non-finite",
    )


def _place(outcome: Outcome, name: str) -> Span:
    names = outcome.names
    if name in names.results:
        return names.program.body.statements[-1].span
    return names.top.bound_at[name]


# ── no gradient at all ────────────────────────────────────────────────────────────────


def _independent(
    outcome: Outcome, name: str, output: Any, gradient: Mapping[str, Any]
) -> Iterator[Finding]:
    """A finding for each name that the output was not computed from."""
    zero = [by for by, value in gradient.items() if is_zero(value)]
    if not zero:
        return
    ancestors = set(below(output)) if isinstance(output, Node) else set()
    for by in zero:
        target = outcome.targets[by]
        if target is None or target in ancestors:
            continue
        if not outcome.is_whole:
            yield Finding(f"`{name}` does not depend on `{by}`", kind="no-dependence")
        else:
            why = independence(outcome, by, target)
            yield Finding(
                f"`{name}` does not depend on `{by}`: {why.reason}",
                why.where,
                help=why.help,
                kind="no-dependence",
            )
