"""The state of one run: the graph that grows, the limits, and how functions are called."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Graph, Node, apply, value_of
from autodiff_cli.engine.lazy import quiet_numpy
from autodiff_cli.engine.memory import exhausted, in_words
from autodiff_cli.engine.primitive import Primitive, shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.surroundings import CURRENT, Surroundings
from autodiff_cli.errors import AdiffError, LimitError, TypeMismatch
from autodiff_cli.interpreter import own_rules
from autodiff_cli.interpreter.process import deep_recursion, no_garbage_collection
from autodiff_cli.interpreter.values import (
    NOTHING,
    UNSET,
    BuiltInFunction,
    Returned,
    UserFunction,
    describe_value,
)
from autodiff_cli.language.names import HEAD
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping
    from contextvars import Token

    from autodiff_cli.engine.surroundings import Seed
    from autodiff_cli.engine.sweeps import AtKink
    from autodiff_cli.interpreter.journal import Journal
    from autodiff_cli.interpreter.values import Frame
    from autodiff_cli.language.source import Span
    from autodiff_cli.language.syntax import Block

Note = Literal["equality", "comparison", "static", "rebound"]
"""A branch on `==` or `!=` of what can be differentiated; a comparison of it used as a number; an
argument by which a function could have a derivative, and has none; a name in `grad(y, x)` that no
longer holds the value that derivatives by it are by."""

BYTES_OF_A_NODE = 200
"""What a scalar node takes with its tuple of arguments and its value."""


@record
class Limits:
    """How far a run may go before it is stopped with a `LimitError`.

    Attributes:
        steps: iterations of loops and calls of functions, together.
        nodes: nodes recorded.
        depth: calls inside calls.
        memory: bytes that the recorded graph, or one array, may take.
    """

    steps: int = 10_000_000
    nodes: int = 10_000_000
    depth: int = 10_000
    memory: float = 4 * 2**30


@record
class Settings:
    """What a run is told besides the program and its inputs.

    Attributes:
        moves: how far the first value of a name is moved, for a run beside a point.
    """

    limits: Limits = Limits()
    single: bool = False
    seed: Seed = None
    on_print: Callable[[str], None] = lambda text: None
    at_kink: AtKink = "subgradient"
    moves: Mapping[str, Any] = {}


@record
class Detached:
    """A value that lost its history: where, and the node that it was."""

    span: Span
    node: Node


TOLD = ("taken", "detached", "noted", "kinks_met")
"""What of a run aside is told of the run around it."""


class Machine(Surroundings):
    """One run: what the closures of a lowered program share while they run.

    It is open while the program runs, and while what it recorded is swept.
    """

    __slots__ = (
        "absorbed",
        "accumulated",
        "array_bytes",
        "at_kink",
        "depth",
        "detached",
        "differentiates",
        "graph",
        "journal",
        "kinks_met",
        "limits",
        "moves",
        "noted",
        "odd_constants",
        "on_print",
        "steps",
        "swept",
        "taken",
        "targets",
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.seed, settings.limits.memory)
        self.graph = Graph(settings.single)
        self.at_kink: AtKink = settings.at_kink
        self.limits = settings.limits
        self.on_print = settings.on_print
        self.moves = settings.moves
        self.steps = 0
        self.depth = 0
        self.array_bytes = 0
        self.differentiates = False
        """Whether a function runs that differentiates by variables of its own."""
        self.targets: dict[str, Node] = {}
        """The nodes that the command differentiates by, each at the first value of its name."""
        self.accumulated: MutableMapping[Node, Any] = {}
        """What `backward` has added up so far, for each leaf that it reached."""
        self.taken: set[Block] = set()
        """The branches of `if` that ran."""
        self.detached: dict[Span, Detached] = {}
        """For every `detach` that cut something off, the last that it cut."""
        self.noted: dict[Span, Note] = {}
        """Places where a gradient may mislead, each with what happened there."""
        self.kinks_met: dict[Node, None] = {}
        """Where a `grad` or a `backward` of the program met a kink, or was lost."""
        self.journal: Journal | None = None
        """What a run that is to be explained writes down beside its graph."""
        self.odd_constants: dict[Span, tuple[Primitive, tuple[Any, ...], Any]] = {}
        """Operations on constants that gave a nan, an inf or a 0 of numbers that were none: of
        each place the first, with its arguments and its result."""
        self.absorbed = False
        """Whether in a run on arrays, or in a sweep of the program, something was infinite that
        may have gone on as a finite number."""
        self.swept: Node | None = None
        """What the program's last `backward` began at."""

    def aside(self) -> Machine:
        """A run with a graph of its own, for what has no place in this one's.

        It has the same limits and the same randomness; what there is to tell of it is told of
        this one.
        """
        run = Machine(Settings(self.limits, self.graph.single, None, self.on_print, self.at_kink))
        for name in ("randomness", "steps", "depth", *TOLD):
            setattr(run, name, getattr(self, name))
        run.keep_journal(self.journal)
        return run

    def keep_journal(self, around: Journal | None) -> None:
        """Begins a journal where the run around this one keeps one, and adds to what ran there."""
        if around is not None:
            self.journal = type(around)(self.graph)
            self.journal.ran, self.journal.values = around.ran, around.values

    def forget(self) -> None:
        """Drops what was recorded, but for what there is to tell of it."""
        self.graph.nodes.clear()
        self.graph.leaves = 0
        self.array_bytes = 0
        self.keep_journal(self.journal)

    def take_over(self, run: Machine) -> None:
        """Counts the steps of a run aside among this one's, and tells of what was odd in it."""
        self.steps = run.steps
        self.absorbed |= run.absorbed
        for span, odd in run.odd_constants.items():
            self.odd_constants.setdefault(span, odd)

    def hear(self, *_: object) -> None:
        """Is told by NumPy that it made an inf or a nan of what was none."""
        self.absorbed = True

    def open(self) -> Open:
        """Makes this the run of the thread, for as long as it is open."""
        return Open(self)

    def frame(self, size: int) -> Frame:
        """The variables of a program before its first statement, none of them set."""
        return [None, self, self.graph.nodes.append, *([UNSET] * (size - HEAD))]

    def apply(self, primitive: Primitive, args: tuple[Any, ...], span: Span) -> Any:
        """Evaluates a primitive on anything that a program can hand it."""
        for arg in args:
            if arg is UNSET or arg is NOTHING:
                raise TypeMismatch(f"`{primitive.title}` got {describe_value(arg)}", span)
        try:
            out = apply(self.graph, primitive, args, span)
        except AdiffError as error:
            if error.where is None:
                error.where = span
            raise
        except MemoryError:
            failure = exhausted(f"`{primitive.title}`")
            failure.where = span
            raise failure from None
        if primitive.reads == "number":
            static = args[len(primitive.operands) :]
            if any(isinstance(arg, Node) for arg in static):
                self.noted.setdefault(span, "static")
        if isinstance(out, Node):
            size = getattr(out.value, "nbytes", 0)
            if size:
                self.array_bytes += size
                self.check_memory(span)
        elif isinstance(out, float) and (out - out or not out):
            self.note_odd(primitive, args, out, span)
        if primitive.parts is not None:
            keys = primitive.parts(shape_of(value_of(out)))
            return tuple(apply(self.graph, TABLE["index"], (out, key), span) for key in keys)
        return out

    def note_odd(self, primitive: Primitive, args: tuple[Any, ...], out: float, span: Span) -> None:
        """Remembers a constant nan, inf or 0 whose operands are none."""
        if span not in self.odd_constants and not any(_odd_as(out, arg) for arg in args):
            self.odd_constants[span] = (primitive, args, out)

    def tick(self, span: Span) -> None:
        """Counts a step of a loop, or a call."""
        self.steps += 1
        if self.steps > self.limits.steps:
            raise LimitError(
                f"the program takes more than {self.limits.steps:,} steps",
                span,
                label="this was running",
                help="does the loop end? a larger --max-steps allows more",
            )
        if len(self.graph.nodes) > self.limits.nodes:
            self.check_nodes()
        if not self.steps & 0xFFF:
            self.check_memory(span)

    def check_nodes(self) -> None:
        """Stops a run that has recorded too much, at the first node that was too many."""
        most = self.limits.nodes
        if len(self.graph.nodes) > most:
            node = self.graph.nodes[most]
            raise LimitError(
                f"the graph has more than {most:,} nodes",
                None if node.primitive is None else node.span,
                label="this is one too many",
                help="a larger --max-nodes allows more; `detach(x)` drops the history of a value "
                "that no derivative goes through",
            )

    def check_memory(self, span: Span) -> None:
        used = self.array_bytes + BYTES_OF_A_NODE * len(self.graph.nodes)
        if used > self.limits.memory:
            raise LimitError(
                f"the graph takes {in_words(used)}, and --max-memory allows "
                f"{in_words(self.limits.memory)}",
                span,
                help="a larger --max-memory allows more",
            )

    def call(  # recurses: --max-depth at most
        self, function: Any, args: list[Any], span: Span
    ) -> Any:
        """Calls a function value; `NOTHING` where it has no value."""
        if type(function) is UserFunction:
            return self.invoke(function, args, span)
        if type(function) is BuiltInFunction:
            return function.call(self, args, span)
        raise TypeMismatch(
            f"got {describe_value(function)}, want a function to call",
            span,
            help="to multiply, write `*`",
        )

    def invoke(self, function: UserFunction, args: list[Any], span: Span) -> Any:
        if len(args) != function.arity:
            name = function.name or "fn"
            signature = f"{name}({', '.join(function.parameters)})"
            raise arity_error(name, function.arity, len(args), span, signature)
        if function.derivative is not None and any(isinstance(arg, Node) for arg in args):
            return own_rules.record(self, function, args, span)
        self.tick(span)
        self.depth += 1
        try:
            if self.depth > self.limits.depth:
                raise LimitError(
                    f"calls are nested more than {self.limits.depth:,} deep",
                    span,
                    help="does the recursion end? a larger --max-depth allows more",
                )
            if self.journal is not None:
                self.journal.enter("call", function.name or "fn", span)
            result = function.body(
                [function.frame, self, self.graph.nodes.append, *args, *([UNSET] * function.locals)]
            )
            value = result.value if type(result) is Returned else result
            if self.journal is not None:
                self.journal.leave(value)
        except AdiffError as error:
            error.calls.append((function.name or "fn", span))
            raise
        except RecursionError:
            raise LimitError(
                f"calls are nested {self.depth:,} deep, and Python can follow no further",
                span,
                help="does the recursion end? a loop goes on without a limit of depth",
            ) from None
        finally:
            self.depth -= 1
        return value

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Whatever is recorded while it is open is dropped: it is computed for its value only."""
        graph, journal = self.graph, self.journal
        start = len(graph.nodes)
        mark = None if journal is None else journal.mark()
        try:
            yield
        finally:
            if not self.abandoned:
                graph.cut(start)
            if journal is not None and mark is not None:
                journal.forget(mark)

    def mark(self, name: str, value: Any) -> Node:
        """The node that derivatives by `name` are taken by, for its first `value`."""
        if isinstance(value, Node):
            # A node of its own, so that only what goes through this name counts.
            node: Node = apply(self.graph, TABLE["identity"], (value,), None)
            node.span = value.span
        else:
            node = self.graph.leaf(self.as_float(value, name), name)
        return node

    def moved(self, name: str, value: Any, span: Span) -> Any:
        """The first value of a name that is to be moved."""
        if not isinstance(value, Node):
            value = self.as_float(value, name)
        return self.apply(TABLE["add"], (value, self.moves[name]), span)

    def as_float(self, value: Any, name: str) -> Any:
        """A value as the float, or the array of floats, that can be differentiated by.

        Raises:
            TypeMismatch: it is no number.
        """
        if type(value) is float and not self.graph.single:
            return value
        if isinstance(value, (bool, int, float)):
            return self.graph.cast(float(value))
        if hasattr(value, "astype"):
            return value.astype("float32" if self.graph.single else "float64", copy=False)
        raise TypeMismatch(
            f"`{name}` holds {describe_value(value)}, want numbers to differentiate by"
        )


class Open:
    """While it is open, a run is that of its thread, and what a run needs is out of its way."""

    __slots__ = ("_collection", "_numpy", "_run", "_token")

    _token: Token[Surroundings]

    def __init__(self, run: Machine) -> None:
        self._run = run
        self._collection = no_garbage_collection()
        self._numpy = quiet_numpy(run.hear)

    def __enter__(self) -> None:
        self._token = CURRENT.set(self._run)
        DEEP_RECURSION.__enter__()
        self._collection.__enter__()
        self._numpy.__enter__()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._numpy.__exit__()
        self._collection.__exit__(kind)
        DEEP_RECURSION.__exit__()
        CURRENT.reset(self._token)


DEEP_RECURSION = deep_recursion()


def _odd_as(out: float, arg: Any) -> bool:
    """Whether an argument is a nan, an infinity or a 0 as the result is."""
    if not isinstance(arg, (int, float)):
        return False
    if math.isnan(out):
        return math.isnan(arg)
    return not math.isfinite(arg) if out else not arg


def arity_error(
    name: str, want: int | str, got: int, span: Span, signature: str = ""
) -> TypeMismatch:
    plural = "" if str(want) == "1" else "s"
    return TypeMismatch(
        f"`{name}` takes {want} argument{plural}, got {got}",
        span,
        help=f"its signature is {signature}" if signature else "",
    )
