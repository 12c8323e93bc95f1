"""Statements to closures. A statement gives None, or the signal that leaves a block early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.engine.graph import Node
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.arguments import whole
from autodiff_cli.errors import AdiffError, AssertFailed, TypeMismatch, UsageError
from autodiff_cli.interpreter import calculus, operators
from autodiff_cli.interpreter.expressions import OPERATORS, ExpressionLowering, always
from autodiff_cli.interpreter.printing import printed
from autodiff_cli.interpreter.values import (
    BREAK,
    CONTINUE,
    NOTHING,
    RUN,
    UNSET,
    Frame,
    Returned,
    describe_value,
    is_boolean,
    truth,
)
from autodiff_cli.language import syntax
from autodiff_cli.language.names import BuiltIn, assigned_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autodiff_cli.interpreter.expressions import Closure


class StatementLowering(ExpressionLowering):
    """Makes closures of the statements of one scope.

    Attributes:
        targets: names of this scope whose first value is to be differentiated by; only the
            program's own scope has any.
        floats_only: nobody named those targets, and an input whose default is a boolean is none.
    """

    targets: frozenset[str] = frozenset()
    floats_only: bool = False

    # ── blocks ────────────────────────────────────────────────────────────────────────

    def block(self, node: syntax.Block) -> Closure:
        return self._sequence(node.statements)

    def _sequence(self, nodes: tuple[syntax.Statement, ...]) -> Closure:
        statements = [self.statement(node) for node in nodes]
        spans = {statement: node.span for statement, node in zip(statements, nodes, strict=True)}
        if len(statements) == 1 and isinstance(nodes[0], syntax.Evaluate):
            return statements[0]

        def run(frame: Frame) -> Any:
            try:
                for statement in statements:
                    signal = statement(frame)
                    if signal is not None:
                        return signal
            except AdiffError as error:
                if error.where is None:
                    error.where = spans[statement]
                raise
            return None

        return run

    def tail(self, block: syntax.Block) -> Closure:  # recurses: PYTHON_FRAMES at most
        """A block for its value: the last expression's, a `Returned`, or `NOTHING`."""
        if not block.statements:
            return lambda frame: NOTHING
        *before, last = block.statements
        if not isinstance(last, syntax.Evaluate):
            before.append(last)
            value = always(NOTHING)
        else:
            value = self.tail_value(last.value)
        if not before:
            return value
        prefix = self._sequence(tuple(before))

        def run(frame: Frame) -> Any:
            signal = prefix(frame)
            return value(frame) if signal is None else signal

        return run

    def tail_value(self, node: Any) -> Closure:
        """An expression that ends a block: an `if` may return from it, a call may give nothing."""
        if isinstance(node, syntax.If):
            return self.branches(node, self.tail)
        if isinstance(node, syntax.Call):
            return self.call_or_nothing(node)
        return self.expression(node)

    def function_body(self, node: syntax.Function) -> Closure:
        """A function's body; parameters that are differentiated by are marked at the call."""
        body = self.tail(node.body)
        if not self.scope.differentiated:
            return body
        marks = [
            (self.scope.slots[parameter.name], self.marked(parameter))
            for parameter in node.parameters
            if parameter.name in self.scope.differentiated
        ]

        def run(frame: Frame) -> Any:
            for slot, mark in marks:
                frame[slot] = mark(frame, frame[slot])
            return body(frame)

        return calculus.forgetting(run)

    def marked(self, name: syntax.Name) -> Callable[[Frame, Any], Any]:
        """The value that a name is bound to: at its first, the node to differentiate by."""
        span = name.span
        by_command = name.name in self.targets
        slot = self.scope.targets.get(name.name)

        def mark(frame: Frame, value: Any) -> Any:
            if slot is None:
                if name.name in frame[RUN].targets:
                    return value
            elif frame[slot] is not UNSET:
                return value
            machine = frame[RUN]
            try:
                if by_command and name.name in machine.moves:
                    value = machine.moved(name.name, value, span)
                node = machine.mark(name.name, value)
            except AdiffError as error:
                error.where = span
                raise
            if node.primitive is not None and not node.place:
                # It was given what a leaf holds, or what a sweep made.
                node.span = span
            if by_command:
                machine.targets[name.name] = node
            if slot is not None:
                frame[slot] = node
            return node

        return mark

    # ── statements ────────────────────────────────────────────────────────────────────

    def statement(self, node: Any) -> Closure:  # recurses: PYTHON_FRAMES at most
        return self._statements[type(node)](self, node)

    def evaluate(self, node: syntax.Evaluate) -> Closure:
        if isinstance(node.value, syntax.If):
            return self.branches(node.value, self.block, missing=None)
        if isinstance(node.value, syntax.Call):
            value = self.call_or_nothing(node.value)
        else:
            value = self.expression(node.value)

        def run(frame: Frame) -> None:
            value(frame)

        return run

    def assign(self, node: syntax.Assign) -> Closure:
        if len(node.values) == 1:
            value = self.expression(node.values[0])
        else:
            value = self._together(node.values)
        if len(node.targets) > 1:
            return self._take_apart(node, value)
        (target,) = node.targets
        if node.operator:
            value = self._updated(node, target, value)
        store = self.store(target)

        def run(frame: Frame) -> None:
            store(frame, value(frame))

        return run

    def _together(self, nodes: tuple[syntax.Expression, ...]) -> Closure:
        """Several values as a tuple."""
        values = [self.expression(node) for node in nodes]
        return lambda frame: tuple([value(frame) for value in values])

    def _updated(self, node: syntax.Assign, target: Any, value: Closure) -> Closure:
        if isinstance(target, syntax.Index):
            old = self._old_element(target)
        else:
            old = self.variable(target, 0, self.scope.slots[target.name])
        primitive = OPERATORS[node.operator]
        return operators.binary(primitive, old, value, node.span)

    def _old_element(self, target: syntax.Index) -> Closure:
        name = assigned_name(target)
        array = self.variable(name, 0, self.scope.slots[name.name])
        span, key = target.span, self.key(target)

        def element(frame: Frame) -> Any:
            value = array(frame)
            return frame[RUN].apply(TABLE["index"], (value, key(frame, value)), span)

        return element

    def store(self, target: syntax.Name | syntax.Index) -> Callable[[Frame, Any], None]:
        slot = self.scope.slots[assigned_name(target).name]
        if isinstance(target, syntax.Index):
            return self._store_element(target, slot)
        if not self.is_target(target.name):

            def keep(frame: Frame, value: Any) -> None:
                frame[slot] = value

            return keep
        mark = self.marked(target)

        def keep_marked(frame: Frame, value: Any) -> None:
            frame[slot] = mark(frame, value)

        return keep_marked

    def is_target(self, name: str) -> bool:
        return name in self.targets or name in self.scope.differentiated

    def _store_element(self, target: syntax.Index, slot: int) -> Callable[[Frame, Any], None]:
        span, key = target.span, self.key(target)
        name = assigned_name(target)
        old = self.variable(name, 0, slot)

        def put(frame: Frame, value: Any) -> None:
            array = old(frame)
            frame[slot] = frame[RUN].apply(
                TABLE["setindex"], (array, value, key(frame, array)), span
            )

        return put

    def _take_apart(self, node: syntax.Assign, value: Closure) -> Closure:
        span = node.span
        stores = [self.store(target) for target in node.targets]

        def run(frame: Frame) -> None:
            whole_value = value(frame)
            if isinstance(whole_value, tuple):
                parts = list(whole_value)
            else:
                shape = self.axes_of(whole_value)
                if not shape:
                    raise TypeMismatch(
                        f"got {describe_value(whole_value)} for {len(stores)} names", span
                    )
                count = shape[0] if shape[0] == len(stores) else 0
                parts = [
                    frame[RUN].apply(TABLE["index"], (whole_value, (i,)), span)
                    for i in range(count)
                ]
            if len(parts) != len(stores):
                raise TypeMismatch(
                    f"got {describe_value(whole_value)} for {len(stores)} names", span
                )
            for store, part in zip(stores, parts, strict=True):
                store(frame, part)

        return run

    def input(self, node: syntax.Input) -> Closure:
        runs = [self._input_item(item) for item in node.items]

        def run(frame: Frame) -> None:
            for item in runs:
                item(frame)

        return run

    def _input_item(self, item: syntax.InputItem) -> Closure:
        """Takes the default, where no value was given from outside before the run."""
        name, span = item.name.name, item.span
        slot = self.scope.slots[name]
        mark = self.marked(item.name) if self.is_target(name) else None
        marks_booleans = name in self.scope.differentiated or not self.floats_only
        default = None if item.default is None else self.expression(item.default)

        def run(frame: Frame) -> None:
            if frame[slot] is not UNSET:
                return
            if default is None:
                raise UsageError(f"input `{name}` has no value", span, kind="input")
            value = default(frame)
            if is_boolean(value):
                frame[slot] = mark(frame, value) if mark and marks_booleans else value
                return
            if not isinstance(value, Node):
                value = frame[RUN].as_float(value, name)
            frame[slot] = value if mark is None else mark(frame, value)

        return run

    def while_loop(self, node: syntax.While) -> Closure:
        span = node.span
        condition, condition_span = self.expression(node.condition), node.condition.span
        body = self.block(node.body)
        head = type(span)(span.source, span.start, condition_span.end)

        def run(frame: Frame) -> Any:
            tick = frame[RUN].tick
            while truth(condition(frame), condition_span):
                tick(head)
                signal = body(frame)
                if signal is not None:
                    if signal is BREAK:
                        break
                    if signal is not CONTINUE:
                        return signal
            return None

        return run

    def for_loop(self, node: syntax.For) -> Closure:
        head = type(node.span)(node.span.source, node.span.start, node.iterable.span.end)
        items = self._items(node.iterable)
        store, body = self.store(node.target), self.block(node.body)

        def run(frame: Frame) -> Any:
            tick = frame[RUN].tick
            for item in items(frame):
                tick(head)
                store(frame, item)
                signal = body(frame)
                if signal is not None:
                    if signal is BREAK:
                        break
                    if signal is not CONTINUE:
                        return signal
            return None

        return run

    def _items(self, node: Any) -> Callable[[Frame], Any]:
        """What a `for` goes through. `range` is counted through, and makes no array."""
        span = node.span
        if (
            isinstance(node, syntax.Call)
            and isinstance(node.function, syntax.Name)
            and isinstance(self.resolved.bindings[node.function], BuiltIn)
            and node.function.name == "range"
            and 1 <= len(node.arguments) <= 3
            and not any(argument.keyword for argument in node.arguments)
        ):
            bounds = [self.number(argument.value) for argument in node.arguments]

            def counted(frame: Frame) -> range:
                numbers = [whole(bound(frame), "`range`") for bound in bounds]
                if len(numbers) == 3 and numbers[2] == 0:
                    raise TypeMismatch("`range` got the step 0", span)
                return range(*numbers)

            return counted
        value = self.expression(node)

        def elements(frame: Frame) -> Iterator[Any]:
            array = value(frame)
            shape = self.axes_of(array)
            if not shape:
                raise TypeMismatch(
                    f"`for` got {describe_value(array)}, want an array to go through",
                    span,
                    help="to count, write `range(n)`",
                )
            return iter(
                [frame[RUN].apply(TABLE["index"], (array, (i,)), span) for i in range(shape[0])]
            )

        return elements

    def leave(self, node: syntax.Break | syntax.Continue) -> Closure:
        signal = BREAK if isinstance(node, syntax.Break) else CONTINUE
        return lambda frame: signal

    def return_(self, node: syntax.Return) -> Closure:
        if not node.values:
            return lambda frame: Returned(NOTHING)
        if len(node.values) == 1:
            value = self.expression(node.values[0])
        else:
            value = self._together(node.values)
        return lambda frame: Returned(value(frame))

    def assertion(self, node: syntax.Assert) -> Closure:
        condition, span = self.expression(node.condition), node.condition.span
        message = None if node.message is None else self.expression(node.message)

        def run(frame: Frame) -> None:
            if not truth(condition(frame), span):
                text = "" if message is None else f": {printed(message(frame))}"
                raise AssertFailed(f"the assertion does not hold{text}", span)

        return run

    def print(self, node: syntax.Print) -> Closure:
        values = [self.expression(value) for value in node.values]

        def run(frame: Frame) -> None:
            frame[RUN].on_print(" ".join([printed(value(frame)) for value in values]))

        return run

    def definition(self, node: syntax.FunctionDefinition) -> Closure:
        function, slot = self.function(node.function), self.scope.slots[node.name.name]

        rule = None if node.derivative is None else self.function(node.derivative)

        def run(frame: Frame) -> None:
            defined = function(frame)
            if rule is not None:
                defined.derivative = rule(frame)
            frame[slot] = defined

        return run

    _statements: ClassVar[dict[type, Callable[[Any, Any], Closure]]] = {
        syntax.Evaluate: evaluate,
        syntax.Assign: assign,
        syntax.Input: input,
        syntax.While: while_loop,
        syntax.For: for_loop,
        syntax.Break: leave,
        syntax.Continue: leave,
        syntax.Return: return_,
        syntax.Assert: assertion,
        syntax.Print: print,
        syntax.FunctionDefinition: definition,
    }
