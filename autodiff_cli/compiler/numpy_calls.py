"""Operations on arrays as the calls of NumPy that they come down to.

What an entry of the table computes on arrays is applied to arrays that are none, and write down
which functions of NumPy are called with them. Where that cannot be followed, the entry's function
is called as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import (
    AddAt,
    Apply,
    ArrayCall,
    Flag,
    Move,
    NotCompiled,
    Region,
    Value,
    everything,
    regions,
    writes,
)
from autodiff_cli.compiler.shaped import FAILURES, ONES, evaluating, stand_in, without_values
from autodiff_cli.compiler.variables import KINDS
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import plain, shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.errors import AdiffError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.compiler.form import Function
    from autodiff_cli.engine.primitive import Primitive

DTYPES = {"float": np.dtype(float), "int": np.dtype(np.int64), "bool": np.dtype(bool)}
METHODS = frozenset(
    name for name in vars(np.ndarray) if not name.startswith("_") and name not in ("data", "tofile")
)


def expand(function: Function, careful: bool = False) -> None:
    """Puts the calls of NumPy in the place of operations on arrays.

    Args:
        careful: what is not finite is expected, and raises no flag.
    """
    counts: dict[Value, int] = dict.fromkeys(function.params, 1)
    for op in everything(function.body):
        for value in writes(op):
            counts[value] = counts.get(value, 0) + 1
    _expand(function.body, {}, {value for value, count in counts.items() if count == 1}, careful)


def _expand(  # recurses: the program's blocks
    region: Region, known: dict[Any, Value], once: set[Value], careful: bool
) -> None:
    ops: list[Any] = []
    for op in region.ops:
        for inner in regions(op):
            _expand(inner, dict(known), once, careful)
        if isinstance(op, Apply) and op.is_of_arrays:
            ops += Tracing(known, once, careful).calls(op)
        else:
            ops.append(op)
    region.ops = ops


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array without numbers, whose operations are written down."""

    def __init__(self, tracing: Tracing, value: Value) -> None:
        self.tracing = tracing
        self.value = value
        self.shape = value.shape
        self.ndim = len(value.shape)
        self.dtype = DTYPES[value.type]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def T(self) -> Any:  # noqa: N802
        return self.tracing.call(np.transpose, (self,), {})

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **named: Any) -> Any:
        if method != "__call__" or "out" in named:
            return NotImplemented
        if ufunc is np.isfinite:
            return np.True_  # what is not raises a flag where it is made
        return self.tracing.call(ufunc, args, named)

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        if function in (np.shape, np.ndim, np.size):
            return getattr(self, function.__name__)
        if function is np.result_type:
            return np.result_type(*(getattr(arg, "dtype", arg) for arg in args))
        return self.tracing.call(function, args, named)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tracing.set_at(self.value, key, value)

    def __getitem__(self, key: Any) -> Any:
        return self.tracing.call("__getitem__", (self, key), {})

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)
        return lambda *args, **named: self.tracing.call(name, (self, *args), named)

    def _looked_at(self, *_: Any, **__: Any) -> Any:
        raise TypeError("an array without numbers")

    __array__ = __bool__ = __float__ = __iter__ = __int__ = _looked_at


class Tracing:
    """The calls that one operation comes down to."""

    def __init__(self, known: dict[Any, Value], once: set[Value], careful: bool) -> None:
        self._careful = careful
        self._known = known
        self._once = once
        self._calls: list[Any] = []

    def calls(self, op: Apply) -> list[Any]:
        return self._followed(op) or [
            ArrayCall([op.out], _as_it_is(op.primitive), (*op.args, *op.static), span=op.span)
        ]

    def _followed(self, op: Apply) -> list[Any]:
        self._calls = []
        known = dict(self._known)
        try:
            args = [Traced(self, arg) if isinstance(arg, Value) else arg for arg in op.args]
            with evaluating(op.primitive.title, op.span):
                is_gated = self._careful and op.primitive is TABLE["gated"]
                out = (_gated if is_gated else op.primitive.array)(*args, *op.static)
        except (*FAILURES, NotCompiled):
            out = None
        if not isinstance(out, Traced) or out.shape != op.out.shape:
            self._known.clear()
            self._known.update(known)
            return []
        return self._ended(op, out.value)

    def _ended(self, op: Apply, last: Value) -> list[Any]:
        """The calls, of which the last gives the operation's own value."""
        for call in self._calls:
            call.span = op.span
        made = self._calls[-1] if self._calls else None
        if isinstance(made, ArrayCall) and made.outs == [last]:
            made.outs = [op.out]
            for key, value in list(self._known.items()):
                if value is last:
                    if op.out in self._once:
                        self._known[key] = op.out
                    else:
                        del self._known[key]
        else:
            number = {"float": float, "int": int, "bool": bool}[op.out.type]
            return [
                *self._calls,
                Move(op.out, last, op.span)
                if op.out.shape
                else ArrayCall([op.out], number, (last,), text=op.out.type, span=op.span),
            ]
        made.plain = not op.out.shape
        return list(self._calls)

    def set_at(self, value: Value, key: Any, source: Any) -> None:
        """Writes down that a part of an array is set, which no other operation has then."""
        for known in [known for known, held in self._known.items() if held is value]:
            del self._known[known]
        parts = _values(key if isinstance(key, tuple) else (key,))
        self._calls.append(AddAt(value, parts, _values(source), sets=True))

    def call(self, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Writes down a call; what it gives."""
        args, named = _values(args), _values(named)
        key = self._key(function, args, named)
        if key is not None and key in self._known:
            return Traced(self, self._known[key])
        call = ArrayCall([], function, args, named, text_of(function))
        kind, shape = _result(call)
        out = Value(kind, shape=shape)
        call.outs = [out]
        self._calls.append(call)
        self._once.add(out)
        if key is not None:
            self._known[key] = out
        return Traced(self, out)

    def _key(self, function: Any, args: Any, named: Any) -> Any:
        """What tells the call from others; None where its arguments may change."""
        try:
            key = (function, _hashable(args), _hashable(tuple(sorted(named.items()))))
            hash(key)
        except TypeError:
            return None
        return key if self._steady(args) and self._steady(list(named.values())) else None

    def _steady(self, held: Any) -> bool:  # recurses: an argument
        if isinstance(held, Value):
            return held in self._once
        return not isinstance(held, (tuple, list)) or all(map(self._steady, held))


def _hashable(held: Any) -> Any:  # recurses: an argument
    if isinstance(held, (tuple, list)):
        return (type(held), *map(_hashable, held))
    if isinstance(held, (np.ndarray, slice)):
        raise TypeError
    return held if isinstance(held, Value) else (type(held), repr(held))


def _values(held: Any) -> Any:  # recurses: an argument
    """Arguments with values of the form in them."""
    if isinstance(held, Traced):
        return held.value
    if isinstance(held, (tuple, list)):
        return type(held)(map(_values, held))
    if isinstance(held, dict):
        return {name: _values(one) for name, one in held.items()}
    return held.item() if isinstance(held, np.generic) else held


def _stand_ins(held: Any, element: bool, made: list[Any]) -> Any:  # recurses: an argument
    """Arguments with arrays of ones in the place of values."""
    if isinstance(held, Value):
        one = stand_in(held, element)
        if held.shape:
            made.append(one)
        return one
    if isinstance(held, (tuple, list)):
        return type(held)(_stand_ins(one, element, made) for one in held)
    if isinstance(held, dict):
        return {name: _stand_ins(one, element, made) for name, one in held.items()}
    if element and isinstance(held, np.ndarray):
        return stand_in(held, element)
    return held


def _result(call: ArrayCall) -> tuple[Any, tuple[int, ...]]:
    """The type and the shape of what a call gives; notes in it what there is to know of memory."""
    by_element = isinstance(call.function, np.ufunc) and call.function.signature is None
    made: list[Any] = []
    args = _stand_ins(call.args, by_element, made)
    if call.function == "__getitem__":
        args = (args[0], without_values(call.args[1]))
    named = _stand_ins(call.named, by_element, made)
    out = called(call.function, args, named)
    shape: tuple[int, ...] = shape_of(out)
    if by_element:
        shape = np.broadcast_shapes(*(shape_of(arg) for arg in call.args))
    kind = KINDS[np.asarray(out).dtype.kind]
    if kind not in ONES:
        raise TypeError
    call.rows = bool(getattr(out, "flags", np.zeros(1).flags).c_contiguous)
    if by_element:
        call.out = True
        return kind, shape
    call.views = any(np.may_share_memory(out, one) for one in made)
    if not call.views and shape:
        try:
            called(call.function, args, {**named, "out": np.empty(shape, DTYPES[kind])})
            call.out = True
        except FAILURES:
            pass
    return kind, shape


def _gated(factor: Any, partial: Any) -> Any:
    if isinstance(factor, float) and factor:
        return np.multiply(factor, partial)
    return np.where(np.equal(factor, 0.0), 0.0, np.multiply(factor, partial))


def called(function: Any, args: Any, named: Any) -> Any:
    """The result of a function, or of a method."""
    if isinstance(function, str):
        return getattr(args[0], function)(*args[1:], **named)
    return function(*args, **named)


def text_of(function: Any) -> str:
    """What a file calls a function of NumPy; empty where it is none."""
    if isinstance(function, str):
        return f".{function}"
    name = function.__name__
    if getattr(np, name, None) is function:
        return f"np.{name}"
    return f"np.linalg.{name}" if getattr(np.linalg, name, None) is function else ""


def _as_it_is(primitive: Primitive) -> Callable[..., Any]:
    """A primitive's own function of arrays."""

    def function(*args: Any) -> Any:
        try:
            return plain(primitive.array(*args))
        except AdiffError:
            raise Flag from None

    function.__name__ = primitive.name
    return function
