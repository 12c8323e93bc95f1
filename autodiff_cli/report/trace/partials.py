"""The local derivative of a node by each operand: its formula, and its number at the point."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.formulas import at_point, formula
from autodiff_cli.engine.graph import Node, Scalar, value_of
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.rules import cotangents, fit, rule_arguments
from autodiff_cli.engine.sweeps import dense, ones_of
from autodiff_cli.engine.symbols import Symbol
from autodiff_cli.report.trace.labels import MACRON, barred, operand_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.report.trace.labels import Labels

WORD = re.compile(rf"[^\W\d_]\w*{MACRON}?|[^\W\d_]{MACRON}")
PIECE = re.compile(rf",\s+(?=\w{MACRON}\s=)")


@dataclass(slots=True)
class Partial:
    """∂node/∂operand.

    Attributes:
        operand: the node that it is by.
        by: what a formula calls that.
        formula: `cos(x)`; of an operation on whole arrays that no such formula describes,
            what the operand's adjoint gets, as an equation, `x̄ = ȳ @ b.T`, or in words.
        value: the number; an array of the operand's shape where the node is a single number,
            or where each element depends on its own; None where it would be a matrix.
        of_adjoint: the formula is of what the operand's adjoint gets.
    """

    operand: Node
    by: str
    formula: str
    value: Any
    of_adjoint: bool

    @property
    def text(self) -> str:
        """`∂/∂x = cos(x)`, without the number."""
        if not self.of_adjoint:
            return f"∂/∂{self.by} = {self.formula}"
        return self.formula if " = " in self.formula else f"{barred(self.by)}: {self.formula}"

    def spelt(self, shown: Callable[[Any], str]) -> str:
        """The formula and the number, which `shown` writes: `∂/∂x = cos(x) = 0.54`."""
        if self.value is None or _is_number(self.formula):
            return self.text
        if self.of_adjoint:
            return f"{self.text}, ∂/∂{self.by} = {shown(self.value)}"
        return f"{self.text} = {shown(self.value)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def partials(node: Node, labels: Labels) -> list[Partial]:
    """By each operand that is a node, in order; a leaf has none."""
    if node.primitive is None:
        return []
    formulas = _formulas(node, labels)
    args = rule_arguments(node)
    found = []
    for position, operand in enumerate(node.args[: operand_count(node)]):
        if isinstance(operand, Node):
            value = _value(node, position, operand, args)
            text = formulas[position]
            of_adjoint = node.primitive.kind == "structural" and "∂" not in text
            text = text.rpartition("∂")[2].partition(" = ")[2] if "∂" in text else text
            found.append(Partial(operand, labels.label(operand), text, value, of_adjoint))
    return found


def _value(node: Node, position: int, operand: Node, args: list[Any]) -> Any:
    primitive = node.primitive
    assert primitive is not None
    shape = shape_of(operand.value)
    if primitive.kind == "structural" and shape_of(node.value):
        return None
    (part,) = cotangents(primitive, [position], ones_of(node), node.value, args)
    if part is None:
        part = 0.0
    if primitive.kind != "elementwise":
        part = dense(part, shape)
    elif type(operand) is Scalar and type(node) is Scalar:
        part = fit(part, shape)
    return float(part) if not shape_of(part) else part


def _formulas(node: Node, labels: Labels) -> list[str]:
    primitive = node.primitive
    assert primitive is not None
    operands = node.args[: operand_count(node)]
    if primitive.kind == "elementwise":
        return _elementwise(node, labels)
    # Only a function of the program, with a rule of its own, has no text.
    text = unicodedata.normalize("NFD", primitive.derivative or "by the rule of the program")
    names = {"y": labels.label(node)}
    if not primitive.variadic:
        names |= {
            name: labels.label(operand)
            for name, operand in zip(primitive.operands, operands, strict=True)
        }
    prefix = "∂y/∂x" + "ᵢ = "
    if text.startswith(prefix):
        text = text.removeprefix(prefix)
    pieces = PIECE.split(text)
    if len(pieces) != len(operands):
        pieces = [text] * len(operands)
    return [_renamed(piece, names) for piece in pieces]


def _renamed(text: str, names: dict[str, str]) -> str:
    """A rule's text with the node's own operands in place of its parameters."""

    def label(match: re.Match[str]) -> str:
        word = match[0]
        bare = word.removesuffix(MACRON)
        # An index stays: xᵢ is an element of what x is called here.
        stem, index = (bare[:-1], bare[-1]) if bare[-1] in "ᵢₖⱼ" else (bare, "")
        if stem not in names:
            return word
        called = names[stem]
        return (barred(called) if bare is not word else called) + index

    return unicodedata.normalize("NFC", WORD.sub(label, text))


def _elementwise(node: Node, labels: Labels) -> list[str]:
    """The rules applied to symbols, the constants among the operands as the numbers they are."""
    primitive = node.primitive
    assert primitive is not None
    values: dict[str, float] = {}
    operands = rule_arguments(node)
    for position, operand in enumerate(node.args[: operand_count(node)]):
        if isinstance(operand, Node) or shape_of(operand):
            name = labels.label(operand)
            if type(value_of(operand)) is float:
                values[name] = value_of(operand)
            operands[position] = Symbol(name)
    out = labels.label(node)
    if type(node.value) is float:
        values[out] = node.value
    return [
        formula(at_point(rule(Symbol(out), *operands), values) if callable(rule) else rule)
        for rule in primitive.partials
    ]
