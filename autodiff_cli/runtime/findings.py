"""What there is to tell of a run that did not fail: of nan and inf, lost gradients, kinks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitive import describe
from autodiff_cli.engine.sweeps import Kinks, ones_of, reverse_sweep
from autodiff_cli.errors import Finding
from autodiff_cli.language import syntax
from autodiff_cli.language.names import children

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span
    from autodiff_cli.runtime.interpreter import Outcome

STEPS_SHOWN = 6
"""Of the way from a name to a nan; a longer one is shown by its ends."""

COUNTING = frozenset(("range", "len", "shape", "zeros", "ones", "eye", "full"))
"""Functions that read of their argument a size or a count."""


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
    findings = [_at_kink(node) for node in _once_a_span(graph.kinks, kinks.met)]
    findings.extend(_lost(node) for node in _once_a_span(graph.flats, kinks.met))
    findings.extend(_noted(outcome))
    value = value_of(output)
    if not is_finite(value):
        findings.append(_non_finite_value(outcome, name, output))
    elif not all(is_finite(derivative) for derivative in derivatives.values()):
        findings.append(_non_finite_adjoint(outcome, name, output, derivatives))
    findings.extend(_independent(outcome, name, output, by_target))
    return findings


def is_finite(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return math.isfinite(value)
    import numpy as np

    return bool(np.isfinite(value).all())


# ── kinks ─────────────────────────────────────────────────────────────────────────────


def _once_a_span(nodes: Sequence[Node], met: Collection[Node]) -> list[Node]:
    """Those of `nodes` that were met, the first one of each place in the source."""
    first: dict[int, Node] = {}
    for node in nodes:
        if node in met:
            first.setdefault(id(node.span), node)
    return list(first.values())


def _at_kink(node: Node) -> Finding:
    assert node.primitive is not None
    return Finding(
        f"`{node.primitive.title}` is at a kink here, where its derivative is a convention: "
        f"{node.primitive.convention}",
        node.span,
        label=f"at {_operands(node.args)}",
        help="--at-kink nan or --at-kink error refuses to go by the convention",
        kind="kink",
    )


# ── lost gradients ────────────────────────────────────────────────────────────────────


def _lost(node: Node) -> Finding:
    assert node.primitive is not None
    return Finding(
        f"the gradient ends here: the derivative of `{node.primitive.title}` is 0",
        node.span,
        label=f"at {_operands(node.args)}",
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
        else:
            yield Finding(
                "the gradient ends here: a comparison is used as a number, and is flat",
                span,
                kind="lost-gradient",
            )


# ── nan and inf ───────────────────────────────────────────────────────────────────────


def _operands(args: Sequence[Any]) -> str:
    """The operands of an operation as numbers, arrays by their shape."""
    words = []
    for arg in args:
        value = value_of(arg)
        if isinstance(value, (bool, int, float)):
            words.append(repr(float(value)))
        elif hasattr(value, "shape"):
            words.append(describe(value))
    return ", ".join(words)


def _non_finite_value(outcome: Outcome, name: str, output: Any) -> Finding:
    value = value_of(output)
    shown = repr(value) if isinstance(value, float) else "not finite"
    heading = f"the value of `{name}` is {shown}"
    constant = outcome.machine.non_finite_constant
    if isinstance(output, Node):
        node = next(node for node in below(output) if not is_finite(node.value))
        if constant is None or all(is_finite(value_of(arg)) for arg in _numbers(node.args)):
            return _first(outcome, heading, node.primitive, node.args, node.value, node.span)
    if constant is not None:
        span, primitive, args, value = constant
        return _first(outcome, heading, primitive, args, value, span)
    return Finding(heading, _place(outcome, name), kind="non-finite")


def _first(
    outcome: Outcome,
    heading: str,
    primitive: Primitive | None,
    args: Sequence[Any],
    value: Any,
    span: Any,
) -> Finding:
    shown = f"{value!r}" if isinstance(value, float) else f"not finite in {describe(value)}"
    if primitive is None:
        return Finding(f"{heading}: input `{span}` is {shown}", kind="non-finite")
    if not all(is_finite(value_of(arg)) for arg in _numbers(args)):
        label = f"`{primitive.title}` gives {shown} first, of {_operands(args)}"
    else:
        label = f"`{primitive.title}` of {_operands(args)} is {shown}"
    return Finding(
        f"{heading}; it begins here",
        span,
        label=label,
        notes=_path(outcome, args),
        help=_domain(primitive),
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


def _numbers(args: Sequence[Any]) -> list[Any]:
    """Those of an operation's arguments that hold numbers."""
    return [
        arg
        for arg in args
        if isinstance(value_of(arg), (int, float)) or hasattr(value_of(arg), "dtype")
    ]


def _domain(primitive: Primitive) -> str:
    if primitive.domain == "all reals":
        return ""
    return f"`{primitive.title}` is finite and differentiable for {primitive.domain}"


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
        label=f"the derivative of `{node.primitive.title}` at {_operands(node.args)} "
        f"makes it {shown}",
        notes=_path(outcome, node.args),
        help=_domain(node.primitive),
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
    zero = [by for by, value in gradient.items() if _is_zero(value)]
    if not zero:
        return
    ancestors = set(below(output)) if isinstance(output, Node) else set()
    for by in zero:
        target = outcome.targets[by]
        if target is not None and target not in ancestors:
            reason, where, help = _reason(outcome, by, target)
            yield Finding(
                f"`{name}` does not depend on `{by}`: {reason}",
                where,
                help=help,
                kind="no-dependence",
            )


def _is_zero(value: Any) -> bool:
    return not value.any() if hasattr(value, "any") else value == 0


def _reason(outcome: Outcome, by: str, target: Node) -> tuple[str, Span | None, str]:
    """Why no gradient reaches `by`, the place that decides it, and what to do."""
    for cut in outcome.machine.detached.values():
        if target in below(cut.node):
            return (
                "it was detached here",
                cut.span,
                "leave out `detach` to let the gradient through",
            )
    uses = outcome.names.uses(by)
    if not uses:
        return "the program never reads it", outcome.names.top.bound_at[by], ""
    places = _Places(outcome.names.program)
    live = [use for use in uses if not places.untaken(use, outcome.machine.taken)]
    if not live:
        return "it is read only where a branch was not taken", uses[0].span, ""
    if all(places.is_condition(use) for use in live):
        return (
            "it is only compared, and no gradient flows through a condition",
            live[0].span,
            "",
        )
    if all(places.is_count(use) for use in live):
        return "it is only counted or indexed with, as a whole number", live[0].span, ""
    return "nothing that is computed from it reaches the output", live[0].span, ""


class _Places:
    """Where in the tree each node stands: its parents, up to the program."""

    def __init__(self, program: syntax.Program) -> None:
        self._parents: dict[Any, Any] = {}
        self._known: dict[tuple[str, Any], bool] = {}
        pending: list[Any] = [program]
        while pending:
            node = pending.pop()
            for child in children(node):
                self._parents[child] = node
                pending.append(child)

    def _above(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Pairs of a parent and the child that leads to `node`, going up."""
        while node in self._parents:
            parent = self._parents[node]
            yield parent, node
            node = parent

    def _holds_above(self, question: str, holds: Callable[[Any, Any], bool], node: Any) -> bool:
        """Whether `holds(parent, child)` somewhere above `node`.

        Kept for all nodes on the way, as thousands of places may share a deep one.
        """
        answer, asked = False, []
        for parent, child in self._above(node):
            if (question, child) in self._known:
                answer = self._known[question, child]
                break
            asked.append(child)
            if holds(parent, child):
                answer = True
                break
        for child in asked:
            self._known[question, child] = answer
        return answer

    def untaken(self, node: Any, taken: set[syntax.Block]) -> bool:
        def holds(parent: Any, child: Any) -> bool:
            branch = isinstance(parent, syntax.If) and isinstance(child, syntax.Block)
            return branch and child not in taken

        return self._holds_above("untaken", holds, node)

    def is_condition(self, node: Any) -> bool:
        def holds(parent: Any, child: Any) -> bool:
            return isinstance(parent, (syntax.Comparison, syntax.Logical)) or (
                isinstance(parent, (syntax.If, syntax.While)) and child is parent.condition
            )

        return self._holds_above("condition", holds, node)

    def is_count(self, node: Any) -> bool:
        def holds(parent: Any, child: Any) -> bool:
            if isinstance(parent, syntax.Index):
                return child is not parent.base
            if isinstance(parent, syntax.Call):
                function = parent.function
                return isinstance(function, syntax.Name) and function.name in COUNTING
            return isinstance(parent, syntax.Slice) or (
                isinstance(parent, syntax.Attribute) and parent.name == "shape"
            )

        return self._holds_above("count", holds, node)
