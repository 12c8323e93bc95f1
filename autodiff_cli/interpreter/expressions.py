"""Expressions to closures: the tree is read once, and every operator becomes a function.

A closure takes the frame of the call that runs and gives a value. The frame has all that is
of one run, so that a program is lowered once and run many times, in many threads.
"""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.engine.graph import Node, cast, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.indexing import index_key
from autodiff_cli.errors import AdiffError, ProgramError, RunError, TypeMismatch
from autodiff_cli.interpreter import builtins, calculus, operators
from autodiff_cli.interpreter.values import (
    NOTHING,
    RUN,
    UNSET,
    BuiltInFunction,
    Frame,
    UserFunction,
    describe_value,
    is_function,
    truth,
)
from autodiff_cli.language import syntax
from autodiff_cli.language.names import DIFFERENTIATED, HEAD, BuiltIn, Scope, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.interpreter.facts import Facts
    from autodiff_cli.language.source import Span

    Closure = Callable[[Frame], Any]

OPERATORS = {
    entry.sign: entry for entry in TABLE.values() if entry.sign and len(entry.operands) == 2
}
"""The primitives of the operators that take two operands, by their signs."""


class ExpressionLowering:
    """Makes closures of the expressions of one scope.

    What blocks of statements need is the subclass's.
    """

    def __init__(self, facts: Facts, scope: Scope, single: bool) -> None:
        self.facts = facts
        self.resolved = facts.resolved
        self.scope = scope
        self.single = single
        self._literals: dict[syntax.ArrayLiteral, list[Any] | None] = {}

    def tail(self, block: syntax.Block) -> Closure:
        raise NotImplementedError

    def function_body(self, node: syntax.Function) -> Closure:
        raise NotImplementedError

    def in_scope(self, scope: Scope) -> ExpressionLowering:
        return type(self)(self.facts, scope, self.single)

    def expression(self, node: Any) -> Closure:  # recurses: PYTHON_FRAMES at most
        constant = self.constant(node)
        if constant is not None:
            return lambda frame: constant
        return self._methods[type(node)](self, node)

    # ── constants and names ───────────────────────────────────────────────────────────

    def constant(self, node: Any) -> Any:
        """The value of a literal, with its sign, or of an array of literals; else None."""
        if isinstance(node, syntax.ArrayLiteral):
            items = self._literal(node)
            if items is None:
                return None
            try:
                return cast(np.array(items), self.single)
            except (ValueError, OverflowError):
                # Of different shapes: `stack` has the words for it.
                return None
        return self._literal(node)

    def _literal(self, node: Any) -> Any:  # recurses: PYTHON_FRAMES at most
        if isinstance(node, syntax.Number):
            return cast(node.value, self.single)
        if isinstance(node, syntax.ArrayLiteral):
            # Kept, as every level of a deep nest asks again.
            if node not in self._literals:
                items = [self._literal(item) for item in node.items]
                self._literals[node] = None if None in items or not items else items
            return self._literals[node]
        if isinstance(node, syntax.Unary) and isinstance(node.operand, syntax.Number):
            value = node.operand.value
            if node.operator != "not" and not isinstance(value, bool):
                return cast(-value if node.operator == "-" else value, self.single)
        if isinstance(node, syntax.Name):
            binding = self.resolved.bindings[node]
            if isinstance(binding, BuiltIn) and binding.name in builtins.CONSTANTS:
                return cast(builtins.CONSTANTS[binding.name], self.single)
        return None

    def string(self, node: syntax.String) -> Closure:
        return lambda frame: node.text

    def name(self, node: syntax.Name) -> Closure:
        binding = self.resolved.bindings[node]
        if isinstance(binding, BuiltIn):
            function = BuiltInFunction(binding.name, builtins.as_value(binding.name))
            return lambda frame: function
        return self.variable(node, binding.depth, binding.slot)

    def variable(self, node: syntax.Name, depth: int, slot: int) -> Closure:
        name, span = node.name, node.span
        where = " in this function" if self.scope.function is not None and depth == 0 else ""

        def unset() -> RunError:
            return RunError(
                f"`{name}` is read before it has a value{where}",
                span,
                help=f"a function has variables of its own: pass `{name}` to it as a parameter"
                if where and name in self.resolved.top.slots
                else f"assign to `{name}` on every path that leads here",
                kind="name",
            )

        if depth == 0:

            def local(frame: Frame) -> Any:
                value = frame[slot]
                if value is UNSET:
                    raise unset()
                return value

            return local

        def outer(frame: Frame) -> Any:
            for _ in range(depth):
                frame = frame[0]
            value = frame[slot]
            if value is UNSET:
                raise unset()
            return value

        return outer

    # ── operators ─────────────────────────────────────────────────────────────────────

    def unary(self, node: syntax.Unary) -> Closure:
        operand = self.expression(node.operand)
        if node.operator == "-":
            return operators.unary(TABLE["neg"], operand, node.span)
        if node.operator == "+":
            return operand
        span = node.span

        def negation(frame: Frame) -> Any:
            value = operand(frame)
            if _is_array(value):
                return frame[RUN].apply(TABLE["logical_not"], (value,), span)
            return not truth(value, span)

        return negation

    def binary(self, node: syntax.Binary) -> Closure:
        primitive = OPERATORS[node.operator]
        left, right = self.expression(node.left), self.expression(node.right)
        return operators.binary(primitive, left, right, node.span)

    def comparison(self, node: syntax.Comparison) -> Closure:
        if len(node.operators) == 1:
            left, right = [self.expression(operand) for operand in node.operands]
            primitive = OPERATORS[node.operators[0]]
            note = self.facts.notes.get(node)
            return operators.comparison(primitive, left, right, node.span, note)
        span = node.span
        primitives = [OPERATORS[operator] for operator in node.operators]
        operands = [self.expression(operand) for operand in node.operands]

        def chain(frame: Frame) -> Any:
            left = operands[0](frame)
            holds: Any = True
            for primitive, operand in zip(primitives, operands[1:], strict=True):
                right = operand(frame)
                answer = frame[RUN].apply(primitive, (left, right), span)
                if holds is True:
                    holds = answer
                else:
                    holds = frame[RUN].apply(TABLE["logical_and"], (holds, answer), span)
                if holds is False:
                    return False
                left = right
            return holds

        return chain

    def logical(self, node: syntax.Logical) -> Closure:
        span = node.span
        left, right = self.expression(node.left), self.expression(node.right)
        left_span, right_span = node.left.span, node.right.span
        decided = node.operator == "or"
        primitive = OPERATORS[node.operator]

        def evaluate(frame: Frame) -> Any:
            a = left(frame)
            if _is_array(a):
                return frame[RUN].apply(primitive, (a, right(frame)), span)
            if truth(a, left_span) is decided:
                return decided
            b = right(frame)
            return (
                frame[RUN].apply(primitive, (a, b), span) if _is_array(b) else truth(b, right_span)
            )

        return evaluate

    # ── calls ─────────────────────────────────────────────────────────────────────────

    def call(self, node: syntax.Call) -> Closure:
        evaluate = self.call_or_nothing(node)
        span = node.span

        def value(frame: Frame) -> Any:
            result = evaluate(frame)
            if result is NOTHING:
                raise TypeMismatch(
                    f"`{node.function.span.text}` gives no value",
                    span,
                    help="end the function with an expression, or with `return`",
                )
            return result

        return evaluate if self._is_primitive(node.function) else value

    def _is_built_in(self, function: Any) -> bool:
        return isinstance(function, syntax.Name) and isinstance(
            self.resolved.bindings[function], BuiltIn
        )

    def _is_primitive(self, function: Any) -> bool:
        return self._is_built_in(function) and function.name in TABLE

    def call_or_nothing(self, node: syntax.Call) -> Closure:
        """A call as a statement, which needs no value."""
        if self._is_built_in(node.function):
            assert isinstance(node.function, syntax.Name)
            return self._built_in_call(node, node.function.name)
        span = node.span
        function = self.expression(node.function)
        arguments = [self.expression(argument.value) for argument in node.arguments]

        def evaluate(frame: Frame) -> Any:
            called = function(frame)
            args = [argument(frame) for argument in arguments]
            if type(called) is UserFunction:
                return frame[RUN].invoke(called, args, span)
            return frame[RUN].call(called, args, span)

        return evaluate

    def _built_in_call(self, node: syntax.Call, name: str) -> Closure:
        span = node.span
        if name in builtins.CONSTANTS:
            raise TypeMismatch(
                f"`{name}` is a number, not a function",
                span,
                help=f"to multiply, write `{name}*…`",
            )
        primitive, arguments = builtins.arrange(name, node.arguments, span)
        target = DIFFERENTIATED.get(name)
        closures = [
            self.target(argument, sweeps=name != "zero_grad")
            if position == target
            else self.expression(argument)
            if hasattr(argument, "span")
            else always(argument)
            for position, argument in enumerate(arguments)
        ]
        if primitive is None:
            return lambda frame: builtins.call_machine_function(
                frame[RUN], name, [closure(frame) for closure in closures], span
            )
        if name in builtins.OF_FUNCTIONS:
            return self._of_function(primitive, builtins.OF_FUNCTIONS[name], closures, span)
        if primitive.kind == "elementwise" and not primitive.variadic:
            if len(primitive.operands) == 1:
                return operators.unary(primitive, closures[0], span)
            if len(primitive.operands) == 2:
                return reduce(lambda a, b: operators.binary(primitive, a, b, span), closures)
        return lambda frame: frame[RUN].apply(
            primitive, tuple([closure(frame) for closure in closures]), span
        )

    def _of_function(
        self, primitive: Primitive, solver: Any, closures: list[Closure], span: Span
    ) -> Closure:
        """A call that means another thing where the first argument is a function."""

        def evaluate(frame: Frame) -> Any:
            args = [closure(frame) for closure in closures]
            if is_function(args[0]):
                return builtins.called(solver, frame[RUN], args, span)
            return frame[RUN].apply(primitive, tuple(args), span)

        return evaluate

    def function(self, node: syntax.Function) -> Closure:
        scope = self.resolved.scopes[node]
        parameters = tuple(parameter.name for parameter in node.parameters)
        local = scope.size - HEAD - len(parameters)
        body = self.in_scope(scope).function_body(node)
        return lambda frame: UserFunction(node.name, parameters, local, body, frame)

    # ── arrays ────────────────────────────────────────────────────────────────────────

    def array(self, node: syntax.ArrayLiteral) -> Closure:
        span, stack = node.span, TABLE["stack"]
        items = [self.expression(item) for item in node.items]
        return lambda frame: frame[RUN].apply(stack, (*[item(frame) for item in items], 0), span)

    def index(self, node: syntax.Index) -> Closure:
        span, primitive = node.span, TABLE["index"]
        base, key = self.expression(node.base), self.key(node)

        def evaluate(frame: Frame) -> Any:
            array = base(frame)
            return frame[RUN].apply(primitive, (array, key(frame, array)), span)

        return evaluate

    def key(self, node: syntax.Index) -> Callable[[Frame, Any], tuple[Any, ...]]:
        """The subscripts of `node` for the array that they are for."""
        span, base = node.span, node.base.span
        parts = [self._subscript(part) for part in node.subscripts]

        def evaluate(frame: Frame, array: Any) -> tuple[Any, ...]:
            shape = self.axes_of(array)
            if shape is None and not isinstance(value_of(array), (int, float)):
                several = isinstance(array, tuple)
                raise TypeMismatch(
                    f"{describe_value(array)} {'have' if several else 'has'} no elements to pick",
                    span,
                    help=f"give each a name: `{_apart(node.base, array)} = {base.words}`"
                    if several
                    else "",
                )
            try:
                return index_key(tuple([part(frame) for part in parts]), shape or ())
            except AdiffError as error:
                if error.where is None:
                    error.where = span
                raise

        return evaluate

    def _subscript(self, part: Any) -> Closure:
        if not isinstance(part, syntax.Slice):
            return self.number(part)
        ends = [
            always(None) if end is None else self.number(end)
            for end in (part.start, part.stop, part.step)
        ]
        return lambda frame: slice(*[end(frame) for end in ends])

    def number(self, node: Any) -> Closure:
        """What a subscript or a count is: it reads the value only."""
        value = self.expression(node)
        return lambda frame: value_of(value(frame))

    def axes_of(self, value: Any) -> Any:
        """The shape of an array; None of what is none."""
        return getattr(value_of(value), "shape", None)

    def attribute(self, node: syntax.Attribute) -> Closure:
        span, base = node.span, self.expression(node.base)
        if node.name == "T":
            return lambda frame: frame[RUN].apply(TABLE["transpose"], (base(frame), None), span)
        if node.name == "shape":
            return lambda frame: frame[RUN].apply(TABLE["shape"], (base(frame),), span)

        target = self.target(node.base)

        def accumulated(frame: Frame) -> Any:
            base(frame)
            return calculus.accumulated(frame[RUN], target(frame), span)

        return accumulated

    def target(self, node: Any, sweeps: bool = False) -> Callable[[Frame], Node]:
        """The node of a name to differentiate by: that of the first value it was bound to.

        Where it `sweeps` at once, it is noted that the name holds another value by then. What
        `backward` has accumulated is meant to be read after that.
        """
        binding = self.resolved.bindings.get(node) if isinstance(node, syntax.Name) else None
        if not isinstance(binding, Variable):
            raise ProgramError(
                f"got `{node.span.text}`, want the name of a variable to differentiate by",
                node.span,
                help="give the value a name first: `z = …`",
                kind="name",
            )
        depth, scope = binding.depth, self.scope
        for _ in range(depth):
            assert scope.parent is not None
            scope = scope.parent
        slot = scope.targets[node.name]
        value = self.variable(node, depth, binding.slot)

        def find(frame: Frame) -> Node:
            current = value(frame)
            owner = frame
            for _ in range(depth):
                owner = owner[0]
            marked = owner[slot]
            if not isinstance(marked, Node):
                raise TypeMismatch(
                    f"`{node.name}` holds {describe_value(current)}, want numbers to "
                    "differentiate by",
                    node.span,
                    help="name what it is called with: `y = f(x)` is differentiated by `x`"
                    if isinstance(current, (UserFunction, BuiltInFunction))
                    else "",
                )
            if sweeps and current is not marked:
                frame[RUN].noted.setdefault(node.span, "rebound")
            return marked

        return find

    # ── choice ────────────────────────────────────────────────────────────────────────

    def choice(self, node: syntax.If) -> Closure:
        """`if` as an expression: its value is needed, and nothing leaves it early."""
        evaluate, span = self.branches(node, self.tail), node.span

        def value(frame: Frame) -> Any:
            result = evaluate(frame)
            if result is NOTHING:
                raise TypeMismatch(
                    "this `if` gives no value",
                    span,
                    help="end the branch that was taken with an expression, and add an `else`",
                )
            return result

        return value

    def branches(
        self, node: syntax.If, lower: Callable[[syntax.Block], Closure], missing: Any = NOTHING
    ) -> Closure:
        condition, condition_span = self.expression(node.condition), node.condition.span
        then, then_block = lower(node.then), node.then
        otherwise_block = node.otherwise
        otherwise = always(missing) if otherwise_block is None else lower(otherwise_block)

        def evaluate(frame: Frame) -> Any:
            if truth(condition(frame), condition_span):
                frame[RUN].taken.add(then_block)
                return then(frame)
            if otherwise_block is not None:
                frame[RUN].taken.add(otherwise_block)
            return otherwise(frame)

        return evaluate

    _methods: ClassVar[dict[type, Callable[[Any, Any], Closure]]] = {
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


def always(value: Any) -> Closure:
    return lambda frame: value


def _is_array(value: Any) -> bool:
    return bool(getattr(value_of(value), "shape", ()))


def _apart(node: syntax.Expression, values: tuple[Any, ...]) -> str:
    """Names for several values: those that the function's own example has for them."""
    if isinstance(node, syntax.Call) and isinstance(node.function, syntax.Name):
        primitive = TABLE.get(node.function.name)
        names = re.match(r"(\w+(, \w+)+) = ", primitive.example) if primitive else None
        if names:
            return names[1]
    return ", ".join("abcdefgh"[: len(values)])
