"""The syntax tree: frozen, every node with its span, and nothing of any run in it.

Nodes compare by identity, so that tables about a tree (what a name refers to, which
branch ran) are dictionaries keyed by its nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from autodiff_cli.language.source import Span

T = TypeVar("T")


@dataclass_transform(frozen_default=True, eq_default=False)
def node(kind: type[T]) -> type[T]:
    """A dataclass that the type checker holds frozen.

    At run time it is not: a guard at every field doubles the time of making a node, and that
    of importing this module, which every start pays for.
    """
    return dataclass(slots=True, eq=False)(kind)


PLAIN = frozenset(("Span", "str", "tuple[str, ...]", "int | float | bool"))
"""The types of fields, as they are written here, that hold no nodes."""


# ── expressions ───────────────────────────────────────────────────────────────────────


@node
class Number:
    """`1`, `.5e3`, `true`."""

    span: Span
    value: int | float | bool


@node
class String:
    """`"text"`, which only messages hold."""

    span: Span
    text: str


@node
class Name:
    """`x`."""

    span: Span
    name: str


@node
class ArrayLiteral:
    """`[1, 2, x]`."""

    span: Span
    items: tuple[Expression, ...]


@node
class Argument:
    """One argument of a call; `keyword` is empty for a positional one."""

    span: Span
    keyword: str
    value: Expression


@node
class Call:
    """`function(arguments)`."""

    span: Span
    function: Expression
    arguments: tuple[Argument, ...]


@node
class Slice:
    """`start:stop:step` between brackets; what is left out is None."""

    span: Span
    start: Expression | None
    stop: Expression | None
    step: Expression | None


@node
class Index:
    """`base[subscripts]`."""

    span: Span
    base: Expression
    subscripts: tuple[Expression | Slice, ...]


@node
class Attribute:
    """`base.name`."""

    span: Span
    base: Expression
    name: str


@node
class Unary:
    """`-x`, `+x` or `not x`."""

    span: Span
    operator: str
    operand: Expression


@node
class Binary:
    """An arithmetic operator; `**` arrives here as `^`."""

    span: Span
    operator: str
    left: Expression
    right: Expression
    operator_span: Span


@node
class Comparison:
    """`a < b <= c`: one operator fewer than operands, each operand evaluated at most once."""

    span: Span
    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@node
class Logical:
    """`and` or `or` over two operands; the right one is evaluated only where it decides."""

    span: Span
    operator: str
    left: Expression
    right: Expression


@node
class If:
    """`if` as a statement and as an expression; an `elif` is an `If` alone in `otherwise`."""

    span: Span
    condition: Expression
    then: Block
    otherwise: Block | None


@node
class Function:
    """`fn name(parameters) { … }`; an anonymous function has no name."""

    span: Span
    name: str
    parameters: tuple[Name, ...]
    body: Block


Expression: TypeAlias = (
    Number
    | String
    | Name
    | ArrayLiteral
    | Call
    | Index
    | Attribute
    | Unary
    | Binary
    | Comparison
    | Logical
    | If
    | Function
)


# ── statements ────────────────────────────────────────────────────────────────────────


@node
class Block:
    """`{ statements }`, and the whole of a program."""

    span: Span
    statements: tuple[Statement, ...]


@node
class InputItem:
    """One name of an `input`, with its default."""

    span: Span
    name: Name
    default: Expression | None


@node
class Input:
    """`input w = 1, X`."""

    span: Span
    items: tuple[InputItem, ...]


@node
class Assign:
    """`targets = values`; `operator` is the arithmetic operator of `op=`, or empty.

    Several values make a tuple; several targets take one apart.
    """

    span: Span
    targets: tuple[Name | Index, ...]
    operator: str
    values: tuple[Expression, ...]


@node
class While:
    """`while condition { … }`."""

    span: Span
    condition: Expression
    body: Block


@node
class For:
    """`for target in iterable { … }`."""

    span: Span
    target: Name
    iterable: Expression
    body: Block


@node
class Break:
    """`break`."""

    span: Span


@node
class Continue:
    """`continue`."""

    span: Span


@node
class Return:
    """`return values`; several make a tuple."""

    span: Span
    values: tuple[Expression, ...]


@node
class Assert:
    """`assert condition, message`."""

    span: Span
    condition: Expression
    message: Expression | None


@node
class Print:
    """`print(values)`."""

    span: Span
    values: tuple[Expression, ...]


@node
class FunctionDefinition:
    """`fn f(x) { … }`; `derivative (x, y, g) { … }` gives the cotangents of its parameters.

    That rule's parameters are the function's own, then its value, then the value's cotangent.
    """

    span: Span
    name: Name
    function: Function
    derivative: Function | None


@node
class Evaluate:
    """An expression that stands as a statement."""

    span: Span
    value: Expression


Statement: TypeAlias = (
    Input
    | Assign
    | While
    | For
    | Break
    | Continue
    | Return
    | Assert
    | Print
    | FunctionDefinition
    | Evaluate
)


@node
class Program:
    """A whole program: its sources in order, and the top-level statements."""

    span: Span
    body: Block
