"""Closures for the elementwise primitives: floats in a straight line, all else by `apply`.

These are the inner loop of every program. On the types that matter (a recorded scalar, a
float) a closure computes and records by itself; anything else goes to `Machine.apply`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, Scalar
from autodiff_cli.engine.primitive import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span
    from autodiff_cli.runtime.machine import Machine, Note
    from autodiff_cli.runtime.values import Frame

    Closure = Callable[[Frame], Any]

RAISED = (ValueError, ArithmeticError)
"""What Python raises where IEEE 754 has a value."""

new = object.__new__


def unary(machine: Machine, primitive: Primitive, operand: Closure, span: Span) -> Closure:
    compute, beyond, kink = primitive.scalar, primitive.beyond, primitive.kink
    record, kinks, flats = machine.graph.nodes.append, machine.graph.kinks, machine.graph.flats
    flat = primitive.flat
    general = machine.apply
    if compute is None:
        return lambda frame: general(primitive, (operand(frame),), span)

    def evaluate(frame: Frame) -> Any:
        x = operand(frame)
        if type(x) is not Scalar:
            return general(primitive, (x,), span)
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
        record(node)
        if kink is not None and kink(value):
            kinks.append(node)
        elif flat:
            flats.append(node)
        return node

    return evaluate


def binary(
    machine: Machine, primitive: Primitive, left: Closure, right: Closure, span: Span
) -> Closure:
    compute, beyond, kink = primitive.scalar, primitive.beyond, primitive.kink
    record, kinks, flats = machine.graph.nodes.append, machine.graph.kinks, machine.graph.flats
    flat, always = primitive.flat, not primitive.kink_by_last
    general = machine.apply
    if compute is None:
        return lambda frame: general(primitive, (left(frame), right(frame)), span)

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
                return general(primitive, (a, b), span)
        elif type(b) is Scalar and (type(a) is float or type(a) is int):
            x = float(a)
            y = b.value
        elif type(a) is float and type(b) is float:
            try:
                value = compute(a, b)
            except RAISED:
                value = beyond(a, b)
            if value - value or not value:
                machine.note_odd(primitive, (a, b), value, span)
            return value
        else:
            return general(primitive, (a, b), span)
        node = new(Scalar)
        node.primitive = primitive
        node.args = (a, b)
        try:
            node.value = compute(x, y)
        except RAISED:
            node.value = beyond(x, y)
        node.span = span
        node.adjoint = 0.0
        record(node)
        if kink is not None and (always or type(b) is Scalar) and kink(x, y):
            kinks.append(node)
        elif flat:
            flats.append(node)
        return node

    return evaluate


def comparison(
    machine: Machine,
    primitive: Primitive,
    left: Closure,
    right: Closure,
    span: Span,
    note: Note | None,
) -> Closure:
    """As `note`, a comparison of what can be differentiated is worth a word."""
    compute = primitive.scalar
    general, noted = machine.apply, machine.noted
    assert compute is not None

    def evaluate(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        if note is not None and (isinstance(a, Node) or isinstance(b, Node)):
            noted.setdefault(span, note)
        if type(a) is Scalar:
            a = a.value
        if type(b) is Scalar:
            b = b.value
        if type(a) in NUMBERS and type(b) in NUMBERS:
            return compute(a, b)
        return general(primitive, (a, b), span)

    return evaluate
