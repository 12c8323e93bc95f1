"""Forward mode: a form that computes beside each value what it moves by, as the inputs move.

It is made of any form. One that has a reverse pass becomes forward over reverse: the gradient
moves too, by the Hessian times the tangents. Where that pass reads a value off a tape, its tangent
is read beside it, as loops save all that their way back reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.adjoint import check_edges
from autodiff_cli.compiler.dependence import reached
from autodiff_cli.compiler.form import (
    Apply,
    Call,
    Check,
    Function,
    If,
    Loop,
    Move,
    NotCompiled,
    Note,
    Print,
    Uncall,
    Unwind,
    Value,
    called,
    callee,
    with_ways_back,
)
from autodiff_cli.compiler.rules import emitted, is_nothing, partial
from autodiff_cli.engine.primitives import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.compiler.form import Operand, Region

    Term = tuple[str, tuple[Operand, ...]]
    """A primitive and its operands; an operand alone where the primitive has no name."""


def add_tangents(
    function: Function,
    seeds: Mapping[Value, Operand],
    results: Sequence[Operand],
    checks: bool = True,
) -> list[Operand]:
    """Has a function compute tangents beside its values; those of `results`.

    Args:
        seeds: the tangents of what is differentiated by, which what depends on another moves by
            besides.
        checks: kinks, and where derivatives end, are looked for.

    Raises:
        NotCompiled: an operation has no tangent here.
    """
    functions = with_ways_back(called(function.body))
    moving = reached([function.body, *(one.body for one in functions)], seeds, _moves)
    given = {param: seeds[param] for param in function.params if param in seeds}
    forward = _Forward(moving, given, seeds, checks)
    forward.ends = {one: _Ends(one, moving) for one in functions}
    forward.follow(function.body)
    for one in functions:
        forward.follow_function(one)
    return [forward.tangent(result) for result in results]


def _moves(op: Apply | Move, found: set[Value]) -> bool:
    """Whether what an operation computes moves with those found."""
    if isinstance(op, Apply):
        return bool(_live(op, found))
    source = op.source
    return (
        not op.detaches and op.out.type == "float" and isinstance(source, Value) and source in found
    )


class _Ends:
    """Which of a function's parameters and results move, by their places."""

    def __init__(self, function: Function, moving: set[Value]) -> None:
        self.taken = [k for k, param in enumerate(function.params) if param in moving]
        self.given = [k for k, one in enumerate(function.body.yields) if one in moving]


def _live(op: Apply, moving: set[Value]) -> list[int]:
    """The positions of the operands that move the result."""
    found = [i for i, arg in enumerate(op.args) if isinstance(arg, Value) and arg in moving]
    if not found or op.primitive.kind == "constant":
        return []
    if op.primitive.kind != "elementwise" or op.out.type != "float":
        raise NotCompiled(f"`{op.primitive.title}` has no tangent as code", op.span)
    partials = op.primitive.partials
    return [i for i in found if callable(partials[i]) or partials[i] != 0]


class _Forward:
    """Writes the tangents in between.

    Attributes:
        moving: the values that have one.
        ends: of the functions that are called.
    """

    def __init__(
        self,
        moving: set[Value],
        known: dict[Value, Operand],
        seeds: Mapping[Value, Operand],
        checks: bool,
    ) -> None:
        self.moving = moving
        self._tangents = known
        self.ends: dict[Function, _Ends] = {}
        self._seeds = seeds
        self._checks = checks
        self._ops: list[Any] = []

    def tangent(self, operand: Operand) -> Any:
        if not isinstance(operand, Value) or operand not in self.moving:
            return 0.0
        if operand not in self._tangents:
            name = f"{operand.name}_dot" if operand.name else ""
            self._tangents[operand] = Value("float", name)
        return self._tangents[operand]

    def follow(self, region: Region) -> None:  # recurses: the program's blocks
        outer, ops = self._ops, region.ops
        region.ops = self._ops = []
        for op in ops:
            self._writers[type(op)](self, op)
        self._ops = outer

    def follow_function(self, function: Function) -> None:
        self.follow(function.body)
        ends, yields = self.ends[function], function.body.yields
        function.params += [self.tangent(function.params[k]) for k in ends.taken]
        yields += [self.tangent(yields[k]) for k in ends.given]

    def _keep(self, op: Any) -> None:
        self._ops.append(op)

    def _move(self, op: Move) -> None:
        self._keep(op)
        if op.out in self.moving:
            source = 0.0 if op.detaches else self.tangent(op.source)
            self._keep(Move(self.tangent(op.out), self._seeds.get(op.out, source), op.span))

    def _apply(self, op: Apply) -> None:
        self._keep(op)
        if self._checks and op.primitive.has_edges:
            live = [i for i, arg in enumerate(op.args) if arg in self.moving]
            for position in live:
                check_edges(op, self.tangent(op.args[position]), live, self._emitter(op))
        if op.out not in self.moving:
            return
        done: dict[Any, Operand] = {}
        terms = [
            term
            for position in _live(op, self.moving)
            if (term := self._term(op, position, done)) is not None
        ]
        if op.out in self._seeds:
            terms.append(("", (self._seeds[op.out],)))
        out = self.tangent(op.out)
        if len(terms) == 1 and terms[0][0]:
            self._made(op, out, *terms[0])
        elif len(terms) < 2:
            source = terms[0][1][0] if terms else 0.0
            if source is not out:
                self._keep(Move(out, source, op.span))
        else:
            first, *others, last = [self._operand(op, term) for term in terms]
            for other in others:
                first = self._made(op, Value("float"), "add", (first, other))
            self._made(op, out, "add", (first, last))

    def _term(self, op: Apply, position: int, done: dict[Any, Operand]) -> Term | None:
        """What the tangent of an operand adds to the result's."""
        t = self.tangent(op.args[position])
        rule = partial(op.primitive, position, op.out, op.args)
        if is_nothing(op.primitive, position, rule):
            return None
        factor = emitted(rule, self._emitter(op), done)
        if isinstance(factor, Value):
            return "gated" if op.primitive.chooses else "mul", (factor, t)
        return {1: ("", (t,)), -1: ("neg", (t,))}.get(factor, ("mul", (factor, t)))

    def _operand(self, op: Apply, term: Term) -> Operand:
        name, args = term
        return self._made(op, Value("float"), name, args) if name else args[0]

    def _made(self, op: Apply, out: Value, name: str, args: tuple[Operand, ...]) -> Value:
        self._keep(Apply(out, TABLE[name], args, op.span))
        return out

    def _emitter(self, op: Apply) -> Callable[[Any], None]:
        """What takes operations that come of another one."""

        def emit(made: Any) -> None:
            made.span = op.span
            self._keep(made)

        return emit

    def _if(self, op: If) -> None:  # recurses: the program's blocks
        taken = [k for k, out in enumerate(op.outs) if out in self.moving]
        for way in (op.then, op.otherwise):
            self.follow(way)
            way.yields += [self.tangent(way.yields[k]) for k in taken]
        op.outs += [self.tangent(op.outs[k]) for k in taken]
        self._keep(op)

    def _loop(self, op: Loop) -> None:  # recurses: the program's blocks
        self.follow(op.body)
        body = op.body
        carried = [k for k, param in enumerate(body.params) if param in self.moving]
        op.inits += [self.tangent(op.inits[k]) for k in carried]
        body.yields += [self.tangent(body.yields[k]) for k in carried]
        op.outs += [self.tangent(op.outs[k]) for k in carried]
        body.params += [self.tangent(body.params[k]) for k in carried]
        self._keep(op)

    def _unwind(self, op: Unwind) -> None:  # recurses: the program's blocks
        self.follow(op.body)
        self._keep(op)

    def _call(self, op: Call | Uncall) -> None:
        ends = self.ends[callee(op)]
        op.args += [self.tangent(op.args[k]) for k in ends.taken]
        others = [out for k, out in enumerate(op.outs) if k not in ends.given]
        op.outs += [self.tangent(op.outs[k]) for k in ends.given]
        self._keep(op)
        for out in others:
            if out in self.moving:
                self._keep(Move(self.tangent(out), 0.0, op.span))

    _writers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Apply: _apply,
        Move: _move,
        If: _if,
        Loop: _loop,
        Unwind: _unwind,
        Call: _call,
        Uncall: _call,
        **dict.fromkeys((Check, Note, Print), _keep),
    }
