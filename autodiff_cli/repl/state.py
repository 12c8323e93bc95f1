"""What a prompt works on: the session, what has run in it, and what can be switched."""

from __future__ import annotations

from time import thread_time
from typing import TYPE_CHECKING, Any, TypeVar

from autodiff_cli.api.session import Session
from autodiff_cli.api.transcript import Entry, Written, again, literal, written
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import UsageError, did_you_mean
from autodiff_cli.interpreter.values import is_number
from autodiff_cli.language import syntax
from autodiff_cli.language.names import walk
from autodiff_cli.language.parser import parse
from autodiff_cli.language.source import Source
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from autodiff_cli.api.session import Reply
    from autodiff_cli.explain.evaluation import Evaluation, Question
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.repl.worker import Worker

    Result = TypeVar("Result")

LAST = "_"
"""The name of the last result."""


class State:
    """A session with what has run in it.

    Args:
        worker: beside which a long run can be stopped; None where it may stop everything.

    Attributes:
        session: another one after an `undo`, a `set`, a `reset`.
        cost: seconds of the processor that the last text took, without what was loaded for it.
        digits: significant digits to show; None for all.
        form: the format to show results in.
        auto: derivatives are shown by themselves.
        preview: what stands at the prompt is evaluated as it is typed.
        keys: those of `vi` or of `emacs`.
    """

    def __init__(self, settings: Settings, worker: Worker | None = None) -> None:
        self.session = Session(settings, LAST)
        self.entries: list[Entry] = []
        self.cost = 0.0
        self.digits: int | None = None
        self.form = "auto"
        self.auto = True
        self.preview = True
        self.keys = "emacs"
        self._steps: list[list[Entry] | None] = []
        """Of each thing that was done, what had run before; None where it added one entry."""
        self._worker = worker

    def run(self, text: str, given: Mapping[str, Any] | None = None) -> Reply:
        """Runs a text; raises as `Session.run`."""
        given = given or {}
        before = self.session.reply

        def work() -> Reply:
            begun = thread_time()
            try:
                return self.session.run(text, given)
            finally:
                self.cost = thread_time() - begun

        try:
            reply = self._call(work)
        except KeyboardInterrupt:
            # It may have come to its end before it was stopped.
            reply = self.session.reply
            if reply is before:
                raise
        self.entries.append(Entry(text, given, reply.changed))
        self._steps.append(None)
        return reply

    def evaluate(
        self,
        output: str,
        wrt: Sequence[str] | None = None,
        question: Question | None = None,
    ) -> Evaluation:
        """Raises as `Session.evaluate`."""
        return self._call(lambda: self.session.evaluate(output, wrt, question).evaluation)

    def made_of(self, output: str) -> list[str]:
        return self._call(lambda: self.session.made_of(output))

    # ── back, and again ───────────────────────────────────────────────────────────────

    def undo(self) -> None:
        """Takes back what was done last.

        Raises:
            UsageError: nothing was done.
        """
        if not self._steps:
            raise UsageError("there is nothing to undo")
        before = self._steps[-1]
        self._replace(self.entries[:-1] if before is None else before)
        self._steps.pop()

    def replace(self, entries: Sequence[Entry]) -> None:
        """Runs other entries in place of those that have run; raises as `Session.run`."""
        before = self.entries
        self._replace(entries)
        self._steps.append(before)

    def _replace(self, entries: Sequence[Entry]) -> None:
        settings = self.session.settings
        quiet = replace(settings, on_print=lambda text: None)

        def work() -> tuple[Session, list[Entry]]:
            return again(entries, quiet, LAST)

        if self._worker is None:
            session, run = work()
        else:
            session, run = self._worker.call(work, lambda: None)
        session.settings = settings
        self.session, self.entries = session, run

    def set(self, name: str, text: str, value: Any = None) -> list[str]:
        """Gives a name another value where it got its first one, and runs all again.

        What only gave it others since is left out, so that all that is made of it follows; where
        something else happened there too, it is the last one that is another.

        Args:
            text: an expression; where it is empty, `value` is the value. In terms of the name
                itself, it is of the value that the name has now.

        Returns:
            The names that have another value now, the one that was set first.

        Raises:
            UsageError: there is no such name; and as `Session.run`.
        """
        places = [
            place
            for place, entry in enumerate(self.entries)
            if name in entry.given or any(name in changed for changed in entry.changed)
        ]
        if not places:
            raise UsageError(
                f"there is no name `{name}` to set",
                help=did_you_mean(name, self.session.names) or f"bind it: {name} = …",
                kind="name",
            )
        before = self.session
        first, *later = places
        if text and (_reads(text, name) or name in self.entries[first].given):
            text, value = "", self._call(lambda: self.session.evaluate(text, [])).value
        entries = list(self.entries)
        if all(_changes_only(entries[place], name) for place in later):
            entries[first] = _with(entries[first], name, text, value)
            entries = [each for place, each in enumerate(entries) if place not in later]
        else:
            entries[later[-1]] = _with(entries[later[-1]], name, text, value)
        self.replace(entries)
        return [
            each
            for each in dict.fromkeys([name, *self.session.names])
            if each != LAST and not _is_same(before, self.session, each)
        ]

    def program(self, wanted: Collection[str] = ()) -> Written:
        """The session as a program; raises as `transcript.written`."""
        return written(self.entries, LAST, wanted)

    def _call(self, work: Callable[[], Result]) -> Result:
        if self._worker is None:
            return work()
        return self._worker.call(work, self.session.abandon)


def _reads(text: str, name: str) -> bool:
    """Whether an expression is in terms of a name."""
    nodes = walk(parse(Source("", text)).body)
    return any(isinstance(node, syntax.Name) and node.name == name for node in nodes)


def _changes_only(entry: Entry, name: str) -> bool:
    """Whether an entry gives no other name a value."""
    changed = {*entry.given, *(each for names in entry.changed for each in names)}
    return changed <= {name, LAST}


def _is_same(one: Session, other: Session, name: str) -> bool:
    """Whether a name holds the same number, or the same array, in two sessions."""
    if name not in one:
        return False
    old, new = one[name], other[name]
    if not (is_number(old) and is_number(new)):
        return callable(old) == callable(new)
    if shape_of(old) != shape_of(new):
        return False
    same = (old == new) | ((old != old) & (new != new))
    return bool(same.all()) if shape_of(old) else bool(same)


def _with(entry: Entry, name: str, text: str, value: Any) -> Entry:
    """An entry in which a name ends with another value."""
    given = {other: each for other, each in entry.given.items() if other != name}
    if not any(name in changed for changed in entry.changed):
        return Entry(entry.text, {**given, name: value})
    text = text or literal(value)
    statements = parse(Source("", entry.text)).body.statements
    bindings = zip(statements, entry.changed, strict=True)
    statement = [statement for statement, changed in bindings if name in changed][-1]
    start = end = statement.span.end
    new = f"; {name} = {text}"
    if (
        isinstance(statement, syntax.Assign)
        and not statement.operator
        and [type(target) for target in statement.targets] == [syntax.Name]
    ):
        start, end = statement.values[0].span.start, statement.values[-1].span.end
        new = text
    for node in walk(statement):
        if isinstance(node, syntax.InputItem) and node.name.name == name:
            start, end = node.name.span.end, (node.default or node.name).span.end
            new = f" = {text}"
    return Entry(entry.text[:start] + new + entry.text[end:], given)
