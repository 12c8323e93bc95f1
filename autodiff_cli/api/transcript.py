"""What has run in a session, as texts: to run again, or as one program that does the same.

In a session a name is differentiated by its last value, in a program by its first. So each value
that a name had before its last one gets a name of its own here, and derivatives agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from autodiff_cli.api.session import Session
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.errors import UsageError
from autodiff_cli.interpreter.builtins import NAMES, RANDOM
from autodiff_cli.interpreter.program import load
from autodiff_cli.language import syntax
from autodiff_cli.language.names import (
    DIFFERENTIATED,
    BuiltIn,
    Scope,
    Variable,
    assigned_name,
    bound_in,
    walk,
)
from autodiff_cli.language.parser import pieces
from autodiff_cli.language.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.language.names import Resolved


@dataclass(slots=True, frozen=True)
class Entry:
    """A text that has run.

    Attributes:
        given: values from outside that were bound to names before.
        changed: of each of its statements, the names that had another value afterwards.
    """

    text: str
    given: Mapping[str, Any] = field(default_factory=dict)
    changed: Sequence[Sequence[str]] = ()


def again(entries: Sequence[Entry], settings: Settings, last: str) -> tuple[Session, list[Entry]]:
    """A session in which these run, and what each of them has changed there.

    Raises as `Session.run`.
    """
    session = Session(settings, last)
    run = []
    for entry in entries:
        changed = session.run(entry.text, entry.given).changed
        run.append(Entry(entry.text, entry.given, changed))
    return session, run


@dataclass(slots=True)
class Written:
    """A program that does what a session has done.

    Attributes:
        inputs: the values of its inputs, those that came from outside.
        is_random: it draws random numbers.
    """

    text: str
    inputs: dict[str, Any]
    is_random: bool


def written(entries: Sequence[Entry], last: str = "", wanted: Collection[str] = ()) -> Written:
    """The program of a session: each name ends with the value, and the derivatives, that it has.

    Args:
        last: the name that every result gets besides.
        wanted: names; what has no part in their values may be left out. All that ran where
            there are none.

    Raises:
        UsageError: a function differentiates by a name that has had several values.
    """
    return _Writer(entries, last, wanted).written()


@dataclass(slots=True)
class _Use:
    """A place that names a variable of the session.

    Attributes:
        kind: `target` is one to differentiate by.
        inside: it is in the body of a function, which runs later.
    """

    name: str
    span: Span
    kind: str
    inside: bool


@dataclass(slots=True)
class _Part:
    """A statement.

    Attributes:
        plain: the names that it binds once, and to its value.
        keeps_last: its value is read by the name that every result gets.
    """

    statement: syntax.Statement
    uses: list[_Use]
    changed: Sequence[str]
    plain: set[str]
    keeps_last: bool = False

    def reads(self, name: str) -> bool:
        return any(use.name == name and use.kind != "write" for use in self.uses)


class _Writer:
    def __init__(self, entries: Sequence[Entry], last: str, wanted: Collection[str]) -> None:
        self._entries = entries
        self._last = last
        self._built_in: set[str] = set()
        self._known: set[str] = set(NAMES)
        self._parts = self._read()
        self._ends_with_last = not wanted and self._ends_without_a_result()
        self._find_lasts(last in wanted or self._ends_with_last)
        self._kept = self._needed(wanted)
        self._current: dict[str, str] = {}
        self._versions: Counter[str] = Counter()
        self._plan()

    # ── what is there ─────────────────────────────────────────────────────────────────

    def _read(self) -> list[list[_Part]]:
        """The statements of every entry, with the variables that they name."""
        scope = Scope(None, None)
        nowhere = Span(Source("", ""), 0, 0)
        entries = []
        for entry in self._entries:
            for name in entry.given:
                scope.bind(name, nowhere)
            parts: list[_Part] = []
            entries.append(parts)
            if not entry.text:
                continue
            names = load(Source("", entry.text), session=scope).resolved
            uses = list(_uses(names))
            self._built_in |= {
                name.name for name, what in names.bindings.items() if isinstance(what, BuiltIn)
            }
            self._known.update(scope.slots, *(each.slots for each in names.scopes.values()))
            for statement, changed in zip(names.tree.body.statements, entry.changed, strict=True):
                span = statement.span
                own = [use for use in uses if span.start <= use.span.start < span.end]
                parts.append(_Part(statement, own, changed, _plain(statement)))
            if self._last and self._last in entry.changed[-1]:
                scope.bind(self._last, nowhere)
        return entries

    def _ends_without_a_result(self) -> bool:
        """Whether what ran last has no result, and something before it has."""
        results = [
            bool(entry.changed) and self._last in entry.changed[-1] for entry in self._entries
        ]
        return any(results) and not results[-1]

    def _find_lasts(self, read: bool) -> None:
        """Finds the results that something reads by the name that all results get."""
        for parts in reversed(self._parts):
            if parts and self._last in parts[-1].changed and self._last not in parts[-1].plain:
                parts[-1].keeps_last, read = read, False
            read = read or any(part.reads(self._last) for part in parts)

    def _needed(self, wanted: Collection[str]) -> list[bool]:
        """Which entries have a part in the values of some names."""
        everything = [True] * len(self._entries)
        if not wanted:
            return everything
        needed = set(wanted)
        kept = [False] * len(self._entries)
        growing = True
        while growing:
            growing = False
            for place, (entry, parts) in enumerate(zip(self._entries, self._parts, strict=True)):
                binds = {use.name for part in parts for use in part.uses if use.kind == "write"}
                binds.update(entry.given)
                if any(part.keeps_last for part in parts):
                    binds.add(self._last)
                if not kept[place] and not needed.isdisjoint(binds):
                    if _hangs_on_more(entry.text):
                        return everything
                    kept[place] = growing = True
                    needed.update(use.name for part in parts for use in part.uses)
        return kept

    # ── what to call it ───────────────────────────────────────────────────────────────

    def _plan(self) -> None:
        """Decides which names are to be called otherwise, and which need a variable besides.

        That is one which holds what the name holds at the time, for functions, which read it
        when they are called, and for loops and branches, which may bind it more than once.
        """
        self._count: Counter[str] = Counter()
        besides: set[str] = set()
        for entry, parts in self._run():
            self._count.update(list(entry.given))
            for part in parts:
                self._count.update(self._changed(part))
        renamed = {name for name, count in self._count.items() if count > 1}
        renamed |= self._built_in & set(self._count)
        for _, parts in self._run():
            for part in parts:
                for use in part.uses:
                    is_late = use.inside and use.name in renamed
                    is_plain = use.kind != "write" or use.name in part.plain
                    if is_late or (not is_plain and self._count[use.name]):
                        besides.add(use.name)
        self._renamed = renamed | besides
        self._besides = {name: self._fresh(f"{name}_", "") for name in sorted(besides)}

    def _run(self) -> Iterator[tuple[Entry, list[_Part]]]:
        for entry, parts, kept in zip(self._entries, self._parts, self._kept, strict=True):
            if kept:
                yield entry, parts

    def _changed(self, part: _Part) -> list[str]:
        """The names that have another value after a statement, in the program."""
        return [name for name in part.changed if name != self._last or self._binds_last(part)]

    def _binds_last(self, part: _Part) -> bool:
        return part.keeps_last or any(
            use.name == self._last and use.kind == "write" for use in part.uses
        )

    def _fresh(self, start: str, end: str) -> str:
        while start + end in self._known:
            start += "_"
        self._known.add(start + end)
        return start + end

    def _next(self, name: str) -> str:
        """What a name's next value is called; its last one has the name itself."""
        self._versions[name] += 1
        version = self._versions[name]
        if name not in self._renamed or (
            version == self._count[name] and name not in self._built_in
        ):
            called = name
        else:
            called = self._fresh(f"{name}_", str(version))
        self._current[name] = called
        return called

    def _now(self, use: _Use) -> str:
        """What a name is called where it is read."""
        name = use.name
        if name not in self._renamed:
            return name
        if use.kind == "target":
            if not use.inside:
                return self._current.get(name) or self._besides[name]
            if self._count[name] > 1:
                raise UsageError(
                    f"a function differentiates by `{name}`, which has had several values",
                    use.span,
                    help="make it a parameter of the function: as a program, this has no such form",
                )
            return name
        return self._besides.get(name) or self._current[name]

    # ── the text ──────────────────────────────────────────────────────────────────────

    def written(self) -> Written:
        inputs: dict[str, Any] = {}
        texts = []
        for entry, parts in self._run():
            declared = _declared(parts)
            for name, value in entry.given.items():
                called = self._next(name)
                inputs[called] = value
                if name not in declared:
                    texts.append(f"input {called}")
                    if name in self._besides:
                        texts.append(f"{self._besides[name]} = {called}")
            edits: list[tuple[int, int, str]] = []
            for part in parts:
                edits += self._edits(part, entry.given)
            texts.append(_edited(entry.text, edits))
        if self._ends_with_last:
            # A program has a result.
            texts.append(self._besides.get(self._last) or self._current[self._last])
        text = "".join(f"{text}\n" for text in texts if text)
        return Written(text, inputs, bool(self._built_in & RANDOM))

    def _edits(self, part: _Part, given: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
        for use in part.uses:
            if use.kind != "write":
                yield use.span.start, use.span.end, self._now(use)
        changed = self._changed(part)
        after = []
        called: dict[str, str] = {}
        for name in changed:
            if name != self._last or not part.keeps_last:
                called[name] = self._next(name)
        for use in part.uses:
            name = use.name
            if use.kind != "write" or name not in self._renamed:
                continue
            if name in part.plain:
                new = called.get(name) or self._current[name]
                after += [f"{self._besides[name]} = {new}"] if name in self._besides else []
            else:
                new = self._besides.get(name, name)
                if name in called:
                    after += [f"{called[name]} = {new}", f"{new} = {called.pop(name)}"]
            yield use.span.start, use.span.end, new
        start, end = part.statement.span.start, part.statement.span.end
        if part.keeps_last:
            result = part.statement
            last = self._next(self._last)
            if isinstance(result, syntax.Assign):
                value = assigned_name(result.targets[-1]).name
                after.append(f"{last} = {self._current.get(value, value)}")
            else:
                yield start, start, f"{last} = "
            if self._last in self._besides:
                after.append(f"{self._besides[self._last]} = {last}")
        for node in walk(part.statement):
            if isinstance(node, syntax.InputItem) and node.name.name in given and node.default:
                # Its value is that from outside.
                yield node.name.span.end, node.default.span.end, ""
        if after:
            yield end, end, "".join(f"; {line}" for line in after)


def _hangs_on_more(text: str) -> bool:
    """Whether what a text does hangs on more than names: random numbers, and `x.grad`."""
    words = [text[start:end] for _, start, end in pieces(text)]
    return not RANDOM.isdisjoint(words) or (".", "grad") in pairwise(words)


def _uses(names: Resolved) -> Iterator[_Use]:
    """The places of a text that name variables of its top level, in no order."""
    targets = set()
    for scope in names.scopes:
        for node in walk(scope.body):
            if isinstance(node, syntax.Attribute) and node.name == "grad":
                targets.add(node.base)
            elif isinstance(node, syntax.Call) and isinstance(node.function, syntax.Name):
                place = DIFFERENTIATED.get(node.function.name)
                built_in = isinstance(names.bindings.get(node.function), BuiltIn)
                if built_in and place is not None and place < len(node.arguments):
                    targets.add(node.arguments[place].value)
    for owner, scope in names.scopes.items():
        depth, out = 0, scope
        while out.parent is not None:
            depth, out = depth + 1, out.parent
        for node in walk(owner.body):
            binding = names.bindings.get(node) if isinstance(node, syntax.Name) else None
            if isinstance(binding, Variable) and binding.depth == depth:
                kind = "target" if node in targets else "read"
                yield _Use(node.name, node.span, kind, depth > 0)
    for name in bound_in(walk(names.tree.body)):
        yield _Use(name.name, name.span, "write", False)


def _plain(statement: syntax.Statement) -> set[str]:
    """The names that a statement binds once, each to a value that is not made of its own."""
    if isinstance(statement, syntax.Input):
        return {item.name.name for item in statement.items}
    if isinstance(statement, syntax.FunctionDefinition):
        return {statement.name.name}
    if not isinstance(statement, syntax.Assign) or statement.operator:
        return set()
    names = [target.name for target in statement.targets if isinstance(target, syntax.Name)]
    within = {name.name for value in statement.values for name in bound_in(walk(value))}
    return {name for name in names if names.count(name) == 1} - within


def _declared(parts: Sequence[_Part]) -> set[str]:
    return {
        item.name.name
        for part in parts
        if isinstance(part.statement, syntax.Input)
        for item in part.statement.items
    }


def _edited(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    pieces = []
    position = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[position:start], new]
        position = end
    return "".join([*pieces, text[position:]])


def literal(value: Any) -> str:  # recurses: an array's axes
    """A number or an array as the language writes it."""
    shape = shape_of(value)
    if 0 in shape:
        return f"zeros([{', '.join(map(str, shape))}])"
    if shape:
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, bool) or getattr(value, "dtype", "") == "bool":
        return "true" if value else "false"
    return repr(float(value))
