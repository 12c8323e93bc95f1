"""Statements to the form, and whole programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from autodiff_cli.compiler.arrays import MOST_ELEMENTS
from autodiff_cli.compiler.calls import CallForm
from autodiff_cli.compiler.counting import Count, after_head, after_loop, total
from autodiff_cli.compiler.form import (
    Apply,
    Check,
    Function,
    Loop,
    Move,
    NotCompiled,
    Print,
    Region,
    TooLong,
    Value,
)
from autodiff_cli.compiler.lowering import Endless
from autodiff_cli.compiler.variables import (
    Array,
    Closure,
    Frame,
    Guarded,
    Number,
    Several,
    Sometimes,
    Unknown,
    activity,
    as_float,
    described,
    equal,
    instance,
    is_number,
    is_whole,
    joined,
    numbers,
    type_of,
)
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.interpreter.expressions import OPERATORS
from autodiff_cli.interpreter.values import UNSET
from autodiff_cli.language import syntax
from autodiff_cli.language.names import BuiltIn, assigned_name, bound_in, walk
from autodiff_cli.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.compiler.form import Operand
    from autodiff_cli.interpreter.program import Prepared, Program
    from autodiff_cli.language.source import Span

Shape = tuple[int, ...]


DEEPEST = 12
"""Loops in loops: each level may be lowered twice, to find what it carries."""
ATTEMPT = 40
"""Operations that cost as much as what is around the body of a loop that is lowered."""


class StatementForm(CallForm):
    """Makes operations of the statements of a program.

    Attributes:
        by: what is differentiated by, of the program's own scope.
        targets: the value, or the values of the array, that each of those was bound to first.
    """

    by: tuple[str, ...] = ()

    def __init__(self, facts: Any, frame: Frame) -> None:
        super().__init__(facts, frame)
        self.top = frame
        self.targets: dict[str, Any] = {}
        self.leaves = 0

    # ── blocks ────────────────────────────────────────────────────────────────────────

    def statements(  # recurses: the program's blocks
        self, nodes: Sequence[Any], tail: bool
    ) -> None:
        """Lowers the statements of a block; where it is a `tail`, the last one's value too.

        Where one may have left the block, the rest stands in a branch of its own.
        """
        for at, node in enumerate(nodes, 1):
            value = node.value if isinstance(node, syntax.Evaluate) else None
            is_tail = tail and at == len(nodes)
            if isinstance(value, syntax.If):
                if self._if(value, nodes[at:], tail, is_tail):
                    return
            elif is_tail and value is not None:
                self._keep(self._tail_value(value))
            else:
                self._statements[type(node)](self, node)
            left = self.frame.variables["left"]
            if left is True:
                return
            if left is not False and at < len(nodes):
                rest = nodes[at:]
                self.branch(left, _nothing, lambda rest=rest: self.statements(rest, tail))  # type: ignore[misc]
                return

    def _keep(self, held: Any) -> None:
        self.frame.variables["result"] = held

    def _tail_value(self, node: Any) -> Any:  # recurses: the program's blocks
        return (
            self.call_or_nothing(node) if isinstance(node, syntax.Call) else self.expression(node)
        )

    def _if(  # recurses: the program's blocks
        self, node: syntax.If, rest: Sequence[Any], tail: bool, is_tail: bool
    ) -> bool:
        """Lowers an `if`; the rest of the block with it, where one way always leaves the block."""
        condition = self.truth(self.expression(node.condition), node.condition.span)
        blocks = [node.then, node.otherwise]
        leaving = [_leaves(block) for block in blocks]
        takes_rest = bool(rest) and any(leaving)

        def way(block: syntax.Block | None, leaves: bool) -> Callable[[], None]:
            def lowered() -> None:
                nodes = [] if block is None else block.statements
                if takes_rest and not leaves:
                    self.statements((*nodes, *rest), tail)
                else:
                    self.statements(nodes, is_tail)

            return lowered

        self.branch(condition, way(blocks[0], leaving[0]), way(blocks[1], leaving[1]), node.span)
        return takes_rest

    # ── statements ────────────────────────────────────────────────────────────────────

    def evaluate(self, node: syntax.Evaluate) -> None:  # recurses: the program's blocks
        self._tail_value(node.value)

    def assign(self, node: syntax.Assign) -> None:  # recurses: the program's blocks
        if node.operator:
            (target,) = node.targets
            old = self._old(target)
            held = self.apply(
                OPERATORS[node.operator], (old, self.together(node.values)), node.span
            )
        else:
            held = self.together(node.values)
        if len(node.targets) == 1:
            self.store(node.targets[0], held)
            return
        parts = held.parts if isinstance(held, Several) else self.elements(held, node.span)
        if len(parts) != len(node.targets):
            raise NotCompiled("another number of values than of names", node.span)
        for target, part in zip(node.targets, parts, strict=True):
            self.store(target, part)

    def _old(self, target: syntax.Name | syntax.Index) -> Any:  # recurses: the program's blocks
        name = assigned_name(target)
        held = self.variable(name, 0, self.frame.scope.slots[name.name])
        return self.element(held, target) if isinstance(target, syntax.Index) else held

    def store(  # recurses: the program's blocks
        self, target: syntax.Name | syntax.Index, held: Any
    ) -> None:
        name = assigned_name(target)
        slot = self.frame.scope.slots[name.name]
        if isinstance(target, syntax.Index):
            held = self._with_element(target, held)
        if isinstance(held, Value) and not held.name:
            held.name = name.name
        if self.frame is self.top and name.name in self.by and name.name not in self.targets:
            held = self.marked(name.name, held, target.span)
        self.frame.variables[slot] = held

    def _with_element(  # recurses: the program's blocks
        self, target: syntax.Index, held: Any
    ) -> Any:
        name = assigned_name(target)
        array = self.variable(name, 0, self.frame.scope.slots[name.name])
        held = self.settled(held)
        if not isinstance(array, Array) or len(target.subscripts) != len(array.shape):
            raise NotCompiled("a part of an array is set", target.span)
        at = 0
        inner = array
        for part in target.subscripts:
            place = self.place(part, inner, target.span)
            inner = Array(inner.shape[1:], [], False)
            at += place * math.prod(inner.shape)
        kinds = {type_of(item) for item in (*array.items, held)}
        if not is_number(held) or kinds != {"float"}:
            raise NotCompiled("an element of another type is set", target.span)
        items = list(array.items)
        items[at] = held
        active = self.either([array.active, activity(held)])
        self.record(active)
        return Array(array.shape, items, active)

    def parameter(self, name: str, kind: Any, active: bool, params: list[Value]) -> Any:
        """An input, whose numbers are added to the parameters."""
        return _parameter(name, kind, active, params)

    def marked(self, name: str, held: Any, span: Span) -> Any:
        """A name's first value, as what is differentiated by."""
        held = self.settled(held)
        if self.nesting:
            raise NotCompiled(f"`{name}` is first bound in a branch or a loop", span)
        active = activity(held)
        if not isinstance(active, bool) or not (
            isinstance(held, Array) or is_number(held) or is_whole(held)
        ):
            raise NotCompiled(f"`{name}` is no number of one kind", span)
        self.leaves += not active
        self.record(True)
        if isinstance(held, Array):
            items = [self._own(item, name, active) for item in held.items]
            self.targets[name] = Array(held.shape, items, True)
        else:
            self.targets[name] = self._own(held, name, active)
        return self.targets[name]

    def _own(self, operand: Operand, name: str, active: bool) -> Value:
        operand = as_float(operand, self.emit)
        value = Value("float", name, True, shape=operand.shape if is_whole(operand) else ())
        self.emit(Apply(value, TABLE["identity"], (operand,)) if active else Move(value, operand))
        return value

    def input(self, node: syntax.Input) -> None:  # recurses: the program's blocks
        for item in node.items:
            slot = self.frame.scope.slots[item.name.name]
            if slot in self.frame.variables:
                continue
            if item.default is None:
                raise NotCompiled(f"input `{item.name.name}` has no value", item.span)
            held = self.expression(item.default)
            if type_of(held) == "bool":
                raise NotCompiled("a default that is true or false", item.span)
            if is_number(held) or is_whole(held):
                held = as_float(held, self.emit)
            self.store(item.name, held)

    def leave(self, node: syntax.Break | syntax.Continue) -> None:
        self.frame.variables["left"] = True
        if isinstance(node, syntax.Break):
            self.frame.variables["broke"] = True

    def return_(self, node: syntax.Return) -> None:  # recurses: the program's blocks
        if node.values:
            self._keep(self.together(node.values))
        self.frame.variables.update(left=True, broke=True, returned=True)

    def assertion(self, node: syntax.Assert) -> None:  # recurses: the program's blocks
        holds = self.truth(self.expression(node.condition), node.condition.span)
        if holds is not True:
            self.emit(Check(holds=holds, error="the assertion does not hold", span=node.span))

    def print(self, node: syntax.Print) -> None:  # recurses: the program's blocks
        parts = [
            value.text if isinstance(value, syntax.String) else self.expression(value)
            for value in node.values
        ]
        for part in parts:
            if not isinstance(part, str) and not is_number(part):
                raise NotCompiled("`print` of what is no single number", node.span)
        self.emit(Print(tuple(map(self.firm, parts))))

    def definition(self, node: syntax.FunctionDefinition) -> None:
        own = node.derivative is not None
        slot = self.frame.scope.slots[node.name.name]
        self.frame.variables[slot] = Closure(node.function, self.frame, own)

    # ── loops ─────────────────────────────────────────────────────────────────────────

    def while_loop(self, node: syntax.While) -> None:  # recurses: the program's blocks
        def condition() -> Operand:
            return self.truth(self.expression(node.condition), node.condition.span)

        slots, body = self._carried(node.body), node.body.statements
        before = self.state()
        try:
            loop = Loop([], Region(), [], Value("int"), Region(), span=node.span)
            self._loop(loop, slots, body, condition)
        except Endless:
            self.restore(before)  # as if it had not gone round
        except _UnsteadyHead:
            # The condition is looked at inside of a turn, which it may end.
            self.restore(before)

            def turn() -> None:
                self.branch(condition(), go_on, lambda: self.leave(_BREAK))

            def go_on() -> None:
                self.tick()
                self.statements(body, tail=False)

            loop = Loop([], Region(), [], Value("int"), Region(), span=node.span)
            self._loop(loop, slots | {"broke": ""}, [Lowering(turn)], lambda: True, ticks=False)

    def for_loop(self, node: syntax.For) -> None:  # recurses: the program's blocks
        bounds = self._bounds(node.iterable)
        if bounds is None:
            self.over(self.settled(self.expression(node.iterable)), node)
            return
        start, stop, step = bounds
        index = Value("int", node.target.name)
        loop = Loop([], Region(), [], Value("int"), None, index, start, stop, step, span=node.span)
        turns = loop.turns
        slots = self._carried(node.body)
        slots[self.frame.scope.slots[node.target.name]] = node.target.name
        before = self.state()
        try:
            self._loop(loop, slots, node.body.statements, None, node.target)
        except Endless:
            self.restore(before)  # as if it had not gone round
        except NotCompiled as error:
            if isinstance(error, TooLong) or turns is None or turns > MOST_ELEMENTS:
                raise
            self.restore(before)
            self._unrolled(list(range(start, stop, step)), node)

    def over(self, held: Any, node: syntax.For) -> None:  # recurses: the program's blocks
        """A loop over the elements of an array."""
        self._unrolled(self.elements(held, node.span), node)

    def _bounds(  # recurses: the program's blocks
        self, node: Any
    ) -> tuple[Operand, Operand, Operand] | None:
        """The bounds of a `range` that is counted through; None where it is none."""
        if not (
            isinstance(node, syntax.Call)
            and isinstance(node.function, syntax.Name)
            and isinstance(self.resolved.bindings[node.function], BuiltIn)
            and node.function.name == "range"
            and 1 <= len(node.arguments) <= 3
            and not any(argument.keyword for argument in node.arguments)
        ):
            return None
        ends = [
            self._whole_number(self.expression(argument.value), node.span)
            for argument in node.arguments
        ]
        start, stop, step = (0, *ends, 1) if len(ends) == 1 else (*ends, 1)[:3]
        if step == 0 or isinstance(step, Value):
            raise NotCompiled("the step of a `range` is not known beforehand", node.span)
        return start, stop, step

    def _whole_number(self, held: Any, span: Span) -> Operand:
        """A number as the integer that it is."""
        if not is_number(held):
            raise NotCompiled("a bound that is no number", span)
        if not isinstance(held, Value):
            if held != held // 1:
                raise NotCompiled("a bound that is no whole number", span)
            return int(held)
        if held.type == "int":
            return held
        value = Value("int")
        self.emit(Move(value, held))
        if held.type == "float":
            holds = self.plain("equal", value, held, type="bool")
            self.emit(Check(holds=holds, error="a bound is no whole number", span=span))
        return value

    def _carried(self, body: syntax.Block) -> dict[int | str, str]:
        """The variables that the turns of a loop may set, with their names."""
        nodes = list(walk(body))
        slots: dict[int | str, str] = {}
        for name in bound_in(nodes):
            slots[self.frame.scope.slots[name.name]] = name.name
        if any(isinstance(node, syntax.Return) for node in nodes):
            slots |= {"broke": "", "returned": "", "result": ""}
        elif any(isinstance(node, syntax.Break) for node in nodes):
            slots["broke"] = ""
        return slots

    def _loop(  # recurses: the program's blocks
        self,
        loop: Loop,
        slots: dict[int | str, str],
        nodes: Sequence[Any],
        condition: Callable[[], Operand] | None,
        target: syntax.Name | None = None,
        ticks: bool = True,
    ) -> None:
        variables = dict(self.frame.variables)
        entry = {slot: variables.get(slot, UNSET) for slot in slots}
        descriptions = {slot: described(held) for slot, held in entry.items()}
        counts, outer = dict(self.counts), self.region
        self.nesting += 1
        if self.nesting > DEEPEST:
            raise TooLong(f"loops are nested more than {DEEPEST} deep")
        while True:
            self.spend(ATTEMPT)
            params: list[Value] = []
            loop.body, loop.head = Region(), None if condition is None else Region()
            bases = {name: Value("int", name) for name in counts}
            self.frame.variables = dict(variables)
            for slot, description in descriptions.items():
                held = instance(description, slots[slot], params)
                self.frame.variables[slot] = held
            self.frame.variables |= {"left": False, "broke": False, "returned": False}
            if "result" in slots:
                self.frame.variables["result"] = UNSET
            self.counts = {name: Count(base) for name, base in bases.items()}
            if loop.head is not None:
                assert condition is not None
                self.region = loop.head
                known = dict(self.frame.variables)
                loop.head.yields = [condition()]
                if self.frame.variables != known:
                    raise NotCompiled("a condition of a loop that sets a variable", loop.span)
            in_head = dict(self.counts)  # of a `for` nothing
            self.counts = {name: Count(base) for name, base in bases.items()}
            self.region = loop.body
            if ticks:
                self.tick()
            if target is not None:
                self.frame.variables[self.frame.scope.slots[target.name]] = loop.index
            self.statements(nodes, tail=False)
            ends = {slot: self.frame.variables.get(slot, UNSET) for slot in slots}
            found = {slot: joined(descriptions[slot], described(end)) for slot, end in ends.items()}
            if all(equal(found[slot], descriptions[slot]) for slot in slots):
                break
            descriptions = found
        self.nesting -= 1
        counted, self.counts, self.region = self.counts, counts, outer
        self.frame.variables = variables
        loop.body.params = params
        for slot, description in descriptions.items():
            name = slots[slot]
            loop.inits += numbers(entry[slot], description, self.emit)
            loop.body.yields += numbers(ends[slot], description, loop.body.ops.append)
            variables[slot] = instance(description, name, loop.outs)
        loop.leave = ends.get("broke", False)
        turns = loop.turns if loop.leave is False else None
        late = {
            param
            for param, init, end in zip(params, loop.inits, loop.body.yields, strict=True)
            if init is False and end is True
        }
        for name, count in in_head.items():
            steady = count.base is bases[name] and late.issuperset(count.bits)
            if not steady or count.terms:
                raise _UnsteadyHead("a condition that counts otherwise in every turn", loop.span)
        self.emit(loop)
        if turns:
            for slot in slots:
                variables[slot] = _narrowed(variables[slot], described(ends[slot]))
        went_round = self.plain("greater", loop.trips, 0, type="bool") if late else False
        sums: dict[Value, Value] = {}
        for name, count in counts.items():
            after = after_loop(count, bases[name], counted[name], loop, late, went_round, sums)
            broke = False if loop.leave is False else variables["broke"]
            self.counts[name] = after_head(after, in_head[name], loop, broke)
        returned = variables.get("returned", False) if "returned" in slots else False
        variables["left"] = returned
        if "broke" in slots:
            variables["broke"] = returned if returned is not False else False

    def _unrolled(  # recurses: the program's blocks
        self, items: list[Any], node: syntax.For
    ) -> None:
        """The turns of a loop one after the other."""
        if len(items) > MOST_ELEMENTS:
            raise NotCompiled(f"a loop over {len(items)} elements", node.span)
        slot = self.frame.scope.slots[node.target.name]
        outer = self.frame.variables["broke"]

        def turn(at: int) -> None:  # recurses: the program's blocks
            if at == len(items):
                return
            self.tick()
            self.frame.variables[slot] = items[at]
            self.statements(node.body.statements, tail=False)
            broke = self.frame.variables["broke"]
            self.frame.variables["left"] = False
            if broke is False:
                turn(at + 1)
            elif broke is not True:
                self.branch(broke, _nothing, lambda: turn(at + 1))

        self.frame.variables["broke"] = False
        turn(0)
        returned = self.frame.variables["returned"]
        self.frame.variables["left"] = returned
        self.frame.variables["broke"] = outer if returned is False else returned

    def sum_over(  # recurses: the program's blocks
        self, count: Any, function: Any, span: Span
    ) -> Any:
        stop = self._whole_number(self.settled(count), span)
        index = Value("int")
        loop = Loop([], Region(), [], Value("int"), None, index, 0, stop, 1, span=span)
        variables = self.frame.variables
        outer, variables["sum"] = variables.get("sum"), 0.0

        def turn() -> None:
            self.tick()
            term = self.called(function, [index], span)
            total = self.frame.variables["sum"]
            self.frame.variables["sum"] = self.apply(TABLE["add"], (total, term), span)

        self._loop(loop, {"sum": ""}, [Lowering(turn)], None)
        held = self.frame.variables["sum"]
        self.frame.variables["sum"] = outer
        return self.settled(held)

    _statements: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
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


class _UnsteadyHead(NotCompiled):
    """A `while` whose condition does not cost the same in every turn."""


_BREAK = syntax.Break(None)  # type: ignore[arg-type]


@record
class Lowering:
    """A statement that is no syntax: what lowers it."""

    run: Callable[[], None]


StatementForm._statements[Lowering] = lambda form, node: node.run()


def _nothing() -> None:
    pass


def _leaves(block: syntax.Block | None) -> bool:  # recurses: the program's blocks
    """Whether a block always ends by leaving the one around it."""
    if block is None or not block.statements:
        return False
    last = block.statements[-1]
    if isinstance(last, syntax.Evaluate) and isinstance(last.value, syntax.If):
        return _leaves(last.value.then) and _leaves(last.value.otherwise)
    return isinstance(last, (syntax.Break, syntax.Continue, syntax.Return))


def _narrowed(held: Any, end: Any) -> Any:  # recurses: the program's blocks
    """What a variable holds after a loop that did go round, by what a turn leaves in it."""
    if isinstance(held, Guarded) and not isinstance(end, Sometimes):
        return _narrowed(held.value, end)
    if isinstance(held, Value) and isinstance(end, Number):
        if end.mixed is not None:
            held.mixed = end.mixed
        if end.active is not None:
            held.active = end.active
    return held


# ── programs ──────────────────────────────────────────────────────────────────────────


@record
class Lowered:
    """A program as a form.

    Attributes:
        function: it gives the outputs, number by number, and how many nodes and steps the
            interpreter would have counted.
        outputs: the value of each, or its array of values.
        inputs: the parameters of each input that is given, in its shape.
        targets: the values that are differentiated by, by name.
        leaves: how many leaves the graph would have.
    """

    function: Function
    outputs: dict[str, Any]
    inputs: dict[str, Any]
    targets: dict[str, Any]
    leaves: int


def lower(
    program: Program,
    prepared: Prepared,
    kinds: Mapping[str, str | Shape],
    as_numpy: bool = True,
    made: type[StatementForm] = StatementForm,
) -> Lowered:
    """The form of a program for inputs of certain kinds.

    Args:
        as_numpy: what NumPy computes otherwise than Python, in the last digit, is refused.
        made: what makes the operations.

    Raises:
        NotCompiled: the form cannot hold it.
    """
    resolved = program.resolved
    top = resolved.top
    if top.targets:
        raise NotCompiled("it takes derivatives itself")
    frame = Frame(top, None)
    form = made(program, frame)
    form.by, form.as_numpy = prepared.by, as_numpy
    params: list[Value] = []
    inputs: dict[str, Any] = {}
    for name, kind in kinds.items():
        held = form.parameter(name, kind, name in prepared.by, params)
        inputs[name] = frame.variables[top.slots[name]] = held
        if name in prepared.by:
            form.targets[name] = held
            form.leaves += 1
            form.record(True)
    body = form.region
    form.statements(resolved.tree.body.statements, tail=True)
    outputs: dict[str, Any] = {}
    for output in prepared.outputs:
        held = frame.variables["result" if output.slot is None else output.slot]
        held = outputs[output.name] = form.settled(held)
        if not is_number(held) and not isinstance(held, Array):
            why = held.why if isinstance(held, Unknown) else "it is no number and no small array"
            raise NotCompiled(f"`{output.name}`: {why}", output.span)
        if isinstance(held, Array) and any(type_of(item) != "float" for item in held.items):
            raise NotCompiled(f"`{output.name}`: it is an array of integers", output.span)
    results = [form.firm(one) for held in outputs.values() for one in flat(held)]
    missing = [name for name in prepared.by if name not in form.targets]
    if missing:
        raise NotCompiled(f"`{missing[0]}` is never bound")
    totals = [total(count, body) for count in form.counts.values()]
    body.yields = [*results, *totals]
    function = Function(params, body, deepest=form.deepest)
    return Lowered(function, outputs, inputs, form.targets, form.leaves)


def flat(held: Any) -> list[Operand]:
    """A number, or the numbers of an array."""
    return held.items if isinstance(held, Array) else [held]


def _parameter(name: str, kind: str | Shape, active: bool, params: list[Value]) -> Any:
    if kind == "booleans":
        raise NotCompiled(f"input `{name}` is an array of true and false")
    if isinstance(kind, str):
        value = Value("bool" if kind == "bool" and not active else "float", name, active)
        params.append(value)
        return value
    size = math.prod(kind)
    if size > MOST_ELEMENTS or not kind:
        raise NotCompiled(f"input `{name}` has {size} elements")
    items = [Value("float", f"{name}{i}", active) for i in range(size)]
    params += items
    return Array(kind, items, active)
