"""A function of the program as one of all that it depends on: its arguments, and what it closes
over.

It then runs aside, in a graph of its own, as often as a solver likes; or once more in a sweep,
on the nodes that its derivative is to be made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Graph, Node, below, value_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import RunError, TypeMismatch
from autodiff_cli.interpreter.values import (
    NOTHING,
    RECORD,
    RUN,
    UserFunction,
    describe_value,
    is_function,
    is_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.interpreter.machine import Machine
    from autodiff_cli.interpreter.values import Frame
    from autodiff_cli.language.source import Span

Bound = Any
"""A function whose outer values are given: `bound(*args)`, a node or a value."""
Family = Any
"""`family(machine, outers)` gives a `Bound` that records into the machine's graph."""


class Lifted:
    """A function with the nodes that it closes over, directly or through other functions.

    Attributes:
        nodes: those nodes; what the function may depend on besides its arguments.
    """

    def __init__(self, machine: Machine, function: Any, span: Span) -> None:
        if not is_function(function):
            raise TypeMismatch(
                f"`{name_of(span)}` got {describe_value(function)}, want a function",
                span,
                help="write one as fn(x) { … }, or give the name of one",
            )
        self._function = function
        self.span = span
        # Taken now, as variables may hold other values by the time that a sweep asks.
        self._frames = _Copies(machine, {})
        self._kept = self._frames.value(function)
        self.nodes = list(self._frames.nodes)

    def bind(self, machine: Machine, nodes: Sequence[Node], values: Sequence[Any]) -> Bound:
        """The function with `values` for some of its `nodes`, and for the others what they are."""
        replaced: dict[Node, Any] = {node: node.value for node in self.nodes}
        replaced.update(zip(nodes, values, strict=True))
        function = _Copies(machine, replaced).value(self._kept)

        def call(*args: Any) -> Any:
            value = machine.call(function, list(args), self.span)
            if value is NOTHING or not is_number(value_of(value)):
                raise TypeMismatch(
                    f"the function of `{name_of(self.span)}` gives {describe_value(value)}, "
                    "want numbers",
                    self.span,
                    help="end it with an expression",
                )
            return value

        return call

    def family(self, nodes: Sequence[Node]) -> Family:
        """The function as one of the values of these nodes."""
        return lambda machine, outers: self.bind(machine, nodes, outers)


class _Copies:
    """Copies of functions with their frames, for another run, with other values for nodes.

    Nothing recurses along a chain of functions that close over each other.
    """

    def __init__(self, machine: Machine, replaced: Mapping[Node, Any]) -> None:
        self._machine = machine
        self._replaced = replaced
        self._known: dict[int, Any] = {}
        self._pending: list[tuple[Frame, Frame]] = []
        self.nodes: dict[Node, None] = {}
        """Those that were met."""

    def value(self, value: Any) -> Any:
        made = self._copy(value)
        while self._pending:
            frame, copy = self._pending.pop()
            copy[0] = None if frame[0] is None else self._frame(frame[0])
            copy[RUN] = self._machine
            copy[RECORD] = self._machine.graph.nodes.append
            for slot in range(RECORD + 1, len(frame)):
                copy[slot] = self._copy(frame[slot])
        return made

    def _copy(self, value: Any) -> Any:  # recurses: into a tuple and a function's rule
        if isinstance(value, Node):
            self.nodes[value] = None
            return self._replaced.get(value, value)
        if type(value) is tuple:
            return tuple([self._copy(part) for part in value])
        if type(value) is not UserFunction:
            return value
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = UserFunction(
                value.name, value.parameters, value.locals, value.body, self._frame(value.frame)
            )
            if value.derivative is not None:
                known.derivative = self._copy(value.derivative)
        return known

    def _frame(self, frame: Frame) -> Frame:
        """The copy of a frame, which is filled in later."""
        known: Frame | None = self._known.get(id(frame))
        if known is None:
            known = self._known[id(frame)] = list(frame)
            self._pending.append((frame, known))
        return known


def name_of(span: Span) -> str:
    """The solver that is called at a place."""
    return span.text.partition("(")[0].strip()


# ── runs aside ────────────────────────────────────────────────────────────────────────


class Aside:
    """Runs of a family aside from the graph of the program, which is as it was after each."""

    def __init__(self, machine: Machine, family: Family, span: Span) -> None:
        self._machine = machine
        self._family = family
        self.span = span
        self.run = machine.aside()

    def bound(self, outers: Sequence[Any]) -> Bound:
        """The function with plain values, which records what its arguments lead to."""
        return self._family(self.run, outers)

    def leaves(self, values: Sequence[Any]) -> list[Node]:
        """New leaves, to be differentiated by."""
        return [marked(self.run.graph, value) for value in values]

    def done(self) -> None:
        """Forgets what was recorded, and counts what was done as the program's own."""
        self.run.forget()
        self._machine.take_over(self.run)


def as_float(value: Any) -> Any:
    """A number as a float, an array as one of floats."""
    return value.astype(float, copy=False) if getattr(value, "shape", ()) else float(value)


def reached(output: Any, leaves: Sequence[Node]) -> list[bool]:
    """Which leaves an output depends on."""
    found = set(below(output)) if isinstance(output, Node) else set()
    return [leaf in found for leaf in leaves]


def marked(graph: Graph, value: Any) -> Node:
    """A value as a node of its own in `graph`, to be differentiated by."""
    if isinstance(value, Node):
        node: Node = TABLE["identity"](value)
        return node
    return graph.leaf(graph.cast(as_float(value)), "")


def recorded_aside(machine: Machine) -> Machine:
    """A run that records into the graph that a sweep records into."""
    run = machine.aside()
    run.graph = Graph.current()
    return run


# ── what goes wrong ───────────────────────────────────────────────────────────────────


def not_finite(aside: Aside, function: Callable[[], Any], what: str) -> RunError:
    """The error of a function that gives a nan or an inf, with the place where it begins.

    Args:
        function: runs it once more, with leaves for its arguments.
        what: in words, at which point it gives what.
    """
    aside.run.forget()
    function()
    place, how = _begins(aside.run)
    notes = [] if place is None else [f"called by `{name_of(aside.span)}`, line {aside.span.line}"]
    return RunError(
        f"the function of `{name_of(aside.span)}` is not finite: {what}",
        place or aside.span,
        label=how,
        notes=notes,
        help="keep it within its domain: by another start, other ends, or another form of it",
        kind="non-finite",
    )


def _begins(run: Machine) -> tuple[Any, str]:
    """Where the first value that is not finite was made of values that are, and how."""
    for node in run.graph.nodes:
        values = [value_of(arg) for arg in node.args]
        if node.primitive is not None and node.place is not None and not is_finite(node.value):
            numbers = [value for value in values if is_number(value)]
            if all(map(is_finite, numbers)):
                return node.place, _said(node.primitive, numbers, node.value)
    for span, (primitive, operands, out) in run.odd_constants.items():
        if not is_finite(out):
            return span, _said(primitive, operands, out)
    return None, ""


def _said(primitive: Any, values: Sequence[Any], out: Any) -> str:
    shown = ", ".join(map(in_words, values))
    return f"`{primitive.title}` of {shown} is {in_words(out)}"


def is_finite(value: Any) -> bool:
    if hasattr(value, "dtype"):
        return bool(abs(value).max(initial=0) < float("inf"))
    return bool(abs(value) < float("inf"))


def in_words(value: Any) -> str:
    """A value in a message: few digits, and of arrays a few numbers."""
    if not getattr(value, "shape", ()):
        return f"{float(value):g}"
    few = ", ".join(f"{x:g}" for x in value.ravel()[:4])
    return f"[{few}{', …' if value.size > 4 else ''}]"
