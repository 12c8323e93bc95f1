"""Many records at once: an interpreter whose values may be columns, with a number a record.

A program runs as it does for one record, but each value that depends on a column is an array
whose first axis counts the records, and always a node. What has no meaning for such a value
raises `NotBatched`, and the records are evaluated one by one: so nothing is computed that might
be something else. Where what happens next depends on a column, the run goes on with the records
that agree, and leaves the others to runs of their own.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.engine import graph as engine
from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives import TABLE, logic
from autodiff_cli.engine.sweeps import Kinks
from autodiff_cli.errors import AdiffError, RunError
from autodiff_cli.interpreter.builtins import MACHINE_FUNCTIONS
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.statements import StatementLowering
from autodiff_cli.interpreter.values import RUN, UserFunction
from autodiff_cli.language import syntax
from autodiff_cli.language.names import BuiltIn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.engine.sweeps import AtKink
    from autodiff_cli.interpreter.expressions import Closure
    from autodiff_cli.language.source import Span

MOST_WAYS = 64
"""Values of a column that a run may part its records by, where it needs a number: a count."""
TRIED = 1000
"""Points at which NumPy's digits are compared with those of Python's `math`."""
MOST_BYTES = 2.0**28
"""What the graph of one run may hold before its records are too many at once."""

CONDITIONS = frozenset(entry.name for entry in vars(logic).values() if hasattr(entry, "operands"))
"""Comparisons and their like, which go element by element and have no derivative."""


class NotBatched(RunError):  # noqa: N818
    """Something that has no meaning for many records at once: they are evaluated one by one."""

    kind = "not-batched"


class TooWide(Exception):  # noqa: N818
    """The records of a run take too much memory together: fewer are to run at once."""


class BatchMachine(Machine):
    """One run of the records that take the same path.

    Attributes:
        rows: which records of the batch its columns hold, in order.
        active: which of those the run is for; the others have parted, and have no meaning.
        parted: the records that took another path, as they parted.
    """

    __slots__ = ("active", "leaves", "parted", "rows")

    def __init__(self, settings: Settings, rows: Any) -> None:
        super().__init__(settings)
        self.rows = rows
        self.active = np.ones(len(rows), dtype=bool)
        self.parted: list[Any] = []
        self.leaves: set[Node] = set()
        """The columns that derivatives are taken by, of those that were not computed."""

    # ── values ────────────────────────────────────────────────────────────────────────

    def column(self, value: Any, name: Any = None) -> Node:
        """A node for what was computed of columns, and through which no gradient flows."""
        return self.graph.record(None, (), value, name)

    def spread(self, value: Any) -> Any:
        """What is the same for all records as a column."""
        if isinstance(value, Node):
            return value
        value = self.graph.cast(np.asarray(value))
        return self.column(np.broadcast_to(value, (len(self.rows), *value.shape)))

    def mark(self, name: str, value: Any) -> Node:
        if isinstance(value, Node):
            node = super().mark(name, value)
        else:
            value = np.asarray(self.as_float(value, name))
            value = np.broadcast_to(value, (len(self.rows), *value.shape))
            node = self.graph.leaf(value, name)
        self.leaves.add(node)
        return node

    def mark_column(self, name: str, values: Any) -> Node:
        """The node of an input that differs, to differentiate by."""
        node = self.graph.leaf(values, name)
        self.leaves.add(node)
        return node

    def apply(self, primitive: Primitive, args: tuple[Any, ...], span: Span) -> Any:
        if primitive.draws:
            raise _not_batched(f"`{primitive.title}` takes random numbers", span)
        if not any(isinstance(arg, Node) for arg in args):
            return super().apply(primitive, args, span)
        operands = len(args) - len(primitive.options)
        if any(isinstance(arg, Node) for arg in args[operands:]):
            raise _not_batched(f"`{primitive.title}` gets a number by a column", span)
        if primitive.parts is not None:
            raise _not_batched(f"`{primitive.title}` takes one record at a time", span)
        try:
            return self._batched(primitive, args, operands, span)
        except AdiffError as error:
            if error.where is None:
                error.where = span
            raise

    def _batched(
        self, primitive: Primitive, args: tuple[Any, ...], operands: int, span: Span
    ) -> Any:
        name = primitive.name
        if primitive.kind == "elementwise" or name in CONDITIONS:
            return self._record(primitive, self._aligned(args[:operands]), span)
        if "keepdims" in primitive.options:
            return self._record(primitive, (args[0], *self._axes(primitive, args, span)), span)
        rule = self._structural.get(name)
        if rule is None:
            raise _not_batched(f"`{primitive.title}` takes one record at a time", span)
        return rule(self, args, span)

    def _record(self, primitive: Primitive, args: Sequence[Any], span: Span | None) -> Node:
        operands = args[: len(args) - len(primitive.options)]
        if any(self._depends(arg) for arg in operands):
            out = engine.apply(self.graph, primitive, tuple(args), span)
        else:
            out = self.graph.cast(primitive.evaluate(*map(engine.value_of, args)))
        node = out if isinstance(out, Node) else self.column(out)
        if node.value.ndim == 1 and not self.graph.single and differs(primitive):
            node.value = _one_by_one(primitive, operands, len(node.value))
        if shape_of(node.value)[:1] != self.rows.shape:
            raise _not_batched(f"`{primitive.title}` does not keep its records apart", span)
        self.array_bytes += node.value.nbytes
        if self.array_bytes > MOST_BYTES:
            raise TooWide
        return node

    def _depends(self, value: Any) -> bool:
        """Whether there may be a derivative of it."""
        return isinstance(value, Node) and (value.primitive is not None or value in self.leaves)

    def _aligned(self, args: Sequence[Any]) -> list[Any]:
        """Operands whose axes are as many, so that the first stays that of the records."""
        depth = max(_depth(arg) for arg in args)
        if depth == 0:
            return list(args)
        return [self._deepened(arg, depth) if isinstance(arg, Node) else arg for arg in args]

    def _deepened(self, column: Node, depth: int) -> Node:
        missing = depth - _depth(column)
        if not missing:
            return column
        return self._shaped(column, (*(1,) * missing, *column.value.shape[1:]))

    def _shaped(self, column: Node, shape: tuple[int, ...]) -> Node:
        """A column with another shape of each record; how many there are may change later."""
        return self._record(TABLE["reshape"], (column, (-1, *shape)), None)

    def _axes(self, primitive: Primitive, args: tuple[Any, ...], span: Span) -> tuple[Any, ...]:
        """A reduction's static arguments, its axes counted past the records'."""
        *head, axis, keepdims = args[1:]
        depth = _depth(args[0])
        axes = range(depth) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if not depth or any(type(one) is not int or not -depth <= one < depth for one in axes):
            raise _not_batched(f"`{primitive.title}` has no such axis", span)
        moved = tuple(1 + one % depth for one in axes)
        return (*head, moved if len(moved) > 1 else moved[0], keepdims)

    # ── what is not element by element ────────────────────────────────────────────────

    def _index(self, args: tuple[Any, ...], span: Span) -> Any:
        x, key = args
        if sum(isinstance(part, np.ndarray) for part in key) > 1:
            raise _not_batched("several arrays as subscripts", span)
        return self._record(TABLE["index"], (x, (slice(None), *key)), span)

    def _setindex(self, args: tuple[Any, ...], span: Span) -> Any:
        x, value, key = args
        if any(isinstance(part, np.ndarray) for part in key):
            raise _not_batched("an array as a subscript of what is assigned to", span)
        x, value = self.spread(x), self.spread(value)
        key = (slice(None), *key)
        depth = x.value[key].ndim - 1
        if _depth(value) > depth:
            raise _not_batched("an array assigned to a smaller place", span)
        return self._record(TABLE["setindex"], (x, self._deepened(value, depth), key), span)

    def _stack(self, args: tuple[Any, ...], span: Span) -> Any:
        *items, axis = args
        columns = [self.spread(item) for item in items]
        depth = _depth(columns[0])
        if type(axis) is not int or not -depth - 1 <= axis <= depth:
            raise _not_batched("no such axis", span)
        return self._record(TABLE["stack"], (*columns, axis % (depth + 1) + 1), span)

    def _concat(self, args: tuple[Any, ...], span: Span) -> Any:
        *items, axis = args
        columns = [self.spread(item) for item in items]
        depth = _depth(columns[0])
        if type(axis) is not int or not -depth <= axis < depth:
            raise _not_batched("no such axis", span)
        return self._record(TABLE["concat"], (*columns, axis % depth + 1), span)

    def _matmul(self, args: tuple[Any, ...], span: Span) -> Any:
        a, b = (self.spread(arg) if not isinstance(arg, Node) else arg for arg in args)
        left, right = _depth(a), _depth(b)
        if not (left in (1, 2) and right in (1, 2)):
            raise _not_batched("a product of more than two axes", span)
        if left == 1:
            a = self._shaped(a, (1, *a.value.shape[1:]))
        if right == 1:
            b = self._shaped(b, (*b.value.shape[1:], 1))
        product = self._record(TABLE["matmul"], (a, b), span)
        rows, columns = product.value.shape[1:]
        shape = (*((rows,) if left == 2 else ()), *((columns,) if right == 2 else ()))
        return product if left == right == 2 else self._shaped(product, shape)

    def _dot(self, args: tuple[Any, ...], span: Span) -> Any:
        if any(_depth(arg) != 1 for arg in args):
            raise _not_batched("`dot` of what is no vector", span)
        return self._matmul(args, span)

    def _shape(self, args: tuple[Any, ...], span: Span) -> Any:
        return np.array(args[0].value.shape[1:], dtype=np.int64)

    def _len(self, args: tuple[Any, ...], span: Span) -> Any:
        if not _depth(args[0]):
            raise _not_batched("`len` of a number", span)
        return args[0].value.shape[1]

    _structural: ClassVar[dict[str, Callable[[Any, tuple[Any, ...], Span], Any]]] = {
        "index": _index,
        "setindex": _setindex,
        "stack": _stack,
        "concat": _concat,
        "matmul": _matmul,
        "dot": _dot,
        "shape": _shape,
        "len": _len,
    }

    # ── functions and paths ───────────────────────────────────────────────────────────

    def invoke(self, function: UserFunction, args: list[Any], span: Span) -> Any:
        if function.derivative is not None:
            raise _not_batched("a function with a rule of its own", span)
        return super().invoke(function, args, span)

    def holds(self, value: Any, span: Span) -> Any:
        """What a condition says, of the records that the run goes on with."""
        if not isinstance(value, Node):
            return value
        if _depth(value):
            raise _not_batched("a condition of several numbers", span)
        holds = value.value != 0
        answer, rest = True, self.active & ~holds
        if rest.any():
            kept = self.active & holds
            if np.count_nonzero(kept) < np.count_nonzero(rest):
                answer, kept, rest = False, rest, kept
            self._go_on_with(kept, [rest])
        return answer

    def number(self, value: Any, span: Span) -> Any:
        """The number that a count or a subscript is, of the records that the run goes on with."""
        if not isinstance(value, Node):
            return value
        if _depth(value):
            raise _not_batched("an array of subscripts by a column", span)
        found, counts = np.unique(value.value[self.active], return_counts=True)
        if len(found) > MOST_WAYS:
            raise _not_batched("a count or a subscript of very many values", span)
        chosen = found[counts.argmax()]
        if len(found) > 1:
            ways = [self.active & (value.value == one) for one in found if one != chosen]
            self._go_on_with(self.active & (value.value == chosen), ways)
        return chosen.item()

    def _go_on_with(self, kept: Any, others: Sequence[Any]) -> None:
        self.parted += [self.rows[other] for other in others if other.any()]
        self.active = kept
        if 2 * np.count_nonzero(kept) < len(kept):
            self._drop(kept)

    def _drop(self, kept: Any) -> None:
        """Takes the records that have parted out of all columns."""
        for node in self.graph.nodes:
            node.value = node.value[kept]
        self.rows = self.rows[kept]
        self.active = np.ones(len(self.rows), dtype=bool)


@cache
def differs(primitive: Primitive) -> bool:
    """Whether NumPy, or SciPy, computes it otherwise than Python's `math`, in the last digits.

    That is another thing on another processor, so it is tried out. Of what takes a record long,
    a difference is put up with.
    """
    if primitive.kind != "elementwise" or primitive.internal or not is_quick(primitive):
        return False
    rng = np.random.default_rng(0)
    points = [
        rng.integers(one.start, one.stop, TRIED) * 1.0
        if isinstance(one, range)
        else rng.uniform(*one, TRIED)
        for one in primitive.sample
    ]
    found = np.asarray(primitive.evaluate(*points))
    return not np.array_equal(found, _one_by_one(primitive, points, TRIED), equal_nan=True)


def is_quick(primitive: Primitive) -> bool:
    """Whether its value of floats is that of `math`, of an operator, or of few such together."""
    in_math = getattr(primitive.scalar, "__module__", "") == "math"
    return in_math or primitive.body is not None or bool(primitive.python or primitive.c)


def _one_by_one(primitive: Primitive, args: Sequence[Any], count: int) -> Any:
    """The values that each record by itself would have."""
    assert primitive.scalar is not None
    values = [np.broadcast_to(engine.value_of(arg), count).tolist() for arg in args]
    try:
        return np.array([*map(primitive.scalar, *values)])
    except (ValueError, ArithmeticError):
        return np.array([*map(primitive.guarded, *values)])


class RecordKinks(Kinks):
    """At which records a derivative met a kink.

    Attributes:
        records: those, as a column of booleans.
    """

    def __init__(self, at_kink: AtKink, count: int) -> None:
        super().__init__("subgradient")
        self.records = np.zeros(count, dtype=bool)
        self._makes_nan = at_kink == "nan"

    def meet(self, node: Node, derivative: Any, backwards: bool = True) -> Any:
        assert node.primitive is not None
        kink = node.primitive.kink
        if kink is None:
            return derivative
        kinks = [kink] if callable(kink) else [kink[i] for i in node.positions if kink[i]]
        for one in kinks:
            at = one(*map(engine.value_of, node.args))
            reached = engine.value_of(derivative) != 0
            if np.ndim(at) == 0 and at:
                # Whether some of an array tie is said of the whole: it is to be asked of each.
                each = self._of_each(one, node) & _by_record(reached)
                mask = each.reshape(len(each), *(1,) * (reached.ndim - 1))
            else:
                mask = np.logical_and(at, reached)
            if mask.any():
                self.records |= _by_record(mask)
                if self._makes_nan:
                    derivative = derivative * np.where(mask, np.nan, 1.0)
        return derivative

    def _of_each(self, kink: Callable[..., Any], node: Node) -> Any:
        """Which records are at a kink, each asked by itself, as an array of one record."""
        count = len(self.records)
        values = [(engine.value_of(arg), isinstance(arg, Node)) for arg in node.args]
        found = np.zeros(count, dtype=bool)
        for i in range(count):
            found[i] = np.any(kink(*[v[i : i + 1] if is_node else v for v, is_node in values]))
        return found


def _by_record(flags: Any) -> Any:
    return flags.reshape(len(flags), -1).any(axis=1)


class BatchLowering(StatementLowering):
    """Expects a `BatchMachine`.

    Raises:
        NotBatched: the program does what can only be done for one record at a time.
    """

    def expression(self, node: Any) -> Closure:  # recurses: PYTHON_FRAMES at most
        closure = super().expression(node)
        if node not in self.facts.conditions[0]:
            return closure
        span = node.span
        return lambda frame: frame[RUN].holds(closure(frame), span)

    def assertion(self, node: syntax.Assert) -> Closure:
        raise _not_batched("an `assert`", node.span)

    def print(self, node: syntax.Print) -> Closure:
        raise _not_batched("a `print`", node.span)

    def name(self, node: syntax.Name) -> Closure:
        binding = self.resolved.bindings[node]
        if isinstance(binding, BuiltIn) and binding.name in MACHINE_FUNCTIONS:
            raise _not_batched(f"`{node.name}` as a value", node.span)
        return super().name(node)

    def _built_in_call(self, node: syntax.Call, name: str) -> Closure:
        if name == "detach":
            value = self.expression(node.arguments[0].value)
            return lambda frame: _detached(frame[RUN], value(frame))
        if name in MACHINE_FUNCTIONS and name != "sum_over":
            raise _not_batched(f"`{name}`", node.span)
        return super()._built_in_call(node, name)

    def attribute(self, node: syntax.Attribute) -> Closure:
        if node.name == "grad":
            raise _not_batched("`.grad`", node.span)
        return super().attribute(node)

    def number(self, node: Any) -> Closure:  # recurses: the program's expressions
        value, span = self.expression(node), node.span
        return lambda frame: frame[RUN].number(value(frame), span)

    def axes_of(self, value: Any) -> Any:
        return value.value.shape[1:] if isinstance(value, Node) else super().axes_of(value)

    _statements: ClassVar[dict[type, Callable[[Any, Any], Closure]]] = {
        **StatementLowering._statements,
        syntax.Assert: assertion,
        syntax.Print: print,
    }
    _methods: ClassVar[dict[type, Callable[[Any, Any], Closure]]] = {
        **StatementLowering._methods,
        syntax.Name: name,
        syntax.Attribute: attribute,
    }


def _detached(machine: BatchMachine, value: Any) -> Any:
    return machine.column(value.value) if isinstance(value, Node) else value


def _depth(value: Any) -> int:
    """How many axes each record has."""
    if isinstance(value, Node):
        return len(value.value.shape) - 1
    return len(shape_of(value))


def _not_batched(what: str, span: Span | None) -> NotBatched:
    return NotBatched(what, span)
