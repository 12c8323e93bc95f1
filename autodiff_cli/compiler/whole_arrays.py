"""Arrays of a fixed shape, each of which is one value of the form."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.arrays import MOST_ELEMENTS
from autodiff_cli.compiler.counting import Count
from autodiff_cli.compiler.form import Apply, Loop, NotCompiled, Region, Value, is_array, values_in
from autodiff_cli.compiler.shaped import LARGEST, Shapes, evaluating
from autodiff_cli.compiler.statements import Lowering, StatementForm
from autodiff_cli.compiler.variables import Closure, activity, is_number, is_whole, type_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.indexing import index_key
from autodiff_cli.language import syntax
from autodiff_cli.language.names import assigned_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span


class WholeArrayForm(StatementForm):
    """Makes operations of programs in which arrays are values, and not their elements.

    It counts the bytes of the arrays that the interpreter would have recorded, too.
    """

    def __init__(self, facts: Any, frame: Any) -> None:
        super().__init__(facts, frame)
        self.counts["bytes"] = Count()
        self._shapes = Shapes()

    def parameter(self, name: str, kind: Any, active: bool, params: list[Value]) -> Any:
        if isinstance(kind, str):
            return super().parameter(name, kind, active, params)
        if not 0 < 8 * prod(kind) <= LARGEST:
            raise NotCompiled(f"input `{name}` has {prod(kind)} elements")
        value = Value("float", name, active, shape=kind)
        params.append(value)
        self.count_bytes(kind, active)
        return value

    def count_bytes(self, shape: tuple[int, ...], active: Any) -> None:
        if shape and active is not False and not self.within:
            self.counts["bytes"] = self.counts["bytes"].plus(8 * prod(shape))

    # ── operations ────────────────────────────────────────────────────────────────────

    def apply(  # recurses: the program's blocks
        self, primitive: Primitive, args: Sequence[Any], span: Span
    ) -> Any:
        args = [self.settled(arg) for arg in args]
        if primitive.scalar is not None and not primitive.options and all(map(is_number, args)):
            return super().apply(primitive, args, span)
        count = len(args) - len(primitive.options)
        operands, static = args[:count], tuple(args[count:])
        for operand in operands:
            if not is_number(operand) and not is_whole(operand):
                raise NotCompiled(f"`{primitive.title}` of what is no number and no array", span)
        if primitive.draws or primitive.parts is not None:
            raise NotCompiled(f"`{primitive.title}` is not compiled", span)
        if any(isinstance(one, Closure) for one in static) or (
            "key" not in primitive.options and values_in(static)
        ):
            raise NotCompiled(f"an argument of `{primitive.title}` is not known beforehand", span)
        if primitive.kind == "constant" and primitive.reads == "size" and operands:
            operands = [np.broadcast_to(0.0, one.shape) if is_array(one) else one
                        for one in operands]  # fmt: skip
        if not values_in((operands, static)):
            return self._known(primitive, operands, static, span)
        operands = [self.firm(operand) for operand in operands]
        kind, shape = self._shapes.of(primitive, operands, static, span)
        active = False if primitive.kind == "constant" else self._active(operands)
        if active is not False and not shape:
            kind = "float"
        if shape and kind == "int":
            raise NotCompiled(f"`{primitive.title}` gives an array of integers", span)
        out = Value(kind, "", active, shape=shape)
        self.emit(Apply(out, primitive, tuple(operands), span, static))
        self.record(active)
        self.count_bytes(shape, active)
        return out

    def user_call(  # recurses: the program's blocks
        self, closure: Closure, args: list[Any], span: Span
    ) -> Any:
        if closure.function in self.calling:
            name = closure.function.name or "fn"
            raise NotCompiled(f"`{name}` calls itself in a program of arrays", span)
        return super().user_call(closure, args, span)

    def _known(
        self, primitive: Primitive, operands: list[Any], static: tuple[Any, ...], span: Span
    ) -> Any:
        """The result of what is known beforehand."""
        with evaluating(primitive.title, span):
            out = primitive.evaluate(*operands, *static)
            if not np.isfinite(out).all():
                raise NotCompiled("a number that is not finite", span)
        return out

    def stacked(self, items: list[Any], span: Span) -> Any:
        return self.apply(TABLE["stack"], (*items, 0), span)

    def string(self, node: syntax.String) -> Any:
        return node.text

    def attribute(self, node: syntax.Attribute) -> Any:  # recurses: the program's blocks
        if node.name == "T":
            return self.apply(TABLE["transpose"], (self.expression(node.base), None), node.span)
        if node.name == "shape":
            return self.apply(TABLE["shape"], (self.expression(node.base),), node.span)
        return super().attribute(node)

    # ── elements ──────────────────────────────────────────────────────────────────────

    def element(self, held: Any, node: syntax.Index) -> Any:  # recurses: the program's blocks
        held = self.settled(held)
        return self.apply(TABLE["index"], (held, self._key(held, node)), node.span)

    def _with_element(  # recurses: the program's blocks
        self, target: syntax.Index, held: Any
    ) -> Any:
        name = assigned_name(target)
        array = self.variable(name, 0, self.frame.scope.slots[name.name])
        key = self._key(array, target)
        return self.apply(TABLE["setindex"], (array, held, key), target.span)

    def _key(  # recurses: the program's blocks
        self, held: Any, node: syntax.Index
    ) -> tuple[Any, ...]:
        """Subscripts, of which a single number may be known only as the program goes."""
        if not is_whole(held):
            raise NotCompiled("an element of what is no array", node.span)
        parts = [self._subscript(part, node.span) for part in node.subscripts]
        known = tuple(0 if isinstance(part, Value) else part for part in parts)
        with evaluating("[]", node.span):
            key = index_key(known, held.shape)
        return tuple(
            part if isinstance(part, Value) else one for part, one in zip(parts, key, strict=True)
        )

    def _subscript(self, part: Any, span: Span) -> Any:  # recurses: the program's blocks
        if isinstance(part, syntax.Slice):
            ends = [
                None if end is None else self.settled(self.expression(end))
                for end in (part.start, part.stop, part.step)
            ]
            if values_in(ends):
                raise NotCompiled("a slice that is not known beforehand", span)
            return slice(*ends)
        held = self.settled(self.expression(part))
        if isinstance(held, Value):
            if held.shape or held.type == "bool":
                raise NotCompiled("a mask or an array of subscripts as the program goes", span)
            return self._whole_number(held, span)
        return held

    def elements(self, held: Any, span: Span) -> list[Any]:
        held = self.settled(held)
        if not is_whole(held) or held.shape[0] > MOST_ELEMENTS:
            raise NotCompiled("what is gone through is no array of a few elements", span)
        return [self._part(held, i, span) for i in range(held.shape[0])]

    def _part(self, held: Any, place: Operand, span: Span) -> Any:
        """One part along the first axis."""
        return self.apply(TABLE["index"], (held, (place,)), span)

    def over(self, held: Any, node: syntax.For) -> None:  # recurses: the program's blocks
        if not is_whole(held):
            raise NotCompiled("what is gone through is no array", node.span)
        index = Value("int", "k")
        turns = held.shape[0]
        loop = Loop([], Region(), [], Value("int"), None, index, 0, turns, 1, span=node.span)
        slot = self.frame.scope.slots[node.target.name]
        slots = self._carried(node.body)
        slots[slot] = node.target.name

        # The interpreter reads all elements before the first turn: their adjoints come last.
        rows = Value(type_of(held), "", activity(held), shape=held.shape)
        self.emit(Apply(rows, TABLE["identity"], (held,)))
        active = activity(held)
        for _ in range(turns):
            self.record(active)
        self.count_bytes(held.shape if len(held.shape) > 1 else (), active)

        def bind() -> None:
            self.within += 1
            self.frame.variables[slot] = self._part(rows, index, node.span)
            self.within -= 1

        self._loop(loop, slots, [Lowering(bind), *node.body.statements], None)

    # ── conditions ────────────────────────────────────────────────────────────────────

    def unary(self, node: syntax.Unary) -> Any:  # recurses: the program's blocks
        if node.operator == "+":
            return self.expression(node.operand)
        if node.operator == "not":
            operand = self.expression(node.operand)
            if is_whole(operand):
                return self.apply(TABLE["logical_not"], (operand,), node.span)
            return self.negated(self.truth(operand, node.operand.span))
        return super().unary(node)

    def logical(self, node: syntax.Logical) -> Any:  # recurses: the program's blocks
        left = self.expression(node.left)
        if is_whole(left):
            right = self.expression(node.right)
            return self.apply(TABLE[f"logical_{node.operator}"], (left, right), node.span)
        return self._where_true(
            node.operator,
            self.truth(left, node.left.span),
            lambda: self.truth(self.expression(node.right), node.right.span),
        )

    def _where_true(  # recurses: the program's blocks
        self, operator: str, left: Any, right: Callable[[], Any]
    ) -> Any:
        if is_whole(left):
            raise NotCompiled("comparisons of arrays in a row")
        return super()._where_true(operator, left, right)

    _methods: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        **StatementForm._methods,
        syntax.String: string,
        syntax.Attribute: attribute,
        syntax.Unary: unary,
        syntax.Logical: logical,
    }
