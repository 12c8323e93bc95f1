"""What there is to tell of a run that did not fail: kinks, lost gradients, nan and inf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, at_kink, below, value_of
from autodiff_cli.errors import Finding
from autodiff_cli.explain import words
from autodiff_cli.explain.numbers import is_finite, is_zero
from autodiff_cli.explain.words import operands_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autodiff_cli.engine.sweeps import Kinks
    from autodiff_cli.interpreter.machine import Machine
    from autodiff_cli.interpreter.run import Outcome
    from autodiff_cli.language.source import Span


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
        findings += [_lost(node) for node in once_a_span(graph.ends, met)]
    findings.extend(_noted(outcome))
    if _is_odd(outcome, kinks) or not all(
        map(is_finite, (value_of(output), *derivatives.values()))
    ):
        from autodiff_cli.explain.losses import losses

        findings.extend(losses(outcome, name, output, derivatives, by_target, kinks))
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


def _is_odd(outcome: Outcome, kinks: Kinks) -> bool:
    """Whether anything below an output may be nan or inf, though it is not itself."""
    machine = outcome.machine
    # Of a constant 0 there is something to tell only beside a nan or an inf.
    if any(out for _, _, out in machine.odd_constants.values()):
        return True
    absorbed = kinks.absorbed or machine.absorbed
    return absorbed and not all(is_finite(node.value) for node in outcome.graph.nodes)


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
    finding = words.at_kink(Finding, node)
    # JSON has no notes.
    finding.what += f": {node.primitive.convention}"
    finding.notes = []
    return finding


# ── lost gradients ────────────────────────────────────────────────────────────────────


def _lost(node: Node) -> Finding:
    assert node.primitive is not None
    title = node.primitive.title
    counts = [node.primitive.operands[i] for i in node.positions if i in node.primitive.counts]
    return Finding(
        f"a gradient ends here: `{title}` has no derivative by its `{counts[0]}`"
        if counts
        else f"the gradient ends here: the derivative of `{title}` is 0",
        node.span,
        label=f"at {operands_text(node)}",
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
            from autodiff_cli.explain.dependence import independence

            why = independence(outcome, by, target)
            yield Finding(
                f"`{name}` does not depend on `{by}`: {why.reason}",
                why.where,
                help=why.help,
                kind="no-dependence",
            )
