"""What a program and its way back compute twice is computed once; no digit changes by that.

What a loop computes anew in every turn comes before it, and a minus sign goes to where it costs
nothing: `a + -b` is `a - b`, and `-a * b` the negative of `a * b`, in every bit.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    Apply,
    Loop,
    Move,
    Region,
    Value,
    defined_by,
    everything,
    made_by,
    reads,
    regions,
    replace_in,
    replace_reads,
    writes,
    yielded,
)
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.compiler.form import Operand

ADD, SUB, NEG = TABLE["add"], TABLE["sub"], TABLE["neg"]
PRODUCTS = (TABLE["mul"], TABLE["div"])
COMMUTE = (TABLE["mul"], ADD)


def simplify(body: Region, results: Sequence[Operand]) -> list[Operand]:
    """Simplifies a function's body, and gives its results as they are called now."""
    made: Counter[Value] = Counter()
    times_read: Counter[Operand] = Counter([*results, *body.yields])
    for op in everything(body):
        made.update(_set_by(op))
        times_read.update(reads(op))
        times_read.update(yielded(op))
    renamed: dict[Operand, Value] = {}
    names = _localise(body, made, times_read, renamed)
    results = [_called_now(result, names, renamed) for result in results]
    found = _Simplifier(body, results)
    found.region(body, {})
    return [found.of(result) for result in results]


def _set_by(op: Any) -> list[Value]:
    return [*writes(op), *defined_by(op)] if regions(op) else writes(op)


def _localise(  # recurses: the program's blocks
    region: Region,
    made: Counter[Value],
    times_read: Counter[Operand],
    renamed: dict[Operand, Value],
) -> dict[Operand, Value]:
    """Gives a sum that goes on in the same region a name of its own at each of its steps.

    What is only another name goes; what is called otherwise at the end of the region is given.

    Args:
        renamed: what is called otherwise wherever it is read: on the way back of a branch too.
    """
    goes_on: set[Any] = set()
    later: set[Value] = set()
    for op in reversed(region.ops):
        if isinstance(op, (Apply, Move)):
            if op.out in later:
                goes_on.add(op)
            elif made[op.out] > 1:
                later.add(op.out)
        elif regions(op):
            for inner in everything(Region(ops=[op])):
                later.difference_update(_set_by(inner))
    names: dict[Operand, Value] = {}

    def new(operand: Operand) -> Operand:
        return _called_now(operand, names, renamed)

    ops, region.ops = region.ops, []
    steady = _steady(ops, made, times_read, goes_on)
    for op in ops:
        replace_reads(op, new)
        if isinstance(op, (Apply, Move)):
            names.pop(op.out, None)
            if isinstance(op, Move) and _is_renaming(op, made, steady):
                op.source.name = op.source.name or op.out.name
                (renamed if made[op.source] <= 1 else names)[op.out] = op.source
                continue
            if op in goes_on:
                names[op.out] = op.out = Value(op.out.type)
        for inner in regions(op):
            if names:
                replace_in(inner, new)
            last = _localise(inner, made, times_read, renamed)
            if isinstance(op, Loop):  # the body comes last
                op.leave = _called_now(op.leave, last, renamed)
        region.ops.append(op)
    region.yields[:] = map(new, region.yields)
    return names


def _called_now(operand: Operand, *names: dict[Operand, Value]) -> Operand:
    if isinstance(operand, Value):
        for one in names:
            operand = one.get(operand, operand)
    return operand


def _is_renaming(op: Move, made: Counter[Value], steady: set[Any]) -> bool:
    """Whether a move gives a value its first name, and the value stays."""
    source = op.source
    if not isinstance(source, Value) or source.type != op.out.type or made[op.out] > 1:
        return False
    return (made[source] <= 1 or op in steady) and not (source.name and op.out.name)


def _steady(
    ops: Sequence[Any], made: Counter[Value], times_read: Counter[Value], renamed: set[Any]
) -> set[Any]:
    """The names and negatives that are read before what they are of is set anew.

    Args:
        times_read: how often each value is read, anywhere.
        renamed: the operations that will set something else.
    """
    steady: set[Any] = set()
    left: dict[Operand, tuple[Any, int]] = {}
    waiting: dict[Operand, list[Value]] = {}
    for op in ops:
        for arg in reads(op):
            if arg in left:
                one, count = left.pop(arg)
                if count == 1:
                    steady.add(one)
                else:
                    left[arg] = one, count - 1
        if left and op not in renamed:
            for part in everything(Region(ops=[op])):
                for value in _set_by(part):
                    for out in waiting.pop(value, ()):
                        left.pop(out, None)
        if isinstance(op, Move) or (isinstance(op, Apply) and op.primitive is NEG):
            source = op.source if isinstance(op, Move) else op.args[0]
            if isinstance(source, Value) and made[source] > 1 and made[op.out] == 1:
                left[op.out] = op, times_read[op.out]
                waiting.setdefault(source, []).append(op.out)
    return steady


class _Simplifier:
    def __init__(self, body: Region, results: Sequence[Operand]) -> None:
        self._made: Counter[Value] = Counter()
        """How often a value is set; more than once are the adjoints that add up."""
        self._uses: dict[Value, list[tuple[Apply, int]]] = {}
        self._firm: set[Operand] = {*results, *body.yields}
        """What is read by more than arithmetic, which might take it with the other sign."""
        self._same: dict[Value, Operand] = {}
        self._negative: dict[Value, Value] = {}
        """The values that are another one's negative, or would be if anything computed them."""
        self._free: dict[Value, bool] = {}
        self._reads: Counter[Operand] = Counter()
        self._stays: set[Any] = set()
        """The negatives of what does not change before they are read."""
        self._version: Counter[Value] = Counter()
        """How often a value has been set, or may have been, as far as this has come."""
        for op in everything(body):
            self._made.update(_set_by(op))
            self._reads.update(reads(op))
            self._reads.update(yielded(op))
            if isinstance(op, Apply):
                for position, arg in enumerate(op.args):
                    if isinstance(arg, Value):
                        self._uses.setdefault(arg, []).append((op, position))
            else:
                self._firm.update(reads(op))
                self._firm.update(yielded(op))

    def of(self, operand: Operand) -> Operand:
        return self._same.get(operand, operand) if isinstance(operand, Value) else operand

    def region(self, region: Region, known: dict[Any, Value]) -> None:  # recurses: the blocks
        """Simplifies a region; `known` are the expressions that have been computed before it."""
        ops: list[Any] = []
        self._stays |= _steady(region.ops, self._made, self._reads, set())
        for op in region.ops:
            replace_reads(op, self.of)
            if isinstance(op, Apply):
                self._apply(op, known, ops)
                continue
            if isinstance(op, Move) and self._is_known(op.out, ("", op.out.type, op.source), known):
                continue
            inside = [value for part in everything(Region(ops=[op])) for value in _set_by(part)]
            self._version.update(inside)
            for inner in regions(op):
                self.region(inner, dict(known))
            self._version.update(inside)
            if isinstance(op, Loop):
                op.leave = self.of(op.leave)
                ops += _taken_out(op, self._made)
            ops.append(op)
        region.ops = ops
        region.yields[:] = map(self.of, region.yields)

    def _is_known(self, out: Value, expression: Sequence[Any], known: dict[Any, Value]) -> bool:
        """Whether an expression was computed before; remembers it if not."""
        if self._made[out] > 1:
            self._version[out] += 1
            return False
        # 0.0 is no -0.0, and 1.0 no 1.
        key = tuple(
            (one, self._version[one]) if isinstance(one, Value) else repr(one) for one in expression
        )
        if key in known:
            self._same[out] = known[key]
            return True
        known[key] = out
        return False

    # ── signs ─────────────────────────────────────────────────────────────────────────

    def _apply(self, op: Apply, known: dict[Any, Value], ops: list[Any]) -> None:
        if op.out.type == "float":
            negative = [
                arg in self._negative and self._takes_either(op, position)
                for position, arg in enumerate(op.args)
            ]
            if op.primitive is NEG and self._is_dropped(op):
                return
            if any(negative):
                op.args = tuple(
                    [
                        self.of(self._negative[arg]) if flipped else arg
                        for arg, flipped in zip(op.args, negative, strict=True)
                    ]
                )
                self._with_signs(op, negative, ops)
        key: Sequence[Any] = (op.primitive.name, *op.args)
        if op.primitive in COMMUTE:
            key = (op.primitive.name, *sorted(op.args, key=_order))
        if not self._is_known(op.out, key, known):
            ops.append(op)

    def _is_dropped(self, op: Apply) -> bool:
        """Whether nothing need compute a negative."""
        (arg,) = op.args
        if not isinstance(arg, Value):
            return False
        if arg in self._negative:
            self._same[op.out] = self.of(self._negative[arg])
            return self._made[op.out] == 1
        if self._made[op.out] == 1 and (self._made[arg] <= 1 or op in self._stays):
            self._negative[op.out] = arg
            return self._is_free(op.out)
        return False

    def _with_signs(self, op: Apply, negative: list[bool], ops: list[Any]) -> None:
        """Has an operation take positives for negatives."""
        if op.primitive in PRODUCTS:
            if negative[0] != negative[-1]:
                self._negative[op.out] = positive = Value("float")
                op.out = positive
        elif op.primitive is ADD:
            if negative[0] and negative[1]:
                first = Value("float")
                ops.append(Apply(first, NEG, op.args[:1], op.span))
                op.args = (first, op.args[1])
            elif negative[0]:
                op.args = op.args[::-1]
            op.primitive = SUB
        else:
            op.primitive = ADD

    def _is_free(self, value: Value) -> bool:  # recurses: an expression
        """Whether all that reads a value takes it as well with the other sign."""
        if value not in self._free:
            self._free[value] = (
                self._made[value] == 1
                and value not in self._firm
                and all(self._takes_either(op, at) for op, at in self._uses.get(value, ()))
            )
        return self._free[value]

    def _takes_either(self, op: Apply, position: int) -> bool:
        if op.primitive is SUB:
            return position == 1 and op.args[0] is not op.args[1]
        if op.primitive in PRODUCTS:
            return self._is_free(op.out)
        return op.primitive in (ADD, NEG)


def _order(operand: Operand) -> tuple[int, str]:
    return (id(operand), "") if isinstance(operand, Value) else (0, repr(operand))


def _taken_out(loop: Loop, made: Counter[Value]) -> list[Any]:
    """The operations that come to the same in every turn; the loop has them no longer."""
    inside = made_by(loop)
    taken = []
    for op in loop.body.ops:
        if (
            isinstance(op, Apply)
            and op.primitive.python
            and op.out.type == "float"
            and made[op.out] == 1
            and inside.isdisjoint(arg for arg in op.args if isinstance(arg, Value))
        ):
            inside.discard(op.out)
            taken.append(op)
    loop.body.ops = [op for op in loop.body.ops if op not in taken]
    return taken
