"""Why a gradient is what it is: nan or inf, zero, or a number made of paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.sweeps import Kinks
from autodiff_cli.errors import UsageError
from autodiff_cli.explain.asking import by_what
from autodiff_cli.explain.dependence import independence
from autodiff_cli.explain.evaluation import Question, answer, seed_of
from autodiff_cli.explain.findings import once_a_span
from autodiff_cli.explain.numbers import is_finite, is_zero
from autodiff_cli.explain.origins import Origins
from autodiff_cli.explain.paths import between, flow
from autodiff_cli.explain.poison import Reason, poison, value_reason
from autodiff_cli.explain.remedies import advice
from autodiff_cli.explain.words import (
    at_kink,
    number_text,
    operands_text,
    origin_text,
)
from autodiff_cli.explain.zeros import ends, infinite_operand, zero_elements
from autodiff_cli.interpreter.run import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.explain.evaluation import Evaluation
    from autodiff_cli.explain.paths import Flow, Subgraph
    from autodiff_cli.explain.zeros import End, Zeros
    from autodiff_cli.interpreter.journal import Journal
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.interpreter.program import Program
    from autodiff_cli.interpreter.run import Outcome

REASONS_SHOWN = 3
"""Of the places that end a derivative; the others are counted."""


@dataclass(slots=True)
class Explanation:
    """Why the derivative of an output by a name is what it is.

    Attributes:
        evaluation: of that output.
        name: what it is differentiated by.
        reasons: of a nan, an inf or a zero, the most telling first; for an array of which some
            elements are 0, why these are.
        way: from the name to where the first of them is.
        flow: of a number, the paths that make it.
        ends: where those of its paths end that are worth nothing.
        kinks: those that it rests on.
    """

    evaluation: Evaluation
    name: str
    outcome: Outcome
    adjoints: Mapping[Node, Any]
    seed: Any
    reasons: list[Reason] = field(default_factory=list)
    way: list[Node] = field(default_factory=list)
    flow: Flow | None = None
    ends: list[End] = field(default_factory=list)
    kinks: list[Reason] = field(default_factory=list)

    @property
    def gradient(self) -> Any:
        return self.evaluation.gradient[self.name]

    @property
    def label(self) -> str:
        """`dy/dx`."""
        return f"d{self.evaluation.output}/d{self.name}"

    @property
    def verdict(self) -> Literal["non-finite", "zero", "number"]:
        if not is_finite(self.gradient):
            return "non-finite"
        return "zero" if is_zero(self.gradient) else "number"


def explain(
    program: Program,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    of: Sequence[str] | None = None,
    settings: Settings | None = None,
    question: Question | None = None,
) -> list[Explanation]:
    """Runs a program; explains the derivative of each output by each name.

    Raises:
        UsageError: there is no name to differentiate by; and as `evaluation.evaluate`.
    """
    question = question or Question()
    outcome = run(program, inputs, wrt, of, settings, logged=True)
    seen = outcome.machine.journal
    assert seen is not None
    if not outcome.targets:
        raise UsageError(
            "there is nothing to differentiate by",
            help=f"write {by_what(outcome.resolved) or '--wrt NAME'}: an input, or a variable",
            kind="wrt",
        )
    explanations = []
    with outcome.machine.open():
        for evaluation in answer(outcome, question):
            for name in evaluation.gradient:
                explanations.append(_explained(outcome, seen, evaluation, name, question))
    return explanations


def _explained(
    outcome: Outcome, seen: Journal, evaluation: Evaluation, name: str, question: Question
) -> Explanation:
    output, target = outcome.outputs[evaluation.output], outcome.targets[name]
    assert target is not None
    seed = seed_of(question, output, evaluation.output)
    kinks = Kinks(question.at_kink)
    subgraph = between(outcome.graph, target, output, seed, kinks)
    found = Explanation(evaluation, name, outcome, subgraph.adjoints, seed)
    if not is_finite(evaluation.value):
        origin = Origins(outcome.machine.odd_constants).of(output)
        found.reasons += [] if origin is None else [value_reason(origin)]
    if not subgraph.order:
        found.reasons.append(_independent(outcome, seen, name, target))
        return found
    if found.verdict == "non-finite":
        reason, found.way = poison(outcome, subgraph, name)
        others = [r for r in found.reasons if (r.what, r.label) != (reason.what, reason.label)]
        found.reasons = [reason, *others]
    elif found.verdict == "zero":
        found.ends = ends(subgraph)
        found.reasons += [_ended(outcome, subgraph, end) for end in found.ends[:REASONS_SHOWN]]
        if not found.ends:
            found.reasons.append(Reason("the cotangent is 0, and so is all that comes of it"))
        else:
            found.way = _to_end(subgraph, found.ends[0])
        for later in found.reasons[1:]:
            # Both where an infinity begins and where a derivative ends at it may be told.
            later.help = "" if later.help == found.reasons[0].help else later.help
    else:
        found.flow = flow(subgraph)
        if found.flow.paths != found.flow.alive:
            found.ends = ends(subgraph, found.flow.losing)
            lost = [end for end in found.ends if end.cause == "infinite"]
            found.reasons += [_ended(outcome, subgraph, end) for end in lost[:REASONS_SHOWN]]
        if shape_of(found.gradient) and is_zero_somewhere(found.gradient):
            zeros = zero_elements(subgraph, found.gradient)
            found.reasons += [_zeros(each, found.gradient) for each in zeros]
    if found.verdict == "number":
        met = {node for node in kinks.met if node in subgraph.index}
        found.kinks = [at_kink(Reason, node) for node in once_a_span(outcome.graph.kinks, met)]
    return found


def is_zero_somewhere(value: Any) -> bool:
    return bool((value == 0).any())


def _independent(outcome: Outcome, seen: Journal, by: str, target: Node) -> Reason:
    why = independence(outcome, by, target, seen)
    label = "read here" if why.kind == "untaken" else ""
    return Reason(
        why.reason, why.where, label=label, notes=why.details, help=why.help, kind=why.kind
    )


def _to_end(subgraph: Subgraph, end: End) -> list[Node]:
    """A way from the target to where its derivative ends, with that operation."""
    way = [end.operand] if end.node is end.operand else [end.node, end.operand]
    while way[-1] is not subgraph.target:
        way.append(next(arg for arg in way[-1].parents if arg in subgraph.index))
    return way[::-1]


# ── zeros in words ────────────────────────────────────────────────────────────────────


def _ended(outcome: Outcome, subgraph: Subgraph, end: End) -> Reason:
    if end.cause == "cancelled":
        return _cancelled(subgraph, end)
    primitive = end.node.primitive
    assert primitive is not None
    notes = [f"{end.count:,} operations of this place end it"] if end.count > 1 else []
    if end.cause == "kink":
        reason = at_kink(Reason, end.node)
        reason.notes += notes
        return reason
    if end.cause == "infinite":
        return _at_infinity(outcome, end, notes)
    title = f"`{primitive.title}`"
    heading = {
        "flat": f"the derivative of {title} is 0, whatever its operand",
        "no-derivative": f"{title} has no derivative by this operand",
        "own-rule": f"the derivative rule of {title} gives 0 here",
        "factor": f"{title} multiplies it by 0",
        "not-chosen": primitive.unchosen,
        "overwritten": "it is overwritten here by another value",
        "saturated": f"{title} is flat here, and beside this point too: its derivative is 0",
        "stationary": f"the derivative of {title} is 0 at just this point",
        "underflow": "the product of derivatives is too small for a float, and is 0 here",
        "elsewhere": f"{title} passes it on where no gradient of the output arrives",
    }[end.cause]
    remedy = {
        "flat": "a step has no slope to follow: leave it out, or smooth it",
        "underflow": "work with logarithms, or scale what is multiplied",
        "stationary": "an extremum or a saddle: start from beside this point",
    }.get(end.cause, "")
    if end.cause in ("saturated", "not-chosen"):
        remedy = primitive.remedies.get(end.cause, "")
    return Reason(
        heading,
        end.node.place,
        label=f"at {operands_text(end.node)}",
        notes=notes,
        help=remedy,
        kind=end.cause,
    )


def _at_infinity(outcome: Outcome, end: End, notes: list[str]) -> Reason:
    """Where a derivative ends as the operand is infinite."""
    assert end.node.primitive is not None
    origin = Origins(outcome.machine.odd_constants).of(infinite_operand(end.node), "infinite")
    reason = Reason(
        f"the derivative of `{end.node.primitive.title}` is 0 for an operand that is infinite",
        end.node.place,
        label=f"at {operands_text(end.node)}",
        notes=notes,
        kind=end.cause,
    )
    if origin is not None:
        more, reason.help = advice(origin, [end.node])
        reason.notes += [f"the infinity begins with this: {origin_text(origin)}", *more]
    return reason


def _cancelled(subgraph: Subgraph, end: End) -> Reason:
    parts = [
        f"{_title(node)} gives {number_text(contribution)}"
        for node, contribution in end.parts[:REASONS_SHOWN]
    ]
    if len(end.parts) > REASONS_SHOWN:
        parts.append(f"and {len(end.parts) - REASONS_SHOWN:,} more")
    where = end.node.place or end.parts[0][0].place
    of = "" if end.node is subgraph.target else " in this value"
    return Reason(f"the contributions{of} cancel exactly", where, notes=parts, kind="cancelled")


def _title(node: Node) -> str:
    assert node.primitive is not None
    place = node.place
    return f"`{place.text}`, line {place.line}," if place else f"`{node.primitive.title}`"


def _zeros(zeros: Zeros, gradient: Any) -> Reason:
    count, size = zeros.count, gradient.size
    places = ", ".join(
        f"[{', '.join(map(str, place))}]"
        for place in list(zip(*zeros.where.nonzero(), strict=True))[:6]
    )
    which = f"{count:,} of {size:,} elements {'is' if count == 1 else 'are'} 0"
    more = ", …" if count > 6 else ""
    if zeros.cause == "unread":
        return Reason(
            f"{which}: nothing reads them", notes=[f"they are {places}{more}"], kind="unread"
        )
    assert zeros.node is not None
    assert zeros.node.primitive is not None
    title = f"`{zeros.node.primitive.title}`"
    because = {
        "not-chosen": f"{title} takes others",
        "factor": f"{title} multiplies them by 0",
        "kink": f"{title} is at a kink there",
        "infinite": f"{title} takes what is infinite there",
        "overwritten": "they are overwritten here",
    }.get(zeros.cause, f"the derivative of {title} is 0 there")
    return Reason(
        f"{which}: {because}",
        zeros.node.place,
        notes=[f"they are {places}{more}"],
        kind=zeros.cause,
    )
