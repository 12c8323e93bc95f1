"""How many nodes and steps the interpreter would have counted, as numbers of the form.

What every turn of a loop adds is multiplied when the loop is over, and what differs between the
ways of an `if` is added on one of them only: counting is to cost next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff_cli.compiler.form import Apply, Move, Value
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.records import record

if TYPE_CHECKING:
    from autodiff_cli.compiler.form import If, Loop, Operand, Region


@record
class Count:
    """A number that grows as the program goes.

    Attributes:
        base: what it grows from.
        more: what has been added since.
        bits: conditions, each of which adds 1 where it is true.
        terms: numbers, each with how often it is added.
    """

    base: Operand = 0
    more: int = 0
    bits: tuple[Operand, ...] = ()
    terms: tuple[tuple[Value, int], ...] = ()

    def plus(self, more: int) -> Count:
        return Count(self.base, self.more + more, self.bits, self.terms)

    def plus_bit(self, bit: Operand) -> Count:
        return Count(self.base, self.more, (*self.bits, bit), self.terms)

    def plus_times(self, times: int, value: Operand) -> Count:
        """Also a number, several times."""
        if not isinstance(value, Value):
            return self.plus(times * value)
        if not times:
            return self
        return Count(self.base, self.more, self.bits, (*self.terms, (value, times)))


def total(count: Count, region: Region) -> Operand:
    """A count as a number, computed in a region."""
    found = count.base
    for value, times in [*((bit, 1) for bit in count.bits), *count.terms]:
        found = _sum(found, _times(times, value, region), region)
    return _sum(found, count.more, region) if count.more else found


def _times(times: int, value: Operand, region: Region) -> Operand:
    if times == 1 and value.type == "int":
        return value
    out = Value("int")
    made = Move(out, value) if times == 1 else Apply(out, TABLE["mul"], (times, value))
    region.ops.append(made)
    return out


def _sum(a: Operand, b: Operand, region: Region) -> Operand:
    if not isinstance(a, Value) and not isinstance(b, Value):
        return a + b
    if not isinstance(a, Value) and a == 0:
        return b
    out = Value("int")
    region.ops.append(Apply(out, TABLE["add"], (a, b)))
    return out


def after_if(op: If, one: Count, other: Count) -> Count:
    """The count where two ways meet, at whose ends it was `one` and `other`."""
    differ = one.base is not other.base or one.bits != other.bits or one.terms != other.terms
    if not differ and one.more == other.more:
        return one
    common = min(one.more, other.more)
    found = Value("int", _name_of(one.base) or _name_of(other.base))
    op.outs.append(found)
    for region, count in ((op.then, one), (op.otherwise, other)):
        region.yields.append(total(count.plus(-common), region))
    return Count(found, common)


def after_loop(
    before: Count,
    base: Value,
    count: Count,
    loop: Loop,
    late: set[Value],
    went_round: Operand,
    sums: dict[Value, Value],
) -> Count:
    """The count after a loop, of whose body it is `count` at the end if it is `base` at first.

    Args:
        late: the conditions that are false in the first turn, and true in all others.
        went_round: whether there was one; of use where any such condition is counted.
        sums: the sums over all turns of numbers that turns add, so far.
    """
    trips = loop.turns if loop.leave is False and loop.turns is not None else loop.trips
    once = tuple(bit for bit in count.bits if bit in late)
    bits = tuple(bit for bit in count.bits if bit not in late)
    after = before
    if count.base is not base or bits:
        found = carried(loop, base, before.base, total(Count(count.base, 0, bits), loop.body))
        after = Count(found, before.more, before.bits, before.terms)
    after = after.plus_times(count.more + len(once), trips)
    if once:
        after = after.plus_times(-len(once), went_round)  # not in the first turn
    for value, times in count.terms:
        if value not in sums:
            so_far = Value("int")
            added = _sum(so_far, value, loop.body)
            sums[value] = carried(loop, so_far, 0, added)
        after = after.plus_times(times, sums[value])
    return after


def after_head(before: Count, count: Count, loop: Loop, broke: Operand) -> Count:
    """The count after a loop whose condition adds `count` whenever it is looked at.

    That is once more than it went round, unless a turn ended it; a bit is false at first.
    """
    each = count.more + len(count.bits)
    after = before.plus(count.more).plus_times(each, loop.trips)
    return after if broke is False else after.plus_times(-each, broke)


def carried(loop: Loop, param: Value, init: Operand, end: Operand) -> Value:
    """Has a loop carry another number, whose value after it is given."""
    out = Value(param.type, param.name)
    loop.inits.append(init)
    loop.body.params.append(param)
    loop.body.yields.append(end)
    loop.outs.append(out)
    return out


def _name_of(operand: Operand) -> str:
    return operand.name if isinstance(operand, Value) else ""
