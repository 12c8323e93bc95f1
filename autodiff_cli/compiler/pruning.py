"""Drops what nothing uses: operations, values that loops carry, and what branches hand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    AddAt,
    Apply,
    ArrayCall,
    Call,
    Check,
    Function,
    If,
    Loop,
    Move,
    Note,
    Print,
    Region,
    Uncall,
    Unwind,
    Value,
    called,
    callee,
    reads,
    regions,
    with_ways_back,
)
from autodiff_cli.compiler.tape import needs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def prune(function: Function, also: Sequence[Any] = ()) -> None:
    """Keeps what the results are made of, and what checks, prints, or may never end.

    Args:
        also: what is kept besides.
    """
    functions = with_ways_back(called(function.body))
    live = _Live(function, functions)
    live.need(function.body.yields)
    live.need(also)
    live.settle()
    for one in functions:
        _narrow(one, live)
    lost: dict[Value, Value] = {}
    for one in (function, *functions):
        _drop(one.body, live)
        _trim(one.body, lost)
    for one in functions:
        if one.back is not None:
            one.saved = _still(one.saved, one.back.body, lost)


class _Live:
    """What is used.

    Attributes:
        kept: operations that stay.
        calls: those of each function, and of its way back.
    """

    def __init__(self, program: Function, functions: Sequence[Function]) -> None:
        self.values: set[Value] = set()
        self.kept: set[Any] = set()
        self._makers: dict[Value, list[tuple[Any, int]]] = {}
        self._around: dict[Any, Any] = {}
        self._pending: list[Value] = []
        self._roots: list[Any] = []
        self.calls: dict[Function, list[Any]] = {one: [] for one in functions}
        self._index(program.body, None)
        for one in functions:
            for k, param in enumerate(one.params):
                self._made(param, one, k)
            self._index(one.body, None)
        for op in self._roots:
            self._keep(op)

    def _index(self, region: Region, around: Any) -> None:  # recurses: the program's blocks
        for op in region.ops:
            self._around[op] = around
            if isinstance(op, (Apply, Move, AddAt)):
                self._made(op.out, op, 0)
            elif isinstance(op, ArrayCall):
                for out in op.outs:
                    self._made(out, op, 0)
            elif isinstance(op, (Check, Note, Print)):
                self._roots.append(op)
            elif isinstance(op, If):
                for k, out in enumerate(op.outs):
                    self._made(out, op, k)
            elif isinstance(op, (Call, Uncall)):
                self._roots.append(op)
                self.calls[callee(op)].append(op)
                for k, out in enumerate(op.outs):
                    self._made(out, op, k)
            elif isinstance(op, Loop):
                for k, (out, param) in enumerate(zip(op.outs, op.body.params, strict=True)):
                    self._made(out, op, k)
                    self._made(param, op, k)
                for value in (op.trips, op.tape, op.index):
                    if value is not None:
                        self._made(value, op, -1)
                if op.head is not None:
                    self._roots.append(op)
            for inner in regions(op):
                self._index(inner, op)

    def _made(self, value: Value, op: Any, k: int) -> None:
        self._makers.setdefault(value, []).append((op, k))

    def need(self, operands: Iterable[Any]) -> None:
        for operand in operands:
            if isinstance(operand, Value) and operand not in self.values:
                self.values.add(operand)
                self._pending.append(operand)

    def settle(self) -> None:
        while self._pending:
            value = self._pending.pop()
            for op, k in self._makers.get(value, ()):
                self._keep(op)
                if isinstance(op, If):
                    self.need([op.then.yields[k], op.otherwise.yields[k]])
                elif isinstance(op, (Call, Uncall)):
                    self.need([callee(op).body.yields[k]])
                elif isinstance(op, Function):
                    self.need(call.args[k] for call in self.calls[op])
                elif isinstance(op, Loop) and k >= 0:
                    self.need([op.inits[k], op.body.yields[k], op.body.params[k]])

    def _keep(self, op: Any) -> None:  # recurses: the program's blocks
        if op in self.kept or isinstance(op, Function):
            return
        self.kept.add(op)
        if isinstance(op, (Apply, ArrayCall, Move, AddAt)):
            self.need(reads(op))
        elif isinstance(op, Check):
            self.need([op.holds, op.fails, op.finite, op.where])
        elif isinstance(op, Print):
            self.need(op.parts)
        elif isinstance(op, If):
            self.need([op.condition])
        elif isinstance(op, Loop):
            self.need([op.start, op.stop, op.step, op.leave])
            if op.head is not None:
                self.need(op.head.yields)
        elif isinstance(op, Unwind):
            self.need([op.loop.tape or op.loop.trips])
        elif isinstance(op, Uncall) and op.call.tape is not None:
            self.need([op.call.tape])
        around = self._around[op]
        if around is not None:
            self._keep(around)


def _narrow(function: Function, live: _Live) -> None:
    """Has a function take and give what is used."""
    calls = live.calls[function]
    taken = [k for k, param in enumerate(function.params) if param in live.values]
    given = [
        k for k in range(len(function.body.yields)) if any(c.outs[k] in live.values for c in calls)
    ]
    function.params = [function.params[k] for k in taken]
    function.body.yields = [function.body.yields[k] for k in given]
    for call in calls:
        call.args = [call.args[k] for k in taken]
        call.outs = [call.outs[k] for k in given]


def _drop(region: Region, live: _Live) -> None:  # recurses: the program's blocks
    region.ops = [op for op in region.ops if op in live.kept]
    for op in region.ops:
        if isinstance(op, If):
            used = [k for k, out in enumerate(op.outs) if out in live.values]
            op.outs = [op.outs[k] for k in used]
            for way in (op.then, op.otherwise):
                way.yields = [way.yields[k] for k in used]
        elif isinstance(op, Loop):
            used = [
                k
                for k, (out, param) in enumerate(zip(op.outs, op.body.params, strict=True))
                if out in live.values or param in live.values
            ]
            op.inits = [op.inits[k] for k in used]
            op.outs = [op.outs[k] for k in used]
            op.body.params = [op.body.params[k] for k in used]
            op.body.yields = [op.body.yields[k] for k in used]
        for inner in regions(op):
            _drop(inner, live)


def _trim(region: Region, lost: dict[Value, Value]) -> None:  # recurses: the program's blocks
    """Has loops save no more than their ways back still read, inner ones first.

    Args:
        lost: of tapes that nothing is left on, how many turns the loop took.
    """
    for op in region.ops:
        for inner in regions(op):
            _trim(inner, lost)
        if isinstance(op, Unwind) and op.loop.tape is not None:
            op.loop.saved = _still(op.loop.saved, op.body, lost)
            if not op.loop.saved:
                lost[op.loop.tape] = op.loop.trips
                op.loop.tape = None


def _still(saved: Sequence[Value], body: Region, lost: dict[Value, Value]) -> list[Value]:
    needed = needs(body)
    return [value for value in (lost.get(one, one) for one in saved) if value in needed]
