"""What values of a form depend on which others: through branches, turns of loops, and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    Apply,
    Call,
    If,
    Loop,
    Move,
    Uncall,
    Unwind,
    Value,
    callee,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autodiff_cli.compiler.form import Function, Operand, Region


def reached(
    bodies: Sequence[Region],
    seeds: Iterable[Value],
    carries: Callable[[Apply | Move, set[Value]], bool],
) -> set[Value]:
    """What depends on the seeds, in some turn or on some way, in a program and its functions.

    Args:
        bodies: of the program, and of the functions that it calls.
        carries: whether what an operation makes depends on them, as what is found so far does.
    """
    found = set(seeds)

    def follow(region: Region) -> None:  # recurses: the program's blocks
        for op in region.ops:
            if isinstance(op, (Apply, Move)):
                if carries(op, found):
                    found.add(op.out)
            elif isinstance(op, If):
                follow(op.then)
                follow(op.otherwise)
                hand_on(op.then.yields, op.outs)
                hand_on(op.otherwise.yields, op.outs)
            elif isinstance(op, Loop):
                hand_on(op.inits, op.body.params)
                turns(op)
                hand_on(op.body.params, op.outs)
            elif isinstance(op, Unwind):
                turns(op)
            elif isinstance(op, (Call, Uncall)):
                function = callee(op)
                hand_on(op.args, function.params)
                hand_on(function.body.yields, op.outs)

    def turns(op: Loop | Unwind) -> None:  # recurses: the program's blocks
        size = -1
        while len(found) != size:
            size = len(found)
            if isinstance(op, Loop) and op.head is not None:
                follow(op.head)
            follow(op.body)
            if isinstance(op, Loop):
                hand_on(op.body.yields, op.body.params)

    def hand_on(sources: Sequence[Operand], to: Sequence[Value]) -> None:
        for source, value in zip(sources, to, strict=True):
            if isinstance(source, Value) and source in found and value.type == "float":
                found.add(value)

    size = -1
    while len(found) != size:
        size = len(found)
        for body in bodies:
            follow(body)
    return found


def needed(bodies: Sequence[Region], outputs: Sequence[Value]) -> set[Value]:
    """What the outputs depend on, in a program and the functions that it calls."""
    found = set(outputs)

    def follow(region: Region) -> None:  # recurses: the program's blocks
        for op in reversed(region.ops):
            if isinstance(op, Apply):
                if op.out in found:
                    found.update(values_of(op.args))
            elif isinstance(op, If):
                for way in (op.then, op.otherwise):
                    _pass(op.outs, way.yields)
                    follow(way)
            elif isinstance(op, Loop):
                _pass(op.outs, op.body.yields)
                _pass(op.outs, op.body.params)
                while True:
                    size = len(found)
                    follow(op.body)
                    _pass(op.body.params, op.body.yields)
                    if len(found) == size:
                        break
                _pass(op.body.params, op.inits)
            elif isinstance(op, Call):
                _pass(op.outs, op.function.body.yields)
                _pass(op.function.params, op.args)

    def _pass(values: Sequence[Operand], to: Sequence[Operand]) -> None:
        for value, source in zip(values, to, strict=True):
            if value in found and isinstance(source, Value):
                found.add(source)

    while True:
        size = len(found)
        for body in bodies:
            follow(body)
        if len(found) == size:
            return found


def certain(function: Function, targets: Sequence[Value], results: Sequence[Operand]) -> set[Value]:
    """Those of `targets` on which one of the results depends, whichever way the program goes."""
    known: dict[Any, frozenset[Value]] = {target: frozenset((target,)) for target in targets}
    nothing: frozenset[Value] = frozenset()

    def of(operand: Operand) -> frozenset[Value]:
        return known.get(operand, nothing) if isinstance(operand, Value) else nothing

    def follow(region: Region) -> None:  # recurses: the program's blocks
        for op in region.ops:
            if isinstance(op, Apply) and op.primitive.kind != "constant":
                found = nothing.union(*map(of, op.args))
                known[op.out] = found | known.get(op.out, nothing) if op.out in targets else found
            elif isinstance(op, If):
                follow(op.then)
                follow(op.otherwise)
                for out, a, b in zip(op.outs, op.then.yields, op.otherwise.yields, strict=True):
                    known[out] = of(a) & of(b)
            elif isinstance(op, Loop):
                loop(op)

    def loop(op: Loop) -> None:  # recurses: the program's blocks
        body = op.body
        for param, init in zip(body.params, op.inits, strict=True):
            known[param] = of(init)
        while True:
            follow(body)
            now = [of(p) & of(y) for p, y in zip(body.params, body.yields, strict=True)]
            if now == [of(param) for param in body.params]:
                break
            known.update(zip(body.params, now, strict=True))
        goes_round = op.leave is False and bool(op.turns)
        for out, param, end in zip(op.outs, body.params, body.yields, strict=True):
            known[out] = of(end) if goes_round else of(param)

    follow(function.body)
    return set().union(*map(of, results))
