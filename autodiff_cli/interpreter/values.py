"""What a variable of a running program can hold, besides numbers, arrays and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, Scalar, value_of
from autodiff_cli.engine.primitive import describe
from autodiff_cli.errors import TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span

Frame = list[Any]
"""The variables of one call: first the enclosing function's frame, the run, and what records a
node of that run, which all closures read from here; then a slot a variable (`names.HEAD`)."""
RUN = 1
RECORD = 2


class Marker:
    """A value that no program can name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


UNSET = Marker("a variable without a value")
NOTHING = Marker("no value")
"""What a function gives whose last statement is no expression."""
BREAK = Marker("break")
CONTINUE = Marker("continue")


class Returned:
    """A `return` on its way to the call."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class UserFunction:
    """A function of the program with the variables that it closes over."""

    __slots__ = (
        "arity",
        "body",
        "derivative",
        "frame",
        "locals",
        "name",
        "parameters",
        "primitives",
    )

    def __init__(
        self,
        name: str,
        parameters: tuple[str, ...],
        local: int,
        body: Callable[[Frame], Any],
        frame: Frame,
    ) -> None:
        self.derivative: UserFunction | None = None
        self.primitives: dict[Span, Primitive] = {}
        self.name = name
        self.parameters = parameters
        self.arity = len(parameters)
        self.locals = local
        self.body = body
        self.frame = frame


class BuiltInFunction:
    """A built-in function as a value, as in `map(sin, x)`."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call


def is_number(value: Any) -> bool:
    """Whether a value is a number, a boolean, or an array of those."""
    return isinstance(value, (bool, int, float)) or hasattr(value, "dtype")


def is_function(value: Any) -> bool:
    return isinstance(value, (UserFunction, BuiltInFunction))


def is_boolean(value: Any) -> bool:
    """Whether a value is true or false, or an array of those: carried, and not differentiated."""
    if type(value) is float:
        return False
    return isinstance(value, bool) or getattr(value, "dtype", "") == "bool"


def truth(value: Any, span: Span) -> bool:
    """Whether a condition holds. It reads the value only.

    Raises:
        TypeMismatch: it is an array, or no number.
    """
    if value is True or value is False:
        return value
    if type(value) is Scalar:
        return value.value != 0.0  # type: ignore[no-any-return]
    value = value_of(value)
    if isinstance(value, (int, float)) or getattr(value, "shape", None) == ():
        return bool(value)
    is_array = hasattr(value, "shape")
    raise TypeMismatch(
        f"a condition got {describe(value)}, want true or false",
        span,
        help="`all(…)` or `any(…)` makes one answer of many" if is_array else "",
    )


def describe_value(value: Any) -> str:
    """A value in the words of a message."""
    if isinstance(value, Marker):
        return value.name
    return describe(value_of(value) if isinstance(value, Node) else value)
