"""A formula that is printed is an expression of the language, and means what it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autodiff_cli.engine.formulas import formula
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.symbols import Symbol
from autodiff_cli.interpreter.expressions import OPERATORS
from autodiff_cli.interpreter.run import evaluate_constant
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autodiff_cli.engine.primitive import Primitive

SIGNS = [sign for sign, entry in OPERATORS.items() if entry.kind == "elementwise"]
A, B, C = map(Symbol, ("7.0", "2.0", "3.0"))


def applied(primitive: Primitive, *operands: Symbol) -> Symbol:
    return Symbol(primitive.name, primitive, operands)


def value(expression: Symbol) -> float:
    if expression.primitive is None:
        return float(expression.name)
    return float(expression.primitive.guarded(*map(value, expression.args)))


def nested(outer: Primitive, inner: Primitive) -> Iterator[Symbol]:
    """One operator inside another, on either side, and negations of all parts."""
    neg = TABLE["neg"]
    yield applied(outer, applied(inner, A, B), C)
    yield applied(outer, A, applied(inner, B, C))
    yield applied(neg, applied(inner, A, B))
    yield applied(outer, applied(neg, applied(inner, A, B)), C)
    yield applied(outer, A, applied(neg, applied(inner, B, C)))
    yield applied(outer, applied(neg, A), applied(neg, B))


@pytest.mark.parametrize("inner", SIGNS)
@pytest.mark.parametrize("outer", SIGNS)
def test_a_formula_is_an_expression_of_the_same_value(outer: str, inner: str) -> None:
    for expression in nested(OPERATORS[outer], OPERATORS[inner]):
        text = formula(expression)
        got = float(evaluate_constant(Source("<formula>", text)))
        assert got == pytest.approx(value(expression), nan_ok=True), text
