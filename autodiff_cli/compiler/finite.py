"""Where a nan or an inf must be looked for, so that none is made that nobody hears of.

Most operations hand one on, and it is seen in the result. Only what can swallow one (a divisor,
a comparison, a choice, `exp` of -inf) has what it takes looked at.
"""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import Apply, Check, If, Loop, Move, Region, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.compiler.form import Function, Operand
    from autodiff_cli.engine.primitive import Primitive

ODD = (math.inf, -math.inf, math.nan)
SAMPLES = (-2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.5)
GROWING = frozenset(("add", "sub", "mul", "floordiv", "mod", "gated"))
"""Of the primitives that are exact on integers, those that may leave the floats."""


def add_checks(function: Function, raises: bool) -> None:
    """Inserts checks of what is not finite and could go unseen.

    Args:
        raises: the functions of Python's `math` are used, which raise where they make such.
    """
    _Checks(raises).follow(function.body, set(_floats(function.body.yields[:1])), insert=True)


def _floats(operands: Sequence[Operand]) -> list[Value]:
    return [o for o in operands if isinstance(o, Value) and o.type == "float"]


class _Checks:
    def __init__(self, raises: bool) -> None:
        self.raises = raises
        self._known: dict[Any, bool] = {}

    def follow(  # recurses: the program's blocks
        self, region: Region, seen: set[Value], insert: bool
    ) -> None:
        """Adds to `seen` the values that cannot be odd without its being seen.

        It begins with those whose oddness is seen after the region.
        """
        kept = []
        for op in reversed(region.ops):
            if isinstance(op, Apply) and op.out.type == "float":
                if self._may_make(op.primitive) and op.out not in seen:
                    kept.append(Check(finite=op.out))
                    seen.add(op.out)
                if op.out in seen:
                    for position, arg in enumerate(op.args):
                        if isinstance(arg, Value) and self._hands_on(op, position):
                            seen.add(arg)
            elif isinstance(op, Move) and op.out in seen:
                seen.update(_floats([op.source]))
            elif isinstance(op, If):
                for way in (op.then, op.otherwise):
                    inner = set(seen)
                    inner.update(
                        y
                        for y, out in zip(way.yields, op.outs, strict=True)
                        if isinstance(y, Value) and out in seen
                    )
                    self.follow(way, inner, insert)
            elif isinstance(op, Loop):
                self._follow_loop(op, seen, insert)
            kept.append(op)
        if insert:
            region.ops = kept[::-1]

    def _follow_loop(  # recurses: the program's blocks
        self, op: Loop, seen: set[Value], insert: bool
    ) -> None:
        body = op.body
        passing = {k for k, out in enumerate(op.outs) if out in seen}
        while True:
            inner = seen | set(_floats([body.yields[k] for k in passing]))
            self.follow(body, inner, insert=False)
            still = {k for k in passing if body.params[k] in inner}
            if still == passing:
                break
            passing = still
        inner = seen | set(_floats([body.yields[k] for k in passing]))
        self.follow(body, inner, insert)
        if op.head is not None:
            self.follow(op.head, set(inner), insert)
        seen.update(_floats([op.inits[k] for k in passing]))

    def _may_make(self, primitive: Primitive) -> bool:
        if primitive.exact:
            return primitive.name in GROWING
        return not (self.raises and getattr(primitive.scalar, "__module__", "") == "math")

    def _hands_on(self, op: Apply, position: int) -> bool:
        """Whether a nan or an inf at a position always makes one."""
        primitive = op.primitive
        constants = tuple(None if isinstance(a, Value) else a for a in op.args)
        key = (primitive.name, position, constants)
        if key not in self._known:
            easy = primitive.python or getattr(primitive.scalar, "__module__", "") == "math"
            self._known[key] = bool(easy) and _always_odd(primitive, position, constants)
        return self._known[key]


def _always_odd(primitive: Primitive, position: int, constants: Sequence[Any]) -> bool:
    choices = [
        ODD if at == position else (SAMPLES if known is None else (known,))
        for at, known in enumerate(constants)
    ]
    return not any(math.isfinite(primitive.guarded(*args)) for args in product(*choices))
