"""What is lost to nan and inf in a run: an output, its derivatives, and what these rest on.

An infinity that came of finite numbers may go on as a finite one, as in 1 / inf, and its
derivative ends there: that of log(1 + exp(x)) at 800 is 1, and the sweep finds 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.sweeps import dense, ones_of, reverse_sweep
from autodiff_cli.errors import Finding
from autodiff_cli.explain.numbers import anywhere, is_finite, is_zero, marks, operands_of
from autodiff_cli.explain.origins import Origins
from autodiff_cli.explain.paths import between, pulled_at
from autodiff_cli.explain.poison import poison
from autodiff_cli.explain.remedies import advice
from autodiff_cli.explain.words import number_text, origin_text
from autodiff_cli.explain.zeros import FAR, NEAR, absorbs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autodiff_cli.engine.sweeps import Kinks
    from autodiff_cli.explain.origins import Origin
    from autodiff_cli.explain.poison import Reason
    from autodiff_cli.interpreter.run import Outcome

MOST = 8
"""Places at which an infinity may go on as a finite number, and names for which it is looked
where their derivative begins not to be finite; of more the first."""
LABELS_SHOWN = 8
STEPS_SHOWN = 6
"""Of the way from a name to a nan; a longer one is shown by its ends."""


def losses(
    outcome: Outcome,
    name: str,
    output: Any,
    derivatives: Mapping[str, Any],
    names: Collection[str],
    kinks: Kinks,
) -> Iterator[Finding]:
    """The findings on nan and inf about one output and its derivatives by `names`."""
    told = _Told(outcome, name, value_of(output), derivatives)
    ends = _ends(outcome, output, names)
    known = [end.origin.span for end in ends]
    begun = _begun(outcome, output, [by for by in names if told.is_odd(by)], kinks)
    if not begun and not all(map(is_finite, derivatives.values())):
        # Of the second and higher ones: the first tell nothing of where that begins.
        begun = [Begun(None, None)]
    if not is_finite(told.value):
        origin = Origins(outcome.machine.odd_constants).of(output)
        beginnings = [] if origin is None else list(_beginnings(origin))
        places = [each.span for each in beginnings]
        own = [end for end in ends if end.origin.span in places]
        lost = [each for each in begun if each.reason and each.reason.where in places]
        resting = {by for end in own for by in end.names}
        limits = [each.node for each in beginnings if each.kind in ("overflow", "underflow")]
        if limits:
            # At the ends of the floats a derivative of 0 is as little worth as a nan.
            zero = [by for by in names if told.is_zero(by)]
            resting.update(_below(outcome, [node for node in limits if node], zero))
            resting.update(by for each in lost for by in each.names)
        yield told.value_at(origin, [by for by in names if by in resting])
        ends = [end for end in ends if end not in own]
        begun = [each for each in begun if each not in lost]
    for end in ends:
        if end.names or is_finite(told.value):
            yield told.resting(end)
    for end in _ends(outcome, outcome.machine.swept, ()):
        if end.origin.span not in known:
            yield told.accumulated(end)
    at_ends = {by for end in ends for by in end.names}
    for each in begun:
        explained = is_finite(told.value) or each.reason is not None
        if explained and not (each.names and at_ends.issuperset(each.names)):
            yield told.derivatives(each)


# ── infinities that a derivative ends at ──────────────────────────────────────────────


@dataclass(slots=True, eq=False)
class InfiniteEnd:
    """An operation whose derivative is 0, or nan, for an operand that became infinite.

    Attributes:
        names: those differentiated by that the operand is made of.
    """

    node: Node
    origin: Origin
    names: dict[str, None] = field(default_factory=dict)


def _ends(outcome: Outcome, output: Any, names: Collection[str]) -> list[InfiniteEnd]:
    """Those below an output whose operand would get a derivative if it were finite."""
    if not isinstance(output, Node) or all(is_finite(node.value) for node in outcome.graph.nodes):
        return []
    origins = Origins(outcome.machine.odd_constants)
    looked: set[tuple[int, int]] = set()
    found: dict[int, InfiniteEnd] = {}

    def watch(node: Node, g: Any, operand: Node, contribution: Any) -> None:
        infinite = marks(operand.value, "infinite")
        place = id(node.span), id(operand.span)
        if not anywhere(infinite) or place in looked or len(looked) == MOST:
            return
        got = dense(contribution, shape_of(operand.value))
        lost = infinite & (got == 0)
        if not names:
            # A derivative by a name tells of its nan itself.
            lost = lost | (infinite & marks(got, "nan"))
        if not anywhere(lost) or TABLE.get(_primitive(node).name) is not node.primitive:
            return
        looked.add(place)
        origin = origins.of(operand, "infinite", lost)
        if origin is None or origin.kind not in ("overflow", "outside"):
            return
        size = FAR if origin.kind == "overflow" else NEAR
        arrived = 1.0 if not shape_of(g) else (g != 0).astype(g.dtype)
        positions = [i for i, arg in enumerate(node.args) if arg is operand]
        if any(absorbs(node, position, lost, arrived, size) for position in positions):
            end = found.setdefault(id(origin.span), InfiniteEnd(node, origin))
            # Of x / inf the derivative by x is as lost.
            beside = _absorbed_beside(node, arrived, size)
            end.names.update(dict.fromkeys(_below(outcome, [operand, *beside], names)))

    reverse_sweep(outcome.graph.up_to(output), ones_of(output), (), watch=watch)
    return list(found.values())


def _absorbed_beside(node: Node, g: Any, size: float) -> Iterator[Node]:
    """The operands that get nothing of `g` as another one is infinite."""
    values = [value_of(arg) for _, arg in operands_of(_primitive(node), node.args)]
    for position, arg in enumerate(node.args):
        if isinstance(arg, Node):
            nothing = marks(pulled_at(node, position, g, values), "zero")
            if anywhere(nothing) and absorbs(node, position, nothing, g, size):
                yield arg


def _beginnings(origin: Origin) -> Iterator[Origin]:  # recurses: origins.DEEPEST at most
    """An origin, and its sources."""
    yield origin
    for _, source in origin.sources:
        yield from _beginnings(source)


def _below(outcome: Outcome, nodes: Sequence[Node], names: Collection[str]) -> Iterator[str]:
    """Those of some names that nodes are made of."""
    if names:
        made_of = {node for top in nodes for node in below(top)}
        yield from (name for name in names if outcome.targets[name] in made_of)


def _primitive(node: Node) -> Any:
    assert node.primitive is not None
    return node.primitive


# ── derivatives that are not finite ───────────────────────────────────────────────────


@dataclass(slots=True, eq=False)
class Begun:
    """Where derivatives by some names begin not to be finite.

    Attributes:
        reason: None where it is not known.
        end: the operation.
    """

    reason: Reason | None
    end: Node | None
    names: list[str] = field(default_factory=list)


def _begun(outcome: Outcome, output: Any, names: Sequence[str], kinks: Kinks) -> list[Begun]:
    """One for each place; the names after the first few go with the last of them."""
    found: dict[Any, Begun] = {}
    for name in names[:MOST]:
        target = outcome.targets[name]
        assert target is not None
        subgraph = between(outcome.graph, target, output, ones_of(output), kinks)
        reason, way = None, [target]
        # What is asked for may be another derivative than this, the first.
        if subgraph.order and not is_finite(subgraph.adjoints.get(subgraph.target, 0.0)):
            reason, way = poison(outcome, subgraph, name)
        place = reason and (reason.where or reason.what)
        begun = found.setdefault(place, Begun(reason, way[-1] if way else None))
        begun.names.append(name)
    if len(names) > MOST:
        begun.names.extend(names[MOST:])
    return list(found.values())


# ── in words ──────────────────────────────────────────────────────────────────────────


class _Told:
    """What is told of one output."""

    def __init__(
        self, outcome: Outcome, name: str, value: Any, derivatives: Mapping[str, Any]
    ) -> None:
        self.value = value
        self._outcome = outcome
        self._name = name
        self._derivatives = derivatives

    def is_odd(self, name: str) -> bool:
        """Whether the derivative by a name, or one that may be by it, is not finite."""
        own = self._derivatives.get(self._label(name))
        values = self._derivatives.values() if own is None else [own]
        return not all(map(is_finite, values))

    def is_zero(self, name: str) -> bool:
        own = self._derivatives.get(self._label(name))
        return own is not None and is_zero(own)

    def value_at(self, origin: Origin | None, names: Sequence[str]) -> Finding:
        """A value that is not finite, and the derivatives that are lost with it."""
        shown = "not finite" if shape_of(self.value) else number_text(self.value)
        heading = f"the value of `{self._name}` is {shown}"
        if origin is None:
            return Finding(heading, self._outcome.place_of(self._name), kind="non-finite")
        if origin.primitive is None:
            _, remedy = advice(origin)
            return Finding(f"{heading}: {origin_text(origin)}", help=remedy, kind="non-finite")
        if names:
            heading += f", and {_listed(self._shown(names))} {_rest(names)} on that"
        return self._at(origin, [], heading, kind="non-finite")

    def resting(self, end: InfiniteEnd) -> Finding:
        """A finite value, or derivatives, that rest on an infinity."""
        shown = self._shown(end.names)
        if is_finite(self.value):
            number = "" if shape_of(self.value) else f" = {number_text(self.value)}"
            shown = [f"`{self._name}`{number}", *shown]
        heading = f"{_listed(shown)} {_rest(shown)} on {_what(end.origin)}"
        return self._at(end.origin, [end.node], heading, kind="overflow")

    def accumulated(self, end: InfiniteEnd) -> Finding:
        """What a `backward` of the program found, and rests on an infinity."""
        heading = f"what `backward` found rests on {_what(end.origin)}"
        return self._at(end.origin, [end.node], heading, kind="overflow")

    def _at(self, origin: Origin, above: Sequence[Node], heading: str, kind: str) -> Finding:
        notes, remedy = advice(origin, above)
        return Finding(
            f"{heading}; it begins here",
            origin.span,
            label=origin_text(origin),
            notes=[*_way(self._outcome, origin.node), *notes],
            help=remedy,
            kind=kind,
        )

    def derivatives(self, begun: Begun) -> Finding:
        """Derivatives that are not finite."""
        reason, labels = begun.reason, [self._label(name) for name in begun.names]
        if not labels or not set(labels) <= self._derivatives.keys():
            labels = [label for label, value in self._derivatives.items() if not is_finite(value)]
        heading = f"{_listed(labels)} {'are' if len(labels) > 1 else 'is'} not finite"
        if is_finite(self.value):
            heading += ", though the value is"
        if reason is None:
            return Finding(heading, self._outcome.place_of(self._name), kind="non-finite")
        if reason.where is None:
            heading += f": {reason.what}"
        else:
            heading += "; it begins here"
        return Finding(
            heading,
            reason.where,
            label=reason.what if reason.kind == "kink" else reason.label,
            notes=[*_way(self._outcome, begun.end), *reason.notes],
            help=reason.help,
            kind="non-finite",
        )

    def _label(self, name: str) -> str:
        return f"d{self._name}/d{name}"

    def _shown(self, names: Collection[str]) -> list[str]:
        """Derivatives by their labels, with their values where these are numbers."""
        shown = []
        for name in names:
            label = self._label(name)
            value = self._derivatives.get(label)
            if value is None:
                shown.append(f"the derivative by `{name}`")
            else:
                shown.append(label if shape_of(value) else f"{label} = {number_text(value)}")
        return shown


def _listed(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    if len(parts) > LABELS_SHOWN:
        return f"{', '.join(parts[:LABELS_SHOWN])} and {len(parts) - LABELS_SHOWN:,} more"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _what(origin: Origin) -> str:
    return "an overflow" if origin.kind == "overflow" else "an infinity"


def _rest(parts: Collection[str]) -> str:
    return "rest" if len(parts) > 1 else "rests"


def _way(outcome: Outcome, end: Node | None) -> list[str]:
    """How the operands of an operation were made of a name: the shortest way, as a note."""
    names = {node: name for name, node in outcome.targets.items()}
    above: dict[Node, Node | None] = dict.fromkeys([] if end is None else end.parents)
    pending = list(above)
    for node in pending:
        if node in names:
            return _steps(names[node], node, above)
        for parent in node.parents:
            if parent not in above:
                above[parent] = node
                pending.append(parent)
    return []


def _steps(name: str, node: Node, above: Mapping[Node, Node | None]) -> list[str]:
    steps = []
    step = above[node]
    while step is not None:
        place = step.place
        if place is not None:
            steps.append(f"`{_primitive(step).title}` (line {place.line})")
        step = above[step]
    if not steps:
        return []
    if len(steps) > STEPS_SHOWN:
        left_out = f"… {len(steps) - STEPS_SHOWN:,} more …"
        steps = [*steps[: STEPS_SHOWN - 1], left_out, steps[-1]]
    return [f"the way to it: {' → '.join([f'`{name}`', *steps])}"]
