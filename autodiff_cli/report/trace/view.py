"""One trace as far as it was asked for: which rows it has, and what they say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.errors import UsageError, did_you_mean
from autodiff_cli.interpreter.journal import Backward
from autodiff_cli.report.trace.labels import Labels, operand_count
from autodiff_cli.report.trace.partials import partials
from autodiff_cli.report.trace.rows import (
    EventRow,
    GroupRow,
    NodeRow,
    Operand,
    Result,
    RoundRow,
    SumRow,
)
from autodiff_cli.report.trace.structure import (
    EVERYTHING,
    ROWS,
    GroupItem,
    NodeItem,
    RoundItem,
    deepest,
    folded,
    items,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from autodiff_cli.explain.tracing import Pass, Trace
    from autodiff_cli.interpreter.journal import Group
    from autodiff_cli.language.source import Span
    from autodiff_cli.report.trace.rows import Row
    from autodiff_cli.report.trace.structure import EventItem, Item


@dataclass(slots=True)
class Choice:
    """Which part of a trace is to be shown, and how deep.

    Attributes:
        depth: levels of groups to open; None for as many as fill a screen.
        only: names; what lies on no path from one of them to the output is left out.
        lines: the first and the last line of the source to show.
        rounds: of an opened group with more, so many are shown.
    """

    depth: int | None = None
    only: Sequence[str] = ()
    lines: tuple[int, int] | None = None
    rounds: int = EVERYTHING


class View:
    """One trace, as far as it was asked for.

    Attributes:
        shown: the reverse pass whose adjoints the rows have: the command's own, or where the
            result depends on no name, the program's last `backward`. None where there is none.
        depth: the levels of groups that are opened.
        whole: nothing was asked to be left out.

    Raises:
        UsageError: a name to show the paths of is not the program's.
    """

    def __init__(self, trace: Trace, choice: Choice) -> None:
        self.trace = trace
        self.choice = choice
        self.nodes = trace.nodes
        self.labels = Labels(trace.outcome)
        self.shown = trace.result or self._last_backward()
        self.kept = self._keep(choice)
        self.whole = self.kept is None
        self.depth = deepest(trace, ROWS, self.kept) if choice.depth is None else choice.depth

    def _last_backward(self) -> Pass | None:
        for event in reversed(self.trace.events):
            if isinstance(event, Backward):
                return self.trace.pass_of(event)
        return None

    # ── which rows ────────────────────────────────────────────────────────────────────

    def items(self) -> Iterator[Item]:
        return items(self.trace, self.depth, self.kept, self.choice.rounds)

    def _keep(self, choice: Choice) -> bytearray | None:
        if not choice.only and choice.lines is None:
            return None
        kept = bytearray(b"\1") * len(self.nodes)
        if choice.only:
            on_path = self._between(choice.only)
            for place, node in enumerate(self.nodes):
                kept[place] = node in on_path
        if choice.lines is not None:
            first, last = choice.lines
            inside: dict[int, bool] = {}
            for place, line in enumerate(self.lines()):
                if line not in inside:
                    inside[line] = first <= line <= last
                kept[place] &= inside[line]
        return kept

    def lines(self) -> Iterator[int]:
        """The source line of every node; 0 where none has made it.

        What a `grad` recorded is of its line, and a leaf of the line that binds its name.
        """
        known: dict[int, int] = {}
        bound = self.trace.outcome.names.top.bound_at
        groups = [group for group in self.trace.groups if group.kind == "derivative"]
        for place, node in enumerate(self.nodes):
            span = node.span
            if node.primitive is None:
                span = bound.get(span)
            elif span is None:
                while groups and groups[0].end <= place:
                    groups.pop(0)
                span = groups[0].span if groups else None
            if id(span) not in known:
                known[id(span)] = 0 if span is None else span.line
            yield known[id(span)]

    def _between(self, names: Sequence[str]) -> set[Node]:
        """The nodes on a path from one of `names` to the output."""
        known = {self.labels.name(node) for node in self.nodes} - {""}
        for name in names:
            if name not in known:
                raise UsageError(
                    f"--only {name}: no node of the graph has this name",
                    help=did_you_mean(name, known) or f"there are: {', '.join(sorted(known))}",
                )
        if self.shown is None:
            return set()
        wanted = set(names)
        found: set[Node] = set()
        for node in below(self.shown.output):
            if self.labels.name(node) in wanted or any(p in found for p in node.parents):
                found.add(node)
        return found

    # ── what they say ─────────────────────────────────────────────────────────────────

    def rows(self) -> Iterator[Row]:
        for item in self.items():
            if isinstance(item, NodeItem):
                yield self._node_row(self.nodes[item.place], item.depth)
            elif isinstance(item, GroupItem):
                yield self._group_row(item)
            elif isinstance(item, RoundItem):
                yield self._round_row(item)
            else:
                yield self._event_row(item)

    @cached_property
    def adjoints(self) -> dict[Node, Any]:
        """Of the nodes that have a row, and of the results of folded groups."""
        if self.shown is not None and self.shown.span is not None:
            return self.shown.adjoints(self.visible)
        return self.trace.sweep(self.visible)

    def sweep(self) -> None:
        """Runs the pass that is shown, if it has not run, for what there is to tell of it."""
        _ = self.adjoints

    @cached_property
    def visible(self) -> set[Node]:
        """The nodes that have a row, and the results of folded groups."""
        wanted: set[Node] = set()
        for item in self.items():
            if isinstance(item, NodeItem):
                wanted.add(self.nodes[item.place])
            elif (part := folded(item)) is not None:
                wanted.update(self.results(part))
        return wanted

    def _node_row(self, node: Node, depth: int) -> NodeRow:
        labels, primitive = self.labels, node.primitive
        return NodeRow(
            number=labels.numbers[node],
            label=labels.label(node),
            name=labels.name(node),
            expression=labels.expression(node),
            primitive="" if primitive is None else primitive.name,
            sign="" if primitive is None else primitive.title,
            operands=[] if primitive is None else self._operands(node.args[: operand_count(node)]),
            value=node.value,
            partials=partials(node, labels),
            adjoint=self.adjoints.get(node),
            span=self.span_of(node),
            depth=depth,
            node=node,
        )

    def span_of(self, node: Node) -> Span | None:
        """The source that made a node; of a leaf, where the program binds its name.

        What a `grad` recorded has none, nor has an input that the program never declares.
        """
        if node.primitive is not None:
            span: Span | None = node.span
            return span
        names = self.trace.outcome.names
        known = names.inputs.get(node.span)
        if known is not None and not known.declared:
            return None
        return names.top.bound_at.get(node.span)

    def _operands(self, args: Iterable[Any]) -> list[Operand]:
        numbers, label = self.labels.numbers, self.labels.label
        return [
            Operand(label(arg), numbers[arg] if isinstance(arg, Node) else None, value_of(arg))
            for arg in args
        ]

    def _group_row(self, item: GroupItem) -> GroupRow:
        group = item.group
        return GroupRow(
            kind=group.kind,
            title="loop" if group.kind == "loop" else group.label,
            head=" ".join(group.span.text.split()),
            line=group.span.line,
            span=group.span,
            count=len(group.rounds),
            first=group.start + 1,
            last=group.end,
            opened=item.opened,
            uses=partial(self._used, folded(item)),
            results=self._results(folded(item)),
            depth=item.depth,
        )

    def _round_row(self, item: RoundItem) -> RoundRow:
        group = item.group
        return RoundRow(
            title="iteration" if group.kind == "loop" else group.label,
            number=item.number,
            of=len(group.rounds),
            count=item.count,
            first=item.start + 1,
            last=item.end,
            uses=partial(self._used, folded(item)),
            results=self._results(folded(item)),
            depth=item.depth,
        )

    def _used(self, part: Group | RoundItem | None) -> list[Operand]:
        return [] if part is None else self._operands(self.uses(part))

    def _results(self, part: Group | RoundItem | None) -> list[Result]:
        return [] if part is None else [self._result(node) for node in self.results(part)]

    def _result(self, node: Node) -> Result:
        labels = self.labels
        return Result(
            labels.numbers[node],
            labels.label(node),
            labels.name(node),
            node.value,
            self.adjoints.get(node),
        )

    def uses(self, group: Group | RoundItem) -> list[Node]:
        """The nodes before a group or a round that its nodes are computed from, in order."""
        numbers = self.labels.numbers
        found = {
            arg
            for node in self.nodes[group.start : group.end]
            for arg in node.args
            if isinstance(arg, Node) and numbers[arg] <= group.start
        }
        return sorted(found, key=numbers.__getitem__)

    def results(self, group: Group | RoundItem) -> list[Node]:
        """The nodes of a group or a round that are used after it, in order."""
        used = np.nonzero(self._last_uses[group.start : group.end] >= group.end)[0]
        return [self.nodes[group.start + int(place)] for place in used]

    @cached_property
    def _last_uses(self) -> np.ndarray:
        """For each node of a folded group the place of the last that uses it after the group.

        An output is used at the end.
        """
        numbers = self.labels.numbers
        last = np.full(len(self.nodes), -1)
        parts = (part for part in map(folded, self.items()) if part is not None)
        # What is used after a group is used after the end of the first.
        start = min((part.end for part in parts), default=len(self.nodes))
        for place, node in enumerate(islice(self.nodes, start, None), start):
            for arg in node.args:
                if isinstance(arg, Node):
                    last[numbers[arg] - 1] = place
        outputs = [self.shown.output] if self.shown is not None else []
        outputs += [event.output for event in self.trace.events if isinstance(event, Backward)]
        for node in outputs:
            last[numbers[node] - 1] = len(self.nodes)
        return last

    def _event_row(self, item: EventItem) -> EventRow:
        event = item.event
        sums, cleared = [], []
        if isinstance(event, Backward):
            sums = [
                SumRow(
                    str(self.labels.name(s.target)),
                    self.labels.numbers[s.target],
                    s.total - s.added,
                    s.added,
                    s.total,
                )
                for s in event.sums
            ]
        else:
            cleared = [self.labels.name(target) for target in event.targets]
        text = " ".join(event.span.text.split())
        return EventRow(text, event.span.line, sums, cleared, item.depth, event)
