"""Statements one by one, over one graph that grows.

Every name that is bound at the top can be differentiated by, later. A statement that fails
leaves all as it was. Nodes are held by what is made of them and by the names, and by nothing
else: what no name can reach any more is gone.
"""

from __future__ import annotations

import os
from collections import ChainMap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autodiff_cli.api.notebook import annotate
from autodiff_cli.api.results import Result
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.memory import exhausted
from autodiff_cli.engine.primitive import plain, shape_of
from autodiff_cli.engine.surroundings import Randomness
from autodiff_cli.engine.sweeps import clear
from autodiff_cli.errors import (
    AdiffError,
    RunError,
    TypeMismatch,
    UsageError,
    did_you_mean,
)
from autodiff_cli.explain.evaluation import Question, answer, asked
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import Outcome
from autodiff_cli.interpreter.statements import StatementLowering
from autodiff_cli.interpreter.values import (
    NOTHING,
    RECORD,
    RUN,
    UNSET,
    Frame,
    UserFunction,
    describe_value,
    is_boolean,
    is_number,
)
from autodiff_cli.interpreter.whereabouts import frames_below, place
from autodiff_cli.language import syntax
from autodiff_cli.language.names import HEAD, Scope, assigned_name, bound_in, walk
from autodiff_cli.language.source import Source
from autodiff_cli.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.errors import Finding
    from autodiff_cli.explain.evaluation import Evaluation
    from autodiff_cli.interpreter.machine import Limits
    from autodiff_cli.interpreter.program import Program


FEW = 2_000
"""Nodes that are not worth looking through for what can be dropped."""


@record
class Reply:
    """What a text of a session has given.

    Attributes:
        values: what its last statement is worth, by the names that it binds, or as `result`;
            empty where it is worth nothing. A function's is a function.
        warnings: what there is to tell of the derivatives that it took on its way.
        stale: the names that it has bound anew, each with those that still hold what was made
            of the value before.
        changed: of each of its statements, the names that have another value since.
    """

    values: dict[str, Any]
    warnings: list[Finding]
    stale: dict[str, list[str]]
    changed: list[list[str]]


class Session:
    """Statements one by one; each sees the names that those before it have bound.

    A name that gets a value is a new leaf for what comes after, or, where the value is made of
    other names, a node of its own: `x = 3`, `y = x^2`, and then the gradient of `y` by `x`. A
    whole number that is bound counts and indexes as before; one that a float does not hold
    exactly stays a whole number, and is not differentiated by.

    Args:
        settings: precision, seed, where `print` goes (to Python's own, if they are left out),
            and limits, which each text has for itself.
        last: the name that every result gets besides; none where it is empty.

    Attributes:
        settings: with a seed, so that what has run can run again.
        reply: the last one.
    """

    def __init__(self, settings: Settings | None = None, last: str = "") -> None:
        self.settings = settings or Settings(on_print=print)
        if self.settings.seed is None:
            self.settings = replace(self.settings, seed=int.from_bytes(os.urandom(6), "big"))
        self.last = last
        self._scope = Scope(None, None)
        self._frame: Frame = [None] * HEAD
        self._randomness = Randomness(self.settings.seed)
        self._accumulated: dict[Node, Any] = {}
        self._marks: dict[Node, str] = {}
        """The nodes that names are differentiated by: nobody can ask for any other's."""
        self._texts = 0
        self._kept = 0
        self._new = 0
        """Nodes that were left when it was last looked through for them, and recorded since."""
        self._made_of: dict[str, set[str]] = {}
        self._makes: dict[str, set[str]] = {}
        """The names that each name's value was made of, and those that were made of it."""
        self._running: tuple[_Change, Machine | None] | None = None
        self.reply = Reply({}, [], {}, [])

    def run(self, text: str, given: Mapping[str, Any] | None = None) -> Reply:
        """Runs one statement or several.

        Args:
            given: numbers and arrays that are bound to names before.

        Raises:
            ProgramError, RunError: the text is wrong, or it failed; all is as it was before.
            UsageError: what is given is no name, or no number.
        """
        change = _Change(self)
        reply = Reply({}, [], {}, [])
        made: list[tuple[syntax.Statement, list[str]]] = []
        try:
            for name, value in (given or {}).items():
                made.append((self._define(name, value, change), [name]))
                reply.values = {name: self[name]}
            if text:
                self._texts += 1
                program = self._load(text, f"<{self._texts}>")
                with self._machine() as machine:
                    self._running = change, machine
                    reply.changed = self._run(program, machine, change, reply, set(given or ()))
                made += zip(program.resolved.tree.body.statements, reply.changed, strict=True)
        except BaseException as error:
            change.undo()
            raise _told(error) from None
        for statement, changed in made:
            self._make(statement, changed, reply)
        reply.stale = {name: others for name, others in reply.stale.items() if others}
        self._running, self.reply = None, reply
        return reply

    def define(self, name: str, value: Any) -> None:
        """Binds a name to a number or an array, as `name = …` does.

        Raises:
            UsageError: it is no name; TypeMismatch: it is no number.
        """
        self.run("", {name: value})

    def abandon(self) -> None:
        """Gives up a text that another thread runs and that does not let itself be stopped.

        All is as it was before, and that thread can change nothing here any more.
        """
        if self._running is None:
            return
        change, machine = self._running
        if machine is not None:
            machine.abandoned = True
            for nodes in list(machine.sweeping):
                clear(nodes)
        change.undo()
        self._frame[RUN] = self._frame[RECORD] = None

    def evaluate(
        self,
        output: str,
        wrt: Sequence[str] | None = None,
        question: Question | None = None,
    ) -> Result:
        """The value and the derivatives of an expression, which changes nothing.

        Args:
            output: an expression; the text of it is what the result is called.
            wrt: the names to differentiate by; all leaves that it was made of where it is None.

        Raises:
            UsageError: there is no such name; and as `run` and `evaluation.evaluate`.
        """
        question = question or Question()
        with self._looked_at(output, asked(self.settings, question)) as (program, machine, value):
            targets = self._targets(value, wrt)
            return Result(self._answer(program, machine, output, value, targets, question))

    def peek(self, output: str, limits: Limits) -> Evaluation:
        """The value of an expression, and its gradient if that is a single number's.

        Raises as `evaluate`, and a `RunError` where anything is printed or random.
        """
        settings = replace(self.settings, limits=limits, on_print=_refuse)
        with self._looked_at(output, settings, Untouched()) as (program, machine, value):
            targets = {} if shape_of(value_of(value)) else self._targets(value, None)
            return self._answer(program, machine, output, value, targets, Question())

    @contextmanager
    def _looked_at(
        self, output: str, settings: Settings, randomness: Randomness | None = None
    ) -> Iterator[tuple[Program, Machine, Any]]:
        """Evaluates an expression; when it is left, nothing has changed."""
        change = _Change(self)
        try:
            program = self._load(output)
            with self._machine(settings) as machine:
                self._running = change, machine
                if randomness is not None:
                    machine.randomness = randomness
                yield program, machine, self._value(program, machine, change)
        except BaseException as error:
            raise _told(error) from None
        finally:
            change.undo()

    def _answer(
        self,
        program: Program,
        machine: Machine,
        output: str,
        value: Any,
        targets: Mapping[str, Node],
        question: Question,
    ) -> Evaluation:
        if not is_number(value_of(value)):
            raise TypeMismatch(
                f"got {describe_value(value)}, want a number or an array",
                program.resolved.tree.span,
                help="differentiate the value of a function: `f(x)`"
                if isinstance(value, UserFunction)
                else "",
            )
        if isinstance(value, Node):
            nodes = machine.graph.nodes = below(value)
            machine.graph.leaves = sum(node.primitive is None for node in nodes)
        name = " ".join(output.split())
        outcome = Outcome(program, {name: value}, dict(targets), machine, is_whole=False)
        (evaluation,) = answer(outcome, question)
        return evaluation

    def made_of(self, output: str) -> list[str]:
        """The names that `evaluate` differentiates an expression by, where nobody says.

        Raises as `run`.
        """
        with self._looked_at(output, self.settings) as (_, _, value):
            return list(self._targets(value, None))

    def __getitem__(self, name: str) -> Any:
        """The value of a name; KeyError where it has none."""
        value = self._frame[self._scope.slots[name]]
        if value is UNSET:
            raise KeyError(name)
        return plain(value_of(value))

    def __contains__(self, name: object) -> bool:
        return name in self._scope.slots and (
            self._frame[self._scope.slots[str(name)]] is not UNSET
        )

    @property
    def names(self) -> list[str]:
        """The names that have a value, in the order in which they first got one."""
        return [name for name in self._scope.slots if name in self]

    def nodes(self) -> int:
        """How many nodes the names can reach. It takes a walk through all of them."""
        return len(below(*self._nodes()))

    def bytes(self) -> int:
        """How much the arrays take that the names can reach, as values or as operands."""
        held = {id(value): value for value in map(value_of, self._frame[HEAD:])}
        for node in below(*self._nodes()):
            held.update((id(value), value) for value in map(value_of, (node, *node.args)))
        return sum(getattr(value, "nbytes", 0) for value in held.values())

    def most_below(self, name: str, most: int) -> int:
        """How many nodes a name's value was made of; more than `most` are not counted on."""
        value = self._frame[self._scope.slots[name]]
        seen = {value} if isinstance(value, Node) else set()
        pending = list(seen)
        while pending and len(seen) <= most:
            for parent in pending.pop().parents:
                if parent not in seen:
                    seen.add(parent)
                    pending.append(parent)
        return len(seen)

    # ── one text ──────────────────────────────────────────────────────────────────────

    def _load(self, text: str, name: str = "<expression>") -> Program:
        self._scope.differentiated.clear()
        program = load(Source(name, text), self.settings.limits, self._scope)
        for name in self._scope.differentiated.union(self._bound(program.resolved.tree.body)):
            self._scope.make_target(name)
        self._frame += [UNSET] * (self._scope.size - len(self._frame))
        return program

    def _machine(self, settings: Settings | None = None) -> _Run:
        machine = Machine(settings or self.settings)
        machine.randomness = self._randomness
        machine.accumulated = ChainMap({}, self._accumulated)
        return _Run(machine, self._frame)

    def _define(self, name: str, value: Any, change: _Change) -> syntax.Statement:
        program = self._load(f"{name} = 0")
        statement = program.resolved.tree.body.statements[0]
        if set(self._bound(statement)) != {name}:
            raise UsageError(f"got {name!r}, want a name", kind="input")
        with self._machine() as machine:
            before = self._before([name], change)
            boolean = is_boolean(value)
            self._frame[self._scope.slots[name]] = (
                value if boolean else machine.as_float(value, name)
            )
            self._mark(machine, before, change)
        return statement

    def _run(
        self,
        program: Program,
        machine: Machine,
        change: _Change,
        reply: Reply,
        given: set[str],
    ) -> list[list[str]]:
        """Runs the statements; gives the names that each has given another value."""
        value: Any = NOTHING
        statements = program.resolved.tree.body.statements
        lowering = StatementLowering(program, self._scope, self.settings.single)
        changed = []
        for statement in statements:
            before = self._before(self._bound(statement), change)
            if isinstance(statement, syntax.Input):
                # What a name of the session holds is not given to a program that runs in it.
                for name in before.keys() - given:
                    self._frame[self._scope.slots[name]] = UNSET
            body = lowering.tail(syntax.Block(statement.span, (statement,)))
            value = body(self._frame)
            changed.append(self._mark(machine, before, change))
            machine.check_nodes()
        last = statements[-1]
        results = {}
        if isinstance(last, syntax.Assign):
            for target in last.targets:
                name = assigned_name(target).name
                results[name] = self._frame[self._scope.slots[name]]
        elif value is not NOTHING:
            results["result"] = value
        if self.last and len(results) == 1 and self.last not in results:
            (value,) = results.values()
            changed[-1] += self._keep_last(machine, value, last, change)
        reply.values = {name: plain(value_of(value)) for name, value in results.items()}
        reply.warnings = _findings(machine)
        self._keep(machine)
        self._new += len(machine.graph.nodes)
        if self._new > max(FEW, self._kept):
            self.drop()
        return changed

    def _keep_last(
        self, machine: Machine, value: Any, statement: syntax.Statement, change: _Change
    ) -> list[str]:
        """The result gets the name that all results get."""
        scope, name = self._scope, self.last
        scope.bind(name, statement.span)
        scope.make_target(name)
        self._frame += [UNSET] * (scope.size - len(self._frame))
        before = self._before([name], change)
        self._frame[scope.slots[name]] = value
        return self._mark(machine, before, change)

    def _make(self, statement: syntax.Statement, changed: Sequence[str], reply: Reply) -> None:
        """Takes down what the names that a statement has changed are made of."""
        if not changed:
            return
        slots = self._scope.slots
        read = {node.name for node in walk(statement) if isinstance(node, syntax.Name)}
        for name in changed:
            made = self._makes.pop(name, set()).difference(changed, (self.last,))
            if made:
                reply.stale[name] = sorted(made, key=slots.__getitem__)
            for stale in reply.stale.values():
                if name in stale:
                    stale.remove(name)
            for other in self._made_of.pop(name, ()):
                self._makes.get(other, set()).discard(name)
        for name in changed:
            others = {other for other in read if other in slots}.difference(changed)
            self._made_of[name] = others
            for other in others:
                self._makes.setdefault(other, set()).add(name)

    def _before(self, names: Sequence[str], change: _Change) -> dict[str, Any]:
        """What some names hold that may get another value."""
        for name in names:
            change.before(name)
        return {name: self._frame[self._scope.slots[name]] for name in names}

    def _value(self, program: Program, machine: Machine, change: _Change) -> Any:
        """What an expression is worth."""
        statements = program.resolved.tree.body.statements
        (statement,) = statements if len(statements) == 1 else (None,)
        if not isinstance(statement, syntax.Evaluate):
            raise UsageError(
                "got statements, want one expression to differentiate", program.resolved.tree.span
            )
        for name in self._bound(statement):
            change.before(name)
        lowering = StatementLowering(program, self._scope, self.settings.single)
        return lowering.expression(statement.value)(self._frame)

    def _bound(self, part: Any) -> list[str]:
        return list(dict.fromkeys(name.name for name in bound_in(walk(part))))

    def _targets(self, value: Any, wrt: Sequence[str] | None) -> dict[str, Node]:
        """The node of each name to differentiate by."""
        scope, frame = self._scope, self._frame
        if wrt is None:
            _, first = self._active(below(value) if isinstance(value, Node) else [])
            return {self._marks[node]: node for node in first}
        targets = {}
        for name in wrt:
            node = frame[scope.targets[name]] if name in scope.targets else UNSET
            if not isinstance(node, Node):
                holds = "has no value" if name not in self else "holds no float"
                raise UsageError(
                    f"`{name}` {holds}, want a name to differentiate by",
                    help=did_you_mean(name, [n for n in self.names if n != name]),
                    kind="wrt",
                )
            targets[name] = node
        return targets

    def _mark(self, machine: Machine, before: Mapping[str, Any], change: _Change) -> list[str]:
        """Makes a node of its own of each name that a statement has given another value.

        Gives those names; `before` has what they held.
        """
        scope, frame = self._scope, self._frame
        new = [
            name for name in before if frame[scope.slots[name]] is not frame[scope.targets[name]]
        ]
        for name in new:
            change.unmark(frame[scope.targets[name]])
        for name in new:
            value = frame[scope.slots[name]]
            node: Any = UNSET
            if isinstance(value, Node) and self._reaches_a_mark(value):
                node = machine.mark(name, value)
                if not node.place:
                    node.span = scope.bound_at[name]
            elif _is_differentiable(value_of(value)):
                node = machine.mark(name, value_of(value))
            if node is not UNSET:
                frame[scope.slots[name]] = node
            frame[scope.targets[name]] = node
        for name in before:
            change.mark(frame[scope.targets[name]], name)
        return [name for name, value in before.items() if frame[scope.slots[name]] is not value]

    def _reaches_a_mark(self, value: Node) -> bool:
        """Whether a value depends on a name that there is; else it is a number from here on."""
        seen = {value}
        pending = [value]
        while pending:
            node = pending.pop()
            if node in self._marks:
                return True
            for parent in node.parents:
                if parent not in seen:
                    seen.add(parent)
                    pending.append(parent)
        return False

    def _nodes(self) -> list[Node]:
        return [value for value in self._frame[HEAD:] if isinstance(value, Node)]

    def _active(self, order: Sequence[Node]) -> tuple[set[Node], list[Node]]:
        """Those nodes that depend on a name, and those that are a name's and on no other's."""
        active: set[Node] = set()
        first = []
        for node in order:
            if not active.isdisjoint(node.parents):
                active.add(node)
            elif node in self._marks:
                active.add(node)
                first.append(node)
        return active, first

    def drop(self) -> None:
        """Makes leaves and constants of what depends on names that were bound anew since.

        Nobody can ask for a derivative by those. It is done as often as the graph has doubled,
        so that it costs each statement no more than the statement itself.
        """
        order = below(*self._nodes())
        active, first = self._active(order)
        for node in first:
            node.primitive, node.args, node.span = None, (), self._marks[node]
        for node in active:
            node.args = tuple(
                [
                    value_of(arg) if isinstance(arg, Node) and arg not in active else arg
                    for arg in node.args
                ]
            )
        self._kept, self._new = len(active), 0

    def _keep(self, machine: Machine) -> None:
        """What a text has accumulated is the session's, for the names that there are."""
        assert isinstance(machine.accumulated, ChainMap)
        for node, total in machine.accumulated.maps[0].items():
            if node in self._marks:
                self._accumulated[node] = total


class Untouched(Randomness):
    """Where no random numbers are to be had."""

    __slots__ = ()

    def draw(self, method: str, *args: Any) -> Any:
        raise RunError("got a random number, want none here")


def _refuse(text: str) -> None:
    raise RunError("got something to print, want nothing here")


class _Run:
    """While it is open, a session's frame is that of a machine; which then lets go of its nodes."""

    def __init__(self, machine: Machine, frame: Frame) -> None:
        self._machine = machine
        self._frame = frame
        self._open = machine.open()

    def __enter__(self) -> Machine:
        self._open.__enter__()
        self._frame[RUN] = self._machine
        self._frame[RECORD] = self._machine.graph.nodes.append
        return self._machine

    def __exit__(self, *_: object) -> None:
        if self._frame[RUN] is self._machine:
            self._frame[RUN] = self._frame[RECORD] = None
        # A function that was made in a function holds on to the machine, and so to its graph.
        self._machine.graph.number()
        self._machine.graph.nodes = []
        self._machine.journal = None
        self._open.__exit__(None)  # the session goes on, and its garbage is collected


class _Change:
    """What a text changes of a session, so that it can be undone; it costs what the text does."""

    def __init__(self, session: Session) -> None:
        self._session = session
        scope = session._scope
        self._sizes = len(scope.slots), len(scope.bound_at), len(scope.targets)
        self._frame_size = len(session._frame)
        self._values: dict[int, Any] = {}
        self._marked: list[Node] = []
        self._unmarked: dict[Node, tuple[str, Any]] = {}
        self._is_undone = False
        session._randomness.keep()
        session._running = self, None

    def before(self, name: str) -> None:
        """Remembers a name that may get another value."""
        scope, frame = self._session._scope, self._session._frame
        for slot in (scope.slots[name], scope.targets[name]):
            self._values.setdefault(slot, frame[slot])

    def mark(self, node: Any, name: str) -> None:
        """A node is that of a name from here on."""
        if isinstance(node, Node) and node not in self._session._marks:
            self._session._marks[node] = name
            self._marked.append(node)

    def unmark(self, node: Any) -> None:
        """A node is no name's any more; nobody can read what has accumulated for it."""
        session = self._session
        if node in session._marks:
            self._unmarked[node] = session._marks.pop(node), session._accumulated.pop(node, None)

    def undo(self) -> None:
        """It is done once, by the thread that runs, or by the one that gives it up."""
        if self._is_undone:
            return
        self._is_undone = True
        session = self._session
        session._running = None
        scope, frame = session._scope, session._frame
        for slot, value in self._values.items():
            frame[slot] = value
        del frame[self._frame_size :]
        tables: tuple[dict[str, Any], ...] = scope.slots, scope.bound_at, scope.targets
        for table, size in zip(tables, self._sizes, strict=True):
            while len(table) > size:
                table.popitem()
        for node in self._marked:
            session._marks.pop(node, None)
        for node, (name, total) in self._unmarked.items():
            session._marks[node] = name
            if total is not None:
                session._accumulated[node] = total
        session._randomness.restore()


def _told(error: BaseException) -> BaseException:
    """An error as a session raises it."""
    if isinstance(error, MemoryError):
        failure = exhausted()
        place(failure, frames_below(error.__traceback__))
        return failure
    if isinstance(error, AdiffError):
        annotate(error)
    return error


def _is_differentiable(value: Any) -> bool:
    """Whether a float holds a value exactly: numbers, and arrays of them, but no booleans."""
    if is_boolean(value):
        return False
    if isinstance(value, int):
        return int(float(value)) == value
    return isinstance(value, float) or hasattr(value, "dtype")


def _findings(machine: Machine) -> list[Finding]:
    """What there is to tell of the derivatives that a text took on its way."""
    if not machine.kinks_met and "rebound" not in machine.noted.values():
        return []
    from autodiff_cli.explain.findings import met_on_the_way

    return met_on_the_way(machine)
