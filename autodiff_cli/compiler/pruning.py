"""Drops what nothing uses: operations, values that loops carry, and what branches hand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    Apply,
    Check,
    If,
    Loop,
    Move,
    Note,
    Print,
    Region,
    Unwind,
    Value,
    regions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autodiff_cli.compiler.form import Function


def prune(function: Function, also: Sequence[Any] = ()) -> None:
    """Keeps what the results are made of, and what checks, prints, or may never end.

    Args:
        also: what is kept besides.
    """
    live = _Live(function.body)
    live.need(function.body.yields)
    live.need(also)
    live.settle()
    _drop(function.body, live)


class _Live:
    """What is used.

    Attributes:
        kept: operations that stay.
    """

    def __init__(self, body: Region) -> None:
        self.values: set[Value] = set()
        self.kept: set[Any] = set()
        self._makers: dict[Value, list[tuple[Any, int]]] = {}
        self._around: dict[Any, Any] = {}
        self._pending: list[Value] = []
        self._roots: list[Any] = []
        self._index(body, None)
        for op in self._roots:
            self._keep(op)

    def _index(self, region: Region, around: Any) -> None:  # recurses: the program's blocks
        for op in region.ops:
            self._around[op] = around
            if isinstance(op, (Apply, Move)):
                self._made(op.out, op, 0)
            elif isinstance(op, (Check, Note, Print)):
                self._roots.append(op)
            elif isinstance(op, If):
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
                elif isinstance(op, Loop):
                    if k >= 0:
                        self.need([op.inits[k], op.body.yields[k], op.body.params[k]])
                    elif value is op.tape:
                        self.need(op.saved)

    def _keep(self, op: Any) -> None:  # recurses: the program's blocks
        if op in self.kept:
            return
        self.kept.add(op)
        if isinstance(op, Apply):
            self.need(op.args)
        elif isinstance(op, Move):
            self.need([op.source])
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
        around = self._around[op]
        if around is not None:
            self._keep(around)


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
