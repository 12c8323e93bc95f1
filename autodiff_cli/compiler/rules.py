"""What a primitive's entry says of numbers, as code: its partials, its kink, its scalar body.

A rule is applied to symbols and leaves the tree of its expression, as the interpreter's own
sweep does it: the same operations in the same order, and so the same digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import Apply, Value
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.symbols import Symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.engine.primitive import Primitive


class Code(Symbol):
    """A symbol that stands for an operand, and takes what the conditions of kinks are made of."""

    __slots__ = ("operand",)

    def __init__(
        self,
        name: str,
        primitive: Primitive | None = None,
        args: tuple[Any, ...] = (),
        operand: Operand = None,
    ) -> None:
        super().__init__(name, primitive, args)
        self.operand = operand

    def taken_by(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return Code(primitive.name, primitive, args)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return TABLE["equal"](self, other)

    def __ne__(self, other: object) -> Any:
        return TABLE["not_equal"](self, other)

    def __mod__(self, other: Any) -> Any:
        return TABLE["mod"](self, other)

    def __rmod__(self, other: Any) -> Any:
        return TABLE["mod"](other, self)

    def __and__(self, other: Any) -> Any:
        return TABLE["logical_and"](self, other)

    def __rand__(self, other: Any) -> Any:
        return TABLE["logical_and"](other, self)

    def __or__(self, other: Any) -> Any:
        return TABLE["logical_or"](self, other)

    def __ror__(self, other: Any) -> Any:
        return TABLE["logical_or"](other, self)


class Recorded(Code):
    """One that is differentiated again with all that a rule makes of it."""

    __slots__ = ()

    is_recorded = True


def symbols(operands: Sequence[Operand], recorded: Container[Operand] = ()) -> list[Any]:
    """Operands as a rule takes them; numbers too, as Python's own raise on 1/0."""
    return [
        (Recorded if isinstance(o, Value) and o in recorded else Code)(
            "", operand=o if isinstance(o, Value) else float(o)
        )
        for o in operands
    ]


def partial(
    primitive: Primitive,
    position: int,
    out: Operand,
    args: Sequence[Operand],
    recorded: Container[Operand] = (),
) -> Any:
    """∂out/∂operand: a number, or the tree of an expression.

    Args:
        recorded: what is differentiated by once more.
    """
    rule = primitive.partials[position]
    if not callable(rule):
        return rule
    return simplified(rule(*symbols([out], recorded), *symbols(args, recorded)))


def is_nothing(primitive: Primitive, position: int, partial: Any) -> bool:
    """Whether a partial takes all that it is multiplied by: a 0 that only a constant operand makes
    it be has a nan of what is infinite, as in the interpreter."""
    if isinstance(partial, Code) or partial != 0:
        return False
    return primitive.chooses or not callable(primitive.partials[position])


def kink(primitive: Primitive, position: int | None, args: Sequence[Operand]) -> Any:
    """Whether a derivative is a convention, by the operand at a position, or by any."""
    rule = primitive.kink if position is None else primitive.kink[position]
    return False if rule is None else simplified(rule(*symbols(args)))


def simplified(tree: Any) -> Any:  # recurses: the program's blocks
    """A tree without what constant operands decide; no digit of it changes by that."""
    if not isinstance(tree, Code):
        return tree
    primitive = tree.primitive
    if primitive is None:
        return tree if isinstance(tree.operand, Value) else tree.operand
    args = [simplified(arg) for arg in tree.args]
    if not any(isinstance(arg, Code) for arg in args):
        return primitive.guarded(*args)
    first, last = args[0], args[-1]
    if primitive.name == "where" and not isinstance(first, Code):
        return args[1] if first else last
    if primitive.name == "gated" and not isinstance(first, Code):
        return simplified(TABLE["mul"](first, last)) if first else 0.0
    if primitive.name == "pow" and last is not first and not isinstance(last, Code) and last == 1.0:
        return first
    for one, other in ((first, last), (last, first)):
        if not isinstance(one, Code):
            if primitive.name == "mul" and one == 1.0:
                return other
            if primitive.name == "logical_and":
                return other if one else False
            if primitive.name == "logical_or":
                return True if one else other
    return Code(tree.name, primitive, tuple(args))


def emitted(  # recurses: the program's blocks
    tree: Any, emit: Callable[[Any], None], done: dict[Any, Operand]
) -> Operand:
    """The operations of a tree, and the operand that they leave."""
    if not isinstance(tree, Code):
        return tree
    if tree.primitive is None:
        return tree.operand
    args = tuple([emitted(arg, emit, done) for arg in tree.args])
    key = (tree.primitive.name, *args)
    if key not in done:
        out = Value("bool" if tree.primitive.kind == "constant" else "float")
        emit(Apply(out, tree.primitive, args))
        done[key] = out
    return done[key]


def is_safe(tree: Any) -> bool:  # recurses: the program's blocks
    """Whether an expression is finite where its operands are, unless it overflows."""
    if not isinstance(tree, Code) or tree.primitive is None:
        return True
    if tree.primitive.name == "pow":
        exponent = tree.args[1]
        safe = not isinstance(exponent, Code) and exponent >= 0 and exponent.is_integer()
    else:
        safe = tree.primitive.domain == "all reals"
    return safe and all(map(is_safe, tree.args))
