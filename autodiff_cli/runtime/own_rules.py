"""Derivative rules of the program's own: `fn f(x) { … } derivative (x, y, g) { … }`.

A call of such a function is one node. Its primitive's rule runs the program's: on values
in a sweep that computes, on nodes in one that records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.derivatives import unit_arrays
from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, describe, plain, shape_of
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.errors import ShapeError, TypeMismatch

if TYPE_CHECKING:
    from autodiff_cli.language.source import Span
    from autodiff_cli.runtime.machine import Machine
    from autodiff_cli.runtime.values import UserFunction


def record(machine: Machine, function: UserFunction, args: list[Any], span: Span) -> Any:
    """Calls a function on values, and records the call as one node with the function's rule."""
    value = value_of(machine.invoke(function, [value_of(arg) for arg in args], span))
    if not isinstance(value, (bool, int, float)) and not hasattr(value, "shape"):
        raise TypeMismatch(
            f"`{function.name}` has a derivative rule and gives {describe(value)}, "
            "want a number or an array",
            span,
        )
    if isinstance(value, (bool, int)):
        value = machine.graph.cast(float(value))
    return machine.graph.record(_primitive(machine, function, span), tuple(args), value, span)


def _primitive(machine: Machine, function: UserFunction, span: Span) -> Primitive:
    def cotangents(g: Any, out: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        assert function.derivative is not None
        given = [a if isinstance(a, Operand) else plain(a) for a in (*args, out, g)]
        result = machine.invoke(function.derivative, given, span)
        parts = result if isinstance(result, tuple) else (result,)
        if len(parts) != len(args):
            raise ShapeError(
                f"the derivative of `{function.name}` gives {len(parts)} cotangents, "
                f"want one for each of its {len(args)} parameters",
                span,
                help="end it with `return a, b` where there are several",
            )
        for part, arg in zip(parts, args, strict=True):
            want, got = shape_of(value_of(arg)), shape_of(value_of(part))
            if got not in (want, ()):
                raise ShapeError(
                    f"the derivative of `{function.name}` gives a cotangent of shape {got} "
                    f"for an argument of shape {want}",
                    span,
                )
        return parts

    def vjp(position: int) -> Any:
        return lambda g, out, *args: cotangents(g, out, args)[position]

    def jvp(position: int) -> Any:
        def push(t: Any, out: Any, *args: Any) -> Any:
            """J·t from rows of J, which are the cotangents of unit cotangents."""
            total: Any = 0.0
            for unit in unit_arrays(shape_of(value_of(out))):
                row = cotangents(unit, out, args)[position]
                total = total + unit * sum_(row * t, None, False)
            return total

        return push

    positions = range(function.arity)
    return Primitive(
        name=function.name,
        kind="structural",
        operands=tuple(f"x{position}" for position in positions),
        array=lambda *args: value_of(machine.invoke(function, list(args), span)),
        vjps=tuple(map(vjp, positions)),
        jvps=tuple(map(jvp, positions)),
        doc="a function of the program with a derivative rule of its own",
        example="",
    )
