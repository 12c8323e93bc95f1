"""Where a nan, an inf, or a 0 that should be none begins: followed back from a value.

An origin is where a nan first comes to be, of operands that are none, or the first infinity
that leads to an infinite value. Operands that are themselves infinite, or 0 by an underflow,
have origins of their own: its sources.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, Scalar, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.rules import rule_arguments
from autodiff_cli.engine.sweeps import dense
from autodiff_cli.errors import AdiffError
from autodiff_cli.explain.numbers import anywhere, is_finite, marks, operands_of
from autodiff_cli.explain.paths import pulled, pulled_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.explain.numbers import Wrong

Kind = Literal["input", "given", "outside", "overflow", "underflow", "of-infinite"]
"""How a value comes to be wrong at its origin:

- input: it is the value of an input;
- given: the program has it as a constant;
- outside: the operands are finite, and outside of where the primitive is;
- overflow: it is past the largest float;
- underflow: it is 0, as it is below the smallest float;
- of-infinite: an operand is infinite, as in inf - inf.
"""

TRAIL = 16
"""Nodes before an origin that are kept."""
DEEPEST = 8
"""Sources of sources that are followed."""
BESIDE = 1e-3
"""How far from its operands, in their size, it is looked whether a result is infinite there too."""


@dataclass(slots=True, eq=False)
class Origin:
    """The operation, or the input, that a wrong value begins at.

    Attributes:
        value: it; of an array, the element that was followed.
        operands: what it is made of; of an elementwise operation on arrays, at that element.
        index: of that element; () of a number.
        span: in the source; of an input, its name.
        node: where it was recorded; None of what is computed from constants only.
        trail: the last nodes on the way from where it was followed, it included.
        sources: of the operands that are infinite, or 0 by an underflow: each with its origin.
    """

    kind: Kind
    primitive: Primitive | None
    value: Any
    operands: Sequence[Any] = ()
    index: tuple[int, ...] = ()
    span: Any = None
    node: Node | None = None
    trail: Sequence[Node] = ()
    sources: list[tuple[Any, Origin]] = field(default_factory=list)


class Origins:
    """Finds them, in one run."""

    def __init__(self, constants: Mapping[Any, tuple[Primitive, Sequence[Any], Any]]) -> None:
        """Takes the operations on constants that gave a nan, an inf or a 0, by their spans."""
        self._constants = constants
        self._asked: set[Any] = set()
        self._depth = 0

    def of(self, value: Any, wrong: Wrong | None = None, where: Any = None) -> Origin | None:
        """What the nan, or else the inf, in a value begins at; None where nothing tells.

        Args:
            wrong: follows that, where it is given.
            where: of an array, the elements to follow; else all that are wrong.
        """
        if wrong is None:
            wrong = "nan" if anywhere(marks(value_of(value), "nan")) else "infinite"
        trail: deque[Node] = deque(maxlen=TRAIL)
        while isinstance(value, Node):
            trail.append(value)
            if where is None:
                where = marks(value.value, wrong)
            if value.primitive is None:
                return _of_input(value, wrong, where, trail)
            operand, where = _operand(value, wrong, where)
            if operand is None:
                primitive, args, out = value.primitive, value.args, value.value
                return self._made(primitive, args, out, wrong, where, trail)
            value = operand
        origin = self._of_constant(value, wrong)
        if origin is None and trail and wrong != "zero":
            node = trail[-1]
            at, index = _element(value, where)
            return Origin("given", node.primitive, at, (), index, node.span, node, trail)
        if origin is not None:
            origin.trail = trail
        return origin

    def of_derivative(self, node: Node, position: int, got: Any) -> Origin | None:
        """The origin at a node that makes a cotangent which is not finite of one that is.

        Its value is what the operand gets. None where each derivative is finite, and only the
        product with the cotangent is not.
        """
        primitive = node.primitive
        assert primitive is not None
        numbers = [arg for _, arg in operands_of(primitive, node.args)]
        values = [value_of(arg) for arg in numbers]
        one = 1.0 if type(node) is Scalar else np.ones(shape_of(node.value))

        def compute(operands: Sequence[Any]) -> Any:
            return pulled_at(node, position, one, operands)

        if not _is_ours(primitive):
            return Origin("outside", primitive, got, values, (), node.span, node, [node])
        if is_finite(compute(values)):
            return None
        kind: Kind = "outside"
        if not anywhere(marks(got, "nan")) and overflows(compute, values):
            kind = "overflow"
        where = marks(got, "nan") if anywhere(marks(got, "nan")) else marks(got, "infinite")
        value, index = _element(got, where)
        into = index if primitive.kind == "elementwise" else None
        values = [_at(x, node.value, into) for x in values]
        origin = Origin(kind, primitive, value, values, index, node.span, node, [node])
        self._add_sources(origin, numbers, node.value, into)
        return origin

    def _of_constant(self, value: Any, wrong: Wrong) -> Origin | None:  # recurses: each place once
        """The operation on constants that gave a value; else the first that gave such a one."""
        alike = None
        for span, (primitive, args, out) in self._constants.items():
            if out is not value and (alike is not None or wrong == "zero"):
                continue
            marked = marks(out, wrong)
            # An operand of it that nothing tells of does not come of it.
            if not anywhere(marked) or span in self._asked:
                continue
            self._asked.add(span)
            found = self._made(primitive, args, out, wrong, marked, ())
            self._asked.remove(span)
            if found is not None:
                found.span = span
                if out is value:
                    return found
                alike = found
        return alike

    def _made(
        self,
        primitive: Primitive,
        args: Sequence[Any],
        out: Any,
        wrong: Wrong,
        where: Any,
        trail: Sequence[Node],
    ) -> Origin | None:
        """The origin at an operation of whose operands none is wrong as its result is."""
        node = trail[-1] if trail else None
        value, index = _element(out, where)
        numbers = [arg for _, arg in operands_of(primitive, args)]
        # Of an elementwise operation, what goes into that element; of another, all.
        into = index if primitive.kind == "elementwise" else None
        values = [_at(value_of(arg), out, into) for arg in numbers]
        infinite = [anywhere(marks(x, "infinite")) for x in values]
        kind: Kind = "outside"
        if any(infinite):
            kind = "of-infinite"
        elif wrong == "zero":
            if primitive.vanishes == "anywhere":
                return None
            kind = "underflow"
        elif wrong == "infinite" and _is_ours(primitive):
            options = args[len(numbers) :]
            if overflows(lambda operands: primitive.evaluate(*operands, *options), values):
                kind = "overflow"
        origin = Origin(kind, primitive, value, values, index, node and node.span, node, trail)
        self._add_sources(origin, numbers, out, into)
        if wrong == "zero" and kind == "of-infinite":
            # What x / inf has lost, it has lost where the inf begins.
            for _, source in origin.sources:
                source.trail = [*trail, *source.trail]
                return source
            return None
        return origin

    def _add_sources(  # recurses: DEEPEST at most
        self, origin: Origin, numbers: Sequence[Any], out: Any, into: tuple[int, ...] | None
    ) -> None:
        if self._depth == DEEPEST:
            return
        self._depth += 1
        for arg, value in zip(numbers, origin.operands, strict=True):
            wrong: Wrong = "infinite" if anywhere(marks(value, "infinite")) else "zero"
            elements = _elements(arg, wrong, out, into)
            source = self.of(arg, wrong, elements) if anywhere(elements) else None
            if source is not None:
                origin.sources.append((_element(value_of(arg), elements)[0], source))
        self._depth -= 1


def _of_input(node: Node, wrong: Wrong, where: Any, trail: Sequence[Node]) -> Origin | None:
    if wrong == "zero":
        return None
    value, index = _element(node.value, where)
    return Origin("input", None, value, (), index, node.span, node, trail)


# ── one step back ─────────────────────────────────────────────────────────────────────


def _operand(node: Node, wrong: Wrong, where: Any) -> tuple[Any, Any]:
    """The operand by which a node is wrong at the elements `where`, and its elements.

    Where some of them are wrong though no operand is: None, and these.
    """
    assert node.primitive is not None
    marked = [
        (position, arg, elements)
        for position, arg in operands_of(node.primitive, node.args)
        if anywhere(elements := marks(value_of(arg), wrong))
    ]
    if node.primitive.kind == "elementwise":
        own = where
        for _, _, elements in marked:
            own = own & (not elements if isinstance(elements, bool) else ~elements)
        if anywhere(own):
            return None, own
    found = [(p, arg, _reached(node, p, elements, where)) for p, arg, elements in marked]
    # A product of matrices has a cotangent of 0 for what it multiplies by 0, inf as it may be.
    found = [one for one in found if anywhere(one[2])] or marked
    if len(found) > 1:
        found = [one for one in found if _passes(node, one[0], where)] or found
    if not found:
        return None, where
    _, operand, elements = found[0]
    return operand, elements


def _reached(node: Node, position: int, elements: Any, where: Any) -> Any:
    """Those of an operand's `elements` that a node's at `where` are made of."""
    if isinstance(elements, bool) and isinstance(where, bool):
        return elements
    g, shape = np.asarray(where, np.float64), shape_of(elements)
    assert node.primitive is not None
    try:
        got = g if node.primitive.kind == "elementwise" else _pulled(node, position, g)
    except AdiffError:
        return elements
    return elements if got is None else elements & np.not_equal(dense(got, shape), 0.0)


def _passes(node: Node, position: int, where: Any) -> bool:
    """Whether a node's value at `where` moves with an operand: of two, `where` takes one."""
    if isinstance(where, bool) and type(node) is Scalar:
        values = [value_of(arg) for _, arg in operands_of(_primitive(node), node.args)]
        return anywhere(pulled_at(node, position, 1.0, values) != 0.0)
    got = _pulled(node, position, np.asarray(where, np.float64))
    return got is not None and bool(np.any(np.not_equal(getattr(got, "cotangent", got), 0.0)))


def _primitive(node: Node) -> Primitive:
    assert node.primitive is not None
    return node.primitive


def _pulled(node: Node, position: int, g: Any) -> Any:
    return pulled(node, position, g, rule_arguments(node))


# ── values, and their elements ────────────────────────────────────────────────────────


def _element(value: Any, where: Any) -> tuple[Any, tuple[int, ...]]:
    """The first element of a value at `where`, and its index."""
    if not shape_of(value):
        return value, ()
    index = tuple(int(i) for i in np.argwhere(where)[0])
    return value[index], index


def _at(value: Any, out: Any, index: tuple[int, ...] | None) -> Any:
    """What of an operand goes into element `index` of a result; all of it where that is None."""
    if index is None or not shape_of(value):
        return value
    return np.broadcast_to(value, shape_of(out))[index]


def _elements(arg: Any, wrong: Wrong, out: Any, index: tuple[int, ...] | None) -> Any:
    """Where an operand is wrong, of what goes into element `index` of a result."""
    elements = marks(value_of(arg), wrong)
    if index is None or isinstance(elements, bool):
        return elements
    goes = np.zeros(shape_of(out))
    goes[index] = 1.0
    return elements & np.not_equal(dense(goes, shape_of(elements)), 0.0)


def overflows(compute: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> bool:
    """Whether what is infinite at some operands is so a little beside them too.

    There it is past the largest float; where it is not, as of 1/0, it is at a pole.
    """

    def infinite(operands: Sequence[Any]) -> bool | None:
        try:
            out = compute(operands)
        except AdiffError:
            return None
        return None if anywhere(marks(out, "nan")) else anywhere(marks(out, "infinite"))

    moved = [[_beside(value, side) for value in values] for side in (-BESIDE, BESIDE)]
    found = [infinite(operands) for operands in moved]
    if found == [None, None]:
        # An exponent, or an order, may have to be whole: one operand after another.
        found = [
            infinite([*values[:i], x, *values[i + 1 :]])
            for operands in moved
            for i, x in enumerate(operands)
        ]
    return True in found


def _beside(value: Any, side: float) -> Any:
    if isinstance(value, (int, float)):
        return value * (1.0 + side) if value else math.copysign(1.0, side)
    moved = np.where(np.equal(value, 0), math.copysign(1.0, side), value * (1.0 + side))
    return moved.astype(np.result_type(value, np.float32))


def _is_ours(primitive: Primitive) -> bool:
    """Whether it is in the table, and no function of the program with a rule of its own."""
    return TABLE.get(primitive.name) is primitive
