"""What a run did beside its graph: its loops and calls as groups of nodes, its `backward`s.

Only a run that is to be explained keeps a journal. A group holds positions in the list of nodes
and no nodes, so that it costs little however much ran in it; what the run decided is a number
for each time that a condition was asked.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from autodiff_cli.engine.graph import Graph, Node
    from autodiff_cli.language import syntax
    from autodiff_cli.language.source import Span

GroupKind = Literal["loop", "call", "derivative"]


class Group:
    """The nodes of a loop, of calls one after another from one place, or of a `grad`.

    Attributes:
        kind: `derivative` is a `grad`, `jacobian` or `hessian`, which records its sweep.
        label: the head of the loop, or the name of the function.
        span: the head of the loop, or the call.
        start, end: its nodes are `graph.nodes[start:end]`.
        rounds: where each iteration, or each call, begins; what decides on an iteration is its.
        over: of a loop, where the last iteration ends; what comes after decided to end it.
        result: of calls, the value of the last: a node, or a plain value.
    """

    __slots__ = ("end", "kind", "label", "over", "result", "rounds", "span", "start")

    def __init__(self, kind: GroupKind, label: str, span: Span, start: int) -> None:
        self.kind = kind
        self.label = label
        self.span = span
        self.start = start
        self.end = start
        self.over = start
        self.rounds = array("q")
        self.result: Any = None


@dataclass(slots=True)
class Sum:
    """One name's accumulated gradient when a `backward` had added to it."""

    target: Node
    added: Any
    total: Any


@dataclass(slots=True)
class Backward:
    """A `backward` of the program.

    Attributes:
        at: how many nodes had been recorded.
        within: the groups that it ran in, outer ones first, each with the round, from 1.
        seed: the cotangent of `output`.
        sums: of each name that it reached.
    """

    at: int
    within: list[tuple[Group, int]]
    span: Span
    output: Node
    seed: Any
    sums: list[Sum]


@dataclass(slots=True)
class Cleared:
    """A `zero_grad` of the program."""

    at: int
    within: list[tuple[Group, int]]
    span: Span
    targets: list[Node]


class Journal:
    """Written while a program runs.

    Attributes:
        groups: those that hold nodes, an outer one before those in it.
        passes: every `backward` and `zero_grad`, in order.
        ran: the blocks that ran: branches, bodies of loops and of functions.
        values: what each operand of a condition was when it was last evaluated.
    """

    def __init__(self, graph: Graph) -> None:
        self.groups: list[Group] = []
        self.passes: list[Backward | Cleared] = []
        self.ran: set[syntax.Block] = set()
        self.values: dict[Any, Any] = {}
        self._asked: dict[Any, int] = {}
        """The conditions in the order in which they were first asked, with their numbers."""
        self._decided = array("q")
        """Of every decision, the number of its condition, twice, and 1 more where it held."""
        self._nodes = graph.nodes
        self._open: list[tuple[Group, int]] = []
        """The groups that run, each with its place among `groups`."""
        self._last_call: Group | None = None

    def enter(self, kind: GroupKind, label: str, span: Span) -> None:
        now = len(self._nodes)
        last = self._last_call
        if (
            kind == "call"
            and last is not None
            and last.span is span
            and last.end == now
            and self._same_round(last)
        ):
            # Called again from the same place, with nothing between: `map(f, x)`.
            group = last
            self._open.append((group, len(self.groups)))
        else:
            group = Group(kind, label, span, now)
            self._open.append((group, len(self.groups)))
            self.groups.append(group)
        if kind != "loop":
            group.rounds.append(now)

    def _same_round(self, last: Group) -> bool:
        """Whether the round of the group that is open had begun when `last` did."""
        if not self._open:
            return True
        rounds = self._open[-1][0].rounds
        return not rounds or rounds[-1] <= last.start

    def next_round(self) -> None:
        """An iteration of the innermost loop begins."""
        group, _ = self._open[-1]
        group.rounds.append(group.over)

    def round_over(self) -> None:
        """That iteration has ended, or what a `for` goes through is there."""
        self._open[-1][0].over = len(self._nodes)

    def leave(self, result: Any = None) -> None:
        """The innermost group has ended; a call's with its `result`."""
        group, place = self._open.pop()
        group.result = result
        group.end = len(self._nodes)
        if group.kind != "loop":
            group.over = group.end
        if group.end == group.start:
            # Whatever is in it is as empty.
            del self.groups[place:]
        elif group.kind == "call":
            self._last_call = group

    def mark(self) -> tuple[int, Group | None]:
        """Where it is now, for `forget`; what comes next is no part of the last call's group."""
        last, self._last_call = self._last_call, None
        return len(self.groups), last

    def forget(self, mark: tuple[int, Group | None]) -> None:
        """Drops the groups since a `mark`, whose nodes are dropped too."""
        count, self._last_call = mark
        del self.groups[count:]

    def backward(
        self, span: Span, output: Node, seed: Any, sums: list[tuple[Node, Any, Any]]
    ) -> None:
        """`sums` are of each name that it reached: its node, what was added, and the total."""
        reached = [Sum(*each) for each in sums]
        self.passes.append(Backward(len(self._nodes), self._around(), span, output, seed, reached))

    def cleared(self, span: Span, targets: list[Node]) -> None:
        self.passes.append(Cleared(len(self._nodes), self._around(), span, targets))

    def decided(self, condition: Any, holds: bool) -> None:
        number = self._asked.setdefault(condition, len(self._asked))
        self._decided.append(2 * number + holds)

    @property
    def decisions(self) -> list[tuple[Any, bool]]:
        """Every condition that was asked, in order, and whether it held."""
        conditions = list(self._asked)
        return [(conditions[code >> 1], bool(code & 1)) for code in self._decided]

    @property
    def answers(self) -> dict[Any, Counter[bool]]:
        """Of each condition that was asked, how often it held, and how often it did not."""
        conditions = list(self._asked)
        answers: dict[Any, Counter[bool]] = {}
        for code, count in Counter(self._decided).items():
            answers.setdefault(conditions[code >> 1], Counter())[bool(code & 1)] = count
        return answers

    def _around(self) -> list[tuple[Group, int]]:
        return [(group, len(group.rounds)) for group, _ in self._open]
