"""Where a nan or an inf must be looked for, so that none is made that nobody hears of.

Most operations hand one on, and it is seen in the result. Only what can swallow one (a divisor,
a comparison, a choice, `exp` of -inf) has what it takes looked at, unless that is known to be
too small: in a loop, what comes from outside of it is looked at once, and taken for small then.
"""

from __future__ import annotations

import math
import sys
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from autodiff_cli.compiler.form import (
    Apply,
    Call,
    Check,
    If,
    Loop,
    Move,
    Print,
    Region,
    Value,
    called,
    is_array,
    regions,
    writes,
)
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.compiler.form import Function, Operand
    from autodiff_cli.engine.primitive import Primitive

ODD = (math.inf, -math.inf, math.nan)
SAMPLES = (-2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5)
SMALL = 1e75
"""What a program computes with is mostly smaller; its fourth power is finite."""
LARGEST = 1e300
"""What is known to be no larger is finite, whatever the rounding of the bounds."""


class Size(NamedTuple):
    """What is known of a number: |x| is at least, and at most."""

    least: float = 0.0
    most: float = sys.float_info.max


def add_checks(function: Function, raises: bool, results: int = 1) -> set[Value]:
    """Inserts checks of what is not finite and could go unseen; gives what cannot.

    Args:
        raises: the functions of Python's `math` are used, which raise where they make such.
        results: how many of the function's results are looked at.
    """
    checks = _Checks(raises)
    functions = called(function.body)
    for one in (function, *functions):
        checks.measure(one)
    # What of functions' results and parameters is seen is what all agree on that take it to be so.
    checks.through = {end for one in functions for end in _ends(one)}
    while True:
        before = set(checks.through)
        _follow_all(checks, function, functions, results, insert=False)
        if checks.through == before:
            break
    seen = _follow_all(checks, function, functions, results, insert=True)
    for one in (function, *functions):
        _add_guards(one, checks.relied_on)
    return seen


def _ends(function: Function) -> list[tuple[Function, str, int]]:
    """What a function takes and gives."""
    return [
        *((function, "takes", k) for k in range(len(function.params))),
        *((function, "gives", k) for k in range(len(function.body.yields))),
    ]


def _follow_all(
    checks: _Checks,
    program: Function,
    functions: Sequence[Function],
    results: int,
    insert: bool,
) -> set[Value]:
    of_program = set(_floats(program.body.yields[:results]))
    checks.follow(program.body, of_program, insert)
    for one in functions:
        yields = one.body.yields
        passing = [y for k, y in enumerate(yields) if (one, "gives", k) in checks.through]
        seen = set(_floats(passing))
        checks.follow(one.body, seen, insert)
        for k, param in enumerate(one.params):
            if param not in seen:
                checks.through.discard((one, "takes", k))
    return of_program


def _floats(operands: Sequence[Operand]) -> list[Value]:
    return [o for o in operands if isinstance(o, Value) and o.type == "float"]


class _Checks:
    """What is known of the values of a function, for one who reads it backwards.

    Attributes:
        relied_on: what has been taken for small, of values that no loop defines.
    """

    def __init__(self, raises: bool) -> None:
        self.raises = raises
        self.relied_on: set[Value] = set()
        self._known: dict[Any, bool] = {}
        self.through: set[tuple[Function, str, int]] = set()
        """Of what functions take and give, what cannot be odd without its being seen."""
        self._sizes: dict[Operand, Size] = {}
        self._if_small: dict[Operand, tuple[Size, frozenset[Value]]] = {}
        """The sizes of what loops compute, if what they rest on is small."""

    # ── how large a value may be ──────────────────────────────────────────────────────

    def measure(self, function: Function) -> None:
        """Finds the sizes of all values, from the operands to the results."""
        for param in function.params:
            if not param.shape:
                self._may_be_small(param)
        self._measure(function.body, in_loop=False)

    def _may_be_small(self, value: Value) -> None:
        self._if_small[value] = Size(most=SMALL), frozenset((value,))

    def _measure(self, region: Region, in_loop: bool) -> None:  # recurses: the program's blocks
        for op in region.ops:
            if isinstance(op, Apply) and not op.is_of_arrays:
                self._set(op.out, op.primitive, op.args)
            elif isinstance(op, Move) and isinstance(op.source, Value):
                self._set(op.out, TABLE["identity"], (op.source,))
            elif isinstance(op, If):
                self._measure(op.then, in_loop)
                self._measure(op.otherwise, in_loop)
            elif isinstance(op, Loop):
                if op.index is not None and op.turns is not None:
                    most = float(max(abs(op.start), abs(op.stop)))
                    self._sizes[op.index] = Size(most=most)
                    self._if_small[op.index] = Size(most=most), frozenset()
                for inner in regions(op):
                    self._measure(inner, in_loop=True)
            if not in_loop and isinstance(op, (Apply, Call, Loop)):
                for value in [op.out] if isinstance(op, Apply) else op.outs:
                    if not value.shape and self._if_small.get(value, (Size(),))[0].most > SMALL:
                        self._may_be_small(value)

    def _set(self, out: Value, primitive: Primitive, args: Sequence[Operand]) -> None:
        self._sizes[out] = Size(most=bound(primitive, [self._size(arg) for arg in args]))
        rests: frozenset[Value] = frozenset()
        sizes = []
        for arg in args:
            size, on = self._if_small.get(arg) or (self._size(arg), rests)
            sizes.append(size)
            rests |= on
        self._if_small[out] = Size(most=bound(primitive, sizes)), rests

    def _size(self, operand: Operand) -> Size:
        if not isinstance(operand, Value):
            return Size(abs(operand), abs(operand))
        return self._sizes.get(operand, Size())

    # ── what is seen ──────────────────────────────────────────────────────────────────

    def follow(  # recurses: the program's blocks
        self, region: Region, seen: set[Value], insert: bool, in_loop: bool = False
    ) -> None:
        """Adds to `seen` the values that cannot be odd without its being seen.

        It begins with those whose oddness is seen after the region.
        """
        kept: list[Any] = []
        together: list[Value] = []
        for op in reversed(region.ops):
            if isinstance(op, (Call, Loop, Print)):
                together = []
            if isinstance(op, Apply) and op.out.type == "float":
                if op.out not in seen and self._may_make(op, in_loop, insert):
                    if not together:
                        kept.append(together)
                    together.append(op.out)
                    seen.add(op.out)
                if op.out in seen:
                    for position, arg in enumerate(op.args):
                        if isinstance(arg, Value) and self._hands_on(op, position):
                            seen.add(arg)
            elif isinstance(op, Move) and op.out in seen:
                seen.update(_floats([op.source]))
            elif isinstance(op, If):
                self._follow_if(op, seen, insert, in_loop)
            elif isinstance(op, Loop):
                kept += self._follow_loop(op, seen, insert)
            elif isinstance(op, Call):
                for k, out in enumerate(op.outs):
                    if out not in seen:
                        self.through.discard((op.function, "gives", k))
                taken = [
                    a for k, a in enumerate(op.args) if (op.function, "takes", k) in self.through
                ]
                seen.update(_floats(taken))
            kept.append(op)
        if insert:
            region.ops = []
            for op in reversed(kept):
                region.ops += _check_of(op) if isinstance(op, list) else [op]

    def _follow_if(  # recurses: the program's blocks
        self, op: If, seen: set[Value], insert: bool, in_loop: bool
    ) -> None:
        ends = []
        for way in (op.then, op.otherwise):
            inner = set(seen)
            passed = zip(way.yields, op.outs, strict=True)
            inner.update(y for y, out in passed if isinstance(y, Value) and out in seen)
            self.follow(way, inner, insert, in_loop)
            ends.append(inner)
        seen |= ends[0] & ends[1]

    def _follow_loop(  # recurses: the program's blocks
        self, op: Loop, seen: set[Value], insert: bool
    ) -> list[list[Value]]:
        """Gives what is to be looked at after the loop.

        Where each turn hands what it carries on to the next, that need only be looked at when
        all turns are over.
        """
        body = op.body
        passing = {k for k, out in enumerate(op.outs) if out.type == "float"}
        while True:
            inner = seen | set(_floats([body.yields[k] for k in passing]))
            self.follow(body, inner, insert=False, in_loop=True)
            still = {k for k in passing if body.params[k] in inner}
            if still == passing:
                break
            passing = still
        inner = seen | set(_floats([body.yields[k] for k in passing]))
        self.follow(body, inner, insert, in_loop=True)
        if op.head is not None:
            self.follow(op.head, set(inner), insert, in_loop=True)
        unseen = [op.outs[k] for k in sorted(passing) if op.outs[k] not in seen]
        seen.update(_floats([op.inits[k] for k in passing]))
        return [unseen] if unseen else []

    def _may_make(self, op: Apply, in_loop: bool, insert: bool) -> bool:
        """Whether an operation on numbers that are finite may come to one that is not."""
        primitive = op.primitive
        if op.is_of_arrays:
            # What NumPy makes of finite numbers it tells of, but for products of matrices.
            return primitive.sums and primitive.multiplies
        if self.raises and getattr(primitive.scalar, "__module__", "") == "math":
            return False
        if self._sizes[op.out].most <= sys.float_info.max:
            return False
        size, rests = self._if_small[op.out]
        if in_loop and size.most < LARGEST:
            if insert:
                self.relied_on |= rests
            return False
        return True

    def _hands_on(self, op: Apply, position: int) -> bool:
        """Whether a nan or an inf at a position always makes one."""
        primitive = op.primitive
        if primitive.kind != "elementwise" and op.is_of_arrays:
            whole = primitive.kind == "reduction" or primitive.multiplies
            return primitive.sums and whole and not primitive.variadic
        constants = tuple(None if isinstance(a, Value) or is_array(a) else a for a in op.args)
        key = (primitive.name, position, constants)
        if key not in self._known:
            easy = primitive.sign or getattr(primitive.scalar, "__module__", "") == "math"
            self._known[key] = bool(easy) and _always_odd(primitive, position, constants)
        return self._known[key]


def _always_odd(primitive: Primitive, position: int, constants: Sequence[Any]) -> bool:
    choices = [
        ODD if at == position else (SAMPLES if known is None else (known,))
        for at, known in enumerate(constants)
    ]
    return not any(math.isfinite(primitive.guarded(*args)) for args in product(*choices))


def bound(primitive: Primitive, sizes: Sequence[Size]) -> float:
    """The most that a value can be; inf where it may be inf or nan."""
    rule = primitive.bound
    if rule is None:
        known = [size.most for size in sizes if size.most < math.inf]
        return max(known, default=0.0) + 1.0 if primitive.exact else math.inf
    return rule(*sizes) if callable(rule) else rule


def _check_of(values: Sequence[Value]) -> list[Any]:
    """Looks at several numbers at once: their sum is odd if any is."""
    ops: list[Any] = [Check(finite=value) for value in values if value.shape]
    numbers = [value for value in values if not value.shape]
    if not numbers:
        return ops
    total = numbers[-1]
    for value in reversed(numbers[:-1]):
        both = Value("float")
        ops.append(Apply(both, TABLE["add"], (total, value)))
        total = both
    return [*ops, Check(finite=total)]


def _add_guards(function: Function, values: set[Value]) -> None:
    """Has it checked that values are small, as soon as they are there."""
    ops: list[Any] = []

    def guard(value: Value) -> None:
        if value in values:
            size, holds = Value("float"), Value("bool")
            ops.append(Apply(size, TABLE["abs"], (value,)))
            ops.append(Apply(holds, TABLE["less"], (size, SMALL)))
            ops.append(Check(holds=holds))

    for param in function.params:
        guard(param)
    for op in function.body.ops:
        ops.append(op)
        for value in writes(op):
            guard(value)
    function.body.ops = ops
