"""What a variable holds while a program is lowered, and how two of them become one.

Where paths meet (after an `if`, at the head of a loop) a variable is described by what it may
hold on either, and each path hands over numbers that fit the description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import Move, Value, is_array
from autodiff_cli.engine.lazy import np
from autodiff_cli.interpreter.values import NOTHING, UNSET
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.language import syntax
    from autodiff_cli.language.names import Scope


class Frame:
    """The variables of a call that is being inlined, by slot; by word, how far its blocks got.

    Attributes:
        home: the function of the form that it is in; None in the program itself.
    """

    __slots__ = ("home", "parent", "scope", "variables")

    def __init__(self, scope: Scope, parent: Frame | None, home: Any = None) -> None:
        self.scope = scope
        self.parent = parent
        self.home = home
        self.variables: dict[int | str, Any] = {
            "left": False,
            "broke": False,
            "returned": False,
            "result": NOTHING,
        }


@record
class Closure:
    """A function of the program, with the variables that it closes over."""

    function: syntax.Function
    frame: Frame
    own_rule: bool = False


@record
class BuiltInValue:
    """A built-in function as a value."""

    name: str


@record
class Array:
    """An array whose elements are numbers of their own.

    Attributes:
        active: as of a `Value`, of the array as a whole.
    """

    shape: tuple[int, ...]
    items: list[Operand]
    active: Any


@record
class Several:
    """The values that a function returns together."""

    parts: list[Any]


@record
class Guarded:
    """What was only given a value where `bit` is true."""

    value: Any
    bit: Operand


@record
class Unknown:
    """What the form has no way to hold."""

    why: str


KINDS = {"f": "float", "i": "int", "b": "bool"}
"""The types of numbers by NumPy's letters."""


def is_number(held: Any) -> bool:
    return isinstance(held, (bool, int, float)) or (isinstance(held, Value) and not held.shape)


def is_whole(held: Any) -> bool:
    """Whether it is an array that is one value, or one of NumPy's that is known."""
    return not isinstance(held, Array) and is_array(held)


def type_of(operand: Operand) -> Any:
    """The type of a number, or of an array's numbers."""
    if isinstance(operand, Value):
        return operand.type
    return KINDS[operand.dtype.kind] if hasattr(operand, "dtype") else type(operand).__name__


def activity(held: Any) -> Any:
    """Whether the interpreter would have recorded it: true, false, or a `Value` that says."""
    return held.active if isinstance(held, (Value, Array)) else False


def wholeness(operand: Operand) -> Any:
    """Whether the interpreter would hold an integer for a number: as `Value.mixed`."""
    if isinstance(operand, Value) and operand.type == "float":
        return operand.mixed
    return type_of(operand) == "int"


# ── descriptions ──────────────────────────────────────────────────────────────────────


@record
class Number:
    """Attributes: as of a `Value`; `active` and `mixed` are None where a bit says."""

    type: str
    mixed: bool | None
    active: bool | None
    shape: tuple[int, ...] = ()


@record
class Elements:
    shape: tuple[int, ...]
    items: list[Number]
    active: bool | None


@record
class Parts:
    """Of `Several`."""

    parts: list[Any]


@record
class Sometimes:
    """Something that may not be set; None where it never is."""

    what: Any


@record
class Same:
    """The one thing that it is on every path."""

    thing: Any


Description = Any


def described(held: Any) -> Description:  # recurses: the program's blocks
    if is_number(held) or is_whole(held):
        mixed = held.mixed if isinstance(held, Value) else False
        shape = held.shape if is_whole(held) else ()
        return Number(type_of(held), _known(mixed), _known(activity(held)), shape)
    if isinstance(held, Array):
        return Elements(held.shape, [described(i) for i in held.items], _known(held.active))
    if held is UNSET or held is NOTHING:
        return Sometimes(None)
    if isinstance(held, Guarded):
        return Sometimes(described(held.value))
    if isinstance(held, Several):
        return Parts([described(part) for part in held.parts])
    return Same(held)


def _known(active: Any) -> bool | None:
    return active if isinstance(active, bool) else None


def joined(one: Description, other: Description) -> Description:  # recurses: the program's blocks
    """What holds what either describes."""
    if isinstance(one, Sometimes) or isinstance(other, Sometimes):
        inner = [d.what if isinstance(d, Sometimes) else d for d in (one, other)]
        known = [d for d in inner if d is not None]
        return Sometimes(None if not known else joined(known[0], known[-1]))
    if isinstance(one, Number) and isinstance(other, Number) and one.shape == other.shape:
        active = one.active if one.active is other.active else None
        mixed = True if True in (one.mixed, other.mixed) else None
        if one.type == other.type:
            mixed = False if one.mixed is other.mixed is False else mixed
            return Number(one.type, mixed, active, one.shape)
        if "bool" in (one.type, other.type):
            return Same(Unknown("it is a number or true or false, as the program goes"))
        if one.shape:
            return Same(Unknown("it is an array of integers or of floats, as the program goes"))
        return Number("float", mixed, active)
    if isinstance(one, Elements) and isinstance(other, Elements) and one.shape == other.shape:
        active = one.active if one.active is other.active else None
        items = [joined(a, b) for a, b in zip(one.items, other.items, strict=True)]
        if all(isinstance(item, Number) for item in items):
            return Elements(one.shape, items, active)
    if isinstance(one, Parts) and isinstance(other, Parts) and len(one.parts) == len(other.parts):
        return Parts([joined(a, b) for a, b in zip(one.parts, other.parts, strict=True)])
    if isinstance(one, Same) and isinstance(other, Same) and one.thing is other.thing:
        return one
    return Same(Unknown("it is not of one kind, or one shape, whichever way the program goes"))


def equal(one: Description, other: Description) -> bool:  # recurses: the program's blocks
    """Whether two descriptions are the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Number):
        known = (one.type, one.mixed, one.active, one.shape)
        return known == (other.type, other.mixed, other.active, other.shape)
    if isinstance(one, Elements):
        return one.active is other.active and all(map(equal, one.items, other.items))
    if isinstance(one, Sometimes):
        if one.what is None or other.what is None:
            return one.what is other.what
        return equal(one.what, other.what)
    if isinstance(one, Parts):
        return len(one.parts) == len(other.parts) and all(map(equal, one.parts, other.parts))
    return one.thing is other.thing or (
        isinstance(one.thing, Unknown) and isinstance(other.thing, Unknown)
    )


def instance(  # recurses: the program's blocks
    description: Description, name: str, made: list[Value]
) -> Any:
    """Something of that description, in new values, which are added to those `made`."""
    if isinstance(description, Number):
        value = Value(description.type, name, description.active, description.mixed)  # type: ignore[arg-type]
        value.shape = description.shape
        made.append(value)
        if description.active is None:
            value.active = _bit(made)
        if description.mixed is None:
            value.mixed = _bit(made)
        return value
    if isinstance(description, Elements):
        items = [instance(item, name, made) for item in description.items]
        active = _bit(made) if description.active is None else description.active
        return Array(description.shape, items, active)
    if isinstance(description, Sometimes):
        if description.what is None:
            return UNSET
        held = instance(description.what, name, made)
        return Guarded(held, _bit(made))
    if isinstance(description, Parts):
        return Several([instance(part, name, made) for part in description.parts])
    return description.thing


def _bit(made: list[Value]) -> Value:
    bit = Value("bool")
    made.append(bit)
    return bit


def numbers(  # recurses: the program's blocks
    held: Any, description: Description, emit: Callable[[Any], None]
) -> list[Operand]:
    """What is held as the numbers of an instance of a description, in their order."""
    if isinstance(description, Number):
        if not is_number(held) and not is_whole(held):
            held = {"float": 0.0, "int": 0, "bool": False}[description.type]
            held = np.full(description.shape, held) if description.shape else held
        number = as_float(held, emit) if description.type == "float" else held
        bits = [activity(held)] if description.active is None else []
        if description.mixed is None:
            bits.append(wholeness(held))
        return [number, *bits]
    if isinstance(description, Elements):
        items = held.items if isinstance(held, Array) else [0.0] * len(description.items)
        found = []
        for item, inner in zip(items, description.items, strict=True):
            found += numbers(item, inner, emit)
        return [*found, *([activity(held)] if description.active is None else [])]
    if isinstance(description, Sometimes):
        if description.what is None:
            return []
        bit: Operand = held is not UNSET and held is not NOTHING
        if isinstance(held, Guarded):
            held, bit = held.value, held.bit
        return [*numbers(held, description.what, emit), bit]
    if isinstance(description, Parts):
        known = held.parts if isinstance(held, Several) else [UNSET] * len(description.parts)
        return [
            number
            for part, inner in zip(known, description.parts, strict=True)
            for number in numbers(part, inner, emit)
        ]
    return []


def as_float(operand: Operand, emit: Callable[[Any], None]) -> Operand:
    """A number, or an array, as of floats."""
    if not isinstance(operand, Value):
        return operand.astype(float) if is_array(operand) else float(operand)
    if operand.type == "float":
        return operand
    value = Value("float", operand.name, operand.active, shape=operand.shape)
    emit(Move(value, operand))
    return value
