"""Derivative rules as formulas in the notation of the language, printed from the rules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff_cli.engine.primitive import Primitive

SUM, WHOLE, PRODUCT, SIGN, POWER, ATOM = range(1, 7)
"""How tightly an expression binds. What is rounded to WHOLE numbers is no factor of another's."""

INFIX = {
    "<": (0, 1, 1),
    "<=": (0, 1, 1),
    ">": (0, 1, 1),
    ">=": (0, 1, 1),
    "==": (0, 1, 1),
    "!=": (0, 1, 1),
    "and": (0, 1, 1),
    "or": (0, 1, 1),
    "+": (SUM, SUM, SUM),
    "-": (SUM, SUM, PRODUCT),
    "*": (PRODUCT, PRODUCT, PRODUCT),
    "/": (PRODUCT, PRODUCT, SIGN),
    "//": (WHOLE, PRODUCT, SIGN),
    "%": (WHOLE, PRODUCT, SIGN),
    "^": (POWER, ATOM, POWER),
}
"""Of operators between two operands: how tightly they bind, and how tightly both must."""

CONSTANTS = {
    math.log(2): "log(2)",
    math.log(10): "log(10)",
    math.pi: "pi",
    math.pi / 180: "pi / 180",
    180 / math.pi: "180 / pi",
    2 / math.sqrt(math.pi): "2 / sqrt(pi)",
    math.sqrt(math.pi) / 2: "sqrt(pi) / 2",
    math.sqrt(0.5): "1 / sqrt(2)",
    1 / math.sqrt(2 * math.pi): "1 / sqrt(2 * pi)",
}


def partial_formulas(primitive: Primitive) -> dict[str, str]:
    """∂out/∂operand of an elementwise primitive, for each operand, with `y` for the result."""
    symbols = [Symbol(name) for name in primitive.operands]
    result = Symbol("out" if "y" in primitive.operands else "y")
    return {
        name: formula(at_point(rule(result, *symbols), {}) if callable(rule) else rule)
        for name, rule in zip(primitive.operands, primitive.partials, strict=True)
    }


def at_point(expression: Any, values: Mapping[str, float]) -> Any:  # recurses: the size of a rule
    """The expression with each `where` that `values` decide as the branch that it takes.

    Beside a point a derivative is one branch's formula, and so it is easier to read. What can
    be said plainly is, and powers and factors of 1 that come to light are left out.
    """
    if not isinstance(expression, Symbol) or expression.primitive is None:
        return expression
    if expression.primitive.plainly is not None:
        return at_point(expression.primitive.plainly(*expression.args), values)
    name = expression.primitive.name
    args = [at_point(arg, values) for arg in expression.args]
    if name == "where":
        holds = _number_at(args[0], values)
        if holds is not None:
            return args[1] if holds else args[2]
    if name == "pow" and _is_one(args[1]):
        return args[0]
    if name == "mul" and (_is_one(args[0]) or _is_one(args[1])):
        return args[1] if _is_one(args[0]) else args[0]
    return Symbol(name, expression.primitive, tuple(args))


def _is_one(expression: Any) -> bool:
    return not isinstance(expression, Symbol) and expression == 1


def _number_at(expression: Any, values: Mapping[str, float]) -> Any:  # recurses: the size of a rule
    """The value of an expression, or None where `values` do not say."""
    if not isinstance(expression, Symbol):
        return expression
    if expression.primitive is None:
        return values.get(expression.name)
    args = [_number_at(arg, values) for arg in expression.args]
    return None if None in args else expression.primitive.guarded(*args)


def formula(expression: Any) -> str:
    """An expression of symbols and numbers as a program would write it."""
    return _text(expression)[0]


def _text(expression: Any) -> tuple[str, int]:  # recurses: the size of a rule
    """The text of an expression, and how tightly it binds."""
    if not isinstance(expression, Symbol):
        return _number(float(expression))
    primitive = expression.primitive
    if primitive is None:
        return expression.name, ATOM
    sign, args = primitive.sign, expression.args
    if sign == "-" and len(args) == 1:
        return f"-{_operand(args[0], SIGN)}", SIGN
    if sign in INFIX:
        binds, left, right = INFIX[sign]
        first, second = args
        return f"{_operand(first, left)} {sign} {_operand(second, right)}", binds
    return f"{primitive.name}({', '.join(map(formula, args))})", ATOM


def _operand(expression: Any, at_least: int) -> str:
    text, binds = _text(expression)
    return text if binds >= at_least else f"({text})"


def _number(value: float) -> tuple[str, int]:  # recurses: once, for a sign
    if value < 0:
        text, binds = _number(-value)
        return f"-{text if binds >= POWER else f'({text})'}", SIGN
    for constant, name in CONSTANTS.items():
        if math.isclose(value, constant, rel_tol=1e-15):
            return name, SUM if "/" in name else ATOM
    return f"{value:g}" if float(f"{value:g}") == value else repr(value), ATOM
