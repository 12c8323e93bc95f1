"""The type and the shape that a primitive's result has, found out by evaluating it once."""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import NotCompiled, Value
from autodiff_cli.compiler.variables import KINDS, type_of
from autodiff_cli.engine.lazy import np, quiet_numpy
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.surroundings import CURRENT, Surroundings
from autodiff_cli.errors import AdiffError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span

LARGEST = 2**28
"""Bytes of an array, from which on a program is interpreted: to compile it takes as many."""
FAILURES = (AdiffError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
MANY = 2**16
ONES: dict[str, Any] = {"float": 1.0, "int": 1, "bool": True}


@contextmanager
def evaluating(what: str, span: Span | None) -> Iterator[None]:
    """While it is open, primitives are evaluated, and what fails cannot be compiled."""
    token = CURRENT.set(Surroundings(None, LARGEST))
    try:
        with quiet_numpy():
            yield
    except NotCompiled:
        raise
    except (*FAILURES, MemoryError):
        raise NotCompiled(f"`{what}` of these arrays", span) from None
    finally:
        CURRENT.reset(token)


def stand_in(operand: Operand, element: bool = False) -> Any:
    """A number or an array like an operand; positive definite, where it is of square matrices.

    Args:
        element: an array has two numbers at most on every axis.
    """
    if not isinstance(operand, Value):
        if element and shape_of(operand):
            return np.ones(_small(operand.shape), operand.dtype)
        return operand
    if not operand.shape:
        return ONES[operand.type]
    shape = _small(operand.shape) if element else operand.shape
    if 8 * prod(shape) > LARGEST:
        raise NotCompiled(f"an array of shape {operand.shape} is large")
    dtype = type(ONES[operand.type])
    if len(shape) > 1 and shape[-1] == shape[-2]:
        return np.array(np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape))
    # Zeros of many numbers take no memory before they are written.
    return np.ones(shape, dtype) if prod(shape) < MANY else np.zeros(shape, dtype)


def _small(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([min(size, 2) for size in shape])


def without_values(static: Any) -> Any:  # recurses: an argument
    """Static arguments with 0 for what is only known as the program goes."""
    if isinstance(static, Value):
        return 0
    return tuple(map(without_values, static)) if isinstance(static, tuple) else static


class Shapes:
    """Types and shapes of results, each found out once."""

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, tuple[int, ...]]] = {}

    def of(
        self, primitive: Primitive, args: Sequence[Operand], static: tuple[Any, ...], span: Any
    ) -> tuple[Any, tuple[int, ...]]:
        """The type and the shape of a result.

        Raises:
            NotCompiled: there is no telling.
        """
        key = (primitive.name, *map(_signature, args), _hashable(static))
        if key not in self._known:
            with evaluating(primitive.title, span):
                self._known[key] = self._found(primitive, args, static)
        return self._known[key]

    def _found(
        self, primitive: Primitive, args: Sequence[Operand], static: tuple[Any, ...]
    ) -> tuple[Any, tuple[int, ...]]:
        by_element = primitive.scalar is not None and not primitive.options
        stands = [stand_in(arg, by_element) for arg in args]
        out = primitive.evaluate(*stands, *without_values(static))
        kind = KINDS[out.dtype.kind] if hasattr(out, "dtype") else type(out).__name__
        shape = shape_of(out)
        if by_element:
            shape = np.broadcast_shapes(*map(shape_of, args))
        if kind not in ONES or 8 * prod(shape) > LARGEST:
            raise TypeError
        return kind, shape


def _signature(operand: Operand) -> Any:
    if isinstance(operand, Value):
        return operand.type, operand.shape
    return _hashable(operand)


def _hashable(static: Any) -> Any:  # recurses: an argument
    """Static arguments as a key."""
    if isinstance(static, tuple):
        return tuple(map(_hashable, static))
    if isinstance(static, slice):
        return "slice", static.start, static.stop, static.step
    if hasattr(static, "dtype"):
        return static.shape, static.dtype.str, static.tobytes()
    return type_of(static) if isinstance(static, Value) else (type(static).__name__, static)
