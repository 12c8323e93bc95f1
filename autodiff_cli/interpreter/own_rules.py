"""Derivative rules of the program's own: `fn f(x) { … } derivative (x, y, g) { … }`.

A call of such a function is one node. Its primitive's rule runs the program's: on values
in a sweep that computes, on nodes in one that records.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, plain, shape_of
from autodiff_cli.errors import RunError, ShapeError, TypeMismatch
from autodiff_cli.interpreter.values import RUN, describe_value

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from autodiff_cli.engine.graph import Graph
    from autodiff_cli.interpreter.values import UserFunction
    from autodiff_cli.language.source import Span


class Caller(Protocol):
    """What a run is for here: it calls functions, and has a graph."""

    graph: Graph

    def invoke(self, function: UserFunction, args: list[Any], span: Span) -> Any: ...

    def forgetting(self) -> AbstractContextManager[None]: ...


def record(machine: Caller, function: UserFunction, args: list[Any], span: Span) -> Any:
    """Calls a function on values, and records the call as one node with the function's rule."""
    start = len(machine.graph.nodes)
    result = machine.invoke(function, [value_of(arg) for arg in args], span)
    if isinstance(result, Node):
        _refuse_outer(function, result, set(machine.graph.nodes[start:]), span)
    value = value_of(result)
    if not _is_numeric(value):
        raise TypeMismatch(
            f"`{function.name}` has a derivative rule and gives {describe_value(value)}, "
            "want a number or an array",
            span,
        )
    if isinstance(value, (bool, int)):
        value = machine.graph.cast(float(value))
    primitive = function.primitives.get(span)
    if primitive is None:
        primitive = function.primitives[span] = _primitive(function, span)
    return machine.graph.record(primitive, tuple(args), value, span)


def _refuse_outer(function: UserFunction, result: Node, own: set[Node], span: Span) -> None:
    """Raises a `RunError` where a value depends on a node that the call did not record itself.

    The rule has no cotangent for what is no parameter, and the gradient would be lost unseen.
    """
    if all(node in own for node in below(result)):
        return
    raise RunError(
        f"`{function.name}` has a derivative rule, and reads a variable that is differentiated by",
        span,
        label="its value depends on more than its parameters",
        help="make the variable a parameter, or read it through `detach`",
        kind="derivative",
    )


def _is_numeric(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or hasattr(value, "shape")


def _primitive(function: UserFunction, span: Span) -> Primitive:
    """What a function with a rule is to the graph, where it is called at `span`."""

    def pullback(g: Any, out: Any, args: list[Any]) -> tuple[Any, ...]:
        assert function.derivative is not None
        given = [a if isinstance(a, Operand) else plain(a) for a in (*args, out, g)]
        machine: Caller = function.frame[RUN]
        # A rule that reads a variable that is differentiated by records, though a sweep that
        # computes has no use for it.
        computes = not any(isinstance(a, Operand) for a in given)
        with machine.forgetting() if computes else nullcontext():
            result = machine.invoke(function.derivative, given, span)
        parts = result if isinstance(result, tuple) else (result,)
        if len(parts) != len(args):
            raise ShapeError(
                f"the derivative of `{function.name}` gives {len(parts)} "
                f"cotangent{'' if len(parts) == 1 else 's'}, want one for each of its "
                f"{len(args)} parameter{'' if len(args) == 1 else 's'}",
                span,
                help="end it with `return a, b` where there are several",
            )
        for part in parts:
            if not _is_numeric(value_of(part)):
                raise TypeMismatch(
                    f"the derivative of `{function.name}` gives {describe_value(part)}, "
                    "want a number or an array",
                    span,
                    help="its last expression is the cotangent of the parameter",
                )
        if computes:
            parts = tuple(map(value_of, parts))
        for part, arg in zip(parts, args, strict=True):
            want, got = shape_of(value_of(arg)), shape_of(value_of(part))
            if got not in (want, ()):
                raise ShapeError(
                    f"the derivative of `{function.name}` gives a cotangent of shape {got} "
                    f"for an argument of shape {want}",
                    span,
                    help="give it one number for each of the argument's, or a single one for all",
                )
        return parts

    return Primitive(
        name=function.name,
        kind="structural",
        operands=tuple(f"x{position}" for position in range(function.arity)),
        array=lambda *args: value_of(function.frame[RUN].invoke(function, list(args), span)),
        pullback=pullback,
        doc="a function of the program with a derivative rule of its own",
        example="",
    )
