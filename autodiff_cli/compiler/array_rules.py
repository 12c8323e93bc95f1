"""The way back through operations on arrays: the sweep's own rules, applied to what stands for
arrays, so that each primitive that a rule calls becomes an operation.

A rule that looks at numbers, as which element is the largest, is called as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import AddAt, Apply, ArrayCall, Check, NotCompiled, Value, is_array
from autodiff_cli.compiler.rules import Code
from autodiff_cli.compiler.shaped import FAILURES, Shapes
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import counted, shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.indexing import Scatter
from autodiff_cli.engine.rules import cotangents, fit
from autodiff_cli.engine.sweeps import dense

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.engine.primitive import Primitive


class Stand(Code):
    """Stands for an array or a number while a rule is applied."""

    __slots__ = ("dtype", "rules", "shape")

    def __init__(self, rules: ArrayRules, operand: Value) -> None:
        super().__init__("", operand=operand)
        self.rules = rules
        self.shape = operand.shape
        self.dtype = np.dtype({"float": float, "int": np.int64, "bool": bool}[operand.type])

    def taken_by(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return self.rules.taken(primitive, args)

    __hash__ = Code.__hash__

    def _looked_at(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a rule looks at numbers")

    __array__ = __bool__ = __float__ = __iter__ = __len__ = _looked_at


class ArrayRules:
    """Writes what operands get of an adjoint.

    An adjoint whose numbers are all the same may be a single number, until more is added to it.

    Attributes:
        owned: the values whose adjoint is an array of its own, which may be changed in place.
    """

    def __init__(self, reverse: Any) -> None:
        self.owned: set[Value] = set()
        self._reverse = reverse
        self._shapes = Shapes()
        self._ops: list[Any] = []
        self._of_number = False
        """Whether what is gone back through makes one number of an array."""

    def own(self, value: Value) -> None:
        """Makes an adjoint that branches or turns of a loop may add to an array of its own."""
        if value.shape and value not in self.owned and value in self._reverse.known:
            self.owned.add(value)
            adjoint = self._reverse.adjoint(value)
            self._reverse.emit(ArrayCall([adjoint], np.array, (adjoint,), {}, "np.array"))

    # ── one operation ─────────────────────────────────────────────────────────────────

    def back(self, op: Apply, live: Sequence[int]) -> None:
        """Hands the adjoint of a result on to the operands at the positions in `live`."""
        g = self._reverse.adjoint(op.out)
        if op.primitive.has_edges:
            self._check_edges(op, g, live)
        positions = [i for i in live if not _is_flat(op.primitive, i)]
        if not positions:
            return
        self._ops = []
        try:
            parts = self._by_rule(op, g, positions)
        except (*FAILURES, NotCompiled):
            self._ops = []
            parts = self._as_it_is(op, g, positions)
        for inner in self._ops:
            self._reverse.emit(inner)
        for position, part in zip(positions, parts, strict=True):
            self._contribute(op.args[position], part)

    def _by_rule(self, op: Apply, g: Operand, positions: Sequence[int]) -> list[Any]:
        primitive = op.primitive
        self._of_number = primitive.kind == "reduction" and not op.out.shape
        out, args = self._stand(op.out), [*map(self._stand, op.args), *op.static]
        found = []
        for position in positions:
            arg = op.args[position]
            one = primitive.kind == "elementwise" and arg.shape == op.out.shape
            same = g if one or self._of_number else self._in_full(g, op.out.shape)
            part = self._part(primitive, position, self._stand(same), out, args)
            if part is not None and type(part) is not Scatter:
                part = self._fitted(part, arg.shape)
            found.append(part)
        return found

    def _part(self, primitive: Primitive, position: int, g: Any, out: Any, args: list[Any]) -> Any:
        """What an operand gets of `g`; where it is careful, a `g` of 0 gives 0 whatever it is."""
        if not self._reverse.careful or primitive.kind != "elementwise":
            return cotangents(primitive, [position], g, out, args)[0]
        rule = primitive.partials[position]
        if not callable(rule):
            return g * rule
        start = len(self._ops)
        factor = rule(out, *args)
        if primitive.chooses or all(map(_is_safe, self._ops[start:])):
            return g * factor
        return TABLE["gated"](g, factor)

    def _fitted(self, part: Any, shape: tuple[int, ...]) -> Operand:
        """A contribution summed where its operand was broadcast."""
        given = shape_of(part)
        wider = zip(reversed(given), reversed(shape), strict=False)
        if len(given) > len(shape) or any(mine > size for mine, size in wider):
            part = fit(part, shape)
        return _plain(part)

    def _as_it_is(self, op: Apply, g: Operand, positions: Sequence[int]) -> list[Any]:
        """The contributions by a call of the sweep's own rule."""
        shapes = [op.args[position].shape for position in positions]
        rule = _rule(op.primitive, positions, shapes)
        outs = [Value("float", shape=shape) for shape in shapes]
        full = _plain(self._in_full(g, op.out.shape))
        self._ops.append(ArrayCall(outs, rule, (full, op.out, *op.args, *op.static)))
        return list(outs)

    def _contribute(self, operand: Value, part: Any) -> None:
        reverse = self._reverse
        if part is None:
            return
        if type(part) is not Scatter:
            reverse.contribute(operand, part)
            return
        if operand not in reverse.known:
            reverse.begin(operand)
        self.own(operand)
        reverse.emit(AddAt(reverse.adjoint(operand), part.key, _plain(part.cotangent)))

    def _check_edges(self, op: Apply, g: Operand, live: Sequence[int]) -> None:
        """As of numbers: flags a kink, or the end of a gradient, that a derivative rests on."""
        primitive = op.primitive
        if primitive.edges_by is not None and not set(primitive.edges_by).intersection(live):
            return
        met = Value("bool")
        by = None if callable(primitive.kink) else list(live)
        ends = primitive.flat or not primitive.counts.isdisjoint(live)
        told = _edge(primitive, by, ends)
        self._reverse.emit(ArrayCall([met], told, (_plain(g), *op.args, *op.static)))
        self._reverse.emit(Check(fails=met))

    # ── operations of rules ───────────────────────────────────────────────────────────

    def _stand(self, operand: Any) -> Any:
        if isinstance(operand, Value):
            return Stand(self, operand)
        if isinstance(operand, Stand):
            return operand
        return counted(operand) if is_array(operand) else np.float64(operand)

    def _in_full(self, g: Any, shape: tuple[int, ...]) -> Any:
        """An adjoint in the shape of its value."""
        if shape_of(g) == shape:
            return g
        if isinstance(g, Value):
            return self.taken(TABLE["broadcast_to"], (self._stand(g), shape))
        return np.broadcast_to(np.float64(g), shape)

    def taken(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        """What a primitive makes of arguments among which are stands."""
        count = len(args) - len(primitive.options)
        operands, static = args[:count], args[count:]
        if self._of_number and primitive is TABLE["reshape"] and not shape_of(operands[0]):
            return operands[0]  # a number goes with every shape
        by_element = primitive.kind == "elementwise"
        plain = tuple([_plain(operand, by_element) for operand in operands])
        if primitive is TABLE["mul"]:
            for one, other in (plain, operands[1]), (plain[::-1], operands[0]):
                if not is_array(one[0]) and not isinstance(one[0], Value) and one[0] == 1.0:
                    return other
        if primitive is TABLE["pow"] and isinstance(plain[1], float) and plain[1] == 1.0:
            return operands[0]
        kind, shape = self._shapes.of(primitive, plain, static, None)
        out = Value(kind, shape=shape)
        self._ops.append(Apply(out, primitive, plain, None, static))
        return Stand(self, out)


def _plain(operand: Any, by_element: bool = True) -> Any:
    """An operand of the form; where that is the same, an array of one number is that number."""
    if isinstance(operand, Stand):
        return operand.operand
    if isinstance(operand, (np.ndarray, np.generic)):
        return operand.item() if not operand.ndim or (by_element and operand.size == 1) else operand
    return operand


def _is_safe(op: Apply) -> bool:
    """Whether it is finite where its operands are, unless it overflows."""
    if op.primitive is TABLE["pow"] and isinstance(op.args[1], float):
        return op.args[1] >= 0 and op.args[1].is_integer()
    return op.primitive.domain == "all reals"


def _is_flat(primitive: Primitive, position: int) -> bool:
    rule = primitive.partials[position] if primitive.kind == "elementwise" else None
    return rule is not None and not callable(rule) and rule == 0


def _rule(
    primitive: Primitive,
    positions: Sequence[int],
    shapes: Sequence[tuple[int, ...]],
) -> Callable[..., Any]:
    """The sweep's rule as a function of arrays: `rule(g, out, *arguments)`."""

    def rule(g: Any, out: Any, *args: Any) -> Any:
        count = len(args) - len(primitive.options)
        operands = [np.float64(x) if type(x) in (int, float) else counted(x) for x in args[:count]]
        parts = cotangents(primitive, positions, g, out, [*operands, *args[count:]])
        full = [
            np.zeros(shape) if part is None else np.asarray(dense(part, shape), float)
            for part, shape in zip(parts, shapes, strict=True)
        ]
        found = [part if part.ndim else float(part) for part in full]
        return found[0] if len(found) == 1 else tuple(found)

    rule.__name__ = f"{primitive.name}_back"
    return rule


def _edge(primitive: Primitive, by: list[int] | None, ends: bool) -> Callable[..., bool]:
    """`edge(g, *arguments)`: whether there is something to tell of a derivative that arrives."""

    def edge(g: Any, *args: Any) -> bool:
        if not np.any(g):
            return False
        if not primitive.is_kink(args, by):
            return ends
        return primitive.rests is None or bool(primitive.rests(np.asarray(g), *args))

    edge.__name__ = f"{primitive.name}_edge"
    return edge
