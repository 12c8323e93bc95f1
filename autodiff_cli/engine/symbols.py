"""Derivative rules as formulas: a rule applied to symbols leaves the tree of its expression.

From that tree comes Python source for the scalar sweep, so that a rule is written once
and still costs no more than arithmetic when it runs on floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.operand import Operand

if TYPE_CHECKING:
    from autodiff_cli.engine.primitive import Primitive


class Symbol(Operand):
    """A name, or a primitive applied to symbols and numbers."""

    __slots__ = ("args", "name", "primitive")

    def __init__(
        self, name: str, primitive: Primitive | None = None, args: tuple[Any, ...] = ()
    ) -> None:
        self.name = name
        self.primitive = primitive
        self.args = args

    def taken_by(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return Symbol(primitive.name, primitive, args)


def python_source(formula: Any, used: dict[str, Primitive]) -> str:  # recurses: the size of a rule
    """Python source that computes `formula` on floats.

    Every primitive that the source calls by name is added to `used`.
    """
    if not isinstance(formula, Symbol):
        return repr(formula)
    if formula.primitive is None:
        return formula.name
    parts = [python_source(arg, used) for arg in formula.args]
    if formula.primitive.python:
        return formula.primitive.python.format(*parts)
    used[formula.primitive.name] = formula.primitive
    return f"{formula.primitive.name}({', '.join(parts)})"
