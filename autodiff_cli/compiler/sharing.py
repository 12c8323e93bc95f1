"""Which values share a variable where every assignment takes time, as it does in Python.

What an `if` comes to at the end of a turn is what the next turn begins with: it is written there
at once. For that a turn keeps what it saves as soon as it has it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    If,
    Loop,
    Region,
    Value,
    everything,
    reads,
    values_in,
    writes,
    yielded,
)

if TYPE_CHECKING:
    from autodiff_cli.compiler.form import Operand


def turn_parts(loop: Loop) -> tuple[Region, Region]:
    """The operations of a turn up to the last that sets what it saves, and those after it."""
    ops, saved = loop.body.ops, set(loop.saved).difference(loop.body.params)
    end = len(ops)
    while end and saved.isdisjoint(_set_in(ops[end - 1])):
        end -= 1
    return Region(ops=ops[:end]), Region(ops=ops[end:])


def share_variables(body: Region) -> None:
    """Has results of branches be the values that loops carry, where nothing else needs both."""
    times_read: Counter[Operand] = Counter(values_in(body.yields))
    for op in everything(body):
        times_read.update(values_in(reads(op)))
        times_read.update(values_in(yielded(op)))
        if isinstance(op, Loop):
            times_read.update(op.saved)
    for op in everything(body):
        if isinstance(op, Loop):
            _share(op, times_read)


def _share(loop: Loop, times_read: Counter[Operand]) -> None:
    ops, yields = loop.body.ops, loop.body.yields
    saving = len(turn_parts(loop)[0].ops)
    for at in range(len(ops) - 1, saving - 1, -1):
        op = ops[at]
        if not isinstance(op, If):
            continue
        later = {*_read_in(Region(ops=ops[at + 1 :])), loop.leave}
        for k, (param, end) in enumerate(zip(loop.body.params, yields, strict=True)):
            if param.shape or end not in op.outs or times_read[end] != 1 or param in later:
                continue
            if any(param is other for j, other in enumerate(yields) if j != k):
                continue
            op.outs[op.outs.index(end)] = yields[k] = param


def _set_in(op: Any) -> set[Value]:
    return {value for inner in everything(Region(ops=[op])) for value in writes(inner)}


def _read_in(region: Region) -> set[Operand]:
    found: set[Operand] = set()
    for op in everything(region):
        found.update(values_in(reads(op)))
        found.update(values_in(yielded(op)))
    return found
