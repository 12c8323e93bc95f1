"""Closures for the elementwise primitives: floats in a straight line, all else by `apply`.

These are the inner loop of every program. On the types that matter (a recorded scalar, a
float) a closure computes and records by itself; anything else goes to `Machine.apply`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, Scalar
from autodiff_cli.engine.primitive import NUMBERS
from autodiff_cli.interpreter.values import RECORD, RUN

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.interpreter.machine import Note
    from autodiff_cli.interpreter.values import Frame
    from autodiff_cli.language.source import Span

    Closure = Callable[[Frame], Any]

RAISED = (ValueError, ArithmeticError)
"""What Python raises where IEEE 754 has a value."""

new = object.__new__


def unary(primitive: Primitive, operand: Closure, span: Span) -> Closure:
    compute, beyond = primitive.scalar, primitive.beyond
    if compute is None:
        return lambda frame: frame[RUN].apply(primitive, (operand(frame),), span)

    def evaluate(frame: Frame) -> Any:
        x = operand(frame)
        if type(x) is not Scalar:
            return frame[RUN].apply(primitive, (x,), span)
        value = x.value
        node = new(Scalar)
        node.primitive = primitive
        node.args = (x,)
        try:
            node.value = compute(value)
        except RAISED:
            node.value = beyond(value)
        node.span = span
        node.adjoint = 0.0
        frame[RECORD](node)
        return node

    return evaluate


def binary(primitive: Primitive, left: Closure, right: Closure, span: Span) -> Closure:
    compute, beyond = primitive.scalar, primitive.beyond
    if compute is None:
        return lambda frame: frame[RUN].apply(primitive, (left(frame), right(frame)), span)

    def evaluate(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        if type(a) is Scalar:
            x = a.value
            if type(b) is Scalar:
                y = b.value
            elif type(b) is float:
                y = b
            elif type(b) is int:
                y = float(b)
            else:
                return frame[RUN].apply(primitive, (a, b), span)
        elif type(b) is Scalar and (type(a) is float or type(a) is int):
            x = float(a)
            y = b.value
        elif type(a) is float and type(b) is float:
            try:
                value = compute(a, b)
            except RAISED:
                value = beyond(a, b)
            if value - value or not value:
                frame[RUN].note_odd(primitive, (a, b), value, span)
            return value
        else:
            return frame[RUN].apply(primitive, (a, b), span)
        node = new(Scalar)
        node.primitive = primitive
        node.args = (a, b)
        try:
            node.value = compute(x, y)
        except RAISED:
            node.value = beyond(x, y)
        node.span = span
        node.adjoint = 0.0
        frame[RECORD](node)
        return node

    return evaluate


def comparison(
    primitive: Primitive, left: Closure, right: Closure, span: Span, note: Note | None
) -> Closure:
    """As `note`, a comparison of what can be differentiated is worth a word.

    Of an equality, where it holds: where it does not, it does not beside the point either.
    """
    compute = primitive.scalar
    assert compute is not None

    def evaluate(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        differentiated = note is not None and (isinstance(a, Node) or isinstance(b, Node))
        if type(a) is Scalar:
            a = a.value
        if type(b) is Scalar:
            b = b.value
        numbers = type(a) in NUMBERS and type(b) in NUMBERS
        if differentiated and not (note == "equality" and numbers and a != b):
            frame[RUN].noted.setdefault(span, note)
        if numbers:
            return compute(a, b)
        return frame[RUN].apply(primitive, (a, b), span)

    return evaluate
