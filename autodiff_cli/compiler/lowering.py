"""Expressions to the form: operators, calls, names, each as the interpreter would have it.

What is active, and how many nodes and steps the interpreter would have counted, is followed
here too: it is part of what a run tells.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.counting import Count, after_if
from autodiff_cli.compiler.form import Apply, Check, If, Move, NotCompiled, Region, TooLong, Value
from autodiff_cli.compiler.variables import (
    Array,
    BuiltInValue,
    Closure,
    Frame,
    Guarded,
    Several,
    Unknown,
    activity,
    as_float,
    described,
    instance,
    is_number,
    joined,
    numbers,
    type_of,
    wholeness,
)
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.interpreter.builtins import CONSTANTS, arrange
from autodiff_cli.interpreter.expressions import OPERATORS
from autodiff_cli.interpreter.values import NOTHING, UNSET
from autodiff_cli.language import syntax
from autodiff_cli.language.names import DIFFERENTIATED, BuiltIn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.interpreter.facts import Facts
    from autodiff_cli.language.source import Span

MOST_OPERATIONS = 20_000
"""A program of more is run by the interpreter: to compile it would cost more than it saves."""


class Endless(Exception):  # noqa: N818
    """A call that never comes back, as far as is known of its function by now."""


class ExpressionForm:
    """Makes operations of expressions. What blocks of statements need is the subclass's."""

    def __init__(self, facts: Facts, frame: Frame) -> None:
        self.facts = facts
        self.resolved = facts.resolved
        self.frame = frame
        self.region = Region()
        self.counts = {"nodes": Count(), "steps": Count()}
        self.calling: list[syntax.Function] = []
        self.nesting = 0
        """How many regions the current one is in."""
        self.within = 0
        """How many operations on arrays are going on, whose parts are no nodes of their own."""
        self.levels = 0
        """How many calls are being inlined in each other."""
        self._size = 0

    def statements(self, nodes: Sequence[Any], tail: bool) -> None:
        raise NotImplementedError

    # ── operations ────────────────────────────────────────────────────────────────────

    def emit(self, op: Any) -> None:
        self.spend(1)
        self.region.ops.append(op)

    def spend(self, work: int) -> None:
        """Counts the work of lowering, which what is lowered again takes again."""
        self._size += work
        if self._size > MOST_OPERATIONS:
            raise TooLong(f"it has more than {MOST_OPERATIONS:,} operations")

    def apply(  # recurses: the program's blocks
        self, primitive: Primitive, args: Sequence[Any], span: Span
    ) -> Any:
        """A primitive of what a program can hold."""
        args = [self.settled(arg) for arg in args]
        if any(isinstance(arg, Array) for arg in args) or primitive.scalar is None:
            return self.of_arrays(primitive, args, span)
        if not all(is_number(arg) for arg in args):
            raise NotCompiled(f"`{primitive.title}` of what is no single number", span)
        if primitive.options or primitive.draws:
            raise NotCompiled(f"`{primitive.title}` is of arrays", span)
        if not any(isinstance(arg, Value) for arg in args):
            return self._folded(primitive, args, span)
        active = self._active(args)
        if primitive.kind == "constant":
            active = False
        args = self._as_numbers(primitive, args, active, span)
        out = self._result(primitive, args, active)
        # An integer is the float that is nearest; a quotient of two is not that of such floats.
        is_quotient = primitive.sign == "/" and all(type_of(arg) == "int" for arg in args)
        is_float = out.type == "float" and out.mixed is False and not is_quotient
        if is_float and primitive.kind != "constant":
            args = [as_float(arg, self.emit) if type_of(arg) == "int" else arg for arg in args]
        self.emit(Apply(out, primitive, tuple(args), span))
        self.record(active)
        return out

    def _active(self, args: Sequence[Any]) -> Any:
        return self.either([activity(arg) for arg in args])

    def record(self, active: Any) -> None:
        """Counts a node, where there is one."""
        if self.within:
            return
        nodes = self.counts["nodes"]
        if active is True:
            self.counts["nodes"] = nodes.plus(1)
        elif active is not False:
            self.counts["nodes"] = nodes.plus_bit(active)

    def tick(self, steps: int = 1) -> None:
        self.counts["steps"] = self.counts["steps"].plus(steps)

    def _folded(self, primitive: Primitive, args: list[Any], span: Span) -> Any:
        out = primitive.evaluate(*args)
        if isinstance(out, float) and not math.isfinite(out) and all(map(math.isfinite, args)):
            self.never()
        return out

    def never(self) -> None:
        """Whoever comes here has something to tell."""
        self.emit(Check(holds=False))

    def _as_numbers(
        self, primitive: Primitive, args: list[Any], active: Any, span: Span
    ) -> list[Any]:
        """Booleans as the numbers that the operators of arithmetic take them for."""
        if primitive.kind == "constant" or not any(type_of(arg) == "bool" for arg in args):
            return args
        if primitive.name == "where":
            return [self.truth(args[0], span), *args[1:]]
        if not primitive.sign:
            raise NotCompiled(f"`{primitive.title}` of true or false", span)
        return [self._whole(arg) if type_of(arg) == "bool" else arg for arg in args]

    def _whole(self, bit: Operand) -> Operand:
        if not isinstance(bit, Value):
            return int(bit)
        value = Value("int")
        self.emit(Move(value, bit))
        return value

    def _result(self, primitive: Primitive, args: list[Any], active: Any) -> Value:
        if primitive.kind == "constant":
            return Value("bool")
        operands = args[1:] if primitive.name == "where" else args
        if all(type_of(operand) == "bool" for operand in operands):
            return Value("bool" if active is False else "float", "", active)
        if active is True or not primitive.exact:
            return Value("float", "", active)
        whole = [wholeness(operand) for operand in operands]
        if all(one is True for one in whole) and active is False:
            return Value("int")
        mixed: Any = False
        if primitive.chooses and any(one is not False for one in whole):
            mixed = True
        elif not any(one is False for one in whole):
            bits = list(dict.fromkeys(one for one in whole if isinstance(one, Value)))
            if active is not False:
                bits.append(self.negated(active))
            mixed = bits[0]
            for bit in bits[1:]:
                mixed = self.plain("logical_and", mixed, bit, type="bool")
        return Value("float", "", active, mixed)

    def firm(self, held: Any) -> Any:
        """A number that the interpreter holds as a float too, if it is one here."""
        mixed = held.mixed if isinstance(held, Value) else False
        if mixed is True:
            raise NotCompiled("a number that may be an integer, as the program goes")
        if mixed is not False:
            self.emit(Check(fails=mixed))
        return held

    def either(self, actives: Sequence[Any]) -> Any:
        """Whether any is active."""
        bits = list(dict.fromkeys(a for a in actives if isinstance(a, Value)))
        if any(active is True for active in actives):
            return True
        if not bits:
            return False
        bit = bits[0]
        for other in bits[1:]:
            bit = self.plain("logical_or", bit, other, type="bool")
        return bit

    def plain(self, name: str, *args: Operand, type: Any = "int") -> Value:
        """An operation that is none of the program's."""
        value = Value(type)
        self.emit(Apply(value, TABLE[name], args))
        return value

    def negated(self, condition: Operand) -> Operand:
        if isinstance(condition, bool):
            return not condition
        return self.plain("logical_not", condition, type="bool")

    def state(self) -> tuple[Any, ...]:
        """All that lowering on may change."""
        return (
            self.region,
            len(self.region.ops),
            self.frame,
            dict(self.frame.variables),
            dict(self.counts),
            list(self.calling),
            self.nesting,
            self.within,
            self.levels,
        )

    def restore(self, state: tuple[Any, ...]) -> None:
        """Takes back what came after a state."""
        self.region, size, self.frame, variables, counts, calling, *depths = state
        self.nesting, self.within, self.levels = depths
        del self.region.ops[size:]
        self.frame.variables = dict(variables)
        self.counts, self.calling = dict(counts), list(calling)

    # ── paths that part and meet ──────────────────────────────────────────────────────

    def branch(
        self,
        condition: Operand,
        then: Callable[[], None],
        otherwise: Callable[[], None],
        span: Span | None = None,
    ) -> None:
        """Lowers one of two ways on, or both, and what variables hold after either."""
        if isinstance(condition, bool):
            (then if condition else otherwise)()
            return
        self.nesting += 1
        ends = []
        before = self.state()
        for way in (then, otherwise):
            self.restore(before)
            self.region = Region()
            with suppress(Endless):
                way()
                ends.append((self.region, self.frame.variables, self.counts))
        self.restore(before)
        self.nesting -= 1
        if not ends:
            raise Endless
        if len(ends) == 1:
            _, self.frame.variables, self.counts = ends[0]
            return
        op = If(condition, ends[0][0], ends[1][0], span=span)
        self._meet(op, ends)
        self.emit(op)

    def _meet(self, op: If, ends: list[Any]) -> None:
        (_, one, counted), (_, two, counts) = ends
        self.frame.variables = {}
        for key in [*one, *(key for key in two if key not in one)]:
            a, b = one.get(key, UNSET), two.get(key, UNSET)
            if same(a, b):
                self.frame.variables[key] = a
            elif a is True and b is False:
                self.frame.variables[key] = op.condition
            else:
                self.frame.variables[key] = self._either_of(op, a, b)
        self.counts = {name: after_if(op, counted[name], counts[name]) for name in counted}

    def _either_of(self, op: If, a: Any, b: Any) -> Any:
        description = joined(described(a), described(b))
        made: list[Value] = []
        held = instance(description, _name_of(a) or _name_of(b), made)
        op.then.yields += numbers(a, description, op.then.ops.append)
        op.otherwise.yields += numbers(b, description, op.otherwise.ops.append)
        op.outs += made
        return held

    def choose(
        self, condition: Operand, then: Callable[[], Any], otherwise: Callable[[], Any]
    ) -> Any:
        """The value of one of two expressions."""
        variables = self.frame.variables
        outer = variables["result"]

        def keep(way: Callable[[], Any]) -> Callable[[], None]:
            def run() -> None:
                held = way()
                self.frame.variables["result"] = held

            return run

        self.branch(condition, keep(then), keep(otherwise))
        held = self.frame.variables["result"]
        self.frame.variables["result"] = outer
        return held

    # ── expressions ───────────────────────────────────────────────────────────────────

    def expression(self, node: Any) -> Any:  # recurses: the program's blocks
        return self._methods[type(node)](self, node)

    def number(self, node: syntax.Number) -> Any:
        return node.value

    def string(self, node: syntax.String) -> Any:
        raise NotCompiled("it computes with a string", node.span)

    def name(self, node: syntax.Name) -> Any:
        binding = self.resolved.bindings[node]
        if isinstance(binding, BuiltIn):
            if binding.name in CONSTANTS:
                return CONSTANTS[binding.name]
            return BuiltInValue(binding.name)
        return self.variable(node, binding.depth, binding.slot)

    def variable(self, node: syntax.Name, depth: int, slot: int) -> Any:
        frame = self.frame
        for _ in range(depth):
            assert frame.parent is not None
            frame = frame.parent
        held = self.seen(frame, slot)
        if held is UNSET:
            self.emit(Check(holds=False, error=f"`{node.name}` has no value", span=node.span))
            return 0.0
        if isinstance(held, Unknown):
            raise NotCompiled(f"`{node.name}`: {held.why}", node.span)
        return self.settled(held)

    def seen(self, frame: Frame, slot: int) -> Any:
        """What a variable of a frame holds where the lowering is."""
        raise NotImplementedError

    def settled(self, held: Any) -> Any:
        """What is held, where it must be there."""
        if isinstance(held, Guarded):
            if held.bit is not True:
                self.emit(Check(holds=held.bit, error="a variable has no value"))
            return held.value
        return held

    def unary(self, node: syntax.Unary) -> Any:  # recurses: the program's blocks
        operand = self.expression(node.operand)
        if node.operator == "+":
            return operand
        if node.operator == "-":
            if isinstance(operand, (int, float)) and not isinstance(operand, bool):
                return -operand
            return self.apply(TABLE["neg"], (operand,), node.span)
        return self.negated(self.truth(operand, node.span))

    def binary(self, node: syntax.Binary) -> Any:  # recurses: the program's blocks
        left = self.expression(node.left)
        right = self.expression(node.right)
        return self.apply(OPERATORS[node.operator], (left, right), node.span)

    def comparison(self, node: syntax.Comparison) -> Any:  # recurses: the program's blocks
        left = self.expression(node.operands[0])
        if len(node.operators) == 1:
            right = self.expression(node.operands[1])
            if node in self.facts.notes:
                active = self.either([activity(left), activity(right)])
                if active is not False:
                    self.emit(Check(holds=self.negated(active)))
            return self.apply(OPERATORS[node.operators[0]], (left, right), node.span)
        return self._chain(node, left, 0)

    def _chain(  # recurses: the program's blocks
        self, node: syntax.Comparison, left: Any, at: int
    ) -> Any:
        right = self.expression(node.operands[at + 1])
        holds = self.apply(OPERATORS[node.operators[at]], (left, right), node.span)
        if at + 1 == len(node.operators):
            return holds
        return self._where_true("and", holds, lambda: self._chain(node, right, at + 1))

    def logical(self, node: syntax.Logical) -> Any:  # recurses: the program's blocks
        left = self.truth(self.expression(node.left), node.left.span)
        return self._where_true(
            node.operator,
            left,
            lambda: self.truth(self.expression(node.right), node.right.span),
        )

    def _where_true(self, operator: str, left: Operand, right: Callable[[], Any]) -> Any:
        """`left and right()`, or `or`; without a branch where `right` only compares."""
        if operator == "and":
            held = self.choose(left, right, lambda: False)
        else:
            held = self.choose(left, lambda: True, right)
        op = self.region.ops[-1] if self.region.ops else None
        if not isinstance(op, If) or op.condition is not left or op.outs != [held]:
            return held
        inner = op.then if operator == "and" else op.otherwise
        if all(isinstance(o, Apply) and o.primitive.kind == "constant" for o in inner.ops):
            self.region.ops[-1:] = inner.ops
            return self.plain(f"logical_{operator}", left, inner.yields[0], type="bool")
        return held

    def truth(self, held: Any, span: Span) -> Operand:
        """A condition: true or false."""
        held = self.settled(held)
        if not is_number(held):
            raise NotCompiled("a condition that is no single number", span)
        if not isinstance(held, Value):
            return bool(held)
        if held.type == "bool":
            return held
        zero = 0 if held.type == "int" else 0.0
        return self.plain("not_equal", held, zero, type="bool")

    # ── calls ─────────────────────────────────────────────────────────────────────────

    def call(self, node: syntax.Call) -> Any:  # recurses: the program's blocks
        held = self.call_or_nothing(node)
        if held is NOTHING or (isinstance(held, Guarded) and held.bit is False):
            raise NotCompiled("a call that gives no value", node.span)
        return self.settled(held)

    def call_or_nothing(self, node: syntax.Call) -> Any:  # recurses: the program's blocks
        function = node.function
        if isinstance(function, syntax.Name) and isinstance(
            self.resolved.bindings[function], BuiltIn
        ):
            return self._built_in_call(node, function.name)
        called = self.expression(function)
        args = [self.expression(argument.value) for argument in node.arguments]
        return self.called(called, args, node.span)

    def called(  # recurses: the program's blocks
        self, function: Any, args: list[Any], span: Span
    ) -> Any:
        """A call of a function value."""
        if isinstance(function, Closure):
            return self.user_call(function, args, span)
        if isinstance(function, BuiltInValue) and function.name in TABLE:
            primitive = TABLE[function.name]
            if len(args) == len(primitive.operands) and not primitive.options:
                return self.apply(primitive, args, span)
        raise NotCompiled("a call of what is not known beforehand", span)

    def user_call(self, closure: Closure, args: list[Any], span: Span) -> Any:
        """A call of a function of the program's."""
        raise NotImplementedError

    def _built_in_call(self, node: syntax.Call, name: str) -> Any:  # recurses: the program's blocks
        span = node.span
        primitive, arguments = arrange(name, node.arguments, span)
        if name in DIFFERENTIATED or name == "backward":
            raise NotCompiled(f"`{name}` inside the program", span)
        held = [self.expression(a) if hasattr(a, "span") else a for a in arguments]
        if primitive is None:
            return self._machine_call(name, held, span)
        if len(held) > len(primitive.operands) and not primitive.options:
            total = held[0]
            for one in held[1:]:
                total = self.apply(primitive, (total, one), span)
            return total
        return self.apply(primitive, held, span)

    def _machine_call(  # recurses: the program's blocks
        self, name: str, held: list[Any], span: Span
    ) -> Any:
        if name == "detach":
            return self._detached(held[0])
        if name == "fold":
            function, result, array = held
            for item in self.elements(array, span):
                self.tick()
                result = self.called(function, [result, item], span)
            return self.settled(result)
        if name == "map":
            function, array = held
            items = []
            for item in self.elements(array, span):
                self.tick()
                items.append(self.settled(self.called(function, [item], span)))
            return self.stacked(items, span)
        if name == "sum_over":
            return self.sum_over(held[0], held[1], span)
        raise NotCompiled(f"`{name}` is not compiled", span)

    def sum_over(self, count: Any, function: Any, span: Span) -> Any:
        raise NotImplementedError

    def _detached(self, held: Any) -> Any:  # recurses: the program's blocks
        if isinstance(held, Array):
            return Array(held.shape, [self._detached(item) for item in held.items], False)
        if not isinstance(held, Value) or held.active is False:
            return held
        value = Value(held.type, "", False, held.mixed, held.shape)
        self.emit(Move(value, held, detaches=True))
        return value

    # ── what else there is ────────────────────────────────────────────────────────────

    def of_arrays(self, primitive: Primitive, args: list[Any], span: Span) -> Any:
        raise NotImplementedError

    def stacked(self, items: list[Any], span: Span) -> Any:
        raise NotImplementedError

    def elements(self, held: Any, span: Span) -> list[Any]:
        raise NotImplementedError

    def element(self, held: Any, node: syntax.Index) -> Any:
        raise NotImplementedError

    def array(self, node: syntax.ArrayLiteral) -> Any:  # recurses: the program's blocks
        return self.stacked([self.expression(item) for item in node.items], node.span)

    def index(self, node: syntax.Index) -> Any:  # recurses: the program's blocks
        return self.element(self.expression(node.base), node)

    def attribute(self, node: syntax.Attribute) -> Any:
        raise NotCompiled(f"`.{node.name}`", node.span)

    # ── choice and functions ──────────────────────────────────────────────────────────

    def choice(self, node: syntax.If) -> Any:  # recurses: the program's blocks
        """`if` as an expression."""
        condition = self.truth(self.expression(node.condition), node.condition.span)

        def way(block: syntax.Block | None) -> Callable[[], Any]:
            def lowered() -> Any:
                self.frame.variables["result"] = NOTHING
                if block is not None:
                    self.statements(block.statements, tail=True)
                return self.frame.variables["result"]

            return lowered

        held = self.choose(condition, way(node.then), way(node.otherwise))
        if held is NOTHING:
            raise NotCompiled("an `if` that gives no value", node.span)
        if isinstance(held, Unknown):
            raise NotCompiled(held.why, node.span)
        return self.settled(held)

    def function(self, node: syntax.Function) -> Any:
        return Closure(node, self.frame)

    def together(self, nodes: Sequence[Any]) -> Any:  # recurses: the program's blocks
        """One value, or several."""
        if len(nodes) == 1:
            return self.expression(nodes[0])
        return Several([self.expression(node) for node in nodes])

    _methods: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        syntax.Number: number,
        syntax.String: string,
        syntax.Name: name,
        syntax.ArrayLiteral: array,
        syntax.Call: call,
        syntax.Index: index,
        syntax.Attribute: attribute,
        syntax.Unary: unary,
        syntax.Binary: binary,
        syntax.Comparison: comparison,
        syntax.Logical: logical,
        syntax.If: choice,
        syntax.Function: function,
    }


def same(a: Any, b: Any) -> bool:
    """Whether two of what variables hold are one: the same value, or the same number."""
    if a is b:
        return True
    if isinstance(a, Value) or isinstance(b, Value):
        return False
    return (
        is_number(a)
        and type(a) is type(b)
        and (a == b and math.copysign(1, a) == math.copysign(1, b))
    )


def _name_of(held: Any) -> str:
    return held.name if isinstance(held, Value) else ""
