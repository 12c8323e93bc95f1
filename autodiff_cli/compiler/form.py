"""Three-address code with regions: what a program is between its tree and its source.

A value is defined once, but for the adjoints of a reverse pass, which add up in place. An
operand is a value, or a number of Python's. Values of a loop's body keep those of its last
turn, and the reverse pass gives them those of the turn that it is at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.errors import AdiffError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span

Type = Literal["float", "int", "bool", "tape"]
Operand = Any
"""A `Value`, or a number; where arrays are values, an array of NumPy's that is known."""


class NotCompiled(AdiffError):  # noqa: N818
    """The form cannot hold a program, and the interpreter is to run it."""

    kind = "not-compiled"


class TooLong(NotCompiled):
    """It would take too much time to find out."""


class Flag(Exception):  # noqa: N818
    """Compiled code has met what the interpreter is to tell."""


class Long(Flag):
    """It has taken as many turns of loops as it may."""


@dataclass(slots=True, eq=False)
class Value:
    """A number that is computed, or what a loop keeps for its way back.

    Attributes:
        name: what the program calls it, for readers.
        active: whether the interpreter records it: it depends on what is differentiated by. A
            `Value` where that depends on which way the program went.
        mixed: of a float: the interpreter would hold an integer there, if a `Value` is true that
            says which way the program went; true where nothing says.
        shape: of an array, which is of numbers of that type; empty of a number.
    """

    type: Type
    name: str = ""
    active: Any = False
    mixed: Any = False
    shape: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Region:
    """A sequence of operations; `yields` are what it hands to the operation that it is part of."""

    params: list[Value] = field(default_factory=list)
    ops: list[Any] = field(default_factory=list)
    yields: list[Operand] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Apply:
    """A primitive of numbers or arrays. One without a span is no operation of the program's.

    Attributes:
        static: its static arguments; a subscript among them may be a `Value`.
    """

    out: Value
    primitive: Primitive
    args: tuple[Operand, ...]
    span: Span | None = None
    static: tuple[Any, ...] = ()

    @property
    def is_of_arrays(self) -> bool:
        """Whether it takes or gives an array."""
        return bool(self.out.shape or self.static or any(map(is_array, self.args)))


@dataclass(slots=True, eq=False)
class ArrayCall:
    """A function that is no primitive, of arrays.

    Attributes:
        outs: what it gives: one value, or several together.
        function: what is called; a string for the method of the first argument of that name.
        args, named: its arguments; values may stand in tuples, lists and slices.
        text: what a file calls it that has NumPy alone; empty where that has no such function.
        out: it takes the array that it is to write into.
        rows: of arrays whose elements lie row by row, it makes one that does.
        views: what it gives may share the memory of its arguments.
        plain: what it gives is made a number of Python's.
    """

    outs: list[Value]
    function: Any
    args: tuple[Any, ...]
    named: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    out: bool = False
    rows: bool = False
    views: bool = False
    plain: bool = False
    span: Span | None = None


@dataclass(slots=True, eq=False)
class AddAt:
    """Adds to an array of its own, in place, where subscripts point; or sets it there."""

    out: Value
    key: tuple[Any, ...]
    source: Operand
    span: Span | None = None
    sets: bool = False


@dataclass(slots=True, eq=False)
class Move:
    """A value of another type, or another name; an adjoint set anew.

    Attributes:
        detaches: whatever the source moves by, this does not.
    """

    out: Value
    source: Operand
    span: Span | None = None
    detaches: bool = False


@dataclass(slots=True, eq=False)
class Check:
    """Raises a flag where a condition does not hold or another does, or a number is not finite.

    Attributes:
        where: the number that must not be 0 for that.
        error: what has failed then, where it is an error and nothing that is only told.
    """

    holds: Operand = True
    fails: Operand = False
    finite: Operand = 0.0
    where: Operand = 1.0
    error: str = ""
    span: Span | None = None


@dataclass(slots=True, eq=False)
class Note:
    """A comment."""

    text: str


@dataclass(slots=True, eq=False)
class Print:
    """What a `print` writes: strings and numbers."""

    parts: tuple[Any, ...]


@dataclass(slots=True, eq=False)
class If:
    """One of two regions.

    Attributes:
        way_back_of: the `if` that it differentiates, way by way.
    """

    condition: Operand
    then: Region
    otherwise: Region
    outs: list[Value] = field(default_factory=list)
    span: Span | None = None
    way_back_of: If | None = None


@dataclass(slots=True, eq=False)
class Loop:
    """A loop with the values that it carries: the body's `params`, and its `yields` after a turn.

    Attributes:
        head: of a `while`, what yields its condition before every turn.
        index, start, stop, step: of a `for`.
        leave: where true at the end of a turn, it was the last.
        trips: how many turns there were.
        saved: what every turn writes on the tape.
    """

    inits: list[Operand]
    body: Region
    outs: list[Value]
    trips: Value
    head: Region | None = None
    index: Value | None = None
    start: Operand = 0
    stop: Operand = 0
    step: Operand = 1
    leave: Operand = False
    tape: Value | None = None
    saved: list[Value] = field(default_factory=list)
    span: Span | None = None

    @property
    def turns(self) -> int | None:
        """How often it goes round if nothing leaves it, where that is known beforehand."""
        bounds = (self.start, self.stop, self.step)
        if self.index is None or any(isinstance(bound, Value) for bound in bounds):
            return None
        return len(range(*bounds))


@dataclass(slots=True, eq=False)
class Unwind:
    """The turns of a loop backwards, each with what it saved."""

    loop: Loop
    body: Region


@dataclass(slots=True, eq=False)
class Function:
    """Code with parameters; what it gives back are the body's yields.

    Attributes:
        name: what the program calls it; the program itself has none.
        deepest: how many calls that are inlined it may be in at once.
        back: its way back, which a call that is differentiated is undone by: it takes the adjoints
            of the results that have one, then what those of the parameters are so far, and
            gives back what these have become.
        saved: what a call keeps for its way back.
    """

    params: list[Value]
    body: Region
    name: str = ""
    deepest: int = 0
    back: Function | None = None
    saved: list[Value] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Call:
    """A call of a function that calls itself.

    Attributes:
        levels: how many calls inside calls it is, with those around it that are inlined.
        undone: whether there is a way back.
        tape: what it keeps for that, where that is a value.
    """

    outs: list[Value]
    function: Function
    args: list[Operand]
    levels: int = 1
    undone: bool = False
    tape: Value | None = None
    span: Span | None = None


@dataclass(slots=True, eq=False)
class Uncall:
    """The way back of a call."""

    outs: list[Value]
    call: Call
    args: list[Operand]
    span: Span | None = None


def regions(op: Any) -> list[Region]:
    """The regions of an operation, in order."""
    if isinstance(op, (Apply, Move)):
        return []
    if isinstance(op, If):
        return [op.then, op.otherwise]
    if isinstance(op, Loop):
        return [op.body] if op.head is None else [op.head, op.body]
    return [op.body] if isinstance(op, Unwind) else []


def reads(op: Any) -> list[Operand]:
    """What an operation reads itself, and not in its regions."""
    if isinstance(op, Apply):
        return [*op.args, *values_in(op.static)] if op.static else list(op.args)
    if isinstance(op, ArrayCall):
        return values_in([op.args, op.named])
    if isinstance(op, Move):
        return [op.source]
    if isinstance(op, AddAt):
        return values_in([op.out, op.key, op.source])
    if isinstance(op, Check):
        return [op.holds, op.fails, op.finite, op.where]
    if isinstance(op, Print):
        return list(op.parts)
    if isinstance(op, Note):
        return []
    if isinstance(op, If):
        return [op.condition]
    if isinstance(op, Loop):
        return [*op.inits, op.start, op.stop, op.step]
    if isinstance(op, Call):
        return list(op.args)
    if isinstance(op, Uncall):
        return [*op.args, *([op.call.tape] if op.call.tape else [])]
    return [op.loop.tape or op.loop.trips]


def yielded(op: Any) -> list[Operand]:
    """What the regions of an operation hand to it, and the condition that ends a loop."""
    found = [one for region in regions(op) for one in region.yields]
    return [*found, op.leave] if isinstance(op, Loop) else found


def replace_reads(op: Any, new: Callable[[Operand], Operand]) -> None:
    """Has an operation read others, and none of its regions, but for what ends a loop."""
    if isinstance(op, Apply):
        op.args = tuple([new(arg) for arg in op.args])
        if op.static:
            op.static = _replaced(op.static, new)
    elif isinstance(op, ArrayCall):
        op.args, op.named = _replaced(op.args, new), _replaced(op.named, new)
    elif isinstance(op, Move):
        op.source = new(op.source)
    elif isinstance(op, AddAt):
        op.key, op.source = _replaced(op.key, new), new(op.source)
    elif isinstance(op, Check):
        op.holds, op.fails = new(op.holds), new(op.fails)
        op.finite, op.where = new(op.finite), new(op.where)
    elif isinstance(op, Print):
        op.parts = tuple([new(part) for part in op.parts])
    elif isinstance(op, If):
        op.condition = new(op.condition)
    elif isinstance(op, Loop):
        op.inits = [new(one) for one in op.inits]
        op.start, op.stop, op.step = new(op.start), new(op.stop), new(op.step)
    elif isinstance(op, (Call, Uncall)):
        op.args = [new(arg) for arg in op.args]


def writes(op: Any) -> list[Value]:
    """What an operation defines, outside of its regions."""
    if isinstance(op, (Apply, Move, AddAt)):
        return [op.out]
    if isinstance(op, ArrayCall):
        return op.outs
    if isinstance(op, If):
        return op.outs
    if isinstance(op, Loop):
        return [*op.outs, op.trips, *([op.tape] if op.tape else [])]
    if isinstance(op, Call):
        return [*op.outs, *([op.tape] if op.tape else [])]
    return op.outs if isinstance(op, Uncall) else []


def is_array(operand: Operand) -> bool:
    """Whether an operand is an array, known or computed."""
    return bool(operand.shape) if isinstance(operand, Value) else hasattr(operand, "dtype")


def values_of(operands: Iterable[Operand]) -> list[Value]:
    """The values among operands."""
    return [operand for operand in operands if isinstance(operand, Value)]


def values_in(held: Any) -> list[Value]:  # recurses: an argument
    """The values among arguments, which may stand in tuples, lists, mappings and slices."""
    if isinstance(held, Value):
        return [held]
    if isinstance(held, slice):
        held = (held.start, held.stop, held.step)
    if isinstance(held, dict):
        held = held.values()
    elif not isinstance(held, (tuple, list)):
        return []
    return [value for part in held for value in values_in(part)]


def _replaced(held: Any, new: Callable[[Operand], Operand]) -> Any:  # recurses: an argument
    """Arguments with others for the values among them."""
    if isinstance(held, slice):
        return slice(*_replaced((held.start, held.stop, held.step), new))
    if isinstance(held, dict):
        return {name: _replaced(part, new) for name, part in held.items()}
    if isinstance(held, (tuple, list)):
        return type(held)([_replaced(part, new) for part in held])
    return new(held) if isinstance(held, Value) else held


def defined_by(op: Any) -> list[Value]:
    """What an operation defines for its own regions: parameters, and what is read back."""
    if isinstance(op, Loop):
        return [*op.body.params, *([op.index] if op.index else [])]
    return op.loop.saved if isinstance(op, Unwind) else []


def made_by(loop: Loop) -> set[Value]:
    """What the turns of a loop define."""
    return {*defined_by(loop), *made_in(loop.body)}


def made_in(region: Region) -> set[Value]:
    """What the operations of a region define."""
    made: set[Value] = set()
    for op in everything(region):
        made.update(writes(op))
        if isinstance(op, Loop):
            made.update(defined_by(op))
    return made


def replace_in(region: Region, new: Callable[[Operand], Operand]) -> None:
    """Has the operations of a region read others."""
    for op in everything(region):
        replace_reads(op, new)
        for inner in regions(op):
            inner.yields[:] = map(new, inner.yields)
        if isinstance(op, Loop):
            op.leave = new(op.leave)
    region.yields[:] = map(new, region.yields)


def everything(region: Region) -> Iterator[Any]:  # recurses: the program's blocks
    """All operations in a region, an operation before those of its regions."""
    for op in region.ops:
        yield op
        for inner in regions(op):
            yield from everything(inner)


def called(region: Region) -> list[Function]:
    """The functions that a region calls, and those that they call, without their ways back."""
    found: dict[Function, None] = {}
    pending = [region]
    while pending:
        for op in everything(pending.pop()):
            if isinstance(op, Call) and op.function not in found:
                found[op.function] = None
                pending.append(op.function.body)
    return list(found)


def with_ways_back(functions: Iterable[Function]) -> list[Function]:
    """The same functions, each with its way back behind it where it has one."""
    return [each for one in functions for each in (one, one.back) if each is not None]


def callee(op: Call | Uncall) -> Function:
    """The function that a call runs, or that its way back is."""
    function = op.function if isinstance(op, Call) else op.call.function.back
    assert function is not None
    return function
