"""Arrays of a few numbers, each of which is a variable of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.compiler.form import Apply, NotCompiled, Value
from autodiff_cli.compiler.lowering import ExpressionForm
from autodiff_cli.compiler.variables import Array, activity, as_float, is_number, type_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.language import syntax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.language.source import Span

MOST_ELEMENTS = 64
MOST_TERMS = 7
"""That NumPy adds up one after the other."""


class ArrayForm(ExpressionForm):
    """Makes operations of arrays.

    Attributes:
        as_numpy: what NumPy computes otherwise than Python, in the last digit, is refused.
    """

    as_numpy = True

    def stacked(self, items: list[Any], span: Span) -> Any:
        items = [self.settled(item) for item in items]
        if not items or len(items) > MOST_ELEMENTS:
            raise NotCompiled(f"an array of {len(items)} elements", span)
        active = self.either([activity(item) for item in items])
        if all(is_number(item) for item in items):
            shape: tuple[int, ...] = (len(items),)
            flat = items
        elif all(isinstance(item, Array) and item.shape == items[0].shape for item in items):
            shape = (len(items), *items[0].shape)
            flat = [one for item in items for one in item.items]
        else:
            raise NotCompiled("an array of what is no array of numbers", span)
        kinds = {type_of(item) for item in flat}
        if "bool" in kinds:
            raise NotCompiled("an array of true and false", span)
        flat = [self.firm(item) for item in flat]
        if kinds != {"int"} or active is not False:
            flat = [as_float(item, self.emit) for item in flat]
        self.record(active)
        return Array(shape, flat, active)

    def elements(self, held: Any, span: Span) -> list[Any]:
        """The parts of an array along its first axis, each as reading it gives it."""
        if not isinstance(held, Array):
            raise NotCompiled("what is gone through is no small array", span)
        return [self.item(held, i) for i in range(held.shape[0])]

    def item(self, array: Array, place: int) -> Any:
        """One part along the first axis."""
        self.record(array.active)
        inner = array.shape[1:]
        if inner:
            size = math.prod(inner)
            return Array(inner, array.items[place * size : (place + 1) * size], array.active)
        item = array.items[place]
        if array.active is False:
            return item
        value = Value("float", "", array.active)
        self.emit(Apply(value, TABLE["identity"], (item,)))
        return value

    def element(self, held: Any, node: syntax.Index) -> Any:  # recurses: the program's blocks
        """The part of an array that subscripts mean."""
        if not isinstance(held, Array):
            raise NotCompiled("an element of what is no small array", node.span)
        if len(node.subscripts) == 1 and isinstance(node.subscripts[0], syntax.Slice):
            return self._slice(held, node.subscripts[0], node.span)
        for part in node.subscripts[:-1]:
            place = self.place(part, held, node.span)
            size = math.prod(held.shape[1:])
            items = held.items[place * size : (place + 1) * size]
            held = Array(held.shape[1:], items, held.active)
        return self.item(held, self.place(node.subscripts[-1], held, node.span))

    def _slice(  # recurses: the program's blocks
        self, held: Array, part: syntax.Slice, span: Span
    ) -> Array:
        ends: list[Any] = []
        for end in (part.start, part.stop, part.step):
            at = None if end is None else self._beforehand(end)
            if end is not None and at is None:
                raise NotCompiled("a slice that is not known beforehand", span)
            ends.append(at)
        if ends[2] == 0:
            raise NotCompiled("a slice with the step 0", span)
        places = range(held.shape[0])[slice(*ends)]
        size = math.prod(held.shape[1:])
        items = [held.items[place * size + k] for place in places for k in range(size)]
        self.record(held.active)
        return Array((len(places), *held.shape[1:]), items, held.active)

    def place(self, part: Any, array: Array, span: Span) -> int:  # recurses: the program's blocks
        """Which part of an array a subscript means."""
        at = None if isinstance(part, syntax.Slice) else self._beforehand(part)
        if at is None:
            raise NotCompiled("a subscript that is not known beforehand", span)
        if not array.shape or not -array.shape[0] <= at < array.shape[0]:
            raise NotCompiled("a subscript that is out of range", span)
        return at % array.shape[0]

    def _beforehand(self, node: syntax.Expression) -> int | None:  # recurses: the program's blocks
        """The whole number that an expression is beforehand, if it is one."""
        at = self.settled(self.expression(node))
        if isinstance(at, bool) or not isinstance(at, (int, float)) or at != at // 1:
            return None
        return int(at)

    # ── operations ────────────────────────────────────────────────────────────────────

    def of_arrays(  # recurses: the program's blocks
        self, primitive: Primitive, args: list[Any], span: Span
    ) -> Any:
        name = primitive.name
        if name == "len":
            if not isinstance(args[0], Array):
                raise NotCompiled("`len` of what is no small array", span)
            return args[0].shape[0]
        active = self.either([activity(arg) for arg in args])
        self.within += 1
        if primitive.kind == "elementwise" and not primitive.options:
            made = self._elementwise(primitive, args, span)
        elif name == "concat" and args[-1] == 0:
            made = self._joined(args[:-1], span)
        elif name == "sum" and args[1:] == [None, False]:
            made = self._total(self._floats(args[0], span), span, True)
        elif name == "dot":
            shapes = {arg.shape if isinstance(arg, Array) else () for arg in args}
            if len(shapes) > 1 or len(next(iter(shapes))) != 1:
                raise NotCompiled("`dot` of what are no vectors of one length", span)
            products = [
                self.apply(TABLE["mul"], pair, span)
                for pair in zip(*(self._floats(arg, span) for arg in args), strict=True)
            ]
            made = self._total(products, span, len(products) > 1)
        elif name == "norm" and args[1:] == [None, False]:
            items = self._floats(args[0], span)
            if len(items) == 1:
                made = self.apply(TABLE["abs"], items, span)
            else:
                squares = [self.apply(TABLE["mul"], (item, item), span) for item in items]
                made = self.apply(TABLE["sqrt"], [self._total(squares, span)], span)
        else:
            raise NotCompiled(f"`{primitive.title}` of arrays", span)
        self.within -= 1
        self.record(active)
        if isinstance(made, Array):
            return Array(made.shape, made.items, active)
        return made if active is False else self._own_node(made, active)

    def _own_node(self, made: Any, active: Any) -> Value:
        """A number as a node of its own, as active as the array that it is of."""
        value = Value("float", "", active)
        self.emit(Apply(value, TABLE["identity"], (made,)))
        return value

    def _elementwise(  # recurses: the program's blocks
        self, primitive: Primitive, args: list[Any], span: Span
    ) -> Array:
        shapes = {arg.shape for arg in args if isinstance(arg, Array)}
        if len(shapes) != 1 or (self.as_numpy and not primitive.rounded):
            raise NotCompiled(f"`{primitive.title}` of arrays", span)
        (shape,) = shapes
        items = [
            self.apply(
                primitive, [arg.items[k] if isinstance(arg, Array) else arg for arg in args], span
            )
            for k in range(math.prod(shape))
        ]
        if not all(type_of(item) == "float" for item in items):
            raise NotCompiled(f"`{primitive.title}` of arrays of integers", span)
        return Array(shape, items, False)

    def _joined(self, parts: list[Any], span: Span) -> Array:
        if not all(isinstance(part, Array) and len(part.shape) == 1 for part in parts):
            raise NotCompiled("`concat` of what are no small vectors", span)
        items = [as_float(item, self.emit) for part in parts for item in part.items]
        return Array((len(items),), items, False)

    def _floats(self, held: Any, span: Span) -> list[Any]:
        """The numbers of an array, or the number that is one."""
        items = held.items if isinstance(held, Array) else [held]
        if not all(is_number(item) and type_of(item) == "float" for item in items):
            raise NotCompiled("a sum of what are no floats", span)
        return [self.firm(item) for item in items]

    def _total(  # recurses: the program's blocks
        self, items: Sequence[Any], span: Span, from_0: bool = False
    ) -> Any:
        if not items or (self.as_numpy and len(items) > MOST_TERMS):
            raise NotCompiled(f"a sum of {len(items)} numbers", span)
        # Where NumPy adds from 0 on, no sum is -0.
        total = self.apply(TABLE["add"], (0.0, items[0]), span) if from_0 else items[0]
        for item in items[1:]:
            total = self.apply(TABLE["add"], (total, item), span)
        return total
