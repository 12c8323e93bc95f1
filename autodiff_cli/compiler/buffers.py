"""Which calls of NumPy may write into an array that was made once, and into which.

Values that may share memory make a group. An array is free again after the last use of the group
that it is for. What a turn of a loop leaves to another, or on a tape, has no such array.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    ArrayCall,
    If,
    Loop,
    Move,
    Region,
    Unwind,
    Value,
    everything,
    reads,
    values_in,
    writes,
)
from autodiff_cli.engine.lazy import np
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autodiff_cli.compiler.form import Function

Place = tuple[int, tuple[Any, ...]]
"""A number that grows along the text, and the loops around."""


@record
class Group:
    """Values that may share memory.

    Attributes:
        home: the loops around all that defines them.
        end: the last place, within these, where any is used.
    """

    home: tuple[Any, ...]
    end: int


class Buffers:
    """Attributes:
    made: the shape and the type of every array.
    of: the number of the array that a call writes into.
    """

    def __init__(self, function: Function, by_rows: bool) -> None:
        """What the inputs of several axes are, with their elements row by row or not."""
        self.made: list[tuple[tuple[int, ...], str]] = []
        self.of: dict[Any, int] = {}
        self._defined: dict[Value, list[Place]] = defaultdict(list)
        self._used: dict[Value, list[Place]] = defaultdict(list)
        self._aliased: dict[Value, list[Place]] = defaultdict(list)
        """Where another value is made to share a value's memory."""
        self._ends: dict[Any, int] = {}
        self._calls: list[tuple[ArrayCall, Place]] = []
        self._parents: dict[Value, Value] = {}
        self._escaping: set[Value] = set()
        self._at = 0
        self._scattered = _scattered(function, by_rows)
        for param in function.params:
            self._defined[param].append((0, ()))
        self._walk(function.body, ())
        self._at += 1
        self._use(function.body.yields, ())
        self._assign()

    # ── what shares memory, and until when it is used ─────────────────────────────────

    def _walk(  # recurses: the program's blocks
        self, region: Region, loops: tuple[Any, ...]
    ) -> None:
        for op in region.ops:
            self._at += 1
            self._use(reads(op), loops)
            if isinstance(op, If):
                for way in (op.then, op.otherwise):
                    self._walk(way, loops)
                    self._at += 1
                    self._use(way.yields, loops)
                    for out, source in zip(op.outs, way.yields, strict=True):
                        self._alias(out, source, loops)
            elif isinstance(op, (Loop, Unwind)):
                self._turns(op, (*loops, op))
            elif isinstance(op, Move):
                self._alias(op.out, op.source, loops)
            elif isinstance(op, ArrayCall):
                self._calls.append((op, (self._at, loops)))
                if op.views:
                    for source in values_in(op.args):
                        self._alias(op.outs[0], source, loops)
            for out in writes(op):
                self._defined[out].append((self._at, loops))

    def _turns(self, op: Any, loops: tuple[Any, ...]) -> None:  # recurses: the program's blocks
        if isinstance(op, Loop):
            carried = [*op.inits, *op.body.params, *op.body.yields, *op.outs, *op.saved]
            for value in values_in(carried):
                self._escaping.add(value)
            for several in zip(op.inits, op.body.params, op.body.yields, op.outs, strict=True):
                for other in several:
                    self._alias(several[1], other, loops)
            for param in op.body.params:
                self._defined[param].append((self._at, loops))
            if op.head is not None:
                self._walk(op.head, loops)
        else:
            for value in op.loop.saved:
                self._defined[value].append((self._at, loops))
        self._walk(op.body, loops)
        self._at += 1
        self._use(op.body.yields, loops)
        self._ends[op] = self._at

    def _use(self, operands: Iterable[Any], loops: tuple[Any, ...]) -> None:
        for value in values_in(list(operands)):
            self._used[value].append((self._at, loops))

    def _alias(self, value: Value, source: Any, loops: tuple[Any, ...]) -> None:
        if isinstance(source, Value) and source.shape and value is not source:
            self._aliased[source].append((self._at, loops))
            self._parents[self._first(value)] = self._first(source)

    def _first(self, value: Value) -> Value:
        while value in self._parents:
            parent = self._parents[value]
            if parent is value:
                break
            value = parent
        return value

    def _groups(self) -> dict[Value, Group]:
        members: dict[Value, list[Value]] = defaultdict(list)
        for value in {*self._defined, *self._used}:
            if value.shape:
                members[self._first(value)].append(value)
        found = {}
        for values in members.values():
            if not self._escaping.isdisjoint(values):
                continue
            places = [place for value in values for place in self._defined[value]]
            home = places[0][1]
            for _, loops in places:
                home = home[: sum(1 for a, b in zip(home, loops, strict=False) if a is b)]
            places += [place for value in values for place in self._used[value]]
            end = max(self._within(place, home) for place in places)
            found.update(dict.fromkeys(values, Group(home, end)))
        return found

    def _within(self, place: Place, home: tuple[Any, ...]) -> int:
        """A place, or the end of the loop within `home` that it is in."""
        at, loops = place
        return at if len(loops) == len(home) else self._ends[loops[len(home)]]

    # ── arrays ────────────────────────────────────────────────────────────────────────

    def _assign(self) -> None:
        groups = self._groups()
        busy: list[tuple[int, Any, int]] = []
        free: dict[Any, list[int]] = defaultdict(list)
        own: dict[Value, int] = {}
        for op, (at, loops) in self._calls:
            value = op.outs[0]
            group = groups.get(value)
            if not op.out or group is None or value in self._scattered:
                continue
            if not self._may_write(op, value, group, loops):
                continue
            if value in own:
                self.of[op] = own[value]
                continue
            # One element after the other: an operand that is not used again is written over.
            last = at + _is_by_element(op)
            for one in [one for one in busy if one[0] < last]:
                busy.remove(one)
                free[one[1]].append(one[2])
            kind = (group.home, value.shape, value.type)
            if not free[kind]:
                free[kind].append(len(self.made))
                self.made.append((value.shape, value.type))
            number = own[value] = self.of[op] = free[kind].pop()
            busy.append((group.end, kind, number))

    def _may_write(self, op: ArrayCall, value: Value, group: Group, loops: tuple[Any, ...]) -> bool:
        """Whether nothing else can be in the array of a value where a call writes into it."""
        last = max(at for at, _ in self._defined[value])
        if len(self._defined[value]) > 1 and any(
            at <= last or around != group.home for at, around in self._aliased[value]
        ):
            return False
        return loops == group.home or (op.function is np.add and op.args[0] is value)


def _is_by_element(op: ArrayCall) -> bool:
    return isinstance(op.function, np.ufunc) and op.function.signature is None


def _scattered(function: Function, by_rows: bool) -> set[Value]:
    """The values whose elements may not lie row by row, as those of the arrays made here do.

    What NumPy computes depends on that, in the last digit.
    """
    found: set[Value] = set()

    def see(values: Iterable[Any], may: bool) -> None:
        if may:
            found.update(v for v in values if sum(size > 1 for size in v.shape) > 1)

    def any_of(operands: Any) -> bool:
        return not found.isdisjoint(values_in(operands))

    see([] if by_rows else function.params, True)
    size = -1
    while len(found) > size:
        size = len(found)
        for op in everything(function.body):
            if isinstance(op, ArrayCall):
                product = isinstance(op.function, np.ufunc) and op.function.signature
                see(op.outs, not product and (not op.rows or any_of([op.args, op.named])))
            elif isinstance(op, Move):
                see([op.out], any_of(op.source))
            elif isinstance(op, If):
                for k, out in enumerate(op.outs):
                    see([out], any_of([op.then.yields[k], op.otherwise.yields[k]]))
            elif isinstance(op, Loop):
                for k, (param, out) in enumerate(zip(op.body.params, op.outs, strict=True)):
                    see([param, out], any_of([op.inits[k], op.body.yields[k]]))
    return found
