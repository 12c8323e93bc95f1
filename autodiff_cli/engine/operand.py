"""What a derivative rule can be applied to, besides numbers: a node, or a symbol.

A rule is written with Python's operators and calls of primitives. On floats and arrays
it computes; on an `Operand` each operator becomes the primitive that it stands for, so
that the same line records graph (nodes) or writes a formula (symbols).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Operand:
    """Python's arithmetic and ordering operators, handed on to the table of primitives."""

    __slots__ = ()

    is_recorded: ClassVar[bool] = False
    """What a rule makes of it is differentiated again."""
    table: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    """The table of primitives, which sets this when it is complete."""

    # An array on the left must not take a node for an object to broadcast over.
    __array_ufunc__ = None

    def taken_by(self, primitive: Any, args: tuple[Any, ...]) -> Any:
        """What a primitive makes of arguments among which this is."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self.table["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return self.table["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return self.table["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.table["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return self.table["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.table["mul"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return self.table["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self.table["matmul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.table["div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.table["div"](other, self)

    def __pow__(self, other: Any) -> Any:
        return self.table["pow"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.table["pow"](other, self)

    def __neg__(self) -> Any:
        return self.table["neg"](self)

    def __lt__(self, other: Any) -> Any:
        return self.table["less"](self, other)

    def __le__(self, other: Any) -> Any:
        return self.table["less_equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return self.table["greater"](self, other)

    def __ge__(self, other: Any) -> Any:
        return self.table["greater_equal"](self, other)
