"""Statements one by one, over one graph that grows.

Every name that is bound at the top can be differentiated by, later. A statement that fails
leaves all as it was. Nodes are held by what is made of them and by the names, and by nothing
else: what no name can reach any more is gone.
"""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Any

from autodiff_cli.api.notebook import annotate
from autodiff_cli.api.results import Result
from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.primitive import plain
from autodiff_cli.engine.surroundings import Randomness
from autodiff_cli.errors import AdiffError, LimitError, UsageError, did_you_mean
from autodiff_cli.explain.evaluation import Question, answer, asked
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import Outcome
from autodiff_cli.interpreter.statements import StatementLowering
from autodiff_cli.interpreter.values import NOTHING, RECORD, RUN, UNSET, Frame, is_boolean
from autodiff_cli.language import syntax
from autodiff_cli.language.names import HEAD, Scope, assigned_name, bound_in, walk
from autodiff_cli.language.source import Source
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.errors import Finding
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
    """

    values: dict[str, Any]
    warnings: list[Finding]


class Session:
    """Statements one by one; each sees the names that those before it have bound.

    A name that gets a value is a new leaf for what comes after, or, where the value is made of
    other names, a node of its own: `x = 3`, `y = x^2`, and then the gradient of `y` by `x`. A
    whole number that is bound counts and indexes as before; one that a float does not hold
    exactly stays a whole number, and is not differentiated by.

    `settings` are precision, seed, where `print` goes (to Python's own, if they are left out),
    and limits, which each text has for itself.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings(on_print=print)
        self._scope = Scope(None, None)
        self._frame: Frame = [None] * HEAD
        self._randomness = Randomness(self._settings.seed)
        self._accumulated: dict[Node, Any] = {}
        self._marks: dict[Node, str] = {}
        """The nodes that names are differentiated by: nobody can ask for any other's."""
        self._texts = 0
        self._kept = 0
        self._new = 0
        """Nodes that were left when it was last looked through for them, and recorded since."""

    def run(self, text: str) -> Reply:
        """Runs one statement or several.

        Raises:
            ProgramError, RunError: the text is wrong, or it failed; all is as it was before.
        """
        change = _Change(self)
        try:
            program = self._load(text)
            with self._machine() as machine:
                return self._run(program, machine, change)
        except BaseException as error:
            change.undo()
            raise _told(error) from None

    def define(self, name: str, value: Any) -> None:
        """Binds a name to a number or an array, as `name = …` does.

        Raises:
            UsageError: it is no name; TypeMismatch: it is no number.
        """
        change = _Change(self)
        try:
            program = self._load(f"{name} = 0")
            statement = program.resolved.tree.body.statements[0]
            if set(self._bound(statement)) != {name}:
                raise UsageError(f"got {name!r}, want a name", kind="input")
            with self._machine() as machine:
                change.before(name)
                boolean = is_boolean(value)
                self._frame[self._scope.slots[name]] = (
                    value if boolean else machine.as_float(value, name)
                )
                self._mark(machine, [name], change)
        except BaseException as error:
            change.undo()
            raise _told(error) from None

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
        change = _Change(self)
        try:
            program = self._load(output)
            with self._machine(asked(self._settings, question)) as machine:
                value = self._value(program, machine, change)
                targets = self._targets(value, wrt)
                if isinstance(value, Node):
                    nodes = machine.graph.nodes = below(value)
                    machine.graph.leaves = sum(node.primitive is None for node in nodes)
                name = " ".join(output.split())
                outcome = Outcome(program, {name: value}, dict(targets), machine, is_whole=False)
                (evaluation,) = answer(outcome, question)
                return Result(evaluation)
        except BaseException as error:
            raise _told(error) from None
        finally:
            change.undo()

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

    # ── one text ──────────────────────────────────────────────────────────────────────

    def _load(self, text: str) -> Program:
        self._texts += 1
        self._scope.differentiated.clear()
        program = load(Source(f"<{self._texts}>", text), self._settings.limits, self._scope)
        for name in self._scope.differentiated.union(self._bound(program.resolved.tree.body)):
            self._scope.make_target(name)
        self._frame += [UNSET] * (self._scope.size - len(self._frame))
        return program

    def _machine(self, settings: Settings | None = None) -> _Run:
        machine = Machine(settings or self._settings)
        machine.randomness = self._randomness
        machine.accumulated = ChainMap({}, self._accumulated)
        return _Run(machine, self._frame)

    def _run(self, program: Program, machine: Machine, change: _Change) -> Reply:
        value: Any = NOTHING
        statements = program.resolved.tree.body.statements
        lowering = StatementLowering(program, self._scope, self._settings.single)
        for statement in statements:
            names = self._bound(statement)
            for name in names:
                change.before(name)
            body = lowering.tail(syntax.Block(statement.span, (statement,)))
            value = body(self._frame)
            self._mark(machine, names, change)
            machine.check_nodes()
        last = statements[-1]
        values = {}
        if isinstance(last, syntax.Assign):
            for target in last.targets:
                name = assigned_name(target).name
                values[name] = plain(value_of(self._frame[self._scope.slots[name]]))
        elif value is not NOTHING:
            values["result"] = plain(value_of(value))
        self._keep(machine)
        self._new += len(machine.graph.nodes)
        if self._new > max(FEW, self._kept):
            self._drop()
        return Reply(values, _findings(machine))

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
        lowering = StatementLowering(program, self._scope, self._settings.single)
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

    def _mark(self, machine: Machine, names: Sequence[str], change: _Change) -> None:
        """Makes a node of its own of each name that a statement has given another value."""
        scope, frame = self._scope, self._frame
        new = [name for name in names if frame[scope.slots[name]] is not frame[scope.targets[name]]]
        for name in new:
            change.unmark(frame[scope.targets[name]])
        for name in new:
            value = frame[scope.slots[name]]
            node: Any = UNSET
            if isinstance(value, Node) and self._reaches_a_mark(value):
                node = machine.mark(name, value)
                if not hasattr(node.span, "line"):
                    node.span = scope.bound_at[name]
            elif _is_differentiable(value_of(value)):
                node = machine.mark(name, value_of(value))
            if node is not UNSET:
                frame[scope.slots[name]] = node
            frame[scope.targets[name]] = node
        for name in names:
            change.mark(frame[scope.targets[name]], name)

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

    def _drop(self) -> None:
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
        self._frame[RUN] = self._frame[RECORD] = None
        # A function that was made in a function holds on to the machine, and so to its graph.
        self._machine.graph.nodes = []
        self._machine.journal = None
        self._open.__exit__()


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
        session._randomness.keep()

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
        session = self._session
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
        return LimitError("there is no memory left", help="--max-memory sets a limit")
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
