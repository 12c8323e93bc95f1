"""One trace as far as it was asked for: which rows it has, and what those look up."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine.graph import Node, below
from autodiff_cli.errors import UsageError, did_you_mean
from autodiff_cli.interpreter.journal import Backward
from autodiff_cli.report.trace.labels import Labels
from autodiff_cli.report.trace.rows import ManyRow, NodeRow
from autodiff_cli.report.trace.structure import EVERYTHING, ROWS, deepest, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.explain.tracing import Pass, Trace
    from autodiff_cli.report.trace.rows import Row


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
        self.depth = deepest(self, ROWS, EVERYTHING) if choice.depth is None else choice.depth

    def _last_backward(self) -> Pass | None:
        for event in reversed(self.trace.events):
            if isinstance(event, Backward):
                return self.trace.pass_of(event)
        return None

    # ── which rows ────────────────────────────────────────────────────────────────────

    def rows(self) -> Iterator[Row]:
        around: ManyRow | None = None
        for row in rows(self, self.depth, self.choice.rounds):
            while around is not None and around.depth >= row.depth:
                around = around.around
            row.around = around
            yield row
            if isinstance(row, ManyRow) and row.opened:
                around = row

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

    # ── what they look up ───────────────────────────────────────────────────────────────

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
        wanted = {row.node for row in self.rows() if isinstance(row, NodeRow)}
        return wanted.union(result.node for fold in self.folds for result in fold.results)

    @cached_property
    def folds(self) -> list[ManyRow]:
        """The rows that many nodes are folded into."""
        return [row for row in self.rows() if isinstance(row, ManyRow) and not row.opened]

    def fold_of(self, node: Node) -> ManyRow | None:
        """The row that a node is folded into."""
        place = self.labels.numbers[node] - 1
        position = bisect_right(self.folds, place, key=attrgetter("start")) - 1
        if position < 0 or self.folds[position].end <= place:
            return None
        return self.folds[position]

    @cached_property
    def last_uses(self) -> np.ndarray:
        """For each node of a folded group the place of the last that uses it after the group.

        An output is used at the end.
        """
        numbers = self.labels.numbers
        last = np.full(len(self.nodes), -1)
        # What is used after a group is used after the end of the first.
        start = min((fold.end for fold in self.folds), default=len(self.nodes))
        for place, node in enumerate(islice(self.nodes, start, None), start):
            for arg in node.args:
                if isinstance(arg, Node):
                    last[numbers[arg] - 1] = place
        outputs = [self.shown.output] if self.shown is not None else []
        outputs += [event.output for event in self.trace.events if isinstance(event, Backward)]
        for node in outputs:
            last[numbers[node] - 1] = len(self.nodes)
        return last
