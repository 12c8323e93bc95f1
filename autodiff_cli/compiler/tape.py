"""What the turns of a loop keep for the way back, and what that computes again.

To compute a sum again costs less than to write it down and read it, and far less where what is
written is an object of Python's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    Apply,
    If,
    Region,
    Unwind,
    Value,
    called,
    everything,
    made_by,
    made_in,
    reads,
    regions,
    replace_in,
    values_of,
)

if TYPE_CHECKING:
    from autodiff_cli.compiler.form import Function, Operand


def save(body: Region, lean: bool) -> None:  # recurses: the program's blocks
    """Has every loop save what its way back reads of it, inner loops first."""
    for op in body.ops:
        for region in regions(op):
            save(region, lean)
        if isinstance(op, Unwind):
            op.loop.saved = _Again(op.loop.body, op.body, made_by(op.loop)).saved()
            if op.loop.saved:
                op.loop.tape = Value("tape", "tape")


def save_for_way_back(program: Function, lean: bool) -> None:
    """Has a program and the functions that it calls save what their ways back read."""
    for one in called(program.body):
        save_of_call(one, lean)
    save(program.body, lean)


def save_of_call(function: Function, lean: bool) -> None:
    """Has a function save what its way back reads of a call."""
    if function.back is not None:
        back = function.back.body
        save(back, lean)
        made = {*function.params, *made_in(function.body)}
        function.saved = _Again(function.body, back, made).saved()


class _Again:
    """Chooses what a way back computes again of a turn, or a call."""

    def __init__(self, body: Region, back: Region, made: set[Value]) -> None:
        self.back = back
        self.made = made
        self._kept: dict[Value, None] = {}
        self._makers: dict[Value, tuple[Apply, Region]] = {}
        """Of what is cheap to compute: how, and where on the way back."""
        ways = {one.way_back_of: one for one in everything(back) if isinstance(one, If)}
        self._find(body, back, ways)

    def _find(  # recurses: the program's blocks
        self, region: Region, back: Region, ways: dict[Any, If]
    ) -> None:
        for op in region.ops:
            if isinstance(op, Apply) and op.primitive.python and not op.out.shape:
                self._makers[op.out] = op, back
            elif isinstance(op, If) and op in ways:
                self._find(op.then, ways[op].then, ways)
                self._find(op.otherwise, ways[op].otherwise, ways)

    def saved(self) -> list[Value]:
        """What is to be saved; all else that is needed is computed again."""
        needed = [value for value in needs(self.back) if value in self.made]
        self._kept = dict.fromkeys(value for value in needed if value not in self._makers)
        there = set(self._kept)
        again: dict[int, tuple[Region, list[Apply]]] = {}
        wanted = set(needed)
        names: dict[Operand, Value] = {}
        for value, (maker, region) in self._makers.items():
            if value not in wanted:
                continue
            there.add(value)
            if all(arg in there or arg not in self.made for arg in values_of(maker.args)):
                ops = again.setdefault(id(region), (region, []))[1]
                ops.append(Apply(value, maker.primitive, maker.args, maker.span))
                names[value] = Value(value.type, value.name)
            else:
                self._kept[value] = None
        for region, ops in again.values():
            region.ops[:0] = ops
        replace_in(self.back, lambda one: names.get(one, one) if isinstance(one, Value) else one)
        for _, ops in again.values():
            for op in ops:
                op.out = names[op.out]
        return list(self._kept)


def needs(region: Region) -> dict[Value, None]:  # recurses: the program's blocks
    """What operations read, but for what they have from the tapes of loops among them."""
    needed: dict[Value, None] = {}
    for op in region.ops:
        if isinstance(op, Unwind):
            loop = op.loop
            needed[loop.tape or loop.trips] = None
            made = made_by(loop)
            needed.update((value, None) for value in needs(op.body) if value not in made)
            continue
        needed.update(dict.fromkeys(values_of(reads(op))))
        for inner in regions(op):
            needed.update(needs(inner))
    return needed
