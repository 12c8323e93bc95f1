"""Why an output does not depend on a name: what the program does with the name's value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitive import describe
from autodiff_cli.explain.places import Places
from autodiff_cli.explain.reading import Reading
from autodiff_cli.language import syntax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.interpreter.journal import Journal
    from autodiff_cli.interpreter.run import Outcome
    from autodiff_cli.language.source import Span

MOST_DECISIONS = 3
"""Of the conditions and counts that a value comes to, those that are shown."""

Kind = Literal[
    "detached",
    "unread",
    "untaken",
    "compared",
    "counted",
    "decides",
    "backward",
    "constant",
    "unused",
]


@dataclass(slots=True)
class Independence:
    """Why nothing of a name's derivative is left.

    Attributes:
        reason: in words, as the rest of a sentence.
        where: the place that decides it.
        details: further facts, which take a run that was observed to know.
    """

    kind: Kind
    reason: str
    where: Span | None
    help: str = ""
    details: list[str] = field(default_factory=list)


def independence(
    outcome: Outcome, by: str, target: Node, seen: Journal | None = None
) -> Independence:
    """Why no gradient reaches `by`, where nothing of it is below the output."""
    for cut in outcome.machine.detached.values():
        if target in below(cut.node):
            return Independence(
                "detached",
                "it was detached here",
                cut.span,
                "leave out `detach` to let the gradient through",
            )
    uses = outcome.names.uses(by)
    if not uses:
        return Independence("unread", "the program never reads it", outcome.names.top.bound_at[by])
    places = Places(outcome.names.program)
    live: list[syntax.Name] = []
    untaken: list[syntax.Name] = []
    for use in uses:
        (untaken if places.untaken(use, outcome.machine.taken) else live).append(use)
    details = [] if seen is None else _untaken_details(places, untaken, seen)
    if not live:
        reason = "it is read only where a branch was not taken"
        return Independence("untaken", reason, uses[0].span, details=details)
    if all(places.is_condition(use) for use in live):
        reason = "it is only compared, and no gradient flows through a condition"
        return Independence("compared", reason, live[0].span, details=details)
    if all(places.is_count(use) for use in live):
        reason = "it is only counted or indexed with, as a whole number"
        return Independence("counted", reason, live[0].span, details=details)
    if all(places.is_accumulated(use) for use in live):
        return Independence(
            "backward",
            "`backward` leaves a number without a history",
            live[0].span,
            "`grad(y, x)` can itself be differentiated",
        )
    for use in live:
        name = places.constant_function(use, outcome.names)
        if name is None:
            break
    else:
        reason = f"`{name}` has no derivative by it"
        return Independence("constant", reason, live[0].span)
    deciding = _deciding(outcome, places, live)
    if deciding:
        details += [f"`{_one_line(span.text)}` (line {span.line}) goes by it" for span in deciding]
        reason = "it only decides which branch is taken, or how often something runs"
        return Independence("decides", reason, live[0].span, details=details)
    details += _ends(outcome, by, target) + ([] if seen is None else _idle(places, live, seen))
    reason = "nothing that is computed from it reaches the output"
    return Independence("unused", reason, live[0].span, details=details)


def _deciding(outcome: Outcome, places: Places, uses: Sequence[syntax.Name]) -> list[Span]:
    """The conditions and counts that all uses of a value come to; none where one does not.

    A value is followed through arithmetic, variables, and functions of the program.
    """
    reading = Reading(outcome.names, places)
    pending: list[Any] = list(uses)
    seen: set[Any] = set()
    found: dict[Span, None] = {}
    while pending:
        node = pending.pop()
        if node in seen or places.untaken(node, outcome.machine.taken):
            continue
        seen.add(node)
        if places.is_condition(node) or places.is_count(node):
            found[places.decision(node)] = None
            continue
        onward = reading.onward(node)
        if onward is None:
            return []
        pending += onward
    return sorted(found, key=lambda span: span.start)[:MOST_DECISIONS]


# ── what an observed run tells besides ────────────────────────────────────────────────


def _untaken_details(places: Places, uses: Sequence[syntax.Name], seen: Journal) -> list[str]:
    """The conditions that kept each use from running, one line each."""
    lines: dict[str, None] = {}
    for use in uses:
        choice, block = places.branch(use, seen)
        if choice is None:
            continue
        line = f"line {use.span.line} reads it where `{_one_line(choice.condition.span.text)}`"
        wanted = "holds" if block is choice.then else "does not hold"
        lines[f"{line} {wanted}, and {condition_text(choice.condition, seen)}"] = None
    return list(lines)


def condition_text(condition: Any, seen: Journal) -> str:
    """What a condition was when the program ran: `it was false: x was -1.0`."""
    answers = seen.answers.get(condition)
    if not answers:
        return "that was never asked"
    text = "it was always" if sum(answers.values()) > 1 else "it was"
    if len(answers) > 1:
        return "it was now true, now false"
    (holds,) = answers
    text += " true" if holds else " false"
    operands = getattr(condition, "operands", (condition,))
    values = [
        f"{_one_line(operand.span.text)} was {_value_text(seen.values[operand])}"
        for operand in operands
        if operand in seen.values
    ]
    return f"{text}: {', '.join(values)}" if values else text


def _idle(places: Places, uses: Sequence[syntax.Name], seen: Journal) -> list[str]:
    """Loops that went round not once, and functions that were not called, around the uses."""
    lines: dict[str, None] = {}
    for use in uses:
        idle = places.idle(use, seen.ran)
        if idle is not None:
            what, head = idle
            line = f"line {use.span.line} reads it in {what} (line {head.line}) that never ran"
            lines[line] = None
    return list(lines)


def _ends(outcome: Outcome, by: str, target: Node) -> list[str]:
    """The names that were computed from a name, and go no further."""
    reached = {target}
    used: set[Node] = set()
    for node in outcome.graph.nodes:
        parents = [arg for arg in node.args if isinstance(arg, Node) and arg in reached]
        if parents:
            reached.add(node)
            used.update(parents)
    ends = {id(node.span) for node in reached - used if node is not target}
    statements = outcome.names.nodes[outcome.names.program]
    names = {
        statement.targets[0].name: statement.span.line
        for statement in statements
        if isinstance(statement, syntax.Assign)
        and isinstance(statement.targets[0], syntax.Name)
        and id(statement.values[0].span) in ends
    }
    again = [
        statement.span.line
        for statement in statements
        if isinstance(statement, syntax.Assign)
        and any(isinstance(t, syntax.Name) and t.name == by for t in statement.targets)
        and statement.targets[0].span is not outcome.names.top.bound_at[by]
    ]
    lines = [f"it goes into `{name}` (line {line}), and no further" for name, line in names.items()]
    if again:
        lines.append(
            f"line {again[0]} gives `{by}` another value; the derivative is by the first one"
        )
    return lines


def _value_text(value: Any) -> str:
    value = value_of(value)
    return describe(value) if hasattr(value, "shape") and value.shape else f"{value}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
