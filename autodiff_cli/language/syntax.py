"""The syntax tree: frozen, every node with its span, and nothing of any run in it.

Nodes compare by identity, so that tables about a tree (what a name refers to, which
branch ran) are dictionaries keyed by its nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from autodiff_cli.records import record

if TYPE_CHECKING:
    from autodiff_cli.language.source import Span

PLAIN = frozenset(("Span", "str", "tuple[str, ...]", "bool", "int | float | bool"))
"""The types of fields, as they are written here, that hold no nodes."""


# ── expressions ───────────────────────────────────────────────────────────────────────


@record
class Number:
    """`1`, `.5e3`, `true`."""

    span: Span
    value: int | float | bool


@record
class String:
    """`"text"`, which only messages hold."""

    span: Span
    text: str


@record
class Name:
    """`x`."""

    span: Span
    name: str


@record
class ArrayLiteral:
    """`[1, 2, x]`."""

    span: Span
    items: tuple[Expression, ...]


@record
class Argument:
    """One argument of a call; `keyword` is empty for a positional one."""

    span: Span
    keyword: str
    value: Expression


@record
class Call:
    """`function(arguments)`."""

    span: Span
    function: Expression
    arguments: tuple[Argument, ...]


@record
class Slice:
    """`start:stop:step` between brackets; what is left out is None."""

    span: Span
    start: Expression | None
    stop: Expression | None
    step: Expression | None


@record
class Index:
    """`base[subscripts]`."""

    span: Span
    base: Expression
    subscripts: tuple[Expression | Slice, ...]


@record
class Attribute:
    """`base.name`."""

    span: Span
    base: Expression
    name: str


@record
class Unary:
    """`-x`, `+x` or `not x`."""

    span: Span
    operator: str
    operand: Expression


@record
class Binary:
    """An arithmetic operator; `**` arrives here as `^`."""

    span: Span
    operator: str
    left: Expression
    right: Expression
    operator_span: Span


@record
class Comparison:
    """`a < b <= c`: one operator fewer than operands, each operand evaluated at most once."""

    span: Span
    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@record
class Logical:
    """`and` or `or` over two operands; the right one is evaluated only where it decides."""

    span: Span
    operator: str
    left: Expression
    right: Expression


@record
class If:
    """`if` as a statement and as an expression; an `elif` is an `If` alone in `otherwise`."""

    span: Span
    condition: Expression
    then: Block
    otherwise: Block | None


@record
class Function:
    """`fn name(parameters) { … }`; an anonymous function has no name.

    One that is `closed` reads no variable around it, whatever that is called.
    """

    span: Span
    name: str
    parameters: tuple[Name, ...]
    body: Block
    closed: bool = False


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


@record
class Block:
    """`{ statements }`, and the whole of a program."""

    span: Span
    statements: tuple[Statement, ...]


@record
class InputItem:
    """One name of an `input`, with its default."""

    span: Span
    name: Name
    default: Expression | None


@record
class Input:
    """`input w = 1, X`."""

    span: Span
    items: tuple[InputItem, ...]


@record
class Assign:
    """`targets = values`; `operator` is the arithmetic operator of `op=`, or empty.

    Several values make a tuple; several targets take one apart.
    """

    span: Span
    targets: tuple[Name | Index, ...]
    operator: str
    values: tuple[Expression, ...]


@record
class While:
    """`while condition { … }`."""

    span: Span
    condition: Expression
    body: Block


@record
class For:
    """`for target in iterable { … }`."""

    span: Span
    target: Name
    iterable: Expression
    body: Block


@record
class Break:
    """`break`."""

    span: Span


@record
class Continue:
    """`continue`."""

    span: Span


@record
class Return:
    """`return values`; several make a tuple."""

    span: Span
    values: tuple[Expression, ...]


@record
class Assert:
    """`assert condition, message`."""

    span: Span
    condition: Expression
    message: Expression | None


@record
class Print:
    """`print(values)`."""

    span: Span
    values: tuple[Expression, ...]


@record
class FunctionDefinition:
    """`fn f(x) { … }`; `derivative (x, y, g) { … }` gives the cotangents of its parameters.

    That rule's parameters are the function's own, then its value, then the value's cotangent.
    """

    span: Span
    name: Name
    function: Function
    derivative: Function | None


@record
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


@record
class Program:
    """A whole program: its sources in order, and the top-level statements."""

    span: Span
    body: Block
